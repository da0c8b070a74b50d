//! Send slots, the blobs that a send may carry, and the lists of parts that the kernel reads.

use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::Arc;

use slab::Slab;

use super::memory::{Owner, Pool};
use super::room::Wait;
use crate::buffer::{BlobId, SendSlot};
use crate::limits::SEND_PARTS_MAX;
use crate::token::OpToken;

/// One part of a send.
#[derive(Clone, Copy)]
enum Part {
    /// Of the slot's own bytes.
    Slot { start: u32, end: u32 },
    /// Of a blob's bytes.
    Blob { blob: BlobId, start: u32, end: u32 },
}

/// What a slot sends besides its own bytes, and the kernel's view of it. Stands still in memory while in flight.
struct Parts {
    list: [Part; SEND_PARTS_MAX],
    count: usize,
    /// Slot bytes that are in the list already.
    sealed: u32,
    vectors: [libc::iovec; SEND_PARTS_MAX],
    message: libc::msghdr,
}

/// An immutable body and who still reads it.
struct Blob {
    bytes: Arc<[u8]>,
    reads: u32,
    /// It is read without an end that we would hear of.
    pinned: bool,
    released: bool,
}

/// What to hand to the kernel for a slot.
pub(super) enum Outgoing {
    /// One run of bytes.
    Bytes(*const u8, u32),
    /// A gathered list.
    Message(*const libc::msghdr),
}

/// A slot that is being sent.
pub(super) struct Departed {
    handle: SendSlot,
    pub(super) token: OpToken,
    pub(super) socket: RawFd,
    /// For room in the socket.
    pub(super) wait: Wait,
}

/// All send slots and blobs of a ring.
pub(super) struct Slots {
    pool: Pool,
    parts: Box<[Parts]>,
    /// What is in flight, by slot index.
    flying: Box<[Option<Departed>]>,
    blobs: Slab<Blob>,
    blobs_max: usize,
    blob_bytes: u64,
    blob_bytes_max: u64,
}

impl Slots {
    pub(super) fn new(count: u32, size: u32, blobs_max: u32, blob_bytes_max: u64) -> io::Result<Self> {
        Ok(Self {
            pool: Pool::new(count, size)?,
            parts: (0..count).map(|_| Parts::empty()).collect(),
            flying: (0..count).map(|_| None).collect(),
            blobs: Slab::new(),
            blobs_max: blobs_max as usize,
            blob_bytes: 0,
            blob_bytes_max,
        })
    }

    #[inline]
    pub(super) fn take(&mut self) -> Option<SendSlot> {
        self.pool.take().map(SendSlot::new)
    }

    #[inline]
    pub(super) fn put(&mut self, slot: SendSlot) {
        let index = slot.into_index();
        if self.parts[index as usize].count > 0 {
            self.forget_parts(index);
        }
        self.pool.put(index);
    }

    fn forget_parts(&mut self, index: u32) {
        let parts = &mut self.parts[index as usize];
        let (list, count) = (parts.list, parts.count);
        (parts.count, parts.sealed) = (0, 0);
        for part in &list[..count] {
            if let Part::Blob { blob, .. } = part {
                self.blobs[blob.0 as usize].reads -= 1;
                self.free_unread(*blob);
            }
        }
    }

    #[inline]
    pub(super) fn bytes_mut(&mut self, slot: &SendSlot) -> &mut [u8] {
        self.pool.bytes_mut(slot.index())
    }

    pub(super) fn freeze(&mut self, bytes: Arc<[u8]>) -> Option<BlobId> {
        let grown = self.blob_bytes + bytes.len() as u64;
        if self.blobs.len() >= self.blobs_max || grown > self.blob_bytes_max || bytes.len() > u32::MAX as usize {
            return None;
        }
        self.blob_bytes = grown;
        Some(BlobId(self.blobs.insert(Blob { bytes, reads: 0, pinned: false, released: false }) as u32))
    }

    pub(super) fn blob(&self, blob: BlobId) -> &[u8] {
        &self.blobs[blob.0 as usize].bytes
    }

    /// Where the first `len` bytes of a blob stand. They are read at any time from now on, so it lives as long as the ring.
    #[inline]
    pub(super) fn pin(&mut self, blob: BlobId, len: u32) -> *const u8 {
        let entry = &mut self.blobs[blob.0 as usize];
        assert!(!entry.released && len as usize <= entry.bytes.len(), "{len} bytes of a blob that is not given up");
        if !entry.pinned {
            entry.pinned = true;
            entry.reads += 1;
        }
        entry.bytes.as_ptr()
    }

    pub(super) fn release(&mut self, blob: BlobId) {
        let entry = &mut self.blobs[blob.0 as usize];
        assert!(!entry.released, "a blob is released once");
        entry.released = true;
        self.free_unread(blob);
    }

