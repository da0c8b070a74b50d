//! Where the bytes of an answer come from.

use std::ops::Range;
use std::sync::Arc;

use slipring_ring::{BlobId, FileId};

/// Where the bytes behind a head come from.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}
