//! Threads begin the load together, when all of them have opened their connections.

use std::sync::atomic::{AtomicU32, Ordering};

/// Opens when as many arrived as were announced; those that failed on the way arrive too.
#[derive(Debug)]
pub struct Gate {
    missing: AtomicU32,
}

impl Gate {
    /// For `threads` arrivals.
    pub fn new(threads: u32) -> Self {
        Self { missing: AtomicU32::new(threads) }
    }

    /// One more is there. Called once by each.
    pub fn arrive(&self) {
        self.missing.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether all are there. Nothing but the beginning hangs on it, so no order of memory does.
    pub fn is_open(&self) -> bool {
        self.missing.load(Ordering::Relaxed) == 0
    }
}
