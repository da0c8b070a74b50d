//! The ring on io_uring, Linux 6.1 and later.

mod children;
mod clock;
mod config;
mod errno;
mod files;
mod fixed;
pub mod hosts;
mod launcher;
mod memory;
pub mod null;
mod posts;
pub mod process;
mod provided;
mod queue;
mod reap;
mod room;
mod setup;
mod sink;
mod slots;
mod sockets;
mod spin;
mod submit;
mod transfers;
mod unix;
mod wake;
mod workers;

pub use config::UringConfig;
pub use launcher::{Launcher, LauncherOptions};
pub use setup::{Features, SetupError, kernel_version};
pub use sink::Sink;
pub use sockets::{ListenOptions, Listener};
pub use workers::{WorkerLimits, Workers};

use std::collections::VecDeque;
use std::ffi::CString;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use io_uring::opcode;
use slab::Slab;

use crate::buffer::{BlobId, Lease, SendSlot, SlotBytes, Transfer};
use crate::completion::{Batch, Completion};
use crate::op::{ChildId, FileId, FileStat, ListenerId, Op, Peer, Socket};
use crate::outcome::{AcceptError, FileError, RingLost};
use crate::time::{Deadline, Instant, Wall};
use crate::token::{OpKind, OpToken};
use crate::{FileReader, Ring, Waker};
use children::Children;
use files::{Lister, OpenPath, Root};
use fixed::FixedSockets;
use posts::Posts;
use provided::ProvidedBuffers;
use queue::{Limit, Queue};
use room::Poll;
use slots::Slots;
use sockets::{Place, RawAddress};
use spin::Spin;
use transfers::Transfers;
use wake::WakeState;
use workers::Home;

/// [`Ring`] on one io_uring. Made and used on the same thread.
///
/// Fields are dropped in their order: the queues first, then the memory that they pointed into.
pub struct UringRing {
    queue: Queue,
    provided: ProvidedBuffers,
    fixed: FixedSockets,
    slots: Slots,
    transfers: Transfers,
    opens: Box<[OpenPath]>,
    opens_free: Vec<u32>,
    /// Opens that wait for one of the places above.
    opens_waiting: VecDeque<(OpToken, u16, Vec<u8>)>,
    connects: Slab<Box<Connecting>>,
    polls: Slab<Poll>,
    posts: Posts,
    /// Per token slot: what its operations in flight hold, by kind.
    holds: Vec<Holds>,
    listeners: Vec<Option<Listener>>,
    roots: Vec<Root>,
    sinks: Vec<Sink>,
    congestion: Option<String>,
    spools: CString,
    children: Children,
    wake: Arc<WakeState>,
    wake_read: Box<[u8; 8]>,
    lister: Option<Lister>,
    listed: Arc<Mutex<Vec<files::Listed>>>,
    workers: Option<Workers>,
    /// Where this ring's tasks report.
    home: Arc<Home>,
    /// Completions that did not come from the queue.
    ready: VecDeque<Completion>,
    features: Features,
    spin: Spin,
    how: Box<io_uring::types::OpenHow>,
    now: Instant,
    wall: Wall,
}

/// Indices plus one of what a token slot's operations hold; 0 is nothing. Arrays, so that a large table is zero pages.
type Holds = [u32; 6];
const HOLDS_SLOT: usize = 0;
const HOLDS_TRANSFER: usize = 1;
const HOLDS_OPEN: usize = 2;
const HOLDS_CONNECT: usize = 3;
const HOLDS_CHILD: usize = 4;
const HOLDS_POLL: usize = 5;

/// A connect in flight; its address stands still.
struct Connecting {
    address: RawAddress,
    socket: OwnedFd,
}

/// io-wq threads of one ring, for what would block: [bounded (files), unbounded (the rest)].
const KERNEL_WORKERS: [u32; 2] = [4, 4];

