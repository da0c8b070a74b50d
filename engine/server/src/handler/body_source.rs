//! Where the bytes of an answer come from.

use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use slipring_ring::{BlobId, FileId};

/// Where the bytes behind a head come from.
#[non_exhaustive]
pub enum BodySource {
    /// There are none, or they stand behind the head already.
    None,
    /// Memory that is sent and then freed.
    Owned(Vec<u8>),
    /// A part of memory that others send too; it is not copied.
    Shared(Arc<[u8]>, Range<u32>),
    /// A part of a frozen blob.
    Blob(BlobId, Range<u32>),
    /// A part of an open file, read as the peer takes it. The file belongs to the exchange.
    File(FileId, Range<u64>),
    /// Whatever a reader makes, asked for the next piece when the peer has room for it.
    Reader(Box<dyn Read>),
    /// What this exchange's program says, behind so many bytes of it.
    Program(usize),
    /// What this exchange's job writes.
    Writer,
}

/// How the peer knows where a body ends (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// By its length, in bytes.
    Length(u64),
    /// By its last chunk.
    Chunked,
    /// By the end of the connection.
    Close,
}

impl BodySource {
    /// Whether nothing follows.
    #[inline]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl fmt::Debug for BodySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Owned(bytes) => write!(f, "Owned({} bytes)", bytes.len()),
            Self::Shared(_, range) => write!(f, "Shared({range:?})"),
            Self::Blob(blob, range) => write!(f, "Blob({blob:?}, {range:?})"),
            Self::File(file, range) => write!(f, "File({file:?}, {range:?})"),
            Self::Reader(_) => f.write_str("Reader"),
            Self::Writer => f.write_str("Writer"),
            Self::Program(from) => write!(f, "Program({from}..)"),
        }
    }
}
