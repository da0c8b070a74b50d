//! The simulation: a ring whose kernel, network, files and time are fixed by one seed.
//!
//! [`SimRing`] keeps the contract of [`Ring`] and breaks everything that the contract leaves open, as its
//! [`FaultPlan`] says. It is for tests, so what the contract asks of the caller is asserted: a buffer touched out of
//! turn, a descriptor used after its close, a lease kept past its tick all panic at the call that did it. The harness
//! plays the outside through [`Outside`]: peers, the file system, the horizon of time.
//!
//! The order of calls of a harness: [`SimRing::new`], [`SimRing::outside`], then in turns let the code under test run
//! (`submit`, `wait`) and act from outside; at the end [`Outside::assert_quiet`] and [`Outside::trace_hash`].

mod admit;
mod buffers;
mod clock;
mod conn;
mod content;
mod faults;
mod files;
mod kernel;
mod network;
mod ops;
mod outside;
mod perform;
mod programs;
mod random;
mod slots;
#[cfg(test)]
mod tests;
mod trace;
mod transfers;
mod world;

pub use buffers::POISON;
pub use conn::PeerState;
pub use content::Content;
pub use faults::FaultPlan;
pub use files::Special;
pub use outside::{Outside, PeerId, TIMESTAMP_GRANULE_NS};
pub use programs::Step;
pub use random::Random;

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::buffer::{BlobId, Lease, SendSlot, SlotBytes, Transfer};
use crate::completion::Batch;
use crate::limits::RingLimits;
use crate::op::{ChildId, FileId, FileStat, ListenerId, Op, Peer, Socket};
use crate::outcome::{AcceptError, FileError, RingLost};
use crate::time::{Deadline, Instant, Wall};
use crate::token::OpToken;
use crate::waker::{Wake, Waker};
use crate::{FileReader, Ring};

/// How a simulated ring is made.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Fixes everything that is left to chance.
    pub seed: u64,
    /// Sizes of the pools; memory is made as it is used, so the server's own cost nothing.
    pub limits: RingLimits,
    /// What goes wrong; it may be changed during the run.
    pub plan: FaultPlan,
    /// One listener of the ring for each address.
    pub listeners: Vec<SocketAddr>,
    /// One root for each path of the simulated tree; made as directories.
    pub roots: Vec<Vec<u8>>,
    /// How many sinks there are.
    pub sinks: u16,
    /// Sockets and open files that the ring may have at once; above, `DescriptorLimit`.
    pub descriptors_max: usize,
    /// Unread bytes that the ring's side of a connection takes from a peer.
    pub receive_window_bytes: usize,
    /// Unread bytes that a new peer takes; [`Outside::peer_window`] changes it for one.
    pub peer_window_bytes: usize,
}

impl SimConfig {
    /// No faults, [`SIM_LIMITS`], one listener at 127.0.0.1:8000, one root at `/srv`, one sink.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            limits: SIM_LIMITS,
            plan: FaultPlan::none(),
            listeners: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8000))],
            roots: vec![b"/srv".to_vec()],
            sinks: 1,
            descriptors_max: 1000,
            receive_window_bytes: 256 * 1024,
            peer_window_bytes: 256 * 1024,
        }
    }

    /// As [`SimConfig::new`], with the faults of [`FaultPlan::from_seed`].
    pub fn with_faults(seed: u64) -> Self {
        Self { plan: FaultPlan::from_seed(seed), ..Self::new(seed) }
    }
}

/// Small pools, so that a run meets their ends.
pub const SIM_LIMITS: RingLimits = RingLimits {
    submissions: 64,
    completions: 512,
    recv_buffers: 16,
    recv_buffer_bytes: 1024,
    send_slots: 16,
    send_slot_bytes: 20 * 1024,
    transfers: 4,
    transfer_bytes: 16 * 1024,
    sink_buffers: 2,
    sink_buffer_bytes: 24 * 1024,
    blobs: 64,
    blob_bytes: 1 << 20,
    opens: 8,
    token_slots: 1024,
};

/// A ring in a simulated world. One seed and one script of the outside are one run, to the byte.
pub struct SimRing {
    kernel: kernel::Kernel,
    world: Rc<RefCell<world::World>>,
    woken: Arc<SimWake>,
    now: Instant,
    wall: Wall,
}

struct SimWake(AtomicBool);

