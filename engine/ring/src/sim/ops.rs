//! Operations in flight: what each needs to be carried out, and the rule of one per token slot and kind.

use std::net::SocketAddr;

use slab::Slab;

use crate::buffer::{BlobId, SendSlot, Transfer};
use crate::launch::Launch;
use crate::op::{ChildId, FileId, ListenerId, PipeId, RootId, SinkId, Socket, Task};
use crate::token::{OpKind, OpToken};

/// An operation that the simulated kernel holds.
pub(super) struct Flying {
    pub(super) token: OpToken,
    pub(super) work: Work,
    /// Tells this operation from later ones in the same place of the table.
    pub(super) serial: u64,
    /// It is due at an instant, rather than waiting until a socket or listener is ready.
    pub(super) scheduled: bool,
    /// When it is due it ends cancelled.
    pub(super) cancelled: bool,
}

/// [`crate::Op`] as the kernel keeps it.
pub(super) enum Work {
    Accept { listener: ListenerId },
    Recv { socket: Socket, multishot: bool },
    Send { socket: Socket, slot: SendSlot, mark: u64 },
    Stream { socket: Socket, transfer: Transfer, start: u32, end: u32, mark: u64 },
    Poll { socket: Socket },
    Shutdown { socket: Socket },
    Close { socket: Socket, reset: bool },
    CloseFile { file: FileId },
    Cancel { target: OpToken },
    Open { root: RootId, path: Box<[u8]> },
    Read { file: FileId, offset: u64, len: u32, transfer: Transfer },
    List { file: FileId },
    Write { sink: SinkId, transfer: Transfer, start: u32, end: u32, mark: u64 },
    Connect { to: SocketAddr, from: Option<SocketAddr> },
    Run { task: Task },
    ConnectUnix { path: Box<[u8]> },
    Discard { socket: Socket, len: u32 },
    Post { socket: Socket, blob: BlobId, len: u32 },
    Spool,
    Store { file: FileId, offset: u64, transfer: Transfer, start: u32, end: u32, mark: u64 },
    Spawn { launch: Launch },
    AwaitExit { child: ChildId },
    Reap { child: ChildId },
    ReadPipe { pipe: PipeId, len: u32, transfer: Transfer },
    WritePipe { pipe: PipeId, transfer: Transfer, start: u32, end: u32, mark: u64 },
    PollPipe { pipe: PipeId },
    ClosePipe { pipe: PipeId },
}

/// The descriptor that an operation keeps busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Busy {
    Nothing,
    Socket(u32),
    File(u32),
    Pipe(u32),
}

impl Work {
    pub(super) fn busy(&self) -> Busy {
        match self {
            Work::Recv { socket, .. }
            | Work::Discard { socket, .. }
            | Work::Send { socket, .. }
            | Work::Stream { socket, .. }
            | Work::Poll { socket }
            | Work::Shutdown { socket }
            | Work::Close { socket, .. } => Busy::Socket(socket.0),
            Work::CloseFile { file } | Work::Read { file, .. } | Work::List { file } | Work::Store { file, .. } => {
                Busy::File(file.0)
            }
            Work::ReadPipe { pipe, .. }
            | Work::WritePipe { pipe, .. }
            | Work::PollPipe { pipe }
            | Work::ClosePipe { pipe } => Busy::Pipe(pipe.0),
            Work::Accept { .. }
            | Work::Cancel { .. }
            | Work::Open { .. }
            | Work::Write { .. }
            | Work::Connect { .. }
            | Work::Run { .. }
            | Work::ConnectUnix { .. }
            | Work::Post { .. }
            | Work::Spool
            | Work::Spawn { .. }
            | Work::AwaitExit { .. }
            | Work::Reap { .. } => Busy::Nothing,
        }
    }

