//! An echo server and its peers, over many seeds: bytes arrive whole and in order or the connection was cut, everything
//! ends once the faults stop, nothing leaks, and a seed is one run.

use std::time::Duration;

use super::{
    Batch, Completion, LISTENER, Op, OpKind, OpToken, Outcome, Outside, PeerId, SimConfig, SimRing, Socket, token,
};
use crate::Ring;
use crate::buffer::SendSlot;
use crate::outcome::{RecvError, SendError};
use crate::sim::{PeerState, Random};

/// One connection of the server.
struct Connection {
    socket: Socket,
    pending: Vec<u8>,
    receiving: bool,
    sending: bool,
    ended: bool,
    broken: bool,
    /// One cancel is enough, whatever comes of it.
    cancelled: bool,
    closed: bool,
}

struct Server {
    ring: SimRing,
    connections: Vec<Connection>,
    accepting: bool,
    draining: bool,
    finished: bool,
}

const ACCEPT: OpToken = OpToken::new(OpKind::Accept, 0, 1000);

impl Server {
    fn new(ring: SimRing) -> Self {
        Self { ring, connections: Vec::new(), accepting: false, draining: false, finished: false }
    }

    fn tick(&mut self) {
        let mut batch = Batch::new();
        let until = self.ring.now().after(Duration::from_millis(1));
        self.ring.wait(Some(until), &mut batch).expect("never lost");
        for completion in batch.drain() {
            self.route(completion);
        }
        if !self.accepting && !self.draining {
            self.ring.submit(ACCEPT, Op::Accept { listener: LISTENER });
            self.accepting = true;
        }
        for number in 0..self.connections.len() {
            self.advance(number);
        }
    }

    fn route(&mut self, completion: Completion) {
        let number = completion.token.slot() as usize;
        match completion.outcome {
            Outcome::Accepted(result) => {
                self.accepting = completion.more;
                if let Ok(socket) = result {
                    self.connections.push(Connection {
                        socket,
                        pending: Vec::new(),
                        receiving: false,
                        sending: false,
                        ended: false,
                        broken: false,
                        cancelled: false,
                        closed: false,
                    });
                }
            }
            Outcome::Received(result) => {
                let connection = &mut self.connections[number];
                connection.receiving = completion.more;
                match result {
                    Ok(Some(lease)) => {
                        connection.pending.extend_from_slice(self.ring.bytes(&lease));
                        self.ring.give_back(lease);
                    }
                    Ok(None) => connection.ended = true,
                    Err(RecvError::Broken(_)) => connection.broken = true,
                    Err(RecvError::NoBuffers | RecvError::Cancelled) => {}
                }
            }
            Outcome::Sent(result, slot) => self.sent(number, result, slot),
            Outcome::Done | Outcome::Cancelled(_) => {}
            other => panic!("{other:?}"),
        }
    }

    fn sent(&mut self, number: usize, result: Result<u32, SendError>, slot: SendSlot) {
        let connection = &mut self.connections[number];
        connection.broken |= result.is_err();
        if slot.unsent() > 0 && !connection.broken {
            let socket = connection.socket;
            return self.ring.submit(token(OpKind::Send, number as u32), Op::Send { socket, slot });
        }
        connection.sending = false;
        self.ring.return_slot(slot);
    }

    fn advance(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        let socket = connection.socket;
        if connection.closed {
            return;
        }
        if !connection.sending
            && !connection.pending.is_empty()
            && !connection.broken
            && let Some(mut slot) = self.ring.take_slot()
        {
            let room = self.ring.fill(&mut slot).room().min(connection.pending.len());
            assert!(self.ring.fill(&mut slot).extend(&connection.pending[..room]));
            connection.pending.drain(..room);
            connection.sending = true;
            self.ring.submit(token(OpKind::Send, number as u32), Op::Send { socket, slot });
        }
        let over = connection.broken || (connection.ended && connection.pending.is_empty() && !connection.sending);
        if !over && !connection.ended && !connection.receiving {
            connection.receiving = true;
            self.ring
                .submit(token(OpKind::Recv, number as u32), Op::Recv { socket, multishot: number.is_multiple_of(2) });
        }
        if over && !connection.receiving && !connection.sending {
            connection.closed = true;
            self.ring.submit(token(OpKind::Close, number as u32), Op::Close { socket });
        } else if over && connection.receiving && !connection.cancelled {
            connection.cancelled = true;
            let target = token(OpKind::Recv, number as u32);
            self.ring.submit(token(OpKind::Cancel, number as u32), Op::Cancel { target });
        }
    }

