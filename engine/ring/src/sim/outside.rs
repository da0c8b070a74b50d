//! The harness's side of the simulated world: peers, the file tree, faults, time and the trace.

use std::cell::{RefCell, RefMut};
use std::net::SocketAddr;
use std::rc::Rc;

use super::conn::{Conn, PeerState};
use super::content::Content;
use super::faults::FaultPlan;
use super::files::{Node, Special};
use super::network::Place;
use super::programs::Step;
use super::trace::fingerprint;
use super::world::World;
use crate::op::{FileStat, ListenerId, SinkId};
use crate::time::{Instant, Wall};

/// The far end of one connection, played by the harness. Never used for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(u32);

impl PeerId {
    /// Its number: connections of a run are counted from 0.
    pub fn number(self) -> usize {
        self.0 as usize
    }
}

/// A handle on the world around a [`super::SimRing`]. All handles of a ring are the same world.
///
/// Nothing here takes time: an act happens at the instant that the last `wait` left, and operations that waited for it
/// become due in the next one.
#[derive(Clone)]
pub struct Outside {
    world: Rc<RefCell<World>>,
}

/// Peers that connect to the ring, and listeners that the ring connects to.
impl Outside {
    pub(super) fn new(world: Rc<RefCell<World>>) -> Self {
        Self { world }
    }

    /// A peer with an address of its own (10.0.0.0/8) connects; [`PeerState::Refused`] if nobody listens.
    pub fn connect(&self, listener: ListenerId) -> PeerId {
        let from = self.world().network.next_address();
        self.connect_from(listener, from)
    }

    /// A peer at `from` connects.
    pub fn connect_from(&self, listener: ListenerId, from: SocketAddr) -> PeerId {
        let mut world = self.world();
        let peer = world.network.connect(listener.0, from);
        world.note("peer connects", &[u64::from(peer), u64::from(listener.0)]);
        PeerId(peer)
    }

    /// Somebody outside listens at `address`; connects of the ring to anywhere else are refused.
    pub fn listen(&self, address: SocketAddr) {
        self.world().network.listen_outside(Place::Ip(address));
    }

    /// The next connection that the ring made to `address`.
    pub fn accept(&self, address: SocketAddr) -> Option<PeerId> {
        self.world().network.accept_outside(&Place::Ip(address)).map(PeerId)
    }

    /// A peer connects through a Unix socket; [`PeerState::Refused`] if nobody listens.
    pub fn connect_unix(&self, listener: ListenerId) -> PeerId {
        let peer = self.connect(listener);
        conn(&mut self.world(), peer).unix = true;
        peer
    }

    /// Somebody outside listens at a Unix path.
    pub fn listen_unix(&self, path: impl AsRef<[u8]>) {
        self.world().network.listen_outside(Place::Unix(path.as_ref().to_vec()));
    }

    /// The next connection that the ring made to a Unix path.
    pub fn accept_unix(&self, path: impl AsRef<[u8]>) -> Option<PeerId> {
        self.world().network.accept_outside(&Place::Unix(path.as_ref().to_vec())).map(PeerId)
    }

    /// Nobody listens at `address` any more.
    pub fn stop_listening(&self, address: SocketAddr) {
        self.world().network.stop_outside(&Place::Ip(address));
    }

    /// The peer sends. As many bytes leave as the ring's side has room for
    /// ([`super::SimConfig::receive_window_bytes`]); returns how many. 0 once its connection is over.
    pub fn peer_send(&self, peer: PeerId, bytes: &[u8]) -> usize {
        let mut world = self.world();
        let window = world.network.receive_window;
        let sent = conn(&mut world, peer).peer_send(bytes, window);
        let mark = fingerprint(&bytes[..sent]);
        changed(&mut world, "peer sends", peer, &[sent as u64, mark]);
        sent
    }

    /// The peer sends FIN and goes on receiving.
    pub fn peer_shutdown(&self, peer: PeerId) {
        let mut world = self.world();
        conn(&mut world, peer).peer_shutdown();
        changed(&mut world, "peer shuts down", peer, &[]);
    }

    /// The peer closes: FIN, or a reset if it has not read everything. What reaches it later is answered by a reset.
    pub fn peer_close(&self, peer: PeerId) {
        let mut world = self.world();
        conn(&mut world, peer).peer_close();
        changed(&mut world, "peer closes", peer, &[]);
    }

    /// The peer resets the connection.
    pub fn peer_reset(&self, peer: PeerId) {
        let mut world = self.world();
        let per_million = world.plan.reset_discards;
        let discards = world.random.chance(per_million);
        let conn = conn(&mut world, peer);
        conn.peer_reset();
        if discards {
            conn.discard_unread();
        }
        changed(&mut world, "peer resets", peer, &[u64::from(discards)]);
    }

