//! Everything of a shard that a turn of a connection needs, and no ring: requests in, answers out.

mod answer;
mod body;
mod elsewhere;
mod hooks;
mod logging;
mod refuse;

use std::sync::Arc;

use slipring_ring::{FileId, Instant, Peer, SlotBytes};
use slipring_wire::request::RequestHead;

use crate::conn::{Conn, Held, Next, Rules};
use crate::handler::{Ask, BodyEnd, BodySource, Commands, Handler, Scratch, Site};
use crate::log::Format;
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
    /// The same for what asked by HEAD.
    blank_head: RequestHead,
    /// Memory of requests that outlive their buffer, for reuse.
    held: Vec<Held>,
    /// What a request's log line looks like; `None`: requests get none.
    format: Option<Arc<Format>>,
    /// When the head of the request at hand was complete.
    begun: Instant,
    /// The answer that was written last ends with its connection, and its peer has no other way to know.
    pub(super) unframed: bool,
    pub(super) draining: bool,
    /// Requests that are still to be answered, where their number is limited.
    pub(super) requests_left: Option<u64>,
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
    /// A piece of a body has to be stored before more of it is taken.
    Spill,
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
    pub(super) body_end: BodyEnd,
    pub(super) body_bytes: u64,
    /// Its log records, cut from the stage: they wait for its end.
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
    /// It is answered as if it were for the target in the scratch.
    Elsewhere,
}

/// Why a function of a command leads nowhere else.
const LED_BY_SCRIPTS: &str = "only what a script said leads elsewhere";
/// Room that a slot must have before another request is dispatched: a small body with its head.
const ROOM_BYTES_MIN: usize = 17 * 1024;
/// Bytes of log records that one slot stages before it is sent.
const STAGE_BYTES_MAX: usize = 8 * 1024;
/// Requests whose memory is kept for reuse.
const HELD_KEPT_MAX: usize = 256;
/// A held buffer that grew beyond this is not kept.
const HELD_BYTES_KEPT_MAX: usize = 64 * 1024;

impl<H: Handler> Core<H> {
    pub(super) fn new(
        mut factory: Box<dyn FnMut() -> H>,
        site: Site,
        rules: Rules,
        format: Option<Arc<Format>>,
    ) -> Self {
        Self {
            handler: factory(),
            factory,
            commands: const { &H::COMMANDS },
            site,
            rules,
            scratch: Scratch::new(),
            head: RequestHead::new(),
            blank: RequestHead::new(),
            blank_head: refuse::asked_by_head(),
            held: Vec::with_capacity(HELD_KEPT_MAX),
            format,
            begun: Instant::ORIGIN,
            unframed: false,
            draining: false,
            requests_left: None,
            metrics: Metrics::default(),
        }
    }

    /// Whether any request was answered.
    pub(super) fn has_answered(&self) -> bool {
        self.metrics.requests + self.metrics.rejected > 0
    }

    /// One answer more.
    #[inline]
    fn count_answer(&mut self) {
        if let Some(left) = &mut self.requests_left {
            *left = left.saturating_sub(1);
        }
    }

    /// Answers as many requests of `input` as one turn allows. Log records of answers in the slot go to `stage`.
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
        self.begun = now;
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
                    Answer::Elsewhere => unreachable!("{LED_BY_SCRIPTS}"),
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
    pub(super) fn file(&self) -> Option<FileId> {
        match self.source {
            BodySource::File(file, _) => Some(file),
            _ => None,
        }
    }

    /// Whether the exchange's program goes on as the body.
    pub(super) fn is_of_program(&self) -> bool {
        matches!(self.source, BodySource::Program(_))
    }

    /// Whether what the exchange's job writes goes on as the body.
    pub(super) fn is_of_writer(&self) -> bool {
        matches!(self.source, BodySource::Writer)
    }

    fn lingering(mut self, more: bool) -> Self {
        self.close = self.close.map(|linger| linger || more);
        self
    }
}
