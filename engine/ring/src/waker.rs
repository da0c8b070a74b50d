//! Waking a ring from another thread.

use std::fmt;
use std::sync::Arc;

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

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}
