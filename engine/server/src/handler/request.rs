//! What a handler sees of a request, and what the shard lends to every exchange.

use std::any::Any;

use slipring_ring::{Instant, Peer, Wall};
use slipring_wire::date::DateCache;
use slipring_wire::field::Fields;
use slipring_wire::request::RequestHead;
use slipring_wire::response::FieldLines;
use slipring_wire::target::one_slash;
use slipring_wire::version::Version;

use super::{AddedFields, ErrorPage};
use crate::log::{CacheUse, Names};

/// A request's head, and its body once it is there.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The parsed head.
    pub head: &'a RequestHead,
    /// The bytes that the head's spans point into.
    pub bytes: &'a [u8],
    /// The body; empty while it is not complete, or when it was discarded.
    pub body: &'a [u8],
    /// Who asks.
    pub peer: Peer,
}

impl<'a> Request<'a> {
    /// The command as sent: `GET`, `SPAM` (row S39).
    pub fn command(&self) -> &'a [u8] {
        self.head.method(self.bytes)
    }

    /// The request target, percent-encoded, with its query (row S18). Of several slashes at its start one is left: what
    /// begins with two would be another host's address wherever it is sent back (row R19).
    pub fn path(&self) -> &'a [u8] {
        one_slash(self.raw_target())
    }

    /// The request target as sent.
    pub fn raw_target(&self) -> &'a [u8] {
        self.head.target(self.bytes)
    }

    /// The version of the request.
    pub fn version(&self) -> Version {
        self.head.version()
    }

    /// The field section: order kept, names case-insensitive, duplicates kept.
    pub fn headers(&self) -> Fields<'a> {
        self.head.fields(self.bytes)
    }
}

/// What all answers of a server have in common.
#[derive(Clone, Debug)]
pub struct Site {
    /// The value of `Server` (row S65); nothing is sent if it is empty.
    pub version_string: String,
    /// Answer as HTTP/1.0: one request a connection, no chunks (row K1).
    pub http10: bool,
    /// What [`super::Exchange::server_name`] says (row S66). Empty until the server listens: then the address that it
    /// listens on, unless a name was set. It is never looked up: that took some machines half a minute.
    pub server_name: String,
    /// The port of the first address that the server listens on.
    pub server_port: u16,
    /// The page behind an error (row S67).
    pub error_page: ErrorPage,
    /// The lines that stand before the date in every head: `Server`, made from `version_string`, and what is added.
    lines: FieldLines,
}

impl Site {
    /// The engine's own name and version, HTTP/1.1.
    pub fn new() -> Self {
        Self::named(concat!("Slipring/", env!("CARGO_PKG_VERSION")))
    }

    /// Another `Server` value; bytes that a field cannot hold are left out.
    pub fn named(version_string: &str) -> Self {
        let version_string: String = version_string.chars().filter(|c| !c.is_control()).collect();
        let mut lines = FieldLines::new();
        if !version_string.is_empty() {
            lines.push(b"Server", version_string.as_bytes()).expect("controls were left out");
        }
        Self {
            version_string,
            http10: false,
            server_name: String::new(),
            server_port: 0,
            error_page: ErrorPage::default(),
            lines,
        }
    }

    /// Every answer gets these fields too, behind those that it has already: of handlers, of files, errors and what is no
    /// request; not those of the 1xx class, and not what programs say without the engine's head.
    #[must_use]
    pub fn added(mut self, fields: &AddedFields) -> Self {
        self.lines.append(fields.lines());
        self
    }

    pub(crate) fn lines(&self) -> &FieldLines {
        &self.lines
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

/// What a line for the log is; its byte stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum MessageKind {
    /// A request cannot be fulfilled.
    Error = b'e',
    /// Anything else.
    Message = b'm',
}

/// What a shard lends to one exchange after another, so that none of them allocates.
#[derive(Debug)]
pub struct Scratch {
    /// The dates, renewed once a second.
    pub date: DateCache,
    /// The wall clock of this tick.
    pub wall: Wall,
    /// The monotonic time of this tick.
    pub now: Instant,
    /// The path of the open that is being asked for.
    pub path: Vec<u8>,
    /// The state of the connection whose turn it is.
    pub(crate) connection: Option<Box<dyn Any>>,
    /// Bytes of the body that lie in a spool.
    pub(crate) spooled: u64,
    /// The job that is being asked for.
    pub(crate) job: Option<super::PlannedJob>,
    /// The job that is to write the answer.
    pub(crate) writer: Option<super::PlannedWriter>,
    /// The program that is being asked for.
    pub(crate) launch: Option<slipring_ring::Launch>,
    /// Lines for the log, each with its kind before it and its LF behind; client and date come later.
    pub messages: Vec<u8>,
    /// What a cache had to do with the answer at hand.
    pub cache: CacheUse,
    /// The names of peers, where they are asked for.
    pub(crate) names: Option<Names>,
    /// Bytes that `wfile` collects.
    pub body: Vec<u8>,
}

impl Scratch {
    /// Empty, at the epoch.
    pub fn new() -> Self {
        Self {
            date: DateCache::new(0),
            wall: Wall::default(),
            now: Instant::ORIGIN,
            path: Vec::with_capacity(4096),
            connection: None,
            spooled: 0,
            job: None,
            writer: None,
            launch: None,
            messages: Vec::with_capacity(1024),
            cache: CacheUse::None,
            names: None,
            body: Vec::new(),
        }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}
