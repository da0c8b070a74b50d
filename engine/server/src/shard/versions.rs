//! Open files that streams share: one descriptor for each version of a file (decision 13).

use std::collections::HashMap;

use slipring_ring::{FileId, FileStat};

/// The files that are being streamed, by what they were when their first stream began.
#[derive(Debug, Default)]
pub(super) struct Versions {
    open: HashMap<FileStat, (FileId, u32)>,
}

impl Versions {
    /// A stream of a file that was just opened begins: the descriptor that it reads from. If that is not `file`, `file`
    /// can be closed.
    pub(super) fn begin(&mut self, file: FileId, stat: FileStat) -> FileId {
        let (shared, streams) = self.open.entry(stat).or_insert((file, 0));
        *streams += 1;
        *shared
    }

    /// A stream ends: the descriptor to close, if it was the last one of its version.
    pub(super) fn end(&mut self, stat: &FileStat) -> Option<FileId> {
        let (file, streams) = self.open.get_mut(stat)?;
        *streams -= 1;
        let last = (*streams == 0).then_some(*file)?;
        self.open.remove(stat);
        Some(last)
    }
}
