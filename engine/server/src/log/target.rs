//! What is logged where, and how.

use std::path::PathBuf;

use super::{Format, Overflow};

/// Where the lines of a log go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// Nowhere.
    Off,
    /// To standard error, as Python's http.server.
    Stderr,
    /// To standard output.
    Stdout,
    /// To the end of a file.
    File(PathBuf),
}

/// What is logged where, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// A line for each request.
    pub access: LogTarget,
    /// Messages and errors.
    pub error: LogTarget,
    /// What a request's line looks like.
    pub format: Format,
    /// What becomes of access lines when the log does not take them as fast as they come.
    pub overflow: Overflow,
    /// Connections that end early or run into a timeout get a message too.
    pub verbose: bool,
}

impl Default for Logging {
    /// Messages and errors on standard error, no line for a request.
    fn default() -> Self {
        Self {
            access: LogTarget::Off,
            error: LogTarget::Stderr,
            format: Format::python(),
            overflow: Overflow::Drop,
            verbose: false,
        }
    }
}
