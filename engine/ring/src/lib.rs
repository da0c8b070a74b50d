//! The ring: how everything above talks to the kernel, and what stands in for the kernel in a simulation.
//!
//! [`Ring`] is the one contract; [`uring::UringRing`] keeps it with io_uring, [`sim::SimRing`] with a seed. The contract
//! in words is `docs/SIMULATION.md`; `tests/ring_contract.rs` holds every ring to it. Nothing here knows a protocol.
//!
//! The order of calls: [`Ring::submit`] any number of operations, [`Ring::wait`] once, route the completions, give every
//! [`Lease`] back before the next `wait`. A ring owns every byte that the kernel may touch: what moves between caller
//! and ring are the move-only handles of [`buffer`].

pub mod buffer;
pub mod completion;
pub mod launch;
pub mod limits;
pub mod op;
pub mod outcome;
pub mod sim;
mod task;
pub mod time;
pub mod token;
pub mod uring;
mod waker;

pub use buffer::{BlobId, Lease, SendSlot, SlotBytes, Transfer};
pub use completion::{Batch, Completion, Outcome};
pub use launch::{Child, Exit, Launch};
pub use limits::RingLimits;
pub use op::{
    ChildId, DirEntry, FileId, FileKind, FileStat, ListenerId, Listing, Op, Peer, PipeId, RootId, SinkId, Socket, Task,
};
pub use outcome::{
    AcceptError, ChildError, ConnectError, FileError, PipeError, RecvError, RingLost, RunError, SendError, SpawnError,
};
pub use task::FileReader;
pub use time::{Deadline, Instant, Wall};
pub use token::{OpKind, OpToken};
pub use waker::{Asked, Wake, Waker};

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Submission, completion, owned memory and time, for one shard.
///
/// A ring is used from one thread. Every submission ends in exactly one completion without `more`; only a post that went
/// well ends in none. Of the kinds that lend memory or stay armed (accept, receive, discard, send, stream, poll, open,
/// read, list, write, connect, run, and those of spools, programs and pipes but for reap and close), at most one is in
/// flight for a token slot.
pub trait Ring {
    /// Hands an operation over. It never fails: what the submission queue cannot take waits in the ring, in order, and
    /// what the kernel refuses comes back as a completion with an error. Buffers named by `op` are the ring's until then.
    fn submit(&mut self, token: OpToken, op: Op<'_>);

    /// Hands everything submitted to the kernel, waits until a completion is there or `until` has passed (`None` waits
    /// without end, a deadline in the past does not wait), and appends at most [`limits::BATCH_MAX`] completions to
    /// `batch`. It may return with none before that, for an affair of its own. Then `now` and `wall` are read anew.
    ///
    /// # Errors
    /// Only when the ring itself is lost; nothing can go on then.
    fn wait(&mut self, until: Option<Deadline>, batch: &mut Batch) -> Result<(), RingLost>;

    /// The monotonic time of the last `wait`.
    fn now(&self) -> Instant;

    /// The wall-clock time of the last `wait`.
    fn wall(&self) -> Wall;

    /// How much of all waiting was spent on the CPU, looking instead of sleeping, so that waits end in time. Zero of a ring
    /// that was not told to.
    fn spun(&self) -> Duration {
        Duration::ZERO
    }

    /// Wakes this ring's `wait` from another thread: a completion [`Outcome::Woken`] with kind [`OpKind::Wake`].
    /// Wakes that come before that completion was reaped are one.
    fn waker(&self) -> Waker;

    // Received bytes.

    /// What a lease gives the right to read.
    fn bytes(&self, lease: &Lease) -> &[u8];

    /// Ends a lease: its buffer may be filled again.
    fn give_back(&mut self, lease: Lease);

    // Send slots.

    /// A free send slot, empty, or `None` while all are taken.
    fn take_slot(&mut self) -> Option<SendSlot>;

    /// Ends the use of a slot that is not in flight; blobs attached to it are no longer counted.
    fn return_slot(&mut self, slot: SendSlot);

    /// The slot's memory for writing behind what it holds.
    fn fill<'a>(&'a mut self, slot: &'a mut SendSlot) -> SlotBytes<'a>;

    /// A lease for reading and a slot for writing, both at once.
    fn borrow<'a>(&'a mut self, lease: &Lease, slot: &'a mut SendSlot) -> (&'a [u8], SlotBytes<'a>);

    /// Puts `range` of a blob behind what the slot holds; it is sent from where it stands. `false` if the slot's list
    /// of parts ([`limits::SEND_PARTS_MAX`]) is full: send it first.
    fn attach(&mut self, slot: &mut SendSlot, blob: BlobId, range: Range<u32>) -> bool;

    // Blobs.

    /// Freezes bytes as a blob, shared and not copied; it lives until it is released and no send reads it. `None` when
    /// the blob limit in [`RingLimits`] (count or bytes) is reached.
    fn freeze(&mut self, bytes: impl Into<Arc<[u8]>>) -> Option<BlobId>;

    /// The bytes of a blob.
    fn blob(&self, blob: BlobId) -> &[u8];

    /// Gives a blob up; sends that read it still finish.
    fn release(&mut self, blob: BlobId);

    // Transfer buffers.

    /// A free transfer buffer, or `None` while all are taken.
    fn take_transfer(&mut self) -> Option<Transfer>;

    /// A free transfer buffer of another size, usually a larger one, for what goes to a sink; `None` while all are taken,
    /// or if the ring has none.
    fn take_sink_buffer(&mut self) -> Option<Transfer>;

    /// Ends the use of a transfer buffer that is not in flight.
    fn return_transfer(&mut self, transfer: Transfer);

    /// A transfer buffer's memory, whole.
    fn transfer_bytes(&self, transfer: &Transfer) -> &[u8];

    /// A transfer buffer's memory for writing, whole.
    fn transfer_bytes_mut(&mut self, transfer: &mut Transfer) -> &mut [u8];

    // Programs.

    /// Kills a program and everything in its process group, at once (SIGKILL). Its end is told by [`Op::AwaitExit`], as
    /// ever; of one that has ended, what it left behind is killed. Not after [`Op::Reap`].
    fn kill(&mut self, child: ChildId);

    // Descriptors.

    /// What an open file is now (`fstat`, 0.15 us; it does not wait for a disk on a local file system).
    ///
    /// # Errors
    /// [`FileError::Io`] as the kernel says.
    fn measure(&mut self, file: FileId) -> Result<FileStat, FileError>;

    /// An open file for another thread, which may block on it.
    ///
    /// # Errors
    /// When no descriptor is left for it.
    fn share(&mut self, file: FileId) -> Result<FileReader, FileError>;

    /// The other end of an accepted or connected socket.
    fn peer(&self, socket: Socket) -> Peer;

    /// This end of an accepted or connected socket; [`Peer::Unknown`] where it has no address.
    fn local(&self, socket: Socket) -> Peer;

    /// Asks the kernel to turn new connections away from this listener without answering them, while those whose
    /// handshake is done can still be accepted. The first step of a drain.
    fn refuse_new(&mut self, listener: ListenerId);

    /// Accepts one connection that is already in the queue, without waiting. `None`: the queue is empty.
    ///
    /// # Errors
    /// As the completion of [`Op::Accept`].
    fn accept_now(&mut self, listener: ListenerId) -> Option<Result<Socket, AcceptError>>;

    /// Closes a listener; its accept must have ended.
    fn close_listener(&mut self, listener: ListenerId);

    /// Looks where each root's configured path leads now, and opens it again if it leads elsewhere. At most once a
    /// second is enough.
    fn refresh_roots(&mut self);
}
