//! Slipring: an HTTP server engine for Linux io_uring, with the programming model of Python's BaseHTTPServer.
//!
//! A [`Handler`] answers commands by functions that stand in a table built at compile time; a [`Server`] runs one
//! handler per core, each with its own ring. [`files::FileHandler`] serves a directory; the `slipring` command is that.
#![forbid(unsafe_code)]

pub mod cgi;
pub mod config;
pub mod conn;
pub mod files;
pub mod handler;
pub mod log;
pub mod metrics;
pub mod server;
pub mod shard;

pub use handler::{
    ADDED_BYTES_MAX, AddedFieldError, AddedFields, Admit, Answered, Arrived, Ask, BodyEnd, BodySource, Commands,
    ErrorPage, Exchange, Explained, Failure, Function, Handler, HandlerError, Headers, Job, JobOutput, JobWriter,
    LogMessage, LogRequest, MediaType, ProgramError, Reply, Request, Site, Spoke, WriterError, escape_html,
};
pub use log::{Format, LogTarget, LoggedRequest, Logging};
pub use server::{Error, Handle, Server};
pub use slipring_ring::{DirEntry, FileError, FileId, FileKind, FileStat, Listing, Peer, RootId, RunError};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
