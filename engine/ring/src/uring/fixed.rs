//! Sockets that are sent to often stand in the ring's own table of files: the kernel finds them there without taking a
//! reference of the process's file and giving it back, about one in a hundred parts of a short answer.
//!
//! A socket's place in the table is its descriptor, so an entry is the same but for one flag. What stands in the table
//! stays open: it is taken out before its descriptor is closed.

use std::io;
use std::os::fd::RawFd;

use super::queue::Queue;
use super::setup::Features;

/// How often each descriptor was sent to, and whether it stands in the table.
pub(super) struct FixedSockets {
    /// By descriptor; sends up to [`BUSY`], then one of the words below. Empty: there is no table.
    sends: Box<[u8]>,
}

/// Descriptors that may stand in the table: as many as keep it within some pages, fewer where the process may have fewer.
const TABLE_LENS: [u32; 2] = [8192, 1024];
/// Sends until a socket is worth the system call that registers it.
const BUSY: u8 = 32;
/// It stands in the table.
const FIXED: u8 = u8::MAX;
/// The kernel did not take it.
const REFUSED: u8 = u8::MAX - 1;
/// Files of a table have been counted one by one since this kernel; before it, one that was taken out stayed open as long
/// as others were in use.
const KERNEL_MIN: (u32, u32) = (6, 13);

impl FixedSockets {
    /// An empty table; none where this kernel or its limits do not allow it.
    pub(super) fn register(queue: &Queue, kernel: (u32, u32), features: &mut Features) -> Self {
        let fits = |len: &u32| queue.submitter.register_files_sparse(*len).is_ok();
        let len = TABLE_LENS.into_iter().find(|len| kernel >= KERNEL_MIN && fits(len)).unwrap_or(0);
        features.registered_files = len > 0;
        Self { sends: vec![0; len as usize].into_boxed_slice() }
    }

    /// Counts a send to this socket; whether it is found in the table.
    #[inline]
    pub(super) fn count(&mut self, queue: &Queue, socket: RawFd) -> bool {
        match self.sends.get_mut(socket as usize) {
            Some(&mut FIXED) => true,
            Some(&mut REFUSED) | None => false,
            Some(sends) if *sends < BUSY => {
                *sends += 1;
                false
            }
            Some(sends) => {
                let taken = update(queue, socket, socket).is_ok();
                *sends = if taken { FIXED } else { REFUSED };
                taken
            }
        }
    }

    /// This descriptor is about to be closed.
    #[inline]
    pub(super) fn forget(&mut self, queue: &Queue, socket: RawFd) {
        let Some(sends) = self.sends.get_mut(socket as usize) else { return };
        if std::mem::take(sends) == FIXED && update(queue, socket, -1).is_err() {
            // Whoever has the descriptor next must not be taken for it; the next to stand in this place pushes it out.
            *sends = REFUSED;
        }
    }
}

/// Puts a file into its place, or nothing (-1).
#[cold]
fn update(queue: &Queue, place: RawFd, file: RawFd) -> io::Result<()> {
    queue.submitter.register_files_update(place as u32, &[file]).map(drop)
}
