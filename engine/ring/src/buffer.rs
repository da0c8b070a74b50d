//! Move-only handles of the memory that a ring owns.
//!
//! A handle is the right to use one buffer. It is given back exactly once; dropping one instead loses the buffer, so it
//! panics in debug builds (and so in the simulation). The indices are private to this package: nobody else can make one.

use std::mem::forget;

/// The right to read one provided buffer until [`crate::Ring::give_back`]. It does not outlive its tick.
#[must_use]
#[derive(Debug)]
pub struct Lease {
    index: u16,
    len: u32,
}

impl Lease {
    pub(crate) fn new(index: u16, len: u32) -> Self {
        Self { index, len }
    }

    pub(crate) fn index(&self) -> u16 {
        self.index
    }

    /// Bytes received.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Never true: a receive of 0 bytes is a half-close and carries no lease.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn into_index(self) -> u16 {
        let index = self.index;
        forget(self);
        index
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        lost("lease");
    }
}

/// Ring-owned memory for one answer or a pipelined run of them, and how much of it was filled and sent.
#[must_use]
#[derive(Debug)]
pub struct SendSlot {
    index: u32,
    /// Bytes filled, from the slot's start.
    pub(crate) len: u32,
    /// Of all that is to be sent (filled bytes and attached blobs), how much was.
    pub(crate) sent: u32,
    /// Bytes attached from blobs.
    pub(crate) attached: u32,
}

impl SendSlot {
    pub(crate) fn new(index: u32) -> Self {
        Self { index, len: 0, sent: 0, attached: 0 }
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// The slot's number, below [`crate::RingLimits::send_slots`]; for tables kept beside the slots.
    pub fn number(&self) -> usize {
        self.index as usize
    }

    /// Bytes filled.
    pub fn filled(&self) -> usize {
        self.len as usize
    }

    /// Bytes sent, of what it holds and what is attached to it.
    pub fn sent(&self) -> usize {
        self.sent as usize
    }

    /// Bytes still to be sent, attached blobs included.
    pub fn unsent(&self) -> usize {
        (self.len + self.attached - self.sent) as usize
    }

    /// To be sent once more from its start, as a load generator does with its request.
    pub fn rewind(&mut self) {
        self.sent = 0;
    }

    pub(crate) fn into_index(self) -> u32 {
        let index = self.index;
        forget(self);
        index
    }
}

impl Drop for SendSlot {
    fn drop(&mut self) {
        lost("send slot");
    }
}

/// Ring-owned memory for bytes on their way between a file and a socket, or into a log.
#[must_use]
#[derive(Debug)]
pub struct Transfer {
    index: u32,
}

impl Transfer {
    pub(crate) fn new(index: u32) -> Self {
        Self { index }
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn into_index(self) -> u32 {
        let index = self.index;
        forget(self);
        index
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        lost("transfer buffer");
    }
}

/// An immutable body in ring-owned memory; see [`crate::Ring::freeze`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlobId(pub(crate) u32);

/// A slot's memory, for writing behind what it holds.
#[derive(Debug)]
pub struct SlotBytes<'a> {
    /// The whole slot.
    pub bytes: &'a mut [u8],
    /// How much of it is filled; raise it by what was written.
    pub len: &'a mut u32,
}

impl SlotBytes<'_> {
    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        self.bytes.len() - *self.len as usize
    }

    /// Appends; `false` and nothing written if it does not fit.
    #[inline]
    pub fn extend(&mut self, more: &[u8]) -> bool {
        let start = *self.len as usize;
        let Some(place) = self.bytes.get_mut(start..start + more.len()) else { return false };
        place.copy_from_slice(more);
        *self.len += more.len() as u32;
        true
    }
}

/// A handle was dropped instead of given back: a bug above the ring, loud where it can be.
fn lost(what: &str) {
    debug_assert!(std::thread::panicking(), "a {what} was dropped instead of given back to its ring");
}
