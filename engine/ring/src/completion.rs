//! Results coming back.

use crate::buffer::{Lease, SendSlot, Transfer};
use crate::launch::{Child, Exit};
use crate::limits::BATCH_MAX;
use crate::op::{FileId, Listing, Socket};
use crate::outcome::{
    AcceptError, ChildError, ConnectError, FileError, PipeError, RecvError, RunError, SendError, SpawnError,
};
use crate::token::OpToken;

/// One result of one operation.
#[derive(Debug)]
pub struct Completion {
    /// The token that it was submitted with.
    pub token: OpToken,
    /// What came of it.
    pub outcome: Outcome,
    /// The operation is still armed: more completions follow.
    pub more: bool,
}

/// What came of an operation. Buffers that it held come back here.
#[derive(Debug)]
pub enum Outcome {
    /// Of [`crate::Op::Accept`].
    Accepted(Result<Socket, AcceptError>),
    /// Of [`crate::Op::Recv`]; `None` is the peer's half-close.
    Received(Result<Option<Lease>, RecvError>),
    /// Of [`crate::Op::Discard`]: how many bytes are gone; 0 is the peer's half-close.
    Discarded(Result<u32, RecvError>),
    /// Of [`crate::Op::Send`]: how many bytes left. The slot's own position has moved by as many.
    Sent(Result<u32, SendError>, SendSlot),
    /// Of [`crate::Op::Post`], if the bytes have not all left.
    PostFailed(SendError),
    /// Of [`crate::Op::Stream`]: how many bytes left.
    Streamed(Result<u32, SendError>, Transfer),
    /// Of [`crate::Op::Poll`].
    Ready(Result<(), SendError>),
    /// Of [`crate::Op::Shutdown`], [`crate::Op::Close`], [`crate::Op::CloseFile`], [`crate::Op::ClosePipe`] and
    /// [`crate::Op::Reap`]; a failure changes nothing for the caller.
    Done,
    /// Of [`crate::Op::Cancel`]: whether the target was still there.
    Cancelled(bool),
    /// Of [`crate::Op::Open`].
    Opened(Result<FileId, FileError>),
    /// Of [`crate::Op::Read`]: how many bytes; 0 is the end of the file.
    Read(Result<u32, FileError>, Transfer),
    /// Of [`crate::Op::List`].
    Listed(Result<Box<Listing>, FileError>),
    /// Of [`crate::Op::Write`]: how many bytes.
    Written(Result<u32, FileError>, Transfer),
    /// Of [`crate::Op::Connect`] and [`crate::Op::ConnectUnix`].
    Connected(Result<Socket, ConnectError>),
    /// Of [`crate::Op::Run`].
    Ran(Result<(), RunError>),
    /// Of [`crate::Op::Spool`].
    Spooled(Result<FileId, FileError>),
    /// Of [`crate::Op::Store`]: how many bytes.
    Stored(Result<u32, FileError>, Transfer),
    /// Of [`crate::Op::Spawn`].
    Spawned(Result<Child, SpawnError>),
    /// Of [`crate::Op::AwaitExit`].
    Exited(Result<Exit, ChildError>),
    /// Of [`crate::Op::ReadPipe`]: how many bytes; 0 is the end.
    PipeRead(Result<u32, PipeError>, Transfer),
    /// Of [`crate::Op::WritePipe`]: how many bytes.
    PipeWritten(Result<u32, PipeError>, Transfer),
    /// Another thread woke the ring.
    Woken,
}

/// Completions reaped together, in the order of the queue. Allocated once.
#[derive(Debug)]
pub struct Batch {
    completions: Vec<Completion>,
}

impl Batch {
    /// An empty batch with room for [`BATCH_MAX`].
    pub fn new() -> Self {
        Self { completions: Vec::with_capacity(BATCH_MAX) }
    }

    /// How many it holds.
    pub fn len(&self) -> usize {
        self.completions.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.completions.is_empty()
    }

    /// How many more it takes.
    pub fn room(&self) -> usize {
        BATCH_MAX - self.completions.len()
    }

    /// Takes every completion out, in order.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Completion> {
        self.completions.drain(..)
    }

    pub(crate) fn push(&mut self, completion: Completion) {
        debug_assert!(self.completions.len() < BATCH_MAX, "a batch is bounded");
        self.completions.push(completion);
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}
