//! Reaching a running server, and what its threads tell it.

use std::sync::mpsc::Sender;

use super::{Error, Signal};
use crate::metrics::Metrics;
use crate::shard::Mailbox;

/// Reaches a running server from any thread.
#[derive(Clone, Debug)]
pub struct Handle(pub(super) Sender<Event>);

impl Handle {
    /// Asks the server to finish what was begun and end. Never waits; asking twice is asking once.
    pub fn shutdown(&self) {
        // A server that is gone needs no shutdown.
        let _ = self.0.send(Event::Shutdown);
    }
}

/// What a thread of the server tells it.
#[derive(Debug)]
pub(super) enum Event {
    Ready(Mailbox),
    Failed(Error),
    Ended(Metrics),
    Signal(Signal),
    Shutdown,
}
