//! Threads begin the load together, when all of them have opened their connections.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Opens when as many arrived as were announced; those that failed on the way arrive too.
#[derive(Debug)]
pub struct Gate {
    missing: AtomicU32,
    /// When the load begins, by the monotonic clock that all rings share; 0 until the first thread has looked.
    start: AtomicU64,
}

impl Gate {
    /// For `threads` arrivals.
    pub fn new(threads: u32) -> Self {
        Self { missing: AtomicU32::new(threads), start: AtomicU64::new(0) }
    }

    /// One more is there, and whoever sees the gate open sees what it did before. Called once by each.
    pub fn arrive(&self) {
        self.missing.fetch_sub(1, Ordering::Release);
    }

    /// Whether all are there.
    pub fn is_open(&self) -> bool {
        self.missing.load(Ordering::Acquire) == 0
    }

    /// When the load begins: what the first thread proposed that saw the gate open.
    pub fn start(&self, proposed: u64) -> u64 {
        let known = self.start.compare_exchange(0, proposed.max(1), Ordering::Relaxed, Ordering::Relaxed);
        known.map_or_else(|known| known, |_| proposed.max(1))
    }
}
