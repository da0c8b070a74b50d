//! Reaching a running server, and what its threads tell it.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Error, Signal};
use crate::metrics::Metrics;
use crate::shard::Mailbox;

/// Reaches a running server from any thread, a handler's among them.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) events: Sender<Event>,
    pub(super) bound: Arc<Bound>,
}

/// The addresses that a server listens on, once it does.
#[derive(Debug, Default)]
pub(super) struct Bound {
    place: Mutex<Option<Arc<[SocketAddr]>>>,
    known: Condvar,
}

impl Handle {
    /// Asks the server to finish what was begun and end (row V7). It never waits, so it cannot deadlock, wherever it is
    /// called; asking twice is asking once, and one that was asked before it served ends at once.
    pub fn shutdown(&self) {
        // A server that is gone needs no shutdown.
        let _ = self.events.send(Event::Shutdown);
    }

    /// Where the server listens; `None` before it does. With port 0 this is how to learn the real one.
    pub fn addresses(&self) -> Option<Arc<[SocketAddr]>> {
        self.bound.lock().clone()
    }

    /// As [`Self::addresses`], but waits so long for it at most. Not for the thread that is to call
    /// [`serve`](super::Server::serve): it would wait for itself.
    pub fn wait_for_addresses(&self, limit: Duration) -> Option<Arc<[SocketAddr]>> {
        let waited = self.bound.known.wait_timeout_while(self.bound.lock(), limit, |bound| bound.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

impl Bound {
    pub(super) fn set(&self, addresses: &[SocketAddr]) {
        *self.lock() = Some(addresses.into());
        self.known.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<[SocketAddr]>>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a thread of the server tells it.
#[derive(Debug)]
pub(super) enum Event {
    Ready(Mailbox),
    Failed(Error),
    Ended(Metrics),
    Signal(Signal),
    Reopen,
    Shutdown,
}
