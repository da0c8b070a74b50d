//! What a handler waits for without blocking, and what arrives.

use slipring_ring::{FileError, FileId, FileStat, Listing, RootId};

/// A thing to be done by the ring; made by the `ask_` methods of [`super::Exchange`]. One is open per exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Open the path that the exchange was given with it.
    Open {
        /// Beneath which root.
        root: RootId,
    },
    /// Read a part of an open file.
    Read {
        /// Which.
        file: FileId,
        /// First byte.
        offset: u64,
        /// At most so many bytes, and at most one transfer buffer.
        len: u32,
    },
    /// List an open directory.
    List {
        /// Which.
        file: FileId,
    },
    /// Wait for another exchange's ask.
    After {
        /// That ask's tag, as its exchange gave it to this handler.
        tag: u32,
    },
}

/// The answer to an [`Ask`].
#[derive(Debug)]
pub enum Arrived<'a> {
    /// The file, and what it was when it was opened. It belongs to the exchange and is closed with it.
    Opened(Result<(FileId, FileStat), FileError>),
    /// The bytes (none at the end of the file), and what the file is now, behind the read.
    Read(Result<(&'a [u8], FileStat), FileError>),
    /// The names.
    Listed(Result<&'a Listing, FileError>),
    /// The ask that this exchange waited for is over: its exchange asked for something else, answered, or is gone.
    Over,
}
