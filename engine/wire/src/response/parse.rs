//! Reading a response head, for the load generator: only what decides where the response ends and whether the
//! connection lives on. The other fields are passed over, line end by line end.

use memchr::{memchr, memchr_iter};

use crate::body::chunked::ChunkError;
use crate::field::{list, trim_space};
use crate::response::status::Status;

/// Largest head that is read, with its empty line. A larger one is refused.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;

/// What a head says about the end of the response and the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code.
    pub status: Status,
    /// How the body's end is known.
    pub framing: ResponseFraming,
    /// Whether version and `Connection` leave the connection open; see also [`ResponseHead::is_reusable`].
    pub keep_alive: bool,
    /// Bytes of the head with its empty line.
    pub head_len: usize,
    /// Where the 29 bytes of a `Date` value start, if there is one of that length.
    pub(super) date_at: Option<usize>,
}

impl ResponseHead {
    /// The same head as the answer to a HEAD request: no body follows, whatever the fields announce.
    #[inline]
    pub const fn answering_head(self) -> Self {
        Self { framing: ResponseFraming::None, ..self }
    }

    /// Whether another request can follow on the connection: it is kept alive and the body has an end of its own.
    #[inline]
    pub fn is_reusable(&self) -> bool {
        self.keep_alive && self.framing != ResponseFraming::UntilClose
    }
}

/// How the end of a response body is known (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFraming {
    /// No body: 1xx, 204, 304, or the answer to HEAD.
    None,
    /// This many bytes.
    Length(u64),
    /// The chunked coding.
    Chunked,
    /// The body lasts until the server closes.
    UntilClose,
}

/// The result of [`parse_response_head`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The empty line has not come yet.
    Partial,
    /// A whole head.
    Complete(ResponseHead),
    /// What stands there is no response that can be followed safely.
    Reject(ResponseError),
}

/// Why a response cannot be followed. The connection is of no more use: where the next response starts is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// The first line is no status line of HTTP/1.
    #[error("the response does not start with an HTTP/1 status line")]
    StatusLine,
    /// A line of the head ends with LF alone.
    #[error("a line of the response head does not end with CRLF")]
    LineEnd,
    /// A folded line, or a framing field without a colon or with a blank before it.
    #[error("a malformed field line")]
    Field,
    /// A `Content-Length` that is no number below 2^63, or two that differ.
    #[error("an invalid Content-Length")]
    ContentLength,
    /// `Transfer-Encoding` together with `Content-Length`, or in HTTP/1.0 (RFC 9112 section 6.1).
    #[error("Transfer-Encoding where it must not stand")]
    TransferEncoding,
    /// More than [`HEAD_BYTES_MAX`].
    #[error("the response head is too large")]
    HeadTooLarge,
    /// The chunked body is malformed.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// The connection closed before the response was whole.
    #[error("the connection closed inside a response")]
    Truncated,
}

/// Reads the head at the start of `input`. It is read as the answer to any request but HEAD; for that one the caller
/// takes [`ResponseHead::answering_head`]. A 1xx head comes out like any other, with no body; the real one follows it.
///
/// Strict in what carries the framing, blind for the rest: line ends are CRLF, no line is folded.
pub fn parse_response_head(input: &[u8]) -> Parsed {
    match scan(input) {
        Ok(Some(head)) => Parsed::Complete(head),
        Ok(None) => Parsed::Partial,
        Err(error) => Parsed::Reject(error),
    }
}

/// Whether what has come of a first line can still become a status line: a server that speaks another protocol is
/// noticed by its first bytes, not by a timeout.
pub(super) fn may_become_status_line(input: &[u8]) -> bool {
    let len = input.len().min(VERSION.len());
    input[..len] == VERSION[..len]
}

fn scan(input: &[u8]) -> Result<Option<ResponseHead>, ResponseError> {
    if !may_become_status_line(input) {
        return Err(ResponseError::StatusLine);
    }
    let input = &input[..input.len().min(HEAD_BYTES_MAX)];
    let mut lines = memchr_iter(b'\n', input);
    let Some(first) = lines.next() else { return partial(input) };
    let (status, minor) = status_line(line(input, 0, first)?)?;
    let mut fields = Fields::default();
    let mut start = first + 1;
    for end in lines {
        let text = line(input, start, end)?;
        if text.is_empty() {
            return fields.head(status, minor, end + 1).map(Some);
        }
        fields.take(text, start)?;
        start = end + 1;
    }
    partial(input)
}

fn partial(input: &[u8]) -> Result<Option<ResponseHead>, ResponseError> {
    if input.len() == HEAD_BYTES_MAX { Err(ResponseError::HeadTooLarge) } else { Ok(None) }
}

