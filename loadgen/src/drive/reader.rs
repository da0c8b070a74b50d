//! Following the answers on one connection.

use slipring_wire::response::{Event, HeadMemo, ResponseError, ResponseMachine};

use super::checker::{Content, Found};
use super::flight::{Ask, Flight};

/// Why an answer cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    /// It is malformed or cut off.
    Response(ResponseError),
    /// No request waited for it.
    Unasked,
}

impl From<ResponseError> for ReadError {
    fn from(error: ResponseError) -> Self {
        Self::Response(error)
    }
}

/// What a piece of input held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Requests that were answered whole.
    pub(super) answers: u32,
    /// Bytes of content.
    pub(super) body: u64,
    /// The target will not take another request on this connection.
    pub(super) last: bool,
}

/// One whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    /// To what.
    pub(super) ask: Ask,
    /// Its status.
    pub(super) status: u16,
    /// When its first byte came.
    pub(super) first_at: u64,
    /// Its content, if that is looked at.
    pub(super) found: Option<Found>,
}

/// What reading needs besides the connection.
pub(super) struct Reading<'a> {
    pub(super) memo: &'a mut HeadMemo,
    /// Whether a request of the mix, by its number, is a HEAD request.
    pub(super) heads: &'a [bool],
    pub(super) now: u64,
}

/// The state of the answer that is being read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    machine: ResponseMachine,
    status: u16,
    /// Between the head of a final response and its end.
    in_answer: bool,
    /// The head said that the connection will close.
    last: bool,
    first_at: u64,
    /// Only with a check.
    content: Option<Box<Content>>,
}

impl Reader {
    /// At the start of a stream; contents are looked at only if asked.
    pub(super) fn new(checks: bool) -> Self {
        Self { content: checks.then(Box::default), ..Self::default() }
    }

    /// Reads what arrived; `answer` is called with each answer that is whole.
    #[inline]
    pub(super) fn read(
        &mut self,
        reading: &mut Reading<'_>,
        mut input: &[u8],
        flight: &mut Flight,
        mut answer: impl FnMut(Whole),
    ) -> Result<Progress, ReadError> {
        let mut progress = Progress::default();
        if self.machine.is_idle() {
            self.first_at = reading.now;
        }
        loop {
            let was_head = flight.front().is_some_and(|ask| reading.heads[ask.kind as usize]);
            let (consumed, event) = self.machine.advance(reading.memo, input, was_head)?;
            match event {
                Event::Head(head) => {
                    self.in_answer = !head.status.is_informational();
                    self.status = head.status.code();
                    self.last = !head.is_reusable();
                }
                Event::BodyBytes(bytes) => {
                    progress.body += bytes;
                    if let Some(content) = &mut self.content {
                        // The content is the end of what was consumed; before it may stand the framing of a chunk.
                        content.update(&input[consumed - bytes as usize..consumed]);
                    }
                }
                Event::End if self.in_answer => {
                    answer(self.whole(flight.pop().ok_or(ReadError::Unasked)?));
                    self.first_at = reading.now;
                    progress.answers += 1;
                    if self.last {
                        progress.last = true;
                        return Ok(progress);
                    }
                }
                // After an interim response (1xx) the real one follows.
                Event::End => (),
                Event::NeedMore => return Ok(progress),
            }
            input = &input[consumed..];
        }
    }

    /// Bytes of the body that is being read which nobody has to look at.
    #[inline]
    pub(super) fn discardable(&self) -> u64 {
        if self.content.is_some() { 0 } else { self.machine.body_left().unwrap_or(0) }
    }

    /// So many of them came and are gone; `answer` as for [`Reader::read`].
    pub(super) fn skip(
        &mut self,
        reading: &mut Reading<'_>,
        bytes: u64,
        flight: &mut Flight,
        answer: impl FnMut(Whole),
    ) -> Result<Progress, ReadError> {
        self.machine.skip(bytes);
        let progress = self.read(reading, &[], flight, answer)?;
        Ok(Progress { body: bytes, ..progress })
    }

    /// The peer sent all it will send, which may be the end of an answer.
    pub(super) fn finish(&mut self, flight: &mut Flight, mut answer: impl FnMut(Whole)) -> Result<(), ReadError> {
        let ended_by_close = self.in_answer;
        self.machine.handle_eof()?;
        if ended_by_close {
            answer(self.whole(flight.pop().ok_or(ReadError::Unasked)?));
        }
        Ok(())
    }

    #[inline]
    fn whole(&mut self, ask: Ask) -> Whole {
        self.in_answer = false;
        let found = self.content.as_mut().map(|content| content.take());
        Whole { ask, status: self.status, first_at: self.first_at, found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Send time and status of each answer, and what each piece held.
    type Seen = (Vec<(u64, u16, u64)>, Vec<Progress>);

    /// Piece `n` arrives at time `100 + n`.
    fn answers(flight: &mut Flight, pieces: &[&[u8]]) -> Result<Seen, ReadError> {
        let (mut reader, mut memo, mut seen) = (Reader::default(), HeadMemo::new(), Vec::new());
        let mut progress = Vec::new();
        for (now, piece) in (100..).zip(pieces) {
            let mut reading = Reading { memo: &mut memo, heads: &[false, true], now };
            let whole = |whole: Whole| seen.push((whole.ask.sent, whole.status, whole.first_at));
            progress.push(reader.read(&mut reading, piece, flight, whole)?);
        }
        Ok((seen, progress))
    }

    fn ask(sent: u64, kind: u32) -> Ask {
        Ask { intended: sent, sent, kind }
    }

    #[test]
    fn each_answer_of_a_batch_ends_its_own_request() {
        let mut flight = Flight::new(3);
        flight.push(ask(5, 0), 2);
        flight.push(ask(9, 0), 1);
        let first =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 404 No\r\nConte";
        let second = b"nt-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
        let (seen, progress) = answers(&mut flight, &[first, second]).expect("good answers");
        assert_eq!(seen, [(5, 200, 100), (5, 404, 100), (9, 200, 101)]);
        assert_eq!(progress[0], Progress { answers: 1, body: 2, last: false });
        assert_eq!(progress[1], Progress { answers: 2, body: 1, last: true });
    }

    #[test]
    fn a_head_request_among_others_has_no_body() {
        let mut flight = Flight::new(2);
        flight.push(ask(1, 1), 1);
        flight.push(ask(2, 0), 1);
        let both = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        let (seen, progress) = answers(&mut flight, &[both]).expect("good answers");
        assert_eq!(seen, [(1, 200, 100), (2, 200, 100)]);
        assert_eq!(progress, [Progress { answers: 2, body: 2, last: false }]);
    }

    #[test]
    fn an_answer_without_a_request_is_refused() {
        let found = answers(&mut Flight::new(1), &[b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
        assert_eq!(found, Err(ReadError::Unasked));
    }
}
