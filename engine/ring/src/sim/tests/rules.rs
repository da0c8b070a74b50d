//! What the contract asks of the caller, broken: each breach panics where it happens.

use super::{
    Completion, LISTENER, Op, OpKind, OpToken, Outcome, Outside, SimRing, Socket, connect, put_away, quiet_ring, send,
    token, wait,
};
use crate::Ring;

/// Runs a breach on a ring with one connection.
fn breach(act: impl FnOnce(&mut SimRing, &Outside, Socket)) {
    let (mut ring, outside) = quiet_ring();
    let (_, socket) = connect(&mut ring, &outside);
    act(&mut ring, &outside, socket);
    panic!("nobody noticed");
}

#[test]
#[should_panic(expected = "socket 0 is closed with 1 operations in flight")]
fn closing_a_busy_socket() {
    breach(|ring, _, socket| {
        ring.submit(token(OpKind::Recv, 0), Op::Recv { socket, multishot: true });
        ring.submit(token(OpKind::Close, 0), Op::Close { socket });
    });
}

#[test]
#[should_panic(expected = "socket 0 is closed")]
fn using_a_closed_socket() {
    breach(|ring, _, socket| {
        ring.submit(token(OpKind::Close, 0), Op::Close { socket });
        wait(ring);
        ring.submit(token(OpKind::Recv, 0), Op::Recv { socket, multishot: true });
    });
}

#[test]
#[should_panic(expected = "socket 0 is closed")]
fn closing_twice() {
    breach(|ring, _, socket| {
        ring.submit(token(OpKind::Close, 0), Op::Close { socket });
        ring.submit(token(OpKind::Close, 0), Op::Close { socket });
    });
}

#[test]
#[should_panic(expected = "a Recv of token slot 7 while a Recv of it is in flight")]
fn two_receives_of_one_token_slot() {
    breach(|ring, outside, socket| {
        let (_, other) = connect(ring, outside);
        ring.submit(token(OpKind::Recv, 7), Op::Recv { socket, multishot: true });
        ring.submit(OpToken::new(OpKind::Recv, 2, 7), Op::Recv { socket: other, multishot: true });
    });
}

#[test]
#[should_panic(expected = "a Send with the token of a Recv")]
fn a_token_of_another_kind() {
    breach(|ring, _, socket| {
        let mut slot = ring.take_slot().expect("free");
        assert!(ring.fill(&mut slot).extend(b"x"));
        ring.submit(token(OpKind::Recv, 0), Op::Send { socket, slot });
    });
}

#[test]
#[should_panic(expected = "1 leases outlive their tick")]
fn keeping_a_lease() {
    breach(|ring, outside, _| {
        let (peer, socket) = connect(ring, outside);
        outside.peer_send(peer, b"x");
        ring.submit(token(OpKind::Recv, 0), Op::Recv { socket, multishot: true });
        let kept = wait(ring);
        assert_eq!(kept.len(), 1);
        wait(ring);
    });
}

#[test]
#[should_panic(expected = "not quiet: 1 send slots not returned, socket 0 from 10.0.0.1:40000 is open")]
fn leaking() {
    breach(|ring, outside, _| {
        let slot = ring.take_slot().expect("free");
        outside.assert_quiet();
        ring.return_slot(slot);
    });
}

#[test]
#[should_panic(expected = "a send of nothing")]
fn sending_nothing() {
    breach(|ring, _, socket| {
        let slot = ring.take_slot().expect("free");
        ring.submit(token(OpKind::Send, 0), Op::Send { socket, slot });
    });
}

#[test]
#[should_panic(expected = "listener 0 is closed while an accept is armed")]
fn closing_a_listener_that_accepts() {
    breach(|ring, _, _| {
        ring.submit(token(OpKind::Accept, 0), Op::Accept { listener: LISTENER });
        wait(ring);
        ring.close_listener(LISTENER);
    });
}

#[test]
#[should_panic(expected = "blob 0 was given up")]
fn reading_a_released_blob() {
    breach(|ring, _, _| {
        let blob = ring.freeze(vec![1, 2, 3]).expect("room");
        ring.release(blob);
        let _ = ring.blob(blob);
    });
}

#[test]
fn a_ring_may_be_dropped_with_everything_in_flight() {
    let (mut ring, outside) = quiet_ring();
    let (peer, socket) = connect(&mut ring, &outside);
    outside.peer_window(peer, 0);
    send(&mut ring, socket, b"never read");
    ring.submit(token(OpKind::Recv, 0), Op::Recv { socket, multishot: true });
    let completions: Vec<Completion> = wait(&mut ring);
    assert!(completions.is_empty());
    drop(ring);
}

#[test]
fn what_comes_back_can_be_put_away() {
    let (mut ring, outside) = quiet_ring();
    let (peer, socket) = connect(&mut ring, &outside);
    send(&mut ring, socket, b"hello");
    for completion in wait(&mut ring) {
        assert!(matches!(completion.outcome, Outcome::Sent(Ok(5), _)));
        put_away(&mut ring, completion);
    }
    assert_eq!(outside.peer_recv(peer), b"hello");
    ring.submit(token(OpKind::Close, 0), Op::Close { socket });
    wait(&mut ring);
    outside.assert_quiet();
}
