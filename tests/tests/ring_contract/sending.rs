//! Sends, their parts, and streams that do not wait.

use std::ops::Range;
use std::time::Duration;

use slipring_ring::{BlobId, Op, OpKind, Outcome, Ring, SendError, Socket};

use crate::receiving::pattern;
use crate::rig::Rig;
use crate::world::{LIMITS, World};

/// Sends into a peer that does not read, until a send waits; then the peer reads everything.
pub fn a_send_goes_on_where_it_stopped<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    fill_up(&mut rig, socket, |rig, streamed| {
        let expected = pattern(12_000);
        let slot = rig.filled(&expected);
        let token = rig.submit(OpKind::Send, 7, Op::Send { socket, slot });
        rig.assert_silent();
        rig.world.recv(&mut peer, streamed);
        let Outcome::Sent(result, slot) = rig.outcome_of(token) else { panic!("a send") };
        assert_eq!(slot.unsent(), expected.len() - result.expect("the peer is there") as usize);
        let slot = rig.send_all(7, socket, slot);
        rig.ring().return_slot(slot);
        assert!(rig.world.recv(&mut peer, expected.len()) == expected);
    });
    rig.close(socket);
    rig.finish();
}

pub fn parts_leave_in_their_order<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    let (large, small) = (pattern(100_000), b"0123456789".to_vec());
    let blobs = [large.clone(), small.clone()].map(|bytes| rig.ring().freeze(bytes).expect("there is room"));
    let attach = |rig: &mut Rig<W>, slot: &mut _, blob: BlobId, range: Range<u32>| {
        assert!(rig.ring().attach(slot, blob, range));
    };
    let mut slot = rig.filled(b"head:");
    attach(&mut rig, &mut slot, blobs[0], 0..100_000);
    assert!(rig.ring().fill(&mut slot).extend(b":middle:"));
    attach(&mut rig, &mut slot, blobs[1], 2..5);
    attach(&mut rig, &mut slot, blobs[1], 8..10);
    assert!(rig.ring().fill(&mut slot).extend(b":tail"));
    let expected = [&b"head:"[..], &large, b":middle:", b"234", b"89", b":tail"].concat();
    assert_eq!((slot.filled(), slot.unsent()), (18, expected.len()));
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    assert!(rig.world.recv(&mut peer, expected.len()) == expected);
    for blob in blobs {
        rig.ring().release(blob);
    }
    rig.close(socket);
    rig.finish();
}

/// More parts than a send takes are refused, and what was taken is sent; the next slot takes the rest.
pub fn a_list_of_parts_is_bounded<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    let blob = rig.ring().freeze(b"abc".to_vec()).expect("there is room");
    let mut expected = Vec::new();
    let mut slot = rig.filled(b"");
    let taken = (0..100_u8)
        .take_while(|round| {
            assert!(rig.ring().fill(&mut slot).extend(&[*round]));
            expected.push(*round);
            let attached = rig.ring().attach(&mut slot, blob, 0..3);
            if attached {
                expected.extend(b"abc");
            }
            attached
        })
        .count();
    assert!((2..=slipring_ring::limits::SEND_PARTS_MAX).contains(&taken), "{taken} blobs in one send");
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    assert_eq!(rig.world.recv(&mut peer, expected.len()), expected);
    let mut slot = rig.ring().take_slot().expect("a free slot");
    assert!(rig.ring().attach(&mut slot, blob, 1..2), "a slot that came back starts anew");
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    assert_eq!(rig.world.recv(&mut peer, 1), b"b");
    rig.finish();
}

pub fn a_rewound_slot_is_sent_again<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    let blob = rig.ring().freeze(b"body".to_vec()).expect("there is room");
    let mut slot = rig.filled(b"head ");
    assert!(rig.ring().attach(&mut slot, blob, 0..4));
    for _ in 0..3 {
        slot = rig.send_all(0, socket, slot);
        assert_eq!(rig.world.recv(&mut peer, 9), b"head body");
        slot.rewind();
    }
    rig.ring().return_slot(slot);
    rig.finish();
}

pub fn a_released_blob_is_still_sent<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    let body = pattern(50_000);
    let blob = rig.ring().freeze(body.clone()).expect("there is room");
    let mut slot = rig.filled(b"");
    assert!(rig.ring().attach(&mut slot, blob, 0..50_000));
    rig.ring().release(blob);
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    assert!(rig.world.recv(&mut peer, body.len()) == body);
    rig.finish();
}

