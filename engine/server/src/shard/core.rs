//! Everything of a shard that a turn of a connection needs, and no ring: requests in, answers out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use slipring_ring::{Instant, Peer, SlotBytes};
use slipring_wire::body::framing::BodyFraming;
use slipring_wire::command::Command;
use slipring_wire::error::{Quoted, Reject, RejectClass, RejectReason};
use slipring_wire::request::{Expect, RequestHead};
use slipring_wire::target::TargetForm;

use crate::conn::{BodyStep, Conn, Held, Keep, Next, Rules};
use crate::handler::{
    Admit, Answered, Arrived, Ask, BodySource, Commands, Ending, Exchange, Handler, HandlerError, Output, Reply,
    Request, Scratch, Site, Waits,
};
use crate::log::{self, AccessRecord};
use crate::metrics::Metrics;

/// The handler and what is lent to its exchanges.
pub(super) struct Core<H: Handler> {
    pub(super) handler: H,
    factory: Box<dyn FnMut() -> H>,
    commands: &'static Commands<H>,
    site: Site,
    pub(super) rules: Rules,
    pub(super) scratch: Scratch,
    head: RequestHead,
    /// A head without a request, for answers to what is none.
    blank: RequestHead,
    /// Memory of requests that outlive their buffer, for reuse.
    held: Vec<Held>,
    pub(super) log_access: bool,
    pub(super) draining: bool,
    pub(super) metrics: Metrics,
}

/// What a turn came to.
pub(super) struct Turn {
    /// Bytes of the input that were consumed.
    pub(super) consumed: usize,
    pub(super) stop: Stop,
}

/// Why a turn ended.
pub(super) enum Stop {
    /// What is left of the input is no whole request.
    Input,
    /// The slot has no room for another answer.
    Room,
    /// It was the others' turn.
    Budget,
    /// A handler waits; its request is held.
    Ask(Ask, u32, Held),
    /// An answer goes on outside the slot.
    Body(OutOfSlot),
    /// The connection ends when what is in the slot was sent.
    Close {
        /// The peer may still be sending.
        linger: bool,
    },
}

/// The rest of an answer whose start stands in the slot.
pub(super) struct OutOfSlot {
    pub(super) spilled: Option<Vec<u8>>,
    pub(super) source: BodySource,
    pub(super) body_bytes: u64,
    /// Its log lines, cut from the stage: they wait for its end.
    pub(super) log: Vec<u8>,
    /// The connection ends behind it; `Some(true)`: lingering.
    pub(super) close: Option<bool>,
}

/// What became of one request.
enum Answer {
    /// It stands in the slot.
    InSlot { close: bool },
    /// It goes on elsewhere.
    Outside(OutOfSlot),
    /// The handler waits.
    Waits(Ask, u32),
}

/// Room that a slot must have before another request is dispatched: a small body with its head.
const ROOM_BYTES_MIN: usize = 17 * 1024;
/// Bytes of log lines that one slot stages before it is sent.
const STAGE_BYTES_MAX: usize = 8 * 1024;
/// Requests whose memory is kept for reuse.
const HELD_KEPT_MAX: usize = 256;
/// A held buffer that grew beyond this is not kept.
const HELD_BYTES_KEPT_MAX: usize = 64 * 1024;

impl<H: Handler> Core<H> {
    pub(super) fn new(mut factory: Box<dyn FnMut() -> H>, site: Site, rules: Rules, log_access: bool) -> Self {
        Self {
            handler: factory(),
            factory,
            commands: const { &H::COMMANDS },
            site,
            rules,
            scratch: Scratch::new(),
            head: RequestHead::new(),
            blank: RequestHead::new(),
            held: Vec::with_capacity(HELD_KEPT_MAX),
            log_access,
            draining: false,
            metrics: Metrics::default(),
        }
    }

