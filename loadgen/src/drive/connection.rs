//! One connection: its protocol state and the requests that are in flight on it.

use slipring_ring::{OpKind, SendSlot, Socket};

use super::flight::Flight;
use super::reader::Reader;

/// Where a connection stands.
///
/// ```text
///   Vacant --> Connecting --> Open --> Ending --> Closing --> Vacant
///     ^             |                (operations come back)     |
///     +-------------+-------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No socket.
    Vacant,
    /// A connect is in flight.
    Connecting,
    /// Requests may be sent.
    Open,
    /// Given up; waits for its operations to come back.
    Ending,
    /// The close is in flight.
    Closing,
}

/// A connection's table entry.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) state: State,
    pub(super) socket: Option<Socket>,
    pub(super) generation: u32,
    /// The receive or discard that is in flight.
    pub(super) armed: Option<OpKind>,
    /// Its answers are large: each receive is armed for itself, so that a discard may take its turn.
    pub(super) large: bool,
    /// At home; `None` while it is sent, or if requests are posted without one.
    pub(super) slot: Option<SendSlot>,
    posts: bool,
    /// Requests of a closed loop that wait for the slot.
    pub(super) owed: u32,
    /// Requests that it may still take before it is closed.
    pub(super) left: u32,
    /// It stands in the line of free connections.
    pub(super) queued: bool,
    /// Which of the target's addresses is dialled.
    pub(super) address: usize,
    /// When it was dialled.
    pub(super) dialled_at: u64,
    /// How long that took, until its first answer is there.
    pub(super) connect_ns: Option<u64>,
    pub(super) flight: Flight,
    pub(super) reader: Reader,
}

impl Connection {
    /// With a slot of its own, or without one if its requests are posted.
    pub(super) fn new(slot: Option<SendSlot>, depth: u32) -> Self {
        Self {
            state: State::Vacant,
            socket: None,
            generation: 0,
            armed: None,
            large: false,
            posts: slot.is_none(),
            slot,
            owed: 0,
            left: 0,
            queued: false,
            address: 0,
            dialled_at: 0,
            connect_ns: None,
            flight: Flight::new(depth),
            reader: Reader::default(),
        }
    }

    /// A new socket: nothing of the last one is left.
    pub(super) fn begin(&mut self, socket: Socket, now: u64, requests: u32, checks: bool) {
        self.state = State::Open;
        self.socket = Some(socket);
        self.owed = 0;
        self.large = false;
        self.left = requests;
        self.connect_ns = Some(now - self.dialled_at);
        self.reader = Reader::new(checks);
        debug_assert_eq!(self.flight.len(), 0, "the last socket's requests were given up");
    }

    /// Whether no send is in flight that would have to come back.
    #[inline]
    pub(super) fn is_home(&self) -> bool {
        self.posts || self.slot.is_some()
    }

    /// Whether it can take another request now.
    #[inline]
    pub(super) fn is_free(&self, depth: u32) -> bool {
        self.state == State::Open && self.is_home() && self.flight.len() < depth && self.left > 0
    }

    /// Whether it has answered everything that it may be asked.
    #[inline]
    pub(super) fn is_used_up(&self) -> bool {
        self.left == 0 && self.flight.len() == 0
    }
}
