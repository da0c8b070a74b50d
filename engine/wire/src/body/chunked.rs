//! The chunked transfer coding (RFC 9112 section 7.1): a strict decoder that takes its input in any pieces.
//!
//! ```text
//!   size --CR--> LF --> data --> CR --> LF --> size ...        a chunk
//!    | \;                                                     (`;` and blanks: extension, back at CR)
//!    +-- size 0 --CR--> LF --> trailer lines --CR--> LF --> done
//! ```
//!
//! Whoever reads a chunk's end differently from the peer before or behind it can be made to see requests that are not
//! there. So nothing is tolerated here, whatever the line tolerance of the server: every line ends in CRLF, a size is
//! 1 to 16 hexadecimal digits and nothing else (rows 36, 37), extensions follow the grammar (row 39), trailer lines are
//! field lines without folding and without a blank before the colon. What extensions and trailers say is dropped, so
//! no trailer can become a field of the request (row 40).
//!
//! The work is one step per byte of framing and none per byte of data. A peer can still buy many steps with little
//! data, in chunks of one byte or in long extensions (attack 28): [`ChunkLimits`] bounds that by an overhead budget.

mod encode;
mod extension;

use std::ops::Range;

use slipring_scan::is_token;

pub use encode::{LAST_CHUNK, chunk_line};
use extension::{Ext, is_text, next_in_extension};

/// How much framing a peer may wrap around its data, and how much data it may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Bytes of data in the whole body.
    pub body_bytes_max: u64,
    /// Bytes of all chunk extensions together, counted from the first byte behind a size.
    pub extension_bytes_max: u32,
    /// Bytes of the trailer section with its line ends.
    pub trailer_bytes_max: u32,
    /// Trailer lines.
    pub trailer_count_max: u32,
    /// Framing bytes before the last chunk may reach this much plus [`Self::overhead_per_data_byte`] for each byte of
    /// data announced.
    pub overhead_bytes_free: u64,
    /// See [`Self::overhead_bytes_free`].
    pub overhead_per_data_byte: u64,
}

impl ChunkLimits {
    /// For requests. A chunk costs 5 bytes of framing, so chunks of 3 bytes and more are never over budget, chunks of 2
    /// pass 65,536 times and chunks of 1 byte 21,845 times; then the body is refused. A million of them, 6 MB, thus
    /// cost the steps of 128 KiB.
    pub const REQUEST: Self = Self {
        body_bytes_max: u64::MAX,
        extension_bytes_max: 4_096,
        trailer_bytes_max: 8_192,
        trailer_count_max: 64,
        overhead_bytes_free: 65_536,
        overhead_per_data_byte: 2,
    };

    /// For responses that a load generator asked for itself: a server may chunk as finely as it likes.
    pub const RESPONSE: Self = Self {
        extension_bytes_max: 65_536,
        trailer_bytes_max: 65_536,
        trailer_count_max: 1_024,
        overhead_bytes_free: u64::MAX,
        ..Self::REQUEST
    };
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self::REQUEST
    }
}

/// What is wrong with a chunked body, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chunked body, byte {offset}: {kind}")]
pub struct ChunkError {
    /// Bytes of the coded body before the one that was refused.
    pub offset: u64,
    /// What was refused.
    pub kind: ChunkErrorKind,
}

impl ChunkError {
    /// The code of the answer: 413 for too much data, 431 for too large a trailer section, else 400. The connection
    /// closes after it, since where the body ends is not known.
    pub const fn status_code(self) -> u16 {
        match self.kind {
            ChunkErrorKind::BodyTooLarge => 413,
            ChunkErrorKind::TrailersTooLarge => 431,
            _ => 400,
        }
    }
}

/// The kinds of [`ChunkError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkErrorKind {
    /// A size that is empty or holds something that is no hexadecimal digit.
    #[error("a chunk size is 1 to 16 hexadecimal digits")]
    Size,
    /// More than 16 digits.
    #[error("a chunk size of more than 16 digits")]
    SizeTooLong,
    /// An extension outside the grammar: a bare `;`, a control, a blank at its end.
    #[error("a malformed chunk extension")]
    Extension,
    /// A CR without its LF, or an LF or another byte where CRLF must stand.
    #[error("a line in the framing must end with CRLF")]
    LineEnd,
    /// A trailer that is no field line: folded, a blank before the colon, no name, a control in its value.
    #[error("a malformed trailer line")]
    Trailer,
    /// More data than [`ChunkLimits::body_bytes_max`], judged when a size is announced.
    #[error("the body is larger than its limit")]
    BodyTooLarge,
    /// More extension bytes than [`ChunkLimits::extension_bytes_max`].
    #[error("the chunk extensions are longer than their limit")]
    ExtensionsTooLarge,
    /// More trailers than the limits allow, in bytes or lines.
    #[error("the trailer section is larger than its limit")]
    TrailersTooLarge,
    /// More framing than [`ChunkLimits::overhead_bytes_free`] allows.
    #[error("too much framing for too little data")]
    TooMuchOverhead,
}

