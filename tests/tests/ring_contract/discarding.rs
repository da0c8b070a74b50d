//! Bytes that nobody looks at.

use slipring_ring::{Op, OpKind, OpToken, Outcome, RecvError, Ring, Socket};

use crate::receiving::pattern;
use crate::rig::Rig;
use crate::world::World;

fn submit<W: World>(rig: &mut Rig<W>, socket: Socket, len: u32) -> OpToken {
    rig.submit(OpKind::Discard, 0, Op::Discard { socket, len })
}

fn discarded<W: World>(rig: &mut Rig<W>, token: OpToken) -> Result<u32, RecvError> {
    let Outcome::Discarded(result) = rig.outcome_of(token) else { panic!("a discard") };
    result
}

/// Not one byte more than was asked goes: what stands behind is received as it was sent.
pub fn a_discard_takes_no_more_than_its_length<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    let sent = pattern(50_000);
    rig.world.send(&mut peer, &sent);
    let mut gone = 0;
    while gone < 40_001 {
        let token = submit(&mut rig, socket, 40_001 - gone);
        let len = discarded(&mut rig, token).expect("bytes are there");
        assert!((1..=40_001 - gone).contains(&len));
        gone += len;
    }
    assert!(rig.receive(0, socket, true, 9_999) == sent[40_001..], "what stands behind is whole");
    rig.close(socket);
    rig.finish();
}

pub fn a_discard_waits_for_bytes<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    let token = submit(&mut rig, socket, 1 << 30);
    rig.assert_silent();
    rig.world.send(&mut peer, b"late");
    assert_eq!(discarded(&mut rig, token), Ok(4), "it does not wait for more than is there");
    let token = submit(&mut rig, socket, 10);
    rig.assert_silent();
    assert!(rig.cancel(token));
    assert_eq!(discarded(&mut rig, token), Err(RecvError::Cancelled));
    rig.world.send(&mut peer, b"kept");
    assert_eq!(rig.receive(0, socket, false, 4), b"kept", "a cancelled discard takes nothing");
    rig.close(socket);
    rig.finish();
}

pub fn a_discard_sees_the_end<W: World>() {
    let mut rig = Rig::<W>::new();
    let (mut peer, socket) = rig.connected();
    rig.world.send(&mut peer, b"last");
    rig.world.shutdown(&mut peer);
    let token = submit(&mut rig, socket, 100);
    assert_eq!(discarded(&mut rig, token), Ok(4));
    let token = submit(&mut rig, socket, 100);
    assert_eq!(discarded(&mut rig, token), Ok(0), "the half-close");
    rig.close(socket);
    rig.finish();
}

pub fn a_reset_breaks_a_discard<W: World>() {
    let mut rig = Rig::<W>::new();
    let (peer, socket) = rig.connected();
    let slot = rig.filled(b"never read");
    let slot = rig.send_all(0, socket, slot);
    rig.ring().return_slot(slot);
    let token = submit(&mut rig, socket, 100);
    rig.assert_silent();
    rig.world.close_unread(peer);
    assert_eq!(discarded(&mut rig, token), Err(RecvError::Broken(libc::ECONNRESET)));
    rig.close(socket);
    rig.finish();
}