    fn free_unread(&mut self, blob: BlobId) {
        let entry = &self.blobs[blob.0 as usize];
        if entry.released && entry.reads == 0 {
            self.blob_bytes -= self.blobs.remove(blob.0 as usize).bytes.len() as u64;
        }
    }

    pub(super) fn attach(&mut self, slot: &mut SendSlot, blob: BlobId, range: Range<u32>) -> bool {
        let entry = &mut self.blobs[blob.0 as usize];
        assert!(range.start <= range.end && range.end as usize <= entry.bytes.len(), "inside the blob");
        let parts = &mut self.parts[slot.index() as usize];
        // This blob, the slot bytes before it, and those that may follow it.
        if parts.count + 3 > SEND_PARTS_MAX {
            return false;
        }
        parts.seal(slot.len);
        parts.push(Part::Blob { blob, start: range.start, end: range.end });
        entry.reads += 1;
        slot.attached += range.end - range.start;
        true
    }

    /// Gives a slot to the kernel. The pointer stays good until `landed`.
    #[inline]
    pub(super) fn depart(&mut self, handle: SendSlot, token: OpToken, socket: RawFd) -> Outgoing {
        let index = handle.index();
        assert!(handle.unsent() > 0, "a send of nothing never completes usefully");
        self.pool.change(index, Owner::Ours, Owner::Kernel);
        let outgoing = self.outgoing(index, handle.len, handle.sent);
        self.flying[index as usize] = Some(Departed { handle, token, socket, wait: Wait::TRYING });
        outgoing
    }

    /// What is handed to the kernel once more for a slot in flight, none of which was sent.
    pub(super) fn again(&mut self, index: u32) -> Outgoing {
        let handle = &self.departed(index).handle;
        let (len, sent) = (handle.len, handle.sent);
        self.outgoing(index, len, sent)
    }

    /// A slot in flight.
    #[inline]
    pub(super) fn departed(&mut self, index: u32) -> &mut Departed {
        self.flying[index as usize].as_mut().expect("a slot in flight has its handle here")
    }

    #[inline]
    fn outgoing(&mut self, index: u32, len: u32, sent: u32) -> Outgoing {
        if self.parts[index as usize].count == 0 {
            Outgoing::Bytes(self.pool.address(index).wrapping_add(sent as usize), len - sent)
        } else {
            self.gather(index, len, sent)
        }
    }

    fn gather(&mut self, index: u32, len: u32, sent: u32) -> Outgoing {
        let parts = &mut self.parts[index as usize];
        parts.seal(len);
        let mut skip = sent as usize;
        let mut used = 0;
        for part in &parts.list[..parts.count] {
            let (base, len) = match *part {
                Part::Slot { start, end } => {
                    (self.pool.address(index).wrapping_add(start as usize), (end - start) as usize)
                }
                Part::Blob { blob, start, end } => {
                    let bytes = &self.blobs[blob.0 as usize].bytes[start as usize..end as usize];
                    (bytes.as_ptr().cast_mut(), bytes.len())
                }
            };
            let passed = skip.min(len);
            skip -= passed;
            if passed < len {
                let vector = libc::iovec { iov_base: base.wrapping_add(passed).cast(), iov_len: len - passed };
                parts.vectors[used] = vector;
                used += 1;
            }
        }
        parts.message.msg_iov = parts.vectors.as_mut_ptr();
        parts.message.msg_iovlen = used;
        Outgoing::Message(&raw const parts.message)
    }

    /// The kernel is done with slot `index`, `sent` bytes further.
    #[inline]
    pub(super) fn landed(&mut self, index: u32, sent: u32) -> SendSlot {
        self.pool.change(index, Owner::Kernel, Owner::Ours);
        let departed = self.flying[index as usize].take().expect("a slot in flight has its handle here");
        let mut slot = departed.handle;
        slot.sent += sent;
        slot
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        // What was in flight when the ring closed comes back to nobody.
        for departed in self.flying.iter_mut().filter_map(Option::take) {
            departed.handle.into_index();
        }
    }
}

impl Parts {
    fn empty() -> Self {
        const NOTHING: libc::iovec = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        Self {
            list: [Part::Slot { start: 0, end: 0 }; SEND_PARTS_MAX],
            count: 0,
            sealed: 0,
            vectors: [NOTHING; SEND_PARTS_MAX],
            // SAFETY: `msghdr` is plain data for which all zeros is a value: no name, no control data, no vectors.
            message: unsafe { MaybeUninit::zeroed().assume_init() },
        }
    }

    fn push(&mut self, part: Part) {
        self.list[self.count] = part;
        self.count += 1;
    }

    /// Puts the slot bytes up to `len` into the list, if any are new.
    fn seal(&mut self, len: u32) {
        if len > self.sealed {
            self.push(Part::Slot { start: self.sealed, end: len });
            self.sealed = len;
        }
    }
}