    /// Answers as many requests of `input` as one turn allows. Log lines of answers in the slot go to `stage`.
    #[inline]
    pub(super) fn turn(
        &mut self,
        conn: &mut Conn,
        peer: Peer,
        now: Instant,
        input: &[u8],
        mut slot: SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Turn {
        let mut consumed = 0;
        let mut budget = self.rules.turn_requests_max;
        loop {
            if slot.room() < ROOM_BYTES_MIN || stage.len() > STAGE_BYTES_MAX {
                return Turn { consumed, stop: Stop::Room };
            }
            if budget == 0 {
                return Turn { consumed, stop: Stop::Budget };
            }
            let rest = &input[consumed..];
            let step = if conn.is_reading_body() {
                self.body_step(conn, peer, now, rest, &mut slot, stage)
            } else {
                self.head_step(conn, peer, now, rest, &mut slot, stage)
            };
            match step {
                Step::Next(bytes) => consumed += bytes,
                Step::Stop(bytes, stop) => return Turn { consumed: consumed + bytes, stop },
            }
            budget -= 1;
        }
    }

    #[inline]
    fn head_step(
        &mut self,
        conn: &mut Conn,
        peer: Peer,
        now: Instant,
        rest: &[u8],
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Step {
        match conn.poll_request(now, rest, &mut self.head, &self.rules) {
            Next::Wait => Step::Stop(0, Stop::Input),
            Next::Request { consumed, body: false } => {
                let bytes = &rest[..consumed];
                let more = rest.len() > consumed;
                match self.answer(peer, bytes, &[], false, slot, stage) {
                    Answer::InSlot { close: false } => Step::Next(consumed),
                    Answer::InSlot { close: true } => Step::Stop(consumed, Stop::Close { linger: more }),
                    Answer::Outside(out) => Step::Stop(consumed, Stop::Body(out.lingering(more))),
                    Answer::Waits(ask, tag) => {
                        let mut held = self.take_held();
                        held.head.extend_from_slice(bytes);
                        Step::Stop(consumed, Stop::Ask(ask, tag, held))
                    }
                }
            }
            Next::Request { consumed, body: true } => {
                self.admit(conn, peer, now, &rest[..consumed], rest.len() > consumed, slot, stage)
            }
            Next::Reject(reject) => {
                self.reject(peer, &reject, rest, slot, stage);
                Step::Stop(rest.len(), Stop::Close { linger: true })
            }
        }
    }

    /// A head announced a body: what is it for, and may it come?
    #[expect(clippy::too_many_arguments, reason = "a step's own, passed through")]
    fn admit(
        &mut self,
        conn: &mut Conn,
        peer: Peer,
        now: Instant,
        bytes: &[u8],
        body_here: bool,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Step {
        let request = Request { head: &self.head, bytes, body: &[], peer };
        let expect = self.head.expect();
        let admit = if expect == Expect::Unknown { Admit::Reject(417) } else { self.handler.admit(&request) };
        let keep = match admit {
            Admit::Discard => Keep::Nothing,
            Admit::Memory(max) => Keep::Memory(max),
            Admit::Reject(status) => {
                self.refuse(peer, bytes, status, slot, stage);
                return Step::Stop(bytes.len(), Stop::Close { linger: true });
            }
        };
        // A body of no bytes is here already: nothing to go on with (RFC 9110 section 10.1.1).
        let body_here = body_here || self.head.framing() == BodyFraming::Length(0);
        let asks_first = expect == Expect::Continue && !body_here;
        let held = self.take_held();
        conn.begin_body(now, &self.head, keep, held, bytes);
        if asks_first {
            if keep == Keep::Nothing {
                // Nobody wants the body: the final answer comes at once, and what follows it is not a request.
                let held = conn.take_held().unwrap_or_default();
                return self.answer_held(peer, held, true, bytes.len(), slot, stage);
            }
            // A length that is too long is refused below, before the peer is asked for it.
            if let BodyStep::Reject { status } = conn.poll_body(now, &[], &self.rules) {
                self.refuse(peer, bytes, status, slot, stage);
                return Step::Stop(bytes.len(), Stop::Close { linger: true });
            }
            slot.extend(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        Step::Next(bytes.len())
    }

    fn body_step(
        &mut self,
        conn: &mut Conn,
        peer: Peer,
        now: Instant,
        rest: &[u8],
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Step {
        match conn.poll_body(now, rest, &self.rules) {
            BodyStep::More { consumed } => Step::Stop(consumed, Stop::Input),
            BodyStep::Complete { consumed } => {
                let held = conn.take_held().unwrap_or_default();
                match self.answer_held(peer, held, false, consumed, slot, stage) {
                    Step::Stop(bytes, Stop::Close { linger }) => {
                        Step::Stop(bytes, Stop::Close { linger: linger || rest.len() > consumed })
                    }
                    step => step,
                }
            }
            BodyStep::Unread { consumed } => {
                let held = conn.take_held().unwrap_or_default();
                self.answer_held(peer, held, true, consumed, slot, stage)
            }
            BodyStep::Reject { status } => {
                let held = conn.take_held().unwrap_or_default();
                self.refuse(peer, &held.head, status, slot, stage);
                self.give_held(held);
                Step::Stop(rest.len(), Stop::Close { linger: true })
            }
        }
    }

    /// Answers a request that is held; `unread`: its body was not read to the end.
    fn answer_held(
        &mut self,
        peer: Peer,
        mut held: Held,
        unread: bool,
        consumed: usize,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Step {
        held.unread = unread;
        self.parse_held(&held);
        match self.answer(peer, &held.head, &held.body, unread, slot, stage) {
            Answer::InSlot { close } => {
                self.give_held(held);
                if close { Step::Stop(consumed, Stop::Close { linger: unread }) } else { Step::Next(consumed) }
            }
            Answer::Outside(out) => {
                self.give_held(held);
                Step::Stop(consumed, Stop::Body(out.lingering(unread)))
            }
            Answer::Waits(ask, tag) => Step::Stop(consumed, Stop::Ask(ask, tag, held)),
        }
    }

    /// Parses a held head again, into the scratch: it was complete before.
    fn parse_held(&mut self, held: &Held) {
        let parsed = self.head.parse(&held.head, &self.rules.limits, self.rules.tolerance);
        debug_assert!(matches!(parsed, slipring_wire::request::Parsed::Complete), "a held head is complete");
    }

    /// Dispatches the request in `self.head`.
    #[inline]
    fn answer(
        &mut self,
        peer: Peer,
        bytes: &[u8],
        body: &[u8],
        close: bool,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Answer {
        let function = self.commands.function(self.head.command(), self.head.method(bytes));
        self.run(peer, bytes, body, close, slot, stage, |handler, commands, x| match function {
            Some(function) => function(handler, x),
            None => unanswered(commands, x),
        })
    }

    /// Goes on with a held request whose ask was answered.
    pub(super) fn resume(
        &mut self,
        peer: Peer,
        held: &Held,
        tag: u32,
        arrived: Arrived<'_>,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Resumed {
        self.parse_held(held);
        let answer = self.run(peer, &held.head, &held.body, held.unread, slot, stage, |handler, _, x| {
            handler.resume(x, tag, arrived)
        });
        match answer {
            Answer::InSlot { close } => Resumed::Answered { close },
            Answer::Outside(out) => Resumed::Body(out),
            Answer::Waits(ask, tag) => Resumed::Waits(ask, tag),
        }
    }

    /// Makes an exchange, lets `act` answer it, and keeps what it wrote. Decision 11 is here: a panic is a 500.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "a step's own, passed through")]
    fn run(
        &mut self,
        peer: Peer,
        bytes: &[u8],
        body: &[u8],
        close: bool,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
        act: impl FnOnce(&mut H, &'static Commands<H>, &mut Exchange<'_>) -> Reply,
    ) -> Answer {
        let request = Request { head: &self.head, bytes, body, peer };
        let keep_alive = self.head.keep_alive() && !close && !self.draining;
        let out = Output::new(slot.bytes, slot.len);
        let mut x = Exchange::new(request, &self.site, &mut self.scratch, out, keep_alive);
        let (handler, commands) = (&mut self.handler, self.commands);
        match catch_unwind(AssertUnwindSafe(|| act(handler, commands, &mut x))) {
            Ok(Ok(Answered(Waits::Ask(ask, tag)))) => return Answer::Waits(ask, tag),
            Ok(Ok(Answered(Waits::Nothing))) if x.is_answered() => {}
            Ok(failed) => fail(&mut x, failed.err()),
            Err(_) => {
                self.handler = (self.factory)();
                self.metrics.panics += 1;
                fail(&mut x, None);
            }
        }
        let ending = x.into_ending();
        self.metrics.requests += 1;
        let logged_from = stage.len();
        self.log(peer, self.head.request_line(bytes), ending.status.code(), stage);
        keep(ending, stage, logged_from)
    }

    /// Answers what is no request.
    fn reject(&mut self, peer: Peer, reject: &Reject, rest: &[u8], slot: &mut SlotBytes<'_>, stage: &mut Vec<u8>) {
        self.metrics.rejected += 1;
        if reject.reason == RejectReason::TlsOnPlainPort {
            // A TLS client understands no answer of ours; one line says what happened (row R25).
            log::message(stage, peer, self.scratch.date.log_text(), b"TLS on a plain port");
            return;
        }
        let message = reject.message(rest).to_string();
        // The table's own phrase where it says the same.
        let message = (reject.reason.class() != RejectClass::Limit).then_some(message.as_str());
        let line = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.answer_blank(peer, line, reject.status, message, slot, stage);
    }

    /// Refuses a request that was understood.
    fn refuse(&mut self, peer: Peer, bytes: &[u8], status: u16, slot: &mut SlotBytes<'_>, stage: &mut Vec<u8>) {
        self.metrics.rejected += 1;
        let line = bytes.split(|&byte| byte == b'\r' || byte == b'\n').find(|line| !line.is_empty());
        self.answer_blank(peer, line.unwrap_or_default(), status, None, slot, stage);
    }

    /// Answers a request that did not come in time.
    pub(super) fn time_out(&mut self, peer: Peer, slot: &mut SlotBytes<'_>, stage: &mut Vec<u8>) {
        self.answer_blank(peer, b"", 408, None, slot, stage);
    }

    fn answer_blank(
        &mut self,
        peer: Peer,
        line: &[u8],
        status: u16,
        message: Option<&str>,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) {
        let request = Request { head: &self.blank, bytes: &[], body: &[], peer };
        let out = Output::new(slot.bytes, slot.len);
        let mut x = Exchange::new(request, &self.site, &mut self.scratch, out, false);
        // The status is one of ours and nothing was sent before: this cannot be out of order.
        let _ = x.send_error_with(status, message, None);
        let ending = x.into_ending();
        debug_assert!(ending.spilled.is_none(), "an error page fits behind the room that every turn keeps");
        self.log(peer, line, status, stage);
    }

    #[inline]
    fn log(&mut self, peer: Peer, request_line: &[u8], status: u16, stage: &mut Vec<u8>) {
        let date = self.scratch.date.log_text();
        if !self.scratch.messages.is_empty() {
            for text in self.scratch.messages.split(|&byte| byte == b'\n').filter(|text| !text.is_empty()) {
                log::message(stage, peer, date, text);
            }
            self.scratch.messages.clear();
        }
        if self.log_access {
            AccessRecord { peer, date, request_line, status }.write(stage);
        }
    }

    fn take_held(&mut self) -> Held {
        self.held.pop().unwrap_or_default()
    }

    /// Keeps a request's memory for the next one.
    pub(super) fn give_held(&mut self, mut held: Held) {
        let bytes = held.head.capacity() + held.body.capacity();
        if self.held.len() < HELD_KEPT_MAX && bytes <= HELD_BYTES_KEPT_MAX {
            held.head.clear();
            held.body.clear();
            held.unread = false;
            self.held.push(held);
        }
    }
}

/// One step of a turn: bytes consumed, and whether the turn ends.
enum Step {
    Next(usize),
    Stop(usize, Stop),
}

/// What a resumed exchange came to.
pub(super) enum Resumed {
    Answered { close: bool },
    Body(OutOfSlot),
    Waits(Ask, u32),
}

impl OutOfSlot {
    /// The file that goes on as the body.
    pub(super) fn file(&self) -> Option<slipring_ring::FileId> {
        match self.source {
            BodySource::File(file, _) => Some(file),
            _ => None,
        }
    }

    fn lingering(mut self, more: bool) -> Self {
        self.close = self.close.map(|linger| linger || more);
        self
    }
}

/// Sorts out where an answer stands.
#[inline]
fn keep(ending: Ending, stage: &mut Vec<u8>, logged_from: usize) -> Answer {
    let Ending { body_bytes, close, spilled, body, .. } = ending;
    if spilled.is_none() && body == BodySource::None {
        return Answer::InSlot { close };
    }
    let log = stage.split_off(logged_from);
    Answer::Outside(OutOfSlot { spilled, source: body, body_bytes, log, close: close.then_some(false) })
}

/// The handler failed: forget what it wrote, say 500 (row E16), and why in the log.
#[cold]
fn fail(x: &mut Exchange<'_>, error: Option<HandlerError>) {
    x.restart();
    match error {
        Some(error) => x.log_error(format_args!("the handler failed: {error}")),
        None => x.log_error(format_args!("the handler failed")),
    }
    x.close();
    let _ = x.send_error(500);
}

/// A command that the handler has no function for (rows S35, E5, U16).
#[cold]
fn unanswered<H: Handler>(commands: &Commands<H>, x: &mut Exchange<'_>) -> Reply {
    let asterisk = x.head().target_form() == TargetForm::Asterisk;
    let mut allow = Vec::new();
    commands.allow(&mut allow);
    match x.head().command() {
        Command::Options if asterisk => x.send_response(204)?.send_header("Allow", &allow)?.end_headers(b""),
        Command::Other => unsupported(x),
        _ if commands.is_empty() => unsupported(x),
        _ => x.send_error_fields(405, None, &[("Allow", &allow)]),
    }
}

fn unsupported(x: &mut Exchange<'_>) -> Reply {
    let message = format!("Unsupported method ({})", Quoted(x.command()));
    x.send_error_with(501, Some(&message), None)
}
