//! What is known about a file before a byte of it is sent.

use slipring_ring::FileStat;

use super::mime;
use crate::handler::Exchange;

/// What the fields of an answer say about a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) content_type: String,
    pub(super) size: u64,
    pub(super) modified_s: u64,
}

impl Facts {
    /// Of a file as it was when measured; `name` gives the content type. A time in the future is now: Last-Modified is
    /// never later than Date (RFC 9110 section 8.8.2.1; row 54).
    pub(super) fn new(x: &Exchange<'_>, name: &[u8], stat: &FileStat) -> Self {
        let modified_s = u64::try_from(stat.modified_s).unwrap_or(0).min(x.now_s());
        Self { content_type: mime::content_type(name).into_owned(), size: stat.size, modified_s }
    }
}
