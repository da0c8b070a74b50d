//! Work that may block, carried out by the ring off its own thread.

use std::fmt;

/// A piece of work for [`crate::Op::Run`]: it may block, and says what came of it by means of its own.
pub struct Task(Box<dyn FnOnce() + Send>);

impl Task {
    /// A task that calls `work`, once.
    pub fn new(work: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    /// Carries it out, on the thread that calls. `false` if it panicked; the panic ends here.
    pub(crate) fn run(self) -> bool {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(self.0)).is_ok()
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
    }
}
