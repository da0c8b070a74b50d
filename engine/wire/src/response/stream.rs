//! Following a byte stream of responses without copying it: where each head and body ends, and nothing more.
//!
//! ```text
//!   Head --head read--> Length | Chunked | UntilClose --last byte--> Ended --End--> Head
//!     ^                                                                               |
//!     +-------------------------------- next response --------------------------------+
//! ```
//!
//! A load generator meets the same head many thousand times, changed at most in its `Date`. [`HeadMemo`] keeps the last
//! one with its meaning: when the next bytes equal it outside the date value, comparing them is all the parsing done.

use memchr::{memchr, memchr2};

use crate::body::chunked::{ChunkLimits, ChunkState, ChunkedDecoder};
use crate::response::parse::{
    DATE_LEN, HEAD_BYTES_MAX, Parsed, ResponseError, ResponseFraming, ResponseHead, may_become_status_line,
    parse_response_head,
};

/// What a call to [`ResponseMachine::advance`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The whole input is consumed and nothing is whole; go on with what arrives next.
    NeedMore,
    /// A head. `framing` is final: it knows of a HEAD request.
    Head(ResponseHead),
    /// So many more bytes of body, without the framing of the chunked coding.
    BodyBytes(u64),
    /// The response is over. After a 1xx head the response to the same request still follows.
    End,
}

/// What the end of the stream meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eof {
    /// It came between two responses.
    Idle,
    /// It ended a response whose body lasts until close.
    Complete,
}

/// The protocol state of one connection: 128 bytes, and a buffer only if a head was ever split.
///
/// Call [`ResponseMachine::advance`] with what arrived until it returns [`Event::NeedMore`].
#[derive(Clone, Debug)]
pub struct ResponseMachine {
    state: State,
    chunked: ChunkedDecoder,
    /// The beginning of a head whose end has not come; at most [`HEAD_BYTES_MAX`].
    carry: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Length(u64),
    Chunked,
    UntilClose,
    Ended,
    Failed(ResponseError),
}

impl Default for ResponseMachine {
    fn default() -> Self {
        Self::new()
    }
}

impl ResponseMachine {
    /// A machine at the start of a stream.
    pub const fn new() -> Self {
        Self { state: State::Head, chunked: ChunkedDecoder::new(ChunkLimits::RESPONSE), carry: Vec::new() }
    }

    /// Reads on up to the next event; returns how many bytes of the input are done with, and the event.
    ///
    /// `request_was_head` belongs to the request that is answered next and matters only while a head is being read. An
    /// error stays: every later call returns it.
    #[inline]
    pub fn advance(
        &mut self,
        memo: &mut HeadMemo,
        input: &[u8],
        request_was_head: bool,
    ) -> Result<(usize, Event), ResponseError> {
        let found = match self.state {
            State::Head => self.head(memo, input, request_was_head),
            State::Length(left) => Ok(self.length(left, input.len())),
            State::Chunked => self.chunk(input),
            State::UntilClose => Ok(body_bytes(input.len())),
            State::Ended => Ok(self.end(0)),
            State::Failed(error) => Err(error),
        };
        found.inspect_err(|&error| self.state = State::Failed(error))
    }

    /// The connection closed. `Truncated` when that was inside a head or a body of known end.
    pub fn handle_eof(&mut self) -> Result<Eof, ResponseError> {
        let meaning = match self.state {
            State::Head if self.carry.is_empty() => Ok(Eof::Idle),
            State::UntilClose | State::Ended => Ok(Eof::Complete),
            State::Failed(error) => Err(error),
            _ => Err(ResponseError::Truncated),
        };
        self.state = meaning.map_or_else(State::Failed, |_| State::Head);
        meaning
    }

    /// Bytes of a body of known length that have not come yet, while it stands inside of one.
    #[inline]
    pub fn body_left(&self) -> Option<u64> {
        if let State::Length(left) = self.state { Some(left) } else { None }
    }

    /// So many bytes of that body came and were thrown away unseen; no more than [`ResponseMachine::body_left`] says.
    ///
    /// # Panics
    /// When there was no such body, or less of it.
    pub fn skip(&mut self, bytes: u64) {
        let left = self.body_left().and_then(|left| left.checked_sub(bytes)).expect("no more than is left is skipped");
        self.state = if left == 0 { State::Ended } else { State::Length(left) };
    }

    /// Whether the machine stands between two responses.
    pub fn is_idle(&self) -> bool {
        self.state == State::Head && self.carry.is_empty()
    }

    #[inline]
    fn head(&mut self, memo: &mut HeadMemo, input: &[u8], was_head: bool) -> Result<(usize, Event), ResponseError> {
        if !self.carry.is_empty() {
            return self.carried_head(input, was_head);
        }
        if let Some(head) = memo.recall(input) {
            return Ok(self.begin(head, head.head_len, was_head));
        }
        match parse_response_head(input) {
            Parsed::Complete(head) => {
                memo.keep(&input[..head.head_len], head);
                Ok(self.begin(head, head.head_len, was_head))
            }
            Parsed::Partial => {
                self.carry.extend_from_slice(input);
                Ok((input.len(), Event::NeedMore))
            }
            Parsed::Reject(error) => Err(error),
        }
    }

