//! The world of the simulation.

use std::net::{Ipv4Addr, SocketAddr};

use slipring_ring::Launch;
use slipring_ring::sim::{Outside, PeerId, PeerState, SimConfig, SimRing, Special, Step};

use crate::world::{End, LIMITS, LISTENER, SINK, UNIX_LISTENER, World};

/// A simulated ring without faults.
pub struct SimWorld {
    ring: SimRing,
    outside: Outside,
    sink: Vec<u8>,
}

const REMOTE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9000);
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

impl World for SimWorld {
    type Ring = SimRing;
    type Peer = PeerId;

    fn new() -> Self {
        let mut config = SimConfig { limits: LIMITS, ..SimConfig::new(1) };
        config.listeners.push(REMOTE);
        let ring = SimRing::new(config);
        let outside = ring.outside();
        Self { ring, outside, sink: Vec::new() }
    }

    fn with_programs() -> Self {
        Self::new()
    }

    fn ring(&mut self) -> &mut SimRing {
        &mut self.ring
    }

    fn connect(&mut self) -> PeerId {
        self.outside.connect(LISTENER)
    }

    fn is_refused(&mut self) -> bool {
        let peer = self.outside.connect(LISTENER);
        self.outside.peer_state(peer) == PeerState::Refused
    }

    fn address(&mut self, peer: &PeerId) -> SocketAddr {
        self.outside.peer_address(*peer)
    }

    fn send(&mut self, peer: &mut PeerId, bytes: &[u8]) {
        assert_eq!(self.outside.peer_send(*peer, bytes), bytes.len(), "it fits into the socket");
    }

    fn recv(&mut self, peer: &mut PeerId, len: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        assert_eq!(self.outside.peer_recv_some(*peer, &mut bytes, len), len, "it was sent before");
        bytes
    }

    fn shutdown(&mut self, peer: &mut PeerId) {
        self.outside.peer_shutdown(*peer);
    }

    fn close_unread(&mut self, peer: PeerId) {
        assert!(self.outside.peer_unread(peer) > 0);
        self.outside.peer_close(peer);
    }

    fn close(&mut self, peer: PeerId) {
        assert_eq!(self.outside.peer_unread(peer), 0);
        self.outside.peer_close(peer);
    }

    fn end(&mut self, peer: &mut PeerId) -> End {
        match self.outside.peer_state(*peer) {
            PeerState::Finished => End::Finished,
            PeerState::Reset => End::Reset,
            other => panic!("the connection is {other:?}"),
        }
    }

    fn listen(&mut self) -> SocketAddr {
        self.outside.listen(REMOTE);
        REMOTE
    }

    fn accept(&mut self) -> PeerId {
        self.outside.accept(REMOTE).expect("the ring connected")
    }

    fn nobody(&mut self) -> SocketAddr {
        NOBODY
    }

    fn connect_unix(&mut self) -> PeerId {
        self.outside.connect_unix(UNIX_LISTENER)
    }

    fn listen_unix(&mut self) -> Vec<u8> {
        self.outside.listen_unix("/run/remote");
        b"/run/remote".to_vec()
    }

    fn accept_unix(&mut self) -> PeerId {
        self.outside.accept_unix("/run/remote").expect("the ring connected")
    }

    fn nobody_unix(&mut self) -> Vec<u8> {
        b"/run/nobody".to_vec()
    }

    fn put_program(&mut self, steps: Vec<Step>) -> Launch {
        self.outside.put_program("/srv/program", steps);
        Launch { program: b"/srv/program".to_vec(), directory: b"/srv".to_vec(), ..Launch::default() }
    }

    fn put_file(&mut self, path: &str, bytes: &[u8]) {
        self.outside.put_file(format!("/srv/{path}"), bytes);
    }

    fn put_link(&mut self, path: &str, target: &str) {
        self.outside.put_link(format!("/srv/{path}"), target);
    }

    fn put_fifo(&mut self, path: &str) {
        self.outside.put_special(format!("/srv/{path}"), Special::Fifo);
    }

    fn put_socket(&mut self, path: &str) {
        self.outside.put_special(format!("/srv/{path}"), Special::Socket);
    }

    fn put_secret(&mut self) {
        self.outside.put_file("/secret", b"secret");
    }

    fn resize(&mut self, path: &str, len: u64) {
        self.outside.resize(format!("/srv/{path}"), len);
    }

    fn move_root(&mut self) {
        self.outside.put_file("/other/new", b"new");
        self.outside.rename("/srv", "/old");
        self.outside.put_link("/srv", "/other");
    }

    fn sink(&mut self) -> Vec<u8> {
        self.sink.extend(self.outside.take_sink(SINK));
        self.sink.clone()
    }
}
