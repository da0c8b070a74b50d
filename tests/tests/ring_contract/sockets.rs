//! Accepting, cancelling, closing and connecting.

use slipring_ring::{
    AcceptError, ConnectError, Op, OpKind, OpToken, Outcome, Peer, RecvError, Ring, SendError, Socket,
};

use crate::rig::{Rig, What};
use crate::sending::fill_up;
use crate::world::{End, LISTENER, World};

/// One accept takes several connections, or ends and is armed again.
pub fn an_accept_stays_armed<W: World>() {
    let mut rig = Rig::<W>::new();
    let mut armed = None;
    for _ in 0..3 {
        let peer = rig.world.connect();
        let token = armed.unwrap_or_else(|| rig.submit(OpKind::Accept, 0, Op::Accept { listener: LISTENER }));
        let seen = rig.next_of(token);
        armed = seen.more.then_some(token);
        let What::Other(Outcome::Accepted(Ok(socket))) = seen.what else { panic!("{seen:?}") };
        let address = rig.world.address(&peer);
        assert_eq!(rig.ring().peer(socket), Peer::Ip(address));
        rig.close(socket);
    }
    if let Some(token) = armed {
        assert!(rig.cancel(token));
        assert!(matches!(rig.outcome_of(token), Outcome::Accepted(Err(AcceptError::Cancelled))));
    }
    rig.ring().close_listener(LISTENER);
    rig.finish();
}

/// Every operation that waits without end can be cancelled, and ends then.
pub fn a_cancelled_operation_ends<W: World>() {
    for kind in [OpKind::Accept, OpKind::Recv, OpKind::Poll, OpKind::Send] {
        let mut rig = Rig::<W>::new();
        let (_peer, socket) = rig.connected();
        fill_up(&mut rig, socket, |rig, _| {
            let target = submit_waiting(rig, kind, socket);
            rig.assert_silent();
            assert!(rig.cancel(target), "{kind:?} waits");
            let seen = rig.next_of(target);
            assert!(!seen.more);
            assert_cancelled(rig, seen.what);
        });
        rig.close(socket);
        rig.finish();
    }
}

/// Submits something that nothing will ever end but a cancel.
fn submit_waiting<W: World>(rig: &mut Rig<W>, kind: OpKind, socket: Socket) -> OpToken {
    let op = match kind {
        OpKind::Accept => Op::Accept { listener: LISTENER },
        OpKind::Recv => Op::Recv { socket, multishot: true },
        OpKind::Poll => Op::Poll { socket },
        OpKind::Send => Op::Send { socket, slot: rig.filled(b"no room for this") },
        other => panic!("{other:?} does not wait"),
    };
    rig.submit(kind, 9, op)
}

fn assert_cancelled<W: World>(rig: &mut Rig<W>, what: What) {
    match what {
        What::Received(Err(RecvError::Cancelled))
        | What::Other(Outcome::Accepted(Err(AcceptError::Cancelled)) | Outcome::Ready(Err(SendError::Cancelled))) => {}
        What::Other(Outcome::Sent(Err(SendError::Cancelled), slot)) => rig.ring().return_slot(slot),
        other => panic!("{other:?}"),
    }
}

/// A cancel says when its target is not there: over, of another tenant of the slot, or never submitted.
pub fn a_cancel_finds_only_its_target<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    let receive = rig.submit(OpKind::Recv, 5, Op::Recv { socket, multishot: false });
    for stranger in
        [OpToken::new(OpKind::Recv, 2, 5), OpToken::new(OpKind::Recv, 1, 6), receive.with_kind(OpKind::Poll)]
    {
        assert!(!rig.cancel(stranger), "{stranger:?} was never submitted");
    }
    rig.assert_silent();
    rig.world.send(&mut peer, b"x");
    assert_eq!(rig.received(receive), (Ok(Some(b"x".to_vec())), false));
    assert!(!rig.cancel(receive), "it is over");
    rig.close(socket);
    rig.finish();
}

pub fn a_shut_down_socket_still_receives<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    let slot = rig.filled(b"bye");
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    let token = rig.submit(OpKind::Shutdown, 0, Op::Shutdown { socket });
    assert!(matches!(rig.outcome_of(token), Outcome::Done));
    assert_eq!(rig.world.recv(&mut peer, 3), b"bye");
    assert_eq!(rig.world.end(&mut peer), End::Finished);
    rig.world.send(&mut peer, b"late");
    assert_eq!(rig.receive(0, socket, true, 4), b"late");
    let slot = rig.filled(b"too late");
    let (result, slot) = rig.send_once(0, socket, slot);
    assert_eq!(result, Err(SendError::Broken(libc::EPIPE)));
    rig.ring().return_slot(slot);
    rig.close(socket);
    rig.finish();
}

pub fn closing_after_reading_all_is_a_clean_end<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    rig.world.send(&mut peer, b"request");
    assert_eq!(rig.receive(0, socket, true, 7), b"request");
    let slot = rig.filled(b"answer");
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    rig.close(socket);
    assert_eq!(rig.world.recv(&mut peer, 6), b"answer");
    assert_eq!(rig.world.end(&mut peer), End::Finished);
    rig.finish();
}

pub fn closing_with_unread_input_is_a_reset<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    rig.world.send(&mut peer, b"never read");
    rig.close(socket);
    assert_eq!(rig.world.end(&mut peer), End::Reset);
    rig.finish();
}

/// A reset is asked for: the peer can tell it from an end, though it had read all and was to send nothing.
pub fn a_reset_that_was_asked_for_is_no_end<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    rig.world.send(&mut peer, b"request");
    assert_eq!(rig.receive(0, socket, true, 7), b"request");
    let slot = rig.filled(b"half of an ans");
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    assert_eq!(rig.world.recv(&mut peer, 14), b"half of an ans");
    let token = rig.submit(OpKind::Close, 0, Op::Reset { socket });
    assert!(matches!(rig.outcome_of(token), Outcome::Done));
    assert_eq!(rig.world.end(&mut peer), End::Reset);
    rig.finish();
}

