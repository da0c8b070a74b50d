//! Bodies that are longer than memory should hold: piece by piece into a file without a name.
//!
//! ```text
//!   turn --(a piece is full)--> [make the file] --> store --(all of it)--> turn ... --> exchange --> the file is closed
//! ```
//!
//! While a piece is being stored the connection takes no more of its input, so its peer feels the disk. The time counts as
//! ours.

use slipring_ring::{FileError, FileId, Op, OpKind, Ring, Transfer};

use super::Shard;
use super::table::End;
use crate::handler::{Handler, JobBody};

/// The body of one request, as far as it is stored.
#[derive(Debug, Default)]
pub(super) struct Spool {
    file: Option<FileId>,
    /// Bytes that are stored.
    stored: u64,
    /// What is being stored, and how much of it is.
    piece: Vec<u8>,
    at: usize,
    /// A piece is on its way.
    busy: bool,
    /// It waits for a transfer buffer.
    waiting: bool,
}

impl Spool {
    /// Whether the connection has to wait for it.
    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// What has to be closed behind it.
    pub(super) fn into_file(self) -> Option<FileId> {
        self.file
    }
}

impl Spool {
    /// The whole body, for who takes it over: its file and its length.
    pub(super) fn into_whole(self) -> Option<(FileId, u64)> {
        self.file.map(|file| (file, self.stored))
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    /// A piece of a body is full: it goes into the spool, which is made for the first.
    pub(super) fn spill(&mut self, index: u32) {
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return };
        let token = entry.token(OpKind::Spool, index);
        let piece = entry.conn.begin_store(now, &self.core.rules);
        let spool = entry.spool.get_or_insert_default();
        (spool.piece, spool.at, spool.busy) = (piece, 0, true);
        if spool.file.is_some() {
            self.store_piece(index);
        } else {
            entry.in_flight += 1;
            self.ring.submit(token, Op::Spool);
        }
        self.arm_timer(index);
    }

    pub(super) fn on_spooled(&mut self, index: u32, result: Result<FileId, FileError>) {
        let Some(entry) = self.table.get(index) else { return };
        if let (Some(spool), Ok(file)) = (&mut entry.spool, result) {
            spool.file = Some(file);
        }
        match (entry.end, result) {
            (End::Open, Ok(_)) => self.store_piece(index),
            (End::Open, Err(_)) => self.fail_spool(index),
            _ => self.end_spool(index),
        }
    }

    /// The last operation of a spool ended whose request will not be whole.
    fn end_spool(&mut self, index: u32) {
        if let Some(spool) = self.table.get(index).and_then(|entry| entry.spool.as_mut()) {
            spool.busy = false;
        }
        self.release_spool(index);
        self.finish_teardown(index);
    }

    /// A piece that waits for a transfer buffer is stored no more: nothing of it is in flight.
    pub(super) fn forget_waiting_piece(&mut self, index: u32) {
        if let Some(spool) = self.table.get(index).and_then(|entry| entry.spool.as_mut())
            && std::mem::take(&mut spool.waiting)
        {
            spool.busy = false;
        }
    }

    /// Stores what is left of the piece, when a buffer is free.
    fn store_piece(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        let token = entry.token(OpKind::Store, index);
        let Some((spool, file)) = entry.spool.as_mut().and_then(|spool| spool.file.map(|file| (spool, file))) else {
            return;
        };
        let Some(mut transfer) = self.ring.take_transfer() else {
            spool.waiting = true;
            return self.streams_waiting.push_back(index);
        };
        let buffer = self.ring.transfer_bytes_mut(&mut transfer);
        let left = &spool.piece[spool.at..];
        let len = left.len().min(buffer.len());
        buffer[..len].copy_from_slice(&left[..len]);
        entry.in_flight += 1;
        self.ring.submit(token, Op::Store { file, offset: spool.stored, transfer, start: 0, end: len as u32 });
    }

    /// A transfer buffer may be free for a piece that waited; `false` if this connection waits for none.
    pub(super) fn retry_store(&mut self, index: u32) -> bool {
        let Some(entry) = self.table.get(index) else { return false };
        let waited = entry.spool.as_mut().is_some_and(|spool| std::mem::take(&mut spool.waiting));
        if waited && entry.end == End::Open {
            self.store_piece(index);
        }
        waited
    }

    pub(super) fn on_stored(&mut self, index: u32, result: Result<u32, FileError>, transfer: Transfer) {
        self.ring.return_transfer(transfer);
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return };
        if entry.end != End::Open {
            return self.end_spool(index);
        }
        let Some(spool) = &mut entry.spool else { return };
        let Ok(len @ 1..) = result else { return self.fail_spool(index) };
        spool.stored += u64::from(len);
        spool.at += len as usize;
        if spool.at < spool.piece.len() {
            return self.store_piece(index);
        }
        spool.busy = false;
        entry.conn.end_store(now, std::mem::take(&mut spool.piece));
        entry.unturned = true;
        self.make_ready(index);
        self.arm_timer(index);
    }

    /// The disk does not take the body: its request cannot be answered.
    fn fail_spool(&mut self, index: u32) {
        if let Some(spool) = self.table.get(index).and_then(|entry| entry.spool.as_mut()) {
            spool.busy = false;
        }
        self.say_why(index, "a body could not be spooled");
        self.answer_unasked(index, 500);
    }

    /// Lets a spool go whose exchange has ended, before anything that ends with it is sent: its place is somebody else's from
    /// then on, however long the peer is still heard out.
    pub(super) fn release_spool(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        if entry.spool.as_ref().is_none_or(|spool| spool.is_busy())
            || entry.ask.is_some()
            || entry.conn.is_reading_body()
        {
            return;
        }
        let token = entry.token(OpKind::CloseFile, index);
        if let Some(file) = entry.spool.take().and_then(|spool| spool.into_file()) {
            self.ring.submit(token, Op::CloseFile { file });
        }
    }

    /// The body of a request for a job: its memory, which is lent, or its spool.
    pub(super) fn lend_body(&mut self, index: u32) -> JobBody {
        let Some(entry) = self.table.get(index) else { return JobBody::memory(Vec::new()) };
        let spooled = entry.spool.as_ref().and_then(|spool| spool.file.map(|file| (file, spool.stored)));
        match (spooled, &mut entry.ask) {
            (Some((file, len)), _) => JobBody::spool(self.ring.share(file), len),
            (None, Some(open)) => JobBody::memory(std::mem::take(&mut open.held.body)),
            (None, None) => JobBody::memory(Vec::new()),
        }
    }
}
