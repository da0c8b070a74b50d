//! What is played: handlers, and what is asked of each.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use slipring::Handler;
use slipring::files::{FileHandler, FileOptions};
use slipring_ring::RootId;
use slipring_ring::sim::Random;

use crate::handler::{Flaw, Subject};
use crate::requests::{self, Request};

/// A handler, what is asked of it, and how far its answers may be from the truth.
pub trait Play: Handler {
    /// How long an answer may be out of date.
    const STALE: Duration;

    /// What makes the handlers of one run.
    fn factory(flaw: Flaw) -> Box<dyn FnMut() -> Self>;

    /// A request; the last of a client may be one that ends the connection.
    fn draw(random: &mut Random, last: bool) -> Request;

    /// Whether it waits for nothing.
    fn is_quiet(&self) -> bool;
}

impl Play for Subject {
    const STALE: Duration = Duration::ZERO;

    fn factory(flaw: Flaw) -> Box<dyn FnMut() -> Self> {
        let tags = Rc::new(Cell::new(0));
        Box::new(move || Subject::new(flaw, Rc::clone(&tags)))
    }

    fn draw(random: &mut Random, last: bool) -> Request {
        requests::draw(random, last)
    }

    fn is_quiet(&self) -> bool {
        Subject::is_quiet(self)
    }
}

impl Play for FileHandler {
    /// What is cached is looked at again after a second; a completion may wait a little in the ring.
    const STALE: Duration = Duration::from_millis(1020);

    fn factory(_: Flaw) -> Box<dyn FnMut() -> Self> {
        // Small, so that files are streamed as well, and thrown out of the cache.
        let options =
            FileOptions { cache_file_bytes_max: 15_000, cache_bytes_max: 30_000, ..FileOptions::new(RootId(0)) };
        Box::new(move || FileHandler::new(options.clone()))
    }

    fn draw(random: &mut Random, last: bool) -> Request {
        requests::draw_of_site(random, last)
    }

    fn is_quiet(&self) -> bool {
        true
    }
}