    /// The head began in an earlier input. It is read again only when a line was ended, so that a head which comes byte
    /// by byte costs a scan a line and not a scan a byte.
    #[cold]
    fn carried_head(&mut self, input: &[u8], was_head: bool) -> Result<(usize, Event), ResponseError> {
        let before = self.carry.len();
        let taken = &input[..input.len().min(HEAD_BYTES_MAX - before)];
        self.carry.extend_from_slice(taken);
        if memchr(b'\n', taken).is_none() && self.carry.len() < HEAD_BYTES_MAX {
            let hopeful = may_become_status_line(&self.carry);
            return if hopeful { Ok((taken.len(), Event::NeedMore)) } else { Err(ResponseError::StatusLine) };
        }
        match parse_response_head(&self.carry) {
            Parsed::Complete(head) => {
                self.carry.clear();
                // The lines before `before` held no end, so the head ends in what was taken.
                Ok(self.begin(head, head.head_len - before, was_head))
            }
            Parsed::Partial => Ok((taken.len(), Event::NeedMore)),
            Parsed::Reject(error) => Err(error),
        }
    }

    #[inline]
    fn begin(&mut self, head: ResponseHead, consumed: usize, was_head: bool) -> (usize, Event) {
        let head = if was_head { head.answering_head() } else { head };
        self.state = match head.framing {
            ResponseFraming::None | ResponseFraming::Length(0) => State::Ended,
            ResponseFraming::Length(length) => State::Length(length),
            ResponseFraming::UntilClose => State::UntilClose,
            ResponseFraming::Chunked => {
                self.chunked = ChunkedDecoder::new(ChunkLimits::RESPONSE);
                State::Chunked
            }
        };
        (consumed, Event::Head(head))
    }

    #[inline]
    fn length(&mut self, left: u64, room: usize) -> (usize, Event) {
        let taken = left.min(room as u64);
        self.state = if taken == left { State::Ended } else { State::Length(left - taken) };
        // `taken` is at most the length of a slice.
        body_bytes(taken as usize)
    }

    fn chunk(&mut self, input: &[u8]) -> Result<(usize, Event), ResponseError> {
        let progress = self.chunked.advance(input)?;
        Ok(match progress.state {
            ChunkState::Data => (progress.consumed, Event::BodyBytes(progress.data.len() as u64)),
            ChunkState::NeedMore => (progress.consumed, Event::NeedMore),
            ChunkState::End => self.end(progress.consumed),
        })
    }

    #[inline]
    fn end(&mut self, consumed: usize) -> (usize, Event) {
        self.state = State::Head;
        (consumed, Event::End)
    }
}

#[inline]
fn body_bytes(taken: usize) -> (usize, Event) {
    (taken, if taken == 0 { Event::NeedMore } else { Event::BodyBytes(taken as u64) })
}

/// The last head and what it said. One serves all the connections of a thread, and then stays in the nearest cache.
#[derive(Clone, Debug)]
pub struct HeadMemo {
    head: Option<ResponseHead>,
    bytes: [u8; HeadMemo::BYTES_MAX],
}

impl Default for HeadMemo {
    fn default() -> Self {
        Self::new()
    }
}

impl HeadMemo {
    /// Larger heads are not kept.
    pub const BYTES_MAX: usize = 1_024;

    /// A memo of nothing.
    pub const fn new() -> Self {
        Self { head: None, bytes: [0; Self::BYTES_MAX] }
    }

    /// The meaning of the head at the start of `input` if it is the last one, but for the value of its `Date`.
    #[inline]
    fn recall(&mut self, input: &[u8]) -> Option<ResponseHead> {
        let head = self.head?;
        let given = input.get(..head.head_len)?;
        let known = &mut self.bytes[..head.head_len];
        if known == given || renew_date(known, given, head.date_at?) {
            return Some(head);
        }
        None
    }

    fn keep(&mut self, bytes: &[u8], head: ResponseHead) {
        let Some(room) = self.bytes.get_mut(..bytes.len()) else { return };
        room.copy_from_slice(bytes);
        self.head = Some(head);
    }
}

/// Takes over the date of `given` if that is all that differs. A date that held a line end would be more than a date.
fn renew_date(known: &mut [u8], given: &[u8], at: usize) -> bool {
    let end = at + DATE_LEN;
    let same = known[..at] == given[..at] && known[end..] == given[end..];
    let date = &given[at..end];
    if !same || memchr2(b'\r', b'\n', date).is_some() {
        return false;
    }
    known[at..end].copy_from_slice(date);
    true
}

/// A [`ResponseMachine`] with a [`HeadMemo`] of its own, for whoever follows few connections.
#[derive(Clone, Debug, Default)]
pub struct ResponseParser {
    machine: ResponseMachine,
    memo: HeadMemo,
}

impl ResponseParser {
    /// A parser at the start of a stream.
    pub const fn new() -> Self {
        Self { machine: ResponseMachine::new(), memo: HeadMemo::new() }
    }

    /// See [`ResponseMachine::advance`].
    #[inline]
    pub fn advance(&mut self, input: &[u8], request_was_head: bool) -> Result<(usize, Event), ResponseError> {
        self.machine.advance(&mut self.memo, input, request_was_head)
    }

    /// See [`ResponseMachine::handle_eof`].
    pub fn handle_eof(&mut self) -> Result<Eof, ResponseError> {
        self.machine.handle_eof()
    }

    /// See [`ResponseMachine::is_idle`].
    pub fn is_idle(&self) -> bool {
        self.machine.is_idle()
    }
}

#[cfg(test)]
mod tests;