impl Wake for SimWake {
    fn wake(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl SimRing {
    /// A ring and the world around it.
    pub fn new(config: SimConfig) -> Self {
        let ledger = Rc::<buffers::Ledger>::default();
        let mut random = Random::new(config.seed);
        let kernel = kernel::Kernel::new(random.bits(), &config.limits, Rc::clone(&ledger));
        let world = world::World::new(config, random, ledger);
        let (now, wall) = (world.clock.now(), world.clock.wall());
        let woken = Arc::new(SimWake(AtomicBool::new(false)));
        Self { kernel, world: Rc::new(RefCell::new(world)), woken, now, wall }
    }

    /// The harness's side of the world; it may be cloned, and kept while a shard owns the ring.
    pub fn outside(&self) -> Outside {
        Outside::new(Rc::clone(&self.world))
    }
}

impl Ring for SimRing {
    fn submit(&mut self, token: OpToken, op: Op<'_>) {
        self.kernel.admit(&mut self.world.borrow_mut(), token, op);
    }

    fn wait(&mut self, until: Option<Deadline>, batch: &mut Batch) -> Result<(), RingLost> {
        let world = &mut *self.world.borrow_mut();
        self.kernel.wait(world, until, || self.woken.0.swap(false, Ordering::AcqRel), batch);
        (self.now, self.wall) = (world.clock.now(), world.clock.wall());
        Ok(())
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn wall(&self) -> Wall {
        self.wall
    }

    fn waker(&self) -> Waker {
        Waker::new(Arc::<SimWake>::clone(&self.woken))
    }

    fn bytes(&self, lease: &Lease) -> &[u8] {
        self.kernel.provided.bytes(lease)
    }

    fn give_back(&mut self, lease: Lease) {
        self.kernel.provided.give_back(lease);
    }

    fn take_slot(&mut self) -> Option<SendSlot> {
        self.kernel.slots.take()
    }

    fn return_slot(&mut self, slot: SendSlot) {
        self.kernel.slots.put(slot);
    }

    fn fill<'a>(&'a mut self, slot: &'a mut SendSlot) -> SlotBytes<'a> {
        self.kernel.slots.fill(slot)
    }

    fn borrow<'a>(&'a mut self, lease: &Lease, slot: &'a mut SendSlot) -> (&'a [u8], SlotBytes<'a>) {
        (self.kernel.provided.bytes(lease), self.kernel.slots.fill(slot))
    }

    fn attach(&mut self, slot: &mut SendSlot, blob: BlobId, range: Range<u32>) -> bool {
        self.kernel.slots.attach(slot, blob, range)
    }

    fn freeze(&mut self, bytes: impl Into<Arc<[u8]>>) -> Option<BlobId> {
        self.kernel.slots.freeze(bytes.into())
    }

    fn blob(&self, blob: BlobId) -> &[u8] {
        self.kernel.slots.blob(blob)
    }

    fn release(&mut self, blob: BlobId) {
        self.kernel.slots.release(blob);
    }

    fn take_transfer(&mut self) -> Option<Transfer> {
        self.kernel.transfers.take()
    }

    fn take_sink_buffer(&mut self) -> Option<Transfer> {
        self.kernel.transfers.take_sink_buffer()
    }

    fn return_transfer(&mut self, transfer: Transfer) {
        self.kernel.transfers.put(transfer);
    }

    fn transfer_bytes(&self, transfer: &Transfer) -> &[u8] {
        self.kernel.transfers.bytes(transfer)
    }

    fn transfer_bytes_mut(&mut self, transfer: &mut Transfer) -> &mut [u8] {
        self.kernel.transfers.bytes_mut(transfer)
    }

    fn kill(&mut self, child: ChildId) {
        let world = &mut *self.world.borrow_mut();
        world.note("kill", &[u64::from(child.0)]);
        world.programs.kill(child.0);
    }

    fn measure(&mut self, file: FileId) -> Result<FileStat, FileError> {
        let world = self.world.borrow();
        assert!(world.files.open[file.0 as usize].open, "file {} is closed", file.0);
        if self.kernel.random.chance(world.plan.measure_error) {
            return Err(FileError::Io(libc::EIO));
        }
        Ok(world.files.measure(file.0))
    }

    fn share(&mut self, file: FileId) -> Result<FileReader, FileError> {
        let world = self.world.borrow();
        assert!(world.files.open[file.0 as usize].open, "file {} is closed", file.0);
        Ok(FileReader::new(std::io::Cursor::new(world.files.whole(file.0)?)))
    }

    fn peer(&self, socket: Socket) -> Peer {
        let world = self.world.borrow();
        let conn = world.network.socket(socket.0);
        match conn.is_connected() {
            true if conn.unix => Peer::Unix,
            true => Peer::Ip(conn.remote),
            false => Peer::Unknown,
        }
    }

    fn local(&self, socket: Socket) -> Peer {
        let world = self.world.borrow();
        let conn = world.network.socket(socket.0);
        if conn.unix { Peer::Unix } else { Peer::Ip(conn.local) }
    }

    fn refuse_new(&mut self, listener: ListenerId) {
        let world = &mut *self.world.borrow_mut();
        world.note("refuse new", &[u64::from(listener.0)]);
        world.network.listeners[usize::from(listener.0)].refusing = true;
    }

    fn accept_now(&mut self, listener: ListenerId) -> Option<Result<Socket, AcceptError>> {
        let world = &mut *self.world.borrow_mut();
        let result = self.kernel.next_connection(world, listener.0);
        world.note("accept now", &[u64::from(listener.0), trace::ValueHasher::of(&result)]);
        result
    }

    fn close_listener(&mut self, listener: ListenerId) {
        let world = &mut *self.world.borrow_mut();
        world.note("close listener", &[u64::from(listener.0)]);
        world.network.close_listener(listener.0);
    }

    fn refresh_roots(&mut self) {
        let world = &mut *self.world.borrow_mut();
        world.note("refresh roots", &[]);
        world.files.refresh_roots();
    }
}
