//! What a thread's loop works on, its phases, and what takes too long.

mod requests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use slipring_ring::{BlobId, Deadline, Instant, OpKind, OpToken, Ring, SendSlot};
use slipring_wire::response::HeadMemo;

use super::connection::{Connection, State};
use super::dial::Dial;
use super::line::Line;
use super::tally::Tally;
use crate::plan::{Mix, Plan, Prepared};

/// Everything but the batch, which is drained while this changes.
#[derive(Debug)]
pub(super) struct Core<'a, R: Ring> {
    pub(super) ring: R,
    pub(super) plan: &'a Plan,
    pub(super) connections: Vec<Connection>,
    pub(super) memo: HeadMemo,
    pub(super) tally: Tally,
    pub(super) dial: Dial<'a>,
    /// Of an open loop.
    pub(super) line: Option<Line>,
    mix: Mix,
    /// Bytes of every request, if they are always the same.
    fixed_bytes: Option<u32>,
    /// A whole pipeline of them, posted from one place for all connections. Without it each slot holds one.
    pub(super) posted: Option<BlobId>,
    /// Bodies that are sent from where they stand, by request of the mix.
    bodies: Box<[Option<(BlobId, u32)>]>,
    has_bodies: bool,
    /// Whether a request of the mix is a HEAD request.
    pub(super) heads: Box<[bool]>,
    /// Requests that one connection carries before it is closed.
    pub(super) requests_per_connection: u32,
    /// Requests of a closed loop that may still be sent.
    pub(super) budget: u64,
    /// Monotonic nanoseconds of this tick: the end of what it brought and the start of what it sends.
    pub(super) now: u64,
    pub(super) measuring: bool,
    /// Other addresses may still be tried.
    pub(super) opening: bool,
    /// Answers are followed by requests, lost connections are opened again.
    pub(super) sending: bool,
    /// The connections are open and the load has not begun; those that the target ends meanwhile are opened again.
    pub(super) waiting: bool,
    /// No connection is wanted any more.
    pub(super) finishing: bool,
    /// Requests in flight on all connections.
    pub(super) flying: u32,
    timeout_ns: u64,
    /// When to look for requests that took too long.
    sweep_at: u64,
    /// Since when no connection is open, as far as anybody looked.
    deserted_at: u64,
    pub(super) retries: VecDeque<(u64, u32)>,
    pub(super) refusal: Option<String>,
    pub(super) address: Option<SocketAddr>,
}

impl<'a, R: Ring> Core<'a, R> {
    pub(super) fn new(mut ring: R, plan: &'a Plan, addresses: &'a [SocketAddr], index: u32) -> Self {
        let mix = plan.mix(index).expect("the plan was checked");
        let fixed = mix.only();
        let posted = posted_bytes(plan, &mix)
            .map(|bytes| ring.freeze(bytes).expect("the ring has room for the requests of a pipeline"));
        let connections = (0..plan.share_most(index)).map(|_| {
            let slot = posted.is_none().then(|| filled(&mut ring, plan, fixed));
            Connection::new(slot, plan.pipeline)
        });
        let connections: Vec<_> = connections.collect();
        let bodies = mix.requests().iter().map(|request| {
            let body = request.body_apart()?;
            let blob = ring.freeze(body.clone()).expect("the ring has room for the bodies of the mix");
            Some((blob, body.len() as u32))
        });
        let bodies: Box<[_]> = bodies.collect();
        Self {
            ring,
            plan,
            connections,
            memo: HeadMemo::new(),
            tally: Tally::new(plan),
            dial: Dial::new(plan, addresses, index),
            line: Line::new(plan, index),
            posted,
            fixed_bytes: fixed.map(|bytes| bytes.len() as u32),
            has_bodies: bodies.iter().any(Option::is_some),
            bodies,
            heads: mix.requests().iter().map(Prepared::is_head).collect(),
            mix,
            requests_per_connection: plan.connection_requests().unwrap_or(u32::MAX),
            budget: u64::MAX,
            now: 0,
            measuring: false,
            opening: true,
            sending: false,
            waiting: false,
            finishing: false,
            flying: 0,
            timeout_ns: plan.timeout.map_or(u64::MAX, |timeout| timeout.as_nanos() as u64),
            sweep_at: u64::MAX,
            deserted_at: u64::MAX,
            retries: VecDeque::new(),
            refusal: None,
            address: None,
        }
    }

    // Phases.

    /// The load begins, at `start` by the schedule.
    pub(super) fn begin(&mut self, start: u64) {
        (self.sending, self.waiting) = (true, false);
        if let Some(line) = &mut self.line {
            line.begin(start);
            let from = start + self.plan.warmup.as_nanos() as u64;
            self.tally.set_phase(from, from + self.plan.measure().as_nanos() as u64);
        }
        self.sweep_at = self.now;
        for index in 0..self.dial.share() {
            match self.connections[index as usize].state {
                State::Open => self.use_connection(index),
                State::Vacant => self.retry_later(index),
                State::Connecting | State::Ending | State::Closing => (),
            }
        }
    }

    /// What leaves from now on is recorded. In a closed loop what left in this tick was not counted, so it is not.
    pub(super) fn begin_measure(&mut self, index: u32) -> u64 {
        self.measuring = true;
        if let Some(line) = &self.line {
            return line.warmup_backlog();
        }
        let from = self.now + 1;
        self.tally.set_phase(from, from + self.plan.measure().as_nanos() as u64);
        self.budget = self.plan.requests_max.map_or(u64::MAX, |most| self.plan.part_of(most, index));
        0
    }

    /// The measure phase is over; an open loop goes on sending what was due in it.
    pub(super) fn end_measure(&mut self) {
        self.measuring = false;
        self.tally.end_phase(self.now);
        match &mut self.line {
            Some(line) => line.cut(self.now),
            None => self.sending = false,
        }
    }

