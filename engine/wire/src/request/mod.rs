//! Request heads: bytes to meaning.
//!
//! [`RequestHead::parse`] has two ways through a head that give equal answers. The *plain* way (`plain`) takes the
//! outline that a scan kernel made and looks at a few bytes per line; it knows only well-formed heads in the common
//! shape. Whatever it does not understand goes the *patient* way (`patient`), line by line and byte by byte, which
//! knows every tolerance and every refusal. What the recognised fields mean is decided in one place for both
//! (`meaning`).

mod head;
mod line;
mod meaning;
mod patient;
mod plain;
mod progress;

pub use head::{ConnectionOptions, Expect, Parsed, RequestHead, Tolerance};
pub use progress::{head_end, worth_parsing};

#[cfg(test)]
mod tests;
