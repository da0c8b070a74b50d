//! Reading a small file whole, and knowing that it was one version (decision 14).

use slipring_ring::{FileId, FileStat};

/// A file being read for the cache.
#[derive(Debug)]
pub(super) struct Fill {
    pub(super) file: FileId,
    opened: FileStat,
    pub(super) bytes: Vec<u8>,
    retried: bool,
}

/// What follows from a read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Read on.
    More {
        /// From here.
        offset: u64,
        /// At most so much.
        len: u32,
    },
    /// `bytes` is the file.
    Complete,
    /// The file changes under our eyes, twice: do not keep it.
    Unsteady,
}

impl Fill {
    pub(super) fn new(file: FileId, opened: FileStat) -> Self {
        Self { file, opened, bytes: Vec::with_capacity(opened.size as usize), retried: false }
    }

    /// Takes what was read behind what is there, and what the file was behind that read.
    pub(super) fn read(&mut self, bytes: &[u8], now: FileStat) -> Step {
        self.bytes.extend_from_slice(bytes);
        let len = self.bytes.len() as u64;
        if !bytes.is_empty() && len <= self.opened.size {
            // One byte more than the file had: its end is seen, not believed.
            return Step::More { offset: len, len: (self.opened.size - len) as u32 + 1 };
        }
        if now == self.opened && len == now.size {
            return Step::Complete;
        }
        if self.retried || now.size > self.opened.size.max(64 * 1024) {
            return Step::Unsteady;
        }
        (self.retried, self.opened) = (true, now);
        self.bytes.clear();
        Step::More { offset: 0, len: now.size as u32 + 1 }
    }
}
