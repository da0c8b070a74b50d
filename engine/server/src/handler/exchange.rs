//! One request with its response, in BaseHTTPServer's words.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use slipring_ring::{BlobId, FileId, Instant, Peer, RootId};
use slipring_wire::command::Command;
use slipring_wire::field::Fields;
use slipring_wire::request::RequestHead;
use slipring_wire::response::{EncodeError, PreparedHead, Status};
use slipring_wire::version::Version;

use super::{Ask, HandlerError, Output, Reply, Request, Scratch, Site, error_page};

/// One request and the answer to it.
///
/// The order of calls: `send_response`, any number of `send_header`, then `end_headers` with the body, or writes to
/// `wfile` and `finish`; or `send_error` alone. What is sent out of order is an error, never garbage on the wire.
#[derive(Debug)]
pub struct Exchange<'a> {
    request: Request<'a>,
    site: &'a Site,
    scratch: &'a mut Scratch,
    out: Output<'a>,
    state: State,
    status: Status,
    announced: Option<u64>,
    connection_sent: bool,
    close: bool,
    body: BodySource,
    body_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Head,
    Done,
}

/// Where the bytes behind a head come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodySource {
    /// There are none, or they stand behind the head already.
    None,
    /// Memory that is sent and then freed.
    Owned(Vec<u8>),
    /// A part of memory that others send too; it is not copied.
    Shared(Arc<[u8]>, Range<u32>),
    /// A part of a frozen blob.
    Blob(BlobId, Range<u32>),
    /// A part of an open file, read as the peer takes it. The file belongs to the exchange.
    File(FileId, Range<u64>),
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
}

