//! One connection of the simulated network, with what TCP promises and threatens.
//!
//! A connection has two ends: the ring's socket and the peer that the harness plays. Bytes arrive in order and at once;
//! what takes time is the ring's operations (see `kernel`). What is modelled is what programs trip over:
//!
//! - FIN is seen behind the last byte; each direction ends by itself.
//! - Closing a socket with unread input resets the connection, and so does data for a closed socket (RFC 9293, section
//!   3.6.1).
//! - A reset does not take back what arrived before it. The first operation after it gets the error; then a receive
//!   gets 0 and a send EPIPE, as on Linux.

use std::collections::VecDeque;
use std::net::SocketAddr;

/// Where the ring's end of a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RingEnd {
    /// In a listener's queue.
    Queued,
    /// A socket of the ring.
    Open,
    /// A socket of the ring that has sent FIN.
    Shut,
    /// No socket any more, or never one.
    Closed,
}

/// Where the peer's end stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerEnd {
    /// Sends and receives.
    Open,
    /// Has sent FIN, still receives.
    Shut,
    /// Is gone: what is sent to it is answered with a reset.
    Closed,
}

/// What the peer's end has seen of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerState {
    /// Nobody answered its connect: the listener is closed or refuses.
    Refused,
    /// Connected; more bytes may come.
    Open,
    /// Every byte was read and then FIN.
    Finished,
    /// The connection was reset.
    Reset,
}

/// One connection.
pub(super) struct Conn {
    pub(super) remote: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) ring_end: RingEnd,
    pub(super) peer_end: PeerEnd,
    /// Arrived for the ring, not yet received.
    pub(super) inbound: VecDeque<u8>,
    /// Arrived at the peer, not yet read by it.
    pub(super) outbound: VecDeque<u8>,
    /// Unread bytes that the peer's side takes.
    pub(super) window: usize,
    /// The error that the next operation of the ring's end gets.
    error: Option<i32>,
    /// No more bytes pass, either way.
    dead: bool,
    reset_seen: bool,
    pub(super) refused: bool,
    /// A Unix stream socket: its ends have no addresses, and learn at once that the other one is gone.
    pub(super) unix: bool,
    /// A fault broke it, not one of its ends.
    pub(super) cut: bool,
    /// Operations that wait for readiness, by their index in the kernel's table.
    pub(super) waiting: Waiting,
    /// Operations whose final completion was not handed out.
    pub(super) in_flight: u32,
    pub(super) closing: bool,
}

/// Which operations to look at when a connection changes.
#[derive(Clone, Copy, Default)]
pub(super) struct Waiting {
    pub(super) recv: Option<u32>,
    pub(super) send: Option<u32>,
    pub(super) poll: Option<u32>,
}

/// What the next receive gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    Nothing,
    Bytes(usize),
    End,
    Error(i32),
}

impl Conn {
    pub(super) fn new(remote: SocketAddr, local: SocketAddr, ring_end: RingEnd, window: usize) -> Self {
        Self {
            remote,
            local,
            ring_end,
            peer_end: PeerEnd::Open,
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
            window,
            error: None,
            dead: false,
            reset_seen: false,
            refused: false,
            unix: false,
            cut: false,
            waiting: Waiting::default(),
            in_flight: 0,
            closing: false,
        }
    }

    // The ring's end.

    pub(super) fn is_socket(&self) -> bool {
        matches!(self.ring_end, RingEnd::Open | RingEnd::Shut)
    }

    /// Whether the other end still has an address for us.
    pub(super) fn is_connected(&self) -> bool {
        !self.dead
    }

    pub(super) fn arrival(&self) -> Arrival {
        match self.error {
            _ if !self.inbound.is_empty() => Arrival::Bytes(self.inbound.len()),
            Some(errno) => Arrival::Error(errno),
            None if self.dead || self.peer_end != PeerEnd::Open => Arrival::End,
            None => Arrival::Nothing,
        }
    }

    /// The pending error was told.
    pub(super) fn clear_error(&mut self) {
        self.error = None;
    }

    /// Moves the next bytes into `place`, which they fill.
    pub(super) fn receive(&mut self, place: &mut [u8]) {
        read_front(&mut self.inbound, place);
    }