/// How far one call to [`ChunkedDecoder::advance`] came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the input that are done with; the next call starts behind them.
    pub consumed: usize,
    /// Where in the input the data stands; empty unless `state` is `Data`. It ends at `consumed`.
    pub data: Range<usize>,
    /// What comes next.
    pub state: ChunkState,
}

/// The state in a [`Progress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkState {
    /// The whole input is consumed and the body goes on.
    NeedMore,
    /// A piece of data was found; there may be more input behind it.
    Data,
    /// The body is over; what follows `consumed` belongs to the next message.
    End,
}

/// The decoder: call [`ChunkedDecoder::advance`] with what arrived until it asks for more or reports the end.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    limits: ChunkLimits,
    place: Place,
    /// The size being read, then the data bytes of the chunk that are still to come.
    left: u64,
    /// Bytes of the coded body consumed.
    offset: u64,
    /// Data bytes announced.
    announced: u64,
    /// Data bytes consumed.
    data: u64,
    extension_bytes: u32,
    trailer_bytes: u32,
    trailer_count: u32,
}

/// Where in the grammar the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a size, after this many digits.
    Size(u8),
    /// In an extension.
    Extension(Ext),
    /// Behind the CR of a size line.
    SizeLf,
    /// In the data.
    Data,
    /// Behind the data of a chunk.
    DataCr,
    DataLf,
    /// At the start of a trailer line, or of the empty line at the end.
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    /// Behind the CR of the empty line.
    EndLf,
    Done,
    Failed(ChunkErrorKind),
}

impl ChunkedDecoder {
    /// A decoder at the start of a body.
    pub const fn new(limits: ChunkLimits) -> Self {
        Self {
            limits,
            place: Place::Size(0),
            left: 0,
            offset: 0,
            announced: 0,
            data: 0,
            extension_bytes: 0,
            trailer_bytes: 0,
            trailer_count: 0,
        }
    }

