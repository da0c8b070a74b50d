//! Answers on their way: one send in flight per connection, carrying every answer of its tick.

use std::ops::Range;
use std::sync::Arc;

use slipring_ring::{Op, OpKind, OpToken, Ring, SendError, SendSlot};

use super::core::OutOfSlot;
use super::stream::{FileSource, PullSource, Stream};
use super::table::{End, Recv};
use super::{Shard, moment};
use crate::conn::Phase;
use crate::handler::{BodySource, Handler};
use crate::log::{Left, note_progress};

impl<R: Ring, H: Handler> Shard<R, H> {
    /// After a turn or a resumed exchange: send what was written, or go on at once when nothing was.
    #[inline]
    pub(super) fn settle(&mut self, index: u32) {
        self.note_framing(index);
        let Some(entry) = self.table.get(index) else { return };
        match &entry.slot {
            Some(slot) if slot.unsent() > 0 => {
                if !entry.dirty {
                    entry.dirty = true;
                    self.dirty.push(index);
                }
            }
            _ => {
                if let Some(slot) = entry.slot.take() {
                    self.return_slot(slot);
                }
                self.after_answers(index);
            }
        }
        self.arm_timer(index);
    }

    /// Remembers that the answer which was just written ends with its connection.
    #[inline]
    fn note_framing(&mut self, index: u32) {
        if std::mem::take(&mut self.core.unframed)
            && let Some(entry) = self.table.get(index)
        {
            entry.unframed = true;
        }
    }

    /// Sends what this tick wrote.
    pub(super) fn flush(&mut self) {
        while let Some(index) = self.dirty.pop() {
            let Some(entry) = self.table.get(index) else { continue };
            entry.dirty = false;
            self.send(index);
        }
    }

    #[inline]
    fn send(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        if entry.sending || entry.end == End::Cancelling {
            return;
        }
        let Some(slot) = entry.slot.take() else { return };
        entry.sending = true;
        entry.in_flight += 1;
        let (token, socket) = (entry.token(OpKind::Send, index), entry.socket);
        self.ring.submit(token, Op::Send { socket, slot });
    }

    #[inline]
    pub(super) fn on_sent(&mut self, token: OpToken, result: Result<u32, SendError>, slot: SendSlot) {
        let index = token.slot();
        let now = self.ring.now();
        let Some(entry) = self.table.find(token) else { return self.return_slot(slot) };
        entry.in_flight -= 1;
        entry.sending = false;
        match result {
            Ok(_) if slot.unsent() == 0 => {
                self.return_slot(slot);
                self.after_answers(index);
            }
            Ok(_) if entry.end != End::Cancelling => {
                note_progress(&mut self.stages[slot.number()], slot.sent() as u64, now);
                entry.conn.handle_progress(now, &self.core.rules);
                entry.sending = true;
                entry.in_flight += 1;
                let socket = entry.socket;
                self.ring.submit(token, Op::Send { socket, slot });
            }
            _ => {
                self.return_slot(slot);
                self.lose(index);
            }
        }
    }

    /// Ends the use of a slot: what it carried has left, or never will, so its lines go to the log. A connection that
    /// waits for a slot has its turn, unless this is inside another's: then at the end of the tick.
    #[inline]
    pub(super) fn return_slot(&mut self, slot: SendSlot) {
        let stage = &mut self.stages[slot.number()];
        if !stage.is_empty() {
            let left = Left::Sent(slot.sent() as u64);
            self.core.tell_left(stage, left);
            let at = moment(&self.core.scratch);
            self.logs.left(&mut self.ring, stage, left, at, &mut self.core.metrics);
            stage.clear();
        }
        self.ring.return_slot(slot);
        if !self.slots_waiting.is_empty() && !self.serving_slots {
            self.serve_slot_waiter();
        }
    }

