//! Receives, leases, half-closes and the end of the pool.

use slipring_ring::{Batch, Deadline, Op, OpKind, OpToken, Outcome, RecvError, Ring};

use crate::rig::Rig;
use crate::world::{LIMITS, World};

/// Bytes that tell where they stand.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).flat_map(u32::to_le_bytes).take(len).collect()
}

pub fn bytes_arrive_whole_and_in_order<W: World>() {
    for multishot in [true, false] {
        let mut rig = Rig::<W>::new();
        let (mut peer, socket) = rig.connected();
        let sent = pattern(20_000);
        for piece in sent.chunks(3_333) {
            rig.world.send(&mut peer, piece);
        }
        assert!(rig.receive(0, socket, multishot, sent.len()) == sent, "multishot {multishot}");
        rig.close(socket);
        rig.finish();
    }
}

pub fn a_single_receive_takes_one_buffer<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    rig.world.send(&mut peer, &pattern(5_000));
    let token = rig.submit(OpKind::Recv, 0, Op::Recv { socket, multishot: false });
    let (result, more) = rig.received(token);
    assert!(!more, "a single shot ends with its completion");
    let bytes = result.expect("no error").expect("no half-close");
    assert!(!bytes.is_empty() && bytes.len() <= LIMITS.recv_buffer_bytes as usize);
    rig.finish();
}

pub fn zero_bytes_are_a_half_close<W: World>() {
    for multishot in [true, false] {
        let mut rig = Rig::<W>::new();
        let (mut peer, socket) = rig.connected();
        rig.world.send(&mut peer, b"last");
        assert_eq!(rig.receive(0, socket, multishot, 4), b"last");
        rig.world.shutdown(&mut peer);
        let token = rig.submit(OpKind::Recv, 0, Op::Recv { socket, multishot });
        assert_eq!(rig.received(token), (Ok(None), false), "multishot {multishot}");
        let slot = rig.filled(b"still open this way");
        let slot = rig.send_all(0, socket, slot);
        rig.ring().return_slot(slot);
        assert_eq!(rig.world.recv(&mut peer, 19), b"still open this way");
        rig.finish();
    }
}

/// A flood takes every buffer within one batch; the receive ends, the connection does not.
pub fn a_receive_without_buffers_leaves_the_socket_healthy<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    let sent = pattern(60_000);
    rig.world.send(&mut peer, &sent);
    assert!(rig.receive(0, socket, true, sent.len()) == sent, "no byte is lost to a pool that ran dry");
    assert!(rig.starved > 0, "60 buffers' worth of bytes and a pool of {}", LIMITS.recv_buffers);
    rig.close(socket);
    rig.finish();
}

pub fn a_multishot_can_be_armed_again<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    for round in 0..5_u8 {
        let token = rig.submit(OpKind::Recv, 0, Op::Recv { socket, multishot: true });
        rig.world.send(&mut peer, &[round]);
        let (result, more) = rig.received(token);
        assert_eq!(result, Ok(Some(vec![round])));
        if more {
            assert!(rig.cancel(token), "it is armed");
            assert_eq!(rig.received(token), (Err(RecvError::Cancelled), false));
        }
    }
    rig.close(socket);
    rig.finish();
}

pub fn a_lease_and_a_slot_are_borrowed_together<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    rig.world.send(&mut peer, b"echo");
    let ring = rig.ring();
    ring.submit(OpToken::new(OpKind::Recv, 1, 0), Op::Recv { socket, multishot: false });
    let mut batch = Batch::new();
    while batch.is_empty() {
        ring.wait(Some(Deadline::NEVER), &mut batch).expect("the ring is not lost");
    }
    let completion = batch.drain().next().expect("it is not empty");
    let Outcome::Received(Ok(Some(lease))) = completion.outcome else { panic!("{completion:?}") };
    let mut slot = ring.take_slot().expect("a free slot");
    let (bytes, mut place) = ring.borrow(&lease, &mut slot);
    assert!(place.extend(bytes));
    ring.give_back(lease);
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    assert_eq!(rig.world.recv(&mut peer, 4), b"echo");
    rig.finish();
}
