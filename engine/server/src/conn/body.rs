//! Reading a request's body: what to keep of it, and how fast it must come.

use std::time::Duration;

use slipring_ring::{Deadline, Instant};
use slipring_wire::body::chunked::{ChunkLimits, ChunkedDecoder};
use slipring_wire::body::framing::BodyFraming;

use super::limits::{RATE_BYTES_PER_S_MIN, RATE_GRACE, Rules};

/// What to do with the bytes of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Forget them.
    Nothing,
    /// Keep them all in memory, at most so many.
    Memory(u64),
    /// Keep them all, at most so many; what memory should not hold is handed out in pieces ([`BodyStep::Spill`]).
    Spool(u64),
}

/// What followed from body bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyStep {
    /// More are needed.
    More {
        /// Bytes taken from the input.
        consumed: usize,
    },
    /// As much is in memory as should be: [`super::Conn::begin_store`] takes it, and the next step comes behind
    /// [`super::Conn::end_store`].
    Spill {
        /// Bytes taken from the input.
        consumed: usize,
    },
    /// The body ended.
    Complete {
        /// Bytes taken from the input.
        consumed: usize,
    },
    /// Nobody asked for it and it is too long to read to its end: answer now, then close.
    Unread {
        /// Bytes taken from the input.
        consumed: usize,
    },
    /// Its framing is broken, or it is longer than allowed: answer with this status, then close.
    Reject {
        /// 400 or 413.
        status: u16,
    },
}

/// A request that outlives the buffer that it arrived in: while its body comes, or while its handler waits.
#[derive(Debug, Default)]
pub struct Held {
    /// When its head was complete.
    pub begun: Instant,
    /// The bytes of the head.
    pub head: Vec<u8>,
    /// The bytes of the body, decoded.
    pub body: Vec<u8>,
    /// Bytes of the body that were handed out in pieces, if it was: then all of it was.
    pub spooled: u64,
    /// A part of the body was left unread: whatever follows is no request, so the connection ends behind the answer.
    pub unread: bool,
    /// How often the request was led to another target.
    pub turns: u8,
}

/// A body on its way.
#[derive(Debug)]
pub(super) struct BodyReader {
    framing: Framing,
    keep: Keep,
    held: Held,
    started: Instant,
    /// Bytes on the wire so far.
    received: u64,
    /// Since when a piece is being stored: that time is not the peer's.
    storing: Option<Instant>,
    /// The body has ended, behind a piece that was handed out.
    ended: bool,
}

#[derive(Debug)]
enum Framing {
    Length(u64),
    Chunked(Box<ChunkedDecoder>),
}

impl BodyReader {
    pub(super) fn new(now: Instant, framing: BodyFraming, keep: Keep, held: Held) -> Self {
        let framing = match framing {
            BodyFraming::Chunked => {
                // What is too long is decided here, by what is kept.
                let limits = ChunkLimits { body_bytes_max: u64::MAX, ..ChunkLimits::REQUEST };
                Framing::Chunked(Box::new(ChunkedDecoder::new(limits)))
            }
            BodyFraming::Length(length) => Framing::Length(length),
            BodyFraming::None => Framing::Length(0),
        };
        Self { framing, keep, held, started: now, received: 0, storing: None, ended: false }
    }

    /// When the body counts as too slow: the grace, then time by the bytes that came.
    pub(super) fn deadline(&self) -> Deadline {
        let earned = Duration::from_millis(self.received.saturating_mul(1000) / RATE_BYTES_PER_S_MIN);
        self.started.plus(RATE_GRACE).after(earned)
    }

    pub(super) fn advance(&mut self, input: &[u8], rules: &Rules) -> BodyStep {
        match self.keep {
            Keep::Spool(max) => self.advance_spool(max, input, rules),
            _ => self.advance_memory(self.keep, input, rules),
        }
    }

