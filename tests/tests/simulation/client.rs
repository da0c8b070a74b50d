//! A scripted peer: what it sends and when, how it reads, and how it ends.

use slipring_ring::sim::{Outside, PeerId, PeerState, Random};
use slipring_ring::{Instant, ListenerId};

use crate::answers::Answers;
use crate::requests::Request;

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Temper {
    /// The round in which it connects.
    joins: u32,
    /// Of a million, how often it acts in a round.
    acts: u32,
    /// Bytes that it sends at once.
    piece_max: u64,
    /// It sends requests without waiting for answers.
    pipelines: bool,
    /// It goes on sending behind an answer that ends the connection.
    deaf: bool,
    /// Bytes that it reads at once; 0: it never reads.
    read_max: usize,
    /// Bytes that it takes unread.
    window: usize,
    /// Acts that it waits for a 100.
    patience: u32,
    /// How it ends.
    pub ending: Ending,
}

/// How a client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// FIN behind its last request, then it reads to the end.
    HalfClose,
    /// FIN somewhere, with whole and partial requests before it.
    HalfCloseAt(usize),
    /// It closes when it has its answers.
    Close,
    /// It leaves the end to the server.
    Stay,
    /// It resets the connection after so many acts.
    ResetAfter(u32),
    /// It closes after so many acts.
    CloseAfter(u32),
    /// It never reads, and stays.
    Stubborn,
}

/// One client and its connection.
pub struct Client {
    /// Its connection, once it has one.
    pub id: Option<PeerId>,
    /// What it asks for.
    pub requests: Vec<Request>,
    /// How it behaves.
    pub temper: Temper,
    /// Everything that it received.
    pub received: Vec<u8>,
    /// The same, read.
    pub answers: Answers,
    /// When it connected.
    pub connected: Instant,
    /// Bytes sent of the whole script.
    pub sent: usize,
    /// For each request, the round and the time in which its first byte was sent.
    pub begun: Vec<(u32, Instant)>,
    /// It sent FIN.
    pub half_closed: bool,
    /// It closed or reset the connection itself.
    pub gone: bool,
    /// The end that it saw.
    pub end: Option<PeerState>,
    wire: Vec<u8>,
    /// Where each request ends in `wire`, and where the client may wait inside.
    bounds: Vec<(usize, usize)>,
    acts: u32,
    waited: u32,
}

impl Client {
    /// A random client of a run of about `rounds` rounds; `draw` makes a request, and is told of the last.
    pub fn draw(random: &mut Random, rounds: u32, draw: fn(&mut Random, bool) -> Request) -> Self {
        let count = random.pick(&[1, 1, 2, 3, 5, 8]);
        let requests = (0..count).map(|number| draw(random, number + 1 == count)).collect();
        Self::new(requests, Temper::draw(random, rounds))
    }

    /// A client with this script.
    pub fn new(requests: Vec<Request>, mut temper: Temper) -> Self {
        let (mut wire, mut bounds) = (Vec::new(), Vec::new());
        for request in &requests {
            wire.extend_from_slice(&request.head);
            let inside = wire.len();
            wire.extend_from_slice(&request.body);
            bounds.push((inside, wire.len()));
        }
        if let Ending::HalfCloseAt(at) = &mut temper.ending {
            *at %= wire.len() + 1;
        }
        Self {
            id: None,
            begun: Vec::with_capacity(requests.len()),
            requests,
            temper,
            received: Vec::new(),
            answers: Answers::default(),
            connected: Instant::ORIGIN,
            sent: 0,
            half_closed: false,
            gone: false,
            end: None,
            wire,
            bounds,
            acts: 0,
            waited: 0,
        }
    }

    /// Does what it does in a round; whether it did anything.
    pub fn act(&mut self, outside: &Outside, random: &mut Random, round: u32) -> Result<bool, String> {
        if self.is_over() || round < self.temper.joins || !random.chance(self.temper.acts) {
            return Ok(false);
        }
        let Some(id) = self.id else {
            self.connect(outside);
            return Ok(true);
        };
        self.acts += 1;
        if self.leaves(outside, id) {
            return Ok(true);
        }
        let max = random.between(0, self.temper.read_max as u64) as usize;
        let read = self.read(outside, id, max, round)?;
        let piece = random.between(1, self.temper.piece_max) as usize;
        let sent = self.send(outside, id, piece, round);
        let ended = self.end_if_due(outside, id);
        Ok(read || sent || ended)
    }

