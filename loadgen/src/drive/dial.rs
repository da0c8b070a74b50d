//! Opening connections, ending them, opening them again.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use slipring_ring::limits::DISCARD_BYTES_MAX;
use slipring_ring::{Op, OpKind, OpToken, Ring, Socket};

use super::connection::State;
use super::core::{Core, token};
use super::flight::Ask;
use super::tally::Tally;
use crate::plan::Plan;
use crate::record::ErrorKind;

/// Before a failed connect is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// Connections that one local address gets before another is taken: the kernel has 28,232 ports for it by default.
const CONNECTIONS_PER_SOURCE: u32 = 20_000;
/// Local addresses of a run on loopback that opens connections all the time: each port rests a second behind its close.
const CHURN_SOURCES: u32 = 8;

/// A rest of a body that is worth a discard of its own: two receives of it.
const DISCARD_BYTES_MIN: u64 = 64 * 1024;

/// Whom to dial, from where, and how many.
#[derive(Debug)]
pub(super) struct Dial<'a> {
    pub(super) addresses: &'a [SocketAddr],
    /// A Unix socket's path instead of the addresses.
    unix: Option<&'a [u8]>,
    sources: Vec<IpAddr>,
    /// The sources are ours and not the plan's: for what is dialled on the IPv4 loopback.
    automatic: bool,
    next_source: usize,
    /// Connections that are always wanted; those behind are opened when all are busy.
    share: u32,
    /// Connections behind the share that are not in use.
    spare: Vec<u32>,
    /// When one of those was opened last.
    opened_another_at: u64,
}

impl<'a> Dial<'a> {
    pub(super) fn new(plan: &'a Plan, addresses: &'a [SocketAddr], thread: u32) -> Self {
        let (share, most) = (plan.share(thread), plan.share_most(thread));
        Self {
            addresses,
            unix: plan.unix.as_ref().map(|path| path.as_os_str().as_bytes()),
            sources: sources(plan, addresses),
            automatic: plan.sources.is_empty(),
            next_source: thread as usize,
            share,
            spare: (share..most).rev().collect(),
            opened_another_at: u64::MAX,
        }
    }

    pub(super) fn share(&self) -> u32 {
        self.share
    }

    /// The local address of the next connection to `to`.
    fn source(&mut self, to: &SocketAddr) -> Option<SocketAddr> {
        self.next_source += 1;
        let source = *self.sources.get(self.next_source % self.sources.len().max(1))?;
        let fits = if self.automatic { is_loopback(to) } else { source.is_ipv4() == to.is_ipv4() };
        fits.then(|| SocketAddr::new(source, 0))
    }
}

/// As the plan says; on loopback as many as the connections need.
fn sources(plan: &Plan, addresses: &[SocketAddr]) -> Vec<IpAddr> {
    if !plan.sources.is_empty() {
        return plan.sources.clone();
    }
    let local = addresses.iter().any(is_loopback);
    let needed = plan.connections_most().div_ceil(CONNECTIONS_PER_SOURCE);
    let needed = if plan.connection_requests().is_some() { needed.max(CHURN_SOURCES) } else { needed };
    if !local || needed < 2 {
        return Vec::new();
    }
    (1..=needed).map(|last| Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 0, 0)) + last).into()).collect()
}

fn is_loopback(address: &SocketAddr) -> bool {
    matches!(address.ip(), IpAddr::V4(ip) if ip.is_loopback())
}

