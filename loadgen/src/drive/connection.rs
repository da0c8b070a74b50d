//! One connection: its protocol state and the requests that are in flight on it.

use slipring_ring::{SendSlot, Socket};
use slipring_wire::response::{Event, HeadMemo, ResponseError, ResponseMachine};

/// Where a connection stands.
///
/// ```text
///   Vacant --> Connecting --> Open --> Ending --> Closing --> Vacant
///     ^             |                (operations come back)     |
///     +-------------+-------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No socket.
    Vacant,
    /// A connect is in flight.
    Connecting,
    /// Requests may be sent.
    Open,
    /// Given up; waits for its operations to come back.
    Ending,
    /// The close is in flight.
    Closing,
}

/// A connection's table entry.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) state: State,
    pub(super) socket: Option<Socket>,
    pub(super) generation: u32,
    /// A receive is in flight.
    pub(super) armed: bool,
    /// At home; `None` while it is sent.
    pub(super) slot: Option<SendSlot>,
    /// Requests that wait for the slot.
    pub(super) owed: u32,
    /// Which of the target's addresses is dialled.
    pub(super) address: usize,
    pub(super) flight: Flight,
    reader: Reader,
}

impl Connection {
    pub(super) fn new(slot: SendSlot, depth: u32) -> Self {
        Self {
            state: State::Vacant,
            socket: None,
            generation: 0,
            armed: false,
            slot: Some(slot),
            owed: 0,
            address: 0,
            flight: Flight::new(depth),
            reader: Reader::default(),
        }
    }

    /// A new socket: nothing of the last one is left.
    pub(super) fn begin(&mut self, socket: Socket) {
        self.state = State::Open;
        self.socket = Some(socket);
        self.owed = 0;
        self.reader = Reader::default();
        debug_assert_eq!(self.flight.len(), 0, "the last socket's requests were given up");
    }

    /// Reads what arrived; `answer` is called with send time and status of each request that it answers.
    #[inline]
    pub(super) fn read(
        &mut self,
        memo: &mut HeadMemo,
        input: &[u8],
        head_only: bool,
        answer: impl FnMut(u64, u16),
    ) -> Result<Progress, ReadError> {
        self.reader.read(memo, input, head_only, &mut self.flight, answer)
    }

    /// The peer sent all it will send; `answer` as for [`Connection::read`].
    pub(super) fn finish(&mut self, mut answer: impl FnMut(u64, u16)) -> Result<(), ReadError> {
        let ended_by_close = self.reader.in_answer;
        self.reader.machine.handle_eof()?;
        if ended_by_close {
            let sent = self.flight.pop().ok_or(ReadError::Unasked)?;
            answer(sent, self.reader.status);
        }
        Ok(())
    }
}

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

/// Follows the answers on one connection.
#[derive(Debug, Default)]
struct Reader {
    machine: ResponseMachine,
    status: u16,
    /// Between the head of a final response and its end.
    in_answer: bool,
    /// The head said that the connection will close.
    last: bool,
}

impl Reader {
    #[inline]
    fn read(
        &mut self,
        memo: &mut HeadMemo,
        mut input: &[u8],
        head_only: bool,
        flight: &mut Flight,
        mut answer: impl FnMut(u64, u16),
    ) -> Result<Progress, ReadError> {
        let mut progress = Progress::default();
        loop {
            let (consumed, event) = self.machine.advance(memo, input, head_only)?;
            input = &input[consumed..];
            match event {
                Event::Head(head) => {
                    self.in_answer = !head.status.is_informational();
                    self.status = head.status.code();
                    self.last = !head.is_reusable();
                }
                Event::BodyBytes(bytes) => progress.body += bytes,
                Event::End if self.in_answer => {
                    self.in_answer = false;
                    answer(flight.pop().ok_or(ReadError::Unasked)?, self.status);
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
        }
    }
}

/// Send times of the requests in flight, oldest first; requests sent together are one entry.
#[derive(Debug)]
pub(super) struct Flight {
    runs: Box<[(u64, u32)]>,
    first: usize,
    used: usize,
    len: u32,
}

impl Flight {
    /// For `depth` requests at most.
    pub(super) fn new(depth: u32) -> Self {
        Self { runs: vec![(0, 0); depth.max(1) as usize].into_boxed_slice(), first: 0, used: 0, len: 0 }
    }

    /// Requests in flight.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// `count` requests left at `sent`; never more in all than the depth.
    #[inline]
    pub(super) fn push(&mut self, sent: u64, count: u32) {
        self.len += count;
        assert!(self.len as usize <= self.runs.len(), "a connection never has more requests in flight than its depth");
        if self.used > 0 {
            let last = self.index(self.used - 1);
            if self.runs[last].0 == sent {
                self.runs[last].1 += count;
                return;
            }
        }
        let next = self.index(self.used);
        self.runs[next] = (sent, count);
        self.used += 1;
    }

    /// The oldest request is over: when it was sent.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<u64> {
        if self.used == 0 {
            return None;
        }
        let (sent, count) = &mut self.runs[self.first];
        *count -= 1;
        self.len -= 1;
        let sent = *sent;
        if *count == 0 {
            self.first = self.index(1);
            self.used -= 1;
        }
        Some(sent)
    }

    #[inline]
    fn index(&self, behind: usize) -> usize {
        let index = self.first + behind;
        if index >= self.runs.len() { index - self.runs.len() } else { index }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flight_gives_back_what_went_in() {
        let mut flight = Flight::new(4);
        let mut naive = std::collections::VecDeque::new();
        // Any order of sends and answers that keeps within the depth.
        for step in 0..1000_u64 {
            let free = 4 - flight.len();
            let count = (step * 7 % 5) as u32;
            if count > 0 && count <= free {
                let sent = step / 3;
                flight.push(sent, count);
                naive.extend(std::iter::repeat_n(sent, count as usize));
            } else {
                assert_eq!(flight.pop(), naive.pop_front());
            }
            assert_eq!(flight.len() as usize, naive.len());
        }
    }

    /// Send time and status of each answer, and what each piece held.
    type Seen = (Vec<(u64, u16)>, Vec<Progress>);

    fn answers(flight: &mut Flight, pieces: &[&[u8]]) -> Result<Seen, ReadError> {
        let (mut reader, mut memo, mut seen) = (Reader::default(), HeadMemo::new(), Vec::new());
        let progress = pieces
            .iter()
            .map(|piece| reader.read(&mut memo, piece, false, flight, |sent, status| seen.push((sent, status))))
            .collect::<Result<_, _>>()?;
        Ok((seen, progress))
    }

    #[test]
    fn each_answer_of_a_batch_ends_its_own_request() {
        let mut flight = Flight::new(3);
        flight.push(5, 2);
        flight.push(9, 1);
        let first =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 404 No\r\nConte";
        let second = b"nt-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
        let (seen, progress) = answers(&mut flight, &[first, second]).expect("good answers");
        assert_eq!(seen, [(5, 200), (5, 404), (9, 200)]);
        assert_eq!(progress[0], Progress { answers: 1, body: 2, last: false });
        assert_eq!(progress[1], Progress { answers: 2, body: 1, last: true });
    }

    #[test]
    fn an_answer_without_a_request_is_refused() {
        let found = answers(&mut Flight::new(1), &[b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
        assert_eq!(found, Err(ReadError::Unasked));
    }
}
