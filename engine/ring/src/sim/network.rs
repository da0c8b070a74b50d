//! The simulated network: listeners of the ring, listeners of the outside, and the connections between.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};

use super::conn::{Conn, RingEnd};

/// A listening socket of the ring.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) queue: VecDeque<u32>,
    pub(super) accept: Option<u32>,
    pub(super) refusing: bool,
    pub(super) closed: bool,
}

/// Where somebody outside listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Ip(SocketAddr),
    Unix(Vec<u8>),
}

/// A listening socket of the outside, for connects of the ring.
struct Remote {
    place: Place,
    arrived: VecDeque<u32>,
}

/// All listeners and connections. Connections keep their index for the whole run, so a stale one is always noticed.
pub(super) struct Network {
    pub(super) conns: Vec<Conn>,
    pub(super) listeners: Vec<Listener>,
    remotes: Vec<Remote>,
    /// Unread bytes that the ring's side of a connection takes.
    pub(super) receive_window: usize,
    /// [`Conn::window`] of new connections.
    pub(super) peer_window: usize,
    /// Connections and listeners that changed since the kernel last looked.
    pub(super) changed_conns: Vec<u32>,
    pub(super) changed_listeners: Vec<u16>,
}

impl Network {
    pub(super) fn new(listeners: &[SocketAddr], receive_window: usize, peer_window: usize) -> Self {
        let listeners = listeners.iter().map(|&address| Listener {
            address,
            queue: VecDeque::new(),
            accept: None,
            refusing: false,
            closed: false,
        });
        Self {
            conns: Vec::new(),
            listeners: listeners.collect(),
            remotes: Vec::new(),
            receive_window,
            peer_window,
            changed_conns: Vec::new(),
            changed_listeners: Vec::new(),
        }
    }

    /// A socket of the ring.
    pub(super) fn socket(&self, index: u32) -> &Conn {
        let conn = &self.conns[index as usize];
        assert!(conn.is_socket() && !conn.closing, "socket {index} is closed");
        conn
    }

    /// The address that the next connection's far end gets when nobody names one.
    pub(super) fn next_address(&self) -> SocketAddr {
        let number = self.conns.len() as u32;
        let [_, a, b, c] = (number + 1).to_be_bytes();
        SocketAddr::from((Ipv4Addr::new(10, a, b, c), 40_000 + (number % 20_000) as u16))
    }

    /// A peer connects to a listener of the ring.
    pub(super) fn connect(&mut self, listener: u16, from: SocketAddr) -> u32 {
        let index = self.conns.len() as u32;
        let at = &mut self.listeners[usize::from(listener)];
        let mut conn = Conn::new(from, at.address, RingEnd::Queued, self.peer_window);
        conn.refused = at.refusing || at.closed;
        if conn.refused {
            conn.ring_end = RingEnd::Closed;
        } else {
            at.queue.push_back(index);
            self.changed_listeners.push(listener);
        }
        self.conns.push(conn);
        index
    }

    /// The ring connects to the outside; `None` if nobody listens there.
    pub(super) fn connect_out(&mut self, to: SocketAddr, from: Option<SocketAddr>) -> Option<u32> {
        let index = self.conns.len() as u32;
        let any = self.next_address();
        let mut local = from.unwrap_or(any);
        if local.port() == 0 {
            local.set_port(any.port());
        }
        self.arrive(&Place::Ip(to))?;
        self.conns.push(Conn::new(to, local, RingEnd::Open, self.peer_window));
        Some(index)
    }

    /// The ring connects to a Unix path; `None` if nobody listens there.
    pub(super) fn connect_out_unix(&mut self, path: &[u8]) -> Option<u32> {
        let index = self.conns.len() as u32;
        self.arrive(&Place::Unix(path.to_vec()))?;
        let nowhere = self.next_address();
        let mut conn = Conn::new(nowhere, nowhere, RingEnd::Open, self.peer_window);
        conn.unix = true;
        self.conns.push(conn);
        Some(index)
    }

    /// The next connection arrives at who listens there.
    fn arrive(&mut self, place: &Place) -> Option<()> {
        let index = self.conns.len() as u32;
        self.remotes.iter_mut().find(|remote| remote.place == *place)?.arrived.push_back(index);
        Some(())
    }

    pub(super) fn listen_outside(&mut self, place: Place) {
        assert!(self.remotes.iter().all(|remote| remote.place != place), "{place:?} is taken");
        self.remotes.push(Remote { place, arrived: VecDeque::new() });
    }

    pub(super) fn accept_outside(&mut self, place: &Place) -> Option<u32> {
        self.remotes.iter_mut().find(|remote| remote.place == *place)?.arrived.pop_front()
    }

    pub(super) fn stop_outside(&mut self, place: &Place) {
        self.remotes.retain(|remote| remote.place != *place);
    }

    /// Closes a listener; who waits in its queue is reset.
    pub(super) fn close_listener(&mut self, listener: u16) {
        let at = &mut self.listeners[usize::from(listener)];
        assert!(at.accept.is_none(), "listener {listener} is closed while an accept is armed");
        assert!(!at.closed, "listener {listener} is closed twice");
        at.closed = true;
        for index in std::mem::take(&mut at.queue) {
            let conn = &mut self.conns[index as usize];
            conn.ring_end = RingEnd::Closed;
            conn.reset_peer();
        }
    }
}
