//! What is checked as an operation is handed over: the caller's part of the contract, enforced with a panic.

use super::kernel::Kernel;
use super::ops::{Busy, Work};
use super::trace::fingerprint;
use super::world::World;
use crate::limits::DISCARD_BYTES_MAX;
use crate::op::Op;
use crate::token::{OpKind, OpToken};

impl Kernel {
    /// Takes an operation and its buffers over.
    pub(super) fn admit(&mut self, world: &mut World, token: OpToken, op: Op<'_>) {
        let kind = kind_of(&op);
        assert!(token.kind() == kind, "a {kind:?} with the token of a {:?}", token.kind());
        let work = self.take_over(world, op);
        occupy(world, &work);
        world.note(name_of(kind), &[token.to_bits(), detail(&work)]);
        self.submit(token, work);
    }

    fn take_over(&mut self, world: &World, op: Op<'_>) -> Work {
        match op {
            Op::Accept { listener } => {
                assert!(!world.network.listeners[usize::from(listener.0)].closed, "an accept on a closed listener");
                Work::Accept { listener }
            }
            Op::Recv { socket, multishot } => Work::Recv { socket, multishot },
            Op::Send { socket, slot } => {
                let mark = self.slots.depart(&slot);
                Work::Send { socket, slot, mark }
            }
            Op::Stream { socket, transfer, start, end } => {
                let mark = self.transfers.depart(&transfer, start, end);
                Work::Stream { socket, transfer, start, end, mark }
            }
            Op::Poll { socket } => Work::Poll { socket },
            Op::Shutdown { socket } => Work::Shutdown { socket },
            Op::Close { socket } => Work::Close { socket, reset: false },
            Op::Reset { socket } => Work::Close { socket, reset: true },
            Op::CloseFile { file } => Work::CloseFile { file },
            Op::Cancel { target } => Work::Cancel { target },
            Op::Open { root, path } => Work::Open { root, path: path.into() },
            Op::Read { file, offset, len, transfer } => {
                self.transfers.depart_empty(&transfer, len);
                Work::Read { file, offset, len, transfer }
            }
            Op::List { file } => Work::List { file },
            Op::Write { sink, transfer, start, end } => {
                assert!(usize::from(sink.0) < world.sinks.len(), "there is no sink {}", sink.0);
                let mark = self.transfers.depart(&transfer, start, end);
                Work::Write { sink, transfer, start, end, mark }
            }
            Op::Connect { to, from } => Work::Connect { to, from },
            Op::Run { task } => Work::Run { task },
            other => self.take_over_more(world, other),
        }
    }

    /// What only some programs need.
    fn take_over_more(&mut self, world: &World, op: Op<'_>) -> Work {
        match op {
            Op::ConnectUnix { path } => Work::ConnectUnix { path: path.into() },
            Op::Discard { socket, len } => {
                assert!((1..=DISCARD_BYTES_MAX).contains(&len), "a discard of {len} bytes");
                assert!(!world.network.socket(socket.0).unix, "a discard on a Unix socket");
                Work::Discard { socket, len }
            }
            Op::Post { socket, blob, len } => {
                assert!(len as usize <= self.slots.blob(blob).len(), "a post of {len} bytes of blob {}", blob.0);
                Work::Post { socket, blob, len }
            }
            Op::Spool => Work::Spool,
            Op::Store { file, offset, transfer, start, end } => {
                assert!(world.files.is_spool(file.0), "file {} is no spool", file.0);
                let mark = self.transfers.depart(&transfer, start, end);
                Work::Store { file, offset, transfer, start, end, mark }
            }
            Op::Spawn { launch } => Work::Spawn { launch: launch.clone() },
            Op::AwaitExit { child } => {
                assert!(!world.programs.processes[child.0 as usize].reaped, "program {} was reaped", child.0);
                Work::AwaitExit { child }
            }
            Op::Reap { child } => {
                let process = &world.programs.processes[child.0 as usize];
                assert!(!process.reaped && process.waiting.is_none(), "program {} is reaped once, unawaited", child.0);
                Work::Reap { child }
            }
            Op::ReadPipe { pipe, len, transfer } => {
                assert!(world.programs.pipes[pipe.0 as usize].reads, "pipe {} is for writing", pipe.0);
                self.transfers.depart_empty(&transfer, len);
                Work::ReadPipe { pipe, len, transfer }
            }
            Op::WritePipe { pipe, transfer, start, end } => {
                assert!(!world.programs.pipes[pipe.0 as usize].reads, "pipe {} is for reading", pipe.0);
                let mark = self.transfers.depart(&transfer, start, end);
                Work::WritePipe { pipe, transfer, start, end, mark }
            }
            Op::PollPipe { pipe, writes } => {
                assert!(world.programs.pipes[pipe.0 as usize].reads != writes, "pipe {} goes the other way", pipe.0);
                Work::PollPipe { pipe }
            }
            Op::ClosePipe { pipe } => Work::ClosePipe { pipe },
            _ => unreachable!("taken over above"),
        }
    }
}

