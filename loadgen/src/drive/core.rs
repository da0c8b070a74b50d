//! What a thread's loop works on, its phases, and who sends what when.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use slipring_ring::{BlobId, Deadline, Instant, Op, OpKind, OpToken, Ring, SendSlot};
use slipring_wire::response::HeadMemo;

use super::connection::{Connection, State};
use super::dial::Dial;
use super::flight::Ask;
use super::line::Line;
use super::tally::Tally;
use crate::plan::{Mix, OnBusy, Plan, Prepared};

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
        if self.plan.timeout.is_some() {
            self.sweep_at = self.now;
        }
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
                Some(line) => line.next() == u64::MAX,
                None => self.budget == 0,
            }
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

    // Requests.

    /// A connection is ready for the first time, or again: it is put to use.
    pub(super) fn use_connection(&mut self, index: u32) {
        if self.line.is_some() {
            self.free(index);
        } else {
            self.refill(index, self.plan.pipeline);
        }
    }

    /// Closed loop: `more` requests follow on a connection, now or when its slot is home.
    #[inline]
    pub(super) fn refill(&mut self, index: u32, more: u32) {
        let connection = &mut self.connections[index as usize];
        connection.owed += more;
        if !connection.is_home() {
            return;
        }
        let count = connection.owed.min(connection.left);
        let count = if self.budget < u64::from(count) { self.budget as u32 } else { count };
        connection.owed = 0;
        if count > 0 {
            let sent = self.send(index, self.now, count);
            self.connections[index as usize].owed = count - sent;
            self.budget -= u64::from(sent);
        }
    }

    /// Open loop: a connection that can take a request stands in the line.
    #[inline]
    pub(super) fn free(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        let Some(line) = &mut self.line else { return };
        if !connection.queued && connection.is_free(self.plan.pipeline) {
            connection.queued = true;
            line.push_free(index, self.now);
        }
    }

    /// Open loop: requests that are due go to the connections that are free, the oldest to who is free for longest.
    pub(super) fn serve(&mut self) {
        while let Some(line) = &mut self.line
            && line.next() <= self.now
        {
            if line.is_overdue(self.now) {
                let due = line.take();
                self.tally.shed(self.now, due);
            } else if let Some((index, since)) = self.free_connection() {
                self.serve_one(index, since);
            } else if !self.is_passed_over() {
                return;
            }
        }
    }

    fn serve_one(&mut self, index: u32, free_since: u64) {
        let Some(line) = &mut self.line else { return };
        let due = line.take();
        self.tally.due(due);
        if free_since <= due {
            self.tally.lag(due, self.now - due);
        }
        self.send(index, due, 1);
    }

    /// Who was free for longest, and since when. A connection may have been lost while it stood in the line.
    fn free_connection(&mut self) -> Option<(u32, u64)> {
        loop {
            let (index, since) = self.line.as_mut()?.pop_free()?;
            let connection = &mut self.connections[index as usize];
            connection.queued = false;
            if connection.is_free(self.plan.pipeline) {
                return Some((index, since));
            }
        }
    }

    /// Nobody is free for the oldest request; whether it is dealt with all the same.
    fn is_passed_over(&mut self) -> bool {
        let Some(line) = &mut self.line else { return false };
        match line.on_busy {
            OnBusy::Queue => false,
            OnBusy::Drop => {
                let due = line.take();
                self.tally.dropped(due);
                true
            }
            OnBusy::Open => {
                self.open_another();
                false
            }
        }
    }

    /// `count` requests leave on a connection whose slot is home; how many did. One with a large body goes alone.
    #[inline]
    fn send(&mut self, index: u32, intended: u64, count: u32) -> u32 {
        if let (Some(blob), Some(bytes)) = (self.posted, self.fixed_bytes) {
            return self.post(index, intended, count, blob, count * bytes);
        }
        let connection = &mut self.connections[index as usize];
        let (Some(socket), Some(mut slot)) = (connection.socket, connection.slot.take()) else { return 0 };
        let generation = connection.generation;
        let mut left = count;
        if let Some(bytes) = self.fixed_bytes {
            slot.rewind();
            // The slot holds a whole pipeline of requests; so many of them are sent.
            *self.ring.fill(&mut slot).len = count * bytes;
            self.note_sent(index, intended, 0, count);
        } else {
            (slot, left) = self.write(slot, index, intended, count);
        }
        self.connections[index as usize].left -= left;
        if self.measuring {
            self.tally.record.bytes.sent += slot.unsent() as u64;
        }
        self.ring.submit(token(OpKind::Send, index, generation), Op::Send { socket, slot });
        left
    }

    /// As [`Core::send`], of requests that are always the same: no slot, and no completion but of a failure.
    #[inline]
    fn post(&mut self, index: u32, intended: u64, count: u32, blob: BlobId, len: u32) -> u32 {
        let connection = &mut self.connections[index as usize];
        let Some(socket) = connection.socket else { return 0 };
        let generation = connection.generation;
        connection.left -= count;
        self.note_sent(index, intended, 0, count);
        if self.measuring {
            self.tally.record.bytes.sent += u64::from(len);
        }
        self.ring.submit(token(OpKind::Post, index, generation), Op::Post { socket, blob, len });
        count
    }

    /// Writes requests of the mix into a slot; how many it carries then.
    fn write(&mut self, mut slot: SendSlot, index: u32, intended: u64, count: u32) -> (SendSlot, u32) {
        if self.has_bodies {
            // What was attached the last time is forgotten only so.
            self.ring.return_slot(slot);
            slot = self.ring.take_slot().expect("it was given back just now");
        }
        slot.rewind();
        *self.ring.fill(&mut slot).len = 0;
        for written in 1..=count {
            let kind = self.mix.pick();
            let place = self.ring.fill(&mut slot);
            let start = *place.len as usize;
            *place.len += self.mix.write(kind, &mut place.bytes[start..]) as u32;
            self.note_sent(index, intended, kind as u32, 1);
            if let Some(Some((blob, len))) = self.bodies.get(kind).copied() {
                assert!(self.ring.attach(&mut slot, blob, 0..len), "a slot takes one body");
                return (slot, written);
            }
        }
        (slot, count)
    }

    #[inline]
    fn note_sent(&mut self, index: u32, intended: u64, kind: u32, count: u32) {
        let ask = Ask { intended, sent: self.now, kind };
        self.connections[index as usize].flight.push(ask, count);
        self.flying += count;
        self.tally.left(ask, count);
    }

    // What takes too long.

    /// Closes connections whose oldest request has waited longer than the timeout.
    #[inline]
    pub(super) fn sweep(&mut self) {
        if self.now >= self.sweep_at {
            self.sweep_now();
        }
    }

    fn sweep_now(&mut self) {
        /// A request may be late by this part of the timeout before it is seen.
        const PART: u64 = 16;
        const SHORTEST_NS: u64 = 1_000_000;
        self.sweep_at = self.now + (self.timeout_ns / PART).max(SHORTEST_NS);
        let connect_ns = self.plan.connect_timeout.as_nanos() as u64;
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
