//! Ring-owned memory: who may touch each buffer, poison wherever nobody should look, and the provided buffers.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::buffer::Lease;

/// What memory holds that nobody was given: a byte that no test sends by chance and no protocol knows.
pub const POISON: u8 = 0xa5;

/// What is out of the ring's hands right now, for the harness to look at while a shard owns the ring.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) leases: Cell<u32>,
    pub(super) send_slots: Cell<u32>,
    pub(super) transfers: Cell<u32>,
    pub(super) blobs: Cell<u32>,
    /// Operations that were submitted and whose final completion was not handed out.
    pub(super) operations: Cell<u32>,
}

/// Adds to a count of the ledger.
pub(super) fn count(cell: &Cell<u32>, by: i32) {
    let counted = cell.get().checked_add_signed(by);
    cell.set(counted.expect("a count of the ledger stays between 0 and 2^32"));
}

/// Who may touch a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody; it is in the free list.
    Free,
    /// The holder of its handle.
    Ours,
    /// The simulated kernel, until the completion.
    Kernel,
}

/// Buffers of one size. Memory is made when a buffer is first used, so large limits cost a run nothing.
pub(super) struct Pool {
    name: &'static str,
    size: usize,
    buffers: Vec<Buffer>,
    free: VecDeque<u32>,
}

struct Buffer {
    bytes: Box<[u8]>,
    owner: Owner,
    /// Bytes from the start that may not be poison.
    dirty: usize,
}

impl Pool {
    pub(super) fn new(name: &'static str, count: u32, size: u32) -> Self {
        let buffers = (0..count).map(|_| Buffer { bytes: Box::default(), owner: Owner::Free, dirty: 0 }).collect();
        Self { name, size: size as usize, buffers, free: (0..count).collect() }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn count(&self) -> u32 {
        self.buffers.len() as u32
    }

    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// The buffer that became free last, now ours: as a real ring does, to keep memory warm.
    pub(super) fn take_last(&mut self) -> Option<u32> {
        let index = self.free.pop_back()?;
        self.hand_over(index);
        Some(index)
    }

    /// The buffer that became free first, now ours: as the kernel picks from a buffer group.
    pub(super) fn take_first(&mut self) -> Option<u32> {
        let index = self.free.pop_front()?;
        self.hand_over(index);
        Some(index)
    }

    fn hand_over(&mut self, index: u32) {
        self.change(index, Owner::Free, Owner::Ours);
        let buffer = &mut self.buffers[index as usize];
        if buffer.bytes.is_empty() {
            buffer.bytes = vec![POISON; self.size].into_boxed_slice();
        }
    }

    /// Ours to free, poisoned.
    pub(super) fn put(&mut self, index: u32) {
        self.change(index, Owner::Ours, Owner::Free);
        self.poison(index);
        self.free.push_back(index);
    }

    /// Poisons what was written since the last time.
    pub(super) fn poison(&mut self, index: u32) {
        let buffer = &mut self.buffers[index as usize];
        buffer.bytes[..buffer.dirty].fill(POISON);
        buffer.dirty = 0;
    }

    /// Says that the first `bytes` may be written.
    pub(super) fn soil(&mut self, index: u32, bytes: usize) {
        let buffer = &mut self.buffers[index as usize];
        buffer.dirty = buffer.dirty.max(bytes);
    }

    /// From one owner to the next; anything else is a broken contract.
    pub(super) fn change(&mut self, index: u32, from: Owner, to: Owner) {
        self.check(index, from);
        self.buffers[index as usize].owner = to;
    }

    fn check(&self, index: u32, expected: Owner) {
        let owner = self.buffers[index as usize].owner;
        assert!(owner == expected, "{} {index} is {owner:?} where it has to be {expected:?}", self.name);
    }

    /// The bytes of a buffer of ours.
    pub(super) fn bytes(&self, index: u32) -> &[u8] {
        self.check(index, Owner::Ours);
        &self.buffers[index as usize].bytes
    }

    /// The bytes of a buffer of ours, for writing.
    pub(super) fn bytes_mut(&mut self, index: u32) -> &mut [u8] {
        self.check(index, Owner::Ours);
        &mut self.buffers[index as usize].bytes
    }

    /// The bytes of a buffer that the simulated kernel holds.
    pub(super) fn kernel_bytes(&self, index: u32) -> &[u8] {
        self.check(index, Owner::Kernel);
        &self.buffers[index as usize].bytes
    }

    /// The bytes of a buffer that the simulated kernel holds, for it to write; `bytes` of them will be touched.
    pub(super) fn kernel_bytes_mut(&mut self, index: u32, bytes: usize) -> &mut [u8] {
        self.check(index, Owner::Kernel);
        self.soil(index, bytes);
        &mut self.buffers[index as usize].bytes
    }
}

/// The provided buffers: free means offered to the simulated kernel.
pub(super) struct Provided {
    pool: Pool,
    ledger: Rc<Ledger>,
}

impl Provided {
    pub(super) fn new(count: u16, size: u32, ledger: Rc<Ledger>) -> Self {
        Self { pool: Pool::new("provided buffer", u32::from(count), size), ledger }
    }

    pub(super) fn has_free(&self) -> bool {
        self.pool.has_free()
    }

    pub(super) fn size(&self) -> usize {
        self.pool.size()
    }

    /// Lets `fill` write received bytes into the next buffer and leases out as many as it says. `None` if no buffer is
    /// free; a lease of nothing is not made, the buffer stays free.
    pub(super) fn receive(&mut self, fill: impl FnOnce(&mut [u8]) -> usize) -> Option<Lease> {
        let index = self.pool.take_first()?;
        let len = fill(self.pool.bytes_mut(index));
        self.pool.soil(index, len);
        Some(Lease::new(index as u16, len as u32))
    }

    pub(super) fn bytes(&self, lease: &Lease) -> &[u8] {
        &self.pool.bytes(u32::from(lease.index()))[..lease.len()]
    }

    /// A lease reached its holder.
    pub(super) fn handed_out(&self) {
        count(&self.ledger.leases, 1);
    }

    pub(super) fn give_back(&mut self, lease: Lease) {
        count(&self.ledger.leases, -1);
        self.take_back(lease);
    }

    /// Ends a lease that nobody was told of.
    pub(super) fn take_back(&mut self, lease: Lease) {
        self.pool.put(u32::from(lease.into_index()));
    }

    /// What the contract says about the end of a tick.
    pub(super) fn assert_all_given_back(&self) {
        let out = self.ledger.leases.get();
        assert!(out == 0, "{out} leases outlive their tick: give them back before the next wait");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_buffer_holds_nothing_of_its_last_use() {
        let mut pool = Pool::new("buffer", 2, 8);
        let index = pool.take_last().expect("free");
        pool.bytes_mut(index)[..3].copy_from_slice(b"abc");
        pool.soil(index, 3);
        pool.put(index);
        assert_eq!(pool.take_last(), Some(index), "the warm one first");
        assert_eq!(pool.bytes(index), [POISON; 8]);
    }

    #[test]
    #[should_panic(expected = "buffer 1 is Kernel where it has to be Ours")]
    fn what_the_kernel_holds_cannot_be_read() {
        let mut pool = Pool::new("buffer", 2, 8);
        let index = pool.take_last().expect("free");
        pool.change(index, Owner::Ours, Owner::Kernel);
        let _ = pool.bytes(index);
    }
}