/// Asserts that the descriptor is open, and idle if it is to be closed; counts the operation.
fn occupy(world: &mut World, work: &Work) {
    match work.busy() {
        Busy::Nothing => {}
        Busy::Socket(socket) => {
            let conn = &mut world.network.conns[socket as usize];
            assert!(conn.is_socket() && !conn.closing, "socket {socket} is closed");
            if let Work::Close { .. } = work {
                assert!(conn.in_flight == 0, "socket {socket} is closed with {} operations in flight", conn.in_flight);
                conn.closing = true;
            }
            conn.in_flight += 1;
        }
        Busy::File(file) => {
            let open = &mut world.files.open[file as usize];
            assert!(open.open && !open.closing, "file {file} is closed");
            if let Work::CloseFile { .. } = work {
                assert!(open.in_flight == 0, "file {file} is closed with {} operations in flight", open.in_flight);
                open.closing = true;
            }
            open.in_flight += 1;
        }
        Busy::Pipe(pipe) => {
            let end = &mut world.programs.pipes[pipe as usize];
            assert!(end.open && !end.closing, "pipe {pipe} is closed");
            if let Work::ClosePipe { .. } = work {
                assert!(end.in_flight == 0, "pipe {pipe} is closed with {} operations in flight", end.in_flight);
                end.closing = true;
            }
            end.in_flight += 1;
        }
    }
}

fn kind_of(op: &Op<'_>) -> OpKind {
    match op {
        Op::Accept { .. } => OpKind::Accept,
        Op::Recv { .. } => OpKind::Recv,
        Op::Send { .. } => OpKind::Send,
        Op::Stream { .. } => OpKind::Stream,
        Op::Poll { .. } => OpKind::Poll,
        Op::Shutdown { .. } => OpKind::Shutdown,
        Op::Close { .. } | Op::Reset { .. } => OpKind::Close,
        Op::CloseFile { .. } => OpKind::CloseFile,
        Op::Cancel { .. } => OpKind::Cancel,
        Op::Open { .. } => OpKind::Open,
        Op::Read { .. } => OpKind::Read,
        Op::List { .. } => OpKind::List,
        Op::Write { .. } => OpKind::Write,
        Op::Run { .. } => OpKind::Run,
        Op::Connect { .. } | Op::ConnectUnix { .. } => OpKind::Connect,
        Op::Post { .. } => OpKind::Post,
        Op::Discard { .. } => OpKind::Discard,
        Op::Spool => OpKind::Spool,
        Op::Store { .. } => OpKind::Store,
        Op::Spawn { .. } => OpKind::Spawn,
        Op::AwaitExit { .. } => OpKind::AwaitExit,
        Op::Reap { .. } => OpKind::Reap,
        Op::ReadPipe { .. } => OpKind::ReadPipe,
        Op::WritePipe { .. } => OpKind::WritePipe,
        Op::PollPipe { .. } => OpKind::PollPipe,
        Op::ClosePipe { .. } => OpKind::ClosePipe,
    }
}

/// The line of a submission in the trace.
fn name_of(kind: OpKind) -> &'static str {
    match kind {
        OpKind::Accept => "submit accept",
        OpKind::Recv => "submit receive",
        OpKind::Send => "submit send",
        OpKind::Stream => "submit stream",
        OpKind::Poll => "submit poll",
        OpKind::Shutdown => "submit shutdown",
        OpKind::Close => "submit close",
        OpKind::CloseFile => "submit close file",
        OpKind::Cancel => "submit cancel",
        OpKind::Open => "submit open",
        OpKind::Read => "submit read",
        OpKind::List => "submit list",
        OpKind::Write => "submit write",
        OpKind::Connect => "submit connect",
        OpKind::Run => "submit run",
        OpKind::Post => "submit post",
        OpKind::Discard => "submit discard",
        OpKind::Spool => "submit spool",
        OpKind::Store => "submit store",
        OpKind::Spawn => "submit spawn",
        OpKind::AwaitExit => "submit await exit",
        OpKind::Reap => "submit reap",
        OpKind::ReadPipe => "submit read pipe",
        OpKind::WritePipe => "submit write pipe",
        OpKind::PollPipe => "submit poll pipe",
        OpKind::ClosePipe => "submit close pipe",
        OpKind::Wake => "submit wake",
    }
}

/// What tells one submission of a kind from another: what is sent, else on what.
fn detail(work: &Work) -> u64 {
    match work {
        Work::Send { mark, .. }
        | Work::Stream { mark, .. }
        | Work::Write { mark, .. }
        | Work::Store { mark, .. }
        | Work::WritePipe { mark, .. } => *mark,
        Work::Spawn { launch } => fingerprint(&launch.program),
        Work::AwaitExit { child } | Work::Reap { child } => u64::from(child.0),
        Work::Cancel { target } => target.to_bits(),
        Work::Open { path, .. } => fingerprint(path),
        Work::Read { offset, .. } => *offset,
        Work::Accept { listener } => u64::from(listener.0),
        _ => match work.busy() {
            Busy::Socket(index) | Busy::File(index) | Busy::Pipe(index) => u64::from(index),
            Busy::Nothing => 0,
        },
    }
}
