//! What was asked: BaseHTTPServer's instance variables.

use std::io::Read;

use slipring_ring::{Instant, Peer};
use slipring_wire::field::Fields;
use slipring_wire::request::RequestHead;
use slipring_wire::version::Version;

use super::Exchange;

impl<'a> Exchange<'a> {
    /// The other end of the connection (row S38).
    pub fn client_address(&self) -> Peer {
        self.request.peer
    }

    /// The command as sent, such as `GET` (row S39).
    pub fn command(&self) -> &'a [u8] {
        self.request.command()
    }

    /// The request target as sent: percent-encoded, with its query (row S18).
    pub fn path(&self) -> &'a [u8] {
        self.request.path()
    }

    /// The version of the request.
    pub fn version(&self) -> Version {
        self.request.version()
    }

    /// The field section.
    pub fn headers(&self) -> Fields<'a> {
        self.request.headers()
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
    pub fn rfile(&self) -> impl Read + use<'a> {
        self.request.body
    }

    /// The body, whole.
    pub fn body(&self) -> &'a [u8] {
        self.request.body
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
