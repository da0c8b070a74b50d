//! The provided-buffer ring: buffers that the kernel picks from when bytes arrive.

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

use super::memory::{Arena, Owner, Pool};

/// The only buffer group.
pub(super) const GROUP: u16 = 0;

/// A pool of receive buffers and the shared ring that offers them to the kernel.
pub(super) struct ProvidedBuffers {
    entries: Arena,
    pool: Pool,
    size: u32,
    mask: u16,
    tail: u16,
    published: u16,
}

impl ProvidedBuffers {
    /// Makes `count` buffers (a power of two) of `size` bytes, registers their ring and offers them all.
    pub(super) fn register(submitter: &Submitter<'_>, count: u16, size: u32) -> io::Result<Self> {
        let entries = Arena::new(usize::from(count) * size_of::<BufRingEntry>())?;
        // SAFETY: `entries` is page-aligned (it is a mapping), holds `count` entries, and outlives the ring: it is a
        // field of `UringRing` declared after the ring itself.
        unsafe { submitter.register_buf_ring_with_flags(entries.at(0) as u64, count, GROUP, 0)? };
        let pool = Pool::new(u32::from(count), size)?;
        let mut provided = Self { entries, pool, size, mask: count - 1, tail: 0, published: 0 };
        for _ in 0..count {
            let index = provided.pool.take().ok_or_else(|| io::Error::from_raw_os_error(libc::ENOBUFS))?;
            provided.offer(index as u16);
        }
        provided.publish();
        Ok(provided)
    }

    /// The kernel filled buffer `index`: it is ours to read.
    #[inline]
    pub(super) fn received(&mut self, index: u16) {
        self.pool.change(u32::from(index), Owner::Kernel, Owner::Ours);
    }

    #[inline]
    pub(super) fn bytes(&self, index: u16, len: usize) -> &[u8] {
        &self.pool.bytes(u32::from(index))[..len]
    }

    /// Puts a buffer of ours behind the ring's end; the kernel sees it after `publish`.
    #[inline]
    #[expect(clippy::cast_ptr_alignment, reason = "entries stand at multiples of their size in a page-aligned mapping")]
    pub(super) fn offer(&mut self, index: u16) {
        self.pool.change(u32::from(index), Owner::Ours, Owner::Kernel);
        let at = usize::from(self.tail & self.mask) * size_of::<BufRingEntry>();
        let entry = self.entries.at(at).cast::<BufRingEntry>();
        // SAFETY: `at` is the offset of an entry inside the mapping, which is aligned for it; the kernel reads entries
        // only below the published tail and this one is not below it yet. The tail shares memory with the unused last
        // 16 bits of entry 0, which these setters leave alone.
        unsafe {
            (*entry).set_addr(self.pool.address(u32::from(index)) as u64);
            (*entry).set_len(self.size);
            (*entry).set_bid(index);
        }
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel what was offered: one store for all of a tick.
    #[inline]
    #[expect(clippy::cast_ptr_alignment, reason = "the first entry stands at the start of a page-aligned mapping")]
    pub(super) fn publish(&mut self) {
        if self.tail == self.published {
            return;
        }
        let first = self.entries.at(0).cast::<BufRingEntry>();
        // SAFETY: `BufRingEntry::tail` is the address of the shared tail inside the registered, page-aligned mapping;
        // only this thread stores to it, and the kernel loads it with acquire.
        unsafe {
            let tail = BufRingEntry::tail(first).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
        self.published = self.tail;
    }
}
