//! The connection, sans-IO: bytes and `now` in, decisions out. No socket, no clock, no handler.
//!
//! The order of calls, for each request: [`Conn::poll_request`] with what has arrived until it says [`Next::Request`];
//! then, for a request with a body, [`Conn::begin_body`] with what the handler admits, and [`Conn::poll_body`] until it
//! is complete; the owner answers and calls [`Conn::handle_answered`]. Every framing error comes out of these calls
//! before the command is dispatched. [`Conn::deadline`] is when [`Conn::handle_timeout`] wants to be called.
//!
//! ```text
//!   Silent -> Head -> Body -> Answering -> Idle -> Head ...        any -> Lingering -> closed
//! ```

mod body;
mod limits;

pub use body::{BodyStep, Held, Keep};
pub use limits::{RATE_BYTES_PER_S_MIN, RATE_GRACE, Rules, Timeouts};

use std::time::Duration;

use slipring_ring::{Deadline, Instant};
use slipring_wire::body::framing::BodyFraming;
use slipring_wire::error::Reject;
use slipring_wire::request::{Parsed, RequestHead, worth_parsing};

use body::BodyReader;

/// The protocol state of one connection.
#[derive(Debug)]
pub struct Conn {
    phase: Phase,
    deadline: Deadline,
    /// Complete requests so far.
    requests: u32,
    /// The peer sends no more (decision 8).
    half_closed: bool,
    /// Bytes of a partial head that hold no end of it.
    scanned: u32,
    body: Option<Box<BodyReader>>,
}

/// What the connection is doing; each phase has its own deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was ever sent: browsers connect ahead of need.
    Silent,
    /// A part of a head is there.
    Head,
    /// A body is arriving.
    Body,
    /// The request is with its handler, or its answer is leaving.
    Answering,
    /// Between requests.
    Idle,
    /// Everything was sent; what the peer still sends is discarded.
    Lingering,
}

/// What follows from the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// More bytes are needed.
    Wait,
    /// A head is complete and stands in the `RequestHead` that was passed; it took so many bytes. If `body`, the body is
    /// still to come: [`Conn::begin_body`].
    Request {
        /// Bytes of the head.
        consumed: usize,
        /// Whether a body follows.
        body: bool,
    },
    /// The request cannot be understood or is not allowed; answer, then close.
    Reject(Reject),
}

/// What a passed deadline means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimedOut {
    /// It has not passed: the timer was early.
    NotYet,
    /// Nothing is lost: close without a word.
    Close(TimeoutKind),
    /// A request was begun: answer 408, then close.
    Answer408(TimeoutKind),
    /// The peer does not take its answer, or lingered long enough: give up.
    Abort(TimeoutKind),
}

/// Which timeout it was; the label of `slipring_timeouts_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeoutKind {
    /// The head did not arrive in time, or nothing did.
    Head,
    /// The body came too slowly.
    Body,
    /// No further request came.
    Idle,
    /// The peer did not take its answer.
    Send,
    /// The peer did not close after us.
    Linger,
}

impl TimeoutKind {
    /// In words.
    pub fn explain(self) -> &'static str {
        match self {
            Self::Head => "timeout: no whole request came",
            Self::Body => "timeout: the body came too slowly",
            Self::Idle => "timeout: no further request came",
            Self::Send => "timeout: the peer does not take its answer",
            Self::Linger => "timeout: the peer does not close",
        }
    }
}

impl Conn {
    /// A connection accepted now.
    pub fn new(now: Instant, rules: &Rules) -> Self {
        Self {
            phase: Phase::Silent,
            deadline: now.after(rules.timeouts.silent),
            requests: 0,
            half_closed: false,
            scanned: 0,
            body: None,
        }
    }

    /// What it is doing.
    #[inline]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[inline]
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Complete requests so far.
    pub fn requests(&self) -> u32 {
        self.requests
    }

    /// Whether the peer said that it sends no more.
    #[inline]
    pub fn is_half_closed(&self) -> bool {
        self.half_closed
    }

    /// Whether a request was begun and is not complete.
    pub fn is_mid_request(&self) -> bool {
        matches!(self.phase, Phase::Head | Phase::Body)
    }

    /// The peer's direction ended. What is complete is still answered.
    pub fn handle_half_close(&mut self) {
        self.half_closed = true;
    }

    /// Looks for the next request at the start of `input`, all unconsumed bytes of the connection.
    #[inline]
    pub fn poll_request(&mut self, now: Instant, input: &[u8], head: &mut RequestHead, rules: &Rules) -> Next {
        if input.is_empty() || (self.phase == Phase::Head && self.still_partial(input, rules)) {
            return Next::Wait;
        }
        match head.parse(input, &rules.limits, rules.tolerance) {
            Parsed::Complete => {
                let body = head.framing() != BodyFraming::None;
                self.begin_answering(now, rules);
                Next::Request { consumed: head.head_len(), body }
            }
            Parsed::Partial => {
                self.begin_head(now, input, rules);
                Next::Wait
            }
            Parsed::Reject(reject) => {
                self.begin_answering(now, rules);
                Next::Reject(reject)
            }
        }
    }

    #[inline]
    fn begin_answering(&mut self, now: Instant, rules: &Rules) {
        self.requests += 1;
        self.phase = Phase::Answering;
        self.deadline = now.after(rules.timeouts.send_stall);
    }