    /// Everything that arrived at the peer and was not read yet.
    pub fn peer_recv(&self, peer: PeerId) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.peer_recv_some(peer, &mut bytes, usize::MAX);
        bytes
    }

    /// The peer reads at most `max` bytes, appended to `into`; returns how many.
    pub fn peer_recv_some(&self, peer: PeerId, into: &mut Vec<u8>, max: usize) -> usize {
        let mut world = self.world();
        let start = into.len();
        let read = conn(&mut world, peer).peer_read(into, max);
        if read > 0 {
            let mark = fingerprint(&into[start..]);
            changed(&mut world, "peer reads", peer, &[read as u64, mark]);
        }
        read
    }

    /// Bytes that arrived at the peer and were not read yet.
    pub fn peer_unread(&self, peer: PeerId) -> usize {
        conn(&mut self.world(), peer).outbound.len()
    }

    /// The peer's side takes no more than `bytes` unread bytes from now on; 0 is a closed window.
    pub fn peer_window(&self, peer: PeerId, bytes: usize) {
        let mut world = self.world();
        conn(&mut world, peer).window = bytes;
        changed(&mut world, "peer window", peer, &[bytes as u64]);
    }

    /// What the peer has seen of its connection. `Finished` only when it has read everything.
    pub fn peer_state(&self, peer: PeerId) -> PeerState {
        conn(&mut self.world(), peer).state()
    }

    /// Whether an injected fault broke the connection: the one excuse for [`PeerState::Reset`] and for missing bytes.
    pub fn peer_was_cut(&self, peer: PeerId) -> bool {
        conn(&mut self.world(), peer).cut
    }

    /// The peer's own address.
    pub fn peer_address(&self, peer: PeerId) -> SocketAddr {
        conn(&mut self.world(), peer).remote
    }

    fn world(&self) -> RefMut<'_, World> {
        self.world.borrow_mut()
    }
}

/// The file tree. Paths are absolute, pass no links, and panic if what they need is not there. Each act sets the times
/// that the kernel would set, cut to its timestamp granule of [`TIMESTAMP_GRANULE_NS`].
impl Outside {
    /// A regular file, in place of what stood there (a new inode, as rename does); directories are made on the way.
    pub fn put_file(&self, path: impl AsRef<[u8]>, content: impl Into<Content>) {
        self.put(path.as_ref(), Node::Regular(content.into()));
    }

    /// A program, in place of what stood there: an executable file, and what it does when it is started.
    pub fn put_program(&self, path: impl AsRef<[u8]>, steps: Vec<Step>) {
        self.put_file(path.as_ref(), b"#!program");
        let mut world = self.world();
        world.files.set_executable(path.as_ref());
        world.programs.know(path.as_ref(), steps);
    }

    /// A symbolic link, in place of what stood there.
    pub fn put_link(&self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) {
        self.put(path.as_ref(), Node::Link(target.as_ref().to_vec()));
    }

    /// A FIFO, socket or device, in place of what stood there.
    pub fn put_special(&self, path: impl AsRef<[u8]>, special: Special) {
        self.put(path.as_ref(), Node::Special(special));
    }

    fn put(&self, path: &[u8], node: Node) {
        let (mut world, now) = self.touch("put", path);
        world.files.put(path, node, now);
    }

    /// A directory and those above it, if they are not there.
    pub fn make_directory(&self, path: impl AsRef<[u8]>) {
        let (mut world, now) = self.touch("make directory", path.as_ref());
        world.files.make_directory(path.as_ref(), now);
    }

    /// Takes a name away, of a directory with all below; open files stay readable.
    pub fn remove(&self, path: impl AsRef<[u8]>) {
        let (mut world, now) = self.touch("remove", path.as_ref());
        world.files.remove(path.as_ref(), now);
    }

    /// Renames, in place of what stood at `to`.
    pub fn rename(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) {
        let (mut world, now) = self.touch("rename", from.as_ref());
        world.files.rename(from.as_ref(), to.as_ref(), now);
    }

    /// Writes other content into the same file.
    pub fn overwrite(&self, path: impl AsRef<[u8]>, content: impl Into<Content>) {
        let (mut world, now) = self.touch("overwrite", path.as_ref());
        world.files.change(path.as_ref(), now, |old| *old = content.into());
    }

    /// Cuts a file or makes it longer, by zeros or by its function.
    pub fn resize(&self, path: impl AsRef<[u8]>, len: u64) {
        let (mut world, now) = self.touch("resize", path.as_ref());
        world.files.change(path.as_ref(), now, |content| content.resize(len));
    }