/// The peer resets while a receive is armed: it breaks, and so does what is sent afterwards.
pub fn a_reset_breaks_receives_and_sends<W: World>() {
    let mut rig = Rig::<W>::new();
    let (peer, socket) = rig.connected();
    let slot = rig.filled(b"never read");
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    let receive = rig.submit(OpKind::Recv, 0, Op::Recv { socket, multishot: true });
    rig.assert_silent();
    rig.world.close_unread(peer);
    assert_eq!(rig.received(receive), (Err(RecvError::Broken(libc::ECONNRESET)), false));
    let slot = rig.filled(b"nobody");
    let (result, slot) = rig.send_once(0, socket, slot);
    assert_eq!(result, Err(SendError::Broken(libc::EPIPE)));
    rig.ring().return_slot(slot);
    rig.close(socket);
    rig.finish();
}

/// Bytes that arrived before a reset can still be received; the error comes behind them, once.
pub fn a_reset_does_not_take_back_what_arrived<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    let slot = rig.filled(b"never read");
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    rig.world.send(&mut peer, b"last words");
    rig.world.close_unread(peer);
    assert_eq!(rig.receive(0, socket, false, 10), b"last words");
    for expected in [Err(RecvError::Broken(libc::ECONNRESET)), Ok(None), Ok(None)] {
        let token = rig.submit(OpKind::Recv, 0, Op::Recv { socket, multishot: false });
        assert_eq!(rig.received(token), (expected, false));
    }
    rig.close(socket);
    rig.finish();
}

/// A peer that closed answers bytes with a reset: the first send still succeeds, the next one does not.
pub fn sending_to_a_closed_peer_breaks_the_next_send<W: World>() {
    let mut rig = Rig::<W>::new();
    let (peer, socket) = rig.connected();
    rig.world.close(peer);
    let token = rig.submit(OpKind::Recv, 0, Op::Recv { socket, multishot: true });
    assert_eq!(rig.received(token), (Ok(None), false));
    for expected in [Ok(6), Err(SendError::Broken(libc::EPIPE)), Err(SendError::Broken(libc::EPIPE))] {
        let slot = rig.filled(b"answer");
        let (result, slot) = rig.send_once(0, socket, slot);
        assert_eq!(result, expected);
        rig.ring().return_slot(slot);
    }
    rig.close(socket);
    rig.finish();
}

pub fn connecting_reaches_a_listener<W: World>() {
    let mut rig = Rig::<W>::new();
    let to = rig.world.listen();
    let token = rig.submit(OpKind::Connect, 0, Op::Connect { to, from: None });
    let Outcome::Connected(Ok(socket)) = rig.outcome_of(token) else { panic!("a connection") };
    assert_eq!(rig.ring().peer(socket), Peer::Ip(to));
    assert!(matches!(rig.ring().local(socket), Peer::Ip(_)));
    let mut peer = rig.world.accept();
    let slot = rig.filled(b"ping");
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    assert_eq!(rig.world.recv(&mut peer, 4), b"ping");
    rig.world.send(&mut peer, b"pong");
    assert_eq!(rig.receive(0, socket, false, 4), b"pong");
    rig.close(socket);
    assert_eq!(rig.world.end(&mut peer), End::Finished);
    rig.finish();
}

pub fn connecting_to_nobody_is_refused<W: World>() {
    let mut rig = Rig::<W>::new();
    let to = rig.world.nobody();
    let token = rig.submit(OpKind::Connect, 0, Op::Connect { to, from: None });
    let outcome = rig.outcome_of(token);
    assert!(matches!(outcome, Outcome::Connected(Err(ConnectError::Refused))), "{outcome:?}");
    rig.finish();
}

/// The steps of a drain: no new connections, those in the queue are taken, then the listener is closed.
pub fn a_drained_listener_gives_up_its_queue<W: World>() {
    let mut rig = Rig::<W>::new();
    let mut waiting: Vec<W::Peer> = (0..3).map(|_| rig.world.connect()).collect();
    rig.ring().refuse_new(LISTENER);
    assert!(rig.world.is_refused());
    for peer in &mut waiting {
        let socket = rig.accepted();
        rig.world.send(peer, b"x");
        assert_eq!(rig.receive(0, socket, false, 1), b"x");
        rig.close(socket);
    }
    assert!(rig.ring().accept_now(LISTENER).is_none());
    rig.ring().close_listener(LISTENER);
    assert!(rig.world.is_refused());
    rig.finish();
}

/// A socket that is sent to many times is closed like any other, and the next one is not taken for it, though it may have
/// its descriptor.
pub fn a_busy_socket_is_closed_like_any_other<W: World>() {
    const SENDS: usize = 100;
    let mut rig = Rig::<W>::new();
    for (round, ends) in [End::Finished, End::Reset, End::Finished].into_iter().enumerate() {
        let (mut peer, socket) = rig.connected();
        for number in 0..SENDS {
            let text = format!("{round}.{number};");
            let slot = rig.filled(text.as_bytes());
            let slot = rig.send_all(0, socket, slot);
            rig.ring().return_slot(slot);
            assert_eq!(rig.world.recv(&mut peer, text.len()), text.as_bytes());
        }
        let close = if ends == End::Reset { Op::Reset { socket } } else { Op::Close { socket } };
        let token = rig.submit(OpKind::Close, 0, close);
        assert!(matches!(rig.outcome_of(token), Outcome::Done));
        assert_eq!(rig.world.end(&mut peer), ends);
    }
    rig.finish();
}
