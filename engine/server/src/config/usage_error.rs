//! What can be wrong with a command line.

use thiserror::Error;

use crate::log::FormatError;

/// What is wrong with a command line, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UsageError {
    /// Not a number up to 65535, and no directory.
    #[error("'{0}' is neither a port (0 to 65535) nor a directory")]
    Target(String),
    /// Two directories.
    #[error("two directories are given: '{0}' and '{1}'; name one")]
    TwoDirectories(String, String),
    /// The directory is not there.
    #[error("there is no directory '{0}'; name an existing one with -d")]
    NoDirectory(String),
    /// It is there but no directory.
    #[error("'{0}' is not a directory; name one with -d")]
    NotADirectory(String),
    /// It cannot be entered or read.
    #[error("the directory '{0}' cannot be opened: {1}")]
    Unreadable(String, String),
    /// `-p` with a port, or nonsense.
    #[error("-p is the protocol (HTTP/1.0 or HTTP/1.1), as in python3 -m http.server; {0}")]
    Protocol(String),
    /// An address that is none.
    #[error("cannot listen on '{0}': {1}")]
    Address(String, String),
    /// A core list that is none.
    #[error("--cores takes numbers and ranges, such as 0,2 or 0-3, not '{0}'")]
    Cores(String),
    /// TLS was asked for.
    #[error("{0}: slipring does not speak TLS yet; put a proxy before it that does (docs/INTERFACES.md)")]
    Tls(&'static str),
    /// A format that is none.
    #[error("--log-format: {0}")]
    Format(#[from] FormatError),
    /// A field that cannot be added.
    #[error("cannot add the header '{0}': {1}; say -H 'Name: value'")]
    Header(String, String),
    /// No shard at all.
    #[error("--shards takes a number from 1 on")]
    Shards,
}