    fn advance_memory(&mut self, keep: Keep, input: &[u8], rules: &Rules) -> BodyStep {
        let step = match &mut self.framing {
            Framing::Length(left) => Self::advance_length(left, keep, &mut self.held.body, input, rules),
            Framing::Chunked(decoder) => Self::advance_chunked(decoder, keep, &mut self.held.body, input, rules),
        };
        if let BodyStep::More { consumed } = step {
            self.received += consumed as u64;
        }
        step
    }

    /// In memory up to a piece, then piece by piece. A body that was handed out in part is so to its end.
    fn advance_spool(&mut self, max: u64, input: &[u8], rules: &Rules) -> BodyStep {
        if self.ended {
            return BodyStep::Complete { consumed: 0 };
        }
        let keep = Keep::Memory(max.saturating_sub(self.held.spooled));
        let is_whole = self.held.spooled == 0;
        let mut at = 0;
        loop {
            // Framing only ever takes bytes away, so that the piece does not grow beyond its limit.
            let room = rules.spool_piece_bytes.saturating_sub(self.held.body.len());
            let end = input.len().min(at + room);
            match self.advance_memory(keep, &input[at..end], rules) {
                BodyStep::Complete { consumed } if is_whole || self.held.body.is_empty() => {
                    return BodyStep::Complete { consumed: at + consumed };
                }
                BodyStep::Complete { consumed } => {
                    self.ended = true;
                    return BodyStep::Spill { consumed: at + consumed };
                }
                BodyStep::More { consumed } => at += consumed,
                other => return other,
            }
            if self.held.body.len() >= rules.spool_piece_bytes {
                return BodyStep::Spill { consumed: at };
            }
            if at == input.len() {
                return BodyStep::More { consumed: at };
            }
        }
    }

    /// Hands the piece in memory out.
    pub(super) fn begin_store(&mut self, now: Instant) -> Vec<u8> {
        self.storing = Some(now);
        self.held.spooled += self.held.body.len() as u64;
        std::mem::take(&mut self.held.body)
    }

    /// The piece was stored; its memory is used for the next.
    pub(super) fn end_store(&mut self, now: Instant, mut piece: Vec<u8>) {
        piece.clear();
        self.held.body = piece;
        if let Some(since) = self.storing.take() {
            self.started = self.started.plus(now.since(since));
        }
    }

    fn advance_length(left: &mut u64, keep: Keep, body: &mut Vec<u8>, input: &[u8], rules: &Rules) -> BodyStep {
        match keep {
            Keep::Memory(max) if *left + body.len() as u64 > max => return BodyStep::Reject { status: 413 },
            Keep::Nothing if *left > rules.discard_bytes_max => return BodyStep::Unread { consumed: 0 },
            _ => {}
        }
        let consumed = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        if keep != Keep::Nothing {
            body.extend_from_slice(&input[..consumed]);
        }
        *left -= consumed as u64;
        if *left == 0 { BodyStep::Complete { consumed } } else { BodyStep::More { consumed } }
    }

    fn advance_chunked(
        decoder: &mut ChunkedDecoder,
        keep: Keep,
        body: &mut Vec<u8>,
        input: &[u8],
        rules: &Rules,
    ) -> BodyStep {
        let progress = match keep {
            Keep::Nothing => decoder.discard(input),
            Keep::Memory(_) | Keep::Spool(_) => decoder.append(input, body),
        };
        match (progress, keep) {
            (Err(error), _) => BodyStep::Reject { status: error.status_code() },
            (Ok(_), Keep::Memory(max)) if body.len() as u64 > max => BodyStep::Reject { status: 413 },
            (Ok((consumed, true)), _) => BodyStep::Complete { consumed },
            (Ok((consumed, false)), Keep::Nothing) if decoder.wire_bytes() > rules.discard_bytes_max => {
                BodyStep::Unread { consumed }
            }
            (Ok((consumed, false)), _) => BodyStep::More { consumed },
        }
    }

    pub(super) fn into_held(self) -> Held {
        self.held
    }
}
