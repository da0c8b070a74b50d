//! Work that may block, carried out by the ring off its own thread.

use std::fmt;
use std::io::{self, Read};

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

/// An open file for another thread to read, from its start: [`crate::Ring::share`]. It blocks, and stays good when the ring
/// closes the file.
pub struct FileReader(Box<dyn Read + Send>);

impl FileReader {
    pub(crate) fn new(reader: impl Read + Send + 'static) -> Self {
        Self(Box::new(reader))
    }
}

impl Read for FileReader {
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        self.0.read(place)
    }
}

impl fmt::Debug for FileReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileReader")
    }
}