    /// Whether a file may be opened, or a directory searched.
    pub fn set_readable(&self, path: impl AsRef<[u8]>, readable: bool) {
        let (mut world, now) = self.touch("set readable", path.as_ref());
        world.files.set_readable(path.as_ref(), readable, now);
    }

    /// Sets the modification time, as `touch -d` does.
    pub fn set_modified(&self, path: impl AsRef<[u8]>, modified: Wall) {
        let (mut world, now) = self.touch("set modified", path.as_ref());
        world.files.set_modified(path.as_ref(), modified, now);
    }

    /// What measuring what stands at `path` would give; of a link, the link itself.
    pub fn stat(&self, path: impl AsRef<[u8]>) -> FileStat {
        self.world().files.stat_at(path.as_ref())
    }

    /// What a sink has taken since the last call.
    pub fn take_sink(&self, sink: SinkId) -> Vec<u8> {
        std::mem::take(&mut self.world().sinks[usize::from(sink.0)])
    }

    fn touch(&self, what: &'static str, path: &[u8]) -> (RefMut<'_, World>, Wall) {
        let mut world = self.world();
        world.note(what, &[fingerprint(path)]);
        let Wall { secs, nanos } = world.clock.wall();
        let stamp = Wall { secs, nanos: nanos - nanos % TIMESTAMP_GRANULE_NS };
        (world, stamp)
    }
}

/// How finely the simulated file system stamps changes: a tick of a kernel with HZ=250, as on most machines.
pub const TIMESTAMP_GRANULE_NS: u32 = 4_000_000;

/// Time, faults and the trace.
impl Outside {
    /// The instant that the last `wait` left.
    pub fn now(&self) -> Instant {
        self.world().clock.now()
    }

    /// The wall clock.
    pub fn wall(&self) -> Wall {
        self.world().clock.wall()
    }

    /// Somebody sets the wall clock forward or back.
    pub fn jump_wall(&self, seconds: i64) {
        let mut world = self.world();
        world.clock.jump_wall(seconds);
        world.note("jump wall", &[seconds as u64]);
    }

    /// Time does not pass `horizon`: a `wait` that comes to it returns, so that the harness can act there. It stays
    /// until it is set anew; with `Some(now)`, only what is due already happens.
    pub fn set_horizon(&self, horizon: Option<Instant>) {
        self.world().clock.set_horizon(horizon);
    }

    /// The last `wait` handed nothing out and no operation is due: only an act of the harness or a deadline of the code
    /// under test changes anything now.
    pub fn is_idle(&self) -> bool {
        self.world().idle
    }

    /// What goes wrong from now on.
    pub fn set_plan(&self, plan: FaultPlan) {
        self.world().plan = plan;
    }

    /// No more faults: from here on everything that was begun has to finish.
    pub fn stop_faults(&self) {
        self.set_plan(FaultPlan::none());
    }

    /// The plan as it is.
    pub fn plan(&self) -> FaultPlan {
        self.world().plan.clone()
    }

    /// The whole run so far as a number.
    pub fn trace_hash(&self) -> u64 {
        self.world().trace.hash()
    }

    /// Events in the trace so far.
    pub fn events(&self) -> u64 {
        self.world().trace.events()
    }

    /// Keeps the last `lines_max` events as text, for replaying a seed by eye.
    pub fn record(&self, lines_max: usize) {
        self.world().trace.record(lines_max);
    }

    /// The events kept.
    pub fn lines(&self) -> Vec<String> {
        self.world().trace.lines()
    }

    /// What the ring has lent and not got back, what is open, what is in flight; blobs are counted apart, by
    /// [`Outside::blobs`], as a cache may keep them.
    pub fn leaks(&self) -> Vec<String> {
        self.world().leaks()
    }

    /// Blobs alive.
    pub fn blobs(&self) -> u32 {
        self.world().ledger.blobs.get()
    }

    /// Asserts that nothing leaked.
    ///
    /// # Panics
    /// With every leak.
    pub fn assert_quiet(&self) {
        let leaks = self.leaks();
        assert!(leaks.is_empty(), "not quiet: {}", leaks.join(", "));
    }
}

fn conn(world: &mut World, peer: PeerId) -> &mut Conn {
    &mut world.network.conns[peer.0 as usize]
}

/// Notes an act of a peer and lets the kernel look at its connection.
fn changed(world: &mut World, what: &'static str, peer: PeerId, numbers: &[u64]) {
    world.note(what, &[u64::from(peer.0)]);
    if !numbers.is_empty() {
        world.note("with", numbers);
    }
    world.network.changed_conns.push(peer.0);
}
