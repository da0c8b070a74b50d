//! What the cases have in common: submitting, waiting, and the books of what is in flight.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use slipring_ring::{
    Batch, BlobId, Op, OpKind, OpToken, Outcome, RecvError, Ring, SendError, SendSlot, Socket, limits::BATCH_MAX,
};

use crate::world::{LIMITS, LISTENER, World};

/// A world and what is in flight in it. Leases are copied, held until all of their batch was seen, and given back.
pub struct Rig<W: World> {
    /// The ring and its surroundings.
    pub world: W,
    /// How often [`Rig::receive`] found no buffer.
    pub starved: usize,
    in_flight: HashSet<u64>,
    seen: VecDeque<Seen>,
}

/// A completion, with the bytes of its lease.
#[derive(Debug)]
pub struct Seen {
    /// Of which operation.
    pub token: OpToken,
    /// Whether it is still armed.
    pub more: bool,
    /// What came of it.
    pub what: What,
}

/// An outcome.
#[derive(Debug)]
pub enum What {
    /// Bytes, half-close or an error.
    Received(Result<Option<Vec<u8>>, RecvError>),
    /// Any other.
    Other(Outcome),
}

/// A ring has this long for one completion: much longer than any loaded machine takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a case waits for what must not come.
const QUIET: Duration = Duration::from_millis(30);

impl<W: World> Rig<W> {
    /// A fresh world.
    pub fn new() -> Self {
        Self::of(W::new())
    }

    /// A fresh world with a launcher.
    pub fn with_programs() -> Self {
        Self::of(W::with_programs())
    }

    fn of(world: W) -> Self {
        Self { world, starved: 0, in_flight: HashSet::new(), seen: VecDeque::new() }
    }

    /// The ring.
    pub fn ring(&mut self) -> &mut W::Ring {
        self.world.ring()
    }

    /// Submits with the token of `kind` and `slot`.
    pub fn submit(&mut self, kind: OpKind, slot: u32, op: Op<'_>) -> OpToken {
        let token = OpToken::new(kind, 1, slot);
        assert!(self.in_flight.insert(token.to_bits()), "the case reuses {token:?}");
        self.world.ring().submit(token, op);
        token
    }

    /// Posts the start of a blob.
    pub fn post(&mut self, slot: u32, socket: Socket, blob: BlobId, len: u32) -> OpToken {
        let token = OpToken::new(OpKind::Post, 1, slot);
        self.world.ring().submit(token, Op::Post { socket, blob, len });
        token
    }

    /// Waits once and keeps the books.
    pub fn wait(&mut self, patience: Duration) {
        let mut batch = Batch::new();
        let until = self.ring().now().after(patience);
        self.ring().wait(Some(until), &mut batch).expect("the ring is not lost");
        assert!(batch.len() <= BATCH_MAX);
        let mut leases = Vec::new();
        for completion in batch.drain() {
            if !completion.more && completion.token.kind() != OpKind::Wake {
                let known = self.in_flight.remove(&completion.token.to_bits());
                // A post that went well never ends, so it is in no book.
                assert!(known || completion.token.kind() == OpKind::Post, "{completion:?} ends what is not in flight");
            }
            let what = match completion.outcome {
                Outcome::Received(Ok(Some(lease))) => {
                    let bytes = self.ring().bytes(&lease).to_vec();
                    assert_eq!(bytes.len(), lease.len());
                    leases.push(lease);
                    What::Received(Ok(Some(bytes)))
                }
                Outcome::Received(Ok(None)) => What::Received(Ok(None)),
                Outcome::Received(Err(error)) => What::Received(Err(error)),
                other => What::Other(other),
            };
            self.seen.push_back(Seen { token: completion.token, more: completion.more, what });
        }
        assert!(leases.len() <= usize::from(LIMITS.recv_buffers), "each lease is a buffer of its own");
        for lease in leases {
            self.ring().give_back(lease);
        }
    }

    /// The next completion.
    pub fn next(&mut self) -> Seen {
        let start = self.ring().now();
        loop {
            if let Some(seen) = self.seen.pop_front() {
                return seen;
            }
            assert!(self.ring().now().since(start) < PATIENCE, "no completion came; in flight: {:?}", self.in_flight);
            self.wait(PATIENCE);
        }
    }