impl<R: Ring> Core<'_, R> {
    pub(super) fn connect(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        connection.state = State::Connecting;
        connection.dialled_at = self.now;
        if let Some(path) = self.dial.unix {
            return self.ring.submit(token(OpKind::Connect, index, connection.generation), Op::ConnectUnix { path });
        }
        let to = self.dial.addresses[connection.address];
        let from = self.dial.source(&to);
        self.ring.submit(token(OpKind::Connect, index, connection.generation), Op::Connect { to, from });
    }

    /// All are busy: one more is opened, at most one a tick.
    pub(super) fn open_another(&mut self) {
        if self.dial.opened_another_at == self.now {
            return;
        }
        if let Some(index) = self.dial.spare.pop() {
            self.dial.opened_another_at = self.now;
            self.connect(index);
        }
    }

    /// A connection is gone: it is opened again, if it belongs to those that are always wanted.
    pub(super) fn replace(&mut self, index: u32, at_once: bool) {
        if index >= self.dial.share {
            self.dial.spare.push(index);
        } else if at_once {
            self.connect(index);
        } else {
            self.retry_later(index);
        }
    }

    /// Whether a connection was opened because all were busy.
    pub(super) fn is_extra(&self, index: u32) -> bool {
        index >= self.dial.share
    }

    /// Receives are armed once for all answers, but where a connection has so few that a cancel would cost more.
    pub(super) fn arm(&mut self, index: u32, socket: Socket) {
        const FEW: u32 = 4;
        let connection = &mut self.connections[index as usize];
        let multishot = self.requests_per_connection > FEW && !connection.large;
        connection.armed = Some(OpKind::Recv);
        self.ring.submit(token(OpKind::Recv, index, connection.generation), Op::Recv { socket, multishot });
    }

    /// What follows on an open connection whose receive has ended: a large rest of a body is thrown away by the kernel,
    /// which spares its copy.
    pub(super) fn arm_or_discard(&mut self, index: u32, socket: Socket) {
        let connection = &mut self.connections[index as usize];
        let rest = connection.reader.discardable();
        if self.dial.unix.is_some() || rest < DISCARD_BYTES_MIN {
            return self.arm(index, socket);
        }
        connection.armed = Some(OpKind::Discard);
        let len = rest.min(u64::from(DISCARD_BYTES_MAX)) as u32;
        self.ring.submit(token(OpKind::Discard, index, connection.generation), Op::Discard { socket, len });
    }

    /// A body has begun that is better thrown away: a receive that stays armed would be in its way.
    #[inline]
    pub(super) fn make_way(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        if !connection.large && connection.reader.discardable() >= DISCARD_BYTES_MIN && self.dial.unix.is_none() {
            connection.large = true;
            if connection.armed == Some(OpKind::Recv) {
                let target = token(OpKind::Recv, index, connection.generation);
                self.cancel(target);
            }
        }
    }

    pub(super) fn fail(&mut self, index: u32, kind: ErrorKind) {
        if self.connections[index as usize].state == State::Open {
            self.tally.error(self.now, kind);
            self.end(index);
        }
    }

    /// The oldest request took too long; the others on the connection have waited as well.
    pub(super) fn time_out(&mut self, index: u32) {
        self.tally.error(self.now, ErrorKind::Timeout);
        self.end_with(index, Tally::timed_out);
    }

    /// Gives the socket up; its requests fail, its operations come back, then it is closed.
    pub(super) fn end(&mut self, index: u32) {
        self.end_with(index, |tally, _, ask| tally.failed(ask));
    }

    fn end_with(&mut self, index: u32, lost: fn(&mut Tally, u64, Ask)) {
        let connection = &mut self.connections[index as usize];
        connection.state = State::Ending;
        connection.owed = 0;
        // What a posted request became is not known while it has no answer.
        let posting = self.posted.is_some() && connection.flight.len() > 0;
        while let Some(ask) = connection.flight.pop() {
            self.flying -= 1;
            lost(&mut self.tally, self.now, ask);
        }
        let (armed, sending, generation) = (connection.armed, !connection.is_home(), connection.generation);
        if let Some(kind) = armed {
            self.cancel(token(kind, index, generation));
        }
        if posting {
            self.cancel(token(OpKind::Post, index, generation));
        }
        if sending {
            self.cancel(token(OpKind::Send, index, generation));
        }
        self.close(index);
    }

    /// Closes a socket that was given up, once nothing of it is in flight.
    pub(super) fn close(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        let idle = connection.state == State::Ending && connection.armed.is_none() && connection.is_home();
        if let (true, Some(socket)) = (idle, connection.socket) {
            connection.state = State::Closing;
            self.ring.submit(token(OpKind::Close, index, connection.generation), Op::Close { socket });
        }
    }

    pub(super) fn cancel(&mut self, target: OpToken) {
        self.ring.submit(target.with_kind(OpKind::Cancel), Op::Cancel { target });
    }

    pub(super) fn cancel_connects(&mut self) {
        for index in 0..self.connections.len() as u32 {
            let connection = &self.connections[index as usize];
            if connection.state == State::Connecting {
                self.cancel(token(OpKind::Connect, index, connection.generation));
            }
        }
    }

    pub(super) fn retry_later(&mut self, index: u32) {
        self.retries.push_back((self.now_plus(RETRY), index));
    }

    pub(super) fn retry(&mut self) {
        while let Some(&(due, index)) = self.retries.front()
            && due <= self.now
        {
            self.retries.pop_front();
            if self.sending || self.waiting {
                self.connect(index);
            }
        }
    }

    pub(super) fn note_opened(&mut self) {
        let opened = self.count(State::Open) as u64;
        let asked = u64::from(self.dial.share);
        let connections = &mut self.tally.record.connections;
        (connections.asked, connections.opened, connections.failed) = (asked, opened, asked - opened);
    }
}
