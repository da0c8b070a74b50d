//! The one way into a shard from another thread: a word of requests and a coalesced wake-up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use slipring_ring::Waker;

/// What can be asked of a shard from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Message {
    /// Stop accepting, finish what was begun, then end.
    Drain = 1,
    /// End now.
    Stop = 2,
    /// The logs lead to other files now.
    Reopened = 4,
}

/// The sender's end; may be cloned and sent to any thread.
#[derive(Clone, Debug)]
pub struct Mailbox {
    asked: Arc<AtomicU32>,
    waker: Waker,
}

/// The shard's end.
#[derive(Debug)]
pub(super) struct Inbox {
    asked: Arc<AtomicU32>,
}

/// A mailbox for the shard whose ring has this waker. It is bounded: a message that is there already is not there twice.
pub(super) fn mailbox(waker: Waker) -> (Mailbox, Inbox) {
    let asked = Arc::new(AtomicU32::new(0));
    (Mailbox { asked: asked.clone(), waker }, Inbox { asked })
}

impl Mailbox {
    /// Leaves a message; the shard reads it in its next tick.
    pub fn post(&self, message: Message) {
        self.asked.fetch_or(message as u32, Ordering::AcqRel);
        self.waker.wake();
    }
}

impl Inbox {
    /// Takes what was posted since the last call.
    pub(super) fn take(&self, mut each: impl FnMut(Message)) {
        let asked = self.asked.swap(0, Ordering::AcqRel);
        for message in [Message::Drain, Message::Stop, Message::Reopened] {
            if asked & message as u32 != 0 {
                each(message);
            }
        }
    }
}
