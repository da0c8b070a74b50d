//! Sends that nobody hears of again, unless they fail.

use slipring_ring::{Outcome, Ring, SendError};

use crate::receiving::pattern;
use crate::rig::Rig;
use crate::sending::fill_up;
use crate::world::World;

/// All bytes of each post arrive, and no completion says so.
pub fn a_post_leaves_whole_and_silently<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    let bytes = pattern(5_000);
    let blob = rig.ring().freeze(bytes.clone()).expect("there is room");
    rig.post(0, socket, blob, 5_000);
    rig.post(0, socket, blob, 100);
    rig.assert_silent();
    assert!(rig.world.recv(&mut peer, 5_100) == [&bytes[..], &bytes[..100]].concat());
    rig.ring().release(blob);
    rig.close(socket);
    rig.finish();
}

/// A socket without room takes a post when it has room again; it does not end short.
pub fn a_post_waits_for_room<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    fill_up(&mut rig, socket, |rig, streamed| {
        let bytes = pattern(100_000);
        let blob = rig.ring().freeze(bytes.clone()).expect("there is room");
        rig.post(0, socket, blob, 100_000);
        rig.assert_silent();
        rig.world.recv(&mut peer, streamed);
        rig.assert_silent();
        assert!(rig.world.recv(&mut peer, bytes.len()) == bytes);
        rig.ring().release(blob);
    });
    rig.close(socket);
    rig.finish();
}

pub fn a_post_that_fails_says_so<W: World>() {
    let mut rig = Rig::<W>::new();
    let (peer, socket) = rig.connected();
    let blob = rig.ring().freeze(b"nobody".to_vec()).expect("there is room");
    rig.post(0, socket, blob, 6);
    rig.assert_silent();
    rig.world.close_unread(peer);
    rig.assert_silent();
    // The reset has broken the socket; whichever operation is the first to meet it hears of it.
    let token = rig.post(0, socket, blob, 6);
    let Outcome::PostFailed(SendError::Broken(_)) = rig.outcome_of(token) else { panic!("a failed post") };
    rig.ring().release(blob);
    rig.close(socket);
    rig.finish();
}

/// A cancelled post ends so, unless it has left: then nobody finds it.
pub fn a_post_is_cancelled_or_has_left<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    let bytes = pattern(100_000);
    let blob = rig.ring().freeze(bytes.clone()).expect("there is room");
    let gone = rig.post(0, socket, blob, 10);
    rig.assert_silent();
    assert!(!rig.cancel(gone) && rig.world.recv(&mut peer, 10) == bytes[..10]);
    fill_up(&mut rig, socket, |rig, streamed| {
        let stuck = rig.post(1, socket, blob, 100_000);
        rig.assert_silent();
        let left = if rig.cancel(stuck) {
            let Outcome::PostFailed(SendError::Cancelled) = rig.outcome_of(stuck) else { panic!("a cancelled post") };
            0
        } else {
            bytes.len()
        };
        rig.world.recv(&mut peer, streamed + left);
        rig.assert_silent();
    });
    rig.ring().release(blob);
    rig.close(socket);
    rig.finish();
}