    /// Reads on until a piece of data is found, the input ends or the body ends.
    ///
    /// After an error every call returns that error, after the end every call returns `End` with nothing consumed.
    #[inline]
    pub fn advance(&mut self, input: &[u8]) -> Result<Progress, ChunkError> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.place {
                Place::Data => return Ok(self.take_data(at, input.len())),
                Place::Done => break,
                _ => self.step(byte).map_err(|kind| self.fail(kind))?,
            }
            at += 1;
            self.offset += 1;
        }
        match self.place {
            Place::Failed(kind) => Err(self.fail(kind)),
            Place::Done => Ok(Progress { consumed: at, data: at..at, state: ChunkState::End }),
            _ => Ok(Progress { consumed: at, data: at..at, state: ChunkState::NeedMore }),
        }
    }

    /// Appends the data in the input to `body`; returns the bytes consumed and whether the body is over. On an error
    /// `body` keeps what came before it.
    pub fn append(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<(usize, bool), ChunkError> {
        self.each_piece(input, |piece| body.extend_from_slice(piece))
    }

    /// Drops the data in the input; returns the bytes consumed and whether the body is over.
    pub fn discard(&mut self, input: &[u8]) -> Result<(usize, bool), ChunkError> {
        self.each_piece(input, |_| ())
    }

    /// Whether the body is over.
    pub const fn is_done(&self) -> bool {
        matches!(self.place, Place::Done)
    }

    /// Data bytes found so far.
    pub const fn data_bytes(&self) -> u64 {
        self.data
    }

    /// Bytes of the coded body consumed so far, framing and data.
    pub const fn wire_bytes(&self) -> u64 {
        self.offset
    }

    fn each_piece(&mut self, input: &[u8], mut take: impl FnMut(&[u8])) -> Result<(usize, bool), ChunkError> {
        let mut at = 0;
        loop {
            let progress = self.advance(&input[at..])?;
            take(&input[at..][progress.data]);
            at += progress.consumed;
            if progress.state != ChunkState::Data {
                return Ok((at, progress.state == ChunkState::End));
            }
        }
    }

    fn take_data(&mut self, at: usize, end: usize) -> Progress {
        let room = (end - at) as u64;
        let taken = self.left.min(room);
        self.left -= taken;
        self.offset += taken;
        self.data += taken;
        if self.left == 0 {
            self.place = Place::DataCr;
        }
        // `taken` is at most the length of a slice.
        let data = at..at + taken as usize;
        Progress { consumed: data.end, data, state: ChunkState::Data }
    }

    #[inline]
    fn step(&mut self, byte: u8) -> Result<(), ChunkErrorKind> {
        self.place = match self.place {
            Place::Size(digits) => self.size(digits, byte)?,
            Place::Extension(ext) => self.extension(ext, byte)?,
            Place::SizeLf => self.size_line_end(byte)?,
            Place::DataCr => expect(byte, b'\r', Place::DataLf)?,
            Place::DataLf => expect(byte, b'\n', Place::Size(0))?,
            Place::Failed(kind) => return Err(kind),
            Place::Data | Place::Done => self.place,
            _ => self.trailer(byte)?,
        };
        Ok(())
    }

    fn size(&mut self, digits: u8, byte: u8) -> Result<Place, ChunkErrorKind> {
        if let Some(digit) = (byte as char).to_digit(16) {
            if digits == SIZE_DIGITS_MAX {
                return Err(ChunkErrorKind::SizeTooLong);
            }
            self.left = self.left << 4 | u64::from(digit);
            return Ok(Place::Size(digits + 1));
        }
        match byte {
            _ if digits == 0 => Err(ChunkErrorKind::Size),
            b'\r' => Ok(Place::SizeLf),
            b'\n' => Err(ChunkErrorKind::LineEnd),
            b';' | b' ' | b'\t' => self.extension(Ext::Semicolon, byte),
            _ => Err(ChunkErrorKind::Size),
        }
    }

    fn extension(&mut self, ext: Ext, byte: u8) -> Result<Place, ChunkErrorKind> {
        if byte == b'\r' && matches!(ext, Ext::Name | Ext::Value | Ext::QuotedEnd) {
            return Ok(Place::SizeLf);
        }
        self.extension_bytes += 1;
        if self.extension_bytes > self.limits.extension_bytes_max {
            return Err(ChunkErrorKind::ExtensionsTooLarge);
        }
        next_in_extension(ext, byte).map(Place::Extension).ok_or(ChunkErrorKind::Extension)
    }

    /// The size is known: this is where a body is judged, before its data has come.
    fn size_line_end(&mut self, byte: u8) -> Result<Place, ChunkErrorKind> {
        expect(byte, b'\n', ())?;
        if self.left == 0 {
            return Ok(Place::TrailerStart);
        }
        self.announced = self.announced.checked_add(self.left).ok_or(ChunkErrorKind::BodyTooLarge)?;
        if self.announced > self.limits.body_bytes_max {
            return Err(ChunkErrorKind::BodyTooLarge);
        }
        self.check_overhead()?;
        Ok(Place::Data)
    }

    /// Counts this LF and the CRLF that will close the chunk.
    fn check_overhead(&self) -> Result<(), ChunkErrorKind> {
        let overhead = self.offset - self.data + 3;
        let earned = self.announced.saturating_mul(self.limits.overhead_per_data_byte);
        if overhead > self.limits.overhead_bytes_free.saturating_add(earned) {
            return Err(ChunkErrorKind::TooMuchOverhead);
        }
        Ok(())
    }

    fn trailer(&mut self, byte: u8) -> Result<Place, ChunkErrorKind> {
        self.trailer_bytes += 1;
        if self.trailer_bytes > self.limits.trailer_bytes_max {
            return Err(ChunkErrorKind::TrailersTooLarge);
        }
        match (self.place, byte) {
            (Place::TrailerStart, b'\r') => Ok(Place::EndLf),
            (Place::TrailerStart, _) if is_token(byte) => self.trailer_begins(),
            (Place::TrailerName, b':') => Ok(Place::TrailerValue),
            (Place::TrailerName, _) if is_token(byte) => Ok(Place::TrailerName),
            (Place::TrailerValue, b'\r') => Ok(Place::TrailerLf),
            (Place::TrailerValue, _) if is_text(byte) => Ok(Place::TrailerValue),
            (Place::TrailerLf, _) => expect(byte, b'\n', Place::TrailerStart),
            (Place::EndLf, _) => expect(byte, b'\n', Place::Done),
            (_, b'\n') => Err(ChunkErrorKind::LineEnd),
            _ => Err(ChunkErrorKind::Trailer),
        }
    }

    fn trailer_begins(&mut self) -> Result<Place, ChunkErrorKind> {
        self.trailer_count += 1;
        if self.trailer_count > self.limits.trailer_count_max {
            return Err(ChunkErrorKind::TrailersTooLarge);
        }
        Ok(Place::TrailerName)
    }

    #[cold]
    fn fail(&mut self, kind: ChunkErrorKind) -> ChunkError {
        self.place = Place::Failed(kind);
        ChunkError { offset: self.offset, kind }
    }
}

/// Digits in the largest size that is read; 16 of them fill 64 bits, so none overflows.
const SIZE_DIGITS_MAX: u8 = 16;

fn expect<T>(byte: u8, wanted: u8, next: T) -> Result<T, ChunkErrorKind> {
    if byte == wanted { Ok(next) } else { Err(ChunkErrorKind::LineEnd) }
}

#[cfg(test)]
mod tests;
