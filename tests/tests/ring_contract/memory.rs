//! Pools, blobs, and handles that are lost.

use slipring_ring::{Batch, Deadline, Op, OpKind, OpToken, Outcome, Ring};

use crate::rig::Rig;
use crate::world::{LIMITS, World};

pub fn pools_end_and_recover<W: World>() {
    let mut rig = Rig::<W>::new();
    for _ in 0..2 {
        let slots: Vec<_> = std::iter::from_fn(|| rig.ring().take_slot()).collect();
        assert_eq!(slots.len(), LIMITS.send_slots as usize);
        let mut numbers: Vec<usize> = slots.iter().map(slipring_ring::SendSlot::number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3], "each slot has a number of its own");
        assert!(slots.iter().all(|slot| slot.filled() == 0 && slot.unsent() == 0));
        for slot in slots {
            rig.ring().return_slot(slot);
        }
        let transfers: Vec<_> = std::iter::from_fn(|| rig.ring().take_transfer()).collect();
        assert_eq!(transfers.len(), LIMITS.transfers as usize);
        let for_sinks: Vec<_> = std::iter::from_fn(|| rig.ring().take_sink_buffer()).collect();
        assert_eq!(for_sinks.len(), LIMITS.sink_buffers as usize);
        for transfer in transfers.into_iter().chain(for_sinks) {
            rig.ring().return_transfer(transfer);
        }
    }
    let mut slot = rig.ring().take_slot().expect("a free slot");
    let whole = vec![7; LIMITS.send_slot_bytes as usize];
    assert_eq!(rig.ring().fill(&mut slot).room(), whole.len());
    assert!(rig.ring().fill(&mut slot).extend(&whole));
    assert!(!rig.ring().fill(&mut slot).extend(b"x"), "not a byte more");
    assert_eq!((slot.filled(), rig.ring().fill(&mut slot).room()), (whole.len(), 0));
    rig.ring().return_slot(slot);
    rig.finish();
}

pub fn blobs_are_bounded_and_counted<W: World>() {
    let mut rig = Rig::<W>::new();
    let ring = rig.ring();
    assert!(ring.freeze(vec![0; LIMITS.blob_bytes as usize + 1]).is_none(), "more bytes than all blobs may have");
    let whole = ring.freeze(vec![1; LIMITS.blob_bytes as usize]).expect("exactly the limit");
    assert!(ring.freeze(vec![2]).is_none(), "not a byte more");
    ring.release(whole);
    let blobs: Vec<_> = (0..LIMITS.blobs as u8).map(|fill| ring.freeze(vec![fill; 3]).expect("room")).collect();
    assert!(ring.freeze(vec![9]).is_none(), "not one more");
    for (fill, blob) in blobs.iter().enumerate() {
        assert_eq!(ring.blob(*blob), [fill as u8; 3]);
    }
    // A slot that still names a blob keeps its memory counted.
    let mut slot = ring.take_slot().expect("a free slot");
    assert!(ring.attach(&mut slot, blobs[0], 0..3));
    ring.release(blobs[0]);
    assert!(ring.freeze(vec![9]).is_none(), "the slot may still send it");
    ring.return_slot(slot);
    let last = ring.freeze(vec![9]).expect("nobody reads it now");
    for blob in blobs.into_iter().skip(1).chain([last]) {
        ring.release(blob);
    }
    rig.finish();
}

pub fn a_transfer_buffer_keeps_what_is_written<W: World>() {
    let mut rig = Rig::<W>::new();
    let ring = rig.ring();
    let mut one = ring.take_transfer().expect("free");
    let mut other = ring.take_transfer().expect("free");
    ring.transfer_bytes_mut(&mut one).fill(1);
    ring.transfer_bytes_mut(&mut other).fill(2);
    for (transfer, fill) in [(&one, 1), (&other, 2)] {
        assert_eq!(ring.transfer_bytes(transfer).len(), LIMITS.transfer_bytes as usize);
        assert!(ring.transfer_bytes(transfer).iter().all(|&byte| byte == fill));
    }
    ring.return_transfer(one);
    ring.return_transfer(other);
    rig.finish();
}

/// Receives a byte and drops its lease.
pub fn lose_a_lease<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    rig.world.send(&mut peer, b"x");
    let ring = rig.ring();
    ring.submit(OpToken::new(OpKind::Recv, 1, 0), Op::Recv { socket, multishot: false });
    let mut batch = Batch::new();
    while batch.is_empty() {
        ring.wait(Some(Deadline::NEVER), &mut batch).expect("the ring is not lost");
    }
    let lease = batch.drain().find_map(|completion| match completion.outcome {
        Outcome::Received(Ok(lease)) => lease,
        _ => None,
    });
    drop(lease);
}

/// Takes a slot and drops it.
pub fn lose_a_slot<W: World>() {
    let mut rig = Rig::<W>::new();
    drop(rig.ring().take_slot());
}

/// Takes a transfer buffer and drops it.
pub fn lose_a_transfer<W: World>() {
    let mut rig = Rig::<W>::new();
    drop(rig.ring().take_transfer());
}
