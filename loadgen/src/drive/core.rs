//! What a thread's loop works on, its phases, and what it does to connections.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use slipring_ring::{Deadline, Instant, Op, OpKind, OpToken, Ring, SendSlot, Socket};
use slipring_wire::response::HeadMemo;

use super::connection::{Connection, State};
use crate::machine;
use crate::plan::Plan;
use crate::record::{ErrorKind, Record};

/// Before a failed connect is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// Everything but the batch, which is drained while this changes.
#[derive(Debug)]
pub(super) struct Core<'a, R: Ring> {
    pub(super) ring: R,
    pub(super) plan: &'a Plan,
    pub(super) addresses: &'a [SocketAddr],
    pub(super) connections: Vec<Connection>,
    pub(super) memo: HeadMemo,
    pub(super) record: Record,
    pub(super) request_bytes: u32,
    pub(super) head_only: bool,
    pub(super) watches_target: bool,
    /// Monotonic nanoseconds of this tick: the end of what it brought and the start of what it sends.
    pub(super) now: u64,
    /// Requests sent at or after this are recorded.
    pub(super) measure_from: u64,
    pub(super) measuring: bool,
    /// Other addresses may still be tried.
    pub(super) opening: bool,
    /// Answers are followed by requests.
    pub(super) sending: bool,
    /// No connection is wanted any more.
    pub(super) finishing: bool,
    pub(super) retries: VecDeque<(u64, u32)>,
    pub(super) answered: bool,
    pub(super) refusal: Option<String>,
    pub(super) address: Option<SocketAddr>,
}

impl<'a, R: Ring> Core<'a, R> {
    pub(super) fn new(mut ring: R, plan: &'a Plan, addresses: &'a [SocketAddr], index: u32) -> Self {
        let request = plan.mix(index).expect("the plan was checked").only().map(<[u8]>::to_vec).unwrap_or_default();
        let connections =
            (0..plan.share(index)).map(|_| Connection::new(filled(&mut ring, plan, &request), plan.pipeline));
        let connections = connections.collect();
        Self {
            ring,
            plan,
            addresses,
            connections,
            memo: HeadMemo::new(),
            record: Record::new(),
            request_bytes: request.len() as u32,
            head_only: plan.requests[0].method.is_head(),
            watches_target: index == 0,
            now: 0,
            measure_from: u64::MAX,
            measuring: false,
            opening: true,
            sending: false,
            finishing: false,
            retries: VecDeque::new(),
            answered: false,
            refusal: None,
            address: None,
        }
    }

    // Phases.

    /// The load begins: every open connection gets its pipeline full.
    pub(super) fn begin(&mut self) {
        self.sending = true;
        for index in 0..self.connections.len() as u32 {
            match self.connections[index as usize].state {
                State::Open => self.send(index, self.plan.pipeline),
                State::Vacant => self.retry_later(index),
                State::Connecting | State::Ending | State::Closing => (),
            }
        }
    }

    /// What leaves from now on is recorded; what left in this tick was not counted, so it is not.
    pub(super) fn begin_measure(&mut self) {
        self.measure_from = self.now + 1;
        self.measuring = true;
    }

    pub(super) fn end_measure(&mut self) {
        self.measuring = false;
        self.sending = false;
    }

    pub(super) fn give_up_unanswered(&mut self) {
        for connection in &mut self.connections {
            while let Some(sent) = connection.flight.pop() {
                self.record.requests.unanswered += u64::from(sent >= self.measure_from);
            }
        }
    }

    pub(super) fn finish(&mut self) {
        self.finishing = true;
        self.sending = false;
        self.give_up_unanswered();
        self.cancel_connects();
        for index in 0..self.connections.len() as u32 {
            if self.connections[index as usize].state == State::Open {
                self.end(index);
            }
        }
    }

    pub(super) fn note_opened(&mut self) {
        let opened = self.count(State::Open) as u64;
        let asked = self.connections.len() as u64;
        self.record.connections.asked = asked;
        self.record.connections.opened = opened;
        self.record.connections.failed = asked - opened;
    }

    pub(super) fn target_cpu_ns(&self) -> Option<u64> {
        if self.watches_target { machine::process_cpu_ns(self.plan.target_pid?) } else { None }
    }

    pub(super) fn count(&self, state: State) -> usize {
        self.connections.iter().filter(|connection| connection.state == state).count()
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.connections.iter().map(|connection| connection.flight.len()).sum()
    }

    pub(super) fn now_plus(&self, after: Duration) -> u64 {
        self.now.saturating_add(after.as_nanos() as u64)
    }

