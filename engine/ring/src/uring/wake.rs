//! Waking the ring's `wait`: an eventfd that the ring always reads.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::sockets::check;
use crate::waker::{Asked, Wake};

/// Shared between the ring and whoever wakes it.
pub(super) struct WakeState {
    event: OwnedFd,
    asked: Asked,
}

impl WakeState {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: no memory is passed.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) })?;
        // SAFETY: `fd` was made by the call above and belongs to nobody else.
        let event = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { event, asked: Asked::default() })
    }

    pub(super) fn fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    /// Ends the ring's read, whatever the reason.
    pub(super) fn signal(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight bytes are written from an array of eight; an eventfd takes them at once (its counter cannot be
        // full: the ring reads it to zero each time).
        unsafe { libc::write(self.fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Whether a wake was asked for since the last call.
    pub(super) fn take(&self) -> bool {
        self.asked.take()
    }
}

impl Wake for WakeState {
    fn wake(&self) {
        if self.asked.ask() {
            self.signal();
        }
    }
}