/// The line from `start` whose LF is at `end`, without its CRLF.
#[inline]
fn line(input: &[u8], start: usize, end: usize) -> Result<&[u8], ResponseError> {
    input[start..end].strip_suffix(b"\r").ok_or(ResponseError::LineEnd)
}

/// `HTTP/1.x SP 3DIGIT`, then the end or a space and anything. Servers that leave out the space before an empty phrase
/// are common enough to be read.
fn status_line(line: &[u8]) -> Result<(Status, u8), ResponseError> {
    let Some((&[minor, b' ', a, b, c], reason)) = line.strip_prefix(VERSION).and_then(<[u8]>::split_first_chunk) else {
        return Err(ResponseError::StatusLine);
    };
    let digits = [minor, a, b, c].iter().all(u8::is_ascii_digit);
    if !digits || reason.first().is_some_and(|&byte| byte != b' ') {
        return Err(ResponseError::StatusLine);
    }
    let code = [a, b, c].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let status = Status::new(code).ok_or(ResponseError::StatusLine)?;
    Ok((status, minor - b'0'))
}

/// What the field lines read so far say.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    /// Whether the last coding of the last `Transfer-Encoding` is chunked.
    chunked: Option<bool>,
    close: bool,
    keep_alive: bool,
    date_at: Option<usize>,
}

impl Fields {
    /// Looks at one line; its first byte is enough to pass over most of them.
    #[inline]
    fn take(&mut self, line: &[u8], start: usize) -> Result<(), ResponseError> {
        match line[0] {
            b'C' | b'c' | b'T' | b't' | b'D' | b'd' => self.field(line, start),
            b' ' | b'\t' => Err(ResponseError::Field),
            _ => Ok(()),
        }
    }

    fn field(&mut self, line: &[u8], start: usize) -> Result<(), ResponseError> {
        let colon = memchr(b':', line).ok_or(ResponseError::Field)?;
        let name = &line[..colon];
        let value = trim_space(&line[colon + 1..]);
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"Date") => self.date(value, start + line.len()),
            10 if name.eq_ignore_ascii_case(b"Connection") => self.connection(value),
            14 if name.eq_ignore_ascii_case(b"Content-Length") => return self.content_length(value),
            17 if name.eq_ignore_ascii_case(b"Transfer-Encoding") => self.transfer_encoding(value),
            // `Content-Length : 5` must not pass as a field that nobody knows.
            _ if name.ends_with(b" ") || name.ends_with(b"\t") => return Err(ResponseError::Field),
            _ => (),
        }
        Ok(())
    }

    fn date(&mut self, value: &[u8], line_end: usize) {
        // With blanks behind the value this is not its first byte, but still 29 bytes inside the line: no harm.
        self.date_at = (value.len() == DATE_LEN).then(|| line_end - DATE_LEN);
    }

    fn connection(&mut self, value: &[u8]) {
        for option in list(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), ResponseError> {
        let length = decimal(value).ok_or(ResponseError::ContentLength)?;
        if self.length.is_some_and(|known| known != length) {
            return Err(ResponseError::ContentLength);
        }
        self.length = Some(length);
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) {
        let last = value.rsplit(|&byte| byte == b',').next().unwrap_or(value);
        self.chunked = Some(trim_space(last).eq_ignore_ascii_case(b"chunked"));
    }

    fn head(&self, status: Status, minor: u8, head_len: usize) -> Result<ResponseHead, ResponseError> {
        if self.chunked.is_some() && (minor == 0 || self.length.is_some()) {
            return Err(ResponseError::TransferEncoding);
        }
        Ok(ResponseHead {
            status,
            framing: self.framing(status),
            keep_alive: !self.close && (minor > 0 || self.keep_alive),
            head_len,
            date_at: self.date_at,
        })
    }

    fn framing(&self, status: Status) -> ResponseFraming {
        match (self.chunked, self.length) {
            _ if status.is_informational() || matches!(status.code(), 204 | 304) => ResponseFraming::None,
            (Some(true), _) => ResponseFraming::Chunked,
            (None, Some(length)) => ResponseFraming::Length(length),
            _ => ResponseFraming::UntilClose,
        }
    }
}

/// 1*DIGIT below 2^63, so that no sum of two lengths overflows.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 32 {
        return None;
    }
    text.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit).filter(|number| number >> 63 == 0)
    })
}

const VERSION: &[u8; 7] = b"HTTP/1.";

/// Bytes of an IMF-fixdate.
pub(super) const DATE_LEN: usize = 29;

#[cfg(test)]
mod tests;