/// What is left of an exchange when its answer is written.
#[derive(Debug)]
pub struct Ending {
    /// The status of the answer.
    pub status: Status,
    /// Bytes of the body that the peer will get.
    pub body_bytes: u64,
    /// The connection ends behind this answer.
    pub close: bool,
    /// The part of the answer that is not in the slot, if any, in sending order: spilled memory, then the source.
    pub spilled: Option<Vec<u8>>,
    /// What follows.
    pub body: BodySource,
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
            state: State::Start,
            status: Status::OK,
            announced: None,
            connection_sent: false,
            close: !keep_alive || site.http10,
            body: BodySource::None,
            body_bytes: 0,
        }
    }

    // What was asked.

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

    // The answer.

    /// Starts the answer: status line, `Server` and `Date`, in that order (rows S63, S64).
    ///
    /// # Errors
    /// Out of order, or no status code.
    #[inline]
    pub fn send_response(&mut self, code: u16) -> Result<&mut Self, HandlerError> {
        self.send_response_with(code, None)
    }

    /// As [`Self::send_response`], with a reason phrase of one's own; its control characters are sent as spaces.
    ///
    /// # Errors
    /// Out of order, or no status code.
    pub fn send_response_with(&mut self, code: u16, message: Option<&str>) -> Result<&mut Self, HandlerError> {
        self.send_response_only(code, message)?;
        let server = self.site.server_line();
        self.out.extend(server);
        self.out.extend(self.scratch.date.stamp().line());
        Ok(self)
    }

    /// The status line alone (row E13).
    ///
    /// # Errors
    /// Out of order, or no status code.
    pub fn send_response_only(&mut self, code: u16, message: Option<&str>) -> Result<&mut Self, HandlerError> {
        if self.state != State::Start {
            return Err(HandlerError::OutOfOrder);
        }
        let status = Status::new(code).ok_or(HandlerError::InvalidStatus(code))?;
        let http10 = self.site.http10;
        self.out.head(|head| head.status_line(http10, status, message.map(str::as_bytes))).map_err(invalid)?;
        (self.status, self.state) = (status, State::Head);
        Ok(self)
    }

    /// One field. `Connection: close` and `keep-alive` also decide about the connection (row K6).
    ///
    /// # Errors
    /// Before the response line, or an invalid name or value.
    pub fn send_header(&mut self, keyword: &str, value: impl AsRef<[u8]>) -> Result<&mut Self, HandlerError> {
        let value = value.as_ref();
        if self.state != State::Head {
            return Err(HandlerError::OutOfOrder);
        }
        if keyword.eq_ignore_ascii_case("connection") {
            self.connection_sent = true;
            self.close |= value.eq_ignore_ascii_case(b"close");
        } else if keyword.eq_ignore_ascii_case("content-length") {
            // Written with the body, when it is known to be true.
            let announced = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            self.announced = Some(announced.ok_or(HandlerError::InvalidField)?);
            return Ok(self);
        }
        self.out.head(|head| head.field(keyword.as_bytes(), value)).map_err(invalid)?;
        Ok(self)
    }

    /// Ends the head and sends the body behind it.
    ///
    /// # Errors
    /// Before the response line, or with another Content-Length than the body's.
    pub fn end_headers(&mut self, body: &[u8]) -> Reply {
        self.end_head(body.len() as u64)?;
        if self.sends_body() {
            self.out.extend(body);
        }
        self.done()
    }

    /// Ends the head; the body comes from `source`, which holds exactly `len` bytes.
    ///
    /// # Errors
    /// As [`Self::end_headers`].
    pub fn end_headers_from(&mut self, source: BodySource, len: u64) -> Reply {
        self.end_head(len)?;
        if self.sends_body() && len > 0 {
            self.body = source;
        }
        self.done()
    }

    /// Collects the body in pieces, after `send_response`; [`Self::finish`] sends it.
    ///
    /// # Errors
    /// Before the response line.
    pub fn wfile(&mut self) -> Result<impl io::Write + '_, HandlerError> {
        if self.state == State::Head { Ok(&mut self.scratch.body) } else { Err(HandlerError::OutOfOrder) }
    }

    /// Ends the head and sends what was written to [`Self::wfile`].
    ///
    /// # Errors
    /// As [`Self::end_headers`].
    pub fn finish(&mut self) -> Reply {
        let body = std::mem::take(&mut self.scratch.body);
        let reply = self.end_headers(&body);
        self.scratch.body = body;
        reply
    }

    /// Sends a whole answer that was prepared: its head with today's date, and the bytes behind it.
    ///
    /// The head holds everything but what depends on the connection. For HEAD the body is left out.
    ///
    /// # Errors
    /// When an answer was begun already.
    #[inline]
    pub fn send_prepared(&mut self, status: Status, head: &PreparedHead, body: &[u8]) -> Reply {
        self.begin_prepared(status, head, body.len() as u64)?;
        if self.sends_body() {
            self.out.extend(body);
        }
        self.done()
    }

    /// As [`Self::send_prepared`], with the body from elsewhere.
    ///
    /// # Errors
    /// When an answer was begun already.
    pub fn send_prepared_from(&mut self, status: Status, head: &PreparedHead, source: BodySource, len: u64) -> Reply {
        self.begin_prepared(status, head, len)?;
        if self.sends_body() && len > 0 {
            self.body = source;
        }
        self.done()
    }

    #[inline]
    fn begin_prepared(&mut self, status: Status, head: &PreparedHead, len: u64) -> Result<(), HandlerError> {
        if self.state != State::Start {
            return Err(HandlerError::OutOfOrder);
        }
        (self.status, self.state) = (status, State::Head);
        let start = self.out.written();
        let stamp = self.scratch.date.stamp();
        self.out.prepared(head, stamp);
        if self.site.http10 {
            self.out.bytes_mut()[start + b"HTTP/1.".len()] = b'0';
        }
        self.body_bytes = if self.sends_body() { len } else { 0 };
        if self.connection_line().is_some() || self.request.version() == Version::Http09 {
            // Rare: take the empty line off and end the head anew.
            self.out.truncate(self.out.written() - 2);
            self.end_lines();
        }
        Ok(())
    }

    /// Sends and logs an error, with a page that explains it (rows S59 to S61, E1 to E8).
    ///
    /// # Errors
    /// When an answer was begun already, or the code is none.
    pub fn send_error(&mut self, code: u16) -> Reply {
        self.send_error_with(code, None, None)
    }

    /// As [`Self::send_error`], with a message and an explanation instead of the code's own.
    ///
    /// # Errors
    /// When an answer was begun already, or the code is none.
    pub fn send_error_with(&mut self, code: u16, message: Option<&str>, explain: Option<&str>) -> Reply {
        self.begin_error(code, message)?;
        self.end_error(code, message, explain)
    }

    /// As [`Self::send_error_with`], with fields of one's own, such as `Allow`.
    ///
    /// # Errors
    /// As there, or an invalid field.
    pub fn send_error_fields(&mut self, code: u16, message: Option<&str>, fields: &[(&str, &[u8])]) -> Reply {
        self.begin_error(code, message)?;
        for (name, value) in fields {
            self.send_header(name, value)?;
        }
        self.end_error(code, message, None)
    }

    fn begin_error(&mut self, code: u16, message: Option<&str>) -> Result<(), HandlerError> {
        self.send_response_with(code, message)?;
        let said = message.unwrap_or_else(|| known(self.status.phrase()));
        self.log_error(format_args!("code {code}, message {said}"));
        Ok(())
    }

    fn end_error(&mut self, code: u16, message: Option<&str>, explain: Option<&str>) -> Reply {
        if !self.status.has_body() {
            return self.end_headers(b"");
        }
        let message = message.unwrap_or_else(|| known(self.status.phrase()));
        let explain = explain.unwrap_or_else(|| known(self.status.explain()));
        let page = error_page(code, message, explain);
        self.send_header("Content-Type", "text/html;charset=utf-8")?;
        self.end_headers(page.as_bytes())
    }

    /// The connection ends behind this answer.
    pub fn close(&mut self) {
        self.close = true;
    }

    // Asks.

    /// Asks for a file beneath a root; [`super::Handler::resume`] goes on with it.
    ///
    /// # Errors
    /// Never; a `Reply` for the end of a function.
    pub fn ask_open(&mut self, tag: u32, root: RootId, path: &[u8]) -> Reply {
        self.scratch.path.clear();
        self.scratch.path.extend_from_slice(path);
        Ok(Answered(Waits::Ask(Ask::Open { root }, tag)))
    }

    /// Asks for bytes of a file that this exchange opened.
    ///
    /// # Errors
    /// Never; a `Reply` for the end of a function.
    pub fn ask_read(&mut self, tag: u32, file: FileId, offset: u64, len: u32) -> Reply {
        Ok(Answered(Waits::Ask(Ask::Read { file, offset, len }, tag)))
    }

    /// Asks for the names in a directory that this exchange opened.
    ///
    /// # Errors
    /// Never; a `Reply` for the end of a function.
    pub fn ask_list(&mut self, tag: u32, file: FileId) -> Reply {
        Ok(Answered(Waits::Ask(Ask::List { file }, tag)))
    }

    /// Waits until no exchange of this shard has an ask with the tag `other` open; one must be open now. The handler
    /// sees to it that no two exchanges wait for each other.
    ///
    /// # Errors
    /// Never; a `Reply` for the end of a function.
    pub fn ask_after(&mut self, tag: u32, other: u32) -> Reply {
        Ok(Answered(Waits::Ask(Ask::After { tag: other }, tag)))
    }

    // Logs and names.

    /// Logs that a request cannot be fulfilled (row S53).
    pub fn log_error(&mut self, message: fmt::Arguments<'_>) {
        self.log_message(message);
    }

    /// Logs a line of the handler's own (rows S55 to S57); client and date are put before it.
    pub fn log_message(&mut self, message: fmt::Arguments<'_>) {
        use io::Write;
        // Writing to memory does not fail. A line end inside the message would forge a line: it is escaped later.
        let start = self.scratch.messages.len();
        let _ = self.scratch.messages.write_fmt(message);
        for byte in &mut self.scratch.messages[start..] {
            if *byte == b'\n' {
                *byte = b' ';
            }
        }
        self.scratch.messages.push(b'\n');
    }

    /// The value of `Server` (row S65).
    pub fn version_string(&self) -> &str {
        &self.site.version_string
    }

    /// Now, for a message header (row S49).
    pub fn date_time_string(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.scratch.date.text())
    }

    /// Now, for a log line (row S52).
    pub fn log_date_time_string(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.scratch.date.log_text())
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

    // The engine's side.

    /// The answer, written; the exchange ends.
    pub(crate) fn into_ending(mut self) -> Ending {
        if self.state == State::Done && self.request.version() == Version::Http09 {
            self.strip_head();
        }
        Ending {
            status: self.status,
            body_bytes: self.body_bytes,
            close: self.close,
            spilled: self.out.finish(),
            body: self.body,
        }
    }

    /// Whether an answer was begun.
    pub(crate) fn is_answered(&self) -> bool {
        self.state == State::Done
    }

    /// Forgets an answer that was begun, so that another can be written.
    pub(crate) fn restart(&mut self) {
        self.out.truncate(0);
        (self.state, self.announced, self.connection_sent) = (State::Start, None, false);
        (self.body, self.body_bytes) = (BodySource::None, 0);
    }

    /// Whether the bytes of a body follow the head (RFC 9110 section 6.4.1).
    #[inline]
    fn sends_body(&self) -> bool {
        self.request.head.command() != Command::Head && self.status.has_body()
    }

    fn end_head(&mut self, len: u64) -> Result<(), HandlerError> {
        if self.state != State::Head {
            return Err(HandlerError::OutOfOrder);
        }
        if let Some(announced) = self.announced
            && announced != len
            && self.sends_body()
        {
            return Err(HandlerError::LengthMismatch { announced, actual: len });
        }
        let announced = self.announced.unwrap_or(len);
        if self.status.has_body() || (self.status.may_announce_length() && self.status.code() == 205) {
            self.out.head(|head| head.content_length(announced)).map_err(invalid)?;
        }
        self.body_bytes = if self.sends_body() { len } else { 0 };
        self.end_lines();
        Ok(())
    }

    fn end_lines(&mut self) {
        if let Some(line) = self.connection_line() {
            self.out.extend(line);
        }
        self.out.extend(b"\r\n");
    }

    /// What has to be said about the connection (rows K3, K5); HTTP/1.0 answers say nothing (row K1).
    #[inline]
    fn connection_line(&self) -> Option<&'static [u8]> {
        if self.connection_sent || self.site.http10 {
            None
        } else if self.close {
            Some(b"Connection: close\r\n")
        } else if self.request.version() == Version::Http10 {
            Some(b"Connection: keep-alive\r\n")
        } else {
            None
        }
    }

    #[inline]
    #[expect(clippy::unnecessary_wraps, reason = "it ends every function that returns a reply")]
    fn done(&mut self) -> Reply {
        self.state = State::Done;
        Ok(Answered(Waits::Nothing))
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

/// Row E7: a code without a phrase or explanation.
fn known(text: &'static str) -> &'static str {
    if text.is_empty() { "???" } else { text }
}
