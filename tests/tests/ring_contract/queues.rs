//! Submission, completion, wakes and time.

use std::thread;
use std::time::Duration;

use slipring_ring::limits::BATCH_MAX;
use slipring_ring::{Batch, Deadline, Instant, Op, OpKind, OpToken, Outcome, RecvError, Ring};

use crate::rig::Rig;
use crate::world::{LIMITS, LISTENER, ROOT, World};

/// Many more operations than the submission queue takes, of several kinds: each ends once (the rig's books).
pub fn every_submission_ends_once<W: World>() {
    let mut rig = Rig::<W>::new();
    let connections: Vec<_> = (0..40).map(|_| rig.connected()).collect();
    let (mut peers, sockets): (Vec<_>, Vec<_>) = connections.into_iter().unzip();
    let mut receives = Vec::new();
    for (number, socket) in sockets.iter().enumerate() {
        receives.push(rig.submit(OpKind::Recv, number as u32, Op::Recv { socket: *socket, multishot: false }));
        let target = OpToken::new(OpKind::Poll, 1, number as u32);
        rig.submit(OpKind::Cancel, number as u32, Op::Cancel { target });
        rig.submit(OpKind::Poll, number as u32 + 100, Op::Poll { socket: *socket });
    }
    let submitted = sockets.len() * 3;
    assert!(submitted > 4 * LIMITS.submissions as usize);
    for (number, peer) in peers.iter_mut().enumerate() {
        rig.world.send(peer, &[number as u8]);
    }
    for (number, receive) in receives.into_iter().enumerate() {
        let expected = vec![number as u8];
        match rig.received(receive) {
            // 40 peers at once and a pool of 8.
            (Err(RecvError::NoBuffers), false) => {
                assert_eq!(rig.receive(number as u32, sockets[number], false, 1), expected);
            }
            result => assert_eq!(result, (Ok(Some(expected)), false)),
        }
    }
    for _ in 0..submitted - sockets.len() {
        let seen = rig.next();
        assert!(!seen.more && matches!(seen.token.kind(), OpKind::Cancel | OpKind::Poll), "{seen:?}");
    }
    for (number, socket) in sockets.iter().enumerate() {
        rig.submit(OpKind::Close, number as u32, Op::Close { socket: *socket });
    }
    for _ in &sockets {
        assert_eq!(rig.next().token.kind(), OpKind::Close);
    }
    rig.finish();
}

pub fn more_opens_than_places_wait_their_turn<W: World>() {
    let mut rig = Rig::<W>::new();
    let opens = 5 * LIMITS.opens;
    for number in 0..opens {
        rig.world.put_file(&number.to_string(), &vec![0; number as usize]);
    }
    let paths: Vec<String> = (0..opens).map(|number| number.to_string()).collect();
    let tokens: Vec<OpToken> = (0..opens)
        .map(|number| {
            rig.submit(OpKind::Open, number, Op::Open { root: ROOT, path: paths[number as usize].as_bytes() })
        })
        .collect();
    for (number, token) in tokens.into_iter().enumerate() {
        let Outcome::Opened(Ok(file)) = rig.outcome_of(token) else { panic!("an open") };
        assert_eq!(rig.ring().measure(file).expect("it is open").size, number as u64, "each gets its own file");
        rig.submit(OpKind::CloseFile, number as u32, Op::CloseFile { file });
    }
    for _ in 0..opens {
        assert_eq!(rig.next().token.kind(), OpKind::CloseFile);
    }
    rig.finish();
}

pub fn a_batch_is_bounded<W: World>() {
    let mut rig = Rig::<W>::new();
    let submitted = 2 * BATCH_MAX + 50;
    let ring = rig.ring();
    for number in 0..submitted as u32 {
        let target = OpToken::new(OpKind::Recv, 3, number);
        ring.submit(OpToken::new(OpKind::Cancel, 1, number), Op::Cancel { target });
    }
    let mut batch = Batch::new();
    let mut seen = vec![false; submitted];
    let mut waits = 0;
    while seen.contains(&false) {
        let until = ring.now().after(Duration::from_secs(10));
        ring.wait(Some(until), &mut batch).expect("the ring is not lost");
        assert!(batch.len() <= BATCH_MAX);
        waits += 1;
        for completion in batch.drain() {
            assert!(matches!(completion.outcome, Outcome::Cancelled(false)));
            let place = &mut seen[completion.token.slot() as usize];
            assert!(!std::mem::replace(place, true), "{completion:?} came twice");
        }
    }
    assert!(waits >= 3, "{submitted} completions in {waits} batches");
    rig.finish();
}

