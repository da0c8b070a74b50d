//! Access and error logs: values in, lines out. Where lines go is the shard's affair.
//!
//! A request leaves an [`AccessRecord`] behind when it is answered: its line in the [`Format`] of the log, with holes for
//! what only the sending can tell. When its answer has *left*, they are filled: with the bytes that really left, how long
//! it took, and whether it reached its end.

mod format;
mod line;
mod losses;
mod names;
mod record;
mod resolver;
mod target;
mod text;
mod told;

#[cfg(test)]
mod tests;

pub use format::{Client, Format, FormatError, PLACEHOLDERS};
pub use line::{Left, Moment};
pub use losses::Losses;
pub use names::{FAILURE_KEPT, LOOKUP_TIMEOUT, NAME_KEPT, NAMES_MAX, Names};
pub use record::{
    AccessRecord, Asked, CacheUse, Known, Records, Sending, Staged, Unfinished, note_progress, stage_message,
};
pub use resolver::Resolver;
pub use target::{LogTarget, Logging};
pub use told::{LoggedRequest, tell_requests};

/// Bytes of a request line or target that a line shows; the rest is cut (attack 14).
pub const REQUEST_LINE_BYTES_MAX: usize = 2048;

/// Bytes of any other text of a request that a line shows; the rest is cut.
pub const FIELD_BYTES_MAX: usize = 1024;

/// What happens to lines when the buffer is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// They are dropped, whole, and counted.
    #[default]
    Drop,
    /// The shard stops reading requests until there is room; no line is lost.
    Wait,
}
