//! The handler's hooks, each behind the same guard as its functions (decision 11).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use slipring_ring::Peer;

use super::Core;
use crate::handler::{Admit, Failure, Handler, Request};

impl<H: Handler> Core<H> {
    /// Lets the handler `act`; `None` if it panicked: then it was made anew.
    #[inline]
    pub(in crate::shard) fn guard<T>(&mut self, act: impl FnOnce(&mut H) -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(|| act(&mut self.handler))).ok();
        if done.is_none() {
            self.replace_handler();
        }
        done
    }

    #[cold]
    pub(super) fn replace_handler(&mut self) {
        self.handler = (self.factory)();
        self.metrics.panics += 1;
    }

    /// What to do with the body of the request in `self.head`, whose bytes these are.
    pub(super) fn ask_admit(&mut self, peer: Peer, bytes: &[u8]) -> Admit {
        let request = Request { head: &self.head, bytes, body: &[], peer };
        match catch_unwind(AssertUnwindSafe(|| self.handler.admit(&request))) {
            Ok(admit) => admit,
            Err(payload) => {
                self.replace_handler();
                self.tell_failure(peer, bytes, &[], Failure::Panicked(message_of(&*payload)));
                Admit::Reject(500)
            }
        }
    }

    /// Tells the handler that an exchange failed.
    #[cold]
    pub(super) fn tell_failure(&mut self, peer: Peer, bytes: &[u8], body: &[u8], failure: Failure<'_>) {
        let request = Request { head: &self.head, bytes, body, peer };
        let told = catch_unwind(AssertUnwindSafe(|| self.handler.handle_error(&request, failure)));
        if told.is_err() {
            self.replace_handler();
        }
    }
}

/// What a panic said.
pub(super) fn message_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without a message")
}