fn is_woken(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Woken)
}

/// Waits until something comes; what came.
fn wait_for_some<W: World>(rig: &mut Rig<W>) -> Vec<(OpKind, Outcome)> {
    let mut batch = Batch::new();
    while batch.is_empty() {
        rig.ring().wait(Some(Deadline::NEVER), &mut batch).expect("the ring is not lost");
    }
    batch.drain().map(|completion| (completion.token.kind(), completion.outcome)).collect()
}

pub fn wakes_before_the_completion_are_one<W: World>() {
    let mut rig = Rig::<W>::new();
    let waker = rig.ring().waker();
    for _ in 0..3 {
        waker.wake();
        waker.clone().wake();
        waker.wake();
        let came = wait_for_some(&mut rig);
        assert!(came.len() == 1 && came[0].0 == OpKind::Wake && is_woken(&came[0].1), "{came:?}");
        rig.assert_silent();
    }
    rig.finish();
}

pub fn a_wake_comes_from_another_thread<W: World>() {
    let mut rig = Rig::<W>::new();
    for _ in 0..20 {
        let waker = rig.ring().waker();
        let thread = thread::spawn(move || waker.wake());
        let came = wait_for_some(&mut rig);
        assert!(came.len() == 1 && is_woken(&came[0].1), "{came:?}");
        thread.join().expect("a wake does not fail");
    }
    rig.finish();
}

pub fn time_never_goes_back<W: World>() {
    let mut rig = Rig::<W>::new();
    let mut last: Instant = rig.ring().now();
    for _ in 0..100 {
        rig.wait(Duration::ZERO);
        let now = rig.ring().now();
        assert!(now >= last);
        assert_eq!(rig.ring().now(), now, "time stands still between waits");
        last = now;
    }
    assert!(rig.ring().wall().secs > 1_700_000_000, "the wall clock is set");
    rig.finish();
}

/// A wait may return early, but time gets there; no upper bound, which a loaded machine would break.
pub fn a_deadline_is_waited_for<W: World>() {
    let mut rig = Rig::<W>::new();
    // Something that never completes is in flight.
    let token = rig.submit(OpKind::Accept, 0, Op::Accept { listener: LISTENER });
    rig.wait(Duration::ZERO);
    let until = rig.ring().now().after(Duration::from_millis(20));
    let mut batch = Batch::new();
    let mut waits = 0;
    while !until.passed(rig.ring().now()) {
        rig.ring().wait(Some(until), &mut batch).expect("the ring is not lost");
        assert!(batch.is_empty());
        waits += 1;
        assert!(waits < 1000, "a wait for 20 ms returns again and again");
    }
    assert!(rig.cancel(token));
    let _ = rig.outcome_of(token);
    rig.finish();
}

pub fn a_deadline_in_the_past_does_not_wait<W: World>() {
    let mut rig = Rig::<W>::new();
    let token = rig.submit(OpKind::Accept, 0, Op::Accept { listener: LISTENER });
    let past = Deadline::at(rig.ring().now());
    let mut batch = Batch::new();
    for _ in 0..100 {
        rig.ring().wait(Some(past), &mut batch).expect("the ring is not lost");
        assert!(batch.is_empty());
    }
    // Waits that do not wait still see what is ready.
    let _peer = rig.world.connect();
    for _ in 0..1000 {
        if batch.is_empty() {
            rig.ring().wait(Some(past), &mut batch).expect("the ring is not lost");
        }
    }
    let completion = batch.drain().next().expect("1,000 waits showed what was ready before the first");
    let Outcome::Accepted(Ok(socket)) = completion.outcome else { panic!("{completion:?}") };
    assert_eq!(completion.token, token);
    rig.close(socket);
}

pub fn a_ring_may_be_dropped_with_operations_in_flight<W: World>() {
    let mut rig = Rig::<W>::new();
    let (_peer, socket) = rig.connected();
    rig.submit(OpKind::Accept, 0, Op::Accept { listener: LISTENER });
    rig.submit(OpKind::Recv, 0, Op::Recv { socket, multishot: true });
    rig.wait(Duration::ZERO);
    crate::sending::fill_up(&mut rig, socket, |rig, _| {
        let slot = rig.filled(b"on its way");
        rig.submit(OpKind::Send, 0, Op::Send { socket, slot });
    });
    drop(rig);
}
