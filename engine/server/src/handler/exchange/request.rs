//! What was asked: BaseHTTPServer's instance variables.

use std::io::{self, Read};

use slipring_ring::{Instant, Peer};
use slipring_wire::body::framing::BodyFraming;
use slipring_wire::request::RequestHead;
use slipring_wire::target::{TargetError, normalize};
use slipring_wire::version::Version;

use super::Exchange;
use crate::handler::Headers;

impl<'a> Exchange<'a> {
    /// The other end of the connection (row S38).
    pub fn client_address(&self) -> Peer {
        self.request.peer
    }

    /// The command as sent, such as `GET` (row S39).
    pub fn command(&self) -> &'a [u8] {
        self.request.command()
    }

    /// The request target: percent-encoded, with its query (row S18), and one slash where several began it (row R19).
    pub fn path(&self) -> &'a [u8] {
        self.request.path()
    }

    /// The request target as sent.
    pub fn raw_target(&self) -> &'a [u8] {
        self.request.raw_target()
    }

    /// The version of the request.
    pub fn version(&self) -> Version {
        self.request.version()
    }

    /// The request line as sent, without its end (row R26).
    pub fn request_line(&self) -> &'a [u8] {
        self.request.head.request_line(self.request.bytes)
    }

    /// The path of the target in normal form: escapes decoded once, empty and dot segments dropped, no slash at either end
    /// (row S18).
    ///
    /// # Errors
    /// A target that leads nowhere; [`TargetError::status`] is what answers it.
    pub fn decoded_path(&self) -> Result<Vec<u8>, TargetError> {
        let mut scratch = Vec::new();
        normalize(self.path(), &mut scratch).map(|normal| normal.path.to_vec())
    }

    /// What stands behind the first `?` of the target, as sent.
    pub fn query(&self) -> Option<&'a [u8]> {
        let path = self.path();
        path.iter().position(|&byte| byte == b'?').map(|mark| &path[mark + 1..])
    }

    /// The fields of the head.
    pub fn headers(&self) -> Headers<'a> {
        Headers::new(self.request.headers())
    }

    /// The state of this connection, if [`crate::Handler::setup`] made one of this type.
    pub fn state<T: 'static>(&mut self) -> Option<&mut T> {
        self.scratch.connection.as_mut()?.downcast_mut()
    }

    /// The name of the server (row S66): as configured, else the address that it listens on.
    pub fn server_name(&self) -> &'a str {
        &self.site.server_name
    }

    /// The port that the server listens on; 0 where it has none.
    pub fn server_port(&self) -> u16 {
        self.site.server_port
    }

    /// The parsed head, for what has no word of BaseHTTPServer's.
    pub fn head(&self) -> &'a RequestHead {
        self.request.head
    }

    /// The bytes that the head's spans point into.
    pub fn head_bytes(&self) -> &'a [u8] {
        self.request.bytes
    }

    /// The body, positioned at its start; it ends where the body ends (row S41).
    ///
    /// Reading it never blocks: a body that lies in a spool gives an error here, and is read inside a job
    /// ([`crate::Job::rfile`]).
    pub fn rfile(&self) -> impl Read + use<'a> {
        if self.scratch.spooled > 0 { Body::Spooled } else { Body::Memory(self.request.body) }
    }

    /// The body, whole; empty if it lies in a spool.
    pub fn body(&self) -> &'a [u8] {
        self.request.body
    }

    /// Bytes of the body, wherever it lies.
    pub fn body_len(&self) -> u64 {
        self.scratch.spooled.max(self.request.body.len() as u64)
    }

    /// Whether the body lies in a spool ([`crate::Admit::Spool`]).
    pub fn is_spooled(&self) -> bool {
        self.scratch.spooled > 0
    }

    /// Whether the head announced a body, of whatever length.
    pub fn announces_body(&self) -> bool {
        self.request.head.framing() != BodyFraming::None
    }

    /// The monotonic time of this tick.
    #[inline]
    pub fn now(&self) -> Instant {
        self.scratch.now
    }

    /// Whole seconds since 1970-01-01, of this tick.
    pub fn now_s(&self) -> u64 {
        self.scratch.wall.secs
    }
}

/// A body, as far as it can be read without blocking.
enum Body<'a> {
    Memory(&'a [u8]),
    Spooled,
}

impl Read for Body<'_> {
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => bytes.read(place),
            Self::Spooled => Err(io::Error::other("the body lies in a spool: it is read inside a job")),
        }
    }
}