    /// Whether a longer partial head can still not be complete: each byte of a slow head is looked at once.
    fn still_partial(&mut self, input: &[u8], rules: &Rules) -> bool {
        let from = std::mem::replace(&mut self.scanned, input.len() as u32);
        !worth_parsing(input, from as usize, &rules.limits)
    }

    fn begin_head(&mut self, now: Instant, input: &[u8], rules: &Rules) {
        if self.phase != Phase::Head {
            // From the first byte, not renewed by bytes: a slow head is one long wait (attack 24).
            self.phase = Phase::Head;
            self.deadline = now.after(rules.timeouts.head);
        }
        self.scanned = input.len() as u32;
    }

    /// Starts to read the body of the request whose head was just found; `head_bytes` are that head's.
    pub fn begin_body(&mut self, now: Instant, head: &RequestHead, keep: Keep, mut held: Held, head_bytes: &[u8]) {
        held.head.clear();
        held.head.extend_from_slice(head_bytes);
        held.body.clear();
        held.spooled = 0;
        held.unread = false;
        let reader = BodyReader::new(now, head.framing(), keep, held);
        self.phase = Phase::Body;
        self.deadline = reader.deadline();
        self.body = Some(Box::new(reader));
    }

    /// Whether a body is being read.
    #[inline]
    pub fn is_reading_body(&self) -> bool {
        self.body.is_some()
    }

    /// Takes body bytes from the start of `input`.
    pub fn poll_body(&mut self, now: Instant, input: &[u8], rules: &Rules) -> BodyStep {
        let Some(reader) = &mut self.body else { return BodyStep::More { consumed: 0 } };
        let step = reader.advance(input, rules);
        if let BodyStep::More { .. } | BodyStep::Spill { .. } = step {
            self.deadline = reader.deadline();
        } else {
            self.phase = Phase::Answering;
            self.deadline = now.after(rules.timeouts.send_stall);
        }
        step
    }

    /// A piece of the body goes out to be stored ([`BodyStep::Spill`]); meanwhile no further step is taken.
    pub fn begin_store(&mut self, now: Instant, rules: &Rules) -> Vec<u8> {
        let Some(reader) = &mut self.body else { return Vec::new() };
        // The disk's time, not the peer's.
        self.deadline = now.after(rules.timeouts.job);
        reader.begin_store(now)
    }

    /// The piece was stored; its memory comes back.
    pub fn end_store(&mut self, now: Instant, piece: Vec<u8>) {
        if let Some(reader) = &mut self.body {
            reader.end_store(now, piece);
            self.deadline = reader.deadline();
        }
    }

    /// The head and body that were collected.
    pub fn take_held(&mut self) -> Option<Held> {
        self.body.take().map(|reader| reader.into_held())
    }

    /// Bytes of an answer left, or one is being made: the peer gets more time to take the rest.
    #[inline]
    pub fn handle_progress(&mut self, now: Instant, rules: &Rules) {
        if self.phase == Phase::Answering {
            self.deadline = now.after(rules.timeouts.send_stall);
        }
    }

    /// The handler waits for a job.
    pub fn begin_job(&mut self, now: Instant, rules: &Rules) {
        self.deadline = now.after(rules.timeouts.job);
    }

    /// A program answers, which has a time limit of its own: this one is far behind it.
    pub fn await_program(&mut self, now: Instant, silence: &Duration) {
        self.deadline = now.after(silence.saturating_mul(4));
    }

    /// The answer has left and the connection goes on.
    #[inline]
    pub fn handle_answered(&mut self, now: Instant, rules: &Rules) {
        self.phase = Phase::Idle;
        self.deadline = now.after(rules.timeouts.idle);
    }

    /// A drain began: an idle peer gets so long for another request.
    pub fn handle_drain(&mut self, until: Deadline) {
        if matches!(self.phase, Phase::Silent | Phase::Idle) {
            self.deadline = self.deadline.min(until);
        }
    }

    /// We sent our last byte; what still arrives is discarded until the peer closes too.
    pub fn begin_linger(&mut self, now: Instant, rules: &Rules) {
        self.phase = Phase::Lingering;
        self.deadline = now.after(rules.timeouts.linger);
        self.body = None;
    }

    /// The deadline may have passed.
    pub fn handle_timeout(&mut self, now: Instant) -> TimedOut {
        if !self.deadline.passed(now) {
            return TimedOut::NotYet;
        }
        match self.phase {
            Phase::Silent => TimedOut::Close(TimeoutKind::Head),
            Phase::Idle => TimedOut::Close(TimeoutKind::Idle),
            Phase::Head => TimedOut::Answer408(TimeoutKind::Head),
            Phase::Body => TimedOut::Answer408(TimeoutKind::Body),
            Phase::Answering => TimedOut::Abort(TimeoutKind::Send),
            Phase::Lingering => TimedOut::Abort(TimeoutKind::Linger),
        }
    }

    /// A timeout is being answered: the request that was begun counts as one.
    pub fn begin_timeout_answer(&mut self, now: Instant, rules: &Rules) {
        self.body = None;
        self.begin_answering(now, rules);
    }
}

#[cfg(test)]
mod tests;
