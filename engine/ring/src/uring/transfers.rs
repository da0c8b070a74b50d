//! Transfer buffers: many of one size, and behind them a few larger ones for what goes to sinks.

use std::io;

use super::memory::{Arena, Owner, Pool};
use crate::limits::RingLimits;

/// Both pools under one row of numbers.
pub(super) struct Transfers {
    common: Pool,
    /// Numbered behind the common ones.
    sink: Pool,
}

impl Transfers {
    pub(super) fn new(limits: &RingLimits) -> io::Result<Self> {
        Ok(Self {
            common: Pool::new(limits.transfers, limits.transfer_bytes)?,
            sink: Pool::new(limits.sink_buffers, limits.sink_buffer_bytes)?,
        })
    }

    pub(super) fn take(&mut self) -> Option<u32> {
        self.common.take()
    }

    pub(super) fn take_sink_buffer(&mut self) -> Option<u32> {
        Some(self.sink.take()? + self.common.count() as u32)
    }

    pub(super) fn put(&mut self, index: u32) {
        let (pool, index) = self.pool_mut(index);
        pool.put(index);
    }

    pub(super) fn change(&mut self, index: u32, from: Owner, to: Owner) {
        let (pool, index) = self.pool_mut(index);
        pool.change(index, from, to);
    }

    pub(super) fn address(&self, index: u32) -> *mut u8 {
        let (pool, index) = self.pool(index);
        pool.address(index)
    }

    #[inline]
    pub(super) fn bytes(&self, index: u32) -> &[u8] {
        let (pool, index) = self.pool(index);
        pool.bytes(index)
    }

    #[inline]
    pub(super) fn bytes_mut(&mut self, index: u32) -> &mut [u8] {
        let (pool, index) = self.pool_mut(index);
        pool.bytes_mut(index)
    }

    /// Whether it is one of those that reads are made into.
    pub(super) fn is_common(&self, index: u32) -> bool {
        (index as usize) < self.common.count()
    }

    /// The memory of the common ones, if there are any.
    pub(super) fn common_arena(&self) -> Option<&Arena> {
        (self.common.count() > 0).then(|| self.common.arena())
    }

    #[inline]
    fn pool(&self, index: u32) -> (&Pool, u32) {
        match index.checked_sub(self.common.count() as u32) {
            None => (&self.common, index),
            Some(behind) => (&self.sink, behind),
        }
    }

    #[inline]
    fn pool_mut(&mut self, index: u32) -> (&mut Pool, u32) {
        match index.checked_sub(self.common.count() as u32) {
            None => (&mut self.common, index),
            Some(behind) => (&mut self.sink, behind),
        }
    }
}
