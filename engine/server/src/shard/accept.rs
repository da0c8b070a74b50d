//! Accepting connections, and pausing when there is no room for more.

use std::time::Duration;

use slipring_ring::{AcceptError, Deadline, ListenerId, Op, OpKind, OpToken, Ring, Socket};

use super::Shard;
use crate::conn::Conn;
use crate::handler::Handler;

/// The state of one listener.
#[derive(Debug, Default)]
pub(super) struct Accepting {
    /// An accept is in flight.
    armed: bool,
    /// It was asked to end.
    cancelling: bool,
    /// Try again then: no descriptor or no memory was left.
    retry: Option<Deadline>,
    /// It takes no more connections: closed, or failed for good.
    closed: bool,
}

/// How long to wait when the system has no descriptor or memory left: no spin, and no long silence.
pub(super) const RETRY_DELAY: Duration = Duration::from_millis(100);

/// Connections beyond the table's limit that wait for a place; more are closed and counted.
const PARKED_MAX: usize = 1024;

impl<R: Ring, H: Handler> Shard<R, H> {
    fn accept_token(&self, listener: ListenerId) -> OpToken {
        OpToken::new(OpKind::Accept, 0, self.limits.connections_max as u32 + u32::from(listener.0))
    }

    pub(super) fn arm_accept(&mut self, listener: ListenerId) {
        let token = self.accept_token(listener);
        let state = &mut self.listeners[usize::from(listener.0)];
        if state.armed || state.closed {
            return;
        }
        (state.armed, state.cancelling, state.retry) = (true, false, None);
        self.ring.submit(token, Op::Accept { listener });
    }

    /// Asks every accept to end.
    pub(super) fn pause_accepts(&mut self) {
        for listener in 0..self.listeners.len() as u16 {
            let target = self.accept_token(ListenerId(listener));
            let state = &mut self.listeners[usize::from(listener)];
            if state.armed && !state.cancelling {
                state.cancelling = true;
                self.ring.submit(target.with_kind(OpKind::Cancel), Op::Cancel { target });
            }
        }
    }

    /// Whether no accept is in flight.
    pub(super) fn accepts_ended(&self) -> bool {
        self.listeners.iter().all(|state| !state.armed)
    }

    /// When an accept that failed is to be tried again.
    pub(super) fn accept_retry(&self) -> Deadline {
        if self.table.is_full() || self.drain.is_closing() {
            return Deadline::NEVER;
        }
        self.listeners
            .iter()
            .filter(|state| !state.armed)
            .filter_map(|state| state.retry)
            .min()
            .unwrap_or(Deadline::NEVER)
    }

    /// Tries again where it is time, and where there is room again.
    pub(super) fn resume_accepts(&mut self) {
        if self.table.is_full() || self.drain.is_closing() {
            return;
        }
        let now = self.ring.now();
        for listener in 0..self.listeners.len() as u16 {
            let state = &self.listeners[usize::from(listener)];
            if !state.armed && state.retry.is_none_or(|retry| retry.passed(now)) {
                self.arm_accept(ListenerId(listener));
            }
        }
    }

    pub(super) fn on_accepted(&mut self, token: OpToken, result: Result<Socket, AcceptError>, more: bool) {
        let listener = (token.slot() as usize).saturating_sub(self.limits.connections_max);
        let now = self.ring.now();
        if !more && let Some(state) = self.listeners.get_mut(listener) {
            (state.armed, state.cancelling) = (false, false);
        }
        match result {
            Ok(socket) => self.admit_connection(socket),
            Err(AcceptError::DescriptorLimit | AcceptError::NoMemory) => {
                self.listeners[listener].retry = Some(now.after(RETRY_DELAY));
                return;
            }
            Err(AcceptError::Listener(_)) => {
                self.listeners[listener].retry = Some(now.after(RETRY_DELAY * 10));
                return;
            }
            Err(AcceptError::PeerGone | AcceptError::Cancelled) => {}
        }
        if !more && !self.table.is_full() && !self.drain.is_closing() {
            self.arm_accept(ListenerId(listener as u16));
        }
    }

    /// Takes a new connection into the table and starts to receive.
    pub(super) fn admit_connection(&mut self, socket: Socket) {
        if self.table.is_full() {
            return self.park(socket);
        }
        let now = self.ring.now();
        let peer = self.ring.peer(socket);
        if self.core.guard(|handler| handler.verify_request(peer)) != Some(true) {
            self.core.metrics.refused += 1;
            return self.turn_away(socket);
        }
        if let Some(names) = &mut self.core.scratch.names {
            names.greet(peer, now);
        }
        let conn = Conn::new(now, &self.core.rules);
        let Some(index) = self.table.insert(conn, socket, peer) else { return };
        let state = self.core.guard(|handler| handler.setup(peer)).flatten();
        if let Some(entry) = self.table.get(index) {
            entry.state = state;
        }
        self.core.metrics.accepted += 1;
        self.drain_newcomer(index);
        self.arm_recv(index);
        self.arm_timer(index);
        if self.table.is_full() {
            self.pause_accepts();
        }
    }

    /// A connection that an accept brought beyond the table's limit waits for a place.
    fn park(&mut self, socket: Socket) {
        if self.parked.len() < PARKED_MAX {
            return self.parked.push_back(socket);
        }
        self.core.metrics.refused += 1;
        self.turn_away(socket);
    }

    pub(super) fn turn_away(&mut self, socket: Socket) {
        let token = OpToken::new(OpKind::Close, 0, self.limits.connections_max as u32);
        self.ring.submit(token, Op::Close { socket });
    }

    /// Places are free again: for who was accepted already, then for who is queued, one at a time, and only then for an
    /// accept that takes whatever comes.
    pub(super) fn fill_places(&mut self) {
        while !self.table.is_full()
            && let Some(socket) = self.parked.pop_front()
        {
            self.admit_connection(socket);
        }
        for listener in 0..self.listeners.len() as u16 {
            let state = &self.listeners[usize::from(listener)];
            let idle = !state.armed && !state.closed && state.retry.is_none() && !self.drain.is_closing();
            while idle
                && !self.table.is_full()
                && let Some(Ok(socket)) = self.ring.accept_now(ListenerId(listener))
            {
                self.admit_connection(socket);
            }
        }
        self.resume_accepts();
    }

    /// Closes every listener whose queue was emptied.
    pub(super) fn close_listeners(&mut self) {
        for listener in 0..self.listeners.len() as u16 {
            self.listeners[usize::from(listener)].closed = true;
            self.ring.close_listener(ListenerId(listener));
        }
    }
}
