//! One request with its response, in BaseHTTPServer's words.

mod answer;
mod asks;
mod error;
mod informational;
mod names;
mod request;

use slipring_wire::response::{EncodeError, Status};
use slipring_wire::version::Version;

use super::{Ask, BodyEnd, BodySource, HandlerError, Output, Request, Scratch, Site};

/// One request and the answer to it.
///
/// The order of calls: any number of `send_informational`, `send_response`, any number of `send_header`, then `end_headers` with the body, or writes to
/// `wfile` and `finish`; or `send_error` alone. What is sent out of order is an error, never garbage on the wire.
#[derive(Debug)]
pub struct Exchange<'a> {
    request: Request<'a>,
    site: &'a Site,
    scratch: &'a mut Scratch,
    out: Output<'a>,
    /// Bytes of interim heads before the answer.
    interim: usize,
    state: State,
    status: Status,
    announced: Option<u64>,
    connection_sent: bool,
    close: bool,
    body: BodySource,
    body_end: BodyEnd,
    body_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Head,
    Done,
}

/// What a handler's function came to: an answer, or a wait.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered(pub(crate) Waits);

/// What the exchange waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Nothing: it is answered.
    Nothing,
    /// An ask, and the tag to resume with.
    Ask(Ask, u32),
    /// Nothing: it is to be answered as if the target in the scratch had been asked for.
    Elsewhere,
}

/// What is left of an exchange when its answer is written.
#[derive(Debug)]
pub struct Ending {
    /// The status of the answer.
    pub status: Status,
    /// Bytes of the body that the peer will get, as far as they are known.
    pub body_bytes: u64,
    /// The connection ends behind this answer.
    pub close: bool,
    /// The part of the answer that is not in the slot, if any, in sending order: spilled memory, then the source.
    pub spilled: Option<Vec<u8>>,
    /// What follows.
    pub body: BodySource,
    /// How the body is known to be whole.
    pub body_end: BodyEnd,
    /// The peer knows where it ends by the end of the connection alone.
    pub unframed: bool,
}

impl<'a> Exchange<'a> {
    /// An exchange to answer into `out`. `keep_alive` is what the request allows.
    pub fn new(
        request: Request<'a>,
        site: &'a Site,
        scratch: &'a mut Scratch,
        out: Output<'a>,
        keep_alive: bool,
    ) -> Self {
        scratch.body.clear();
        Self {
            request,
            site,
            scratch,
            out,
            interim: 0,
            state: State::Start,
            status: Status::OK,
            announced: None,
            connection_sent: false,
            close: !keep_alive || site.http10,
            body: BodySource::None,
            body_end: BodyEnd::Length(0),
            body_bytes: 0,
        }
    }

    /// The answer, written; the exchange ends.
    #[inline]
    pub(crate) fn into_ending(mut self) -> Ending {
        if self.state != State::Done {
            // Half a head never leaves: the connection ends without one.
            self.restart();
            self.close = true;
        }
        let headless = self.request.version() == Version::Http09;
        if self.state == State::Done && headless {
            self.strip_head();
        }
        Ending {
            status: self.status,
            body_bytes: self.body_bytes,
            close: self.close,
            spilled: self.out.finish(),
            body: self.body,
            body_end: self.body_end,
            unframed: headless || self.body_end == BodyEnd::Close,
        }
    }

    /// Whether there is a request: the engine also answers what is none.
    fn is_request(&self) -> bool {
        !self.request.bytes.is_empty()
    }

    /// Whether an answer was begun.
    pub(crate) fn is_answered(&self) -> bool {
        self.state == State::Done
    }

    /// Forgets an answer that was begun, so that another can be written.
    pub(crate) fn restart(&mut self) {
        self.out.truncate(self.interim);
        (self.state, self.announced, self.connection_sent) = (State::Start, None, false);
        (self.body, self.body_end, self.body_bytes) = (BodySource::None, BodyEnd::Length(0), 0);
    }

    /// An HTTP/0.9 reply is data only (row S26).
    fn strip_head(&mut self) {
        let bytes = self.out.bytes_mut();
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        self.out.remove_front(head);
    }
}

fn invalid(_: EncodeError) -> HandlerError {
    HandlerError::InvalidField
}
