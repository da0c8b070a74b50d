//! Pieces that a reader makes when the peer has room for them: back-pressure reaches whoever makes the body.
//!
//! A piece exists once, so what a short send left over is kept: at most one piece for each stream, and only while its
//! peer is slow.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use slipring_ring::{Ring, Transfer};
use slipring_wire::body::chunked::{LAST_CHUNK, chunk_line};

use super::Source;
use crate::handler::{BodyEnd, Handler};
use crate::log::Left;
use crate::shard::Shard;

/// A reader, and how its end is told to the peer.
pub(in crate::shard) struct PullSource {
    reader: Box<dyn Read>,
    end: BodyEnd,
    /// Bytes that were made and not yet taken.
    rest: Vec<u8>,
    /// Bytes of the body that were made, without what frames them.
    made: u64,
    /// Nothing more comes of the reader.
    ended: bool,
}

/// What asking for a piece came to.
enum Piece {
    /// These bytes of the buffer.
    Bytes(u32, u32),
    /// Nothing yet.
    Wait,
    /// The end; nothing is left to be said.
    End,
    /// The body cannot be finished.
    Failed,
}

/// Bytes of one piece: what a slow peer makes us keep.
const PIECE_BYTES_MAX: usize = 16 * 1024;
/// Before a piece: the longest line that opens a chunk.
const OPENING_BYTES: usize = 18;
/// Behind a piece.
const CLOSING: &[u8] = b"\r\n";

impl PullSource {
    pub(in crate::shard) fn new(reader: Box<dyn Read>, end: BodyEnd) -> Self {
        Self { reader, end, rest: Vec::new(), made: 0, ended: end == BodyEnd::Length(0) }
    }

    pub(super) fn is_at_its_end(&self) -> bool {
        self.ended && self.rest.is_empty()
    }

    /// What left of it, when so many bytes were sent.
    pub(super) fn left(&self, sent: u64) -> Left {
        match self.end {
            BodyEnd::Length(_) => Left::Body(sent),
            BodyEnd::Chunked | BodyEnd::Close => {
                let body = self.made.saturating_sub(self.rest.len() as u64);
                Left::Open { body, wire: sent, whole: self.is_at_its_end() }
            }
        }
    }

    /// What was not taken of the piece that was sent last.
    pub(super) fn keep(&mut self, left: &[u8]) {
        self.rest.clear();
        self.rest.extend_from_slice(left);
    }

    /// The next piece, in `buffer`.
    fn next(&mut self, buffer: &mut [u8]) -> Piece {
        if !self.rest.is_empty() {
            buffer[..self.rest.len()].copy_from_slice(&self.rest);
            return Piece::Bytes(0, self.rest.len() as u32);
        }
        let room = (buffer.len() - OPENING_BYTES - CLOSING.len()).min(PIECE_BYTES_MAX);
        let room = match self.end {
            BodyEnd::Length(left) => room.min(usize::try_from(left).unwrap_or(usize::MAX)),
            BodyEnd::Chunked | BodyEnd::Close => room,
        };
        match self.read(&mut buffer[OPENING_BYTES..OPENING_BYTES + room]) {
            Ok(0) => self.finish(buffer),
            Ok(len) => self.frame(buffer, len),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Piece::Wait,
            Err(_) => Piece::Failed,
        }
    }

    /// Asks the reader, whose panic is its own (decision 11).
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = catch_unwind(AssertUnwindSafe(|| self.reader.read(place)));
            match read.unwrap_or_else(|_| Err(io::ErrorKind::Other.into())) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(len) if len > place.len() => return Err(io::ErrorKind::InvalidData.into()),
                result => return result,
            }
        }
    }

    fn frame(&mut self, buffer: &mut [u8], len: usize) -> Piece {
        self.made += len as u64;
        let (start, end) = (OPENING_BYTES, OPENING_BYTES + len);
        match &mut self.end {
            BodyEnd::Close => Piece::Bytes(start as u32, end as u32),
            BodyEnd::Length(left) => {
                *left -= len as u64;
                self.ended = *left == 0;
                Piece::Bytes(start as u32, end as u32)
            }
            BodyEnd::Chunked => {
                let mut line = [0; OPENING_BYTES];
                let opening = chunk_line(len as u64, &mut line);
                let start = start - opening.len();
                buffer[start..OPENING_BYTES].copy_from_slice(opening);
                buffer[end..end + CLOSING.len()].copy_from_slice(CLOSING);
                Piece::Bytes(start as u32, (end + CLOSING.len()) as u32)
            }
        }
    }

    /// The reader has no more.
    fn finish(&mut self, buffer: &mut [u8]) -> Piece {
        self.ended = true;
        match self.end {
            BodyEnd::Chunked => {
                buffer[..LAST_CHUNK.len()].copy_from_slice(LAST_CHUNK);
                Piece::Bytes(0, LAST_CHUNK.len() as u32)
            }
            BodyEnd::Close => Piece::End,
            // More was promised.
            BodyEnd::Length(_) => Piece::Failed,
        }
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    pub(super) fn pull_piece(&mut self, index: u32, mut transfer: Transfer) {
        let stream = self.table.get(index).and_then(|entry| entry.stream.as_mut());
        let piece = match stream.map(|stream| &mut stream.source) {
            Some(Source::Pull(source)) => source.next(self.ring.transfer_bytes_mut(&mut transfer)),
            _ => Piece::Failed,
        };
        match piece {
            Piece::Bytes(start, end) => {
                self.send_piece(index, transfer, start, end);
                self.output_taken(index);
            }
            Piece::Wait => {
                self.ring.return_transfer(transfer);
                self.park_stream(index);
            }
            Piece::End => {
                self.ring.return_transfer(transfer);
                self.stream_done(index);
            }
            Piece::Failed => {
                self.ring.return_transfer(transfer);
                self.abort(index);
            }
        }
    }

    /// A stream has nothing to send: its program or its job has the turn, and the time.
    fn park_stream(&mut self, index: u32) {
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return };
        let Some(stream) = &mut entry.stream else { return self.abort(index) };
        match (entry.script, &entry.writer) {
            (Some(_), _) => entry.conn.await_program(now, &self.scripts.limits().silence),
            (None, Some(_)) => entry.conn.begin_job(now, &self.core.rules),
            (None, None) => return self.abort(index),
        }
        stream.parked = true;
        self.arm_timer(index);
        self.output_taken(index);
    }
}
