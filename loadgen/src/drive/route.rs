//! What follows from each completion.

use slipring_ring::{
    Completion, ConnectError, Lease, Op, OpKind, OpToken, Outcome, RecvError, Ring, SendError, SendSlot, Socket,
};
use slipring_wire::response::ResponseError;

use super::connection::State;
use super::core::{Core, token};
use super::reader::{ReadError, Reading};
use crate::record::ErrorKind;

impl<R: Ring> Core<'_, R> {
    #[inline]
    pub(super) fn route(&mut self, completion: Completion) {
        let Completion { token, outcome, more } = completion;
        let index = token.slot();
        match outcome {
            Outcome::Received(received) => self.received(index, received, more),
            Outcome::Sent(sent, slot) => self.sent(index, sent, slot),
            Outcome::PostFailed(_) => self.post_failed(token),
            Outcome::Discarded(gone) => self.discarded(index, gone),
            Outcome::Connected(connected) => self.connected(index, connected),
            Outcome::Done => self.closed(index),
            // A cancel is answered by its target as well; nothing else is ever submitted.
            _ => (),
        }
    }

    #[inline]
    fn received(&mut self, index: u32, received: Result<Option<Lease>, RecvError>, more: bool) {
        self.connections[index as usize].armed = more.then_some(OpKind::Recv);
        match received {
            Ok(Some(lease)) => self.read(index, lease),
            Ok(None) => self.peer_closed(index),
            Err(RecvError::Broken(_)) => self.fail(index, ErrorKind::Reset),
            Err(RecvError::NoBuffers | RecvError::Cancelled) => (),
        }
        if !more {
            self.disarmed(index);
        }
    }

    #[inline]
    fn read(&mut self, index: u32, lease: Lease) {
        let (now, tally) = (self.now, &mut self.tally);
        let connection = &mut self.connections[index as usize];
        if connection.state != State::Open {
            return self.ring.give_back(lease);
        }
        if self.measuring {
            tally.record.bytes.wire += lease.len() as u64;
        }
        let (connect_ns, flight) = (&mut connection.connect_ns, &mut connection.flight);
        let mut reading = Reading { memo: &mut self.memo, heads: &self.heads, now };
        let progress = connection.reader.read(&mut reading, self.ring.bytes(&lease), flight, |whole| {
            if let Some(connect_ns) = connect_ns.take() {
                tally.first_use(now, &whole, connect_ns);
            }
            tally.answered(now, &whole);
        });
        self.ring.give_back(lease);
        match progress {
            Ok(progress) => {
                if self.measuring {
                    self.tally.record.bytes.body += progress.body;
                }
                self.answers(index, progress.answers, progress.last);
                self.make_way(index);
            }
            Err(error) => {
                // What was answered before the error is over as well.
                self.flying = self.connections.iter().map(|connection| connection.flight.len()).sum();
                self.fail(index, kind_of(error));
            }
        }
    }

    #[inline]
    fn answers(&mut self, index: u32, answers: u32, last: bool) {
        self.flying -= answers;
        if last {
            self.peer_ends(index);
        } else if answers > 0 && self.connections[index as usize].is_used_up() {
            self.end(index);
        } else if answers > 0 && self.sending {
            if self.line.is_some() {
                self.free(index);
            } else {
                self.refill(index, answers);
            }
        }
    }

    /// The peer's half-close; it may have been the end of an answer.
    fn peer_closed(&mut self, index: u32) {
        let (now, tally) = (self.now, &mut self.tally);
        let connection = &mut self.connections[index as usize];
        if connection.state != State::Open {
            return;
        }
        let before = connection.flight.len();
        let finished = connection.reader.finish(&mut connection.flight, |whole| tally.answered(now, &whole));
        self.flying -= before - connection.flight.len();
        match finished {
            Ok(()) => self.peer_ends(index),
            Err(error) => self.fail(index, kind_of(error)),
        }
    }

    /// The peer ends the connection between two answers, which is an error only if it owes some.
    fn peer_ends(&mut self, index: u32) {
        if self.connections[index as usize].flight.len() > 0 {
            self.fail(index, ErrorKind::Reset);
        } else {
            self.end(index);
        }
    }

    fn disarmed(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        match (connection.state, connection.socket) {
            (State::Open, Some(socket)) => self.arm_or_discard(index, socket),
            (State::Ending, _) => self.close(index),
            _ => (),
        }
    }

    /// Bytes of a body that nobody looked at.
    fn discarded(&mut self, index: u32, gone: Result<u32, RecvError>) {
        let connection = &mut self.connections[index as usize];
        connection.armed = None;
        match gone {
            Ok(bytes @ 1..) if connection.state == State::Open => self.skip(index, u64::from(bytes)),
            Ok(0) => self.peer_closed(index),
            Err(RecvError::Broken(_)) => self.fail(index, ErrorKind::Reset),
            Ok(_) | Err(RecvError::NoBuffers | RecvError::Cancelled) => (),
        }
        self.disarmed(index);
    }

    fn skip(&mut self, index: u32, bytes: u64) {
        let (now, tally) = (self.now, &mut self.tally);
        let connection = &mut self.connections[index as usize];
        let (connect_ns, flight) = (&mut connection.connect_ns, &mut connection.flight);
        let mut reading = Reading { memo: &mut self.memo, heads: &self.heads, now };
        let skipped = connection.reader.skip(&mut reading, bytes, flight, |whole| {
            if let Some(connect_ns) = connect_ns.take() {
                tally.first_use(now, &whole, connect_ns);
            }
            tally.answered(now, &whole);
        });
        if self.measuring {
            self.tally.record.bytes.wire += bytes;
            self.tally.record.bytes.body += bytes;
        }
        match skipped {
            Ok(progress) => self.answers(index, progress.answers, progress.last),
            Err(error) => self.fail(index, kind_of(error)),
        }
    }

    /// A posted request did not leave whole. It may have been posted for an earlier socket of this table entry.
    fn post_failed(&mut self, posted: OpToken) {
        let index = posted.slot();
        if posted == token(OpKind::Post, index, self.connections[index as usize].generation) {
            self.fail(index, ErrorKind::Reset);
        }
    }

    #[inline]
    fn sent(&mut self, index: u32, sent: Result<u32, SendError>, slot: SendSlot) {
        let connection = &mut self.connections[index as usize];
        match (connection.state, connection.socket, sent) {
            (State::Open, Some(socket), Ok(_)) if slot.unsent() > 0 => {
                self.ring.submit(token(OpKind::Send, index, connection.generation), Op::Send { socket, slot });
            }
            (State::Open, _, sent) => {
                connection.slot = Some(slot);
                if sent.is_err() {
                    self.fail(index, ErrorKind::Reset);
                } else if self.line.is_some() {
                    self.free(index);
                } else if connection.owed > 0 && self.sending {
                    self.refill(index, 0);
                }
            }
            _ => {
                connection.slot = Some(slot);
                self.close(index);
            }
        }
    }

    fn connected(&mut self, index: u32, connected: Result<Socket, ConnectError>) {
        let connection = &mut self.connections[index as usize];
        match connected {
            Ok(socket) => {
                connection.begin(socket, self.now, self.requests_per_connection, self.tally.checks());
                self.tally.record.connect.record(self.now - connection.dialled_at, 1);
                self.address = self.address.or(self.dial.addresses.get(connection.address).copied());
                self.arm(index, socket);
                if self.finishing {
                    self.end(index);
                } else if self.sending {
                    let extra = self.is_extra(index);
                    let connections = &mut self.tally.record.connections;
                    *(if extra { &mut connections.extra } else { &mut connections.reconnects }) += 1;
                    self.use_connection(index);
                }
            }
            Err(error) => {
                connection.state = State::Vacant;
                self.refused(index, error);
            }
        }
    }

    fn refused(&mut self, index: u32, error: ConnectError) {
        if self.finishing {
            return;
        }
        let connection = &mut self.connections[index as usize];
        if self.opening && connection.address + 1 < self.dial.addresses.len() {
            connection.address += 1;
            return self.connect(index);
        }
        let kind = match error {
            ConnectError::Refused | ConnectError::Failed(_) => ErrorKind::Connect,
            ConnectError::Cancelled => ErrorKind::Timeout,
            ConnectError::AddressUnavailable => ErrorKind::AddressUnavailable,
            ConnectError::DescriptorLimit => ErrorKind::DescriptorLimit,
        };
        self.tally.error(self.now, kind);
        self.refusal.get_or_insert_with(|| match error {
            ConnectError::Cancelled => format!("connecting took longer than {:?}", self.plan.connect_timeout),
            error => error.to_string(),
        });
        if self.sending || self.waiting {
            self.replace(index, false);
        }
    }

    fn closed(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        connection.state = State::Vacant;
        connection.socket = None;
        connection.generation += 1;
        if self.sending || self.waiting {
            self.replace(index, self.sending);
        }
    }
}

fn kind_of(error: ReadError) -> ErrorKind {
    match error {
        ReadError::Response(ResponseError::Truncated) => ErrorKind::Reset,
        ReadError::Response(_) | ReadError::Unasked => ErrorKind::Protocol,
    }
}
