//! Writing a response head into memory that the caller owns. Nothing is allocated, nothing goes through `fmt`: a head
//! is a row of copies.

use slipring_scan::is_token as is_token_byte;

use crate::date::DateStamp;
use crate::response::status::Status;

/// Why a part of a head was not written. The buffer then ends where it ended before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The buffer has no room for the part.
    #[error("the response head does not fit its buffer")]
    Full,
    /// The name is no token (RFC 9110 section 5.6.2), or the value holds CR, LF or NUL, which would let it forge a
    /// field or a response (section 5.5; rows E9 and attack 12).
    #[error("a field has a name that is no token, or CR, LF or NUL in its value")]
    InvalidField,
}

/// Writes one response head: `status_line`, any fields, `end`.
///
/// Every call writes all of its part or nothing and returns the writer, so that calls chain with `?`:
///
/// ```
/// use slipring_wire::response::{HeadWriter, Status};
///
/// let mut buffer = [0; 256];
/// let mut head = HeadWriter::new(&mut buffer);
/// head.status_line(false, Status::OK, None)?.field(b"Content-Type", b"text/plain")?.content_length(13)?;
/// let len = head.end()?;
/// assert_eq!(&buffer[..len], b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\n");
/// # Ok::<(), slipring_wire::response::EncodeError>(())
/// ```
#[derive(Debug)]
pub struct HeadWriter<'a> {
    buffer: &'a mut [u8],
    len: usize,
}

impl<'a> HeadWriter<'a> {
    /// A writer at the start of this buffer.
    #[inline]
    pub const fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    /// Bytes written so far.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written yet.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// `HTTP/1.1 200 OK` and CRLF, with `HTTP/1.0` when `version_1_0`.
    ///
    /// `None` takes the phrase of the status. An empty phrase keeps the space before it (RFC 9112 section 4; row 47).
    /// A byte that a phrase must not hold (CR, LF, NUL and other controls) is written as a space.
    #[inline]
    pub fn status_line(
        &mut self,
        version_1_0: bool,
        status: Status,
        reason: Option<&[u8]>,
    ) -> Result<&mut Self, EncodeError> {
        let start = self.len;
        match (reason, status.line()) {
            (None, Some(line)) => self.put(line)?,
            (reason, _) => self.own_status_line(status, reason.unwrap_or(b""))?,
        }
        if version_1_0 {
            self.buffer[start + MINOR_AT] = b'0';
        }
        Ok(self)
    }

    /// One field line. `InvalidField` when the name is no token or the value holds CR, LF or NUL; other bytes, also
    /// those above 0x7F, go out as they are (row E10).
    #[inline]
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<&mut Self, EncodeError> {
        check_field(name, value)?;
        let line = self.reserve(name.len() + value.len() + 4)?;
        let (name_out, rest) = line.split_at_mut(name.len());
        let (colon_out, rest) = rest.split_at_mut(2);
        let (value_out, end_out) = rest.split_at_mut(value.len());
        name_out.copy_from_slice(name);
        colon_out.copy_from_slice(b": ");
        value_out.copy_from_slice(value);
        end_out.copy_from_slice(b"\r\n");
        Ok(self)
    }

    /// Whole field lines that stand in the program's text, each with its CRLF. They are not checked.
    #[inline]
    pub fn field_static(&mut self, lines: &'static [u8]) -> Result<&mut Self, EncodeError> {
        debug_assert!(lines.is_empty() || lines.ends_with(b"\r\n"), "a field line ends with CRLF");
        self.put(lines)?;
        Ok(self)
    }

    /// Field lines that were checked when they were collected.
    #[inline]
    pub fn field_lines(&mut self, lines: &FieldLines) -> Result<&mut Self, EncodeError> {
        self.put(&lines.0)?;
        Ok(self)
    }

    /// The `Date` line (RFC 9110 section 6.6.1).
    #[inline]
    pub fn date(&mut self, stamp: &DateStamp) -> Result<&mut Self, EncodeError> {
        self.put(stamp.line())?;
        Ok(self)
    }

    /// `Content-Length: n`. The caller asks [`Status::may_announce_length`] first.
    #[inline]
    pub fn content_length(&mut self, bytes: u64) -> Result<&mut Self, EncodeError> {
        const NAME: &[u8; 16] = b"Content-Length: ";
        let line = self.reserve(NAME.len() + decimal_len(bytes) + 2)?;
        let (name_out, rest) = line.split_at_mut(NAME.len());
        let (digits_out, end_out) = rest.split_at_mut(rest.len() - 2);
        name_out.copy_from_slice(NAME);
        write_decimal(digits_out, bytes);
        end_out.copy_from_slice(b"\r\n");
        Ok(self)
    }

    /// The empty line that ends the head; returns the length of the head in bytes.
    #[inline]
    pub fn end(mut self) -> Result<usize, EncodeError> {
        self.put(b"\r\n")?;
        Ok(self.len)
    }

