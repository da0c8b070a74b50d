//! A shard in each of the two worlds, and peers that look at it from outside.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use slipring::shard::{Mailbox, Message, RESERVED_TOKENS, Shard, ShardConfig};
use slipring_ring::sim::{Outside, PeerId, PeerState, SIM_LIMITS, SimConfig, SimRing};
use slipring_ring::uring::{ListenOptions, Listener, UringConfig, UringRing};
use slipring_ring::{ListenerId, Ring, RingLimits};
use tempfile::TempDir;

use crate::handler::Twin;

/// How a peer saw its connection end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It did not.
    Open,
    /// No more comes, and everything before came.
    Finished,
    /// It was reset.
    Reset,
}

/// One of the worlds.
pub trait World {
    /// One peer of the server.
    type Peer;

    /// Connects.
    fn connect(&mut self) -> Self::Peer;
    /// Sends it all.
    fn send(&mut self, peer: &mut Self::Peer, bytes: &[u8]);
    /// Says that no more comes.
    fn half_close(&mut self, peer: &mut Self::Peer);
    /// Goes.
    fn close(&mut self, peer: Self::Peer);
    /// Reads until nothing comes for a while.
    fn read(&mut self, peer: &mut Self::Peer, into: &mut Vec<u8>) -> End;
    /// Asks for a drain.
    fn drain(&mut self);
}

/// Files of both worlds: name and bytes.
pub fn files() -> [(&'static str, Vec<u8>); 3] {
    let large = (0..300_000u32).map(|at| b'a' + (at % 26) as u8).collect();
    [("small", b"a small file\n".to_vec()), ("large", large), ("empty", Vec::new())]
}

const CONNECTIONS: usize = 32;

fn shard<R: Ring>(ring: R, limits: RingLimits) -> Shard<R, Twin> {
    let mut config = ShardConfig::new(CONNECTIONS);
    config.limits.ring = limits;
    config.limits.connections_max = CONNECTIONS;
    Shard::new(ring, config, Box::new(|| Twin))
}

/// The simulated world, without faults.
pub struct Simulated {
    outside: Outside,
    shard: Shard<SimRing, Twin>,
}

impl Simulated {
    /// A shard that listens.
    pub fn new() -> Self {
        let limits = RingLimits { token_slots: (CONNECTIONS + RESERVED_TOKENS) as u32, ..SIM_LIMITS };
        let ring = SimRing::new(SimConfig { limits: limits.clone(), ..SimConfig::new(1) });
        let outside = ring.outside();
        for (name, bytes) in files() {
            outside.put_file(format!("/srv/{name}"), bytes);
        }
        outside.put_file("/secret", b"a secret");
        outside.make_directory("/srv/directory");
        let mut world = Self { outside, shard: shard(ring, limits) };
        world.run();
        world
    }

    /// Lets 50 ms pass.
    fn run(&mut self) {
        let end = self.outside.now().plus(Duration::from_millis(50));
        self.outside.set_horizon(Some(end));
        while self.outside.now() < end {
            self.shard.tick().expect("a simulated ring is never lost");
        }
    }
}

impl World for Simulated {
    type Peer = PeerId;

    fn connect(&mut self) -> PeerId {
        let peer = self.outside.connect(ListenerId(0));
        self.run();
        peer
    }

    fn send(&mut self, peer: &mut PeerId, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = self.outside.peer_send(*peer, rest);
            self.run();
            // A server that has said its last word may not take the rest.
            if taken == 0 && self.outside.peer_state(*peer) != PeerState::Open {
                return;
            }
            rest = &rest[taken..];
        }
    }

    fn half_close(&mut self, peer: &mut PeerId) {
        self.outside.peer_shutdown(*peer);
    }

    fn close(&mut self, peer: PeerId) {
        self.outside.peer_close(peer);
        self.run();
    }

    fn read(&mut self, peer: &mut PeerId, into: &mut Vec<u8>) -> End {
        loop {
            self.run();
            if self.outside.peer_recv_some(*peer, into, usize::MAX) == 0 {
                break;
            }
        }
        match self.outside.peer_state(*peer) {
            PeerState::Finished => End::Finished,
            PeerState::Reset => End::Reset,
            PeerState::Open | PeerState::Refused => End::Open,
        }
    }

    fn drain(&mut self) {
        self.shard.mailbox().post(Message::Drain);
    }
}

/// The world of the kernel.
pub struct Real {
    address: SocketAddr,
    mailbox: Mailbox,
    serving: Option<JoinHandle<()>>,
    quiet: Duration,
    _root: TempDir,
}

impl Real {
    /// A shard that listens, on a thread of its own. Who sends nothing for `quiet` has nothing to send.
    pub fn new(quiet: Duration) -> Self {
        let root = TempDir::new().expect("a directory");
        let served = root.path().join("srv");
        fs::create_dir_all(served.join("directory")).expect("a directory");
        fs::write(root.path().join("secret"), b"a secret").expect("a file");
        for (name, bytes) in files() {
            fs::write(served.join(name), bytes).expect("a file");
        }
        let (ready, started) = mpsc::channel();
        let serving = thread::spawn(move || {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let options = ListenOptions { backlog: 16, ..ListenOptions::default() };
            let listener = Listener::bind(any, &options).expect("a port");
            let address = listener.address().expect("it is bound to a port");
            let limits = ShardConfig::new(CONNECTIONS).limits.ring;
            let mut config = UringConfig::new(limits.clone());
            (config.listeners, config.roots) = (vec![listener], vec![served]);
            let mut shard = shard(UringRing::new(config).expect("a ring"), limits);
            ready.send((address, shard.mailbox())).expect("the test waits");
            shard.run().expect("the ring is not lost");
        });
        let (address, mailbox) = started.recv().expect("it starts");
        Self { address, mailbox, serving: Some(serving), quiet, _root: root }
    }
}

impl World for Real {
    type Peer = TcpStream;

    fn connect(&mut self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(self.quiet)).expect("an option");
        stream
    }

    fn send(&mut self, peer: &mut TcpStream, bytes: &[u8]) {
        // A server that has said its last word may not take the rest.
        let _ = peer.write_all(bytes);
    }

    fn half_close(&mut self, peer: &mut TcpStream) {
        peer.shutdown(Shutdown::Write).expect("half-closed");
    }

    fn close(&mut self, peer: TcpStream) {
        drop(peer);
    }

    fn read(&mut self, peer: &mut TcpStream, into: &mut Vec<u8>) -> End {
        let mut piece = vec![0; 65_536];
        loop {
            match peer.read(&mut piece) {
                Ok(0) => return End::Finished,
                Ok(len) => into.extend(&piece[..len]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return End::Open,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return End::Reset,
                Err(error) => panic!("the peer sees {error}"),
            }
        }
    }

    fn drain(&mut self) {
        self.mailbox.post(Message::Drain);
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        self.mailbox.post(Message::Stop);
        let served = self.serving.take().map(JoinHandle::join);
        assert!(thread::panicking() || matches!(served, Some(Ok(()))), "the shard ends well");
    }
}
