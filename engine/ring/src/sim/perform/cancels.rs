//! Cancels, the races that they lose, and how a cancelled operation ends.

use crate::completion::{Completion, Outcome};
use crate::outcome::{
    AcceptError, ChildError, ConnectError, FileError, PipeError, RecvError, RunError, SendError, SpawnError,
};
use crate::sim::kernel::Kernel;
use crate::sim::ops::Work;
use crate::sim::world::World;
use crate::token::OpToken;

impl Kernel {
    /// Whether the target was still there. It ends now, a little later, or with its true result.
    pub(super) fn cancel(&mut self, world: &mut World, target: OpToken) -> bool {
        let Some(op) = self.ops.find(target) else { return false };
        let flying = &mut self.ops.table[op as usize];
        if flying.cancelled {
            return true;
        }
        if flying.scheduled && self.random.chance(world.plan.cancel_race) {
            return self.lose_race(world, op, target);
        }
        if self.random.chance(world.plan.reorder) {
            self.ops.table[op as usize].cancelled = true;
            self.schedule(world, op);
        } else {
            self.end_cancelled(world, op);
        }
        true
    }

    /// The target is just being carried out: a single shot ends with its true result, a multishot does so once more.
    fn lose_race(&mut self, world: &mut World, op: u32, target: OpToken) -> bool {
        self.ops.table[op as usize].scheduled = false;
        self.perform(world, op);
        let Some(op) = self.ops.find(target) else { return self.random.chance(500_000) };
        self.end_cancelled(world, op);
        true
    }

    pub(super) fn end_cancelled(&mut self, world: &mut World, op: u32) {
        let flying = self.take_out(world, op);
        let busy = flying.work.busy();
        let outcome = match flying.work {
            Work::Accept { .. } => Outcome::Accepted(Err(AcceptError::Cancelled)),
            Work::Recv { .. } => Outcome::Received(Err(RecvError::Cancelled)),
            Work::Send { slot, mark, .. } => {
                self.slots.landed(&slot, mark);
                Outcome::Sent(Err(SendError::Cancelled), slot)
            }
            Work::Stream { transfer, .. } => {
                self.transfers.landed(&transfer);
                Outcome::Streamed(Err(SendError::Cancelled), transfer)
            }
            Work::Poll { .. } => Outcome::Ready(Err(SendError::Cancelled)),
            Work::Open { .. } => Outcome::Opened(Err(FileError::Cancelled)),
            Work::List { .. } => Outcome::Listed(Err(FileError::Cancelled)),
            Work::Read { transfer, .. } => {
                self.transfers.landed(&transfer);
                Outcome::Read(Err(FileError::Cancelled), transfer)
            }
            Work::Write { transfer, .. } => {
                self.transfers.landed(&transfer);
                Outcome::Written(Err(FileError::Cancelled), transfer)
            }
            Work::Run { .. } => Outcome::Ran(Err(RunError::Cancelled)),
            Work::Connect { .. } | Work::ConnectUnix { .. } => Outcome::Connected(Err(ConnectError::Cancelled)),
            Work::Discard { .. } => Outcome::Discarded(Err(RecvError::Cancelled)),
            Work::Post { .. } => Outcome::PostFailed(SendError::Cancelled),
            Work::Spool => Outcome::Spooled(Err(FileError::Cancelled)),
            Work::Store { transfer, .. } => {
                self.transfers.landed(&transfer);
                Outcome::Stored(Err(FileError::Cancelled), transfer)
            }
            Work::Spawn { .. } => Outcome::Spawned(Err(SpawnError::Cancelled)),
            Work::AwaitExit { .. } => Outcome::Exited(Err(ChildError::Cancelled)),
            Work::ReadPipe { transfer, .. } => {
                self.transfers.landed(&transfer);
                Outcome::PipeRead(Err(PipeError::Cancelled), transfer)
            }
            Work::WritePipe { transfer, .. } => {
                self.transfers.landed(&transfer);
                Outcome::PipeWritten(Err(PipeError::Cancelled), transfer)
            }
            Work::PollPipe { .. } => Outcome::PipeReady(Err(PipeError::Cancelled)),
            Work::Reap { .. }
            | Work::ClosePipe { .. }
            | Work::Shutdown { .. }
            | Work::Close { .. }
            | Work::CloseFile { .. }
            | Work::Cancel { .. } => {
                unreachable!("these are never found by a cancel")
            }
        };
        self.post(Completion { token: flying.token, outcome, more: false }, busy);
    }
}
