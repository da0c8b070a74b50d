//! Memory that the kernel reads and writes: arenas behind raw pointers, and who owns each buffer now.
//!
//! No slice here spans more than one buffer, and none is made while the kernel owns the buffer: the state of each index
//! is asserted on every access. An arena is freed only after its ring is closed (field order in `UringRing`).

use std::ptr::NonNull;
use std::{io, ptr, slice};

/// Who may touch a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody; it is in the free list.
    Free,
    /// The holder of its handle.
    Ours,
    /// The kernel, until the completion.
    Kernel,
}

/// An anonymous mapping, touched once when it is made so that the hot path never faults.
pub(super) struct Arena {
    base: NonNull<u8>,
    bytes: usize,
}

impl Arena {
    /// Maps and populates `bytes`, rounded up to whole pages.
    pub(super) fn new(bytes: usize) -> io::Result<Self> {
        let bytes = bytes.max(1).next_multiple_of(4096);
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice touches no memory of ours.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        Ok(Self { base, bytes })
    }

    /// The address of byte `offset`.
    pub(super) fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset < self.bytes, "inside the arena");
        // SAFETY: `offset` is inside the mapping, as asserted, so the sum neither wraps nor leaves it.
        unsafe { self.base.as_ptr().add(offset) }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: `base` and `bytes` are those of the mapping made in `new`, unmapped once, here; the ring that knew
        // its addresses is a field declared before the arenas and so is closed already.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

/// Buffers of one size, numbered, each with its owner. Free ones are handed out last in, first out: hot ones first.
pub(super) struct Pool {
    arena: Arena,
    stride: usize,
    size: usize,
    owners: Box<[Owner]>,
    free: Vec<u32>,
}

/// Buffers start a cache line apart modulo a page, or all their first lines would fall into one cache set.
const COLOUR_BYTES: usize = 64;

impl Pool {
    pub(super) fn new(count: u32, size: u32) -> io::Result<Self> {
        let (count, size) = (count as usize, size as usize);
        let stride = size + COLOUR_BYTES;
        Ok(Self {
            arena: Arena::new(count * stride)?,
            stride,
            size,
            owners: vec![Owner::Free; count].into_boxed_slice(),
            free: (0..count as u32).rev().collect(),
        })
    }

    /// A free buffer, now ours.
    pub(super) fn take(&mut self) -> Option<u32> {
        let index = self.free.pop()?;
        self.change(index, Owner::Free, Owner::Ours);
        Some(index)
    }

    /// Ours to free.
    pub(super) fn put(&mut self, index: u32) {
        self.change(index, Owner::Ours, Owner::Free);
        self.free.push(index);
    }

    /// From one owner to the next; anything else is a bug here or above.
    #[inline]
    pub(super) fn change(&mut self, index: u32, from: Owner, to: Owner) {
        let owner = &mut self.owners[index as usize];
        assert_eq!(*owner, from, "buffer {index} belongs to another");
        *owner = to;
    }

    /// Where buffer `index` starts; for submissions.
    #[inline]
    pub(super) fn address(&self, index: u32) -> *mut u8 {
        self.arena.at(index as usize * self.stride)
    }

    #[inline]
    pub(super) fn bytes(&self, index: u32) -> &[u8] {
        assert_eq!(self.owners[index as usize], Owner::Ours, "buffer {index} is not ours to read");
        // SAFETY: the kernel does not hold this buffer (asserted), writers need `&mut self`, the range is inside the
        // arena (`address` asserts its start, `new` sized it), and the mapping is initialised by the kernel with zeros.
        unsafe { slice::from_raw_parts(self.address(index), self.size) }
    }

    #[inline]
    pub(super) fn bytes_mut(&mut self, index: u32) -> &mut [u8] {
        assert_eq!(self.owners[index as usize], Owner::Ours, "buffer {index} is not ours to write");
        // SAFETY: as in `bytes`; `&mut self` makes this slice the only one.
        unsafe { slice::from_raw_parts_mut(self.address(index), self.size) }
    }

    pub(super) fn arena(&self) -> &Arena {
        &self.arena
    }

    pub(super) fn count(&self) -> usize {
        self.owners.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_do_not_overlap_and_come_back_hot() {
        let mut pool = Pool::new(3, 100).expect("memory");
        let (a, b) = (pool.take().expect("free"), pool.take().expect("free"));
        pool.bytes_mut(a).fill(1);
        pool.bytes_mut(b).fill(2);
        assert!(pool.bytes(a).iter().all(|&x| x == 1) && pool.bytes(b).iter().all(|&x| x == 2));
        pool.put(b);
        assert_eq!(pool.take(), Some(b), "the hottest buffer first");
        assert!(pool.take().is_some() && pool.take().is_none());
    }

    #[test]
    #[should_panic(expected = "not ours to read")]
    fn what_the_kernel_holds_cannot_be_read() {
        let mut pool = Pool::new(1, 100).expect("memory");
        let index = pool.take().expect("free");
        pool.change(index, Owner::Ours, Owner::Kernel);
        let _ = pool.bytes(index);
    }
}