    /// The next completion of one operation; others that come before it are kept.
    pub fn next_of(&mut self, token: OpToken) -> Seen {
        let mut others = VecDeque::new();
        let found = loop {
            let seen = self.next();
            if seen.token == token {
                break seen;
            }
            others.push_back(seen);
        };
        others.append(&mut self.seen);
        self.seen = others;
        found
    }

    /// The next outcome of one operation that is no receive.
    pub fn outcome_of(&mut self, token: OpToken) -> Outcome {
        match self.next_of(token).what {
            What::Other(outcome) => outcome,
            What::Received(result) => panic!("{result:?} of {token:?}"),
        }
    }

    /// The next result of a receive and whether it is still armed.
    pub fn received(&mut self, token: OpToken) -> (Result<Option<Vec<u8>>, RecvError>, bool) {
        match self.next_of(token) {
            Seen { what: What::Received(result), more, .. } => (result, more),
            other => panic!("{other:?}"),
        }
    }

    /// Receives until `len` bytes are there, arming again whenever the receive ends.
    pub fn receive(&mut self, slot: u32, socket: Socket, multishot: bool, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut armed = None;
        while bytes.len() < len {
            let token = armed.unwrap_or_else(|| self.submit(OpKind::Recv, slot, Op::Recv { socket, multishot }));
            let (result, more) = self.received(token);
            armed = more.then_some(token);
            match result {
                Ok(Some(more)) => bytes.extend(more),
                Ok(None) => panic!("a half-close after {} of {len} bytes", bytes.len()),
                Err(RecvError::NoBuffers) => {
                    assert!(!more, "it ends a receive");
                    self.starved += 1;
                }
                Err(error) => panic!("{error} after {} of {len} bytes", bytes.len()),
            }
        }
        if let Some(token) = armed {
            self.cancel(token);
            let (result, _) = self.received(token);
            assert_eq!(result, Err(RecvError::Cancelled));
        }
        bytes
    }

    /// Cancels and waits for the cancel's own completion; whether it found its target.
    pub fn cancel(&mut self, target: OpToken) -> bool {
        let token = self.submit(OpKind::Cancel, target.slot(), Op::Cancel { target });
        match self.outcome_of(token) {
            Outcome::Cancelled(found) => found,
            other => panic!("{other:?}"),
        }
    }

    /// A peer and its accepted socket.
    pub fn connected(&mut self) -> (W::Peer, Socket) {
        let peer = self.world.connect();
        (peer, self.accepted())
    }

    /// The next connection in the queue.
    pub fn accepted(&mut self) -> Socket {
        self.ring().accept_now(LISTENER).expect("a peer has connected").expect("it can be accepted")
    }

    /// A slot that holds `bytes`.
    pub fn filled(&mut self, bytes: &[u8]) -> SendSlot {
        let mut slot = self.ring().take_slot().expect("a free slot");
        assert!(self.ring().fill(&mut slot).extend(bytes), "it fits");
        slot
    }

    /// One send; how much left.
    pub fn send_once(&mut self, number: u32, socket: Socket, slot: SendSlot) -> (Result<u32, SendError>, SendSlot) {
        let token = self.submit(OpKind::Send, number, Op::Send { socket, slot });
        match self.outcome_of(token) {
            Outcome::Sent(result, slot) => (result, slot),
            other => panic!("{other:?}"),
        }
    }

    /// Sends until nothing of the slot is left; the slot comes back.
    pub fn send_all(&mut self, number: u32, socket: Socket, slot: SendSlot) -> SendSlot {
        let mut slot = slot;
        while slot.unsent() > 0 {
            let before = slot.unsent();
            let (result, back) = self.send_once(number, socket, slot);
            slot = back;
            let sent = result.expect("the peer is there") as usize;
            assert!(sent > 0 && slot.unsent() == before - sent, "the slot moves by what was sent");
        }
        slot
    }

    /// Closes a socket and waits for it.
    pub fn close(&mut self, socket: Socket) {
        let token = self.submit(OpKind::Close, 0, Op::Close { socket });
        assert!(matches!(self.outcome_of(token), Outcome::Done));
    }

    /// Asserts that nothing comes for a while.
    pub fn assert_silent(&mut self) {
        self.wait(QUIET);
        assert!(self.seen.is_empty(), "nobody expects {:?}", self.seen);
    }

    /// Ends a case: nothing is in flight and nothing more comes.
    pub fn finish(mut self) {
        self.assert_silent();
        assert!(self.in_flight.is_empty(), "{:?} never ended", self.in_flight);
    }
}