    /// Bytes that a send can place now, or why none ever will be.
    pub(super) fn room(&mut self) -> Result<usize, i32> {
        match self.error.take() {
            Some(errno) => Err(errno),
            None if self.dead || self.ring_end != RingEnd::Open => Err(libc::EPIPE),
            None if self.unix && self.peer_end == PeerEnd::Closed => Err(libc::EPIPE),
            None => Ok(self.window.saturating_sub(self.outbound.len())),
        }
    }

    /// Whether a send or a poll would end now.
    pub(super) fn is_writable(&self) -> bool {
        let gone = self.dead || (self.unix && self.peer_end == PeerEnd::Closed);
        self.error.is_some() || gone || self.ring_end != RingEnd::Open || self.outbound.len() < self.window
    }

    /// Bytes were sent: a peer that is gone answers them with a reset.
    pub(super) fn sent(&mut self) {
        if self.peer_end == PeerEnd::Closed {
            self.outbound.clear();
            self.dead = true;
            // In CLOSE_WAIT, where the peer's FIN has put this end, Linux reports a reset as EPIPE.
            self.error = Some(libc::EPIPE);
        }
    }

    pub(super) fn shut(&mut self) {
        if self.ring_end == RingEnd::Open {
            self.ring_end = RingEnd::Shut;
        }
    }

    /// The ring's end goes; `reset`: as if it had not read all, which Unix sockets do not know.
    pub(super) fn close(&mut self, reset: bool) {
        self.ring_end = RingEnd::Closed;
        if !self.inbound.is_empty() || (reset && !self.unix) {
            self.reset_peer();
        }
        self.inbound = VecDeque::new();
    }

    /// The peer gets a reset, if it is still there.
    pub(super) fn reset_peer(&mut self) {
        self.dead = true;
        self.reset_seen |= self.peer_end != PeerEnd::Closed;
    }

    /// The path between the ends breaks; each learns of it by an error.
    pub(super) fn cut(&mut self, errno: i32) {
        if !self.dead {
            self.cut = true;
            self.reset_peer();
            self.error = Some(errno);
        }
    }

    // The peer's end.

    pub(super) fn state(&self) -> PeerState {
        let finished = matches!(self.ring_end, RingEnd::Shut | RingEnd::Closed) && self.outbound.is_empty();
        match self.reset_seen {
            _ if self.refused => PeerState::Refused,
            true => PeerState::Reset,
            false if finished => PeerState::Finished,
            false => PeerState::Open,
        }
    }

    /// The peer sends; as many bytes leave as the ring's end has room for.
    pub(super) fn peer_send(&mut self, bytes: &[u8], receive_window: usize) -> usize {
        if self.dead || self.refused || self.peer_end != PeerEnd::Open {
            return 0;
        }
        if self.ring_end == RingEnd::Closed {
            self.reset_peer();
            return bytes.len();
        }
        let room = receive_window.saturating_sub(self.inbound.len()).min(bytes.len());
        self.inbound.extend(&bytes[..room]);
        room
    }

    pub(super) fn peer_shutdown(&mut self) {
        if self.peer_end == PeerEnd::Open {
            self.peer_end = PeerEnd::Shut;
        }
    }

    pub(super) fn peer_close(&mut self) {
        if self.outbound.is_empty() {
            self.peer_end = PeerEnd::Closed;
        } else {
            self.peer_reset();
        }
    }

    pub(super) fn peer_reset(&mut self) {
        if !self.dead {
            self.dead = true;
            let half_closed = self.peer_end != PeerEnd::Open;
            self.error = Some(if half_closed { libc::EPIPE } else { libc::ECONNRESET });
        }
        self.peer_end = PeerEnd::Closed;
        self.outbound.clear();
    }

    pub(super) fn peer_read(&mut self, into: &mut Vec<u8>, max: usize) -> usize {
        let start = into.len();
        let take = max.min(self.outbound.len());
        into.resize(start + take, 0);
        read_front(&mut self.outbound, &mut into[start..]);
        take
    }

    /// What arrived and was not read is lost, as it may be when a reset overtakes it.
    pub(super) fn discard_unread(&mut self) {
        self.inbound.clear();
        self.outbound.clear();
    }
}

fn read_front(queue: &mut VecDeque<u8>, place: &mut [u8]) {
    let (first, second) = queue.as_slices();
    let split = first.len().min(place.len());
    let rest = place.len() - split;
    place[..split].copy_from_slice(&first[..split]);
    place[split..].copy_from_slice(&second[..rest]);
    queue.drain(..place.len());
}