    /// Whether nothing is left to do before the measure phase is over, because the number of requests is limited.
    #[inline]
    pub(super) fn is_through(&self) -> bool {
        self.flying == 0
            && match &self.line {
                Some(line) => line.is_over(self.now),
                None => self.budget == 0,
            }
    }

    /// Whether no connection has been open for as long as opening one and its answer may take, by a look now and then: a
    /// limited number of requests would never be reached.
    pub(super) fn is_deserted(&mut self) -> bool {
        if self.count(State::Open) > 0 {
            self.deserted_at = u64::MAX;
            return false;
        }
        self.deserted_at = self.deserted_at.min(self.now);
        let patience = self.plan.connect_timeout + self.plan.timeout.unwrap_or_default();
        self.now - self.deserted_at >= patience.as_nanos() as u64
    }

    /// The target is gone: what was still to be sent will not be, and stays due.
    pub(super) fn desert(&mut self) {
        if self.line.is_none() {
            self.tally.record.requests.shed += std::mem::take(&mut self.budget);
        }
        self.shed_line();
    }

    /// Whether an answer is awaited or a request waits to be sent.
    pub(super) fn is_waiting(&self) -> bool {
        self.flying > 0 || self.line.as_ref().is_some_and(|line| line.next() != u64::MAX)
    }

    /// What has no answer has waited so long at least, and what was not sent will not be.
    pub(super) fn give_up(&mut self) {
        self.sending = false;
        for connection in &mut self.connections {
            while let Some(ask) = connection.flight.pop() {
                self.flying -= 1;
                self.tally.unanswered(self.now, ask);
            }
        }
        self.shed_line();
    }

    /// Whatever is left of the schedule is given up unsent.
    fn shed_line(&mut self) {
        while let Some(line) = &mut self.line
            && line.next() != u64::MAX
        {
            let due = line.take();
            self.tally.shed(self.now, due);
        }
    }

    pub(super) fn finish(&mut self) {
        (self.finishing, self.waiting) = (true, false);
        self.give_up();
        self.cancel_connects();
        for index in 0..self.connections.len() as u32 {
            if self.connections[index as usize].state == State::Open {
                self.end(index);
            }
        }
    }

    pub(super) fn count(&self, state: State) -> usize {
        self.connections.iter().filter(|connection| connection.state == state).count()
    }

    pub(super) fn now_plus(&self, after: Duration) -> u64 {
        self.now.saturating_add(after.as_nanos() as u64)
    }

    /// When to wake at the latest: at `until`, for what is due next, to look at something every `look`.
    #[inline]
    pub(super) fn look(&self, until: u64, look: Duration) -> Deadline {
        let retry = self.retries.front().map_or(u64::MAX, |&(due, _)| due);
        let due = self.line.as_ref().map_or(u64::MAX, |line| line.wake_at(self.now));
        let at = until.min(retry).min(due).min(self.sweep_at).min(self.now_plus(look));
        Instant::ORIGIN.after(Duration::from_nanos(at))
    }

    // What takes too long.

    /// Closes connections whose oldest request has waited longer than the timeout, and gives up connects.
    #[inline]
    pub(super) fn sweep(&mut self) {
        if self.now >= self.sweep_at {
            self.sweep_now();
        }
    }

    fn sweep_now(&mut self) {
        /// A request or a connect may be late by this part of its timeout before it is seen.
        const PART: u64 = 16;
        const SHORTEST_NS: u64 = 1_000_000;
        let connect_ns = self.plan.connect_timeout.as_nanos() as u64;
        self.sweep_at = self.now.saturating_add((self.timeout_ns.min(connect_ns) / PART).max(SHORTEST_NS));
        for index in 0..self.connections.len() as u32 {
            let connection = &self.connections[index as usize];
            let oldest = connection.flight.front().map_or(u64::MAX, |ask| ask.sent);
            match connection.state {
                State::Open if oldest.saturating_add(self.timeout_ns) <= self.now => self.time_out(index),
                State::Connecting if connection.dialled_at.saturating_add(connect_ns) <= self.now => {
                    self.cancel(token(OpKind::Connect, index, connection.generation));
                }
                _ => (),
            }
        }
    }
}

impl<R: Ring> Drop for Core<'_, R> {
    fn drop(&mut self) {
        for slot in self.connections.iter_mut().filter_map(|connection| connection.slot.take()) {
            self.ring.return_slot(slot);
        }
        let bodies = self.bodies.iter().flatten().map(|(blob, _)| *blob);
        bodies.chain(self.posted).for_each(|blob| self.ring.release(blob));
    }
}

/// A whole pipeline of requests as one run of bytes, if they are always the same and no socket lacks the room for them.
pub(super) fn posted_bytes(plan: &Plan, mix: &Mix) -> Option<Vec<u8>> {
    const POSTED_BYTES_MAX: usize = 16 * 1024;
    let bytes = mix.only()?.repeat(plan.pipeline as usize);
    (bytes.len() <= POSTED_BYTES_MAX).then_some(bytes)
}

/// A send slot; with a whole pipeline of requests in it, if they never change.
fn filled<R: Ring>(ring: &mut R, plan: &Plan, request: Option<&[u8]>) -> SendSlot {
    let mut slot = ring.take_slot().expect("the ring has a send slot for each connection");
    for _ in 0..plan.pipeline {
        assert!(ring.fill(&mut slot).extend(request.unwrap_or_default()), "a send slot has room for the pipeline");
    }
    slot
}

#[inline]
pub(super) fn token(kind: OpKind, index: u32, generation: u32) -> OpToken {
    OpToken::new(kind, generation, index)
}
