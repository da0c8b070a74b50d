//! What a case needs of a ring's surroundings.

use std::net::SocketAddr;

use slipring_ring::sim::Step;
use slipring_ring::{Launch, ListenerId, Ring, RingLimits, RootId, SinkId};

/// The TCP listener of a world.
pub const LISTENER: ListenerId = ListenerId(0);
/// Its Unix listener.
pub const UNIX_LISTENER: ListenerId = ListenerId(1);
/// The one root.
pub const ROOT: RootId = RootId(0);
/// The one sink.
pub const SINK: SinkId = SinkId(0);

/// Small pools, so that the cases meet their ends.
pub const LIMITS: RingLimits = RingLimits {
    submissions: 16,
    completions: 2048,
    recv_buffers: 8,
    recv_buffer_bytes: 1024,
    send_slots: 4,
    send_slot_bytes: 16 * 1024,
    transfers: 3,
    transfer_bytes: 64 * 1024,
    sink_buffers: 2,
    sink_buffer_bytes: 200 * 1024,
    blobs: 4,
    blob_bytes: 256 * 1024,
    opens: 4,
    token_slots: 1024,
};

/// How a connection ended, as its peer sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// FIN behind the last byte.
    Finished,
    /// A reset.
    Reset,
}

/// A ring, and everything on its other side. What a method does has happened when it returns.
pub trait World {
    /// Which ring.
    type Ring: Ring;
    /// The far end of a connection.
    type Peer;

    /// A ring with [`LIMITS`], its listeners, an empty root and an empty sink.
    fn new() -> Self;
    /// As [`World::new`], with a launcher.
    fn with_programs() -> Self;
    /// The ring.
    fn ring(&mut self) -> &mut Self::Ring;

    /// A peer connects to the listener.
    fn connect(&mut self) -> Self::Peer;
    /// Whether a new peer gets no answer from the listener.
    fn is_refused(&mut self) -> bool;
    /// The address of a peer.
    fn address(&mut self, peer: &Self::Peer) -> SocketAddr;
    /// The peer sends all of `bytes`, which are few enough to fit into the socket.
    fn send(&mut self, peer: &mut Self::Peer, bytes: &[u8]);
    /// The peer reads exactly `len` bytes, which were sent before.
    fn recv(&mut self, peer: &mut Self::Peer, len: usize) -> Vec<u8>;
    /// The peer sends FIN and goes on receiving.
    fn shutdown(&mut self, peer: &mut Self::Peer);
    /// The peer closes with bytes that it has not read, which resets the connection.
    fn close_unread(&mut self, peer: Self::Peer);
    /// The peer closes with everything read.
    fn close(&mut self, peer: Self::Peer);
    /// How the connection ended, once everything was read.
    fn end(&mut self, peer: &mut Self::Peer) -> End;

    /// Somebody outside listens; where.
    fn listen(&mut self) -> SocketAddr;
    /// The connection that the ring made to what listens outside.
    fn accept(&mut self) -> Self::Peer;
    /// An address where nobody listens.
    fn nobody(&mut self) -> SocketAddr;

    /// A peer connects to the Unix listener.
    fn connect_unix(&mut self) -> Self::Peer;
    /// Somebody outside listens at a Unix path; which.
    fn listen_unix(&mut self) -> Vec<u8>;
    /// The connection that the ring made to that path.
    fn accept_unix(&mut self) -> Self::Peer;
    /// A Unix path at which nobody listens.
    fn nobody_unix(&mut self) -> Vec<u8>;

    /// A program that does this; how it is launched, without arguments and environment.
    fn put_program(&mut self, steps: Vec<Step>) -> Launch;

    /// A file at a path under the root, in place of what stood there.
    fn put_file(&mut self, path: &str, bytes: &[u8]);
    /// A symbolic link.
    fn put_link(&mut self, path: &str, target: &str);
    /// A FIFO.
    fn put_fifo(&mut self, path: &str);
    /// A Unix socket.
    fn put_socket(&mut self, path: &str);
    /// A file `secret` beside the root.
    fn put_secret(&mut self);
    /// Cuts or grows a file.
    fn resize(&mut self, path: &str, len: u64);
    /// The root's configured path leads to another directory with a file `new` from now on.
    fn move_root(&mut self);
    /// Everything the sink took.
    fn sink(&mut self) -> Vec<u8>;
}