impl UringRing {
    /// Makes the ring and everything it owns, on the thread that will use it.
    ///
    /// # Errors
    /// [`SetupError`] says which limit, sysctl or profile stood in the way and what to do.
    pub fn new(config: UringConfig) -> Result<Self, SetupError> {
        let UringConfig { limits, roots, sinks, listeners, congestion, workers, spools, launcher, spin } = config;
        let roots = files::open_roots(roots)?;
        let (ring, mut features) = setup::build(&limits)?;
        setup::check_operations(&ring)?;
        let mut queue = Queue::new(ring);
        features.registered_fd = queue.submitter.register_ring_fd().is_ok();
        // Where it cannot be limited, the kernel's own limit holds.
        let _ = queue.submitter.register_iowq_max_workers(&mut KERNEL_WORKERS.clone());
        let provided = ProvidedBuffers::register(&queue.submitter, limits.recv_buffers, limits.recv_buffer_bytes)
            .map_err(|error| setup::explain(error, &limits))?;
        let fixed = FixedSockets::register(&queue, kernel_version(), &mut features);
        let memory = |source| SetupError::Other { step: "mapping buffers", source };
        let transfers = Transfers::new(&limits).map_err(memory)?;
        features.registered_buffers = register_transfers(&queue, &transfers);
        let wake = Arc::new(WakeState::new().map_err(|source| SetupError::Other { step: "eventfd", source })?);
        let slots = Slots::new(limits.send_slots, limits.send_slot_bytes, limits.blobs, limits.blob_bytes);
        let mut ring = Self {
            slots: slots.map_err(memory)?,
            queue,
            provided,
            fixed,
            transfers,
            opens: (0..limits.opens).map(|_| OpenPath::empty()).collect(),
            opens_free: (0..limits.opens).rev().collect(),
            opens_waiting: VecDeque::new(),
            connects: Slab::new(),
            polls: Slab::new(),
            posts: Posts::default(),
            holds: vec![[0; 6]; limits.token_slots as usize],
            listeners: listeners.into_iter().map(Some).collect(),
            roots,
            sinks,
            congestion,
            home: Arc::new(Home::new(wake.clone())),
            workers,
            spools: CString::new(spools.into_os_string().into_vec()).unwrap_or_default(),
            children: Children::new(launcher),
            wake,
            wake_read: Box::new([0; 8]),
            lister: None,
            listed: Arc::default(),
            ready: VecDeque::new(),
            features,
            spin: Spin::new(spin),
            how: Box::new(files::open_how()),
            now: Instant::ORIGIN,
            wall: Wall::default(),
        };
        ring.arm_wake();
        ring.listen_to_launcher();
        ring.read_clocks();
        Ok(ring)
    }

    /// What the kernel accepted.
    pub fn features(&self) -> Features {
        self.features
    }

    /// A kernel that takes an instant saves a reading of the clock.
    #[inline]
    fn limit(&mut self, until: Deadline) -> Limit {
        if until.passed(self.now) {
            return Limit::Now;
        }
        if self.features.absolute_waits {
            return Limit::At(until);
        }
        self.read_clocks();
        Limit::For(until.until(self.now))
    }

    fn arm_wake(&mut self) {
        let fd = io_uring::types::Fd(self.wake.fd());
        let read = opcode::Read::new(fd, self.wake_read.as_mut_ptr(), 8).build();
        self.queue.push(read.user_data(OpToken::new(OpKind::Wake, 0, 0).to_bits()));
    }

    #[inline]
    fn read_clocks(&mut self) {
        self.now = clock::now();
        self.wall = clock::wall();
    }

    fn listener_fd(&self, listener: ListenerId) -> Option<RawFd> {
        self.listeners[usize::from(listener.0)].as_ref().map(|listener| listener.fd.as_raw_fd())
    }
}

impl Ring for UringRing {
    #[inline]
    fn submit(&mut self, token: OpToken, op: Op<'_>) {
        self.submit_op(token, op);
    }

    fn wait(&mut self, until: Option<Deadline>, batch: &mut Batch) -> Result<(), RingLost> {
        self.provided.publish();
        let idle = self.ready.is_empty() && !self.queue.has_completions();
        match until.unwrap_or(Deadline::NEVER) {
            _ if !idle => self.queue.enter(Limit::Now)?,
            until => self.enter_until(until)?,
        }
        self.reap(batch);
        self.read_clocks();
        Ok(())
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn wall(&self) -> Wall {
        self.wall
    }

    fn spun(&self) -> Duration {
        self.spin.spun
    }

    fn waker(&self) -> Waker {
        Waker::new(self.wake.clone())
    }

    #[inline]
    fn bytes(&self, lease: &Lease) -> &[u8] {
        self.provided.bytes(lease.index(), lease.len())
    }

    #[inline]
    fn give_back(&mut self, lease: Lease) {
        self.provided.offer(lease.into_index());
    }

    #[inline]
    fn take_slot(&mut self) -> Option<SendSlot> {
        self.slots.take()
    }

    #[inline]
    fn return_slot(&mut self, slot: SendSlot) {
        self.slots.put(slot);
    }

    #[inline]
    fn fill<'a>(&'a mut self, slot: &'a mut SendSlot) -> SlotBytes<'a> {
        SlotBytes { bytes: self.slots.bytes_mut(slot), len: &mut slot.len }
    }

    #[inline]
    fn borrow<'a>(&'a mut self, lease: &Lease, slot: &'a mut SendSlot) -> (&'a [u8], SlotBytes<'a>) {
        let bytes = self.provided.bytes(lease.index(), lease.len());
        (bytes, SlotBytes { bytes: self.slots.bytes_mut(slot), len: &mut slot.len })
    }