    /// When to wake at the latest: at `until`, for the next retry, to look at something every `look`.
    #[inline]
    pub(super) fn look(&self, until: u64, look: Duration) -> Deadline {
        let retry = self.retries.front().map_or(u64::MAX, |&(due, _)| due);
        let at = until.min(retry).min(self.now_plus(look));
        Instant::ORIGIN.after(Duration::from_nanos(at))
    }

    // Connections.

    /// `more` requests follow on a connection, now or when its slot is home.
    #[inline]
    pub(super) fn send(&mut self, index: u32, more: u32) {
        let connection = &mut self.connections[index as usize];
        connection.owed += more;
        let Some(socket) = connection.socket else { return };
        let Some(mut slot) = connection.slot.take() else { return };
        let count = std::mem::take(&mut connection.owed);
        slot.rewind();
        // The slot holds a whole pipeline of requests; so many of them are sent.
        *self.ring.fill(&mut slot).len = count * self.request_bytes;
        connection.flight.push(self.now, count);
        if self.measuring {
            self.record.requests.sent += u64::from(count);
            self.record.bytes.sent += u64::from(count * self.request_bytes);
        }
        self.ring.submit(token(OpKind::Send, index, connection.generation), Op::Send { socket, slot });
    }

    pub(super) fn connect(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        let Some(&to) = self.addresses.get(connection.address) else { return };
        connection.state = State::Connecting;
        self.ring.submit(token(OpKind::Connect, index, connection.generation), Op::Connect { to, from: None });
    }

    pub(super) fn arm(&mut self, index: u32, socket: Socket) {
        let connection = &mut self.connections[index as usize];
        connection.armed = true;
        self.ring.submit(token(OpKind::Recv, index, connection.generation), Op::Recv { socket, multishot: true });
    }

    pub(super) fn fail(&mut self, index: u32, kind: ErrorKind) {
        if self.connections[index as usize].state == State::Open {
            self.record.error(kind);
            self.end(index);
        }
    }

    /// Gives the socket up; its requests fail, its operations come back, then it is closed.
    pub(super) fn end(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        connection.state = State::Ending;
        connection.owed = 0;
        while let Some(sent) = connection.flight.pop() {
            self.record.requests.failed += u64::from(sent >= self.measure_from);
        }
        let (armed, sending, generation) = (connection.armed, connection.slot.is_none(), connection.generation);
        if armed {
            self.cancel(token(OpKind::Recv, index, generation));
        }
        if sending {
            self.cancel(token(OpKind::Send, index, generation));
        }
        self.close(index);
    }

    /// Closes a socket that was given up, once nothing of it is in flight.
    pub(super) fn close(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        let idle = connection.state == State::Ending && !connection.armed && connection.slot.is_some();
        if let (true, Some(socket)) = (idle, connection.socket) {
            connection.state = State::Closing;
            self.ring.submit(token(OpKind::Close, index, connection.generation), Op::Close { socket });
        }
    }

    pub(super) fn cancel(&mut self, target: OpToken) {
        self.ring.submit(target.with_kind(OpKind::Cancel), Op::Cancel { target });
    }

    pub(super) fn cancel_connects(&mut self) {
        for index in 0..self.connections.len() as u32 {
            let connection = &self.connections[index as usize];
            if connection.state == State::Connecting {
                self.cancel(token(OpKind::Connect, index, connection.generation));
            }
        }
    }

    pub(super) fn retry_later(&mut self, index: u32) {
        self.retries.push_back((self.now_plus(RETRY), index));
    }

    pub(super) fn retry(&mut self) {
        while let Some(&(due, index)) = self.retries.front()
            && due <= self.now
        {
            self.retries.pop_front();
            if self.sending {
                self.connect(index);
            }
        }
    }
}

impl<R: Ring> Drop for Core<'_, R> {
    fn drop(&mut self) {
        for slot in self.connections.iter_mut().filter_map(|connection| connection.slot.take()) {
            self.ring.return_slot(slot);
        }
    }
}

/// A send slot with a whole pipeline of requests.
fn filled<R: Ring>(ring: &mut R, plan: &Plan, request: &[u8]) -> SendSlot {
    let mut slot = ring.take_slot().expect("the ring has a send slot for each connection");
    for _ in 0..plan.pipeline {
        assert!(ring.fill(&mut slot).extend(request), "a send slot has room for the pipeline");
    }
    slot
}

#[inline]
pub(super) fn token(kind: OpKind, index: u32, generation: u32) -> OpToken {
    OpToken::new(kind, generation, index)
}
