//! Carrying out what concerns programs, their pipes, and spools.

use crate::buffer::Transfer;
use crate::completion::{Completion, Outcome};
use crate::launch::{Child, Launch};
use crate::op::{ChildId, FileId, PipeId};
use crate::outcome::{FileError, PipeError, SpawnError};
use crate::sim::kernel::Kernel;
use crate::sim::ops::{Flying, Work};
use crate::sim::world::World;

impl Kernel {
    pub(super) fn carry_out_program_work(&mut self, world: &mut World, work: Work) -> Outcome {
        match work {
            Work::Spool => Outcome::Spooled(self.make_spool(world)),
            Work::Store { file, offset, transfer, start, end, mark } => {
                let result = self.store(world, file, offset, &transfer, start, end);
                self.transfers.landed_unchanged(&transfer, start, end, mark);
                Outcome::Stored(result, transfer)
            }
            Work::Spawn { launch } => Outcome::Spawned(self.spawn(world, launch)),
            Work::Reap { child } => {
                world.programs.processes[child.0 as usize].reaped = true;
                Outcome::Done
            }
            Work::ClosePipe { pipe } => {
                world.programs.pipes[pipe.0 as usize].open = false;
                world.descriptors -= 1;
                Outcome::Done
            }
            _ => unreachable!("sockets and files are carried out elsewhere"),
        }
    }

    fn make_spool(&mut self, world: &mut World) -> Result<FileId, FileError> {
        if self.random.chance(world.plan.open_error) || !world.has_descriptor() {
            return Err(FileError::DescriptorLimit);
        }
        world.descriptors += 1;
        let now = world.clock.wall();
        Ok(FileId(world.files.make_spool(now)))
    }

    fn store(
        &mut self,
        world: &mut World,
        file: FileId,
        offset: u64,
        transfer: &Transfer,
        start: u32,
        end: u32,
    ) -> Result<u32, FileError> {
        if self.random.chance(world.plan.write_error) {
            return Err(FileError::Io(libc::ENOSPC));
        }
        let len = self.shorten(world.plan.short_write, (end - start) as usize) as u32;
        world.files.store(file.0, offset, self.transfers.range(transfer, start, start + len));
        Ok(len)
    }

    fn spawn(&mut self, world: &mut World, launch: Launch) -> Result<Child, SpawnError> {
        if self.random.chance(world.plan.spawn_error) {
            return Err(self.random.pick(&SPAWN_FAULTS));
        }
        if world.descriptors + 3 > world.descriptors_max {
            return Err(SpawnError::Exhausted);
        }
        let (id, [input, output, errors]) = world.programs.start(launch).ok_or(SpawnError::NotFound)?;
        world.descriptors += 3;
        Ok(Child { id: ChildId(id), input: PipeId(input), output: PipeId(output), errors: PipeId(errors) })
    }

    /// Reads what is in a pipe; one that turns out empty waits on.
    pub(super) fn read_pipe(&mut self, world: &mut World, op: u32, pipe: PipeId) {
        let there = match world.programs.pipes[pipe.0 as usize].there() {
            Some(0) => return,
            there => there.unwrap_or(0),
        };
        let Flying { token, work, .. } = self.take_out(world, op);
        let busy = work.busy();
        let Work::ReadPipe { len, transfer, .. } = work else { unreachable!("only reads are carried out here") };
        let len = self.shorten(world.plan.short_read, there.min(len as usize));
        world.programs.pipes[pipe.0 as usize].read(self.transfers.kernel_bytes_mut(&transfer, len));
        self.transfers.landed(&transfer);
        let outcome = Outcome::PipeRead(Ok(len as u32), transfer);
        self.post(Completion { token, outcome, more: false }, busy);
    }

    /// Writes as much as a pipe has room for; one that turns out full waits on.
    pub(super) fn write_pipe(&mut self, world: &mut World, op: u32, pipe: PipeId) {
        let room = match world.programs.pipes[pipe.0 as usize].there() {
            Some(0) => return,
            room => room.ok_or(PipeError::Closed),
        };
        let Flying { token, work, .. } = self.take_out(world, op);
        let busy = work.busy();
        let Work::WritePipe { transfer, start, end, mark, .. } = work else {
            unreachable!("only writes are carried out here")
        };
        let result = room.map(|room| self.shorten(world.plan.short_write, room.min((end - start) as usize)) as u32);
        if let Ok(len) = result {
            world.programs.pipes[pipe.0 as usize].write(self.transfers.range(&transfer, start, start + len));
        }
        self.transfers.landed_unchanged(&transfer, start, end, mark);
        let outcome = Outcome::PipeWritten(result, transfer);
        self.post(Completion { token, outcome, more: false }, busy);
    }

    pub(super) fn await_exit(&mut self, world: &mut World, op: u32, child: ChildId) {
        if let Some(exit) = world.programs.processes[child.0 as usize].exit {
            self.deliver(world, op, Outcome::Exited(Ok(exit)), true);
        }
    }
}

const SPAWN_FAULTS: [SpawnError; 4] =
    [SpawnError::NotFound, SpawnError::Denied, SpawnError::Exhausted, SpawnError::NoLauncher];
