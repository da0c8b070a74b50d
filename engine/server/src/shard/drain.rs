//! Draining: no new connections, what was begun is finished, what is idle is closed, and nobody is reset.
//!
//! First the kernel is asked to drop new SYNs while handshakes already begun may still end; after a moment every queued
//! connection is accepted, and only then the listener is closed (decision 15).

use std::time::Duration;

use slipring_ring::{AcceptError, Deadline, ListenerId, Ring};

use super::Shard;
use super::accept::RETRY_DELAY;
use super::table::End;
use crate::conn::Phase;
use crate::handler::Handler;

/// How far a drain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drain {
    /// Nobody asked.
    No,
    /// New SYNs are dropped; handshakes already begun end until `until`.
    Refusing { until: Deadline, give_up: Deadline },
    /// The accepts are being cancelled, and what is queued is accepted; tried `again` when that failed for now.
    Closing { again: Deadline, give_up: Deadline },
    /// The listeners are closed; connections end by themselves until `give_up`.
    Closed { give_up: Deadline },
}

/// A handshake's last step is that far away at most; over a slower line the kernel resends it and is refused then.
const HANDSHAKE: Duration = Duration::from_millis(200);

impl Drain {
    /// When something has to be done.
    pub(super) fn next(self) -> Deadline {
        match self {
            Drain::No => Deadline::NEVER,
            Drain::Refusing { until, .. } => until,
            Drain::Closing { again, give_up } => again.min(give_up),
            Drain::Closed { give_up } => give_up,
        }
    }

    /// Whether accepts must not be armed again.
    pub(super) fn is_closing(self) -> bool {
        matches!(self, Drain::Closing { .. } | Drain::Closed { .. })
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    pub(super) fn begin_drain(&mut self) {
        if self.drain != Drain::No {
            return;
        }
        let now = self.ring.now();
        self.core.draining = true;
        self.drain = Drain::Refusing { until: now.after(HANDSHAKE), give_up: now.after(self.drain_timeout) };
        for listener in 0..self.listeners.len() as u16 {
            self.ring.refuse_new(ListenerId(listener));
        }
        let until = now.after(self.drain_idle);
        for index in self.table.indices() {
            let Some(entry) = self.table.get(index) else { continue };
            entry.conn.handle_drain(until);
            if entry.conn.phase() == Phase::Idle && entry.end == End::Open && entry.backlog() == 0 {
                self.begin_close(index, true);
            } else {
                self.arm_timer(index);
            }
        }
    }

    /// A shard that serves a number of requests drains behind the last, or when the first does not come in time.
    pub(super) fn count_requests(&mut self) {
        if self.core.requests_left.is_some() && self.core.has_answered() {
            self.first_request = Deadline::NEVER;
        }
        if self.core.requests_left == Some(0) {
            self.begin_drain();
        } else if self.first_request.passed(self.ring.now()) {
            self.first_request = Deadline::NEVER;
            self.core.guard(Handler::handle_timeout);
            self.begin_drain();
        }
    }

    /// A connection accepted during a drain gets its one answer, soon.
    pub(super) fn drain_newcomer(&mut self, index: u32) {
        let until = self.ring.now().after(self.drain_idle);
        if self.core.draining
            && let Some(entry) = self.table.get(index)
        {
            entry.conn.handle_drain(until);
        }
    }

    /// Takes the next step of a drain when it is time; the accepts' too.
    pub(super) fn pursue_drain(&mut self) {
        let now = self.ring.now();
        match self.drain {
            Drain::No => {
                if self.accept_retry().passed(now) {
                    self.resume_accepts();
                }
            }
            Drain::Refusing { until, give_up } if until.passed(now) || self.accept_retry().passed(now) => {
                self.drain = Drain::Closing { again: Deadline::NEVER, give_up };
                self.pause_accepts();
                self.close_when_emptied(give_up);
            }
            Drain::Closing { give_up, .. } => self.close_when_emptied(give_up),
            Drain::Closed { give_up } if give_up.passed(now) => self.give_up(),
            Drain::Refusing { .. } | Drain::Closed { .. } => {}
        }
    }

    /// Accepts what is queued; closes the listeners when their accepts have ended and nothing is left.
    fn close_when_emptied(&mut self, give_up: Deadline) {
        if !self.accepts_ended() {
            return;
        }
        let now = self.ring.now();
        for listener in 0..self.listeners.len() as u16 {
            while let Some(accepted) = self.ring.accept_now(ListenerId(listener)) {
                match accepted {
                    Ok(socket) => self.admit_connection(socket),
                    Err(AcceptError::PeerGone) => {}
                    Err(_) if give_up.passed(now) => break,
                    // Closing the listener now would reset who waits in its queue.
                    Err(_) => return self.drain = Drain::Closing { again: now.after(RETRY_DELAY), give_up },
                }
            }
        }
        self.close_listeners();
        self.drain = Drain::Closed { give_up };
    }

    /// The drain took too long: what is left is cut.
    fn give_up(&mut self) {
        while let Some(socket) = self.parked.pop_front() {
            self.turn_away(socket);
        }
        for index in self.table.indices() {
            self.abort(index);
        }
        // Whatever does not end now ends with the process.
        self.drain = Drain::Closed { give_up: self.ring.now().after(Duration::from_secs(1)) };
        if self.table.len() == 0 {
            self.logs.discard(&mut self.ring, &mut self.core.metrics);
        }
        self.stopped = self.table.len() == 0;
    }
}
