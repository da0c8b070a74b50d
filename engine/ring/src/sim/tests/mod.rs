//! The simulation tested by what is built on it: an echo server under every fault, and each rule of the caller broken.
//!
//! What every ring does is tested in `tests/ring_contract.rs`; here stands what only the simulation promises.

mod echo;
mod rules;
mod world;

use super::{Outside, PeerId, SimConfig, SimRing};
use crate::Ring;
use crate::completion::{Batch, Completion, Outcome};
use crate::op::{ListenerId, Op, Socket};
use crate::time::Deadline;
use crate::token::{OpKind, OpToken};

const LISTENER: ListenerId = ListenerId(0);

fn token(kind: OpKind, slot: u32) -> OpToken {
    OpToken::new(kind, 1, slot)
}

fn quiet_ring() -> (SimRing, Outside) {
    let ring = SimRing::new(SimConfig::new(1));
    let outside = ring.outside();
    (ring, outside)
}

/// Waits once, letting nothing happen that is not due.
fn wait(ring: &mut SimRing) -> Vec<Completion> {
    let mut batch = Batch::new();
    let until = Deadline::at(ring.now());
    ring.wait(Some(until), &mut batch).expect("a simulated ring is never lost");
    batch.drain().collect()
}

/// A connection, accepted.
fn connect(ring: &mut SimRing, outside: &Outside) -> (PeerId, Socket) {
    let peer = outside.connect(LISTENER);
    let socket = ring.accept_now(LISTENER).expect("somebody waits").expect("no faults");
    (peer, socket)
}

/// Sends `bytes` in a slot of its own; the outcome is in a later `wait`.
fn send(ring: &mut SimRing, socket: Socket, bytes: &[u8]) {
    let mut slot = ring.take_slot().expect("a free slot");
    assert!(ring.fill(&mut slot).extend(bytes));
    ring.submit(token(OpKind::Send, 0), Op::Send { socket, slot });
}

/// Gives back whatever a completion brought.
fn put_away(ring: &mut SimRing, completion: Completion) {
    match completion.outcome {
        Outcome::Received(Ok(Some(lease))) => ring.give_back(lease),
        Outcome::Sent(_, slot) => ring.return_slot(slot),
        Outcome::Streamed(_, transfer) | Outcome::Read(_, transfer) | Outcome::Written(_, transfer) => {
            ring.return_transfer(transfer);
        }
        _ => {}
    }
}
