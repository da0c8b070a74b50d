//! Transfer buffers: those of the common size, and behind them those for sinks.

use std::rc::Rc;

use super::buffers::{Ledger, Owner, Pool, count};
use super::trace::fingerprint;
use crate::buffer::Transfer;
use crate::limits::RingLimits;

/// The transfer buffers.
pub(super) struct Transfers {
    common: Pool,
    /// Numbered behind the common ones.
    sink: Pool,
    ledger: Rc<Ledger>,
}

impl Transfers {
    pub(super) fn new(limits: &RingLimits, ledger: Rc<Ledger>) -> Self {
        Self {
            common: Pool::new("transfer buffer", limits.transfers, limits.transfer_bytes),
            sink: Pool::new("sink buffer", limits.sink_buffers, limits.sink_buffer_bytes),
            ledger,
        }
    }

    pub(super) fn take(&mut self) -> Option<Transfer> {
        let index = self.common.take_last()?;
        count(&self.ledger.transfers, 1);
        Some(Transfer::new(index))
    }

    pub(super) fn take_sink_buffer(&mut self) -> Option<Transfer> {
        let index = self.sink.take_last()? + self.common.count();
        count(&self.ledger.transfers, 1);
        Some(Transfer::new(index))
    }

    pub(super) fn put(&mut self, transfer: Transfer) {
        count(&self.ledger.transfers, -1);
        let (pool, index) = self.pool_mut(&transfer);
        pool.put(index);
        transfer.into_index();
    }

    pub(super) fn bytes(&self, transfer: &Transfer) -> &[u8] {
        let (pool, index) = self.pool(transfer);
        pool.bytes(index)
    }

    /// The holder may write anywhere in it, so all of it is poisoned later.
    pub(super) fn bytes_mut(&mut self, transfer: &Transfer) -> &mut [u8] {
        let (pool, index) = self.pool_mut(transfer);
        pool.soil(index, pool.size());
        pool.bytes_mut(index)
    }

    /// The range `start..end` goes to the kernel for reading; its fingerprint proves later that nobody changed it.
    pub(super) fn depart(&mut self, transfer: &Transfer, start: u32, end: u32) -> u64 {
        let (pool, index) = self.pool_mut(transfer);
        assert!(start < end && end as usize <= pool.size(), "bytes {start} to {end} of a transfer buffer");
        pool.change(index, Owner::Ours, Owner::Kernel);
        fingerprint(self.range(transfer, start, end))
    }

    /// The kernel has read the range that departed with this fingerprint.
    pub(super) fn landed_unchanged(&mut self, transfer: &Transfer, start: u32, end: u32, mark: u64) {
        let now = fingerprint(self.range(transfer, start, end));
        assert_eq!(now, mark, "transfer buffer {} changed in flight", transfer.index());
        self.landed(transfer);
    }

    /// The buffer goes to the kernel for filling: what it held is gone.
    pub(super) fn depart_empty(&mut self, transfer: &Transfer, len: u32) {
        let (pool, index) = self.pool_mut(transfer);
        assert!(len > 0 && len as usize <= pool.size(), "a read of {len} bytes into a transfer buffer");
        pool.poison(index);
        pool.change(index, Owner::Ours, Owner::Kernel);
    }

    pub(super) fn landed(&mut self, transfer: &Transfer) {
        let (pool, index) = self.pool_mut(transfer);
        pool.change(index, Owner::Kernel, Owner::Ours);
    }

    /// A range of a buffer in flight.
    pub(super) fn range(&self, transfer: &Transfer, start: u32, end: u32) -> &[u8] {
        let (pool, index) = self.pool(transfer);
        &pool.kernel_bytes(index)[start as usize..end as usize]
    }

    pub(super) fn kernel_bytes_mut(&mut self, transfer: &Transfer, bytes: usize) -> &mut [u8] {
        let (pool, index) = self.pool_mut(transfer);
        &mut pool.kernel_bytes_mut(index, bytes)[..bytes]
    }

    fn pool(&self, transfer: &Transfer) -> (&Pool, u32) {
        match transfer.index().checked_sub(self.common.count()) {
            None => (&self.common, transfer.index()),
            Some(behind) => (&self.sink, behind),
        }
    }

    fn pool_mut(&mut self, transfer: &Transfer) -> (&mut Pool, u32) {
        match transfer.index().checked_sub(self.common.count()) {
            None => (&mut self.common, transfer.index()),
            Some(behind) => (&mut self.sink, behind),
        }
    }
}
