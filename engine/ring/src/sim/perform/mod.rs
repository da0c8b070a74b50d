//! Carrying operations out, once they are due: who does it, and how what they say is posted.

mod cancels;
mod files;
mod programs;
mod sockets;

use super::kernel::Kernel;
use super::ops::Work;
use super::trace::ValueHasher;
use super::world::World;
use crate::buffer::Lease;
use crate::completion::{Completion, Outcome};
use crate::op::Task;
use crate::outcome::{ConnectError, RunError};
use sockets::{after_send, close, connect, connect_unix, shut_down};

impl Kernel {
    /// Carries an operation out. One that finds nothing to do after all waits on.
    pub(super) fn perform(&mut self, world: &mut World, op: u32) {
        let flying = &self.ops.table[op as usize];
        if flying.cancelled {
            return self.end_cancelled(world, op);
        }
        match flying.work {
            Work::Accept { listener } => self.accept(world, op, listener.0),
            Work::Recv { socket, multishot } => self.receive(world, op, socket, multishot),
            Work::Send { socket, .. } => self.send(world, op, socket),
            Work::Discard { socket, len } => self.discard(world, op, socket, len),
            Work::Post { socket, blob, len } => self.carry_out_post(world, op, socket, blob, len),
            Work::ReadPipe { pipe, .. } => self.read_pipe(world, op, pipe),
            Work::WritePipe { pipe, .. } => self.write_pipe(world, op, pipe),
            Work::PollPipe { .. } => self.deliver(world, op, Outcome::PipeReady(Ok(())), true),
            Work::AwaitExit { child } => self.await_exit(world, op, child),
            Work::Poll { socket } => self.poll(world, op, socket),
            _ => self.carry_out(world, op),
        }
    }

    /// What happens at once, whatever the state of things.
    fn carry_out(&mut self, world: &mut World, op: u32) {
        let flying = self.take_out(world, op);
        let busy = flying.work.busy();
        let outcome = match flying.work {
            Work::Cancel { target } => Outcome::Cancelled(self.cancel(world, target)),
            Work::Shutdown { socket } => shut_down(world, socket),
            Work::Close { socket, reset } => close(world, socket, reset),
            Work::Connect { to, from } => {
                let failed = self.random.chance(world.plan.connect_error);
                let failure = failed.then(|| self.random.pick(&CONNECT_FAULTS));
                Outcome::Connected(failure.map_or_else(|| connect(world, to, from), Err))
            }
            Work::ConnectUnix { path } => {
                let failed = self.random.chance(world.plan.connect_error);
                let failure = failed.then(|| self.random.pick(&CONNECT_FAULTS));
                Outcome::Connected(failure.map_or_else(|| connect_unix(world, &path), Err))
            }
            Work::Stream { socket, transfer, start, end, mark } => {
                let result = self.stream(world, socket, self.transfers.range(&transfer, start, end).len());
                if let Ok(sent) = result {
                    let bytes = self.transfers.range(&transfer, start, start + sent);
                    world.network.conns[socket.0 as usize].outbound.extend(bytes);
                    after_send(world, socket);
                }
                self.transfers.landed_unchanged(&transfer, start, end, mark);
                Outcome::Streamed(result, transfer)
            }
            Work::Run { task } => {
                let failed = self.random.chance(world.plan.run_error);
                let failure = failed.then(|| self.random.pick(&RUN_FAULTS));
                Outcome::Ran(failure.map_or_else(|| run(task), Err))
            }
            work @ (Work::Spool
            | Work::Store { .. }
            | Work::Spawn { .. }
            | Work::Reap { .. }
            | Work::ClosePipe { .. }) => self.carry_out_program_work(world, work),
            work => self.carry_out_file_work(world, work),
        };
        self.post(Completion { token: flying.token, outcome, more: false }, busy);
    }

    /// Posts what an operation that may stay armed has to say, and ends or re-arms it.
    fn deliver(&mut self, world: &mut World, op: u32, outcome: Outcome, ends: bool) {
        let flying = &self.ops.table[op as usize];
        let (token, busy) = (flying.token, flying.work.busy());
        self.post(Completion { token, outcome, more: !ends }, busy);
        if ends {
            self.take_out(world, op);
        } else {
            self.schedule_if_ready(world, op);
        }
    }

    /// `len`, or as a fault has it, less; never 0.
    fn shorten(&mut self, per_million: u32, len: usize) -> usize {
        if len > 1 && self.random.chance(per_million) { self.random.between(1, len as u64 - 1) as usize } else { len }
    }
}

const CONNECT_FAULTS: [ConnectError; 5] = [
    ConnectError::Refused,
    ConnectError::AddressUnavailable,
    ConnectError::DescriptorLimit,
    ConnectError::Failed(libc::ETIMEDOUT),
    ConnectError::Failed(libc::EHOSTUNREACH),
];
const RUN_FAULTS: [RunError; 2] = [RunError::Full, RunError::NoThread];

/// The world stands still while a task runs: what it does is done at one instant.
fn run(task: Task) -> Result<(), RunError> {
    if task.run() { Ok(()) } else { Err(RunError::Panicked) }
}

/// What a completion says, as a number for the trace.
pub(super) fn digest(completion: &Completion) -> u64 {
    let hash = match &completion.outcome {
        Outcome::Accepted(result) => ValueHasher::of(result),
        Outcome::Received(result) => ValueHasher::of(&result.as_ref().map(|lease| lease.as_ref().map(Lease::len))),
        Outcome::Sent(result, _) | Outcome::Streamed(result, _) => ValueHasher::of(result),
        Outcome::Ready(result) => ValueHasher::of(result),
        Outcome::Done => 0,
        Outcome::Cancelled(found) => ValueHasher::of(found),
        Outcome::Opened(result) | Outcome::Spooled(result) => ValueHasher::of(result),
        Outcome::Read(result, _) | Outcome::Written(result, _) | Outcome::Stored(result, _) => ValueHasher::of(result),
        Outcome::Listed(result) => ValueHasher::of(&result.as_ref().map(|listing| listing.entries.len())),
        Outcome::Connected(result) => ValueHasher::of(result),
        Outcome::Ran(result) => ValueHasher::of(result),
        Outcome::PostFailed(error) => ValueHasher::of(error),
        Outcome::Discarded(result) => ValueHasher::of(result),
        Outcome::Spawned(result) => ValueHasher::of(result),
        Outcome::Exited(result) => ValueHasher::of(result),
        Outcome::PipeReady(result) => ValueHasher::of(result),
        Outcome::PipeRead(result, _) | Outcome::PipeWritten(result, _) => ValueHasher::of(result),
        Outcome::Woken => 1,
    };
    hash ^ u64::from(completion.more)
}