    /// The slow way to a status line, for a code outside the table or a phrase of the program's own.
    #[cold]
    fn own_status_line(&mut self, status: Status, reason: &[u8]) -> Result<(), EncodeError> {
        const BEFORE_REASON: usize = b"HTTP/1.1 200 ".len();
        let line = self.reserve(BEFORE_REASON + reason.len() + 2)?;
        line[..MINOR_AT + 2].copy_from_slice(b"HTTP/1.1 ");
        line[MINOR_AT + 2..BEFORE_REASON - 1].copy_from_slice(&status.digits());
        line[BEFORE_REASON - 1] = b' ';
        let (reason_out, end_out) = line[BEFORE_REASON..].split_at_mut(reason.len());
        for (out, &byte) in reason_out.iter_mut().zip(reason) {
            *out = if byte.is_ascii_control() && byte != b'\t' { b' ' } else { byte };
        }
        end_out.copy_from_slice(b"\r\n");
        Ok(())
    }

    #[inline]
    fn put(&mut self, part: &[u8]) -> Result<(), EncodeError> {
        self.reserve(part.len())?.copy_from_slice(part);
        Ok(())
    }

    #[inline]
    fn reserve(&mut self, bytes: usize) -> Result<&mut [u8], EncodeError> {
        let room = self.buffer[self.len..].get_mut(..bytes).ok_or(EncodeError::Full)?;
        self.len += bytes;
        Ok(room)
    }
}

/// Field lines checked once and written many times: a server's configured headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldLines(Vec<u8>);

impl FieldLines {
    /// No lines.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one line, with the check of [`HeadWriter::field`].
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), EncodeError> {
        check_field(name, value)?;
        for part in [name, b": ", value, b"\r\n"] {
            self.0.extend_from_slice(part);
        }
        Ok(())
    }

    /// Adds all lines of another list.
    pub fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// The lines, each with its CRLF.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A whole head kept for reuse, such as a cached file's: written by one copy and one more for the `Date`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedHead {
    bytes: Box<[u8]>,
    /// Where the `Date` line starts, if there is one.
    date_at: Option<usize>,
}

impl PreparedHead {
    /// Keeps what a [`HeadWriter`] wrote. A `Date` line of the writer's own form is found and renewed on every use.
    pub fn new(head: &[u8]) -> Self {
        let date_at = memchr::memmem::find(head, b"\r\nDate: ").map(|at| at + 2);
        let fits = |&at: &usize| {
            head.get(at..at + DateStamp::LINE_LEN)
                .is_some_and(|line| memchr::memchr(b'\r', line) == Some(line.len() - 2))
        };
        Self { bytes: head.into(), date_at: date_at.filter(fits) }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Writes the head with this date at the start of the buffer; returns its length.
    #[inline]
    pub fn write(&self, buffer: &mut [u8], date: &DateStamp) -> Result<usize, EncodeError> {
        let out = buffer.get_mut(..self.bytes.len()).ok_or(EncodeError::Full)?;
        out.copy_from_slice(&self.bytes);
        if let Some(at) = self.date_at {
            out[at..at + DateStamp::LINE_LEN].copy_from_slice(date.line());
        }
        Ok(out.len())
    }
}

/// `number` in decimal, at the end of `out`: for values that a caller puts together itself.
#[inline]
pub fn decimal(number: u64, out: &mut [u8; 20]) -> &[u8] {
    let start = out.len() - decimal_len(number);
    write_decimal(&mut out[start..], number);
    &out[start..]
}

/// Where the minor version stands in a status line.
const MINOR_AT: usize = b"HTTP/1.".len();

#[inline]
fn check_field(name: &[u8], value: &[u8]) -> Result<(), EncodeError> {
    if is_token(name) && memchr::memchr3(b'\r', b'\n', 0, value).is_none() {
        return Ok(());
    }
    Err(EncodeError::InvalidField)
}

/// 1*tchar (RFC 9110 section 5.6.2). By a table, since a head checks its names on every answer: the typical file head
/// takes 20 ns with it and 45 ns with the comparisons of the class itself.
#[inline]
fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| TOKEN_BYTES[byte as usize])
}

/// How many decimal digits `number` has.
#[inline]
const fn decimal_len(number: u64) -> usize {
    match number.checked_ilog10() {
        Some(log) => log as usize + 1,
        None => 1,
    }
}

/// Fills `out`, which has just the room, from the right: two digits a division.
#[inline]
fn write_decimal(out: &mut [u8], mut number: u64) {
    let mut end = out.len();
    while number >= 100 {
        end -= 2;
        out[end..end + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    match &mut out[..end] {
        [one] => *one = b'0' + number as u8,
        two => two.copy_from_slice(&PAIRS[number as usize]),
    }
}

/// [`slipring_scan::is_token`] as a table.
static TOKEN_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_token_byte(byte as u8);
        byte += 1;
    }
    table
};

/// `00` to `99`.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

#[cfg(test)]
mod tests;
