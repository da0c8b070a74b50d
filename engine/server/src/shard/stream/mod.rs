//! Answers that are longer than a slot: piece by piece through a transfer buffer, as the peer takes them.
//!
//! A stream holds no buffer while its peer has no room: it polls, then fetches a piece, then sends without waiting
//! (decision 13). Where pieces come from, and what becomes of one that was taken in part, is the source's affair.

mod file;
mod pull;

use std::time::Duration;

use slipring_ring::{FileId, FileStat, Instant, Op, OpKind, Ring, SendError, Transfer};

use super::table::End;
use super::{Shard, moment};
use crate::conn::{RATE_BYTES_PER_S_MIN, RATE_GRACE};
use crate::handler::Handler;
use crate::log::{Left, note_progress};
pub(super) use file::FileSource;
pub(super) use pull::PullSource;

/// A body on its way to a peer.
pub(super) struct Stream {
    source: Source,
    pace: Pace,
    /// Log records for its end.
    log: Vec<u8>,
    /// The connection ends behind it; `Some(true)`: lingering.
    close: Option<bool>,
    /// Bytes of the piece that is being sent, and where they lie in its buffer.
    flying: (u32, u32),
    /// It waits for a transfer buffer.
    waiting: bool,
    /// Its first piece was asked for.
    begun: bool,
    /// Nothing was there to be sent: whoever makes it wakes it.
    parked: bool,
}

/// Where the pieces come from.
enum Source {
    File(FileSource),
    Pull(PullSource),
}

/// How fast the peer takes what it is given: only the time counts in which we wait for it.
struct Pace {
    sent: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
}

impl Stream {
    pub(super) fn of_file(source: FileSource, log: Vec<u8>, close: Option<bool>) -> Self {
        Self::new(Source::File(source), log, close)
    }

    pub(super) fn of_reader(source: PullSource, log: Vec<u8>, close: Option<bool>) -> Self {
        Self::new(Source::Pull(source), log, close)
    }

    fn new(source: Source, log: Vec<u8>, close: Option<bool>) -> Self {
        let pace = Pace { sent: 0, waited: Duration::ZERO, waiting_since: None };
        Self { source, pace, log, close, flying: (0, 0), waiting: false, begun: false, parked: false }
    }

    /// Whether its first piece was asked for: from then on one of its operations is in flight, or it waits in line.
    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    /// What its file was when it began; `None` if it is of none.
    fn version(&self) -> Option<&FileStat> {
        match &self.source {
            Source::File(source) => Some(source.version()),
            Source::Pull(_) => None,
        }
    }

    /// What left of it, for the log.
    fn left(&self) -> Left {
        match &self.source {
            Source::File(_) => Left::Body(self.pace.sent),
            Source::Pull(source) => source.left(self.pace.sent),
        }
    }

    /// Whether everything was sent.
    pub(super) fn is_at_its_end(&self) -> bool {
        match &self.source {
            Source::File(source) => source.left() == 0,
            Source::Pull(source) => source.is_at_its_end(),
        }
    }
}

impl Pace {
    fn took(&mut self, bytes: u32) {
        self.sent += u64::from(bytes);
    }

    fn begin_wait(&mut self, now: Instant) {
        self.waiting_since = Some(now);
    }