    fn drain(&mut self) {
        if !self.draining {
            self.draining = true;
            self.ring.submit(ACCEPT.with_kind(OpKind::Cancel), Op::Cancel { target: ACCEPT });
        }
        self.finished = !self.accepting && self.connections.iter().all(|connection| connection.closed);
    }
}

/// A peer that sends what its random stream says and reads as it likes.
struct Peer {
    id: PeerId,
    to_send: Vec<u8>,
    sent: usize,
    received: Vec<u8>,
    done: bool,
    gone: bool,
}

impl Peer {
    fn act(&mut self, outside: &Outside, random: &mut Random) {
        if self.gone {
            return;
        }
        if self.sent < self.to_send.len() {
            let piece = (random.between(1, 3000) as usize).min(self.to_send.len() - self.sent);
            self.sent += outside.peer_send(self.id, &self.to_send[self.sent..self.sent + piece]);
        } else if !self.done {
            outside.peer_shutdown(self.id);
            self.done = true;
        }
        if random.chance(20_000) {
            outside.peer_window(self.id, random.between(0, 5000) as usize);
        }
        if random.chance(2_000) {
            outside.peer_reset(self.id);
            self.gone = true;
        }
        let max = random.between(0, 4000) as usize;
        outside.peer_recv_some(self.id, &mut self.received, max);
        assert!(self.to_send.starts_with(&self.received), "peer {:?} got bytes that it did not send", self.id);
    }

    /// Sends and reads what is left, as fast as it goes.
    fn finish(&mut self, outside: &Outside, random: &mut Random) {
        outside.peer_window(self.id, 1 << 20);
        self.act(outside, random);
        outside.peer_recv_some(self.id, &mut self.received, usize::MAX);
    }

    /// Whether all of it came back; a peer that is left out has an excuse.
    fn check(&self, outside: &Outside, seed: u64) -> bool {
        if self.gone || outside.peer_was_cut(self.id) {
            return false;
        }
        assert_eq!(outside.peer_state(self.id), PeerState::Finished, "seed {seed}, peer {:?}", self.id);
        assert_eq!(self.received, self.to_send, "seed {seed}, peer {:?}", self.id);
        true
    }
}

/// What came of a run.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    trace_hash: u64,
    events: u64,
    peers: usize,
    whole: usize,
}

fn run(seed: u64) -> Run {
    let ring = SimRing::new(SimConfig::with_faults(seed));
    let outside = ring.outside();
    let mut server = Server::new(ring);
    let mut random = Random::new(seed ^ 0xec40);
    let mut peers: Vec<Peer> = Vec::new();
    for _ in 0..150 {
        if peers.len() < 12 && random.chance(200_000) {
            peers.push(new_peer(&outside, &mut random));
        }
        for peer in &mut peers {
            peer.act(&outside, &mut random);
        }
        server.tick();
    }
    outside.stop_faults();
    let mut ticks = 0;
    while !server.finished {
        ticks += 1;
        assert!(ticks < 5000, "seed {seed} does not come to an end:\n{}", outside.lines().join("\n"));
        for peer in &mut peers {
            peer.finish(&outside, &mut random);
        }
        server.tick();
        // Every peer was accepted before the drain, so that each has an echo to expect.
        if ticks > 200 {
            server.drain();
        }
    }
    server.tick();
    for peer in &mut peers {
        peer.finish(&outside, &mut random);
    }
    let whole = peers.iter().filter(|peer| peer.check(&outside, seed)).count();
    settle(&mut server, &outside);
    Run { trace_hash: outside.trace_hash(), events: outside.events(), peers: peers.len(), whole }
}

fn new_peer(outside: &Outside, random: &mut Random) -> Peer {
    let id = outside.connect(LISTENER);
    let len = random.between(0, 20_000);
    let to_send = (0..len).map(|_| random.bits() as u8).collect();
    Peer { id, to_send, sent: 0, received: Vec::new(), done: false, gone: false }
}

/// Lets the last closes and cancels come back.
fn settle(server: &mut Server, outside: &Outside) {
    for _ in 0..300 {
        server.tick();
    }
    outside.assert_quiet();
}

#[test]
fn an_echo_server_keeps_every_promise_under_faults() {
    let runs: Vec<Run> = (0..300).map(run).collect();
    let sum = |of: fn(&Run) -> usize| runs.iter().map(of).sum::<usize>();
    let (peers, whole) = (sum(|run| run.peers), sum(|run| run.whole));
    println!("{peers} peers, {whole} whole, {} events", sum(|run| run.events as usize));
    assert!(whole > peers / 4 && whole < peers, "the faults neither spare everybody nor kill everybody");
}

#[test]
fn a_seed_is_one_run() {
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
    assert_ne!(run(1).trace_hash, run(2).trace_hash);
}
