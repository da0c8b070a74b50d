//! Descriptors that log lines go to, shared by the rings of a server and replaced under them.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use super::sockets::check;

/// Where writes append. Clones are the same descriptor: what replaces it replaces it for every ring at once.
#[derive(Clone, Debug)]
pub struct Sink(Arc<OwnedFd>);

impl Sink {
    /// Puts another file behind the descriptor, in one step: no write goes nowhere, and one that is in flight ends in the
    /// old file.
    ///
    /// # Errors
    /// As dup3 says; then nothing has changed.
    pub fn replace(&self, file: &OwnedFd) -> io::Result<()> {
        // SAFETY: both are open descriptors that are owned and borrowed for the call. The number keeps its owner; only
        // the file behind it changes, and nobody holds a pointer into a file.
        check(unsafe { libc::dup3(file.as_raw_fd(), self.0.as_raw_fd(), libc::O_CLOEXEC) }).map(drop)
    }

    /// Appends bytes from the calling thread, which waits for it.
    ///
    /// # Errors
    /// As write says.
    pub fn append(&self, bytes: &[u8]) -> io::Result<()> {
        File::from(self.0.try_clone()?).write_all(bytes)
    }
}

impl AsRawFd for Sink {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl From<OwnedFd> for Sink {
    fn from(fd: OwnedFd) -> Self {
        Self(Arc::new(fd))
    }
}

impl From<File> for Sink {
    fn from(file: File) -> Self {
        OwnedFd::from(file).into()
    }
}