    /// One who is called may give its slot back at once: the next is called behind it and not inside, however many wait.
    #[cold]
    fn serve_slot_waiter(&mut self) {
        self.serving_slots = true;
        while let Some(index) = self.slots_waiting.pop_front() {
            let waiting = self.table.get(index).filter(|entry| entry.awaits_slot && entry.end != End::Cancelling);
            let Some(entry) = waiting else { continue };
            entry.awaits_slot = false;
            if entry.ask.as_ref().is_some_and(|ask| ask.arrived.is_some()) {
                self.resume_arrived(index);
            } else {
                self.make_ready(index);
            }
            break;
        }
        self.serving_slots = false;
    }

    /// Calls those who wait while slots are free: whoever was called before may have ended without taking one.
    pub(super) fn serve_slot_waiters(&mut self) {
        for _ in 0..self.slots_waiting.len() {
            let Some(slot) = self.ring.take_slot() else { return };
            self.ring.return_slot(slot);
            self.serve_slot_waiter();
        }
    }

    /// No send slot is free: wait for one.
    pub(super) fn await_slot(&mut self, index: u32) {
        self.core.metrics.slots_exhausted += 1;
        if let Some(entry) = self.table.get(index)
            && !entry.awaits_slot
        {
            entry.awaits_slot = true;
            self.slots_waiting.push_back(index);
        }
    }

