//! Bytes from peers: read where the kernel put them when they can be consumed now, kept in bounded memory otherwise.
//!
//! A lease does not outlive its tick (decision 2): what a connection cannot consume is copied, and its receive is
//! cancelled in the same tick, so that a flooding peer gets no further buffer.

use slipring_ring::{Lease, Op, OpKind, OpToken, RecvError, Ring};

use super::core::{Stop, Turn};
use super::table::{End, Recv};
use super::{INBOUND_KEPT_MAX, Shard};
use crate::conn::Phase;
use crate::handler::Handler;

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Arms the receive, unless it is armed or there is nothing to come.
    #[inline]
    pub(super) fn arm_recv(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        if entry.recv != Recv::Off || entry.conn.is_half_closed() || entry.end == End::Cancelling {
            return;
        }
        entry.recv = Recv::Armed;
        entry.in_flight += 1;
        let (token, socket) = (entry.token(OpKind::Recv, index), entry.socket);
        self.ring.submit(token, Op::Recv { socket, multishot: true });
    }

    /// Asks the receive to end; it tells its end itself.
    pub(super) fn pause_recv(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        if entry.recv == Recv::Armed {
            entry.recv = Recv::Cancelling;
            let target = entry.token(OpKind::Recv, index);
            self.ring.submit(target.with_kind(OpKind::Cancel), Op::Cancel { target });
        }
    }

    #[inline]
    pub(super) fn on_received(&mut self, token: OpToken, result: Result<Option<Lease>, RecvError>, more: bool) {
        let index = token.slot();
        let Some(entry) = self.table.find(token) else {
            if let Ok(Some(lease)) = result {
                self.ring.give_back(lease);
            }
            return;
        };
        if !more {
            entry.recv = Recv::Off;
            entry.in_flight -= 1;
        }
        match result {
            Ok(Some(lease)) => self.take_bytes(index, lease),
            Ok(None) => self.half_close(index),
            Err(RecvError::NoBuffers) => self.starve(index),
            Err(RecvError::Cancelled) => {}
            Err(RecvError::Broken(_)) => return self.lose(index),
        }
        if !more {
            self.recv_ended(index);
        }
    }

    /// The receive is off: go on with the end, or arm it again if more can be consumed. Who waits for a send slot or for the
    /// log cannot; the turn behind that wait arms it.
    fn recv_ended(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        match entry.end {
            End::Cancelling => self.finish_teardown(index),
            End::Lingering => self.arm_recv(index),
            End::Open if entry.awaits_slot || entry.awaits_log => {}
            End::Open if entry.can_consume() && !entry.ready && entry.recv == Recv::Off => self.arm_recv(index),
            End::Open | End::AfterSend { .. } => {}
        }
    }

    #[inline]
    fn take_bytes(&mut self, index: u32, lease: Lease) {
        let Some(entry) = self.table.get(index) else { return self.ring.give_back(lease) };
        match entry.end {
            End::Open if entry.can_consume() && entry.inbound.is_empty() && !self.logs.is_full() => {
                self.turn_lease(index, lease);
            }
            End::Open => self.keep_bytes(index, lease),
            End::AfterSend { .. } => {
                // Something came behind the last request: the peer has to be heard out (decision 8).
                entry.end = End::AfterSend { linger: true };
                self.ring.give_back(lease);
            }
            End::Lingering => self.discard(index, lease),
            End::Cancelling => self.ring.give_back(lease),
        }
    }

    /// The fast way: requests are parsed where they arrived.
    #[inline]
    fn turn_lease(&mut self, index: u32, lease: Lease) {
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return self.ring.give_back(lease) };
        if entry.slot.is_none() {
            entry.slot = self.ring.take_slot();
        }
        let Some(slot) = &mut entry.slot else {
            self.await_slot(index);
            return self.keep_bytes(index, lease);
        };
        let stage = &mut self.stages[slot.number()];
        let (bytes, view) = self.ring.borrow(&lease, slot);
        self.core.scratch.connection = entry.state.take();
        let Turn { consumed, stop } = self.core.turn(&mut entry.conn, entry.peer, now, bytes, view, stage);
        entry.state = self.core.scratch.connection.take();
        if consumed < bytes.len() {
            entry.inbound = self.inbound_pool.pop().unwrap_or_default();
            entry.inbound.extend_from_slice(&bytes[consumed..]);
            entry.inbound_at = 0;
        }
        self.ring.give_back(lease);
        self.after_turn(index, stop);
    }

    /// Copies what cannot be consumed now, or continues what is there already.
    fn keep_bytes(&mut self, index: u32, lease: Lease) {
        let Some(entry) = self.table.get(index) else { return self.ring.give_back(lease) };
        if entry.inbound.capacity() == 0 {
            entry.inbound = self.inbound_pool.pop().unwrap_or_default();
        }
        entry.inbound.extend_from_slice(self.ring.bytes(&lease));
        entry.unturned = true;
        self.ring.give_back(lease);
        if entry.backlog() > INBOUND_BYTES_MAX {
            return self.abort(index);
        }
        if entry.can_consume() && !entry.awaits_slot && !self.logs.is_full() {
            self.make_ready(index);
        } else {
            if self.logs.is_full() {
                self.await_log(index);
            }
            self.pause_recv(index);
        }
    }

    /// A turn over the bytes that were kept.
    pub(super) fn turn_inbound(&mut self, index: u32) {
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return };
        if !entry.can_consume() {
            return;
        }
        if self.logs.is_full() {
            self.await_log(index);
            return self.pause_recv(index);
        }
        if entry.slot.is_none() {
            entry.slot = self.ring.take_slot();
        }
        let Some(slot) = &mut entry.slot else {
            self.await_slot(index);
            return self.pause_recv(index);
        };
        let stage = &mut self.stages[slot.number()];
        entry.unturned = false;
        let input = &entry.inbound[entry.inbound_at..];
        self.core.scratch.connection = entry.state.take();
        let Turn { consumed, stop } =
            self.core.turn(&mut entry.conn, entry.peer, now, input, self.ring.fill(slot), stage);
        entry.state = self.core.scratch.connection.take();
        entry.inbound_at += consumed;
        if entry.backlog() == 0 {
            self.drop_inbound(index);
        } else if entry.inbound_at > entry.inbound.len() / 2 {
            entry.inbound.drain(..entry.inbound_at);
            entry.inbound_at = 0;
        }
        self.after_turn(index, stop);
    }

    /// Forgets what was kept; its memory is kept for others.
    pub(super) fn drop_inbound(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        let mut inbound = std::mem::take(&mut entry.inbound);
        entry.inbound_at = 0;
        if (1..=INBOUND_KEPT_BYTES_MAX).contains(&inbound.capacity()) && self.inbound_pool.len() < INBOUND_KEPT_MAX {
            inbound.clear();
            self.inbound_pool.push(inbound);
        }
    }

    /// What a turn came to.
    #[inline]
    pub(super) fn after_turn(&mut self, index: u32, stop: Stop) {
        match stop {
            Stop::Input => {}
            Stop::Room | Stop::Budget => {
                if let Some(entry) = self.table.get(index) {
                    entry.unturned = true;
                }
                self.make_ready(index);
            }
            Stop::Spill => self.spill(index),
            Stop::Ask(ask, tag, held) => self.open_ask(index, ask, tag, held),
            Stop::Body(out) => self.start_body(index, out),
            Stop::Close { linger } => {
                if let Some(entry) = self.table.get(index) {
                    entry.end = End::AfterSend { linger };
                }
                self.drop_inbound(index);
            }
        }
        self.release_spool(index);
        self.settle(index);
    }

    /// The peer sends no more.
    fn half_close(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        entry.conn.handle_half_close();
        match entry.end {
            End::Lingering => self.teardown(index),
            End::Open => self.after_answers(index),
            End::AfterSend { .. } | End::Cancelling => {}
        }
    }

    fn discard(&mut self, index: u32, lease: Lease) {
        let len = lease.len() as u32;
        self.ring.give_back(lease);
        let Some(entry) = self.table.get(index) else { return };
        entry.lingered = entry.lingered.saturating_add(len);
        if u64::from(entry.lingered) > self.core.rules.linger_bytes_max {
            self.teardown(index);
        }
    }

    /// No receive buffer was free: wait until some came back.
    fn starve(&mut self, index: u32) {
        self.core.metrics.buffers_exhausted += 1;
        let Some(entry) = self.table.get(index) else { return };
        if entry.recv == Recv::Off && entry.end != End::Cancelling {
            entry.recv = Recv::Starved;
            self.starved.push_back(index);
        }
    }

    /// Arms starved connections again, in order. By now every lease of the tick has been given back.
    pub(super) fn serve_starved(&mut self) {
        let count = self.starved.len().min(usize::from(self.limits.ring.recv_buffers));
        for _ in 0..count {
            let Some(index) = self.starved.pop_front() else { return };
            let Some(entry) = self.table.get(index) else { continue };
            if entry.recv == Recv::Starved {
                entry.recv = Recv::Off;
                self.arm_recv(index);
            }
        }
    }

    /// The connection broke: nothing can be said to its peer any more.
    pub(super) fn lose(&mut self, index: u32) {
        let answering =
            self.table.get(index).is_some_and(|entry| entry.end == End::Open && entry.conn.phase() == Phase::Answering);
        if answering {
            self.core.metrics.aborted += 1;
        }
        self.say_why(index, "the peer hung up");
        self.teardown(index);
    }
}

/// What a connection holds beyond what it can consume: all receive buffers of a tick and a whole head. The receive is
/// cancelled in the tick in which it starts to hold anything, so no peer gets there by flooding.
const INBOUND_BYTES_MAX: usize = (1 << 20) + (192 << 10);
/// A buffer that grew beyond this is not kept for reuse.
const INBOUND_KEPT_BYTES_MAX: usize = 16 * 1024;
