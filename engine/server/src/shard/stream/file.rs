//! Pieces of a file. What a short send left over is read again, from the page cache. Behind the read of the last piece
//! the file is measured once more: one that changed is never sent as if it had not.

use std::ops::Range;

use slipring_ring::{FileError, FileId, FileStat, Op, OpKind, Ring, Transfer};

use super::{Source, Stream};
use crate::handler::Handler;
use crate::shard::Shard;
use crate::shard::table::End;

/// A part of an open file.
pub(in crate::shard) struct FileSource {
    file: FileId,
    /// What the file was when the stream began.
    stat: FileStat,
    /// The next byte to send, and behind the last.
    next: u64,
    end: u64,
}

impl FileSource {
    pub(in crate::shard) fn new(file: FileId, stat: FileStat, range: Range<u64>) -> Self {
        Self { file, stat, next: range.start, end: range.end }
    }

    /// What the file was when the stream began.
    pub(super) fn version(&self) -> &FileStat {
        &self.stat
    }

    pub(super) fn left(&self) -> u64 {
        self.end - self.next
    }

    pub(super) fn advance(&mut self, sent: u32) {
        self.next += u64::from(sent);
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

impl Stream {
    fn file_source(&self) -> Option<&FileSource> {
        match &self.source {
            Source::File(source) => Some(source),
            Source::Pull(_) => None,
        }
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    pub(super) fn read_piece(&mut self, index: u32, transfer: Transfer) {
        let chunk = u64::from(self.limits.ring.transfer_bytes);
        let Some(entry) = self.table.get(index) else { return self.ring.return_transfer(transfer) };
        let token = entry.token(OpKind::Read, index);
        let Some(source) = entry.stream.as_ref().and_then(|stream| stream.file_source()) else {
            return self.ring.return_transfer(transfer);
        };
        let (file, offset, len) = (source.file, source.next, source.left().min(chunk) as u32);
        entry.in_flight += 1;
        self.ring.submit(token, Op::Read { file, offset, len, transfer });
    }

    /// A piece of a file was read.
    pub(in crate::shard) fn stream_read(&mut self, index: u32, result: Result<u32, FileError>, transfer: Transfer) {
        let Some(entry) = self.table.get(index) else { return self.ring.return_transfer(transfer) };
        let source = entry.stream.as_ref().and_then(|stream| stream.file_source());
        match (result, source) {
            (Ok(len @ 1..), Some(source)) if entry.end != End::Cancelling => {
                let end = u64::from(len).min(source.left()) as u32;
                // Measured behind the read: what happens to the file from here on does not change what was read.
                if u64::from(end) == source.left() && source.is_spoilt(self.ring.measure(source.file)) {
                    self.ring.return_transfer(transfer);
                    return self.abort(index);
                }
                self.send_piece(index, transfer, 0, end);
            }
            // The file ended early or failed: its length was promised, so the connection must end (never NULs).
            _ => {
                self.ring.return_transfer(transfer);
                self.abort(index);
            }
        }
    }
}