    /// Everything written so far has left: what is next for this connection?
    #[inline]
    pub(super) fn after_answers(&mut self, index: u32) {
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return };
        if entry.sending {
            return;
        }
        if entry.end == End::Cancelling {
            return self.finish_teardown(index);
        }
        if entry.slot.as_ref().is_some_and(|slot| slot.unsent() > 0) {
            // An interim head of an exchange that waits may be among it.
            if !entry.dirty {
                entry.dirty = true;
                self.dirty.push(index);
            }
            return;
        }
        if entry.ask.is_some() {
            return;
        }
        if entry.is_storing() && entry.end == End::Open {
            // The rest of the body may be here already, so that even a half-close changes nothing.
            return;
        }
        if let Some(stream) = &entry.stream {
            if !stream.is_begun() {
                // Once begun it goes on by its own completions: a half-close comes by here in the middle of it.
                self.stream_next(index);
            }
            return;
        }
        match entry.end {
            End::AfterSend { linger } => {
                // What nobody receives may be there all the same: a close would answer it by a reset.
                let unheard = entry.recv != Recv::Armed;
                self.begin_close(index, linger || unheard);
            }
            End::Lingering | End::Cancelling => {}
            // A job that nobody listens to ends first.
            End::Open if entry.writer.is_some() => {}
            End::Open => {
                if entry.conn.phase() == Phase::Answering {
                    entry.conn.handle_answered(now, &self.core.rules);
                    self.go_on(index);
                } else if entry.unturned && !entry.awaits_slot {
                    // In the middle of a request, whose rest came while the answers before it were leaving.
                    self.make_ready(index);
                } else if entry.conn.is_half_closed() && !entry.ready && !entry.awaits_slot {
                    // What is left can never be a whole request (row H12).
                    self.teardown(index);
                } else {
                    self.arm_recv(index);
                }
            }
        }
    }

    /// Between requests.
    #[inline]
    fn go_on(&mut self, index: u32) {
        let draining = self.core.draining;
        let Some(entry) = self.table.get(index) else { return };
        if entry.backlog() > 0 {
            self.make_ready(index);
        } else if entry.conn.is_half_closed() {
            self.begin_close(index, false);
        } else if draining {
            self.begin_close(index, true);
        } else {
            self.arm_recv(index);
        }
        self.arm_timer(index);
    }

    /// Starts what an answer goes on with outside its slot.
    pub(super) fn start_body(&mut self, index: u32, out: OutOfSlot) {
        self.note_framing(index);
        let file = out.file();
        let OutOfSlot { spilled, source, body_end, body_bytes, log, close } = out;
        let is_known = body_bytes > 0 || spilled.is_some();
        let is_made = matches!(source, BodySource::Reader(_) | BodySource::Program(_) | BodySource::Writer);
        debug_assert!(is_known || is_made, "a body outside the slot is not empty");
        let attached = spilled.is_none_or(|bytes| self.attach_whole(index, bytes));
        let attached = attached
            && match source {
                BodySource::None => true,
                BodySource::Owned(bytes) => self.attach_whole(index, bytes),
                BodySource::Shared(bytes, range) => self.attach_shared(index, bytes, range),
                BodySource::Blob(blob, range) => {
                    let slot = self.table.get(index).and_then(|entry| entry.slot.as_mut());
                    slot.is_some_and(|slot| self.ring.attach(slot, blob, range))
                }
                BodySource::File(file, range) => {
                    let Some(stream) = self.open_stream(index, file, range, log, close) else { return };
                    return self.start_stream(index, stream);
                }
                BodySource::Program(from) => {
                    let Some(output) = self.program_output(index, from) else { return self.abort(index) };
                    let stream = Stream::of_reader(PullSource::new(Box::new(output), body_end), log, close);
                    return self.start_stream(index, stream);
                }
                BodySource::Writer => {
                    let Some(written) = self.written(index) else { return self.abort(index) };
                    let stream = Stream::of_reader(PullSource::new(Box::new(written), body_end), log, close);
                    return self.start_stream(index, stream);
                }
                BodySource::Reader(reader) => {
                    let stream = Stream::of_reader(PullSource::new(reader, body_end), log, close);
                    return self.start_stream(index, stream);
                }
            };
        let Some(entry) = self.table.get(index) else { return };
        let close_file = entry.token(OpKind::CloseFile, index);
        if let Some(slot) = &entry.slot {
            self.stages[slot.number()].extend_from_slice(&log);
        }
        if let Some(linger) = close {
            entry.end = End::AfterSend { linger };
            self.drop_inbound(index);
        }
        if !attached {
            // Its head found no room, so its file was not begun.
            if let Some(file) = file {
                self.ring.submit(close_file, Op::CloseFile { file });
            }
            self.say(index, "its answer is cut: the bodies on their way to all peers have no room for another");
            self.abort(index);
        }
    }

    fn attach_whole(&mut self, index: u32, bytes: Vec<u8>) -> bool {
        let len = bytes.len() as u32;
        self.attach_shared(index, bytes.into(), 0..len)
    }

    /// Puts memory behind what the slot holds, to be let go when it was sent.
    fn attach_shared(&mut self, index: u32, bytes: Arc<[u8]>, range: Range<u32>) -> bool {
        let Some(blob) = self.ring.freeze(bytes) else { return false };
        let slot = self.table.get(index).and_then(|entry| entry.slot.as_mut());
        let attached = slot.is_some_and(|slot| self.ring.attach(slot, blob, range));
        self.ring.release(blob);
        attached
    }

    /// The stream of a part of a file; none if the file cannot be measured, or its connection is gone.
    fn open_stream(
        &mut self,
        index: u32,
        file: slipring_ring::FileId,
        range: Range<u64>,
        log: Vec<u8>,
        close: Option<bool>,
    ) -> Option<Stream> {
        let stat = self.ring.measure(file);
        let entry = self.table.get(index)?;
        let token = entry.token(OpKind::CloseFile, index);
        let Ok(stat) = stat else {
            // What is written leaves, answers before this one among it; then the connection ends short of the promise.
            if let Some(slot) = &entry.slot {
                self.stages[slot.number()].extend_from_slice(&log);
            }
            entry.end = End::AfterSend { linger: true };
            let unframed = entry.unframed;
            self.ring.submit(token, Op::CloseFile { file });
            if unframed {
                // Without a length, an end would be taken for the file's.
                self.abort(index);
                return None;
            }
            self.core.metrics.aborted += 1;
            self.drop_inbound(index);
            return None;
        };
        let shared = self.versions.begin(file, stat);
        if shared != file {
            self.ring.submit(token, Op::CloseFile { file });
        }
        Some(Stream::of_file(FileSource::new(shared, stat, range), log, close))
    }

    /// It goes on when what stands before it has left.
    fn start_stream(&mut self, index: u32, stream: Stream) {
        if let Some(entry) = self.table.get(index) {
            entry.stream = Some(Box::new(stream));
        }
    }
}
