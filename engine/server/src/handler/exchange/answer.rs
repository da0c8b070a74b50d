//! The answer: status line, fields, body.

use std::io::{self, Read};

use slipring_wire::command::Command;
use slipring_wire::response::{PreparedHead, Status};
use slipring_wire::version::Version;

use super::{Answered, Exchange, State, Waits, invalid};
use crate::handler::{BodyEnd, BodySource, HandlerError, Reply};

impl Exchange<'_> {
    /// Starts the answer: status line, `Server`, the fields that the site adds, and `Date`, in that order (rows S63, S64).
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
        self.out.extend(self.site.lines().as_bytes());
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

    /// One field. `Connection: close` ends the connection behind the answer; `keep-alive` is sent unless the connection
    /// ends anyhow (row K6).
    ///
    /// # Errors
    /// Before the response line, or an invalid name or value.
    pub fn send_header(&mut self, keyword: &str, value: impl AsRef<[u8]>) -> Result<&mut Self, HandlerError> {
        let value = value.as_ref();
        if self.state != State::Head {
            return Err(HandlerError::OutOfOrder);
        }
        if keyword.eq_ignore_ascii_case("connection") {
            if self.close && value.eq_ignore_ascii_case(b"keep-alive") {
                // The peer or the request's own form ends the connection: the engine will say so, and nobody the contrary.
                return Ok(self);
            }
            self.connection_sent = true;
            self.close |= value.eq_ignore_ascii_case(b"close");
        } else if keyword.eq_ignore_ascii_case("content-length") {
            // Written with the body, when it is known to be true.
            let announced = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            self.announced = Some(announced.ok_or(HandlerError::InvalidField)?);
            return Ok(self);
        } else if keyword.eq_ignore_ascii_case("transfer-encoding") {
            // How a body is framed is the engine's to say, and only once (RFC 9112 section 6.3).
            return Err(HandlerError::InvalidField);
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
            (self.body, self.body_end) = (source, BodyEnd::Length(len));
        }
        self.done()
    }

    /// Ends the head; the body is whatever `reader` makes, of a length that nobody knows yet.
    ///
    /// The reader is asked for its next piece when the peer has room for it, on the shard's own thread: it computes or
    /// copies, it never blocks (what blocks belongs into a job). It ends with 0 bytes. An error or a panic cuts the
    /// connection, so that the peer knows; so does an end before an announced Content-Length.
    ///
    /// The body is chunked for HTTP/1.1, and lasts until the connection closes for older peers (row K11). One whose
    /// `Content-Length` was sent is framed by that.
    ///
    /// # Errors
    /// Before the response line.
    pub fn end_headers_stream(&mut self, reader: impl Read + 'static) -> Reply {
        self.end_headers_unmeasured(BodySource::Reader(Box::new(reader)))
    }

    /// Ends the head; the body is what this exchange's program says, behind the first `from` bytes of its output.
    ///
    /// It is framed as by [`Self::end_headers_stream`]. A program that is killed or runs into its time limit cuts the
    /// connection.
    ///
    /// # Errors
    /// Before the response line.
    pub fn end_headers_program(&mut self, from: usize) -> Reply {
        self.end_headers_unmeasured(BodySource::Program(from))
    }

    /// Ends the head; the body is what this exchange's job writes ([`Self::ask_writer`]).
    ///
    /// It is framed as by [`Self::end_headers_stream`]. A job that fails cuts the connection.
    ///
    /// # Errors
    /// Before the response line.
    pub fn end_headers_writer(&mut self) -> Reply {
        self.end_headers_unmeasured(BodySource::Writer)
    }

    /// Ends the head; how long the body is nobody knows, unless the handler said so.
    fn end_headers_unmeasured(&mut self, source: BodySource) -> Reply {
        if self.state != State::Head {
            return Err(HandlerError::OutOfOrder);
        }
        if let Some(len) = self.announced {
            return self.end_headers_from(source, len);
        }
        if self.status.has_body() {
            self.frame_stream()?;
        }
        self.end_lines();
        if self.sends_body() {
            self.body = source;
        }
        self.done()
    }

    /// Passes what this exchange's program says on as it is, head and all, and ends the connection behind it: NPH scripts
    /// speak HTTP themselves (RFC 3875 section 5). `status` is for the log.
    ///
    /// # Errors
    /// When an answer was begun already.
    pub fn pass_program(&mut self, status: Status) -> Reply {
        if self.state != State::Start {
            return Err(HandlerError::OutOfOrder);
        }
        (self.status, self.close) = (status, true);
        (self.body, self.body_end) = (BodySource::Program(0), BodyEnd::Close);
        self.done()
    }

    /// Says how a body of unknown length ends.
    fn frame_stream(&mut self) -> Result<(), HandlerError> {
        if self.site.http10 || self.request.version() < Version::Http11 {
            self.body_end = BodyEnd::Close;
            // What was said about keeping the connection does not hold; without a length no peer relies on it.
            self.close = true;
            return Ok(());
        }
        self.body_end = BodyEnd::Chunked;
        self.out.head(|head| head.field_static(b"Transfer-Encoding: chunked\r\n")).map_err(invalid)
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
            (self.body, self.body_end) = (source, BodyEnd::Length(len));
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

    /// The connection ends behind this answer.
    pub fn close(&mut self) {
        self.close = true;
    }

    /// Whether the bytes of a body follow the head (RFC 9110 section 6.4.1).
    #[inline]
    pub(super) fn sends_body(&self) -> bool {
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

    pub(super) fn end_lines(&mut self) {
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
}
