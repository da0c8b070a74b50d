//! Sending a part of a file: read into a transfer buffer, send what the socket takes, give the buffer back.
//!
//! A stream holds no buffer while its peer has no room: it polls, then reads, then sends without waiting (decision 13).
//! What a short send left over is read again, from the page cache. Behind the read of its last chunk the file is measured
//! once more: a file that changed is never sent as if it had not.

use std::ops::Range;

use slipring_ring::{FileError, FileId, FileStat, Instant, Op, OpKind, Ring, SendError, Transfer};

use super::table::End;
use super::{Shard, moment};
use crate::conn::{RATE_BYTES_PER_S_MIN, RATE_GRACE};
use crate::handler::Handler;
use crate::log::{Left, note_progress};

/// A body on its way from a file to a peer.
pub(super) struct Stream {
    pub(super) file: FileId,
    /// What the file was when the stream began.
    stat: FileStat,
    /// The next byte to send, and behind the last.
    next: u64,
    end: u64,
    started: Instant,
    sent: u64,
    /// Log records for its end.
    pub(super) log: Vec<u8>,
    /// The connection ends behind it; `Some(true)`: lingering.
    pub(super) close: Option<bool>,
    /// Bytes of the chunk that is being sent.
    asked: u32,
    /// It waits for a transfer buffer.
    waiting: bool,
    /// Its first chunk was asked for.
    begun: bool,
}

impl Stream {
    pub(super) fn new(file: FileId, stat: FileStat, range: Range<u64>, now: Instant) -> Self {
        Self {
            file,
            stat,
            next: range.start,
            end: range.end,
            started: now,
            sent: 0,
            log: Vec::new(),
            close: None,
            asked: 0,
            waiting: false,
            begun: false,
        }
    }

    /// Whether its first chunk was asked for: from then on one of its operations is in flight, or it waits in line.
    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    /// Whether the peer takes its bytes too slowly to go on (a slow reader, attack 26).
    fn is_too_slow(&self, now: Instant) -> bool {
        let late = now.since(self.started).saturating_sub(RATE_GRACE).as_secs();
        self.sent < late.saturating_mul(RATE_BYTES_PER_S_MIN)
    }

    /// What the file was when the stream began.
    pub(super) fn version(&self) -> &FileStat {
        &self.stat
    }

    fn left(&self) -> u64 {
        self.end - self.next
    }

    /// Whether the file's bytes may no longer be those that were promised. A file that only grew, or whose name is gone,
    /// still has them; one that shrank, or was written to without growing, may not.
    fn is_spoilt(&self, now: Result<FileStat, FileError>) -> bool {
        let modified = |stat: &FileStat| (stat.modified_s, stat.modified_ns);
        now.map_or(true, |now| {
            now.size < self.stat.size || (now.size == self.stat.size && modified(&now) != modified(&self.stat))
        })
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Reads the next chunk, when a buffer is free.
    pub(super) fn stream_next(&mut self, index: u32) {
        let chunk = self.limits.ring.transfer_bytes;
        let Some(entry) = self.table.get(index) else { return };
        let token = entry.token(OpKind::Read, index);
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
        let len = stream.left().min(u64::from(chunk)) as u32;
        entry.in_flight += 1;
        self.ring.submit(token, Op::Read { file: stream.file, offset: stream.next, len, transfer });
    }

    /// Lets streams that waited for a buffer have those that came back.
    pub(super) fn serve_waiting_streams(&mut self) {
        for _ in 0..self.streams_waiting.len() {
            let Some(index) = self.streams_waiting.pop_front() else { return };
            if self.retry_read(index) {
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

    /// A chunk of a stream was read.
    pub(super) fn stream_read(&mut self, index: u32, result: Result<u32, FileError>, transfer: Transfer) {
        let Some(entry) = self.table.get(index) else { return self.ring.return_transfer(transfer) };
        let token = entry.token(OpKind::Stream, index);
        match (result, &mut entry.stream) {
            (Ok(len @ 1..), Some(stream)) if entry.end != End::Cancelling => {
                let end = u64::from(len).min(stream.left()) as u32;
                // Measured behind the read: what happens to the file from here on does not change what was read.
                if u64::from(end) == stream.left() && stream.is_spoilt(self.ring.measure(stream.file)) {
                    self.ring.return_transfer(transfer);
                    return self.abort(index);
                }
                stream.asked = end;
                entry.in_flight += 1;
                let socket = entry.socket;
                self.ring.submit(token, Op::Stream { socket, transfer, start: 0, end });
            }
            // The file ended early or failed: its length was promised, so the connection must end (never NULs).
            _ => {
                self.ring.return_transfer(transfer);
                self.abort(index);
            }
        }
    }

    /// A chunk of a stream was sent, as far as the socket had room.
    pub(super) fn on_streamed(&mut self, index: u32, result: Result<u32, SendError>, transfer: Transfer) {
        self.ring.return_transfer(transfer);
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return };
        if entry.end == End::Cancelling {
            return self.finish_teardown(index);
        }
        let Some(stream) = &mut entry.stream else { return };
        match result {
            Ok(sent) => {
                stream.next += u64::from(sent);
                stream.sent += u64::from(sent);
                entry.conn.handle_progress(now, &self.core.rules);
                if stream.left() == 0 {
                    self.stream_done(index);
                } else if stream.is_too_slow(now) {
                    self.core.metrics.timeouts += 1;
                    self.abort(index);
                } else if sent == stream.asked {
                    self.stream_next(index);
                } else {
                    self.await_room(index);
                }
            }
            Err(SendError::WouldBlock) => self.await_room(index),
            Err(_) => self.abort(index),
        }
    }

    /// Waits until the peer has taken some bytes; holds nothing meanwhile.
    pub(super) fn await_room(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        let (token, socket) = (entry.token(OpKind::Poll, index), entry.socket);
        entry.in_flight += 1;
        self.ring.submit(token, Op::Poll { socket });
        self.arm_timer(index);
    }

    /// A stream ended, as far as it got.
    pub(super) fn log_stream(&mut self, stream: &Stream) {
        let at = moment(&self.core.scratch);
        self.logs.left(&mut self.ring, &stream.log, Left::Body(stream.sent), at, &mut self.core.metrics);
    }

    fn stream_done(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        let Some(stream) = entry.stream.take() else { return };
        let token = entry.token(OpKind::CloseFile, index);
        if let Some(linger) = stream.close {
            entry.end = End::AfterSend { linger };
        }
        if let Some(file) = self.versions.end(stream.version()) {
            self.ring.submit(token, Op::CloseFile { file });
        }
        self.log_stream(&stream);
        self.after_answers(index);
    }
}
