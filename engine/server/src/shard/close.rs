//! Close is a protocol (decision 8): FIN after the last byte, hear the peer out if it may still be sending, cancel what
//! is in flight, and free the slot only behind the last completion.

use slipring_ring::{Instant, Op, OpKind, OpToken, Peer, Ring};

use super::table::{End, Recv};
use super::{Shard, moment};
use crate::conn::{Held, TimedOut};
use crate::handler::Handler;
use crate::log::Left;

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Our last byte was sent. `linger`: the peer may still be sending, and a reset would take our answer from it.
    pub(super) fn begin_close(&mut self, index: u32, linger: bool) {
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return };
        if !linger || entry.conn.is_half_closed() || matches!(entry.end, End::Lingering | End::Cancelling) {
            return self.teardown(index);
        }
        entry.end = End::Lingering;
        entry.conn.begin_linger(now, &self.core.rules);
        entry.in_flight += 1;
        let (token, socket) = (entry.token(OpKind::Shutdown, index), entry.socket);
        self.ring.submit(token, Op::Shutdown { socket });
        self.drop_inbound(index);
        self.arm_recv(index);
        self.arm_timer(index);
    }

    /// An answer cannot be finished: the connection ends short of what was promised, or in a reset where nothing was, so
    /// that the peer knows.
    pub(super) fn abort(&mut self, index: u32) {
        self.core.metrics.aborted += 1;
        self.teardown(index);
    }

    /// Asks every operation of a connection to end; the socket is closed behind the last.
    pub(super) fn teardown(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        if entry.end != End::Cancelling {
            entry.end = End::Cancelling;
            let sending = entry.sending;
            let streaming = entry.stream.is_some();
            let working = entry.ask.as_ref().is_some_and(|open| open.job.is_some())
                || entry.writer.as_ref().is_some_and(|writer| writer.is_running());
            let unsent = entry.slot.as_ref().is_some_and(|slot| slot.unsent() > 0);
            let is_short = entry.stream.as_ref().is_some_and(|stream| !stream.is_at_its_end());
            entry.cut = entry.unframed && (sending || unsent || is_short);
            if let Some(slot) = entry.slot.take() {
                self.return_slot(slot);
            }
            self.let_script_go(index, true);
            self.let_writer_go(index);
            self.pause_recv(index);
            if sending {
                self.cancel(index, OpKind::Send);
            }
            if streaming {
                self.cancel(index, OpKind::Poll);
            }
            if working {
                // Unless a worker has begun it: then its end is waited for.
                self.cancel(index, OpKind::Run);
            }
        }
        self.finish_teardown(index);
    }

    fn cancel(&mut self, index: u32, kind: OpKind) {
        let Some(entry) = self.table.get(index) else { return };
        let target = entry.token(kind, index);
        self.ring.submit(target.with_kind(OpKind::Cancel), Op::Cancel { target });
    }

    /// Frees the connection when nothing of it is in flight any more.
    pub(super) fn finish_teardown(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        if entry.in_flight > 0 || entry.end != End::Cancelling {
            return;
        }
        self.wheel.remove(&mut self.table, index);
        self.drop_inbound(index);
        self.let_script_go(index, true);
        let Some(entry) = self.table.get(index) else { return };
        let close_file = entry.token(OpKind::CloseFile, index);
        let held = entry.conn.take_held();
        if let Some(file) = entry.spool.take().and_then(|spool| spool.into_file()) {
            self.ring.submit(close_file, Op::CloseFile { file });
        }
        let Some(entry) = self.table.get(index) else { return };
        let (stream, ask, peer) = (entry.stream.take(), entry.ask.take(), entry.peer);
        if let Some(mut stream) = stream {
            if let Some(file) = self.end_version(&stream) {
                self.ring.submit(close_file, Op::CloseFile { file });
            }
            self.log_stream(&mut stream);
        }
        if let Some(open) = ask {
            self.log_abandoned(peer, &open.held);
            self.core.guard(|handler| handler.abandoned(open.tag));
            self.followers.over(open.tag);
            self.close_ask(index, open, None);
        }
        if let Some(held) = held {
            self.core.give_held(held);
        }
        let mut entry = self.table.remove(index);
        if let Some(state) = entry.state.take() {
            self.core.guard(|handler| handler.finish(entry.peer, state));
        }
        let socket = entry.socket;
        // An end would be taken for the body's.
        let close = if entry.cut { Op::Reset { socket } } else { Op::Close { socket } };
        self.ring.submit(entry.token(OpKind::Close, index), close);
        if let Some(slot) = entry.slot {
            self.return_slot(slot);
        }
        self.fill_places();
    }

    /// Says why a connection ends, to those who want to know (row L7).
    pub(super) fn say_why(&mut self, index: u32, why: &str) {
        if self.logs.is_verbose() {
            self.say(index, why);
        }
    }

    /// Puts a message about a connection into the error log.
    pub(super) fn say(&mut self, index: u32, what: &str) {
        if let Some(entry) = self.table.get(index) {
            let at = moment(&self.core.scratch);
            self.logs.message(&mut self.ring, entry.peer, what.as_bytes(), at, &mut self.core.metrics);
        }
    }

    /// The peer left before its answer was begun.
    fn log_abandoned(&mut self, peer: Peer, held: &Held) {
        let mut stage = Vec::new();
        self.core.log_abandoned(peer, held, &mut stage);
        self.core.tell_left(&mut stage, Left::Sent(0));
        let at = moment(&self.core.scratch);
        self.logs.left(&mut self.ring, &stage, Left::Sent(0), at, &mut self.core.metrics);
    }

    /// A shutdown or close was done.
    pub(super) fn on_done(&mut self, token: OpToken) {
        if self.scripts.owns(token) {
            return self.on_script_done(token);
        }
        if token.kind() == OpKind::Shutdown
            && let Some(entry) = self.table.find(token)
        {
            entry.in_flight -= 1;
            self.finish_teardown(token.slot());
        }
    }

    /// The bucket of a connection fired.
    pub(super) fn on_timer(&mut self, index: u32, now: Instant) {
        let Some(entry) = self.table.get(index) else { return };
        if entry.end == End::Cancelling {
            return;
        }
        let verdict = entry.conn.handle_timeout(now);
        if let TimedOut::Close(kind) | TimedOut::Answer408(kind) | TimedOut::Abort(kind) = verdict {
            self.core.metrics.timeouts += 1;
            self.say_why(index, kind.explain());
        }
        let Some(entry) = self.table.get(index) else { return };
        match verdict {
            TimedOut::NotYet => self.arm_timer(index),
            TimedOut::Close(_) => self.begin_close(index, true),
            TimedOut::Answer408(_) => self.answer_unasked(index, 408),
            TimedOut::Abort(_) if entry.end == End::Lingering => self.teardown(index),
            TimedOut::Abort(_) => self.abort(index),
        }
    }

    /// Answers a request that will not be whole, then closes.
    pub(super) fn answer_unasked(&mut self, index: u32, status: u16) {
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return };
        if entry.slot.is_none() {
            entry.slot = self.ring.take_slot();
        }
        let Some(slot) = &mut entry.slot else { return self.teardown(index) };
        if entry.sending {
            // A 100 Continue that the peer does not take.
            return self.teardown(index);
        }
        let held = entry.conn.take_held();
        entry.conn.begin_timeout_answer(now, &self.core.rules);
        let stage = &mut self.stages[slot.number()];
        self.core.answer_unasked(entry.peer, status, &mut self.ring.fill(slot), stage);
        entry.end = End::AfterSend { linger: true };
        if let Some(held) = held {
            self.core.give_held(held);
        }
        if let Some(entry) = self.table.get(index)
            && entry.recv == Recv::Starved
        {
            entry.recv = Recv::Off;
        }
        self.drop_inbound(index);
        self.forget_waiting_piece(index);
        self.release_spool(index);
        self.settle(index);
    }
}
