//! Send slots, blobs, and the list of parts that a send gathers.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use slab::Slab;

use super::buffers::{Ledger, Owner, Pool, count};
use super::trace::fingerprint;
use crate::buffer::{BlobId, SendSlot, SlotBytes};
use crate::limits::{RingLimits, SEND_PARTS_MAX};

/// One part of a send.
#[derive(Clone, Copy)]
enum Part {
    /// Of the slot's own bytes.
    Slot { start: usize, end: usize },
    /// Of a blob's bytes.
    Blob { blob: BlobId, start: usize, end: usize },
}

/// What a slot sends, in order, as far as it is fixed: slot bytes behind `sealed` come after it.
#[derive(Default)]
struct Parts {
    list: Vec<Part>,
    sealed: usize,
}

/// An immutable body and how many sends may still read it.
struct Blob {
    bytes: Arc<[u8]>,
    reads: u32,
    released: bool,
}

/// All send slots and blobs of a ring.
pub(super) struct Slots {
    pool: Pool,
    parts: Vec<Parts>,
    blobs: Slab<Blob>,
    blobs_max: usize,
    blob_bytes: u64,
    blob_bytes_max: u64,
    ledger: Rc<Ledger>,
}

impl Slots {
    pub(super) fn new(limits: &RingLimits, ledger: Rc<Ledger>) -> Self {
        Self {
            pool: Pool::new("send slot", limits.send_slots, limits.send_slot_bytes),
            parts: (0..limits.send_slots).map(|_| Parts::default()).collect(),
            blobs: Slab::new(),
            blobs_max: limits.blobs as usize,
            blob_bytes: 0,
            blob_bytes_max: limits.blob_bytes,
            ledger,
        }
    }

    pub(super) fn take(&mut self) -> Option<SendSlot> {
        let index = self.pool.take_last()?;
        count(&self.ledger.send_slots, 1);
        Some(SendSlot::new(index))
    }

    pub(super) fn put(&mut self, slot: SendSlot) {
        let filled = slot.filled();
        let index = slot.into_index();
        self.pool.soil(index, filled);
        let parts = std::mem::take(&mut self.parts[index as usize]);
        for part in parts.list {
            if let Part::Blob { blob, .. } = part {
                self.known_mut(blob).reads -= 1;
                self.free_unread(blob);
            }
        }
        self.pool.put(index);
        count(&self.ledger.send_slots, -1);
    }

    pub(super) fn fill<'a>(&'a mut self, slot: &'a mut SendSlot) -> SlotBytes<'a> {
        SlotBytes { bytes: self.pool.bytes_mut(slot.index()), len: &mut slot.len }
    }

    pub(super) fn freeze(&mut self, bytes: Arc<[u8]>) -> Option<BlobId> {
        let grown = self.blob_bytes + bytes.len() as u64;
        if self.blobs.len() >= self.blobs_max || grown > self.blob_bytes_max || bytes.len() > u32::MAX as usize {
            return None;
        }
        self.blob_bytes = grown;
        count(&self.ledger.blobs, 1);
        Some(BlobId(self.blobs.insert(Blob { bytes, reads: 0, released: false }) as u32))
    }

    pub(super) fn blob(&self, blob: BlobId) -> &[u8] {
        &self.known(blob).bytes
    }

    pub(super) fn release(&mut self, blob: BlobId) {
        let known = self.known_mut(blob);
        assert!(!known.released, "blob {} is released twice", blob.0);
        known.released = true;
        self.free_unread(blob);
    }

    fn known(&self, blob: BlobId) -> &Blob {
        self.blobs.get(blob.0 as usize).unwrap_or_else(|| panic!("blob {} was given up", blob.0))
    }

    fn known_mut(&mut self, blob: BlobId) -> &mut Blob {
        self.blobs.get_mut(blob.0 as usize).unwrap_or_else(|| panic!("blob {} was given up", blob.0))
    }

    fn free_unread(&mut self, blob: BlobId) {
        let known = self.known(blob);
        if known.released && known.reads == 0 {
            self.blob_bytes -= self.blobs.remove(blob.0 as usize).bytes.len() as u64;
            count(&self.ledger.blobs, -1);
        }
    }

    pub(super) fn attach(&mut self, slot: &mut SendSlot, blob: BlobId, range: Range<u32>) -> bool {
        let known = self.known_mut(blob);
        assert!(!known.released, "blob {} was given up", blob.0);
        assert!(range.start <= range.end && range.end as usize <= known.bytes.len(), "{range:?} of blob {}", blob.0);
        let parts = &mut self.parts[slot.index() as usize];
        // This blob, the slot bytes before it, and those that may follow it.
        if parts.list.len() + 3 > SEND_PARTS_MAX {
            return false;
        }
        parts.seal(slot.filled());
        parts.list.push(Part::Blob { blob, start: range.start as usize, end: range.end as usize });
        self.known_mut(blob).reads += 1;
        slot.attached += range.end - range.start;
        true
    }

    /// Gives a slot to the kernel; the fingerprint of what it is to send proves later that nobody changed it.
    pub(super) fn depart(&mut self, slot: &SendSlot) -> u64 {
        assert!(slot.unsent() > 0, "a send of nothing");
        assert!(slot.filled() <= self.pool.size(), "send slot {} is said to be fuller than it is", slot.index());
        self.parts[slot.index() as usize].seal(slot.filled());
        self.pool.soil(slot.index(), slot.filled());
        self.pool.change(slot.index(), Owner::Ours, Owner::Kernel);
        self.mark(slot)
    }

    /// The kernel is done with a slot that departed with this fingerprint.
    pub(super) fn landed(&mut self, slot: &SendSlot, mark: u64) {
        assert_eq!(self.mark(slot), mark, "send slot {} changed in flight", slot.index());
        self.pool.change(slot.index(), Owner::Kernel, Owner::Ours);
    }

    fn mark(&self, slot: &SendSlot) -> u64 {
        fingerprint(&self.pool.kernel_bytes(slot.index())[..slot.filled()])
    }

    /// Passes the next `limit` unsent bytes of a slot in flight to `send`, run by run.
    pub(super) fn gather(&self, slot: &SendSlot, limit: usize, mut send: impl FnMut(&[u8])) {
        let mut skip = slot.sent as usize;
        let mut left = limit;
        for part in &self.parts[slot.index() as usize].list {
            let bytes = self.part(slot, *part);
            let passed = skip.min(bytes.len());
            skip -= passed;
            let run = (bytes.len() - passed).min(left);
            send(&bytes[passed..passed + run]);
            left -= run;
        }
        assert!(left == 0, "send slot {} holds fewer bytes than it says", slot.index());
    }

    fn part(&self, slot: &SendSlot, part: Part) -> &[u8] {
        match part {
            Part::Slot { start, end } => &self.pool.kernel_bytes(slot.index())[start..end],
            Part::Blob { blob, start, end } => &self.known(blob).bytes[start..end],
        }
    }
}

impl Parts {
    /// Fixes the slot bytes up to `filled` behind what is in the list.
    fn seal(&mut self, filled: usize) {
        if filled > self.sealed {
            self.list.push(Part::Slot { start: self.sealed, end: filled });
            self.sealed = filled;
        }
    }
}
