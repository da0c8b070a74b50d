//! Carrying out what concerns files and sinks.

use crate::buffer::Transfer;
use crate::completion::Outcome;
use crate::op::{FileId, Listing, RootId, SinkId};
use crate::outcome::FileError;
use crate::sim::buffers::POISON;
use crate::sim::kernel::Kernel;
use crate::sim::ops::Work;
use crate::sim::world::World;

impl Kernel {
    pub(super) fn carry_out_file_work(&mut self, world: &mut World, work: Work) -> Outcome {
        match work {
            Work::Open { root, path } => Outcome::Opened(self.open(world, root, &path)),
            Work::CloseFile { file } => {
                world.files.open[file.0 as usize].open = false;
                world.descriptors -= 1;
                Outcome::Done
            }
            Work::Read { file, offset, len, transfer } => {
                let result = self.read(world, file, offset, len, &transfer);
                self.transfers.landed(&transfer);
                Outcome::Read(result, transfer)
            }
            Work::List { file } => Outcome::Listed(self.list(world, file).map(Box::new)),
            Work::Write { sink, transfer, start, end, mark } => {
                let result = self.write(world, sink, &transfer, start, end);
                self.transfers.landed_unchanged(&transfer, start, end, mark);
                Outcome::Written(result, transfer)
            }
            _ => unreachable!("sockets are carried out elsewhere"),
        }
    }

    fn open(&mut self, world: &mut World, root: RootId, path: &[u8]) -> Result<FileId, FileError> {
        if self.random.chance(world.plan.open_error) {
            return Err(self.random.pick(&OPEN_FAULTS));
        }
        if !world.has_descriptor() {
            return Err(FileError::DescriptorLimit);
        }
        let file = world.files.open(usize::from(root.0), path)?;
        world.descriptors += 1;
        Ok(FileId(file))
    }

    fn read(
        &mut self,
        world: &World,
        file: FileId,
        offset: u64,
        len: u32,
        transfer: &Transfer,
    ) -> Result<u32, FileError> {
        if self.random.chance(world.plan.read_error) {
            return Err(FileError::Io(libc::EIO));
        }
        let place = self.transfers.kernel_bytes_mut(transfer, len as usize);
        let there = world.files.read(file.0, offset, place)?;
        let read = self.shorten(world.plan.short_read, there);
        self.transfers.kernel_bytes_mut(transfer, there)[read..].fill(POISON);
        Ok(read as u32)
    }

    fn list(&mut self, world: &World, file: FileId) -> Result<Listing, FileError> {
        if self.random.chance(world.plan.list_error) {
            return Err(FileError::Io(libc::EIO));
        }
        let mut listing = world.files.list(file.0)?;
        if self.random.chance(world.plan.reorder) {
            self.random.shuffle(&mut listing.entries);
        }
        Ok(listing)
    }

    fn write(
        &mut self,
        world: &mut World,
        sink: SinkId,
        transfer: &Transfer,
        start: u32,
        end: u32,
    ) -> Result<u32, FileError> {
        if self.random.chance(world.plan.write_error) {
            return Err(self.random.pick(&WRITE_FAULTS));
        }
        let len = self.shorten(world.plan.short_write, (end - start) as usize) as u32;
        world.sinks[usize::from(sink.0)].extend(self.transfers.range(transfer, start, start + len));
        Ok(len)
    }
}

const OPEN_FAULTS: [FileError; 5] = [
    FileError::NotFound,
    FileError::Denied,
    FileError::DescriptorLimit,
    FileError::Io(libc::EIO),
    FileError::Io(libc::ENOMEM),
];
const WRITE_FAULTS: [FileError; 2] = [FileError::Io(libc::ENOSPC), FileError::Io(libc::EIO)];
