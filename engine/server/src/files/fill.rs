//! Reading a small file whole, and knowing that it was one version (decision 14).
//!
//! Two exchanges that want the same cold file both open and read it, and the later answer replaces the earlier one in
//! the cache: right, and bounded by [`FILLS_MAX`], if not frugal. To let the second wait for the first, a fill would be
//! found by its key here, and an ask would have to be answered by another exchange's read.

use slab::Slab;
use slipring_ring::{FileId, FileStat, Instant};

/// Fills that are in flight at most; a file beyond is streamed.
pub(super) const FILLS_MAX: usize = 256;

/// The fills in flight, by key.
#[derive(Debug)]
pub(super) struct Fills {
    fills: Slab<Fill>,
    file_bytes_max: u64,
}

/// A file being read for the cache.
#[derive(Debug)]
pub(super) struct Fill {
    pub(super) file: FileId,
    pub(super) bytes: Vec<u8>,
    /// As which index of its directory it was found.
    pub(super) index: Option<u32>,
    /// When its path led to it.
    pub(super) opened: Instant,
    /// What the file was when its first byte was read.
    before: FileStat,
    retried: bool,
    file_bytes_max: u64,
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
    /// The file changes under our eyes, twice, or grew too large: do not keep it.
    Unsteady,
}

impl Fills {
    /// Takes files of up to `file_bytes_max` bytes.
    pub(super) fn new(file_bytes_max: u64) -> Self {
        Self { fills: Slab::new(), file_bytes_max }
    }

    /// Begins a fill: its key, and how much to read from the start. `None`: the file is too large, or too many are read.
    pub(super) fn begin(
        &mut self,
        file: FileId,
        stat: FileStat,
        index: Option<u32>,
        opened: Instant,
    ) -> Option<(u32, u32)> {
        if stat.size > self.file_bytes_max || self.fills.len() >= FILLS_MAX {
            return None;
        }
        let bytes = Vec::with_capacity(stat.size as usize);
        let file_bytes_max = self.file_bytes_max;
        let fill = Fill { file, bytes, index, opened, before: stat, retried: false, file_bytes_max };
        let len = fill.wanted();
        Some((self.fills.insert(fill) as u32, len))
    }

    pub(super) fn get(&mut self, key: u32) -> Option<&mut Fill> {
        self.fills.get_mut(key as usize)
    }

    pub(super) fn end(&mut self, key: u32) -> Option<Fill> {
        self.fills.try_remove(key as usize)
    }
}

impl Fill {
    /// Takes what was read behind what is there, and what the file was behind that read.
    ///
    /// The end needs no read of its own: the file had `before.size` bytes before the first read and behind the last.
    pub(super) fn read(&mut self, bytes: &[u8], now: FileStat) -> Step {
        self.bytes.extend_from_slice(bytes);
        let len = self.bytes.len() as u64;
        if now == self.before && len == now.size {
            Step::Complete
        } else if now == self.before && len < now.size && !bytes.is_empty() {
            Step::More { offset: len, len: self.wanted() }
        } else {
            self.again(now)
        }
    }

    fn again(&mut self, now: FileStat) -> Step {
        if self.retried || now.size > self.file_bytes_max {
            return Step::Unsteady;
        }
        (self.retried, self.before) = (true, now);
        self.bytes.clear();
        Step::More { offset: 0, len: self.wanted() }
    }

    /// At least one byte, so that an empty file is read as well.
    fn wanted(&self) -> u32 {
        (self.before.size - self.bytes.len() as u64).max(1) as u32
    }
}