    fn end_wait(&mut self, now: Instant) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += now.since(since);
        }
    }

    /// Whether the peer takes its bytes too slowly to go on (a slow reader, attack 26).
    fn is_too_slow(&self) -> bool {
        let late = self.waited.saturating_sub(RATE_GRACE).as_secs();
        self.sent < late.saturating_mul(RATE_BYTES_PER_S_MIN)
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Fetches the next piece, when a buffer is free.
    pub(super) fn stream_next(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        let Some(stream) = &mut entry.stream else { return };
        if entry.end == End::Cancelling {
            return;
        }
        if !stream.begun {
            // The head has left.
            note_progress(&mut stream.log, u64::MAX, self.ring.now());
            stream.begun = true;
        }
        let Some(transfer) = self.ring.take_transfer() else {
            if !stream.waiting {
                stream.waiting = true;
                self.streams_waiting.push_back(index);
            }
            return;
        };
        stream.waiting = false;
        match &stream.source {
            Source::File(_) => self.read_piece(index, transfer),
            Source::Pull(_) => self.pull_piece(index, transfer),
        }
    }

    /// Whoever makes a stream has more for it.
    pub(super) fn wake_stream(&mut self, index: u32) {
        let Some(stream) = self.table.get(index).and_then(|entry| entry.stream.as_mut()) else { return };
        if std::mem::take(&mut stream.parked) {
            self.stream_next(index);
        }
    }

    /// Lets streams that waited for a buffer have those that came back.
    pub(super) fn serve_waiting_streams(&mut self) {
        for _ in 0..self.streams_waiting.len() {
            let Some(index) = self.streams_waiting.pop_front() else { return };
            if self.retry_read(index) || self.retry_store(index) {
                continue;
            }
            let waits = self.table.get(index).is_some_and(|e| e.stream.as_ref().is_some_and(|s| s.waiting));
            if !waits {
                continue;
            }
            if let Some(stream) = self.table.get(index).and_then(|entry| entry.stream.as_mut()) {
                stream.waiting = false;
            }
            self.stream_next(index);
            if self.table.get(index).is_some_and(|e| e.stream.as_ref().is_some_and(|s| s.waiting)) {
                return;
            }
        }
    }

    /// Sends a piece as far as the socket has room.
    fn send_piece(&mut self, index: u32, transfer: Transfer, start: u32, end: u32) {
        let Some(entry) = self.table.get(index) else { return self.ring.return_transfer(transfer) };
        let (token, socket) = (entry.token(OpKind::Stream, index), entry.socket);
        if let Some(stream) = &mut entry.stream {
            stream.flying = (start, end);
        }
        entry.in_flight += 1;
        self.ring.submit(token, Op::Stream { socket, transfer, start, end });
    }

    /// A piece of a stream was sent, as far as the socket had room.
    pub(super) fn on_streamed(&mut self, index: u32, result: Result<u32, SendError>, transfer: Transfer) {
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return self.ring.return_transfer(transfer) };
        let sent = match result {
            Err(SendError::WouldBlock) => Some(0),
            result => result.ok(),
        };
        if let (Some(stream), Some(sent)) = (&mut entry.stream, sent) {
            let (start, end) = stream.flying;
            let left = &self.ring.transfer_bytes(&transfer)[(start + sent) as usize..end as usize];
            match &mut stream.source {
                Source::File(source) => source.advance(sent),
                Source::Pull(source) => source.keep(left),
            }
            stream.pace.took(sent);
        }
        self.ring.return_transfer(transfer);
        if entry.end == End::Cancelling {
            return self.finish_teardown(index);
        }
        let (Some(stream), Some(sent)) = (&entry.stream, sent) else { return self.abort(index) };
        if sent > 0 {
            entry.conn.handle_progress(now, &self.core.rules);
        }
        if stream.is_at_its_end() {
            self.stream_done(index);
        } else if stream.pace.is_too_slow() {
            self.core.metrics.timeouts += 1;
            self.abort(index);
        } else if sent == stream.flying.1 - stream.flying.0 {
            self.stream_next(index);
        } else {
            self.await_room(index);
        }
    }

    /// Waits until the peer has taken some bytes; holds no buffer meanwhile.
    fn await_room(&mut self, index: u32) {
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return };
        let (token, socket) = (entry.token(OpKind::Poll, index), entry.socket);
        if let Some(stream) = &mut entry.stream {
            stream.pace.begin_wait(now);
        }
        entry.in_flight += 1;
        self.ring.submit(token, Op::Poll { socket });
        self.arm_timer(index);
    }

    /// A stream's socket has room again, or is broken.
    pub(super) fn on_room(&mut self, index: u32, ready: bool) {
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return };
        if let Some(stream) = &mut entry.stream {
            stream.pace.end_wait(now);
        }
        match entry.end {
            End::Cancelling => self.finish_teardown(index),
            _ if ready => self.stream_next(index),
            _ => self.abort(index),
        }
    }

    /// A stream lets its file go: what has to be closed, if it was the last that read it.
    pub(super) fn end_version(&mut self, stream: &Stream) -> Option<FileId> {
        stream.version().and_then(|version| self.versions.end(version))
    }

    /// A stream ended, as far as it got.
    pub(super) fn log_stream(&mut self, stream: &mut Stream) {
        let left = stream.left();
        self.core.tell_left(&mut stream.log, left);
        let at = moment(&self.core.scratch);
        self.logs.left(&mut self.ring, &stream.log, left, at, &mut self.core.metrics);
    }

    fn stream_done(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        let Some(mut stream) = entry.stream.take() else { return };
        let token = entry.token(OpKind::CloseFile, index);
        if let Some(linger) = stream.close {
            entry.end = End::AfterSend { linger: linger || entry.backlog() > 0 };
            self.drop_inbound(index);
        }
        if let Some(file) = self.end_version(&stream) {
            self.ring.submit(token, Op::CloseFile { file });
        }
        self.let_script_go(index, false);
        self.let_writer_go(index);
        self.log_stream(&mut stream);
        self.after_answers(index);
    }
}