    /// As [`Self::act`], without delay or whim: from here on everything has to come to its end.
    pub fn finish(&mut self, outside: &Outside, round: u32) -> Result<bool, String> {
        if self.is_over() {
            return Ok(false);
        }
        let Some(id) = self.id else {
            self.connect(outside);
            return Ok(true);
        };
        if let Ending::ResetAfter(acts) | Ending::CloseAfter(acts) = &mut self.temper.ending {
            *acts = 0;
        }
        if self.leaves(outside, id) {
            return Ok(true);
        }
        self.temper.patience = u32::MAX;
        let stubborn = self.temper.ending == Ending::Stubborn;
        if !stubborn && self.temper.window < EAGER_WINDOW {
            self.temper.window = EAGER_WINDOW;
            outside.peer_window(id, EAGER_WINDOW);
        }
        let read = !stubborn && self.read(outside, id, usize::MAX, round)?;
        let sent = self.send(outside, id, usize::MAX, round);
        let ended = self.end_if_due(outside, id);
        Ok(read || sent || ended)
    }

    /// Whether nothing more will come of it.
    pub fn is_over(&self) -> bool {
        self.gone || self.end.is_some()
    }

    /// Whether it has nothing more to do than to see the end.
    pub fn is_done(&self) -> bool {
        self.is_over() || (self.temper.ending == Ending::Stubborn && self.id.is_some()) || self.has_its_answers()
    }

    /// Whether it saw its end, or will not look for one.
    pub fn is_settled(&self) -> bool {
        self.is_over() || self.id.is_none() || self.temper.ending == Ending::Stubborn
    }

    /// Where request `number` ends in what is sent.
    pub fn bound(&self, number: usize) -> usize {
        self.bounds.get(number).map_or(0, |bound| bound.1)
    }

    /// Where request `number` begins in what is sent.
    pub fn start(&self, number: usize) -> usize {
        number.checked_sub(1).map_or(0, |before| self.bound(before))
    }

    /// How far it has come, for a person.
    pub fn story(&self) -> String {
        let requests = self.requests.iter().enumerate().map(|(number, request)| {
            let head = request.head[..request.head.len().min(300)].escape_ascii();
            format!("\n    {number} to {}: {head}, {:?}", self.bound(number), request.want.end)
        });
        format!(
            "{:?}, {} of {} bytes sent, {} received, {} answers, end {:?}, {:?}{}",
            self.id,
            self.sent,
            self.wire.len(),
            self.received.len(),
            self.answers.whole(),
            self.end,
            self.temper,
            requests.collect::<String>()
        )
    }

    fn connect(&mut self, outside: &Outside) {
        let id = outside.connect(ListenerId(0));
        outside.peer_window(id, self.temper.window);
        self.connected = outside.now();
        self.id = Some(id);
        if outside.peer_state(id) == PeerState::Refused {
            self.end = Some(PeerState::Refused);
        }
    }

    /// Leaves when its time has come.
    fn leaves(&mut self, outside: &Outside, id: PeerId) -> bool {
        match self.temper.ending {
            Ending::ResetAfter(acts) if self.acts >= acts => outside.peer_reset(id),
            Ending::CloseAfter(acts) if self.acts >= acts => outside.peer_close(id),
            _ => return false,
        }
        self.gone = true;
        true
    }

    fn read(&mut self, outside: &Outside, id: PeerId, max: usize, round: u32) -> Result<bool, String> {
        let read = max > 0 && outside.peer_recv_some(id, &mut self.received, max) > 0;
        if read {
            self.answers.read(&self.received, &self.requests, round)?;
        }
        let state = outside.peer_state(id);
        if matches!(state, PeerState::Finished | PeerState::Reset) && outside.peer_unread(id) == 0 {
            if state == PeerState::Finished {
                self.answers.finish();
            }
            self.end = Some(state);
            outside.peer_close(id);
        }
        Ok(read)
    }