/// A stream into a full socket says so at once, a poll waits until the peer has read, and no byte is lost.
pub fn a_stream_does_not_wait<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    fill_up(&mut rig, socket, |rig, streamed| {
        let poll = rig.submit(OpKind::Poll, 7, Op::Poll { socket });
        rig.assert_silent();
        rig.world.recv(&mut peer, streamed);
        assert!(matches!(rig.outcome_of(poll), Outcome::Ready(Ok(()))));
        let (result, sent) = stream_once(rig, socket);
        let sent = &sent[..result.expect("there is room again") as usize];
        assert_eq!(rig.world.recv(&mut peer, sent.len()), sent);
    });
    rig.close(socket);
    rig.finish();
}

/// A peer that has ended its sending and does not read is waited for like any other. io_uring's own poll ends for that at
/// once, so a stream to such a peer took a whole core.
pub fn a_half_closed_peer_is_waited_for<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    rig.world.shutdown(&mut peer);
    fill_up(&mut rig, socket, |rig, streamed| {
        let poll = rig.submit(OpKind::Poll, 7, Op::Poll { socket });
        let slot = rig.filled(&pattern(12_000));
        let send = rig.submit(OpKind::Send, 8, Op::Send { socket, slot });
        (0..5).for_each(|_| rig.assert_silent());
        rig.world.recv(&mut peer, streamed);
        assert!(matches!(rig.outcome_of(poll), Outcome::Ready(Ok(()))));
        let Outcome::Sent(result, slot) = rig.outcome_of(send) else { panic!("a send") };
        assert!(result.is_ok_and(|sent| sent > 0));
        let sent = 12_000 - slot.unsent();
        rig.ring().return_slot(slot);
        assert!(rig.world.recv(&mut peer, sent) == pattern(12_000)[..sent]);
    });
    fill_up(&mut rig, socket, |rig, _| {
        let poll = rig.submit(OpKind::Poll, 7, Op::Poll { socket });
        let slot = rig.filled(&pattern(12_000));
        let send = rig.submit(OpKind::Send, 8, Op::Send { socket, slot });
        (0..5).for_each(|_| rig.assert_silent());
        assert!(rig.cancel(poll) && rig.cancel(send));
        assert!(matches!(rig.outcome_of(poll), Outcome::Ready(Err(SendError::Cancelled))));
        let Outcome::Sent(result, slot) = rig.outcome_of(send) else { panic!("a send") };
        assert_eq!((result, slot.unsent()), (Err(SendError::Cancelled), 12_000));
        rig.ring().return_slot(slot);
    });
    rig.close(socket);
    rig.finish();
}

/// A send that is cancelled as it finds no room ends, whatever it was doing.
pub fn a_send_without_room_is_cancelled_at_any_time<W: World>() {
    for ticks in 0..6 {
        for ended in [false, true] {
            let mut rig = Rig::<W>::new();
            let (mut peer, socket) = rig.connected();
            if ended {
                rig.world.shutdown(&mut peer);
            }
            fill_up(&mut rig, socket, |rig, _| {
                let slot = rig.filled(&pattern(12_000));
                let send = rig.submit(OpKind::Send, 7, Op::Send { socket, slot });
                (0..ticks).for_each(|_| rig.wait(Duration::ZERO));
                // It may be between two tries; its end comes all the same.
                rig.cancel(send);
                let Outcome::Sent(result, slot) = rig.outcome_of(send) else { panic!("a send") };
                assert_eq!(result, Err(SendError::Cancelled));
                rig.ring().return_slot(slot);
            });
            rig.close(socket);
            rig.finish();
        }
    }
}

/// Streams until the socket is full, then runs `then` with how many bytes are in it.
pub fn fill_up<W: World>(rig: &mut Rig<W>, socket: Socket, then: impl FnOnce(&mut Rig<W>, usize)) {
    let mut streamed = 0;
    for _ in 0..1000 {
        match stream_once(rig, socket).0 {
            Ok(sent) => streamed += sent as usize,
            Err(error) => {
                assert_eq!(error, SendError::WouldBlock);
                assert!(streamed > 0, "an empty socket has room");
                return then(rig, streamed);
            }
        }
    }
    panic!("a socket that takes {streamed} bytes that nobody reads");
}

/// Streams a whole transfer buffer; what came of it and what was in it.
fn stream_once<W: World>(rig: &mut Rig<W>, socket: Socket) -> (Result<u32, SendError>, Vec<u8>) {
    let mut transfer = rig.ring().take_transfer().expect("a free transfer buffer");
    let bytes = pattern(LIMITS.transfer_bytes as usize);
    rig.ring().transfer_bytes_mut(&mut transfer).copy_from_slice(&bytes);
    let end = LIMITS.transfer_bytes;
    let token = rig.submit(OpKind::Stream, 3, Op::Stream { socket, transfer, start: 0, end });
    let Outcome::Streamed(result, transfer) = rig.outcome_of(token) else { panic!("a stream") };
    rig.ring().return_transfer(transfer);
    (result, bytes)
}