    fn attach(&mut self, slot: &mut SendSlot, blob: BlobId, range: Range<u32>) -> bool {
        self.slots.attach(slot, blob, range)
    }

    fn freeze(&mut self, bytes: impl Into<Arc<[u8]>>) -> Option<BlobId> {
        self.slots.freeze(bytes.into())
    }

    fn blob(&self, blob: BlobId) -> &[u8] {
        self.slots.blob(blob)
    }

    fn release(&mut self, blob: BlobId) {
        self.slots.release(blob);
    }

    fn take_transfer(&mut self) -> Option<Transfer> {
        self.transfers.take().map(Transfer::new)
    }

    fn take_sink_buffer(&mut self) -> Option<Transfer> {
        self.transfers.take_sink_buffer().map(Transfer::new)
    }

    fn return_transfer(&mut self, transfer: Transfer) {
        self.transfers.put(transfer.into_index());
    }

    fn kill(&mut self, child: ChildId) {
        self.kill_child(child);
    }

    fn transfer_bytes(&self, transfer: &Transfer) -> &[u8] {
        self.transfers.bytes(transfer.index())
    }

    fn transfer_bytes_mut(&mut self, transfer: &mut Transfer) -> &mut [u8] {
        self.transfers.bytes_mut(transfer.index())
    }

    fn measure(&mut self, file: FileId) -> Result<FileStat, FileError> {
        files::measure(file.0 as RawFd)
    }

    fn share(&mut self, file: FileId) -> Result<FileReader, FileError> {
        files::share(file.0 as RawFd)
    }

    fn peer(&self, socket: Socket) -> Peer {
        sockets::peer_address(socket.0 as RawFd)
    }

    fn local(&self, socket: Socket) -> Peer {
        sockets::local_address(socket.0 as RawFd)
    }

    fn refuse_new(&mut self, listener: ListenerId) {
        let Some(listener) = &self.listeners[usize::from(listener.0)] else { return };
        match &listener.place {
            // Without the filter a connection that arrives between the last accept and the close is reset; no more.
            Place::Ip(_) => _ = sockets::drop_new_connections(listener.fd.as_raw_fd()),
            Place::Unix(path) => path.remove(),
        }
    }

    fn accept_now(&mut self, listener: ListenerId) -> Option<Result<Socket, AcceptError>> {
        let accepted = sockets::accept_now(self.listener_fd(listener)?)?;
        let error = |error: std::io::Error| errno::accept(error.raw_os_error().unwrap_or(libc::EIO));
        Some(accepted.map(|fd| Socket(fd as u32)).map_err(error))
    }

    fn close_listener(&mut self, listener: ListenerId) {
        self.listeners[usize::from(listener.0)] = None;
    }

    fn refresh_roots(&mut self) {
        self.roots.iter_mut().for_each(Root::refresh);
    }
}

impl std::fmt::Debug for UringRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UringRing").field("features", &self.features).field("now", &self.now).finish_non_exhaustive()
    }
}

/// File reads skip pinning pages where the lockable memory allows to register the transfer buffers.
fn register_transfers(queue: &Queue, transfers: &Transfers) -> bool {
    let Some(arena) = transfers.common_arena() else { return false };
    let vector = libc::iovec { iov_base: arena.at(0).cast(), iov_len: arena.len() };
    // SAFETY: the arena is a mapping that outlives the ring (field order in `UringRing`), and only the kernel and the
    // owner-checked slices of `Pool` ever touch it.
    unsafe { queue.submitter.register_buffers(&[vector]).is_ok() }
}
