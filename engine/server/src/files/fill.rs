//! Reading a small file whole, and knowing that it was one version (decision 14).
//!
//! A file is read once for all who want it: who comes while it is read follows that fill, and looks into the cache behind
//! it. What was not kept there (a file too young to be trusted, or one that changes) each then reads for itself, so that
//! nobody waits twice.

use std::sync::atomic::{AtomicU32, Ordering};

use slab::Slab;
use slipring_ring::{FileId, FileStat, Instant};

/// Fills that are in flight at most; a file beyond is streamed.
pub(super) const FILLS_MAX: usize = 256;

/// The fills in flight, by tag.
#[derive(Debug)]
pub(super) struct Fills {
    in_flight: Slab<Fill>,
    file_bytes_max: u64,
    epoch: u32,
}

/// A file being read for the cache.
#[derive(Debug)]
pub(super) struct Fill {
    pub(super) file: FileId,
    /// The cache's key for it.
    path: Box<[u8]>,
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
        Self { in_flight: Slab::new(), file_bytes_max, epoch: EPOCHS.fetch_add(1, Ordering::Relaxed) & EPOCH_MAX }
    }

    /// Begins a fill: its tag, and how much to read from the start. `None`: the file is too large, or too many are read.
    pub(super) fn begin(
        &mut self,
        path: &[u8],
        file: FileId,
        stat: FileStat,
        index: Option<u32>,
        opened: Instant,
    ) -> Option<(u32, u32)> {
        if stat.size > self.file_bytes_max || self.in_flight.len() >= FILLS_MAX {
            return None;
        }
        let bytes = Vec::with_capacity(stat.size as usize);
        let file_bytes_max = self.file_bytes_max;
        let fill = Fill { file, path: path.into(), bytes, index, opened, before: stat, retried: false, file_bytes_max };
        let len = fill.wanted();
        let key = self.in_flight.insert(fill);
        Some((self.tag(key), len))
    }

    /// The tag of a fill of this path that is in flight.
    pub(super) fn of(&self, path: &[u8]) -> Option<u32> {
        let (key, _) = self.in_flight.iter().find(|(_, fill)| *fill.path == *path)?;
        Some(self.tag(key))
    }

    pub(super) fn get(&mut self, tag: u32) -> Option<&mut Fill> {
        let key = self.key(tag)?;
        self.in_flight.get_mut(key)
    }

    pub(super) fn end(&mut self, tag: u32) -> Option<Fill> {
        let key = self.key(tag)?;
        self.in_flight.try_remove(key)
    }

    fn tag(&self, key: usize) -> u32 {
        FILL + (self.epoch << KEY_BITS) + key as u32
    }

    /// The key of a tag that was given out here, and not by a handler before this one.
    fn key(&self, tag: u32) -> Option<usize> {
        let key = tag.checked_sub(FILL)?;
        (key >> KEY_BITS == self.epoch).then_some(key as usize & (FILLS_MAX - 1))
    }
}

/// The first tag of a fill: [`FILL`], then the epoch, then the key in its lowest bits.
pub(super) const FILL: u32 = 256;
const KEY_BITS: u32 = FILLS_MAX.ilog2();
// The two highest bits of a tag are for other uses.
const EPOCH_MAX: u32 = (1 << 21) - 1;

/// Told apart by these: fills of a handler that a panic ended, whose exchanges go on, and fills of the one after it.
static EPOCHS: AtomicU32 = AtomicU32::new(0);

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