    /// Whether a disk, a worker or a launcher takes its time over it.
    pub(super) fn may_be_slow(&self) -> bool {
        matches!(
            self,
            Work::Open { .. }
                | Work::Read { .. }
                | Work::List { .. }
                | Work::Write { .. }
                | Work::Spool
                | Work::Store { .. }
                | Work::Spawn { .. }
                | Work::Run { .. }
        )
    }

    /// Drops the operation of a ring that is dropped itself: its handles come back to nobody.
    pub(super) fn forget(self) {
        match self {
            Work::Send { slot, .. } => _ = slot.into_index(),
            Work::Stream { transfer, .. }
            | Work::Read { transfer, .. }
            | Work::Write { transfer, .. }
            | Work::Store { transfer, .. }
            | Work::ReadPipe { transfer, .. }
            | Work::WritePipe { transfer, .. } => {
                _ = transfer.into_index();
            }
            _ => {}
        }
    }
}

/// Kinds of which a token slot has at most one in flight, and which can be cancelled.
fn is_exclusive(kind: OpKind) -> bool {
    !matches!(
        kind,
        OpKind::Post
            | OpKind::Shutdown
            | OpKind::Close
            | OpKind::CloseFile
            | OpKind::ClosePipe
            | OpKind::Cancel
            | OpKind::Wake
    )
}

/// Whether two kinds exclude one another on a token slot: a ring may keep one transfer buffer and one program for each.
fn collide(one: OpKind, other: OpKind) -> bool {
    use OpKind::{Read, ReadPipe, Reap, Spawn, Store, Stream, Write, WritePipe};
    let lends_transfer = |kind| matches!(kind, Stream | Read | Write | Store | ReadPipe | WritePipe);
    let holds_program = |kind| matches!(kind, Spawn | Reap);
    one == other || (lends_transfer(one) && lends_transfer(other)) || (holds_program(one) && holds_program(other))
}

/// All operations in flight.
#[derive(Default)]
pub(super) struct Ops {
    pub(super) table: Slab<Flying>,
    /// By token slot: the exclusive operations whose final completion was not handed out.
    by_slot: Vec<Vec<Entry>>,
    serial: u64,
}

struct Entry {
    token: OpToken,
    at: usize,
    serial: u64,
}

impl Ops {
    /// Takes an operation in; its place in the table.
    pub(super) fn insert(&mut self, token: OpToken, work: Work) -> u32 {
        self.serial += 1;
        let serial = self.serial;
        let at = self.table.insert(Flying { token, work, serial, scheduled: false, cancelled: false });
        if is_exclusive(token.kind()) {
            self.enter(Entry { token, at, serial });
        }
        at as u32
    }

    fn enter(&mut self, entry: Entry) {
        let (slot, kind) = (entry.token.slot() as usize, entry.token.kind());
        if self.by_slot.len() <= slot {
            self.by_slot.resize_with(slot + 1, Vec::new);
        }
        let entries = &mut self.by_slot[slot];
        if let Some(other) = entries.iter().map(|entry| entry.token.kind()).find(|&other| collide(other, kind)) {
            panic!("a {kind:?} of token slot {slot} while a {other:?} of it is in flight");
        }
        entries.push(entry);
    }

    /// The final completion of `token` was handed out.
    pub(super) fn retire(&mut self, token: OpToken) {
        if is_exclusive(token.kind()) {
            self.by_slot[token.slot() as usize].retain(|entry| entry.token.kind() != token.kind());
        }
    }

    /// Where the operation of `token` is, if it was not carried out yet.
    pub(super) fn find(&self, token: OpToken) -> Option<u32> {
        let entry = self.by_slot.get(token.slot() as usize)?.iter().find(|entry| entry.token == token)?;
        let flying = self.table.get(entry.at)?;
        (flying.serial == entry.serial).then_some(entry.at as u32)
    }
}

impl Drop for Ops {
    fn drop(&mut self) {
        for flying in self.table.drain() {
            flying.work.forget();
        }
    }
}
