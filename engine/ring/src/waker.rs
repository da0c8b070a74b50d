//! Waking a ring from another thread.

use std::fmt;
use std::sync::Arc;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, Ordering};

/// How a ring is woken; each ring has its own.
pub trait Wake: Send + Sync {
    /// Makes the ring's `wait` return, now or at its next call.
    fn wake(&self);
}

/// Wakes one ring; may be cloned and sent to any thread.
#[derive(Clone)]
pub struct Waker(Arc<dyn Wake>);

impl Waker {
    /// A waker from what does the waking.
    pub fn new(wake: Arc<dyn Wake>) -> Self {
        Self(wake)
    }

    /// Makes the ring's `wait` return with [`crate::Outcome::Woken`].
    pub fn wake(&self) {
        self.0.wake();
    }
}

/// Wakes that were asked for and not yet told. Many are one: only the first of them has to signal.
#[derive(Debug, Default)]
pub struct Asked(AtomicBool);

impl Asked {
    /// A wake is asked for; whether whoever asks has to signal.
    pub fn ask(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// Whether a wake was asked for since the last call. Whoever asks from now on signals again, so what was left for us
    /// is looked at behind this.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}