    fn send(&mut self, outside: &Outside, id: PeerId, piece: usize, round: u32) -> bool {
        let limit = self.limit();
        if self.half_closed || self.sent >= limit || self.is_over() {
            return false;
        }
        let end = limit.min(self.sent.saturating_add(piece));
        let sent = outside.peer_send(id, &self.wire[self.sent..end]);
        self.sent += sent;
        while self.begun.len() < self.bounds.len() && self.sent > self.start(self.begun.len()) {
            self.begun.push((round, outside.now()));
        }
        sent > 0
    }

    /// How far it may send by now.
    fn limit(&mut self) -> usize {
        if self.answers.closes() && !self.temper.deaf {
            return self.sent;
        }
        let number = self.bounds.iter().take_while(|bound| bound.1 <= self.sent).count();
        let Some(request) = self.requests.get(number) else { return self.sent };
        let answered = self.answers.list.len();
        if !self.temper.pipelines && answered < number {
            return self.sent;
        }
        let told = answered > number || (answered == number && self.answers.interim);
        let inside = self.bounds[number].0;
        if request.waits && !told && self.waited < self.temper.patience && self.sent <= inside {
            self.waited += u32::from(self.sent == inside);
            return inside;
        }
        let pipelined = self.temper.pipelines && self.requests[number..].iter().all(|request| !request.waits);
        let whole = if pipelined { self.wire.len() } else { self.bounds[number].1 };
        match self.temper.ending {
            Ending::HalfCloseAt(at) => whole.min(at),
            _ => whole,
        }
    }

    fn end_if_due(&mut self, outside: &Outside, id: PeerId) -> bool {
        if self.is_over() || self.half_closed {
            return false;
        }
        match self.temper.ending {
            Ending::HalfCloseAt(at) if self.sent >= at => {}
            Ending::HalfClose if self.has_sent_all() => {}
            Ending::Close if self.has_its_answers() => {
                outside.peer_close(id);
                self.gone = true;
                return true;
            }
            _ => return false,
        }
        outside.peer_shutdown(id);
        self.half_closed = true;
        true
    }

    fn has_sent_all(&self) -> bool {
        self.sent == self.wire.len() || (self.answers.closes() && !self.temper.deaf)
    }

    /// Whether every request that it sent whole is answered, and no more will be sent.
    fn has_its_answers(&self) -> bool {
        let all = self.answers.whole() == self.requests.len() && self.sent == self.wire.len();
        all || self.answers.closes() && self.answers.list.last().is_some_and(|answer| answer.whole)
    }
}

/// Bytes that a client takes unread when everything has to come to its end.
const EAGER_WINDOW: usize = 1 << 20;

impl Temper {
    fn draw(random: &mut Random, rounds: u32) -> Self {
        let ending = match random.below(20) {
            0..=5 => Ending::HalfClose,
            6..=7 => Ending::HalfCloseAt(random.below(1 << 20) as usize),
            8..=11 => Ending::Close,
            12..=15 => Ending::Stay,
            16..=17 => Ending::ResetAfter(random.between(1, 60) as u32),
            18 => Ending::CloseAfter(random.between(1, 60) as u32),
            _ => Ending::Stubborn,
        };
        let stubborn = ending == Ending::Stubborn;
        Self {
            joins: random.below(u64::from(rounds) / 2) as u32,
            acts: random.pick(&[1_000_000, 400_000, 100_000]),
            piece_max: random.pick(&[1, 7, 60, 1000, 40_000, 40_000]),
            pipelines: random.below(2) == 0,
            deaf: random.below(4) == 0,
            read_max: if stubborn { 0 } else { random.pick(&[3, 500, 20_000, usize::MAX >> 1]) },
            window: random.pick(&[1, 100, 4000, 256 * 1024, 256 * 1024]),
            patience: random.pick(&[3, u32::MAX]),
            ending,
        }
    }
}
