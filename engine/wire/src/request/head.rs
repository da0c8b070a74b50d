//! The parsed head of a request: offsets into the buffer in which it arrived.

use slipring_scan::{Kernel, LINES_MAX, Outline};

use super::patient::Stop;
use super::{meaning, patient, plain};
use crate::body::framing::BodyFraming;
use crate::command::Command;
use crate::error::Reject;
use crate::field::{self, Fields, KnownField, Lines};
use crate::limits::{FIELD_COUNT_CAPACITY, Limits};
use crate::target::TargetForm;
use crate::version::Version;

/// How lines are read. Body framing is strict in both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tolerance {
    /// Bare line feeds, runs of white space between the words of the request line, white space and one carriage return
    /// behind them, two-word HTTP/0.9 requests, fragments, bytes from 0x80 up and a missing slash in the target. A head
    /// that needed any of it is [`tolerated`](RequestHead::tolerated).
    Lenient,
    /// RFC 9112 to the letter, but for what every browser sends in a query: backslash, `^`, `` ` ``, `{`, `|`, `}`.
    Strict,
}

/// What [`RequestHead::parse`] found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Parsed {
    /// Nothing wrong so far, and not complete.
    Partial,
    /// The head is complete; the accessors of [`RequestHead`] answer for it.
    Complete,
    /// Refused. However the input goes on, the answer would be the same.
    Reject(Reject),
}

/// What Connection says, over all its lines (RFC 9110 section 7.6.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ConnectionOptions {
    /// `close`.
    pub close: bool,
    /// `keep-alive`.
    pub keep_alive: bool,
    /// `upgrade`.
    pub upgrade: bool,
}

/// What Expect says (RFC 9110 section 10.1.1). Before HTTP/1.1 it says nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Expect {
    /// Nothing.
    #[default]
    None,
    /// `100-continue`.
    Continue,
    /// Something that cannot be met: 417.
    Unknown,
}

/// The head of one request, as offsets into the buffer in which it arrived. It is made once and used for one head after
/// the other; parsing allocates nothing.
///
/// The accessors answer for the last head for which [`parse`](Self::parse) said [`Parsed::Complete`]. Those that take
/// `input` must be given the same bytes again, at least [`head_len`](Self::head_len) of them; with other bytes they
/// answer nonsense or panic.
#[derive(Clone, Debug)]
pub struct RequestHead {
    kernel: Kernel,
    pub(super) outline: Box<Outline>,
    pub(super) facts: Facts,
    pub(super) known: KnownLines,
}

/// An offset and one behind it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    #[inline]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    #[inline]
    pub fn of(self, input: &[u8]) -> &[u8] {
        &input[self.start as usize..self.end as usize]
    }
}

/// What is known about a head, written anew for each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Facts {
    pub method: Span,
    pub target: Span,
    /// The request line without its line end.
    pub line: Span,
    /// Path and query, without a fragment.
    pub path: Span,
    pub authority: Span,
    pub head_len: u32,
    pub command: Command,
    pub form: TargetForm,
    pub version: Version,
    pub minor: u8,
    pub tolerated: bool,
    pub framing: BodyFraming,
    pub connection: ConnectionOptions,
    pub expect: Expect,
}

/// Where the known fields stand.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownLines {
    /// One bit for each known field that stands in the section.
    present: u32,
    /// One bit for each known field that stands there more than once.
    repeated: u32,
    /// The first line of each known field that is present; of others, what another head left there.
    first: [u8; KnownField::COUNT],
}

impl KnownLines {
    /// Forgets all of them.
    #[inline]
    pub fn clear(&mut self) {
        self.present = 0;
        self.repeated = 0;
    }

    /// Notes that `field` stands on line `line`.
    #[inline]
    pub fn note(&mut self, field: KnownField, line: usize) {
        let bit = 1 << field.index();
        if self.present & bit == 0 {
            self.present |= bit;
            self.first[field.index()] = line as u8;
        } else {
            self.repeated |= bit;
        }
    }

    /// The first line of `field`.
    #[inline]
    pub fn line(&self, field: KnownField) -> Option<usize> {
        self.has(field).then(|| self.first[field.index()] as usize)
    }

    /// True when `field` is present.
    #[inline]
    pub fn has(&self, field: KnownField) -> bool {
        self.present & 1 << field.index() != 0
    }

    /// True when `field` stands more than once.
    #[inline]
    pub fn is_repeated(&self, field: KnownField) -> bool {
        self.repeated & 1 << field.index() != 0
    }
}

// A line number fits a byte, a known field fits a bit, and there is a line for each field.
const _: () = assert!(LINES_MAX <= 256 && KnownField::COUNT <= 32);
const _: () = assert!(FIELD_COUNT_CAPACITY < LINES_MAX);

impl RequestHead {
    /// An empty head, with the fastest kernel of this processor.
    pub fn new() -> Self {
        Self::with_kernel(Kernel::detect())
    }

    /// An empty head with a given kernel.
    pub fn with_kernel(kernel: Kernel) -> Self {
        Self { kernel, outline: Box::default(), facts: Facts::default(), known: KnownLines::default() }
    }

    /// Parses a request head at the start of `input`. Empty lines before it, at most
    /// [`EMPTY_LINES_MAX`](crate::limits::EMPTY_LINES_MAX), are skipped and count as part of it.
    ///
    /// After [`Parsed::Partial`] call it again from the start when more has come; [`worth_parsing`](super::worth_parsing)
    /// says whether what has come can matter, and so keeps a slow head from being read over and over.
    #[inline]
    pub fn parse(&mut self, input: &[u8], limits: &Limits, tolerance: Tolerance) -> Parsed {
        let shape = self.kernel.outline(input, &mut self.outline);
        if !plain::read(self, shape, input, limits) {
            return self.parse_patiently(input, limits, tolerance);
        }
        match meaning::settle(self, input) {
            Ok(()) => Parsed::Complete,
            Err(reject) => Parsed::Reject(reject),
        }
    }

    /// The same without the plain way.
    #[cold]
    #[inline(never)]
    pub(super) fn parse_patiently(&mut self, input: &[u8], limits: &Limits, tolerance: Tolerance) -> Parsed {
        match patient::read(self, input, limits, tolerance) {
            Ok(()) => Parsed::Complete,
            Err(Stop::Partial) => Parsed::Partial,
            Err(Stop::Reject(reject)) => Parsed::Reject(reject),
        }
    }

    /// Bytes of the head, from the start of the input to the first byte behind the empty line.
    pub fn head_len(&self) -> usize {
        self.facts.head_len as usize
    }

    /// The command.
    pub fn command(&self) -> Command {
        self.facts.command
    }

    /// The method token as sent.
    pub fn method<'b>(&self, input: &'b [u8]) -> &'b [u8] {
        self.facts.method.of(input)
    }

    /// The target as sent.
    pub fn target<'b>(&self, input: &'b [u8]) -> &'b [u8] {
        self.facts.target.of(input)
    }

    /// The form of the target.
    pub fn target_form(&self) -> TargetForm {
        self.facts.form
    }

    /// Path and query as sent, without scheme, authority and fragment. An absolute form without a path has the path
    /// `/`, or `*` with OPTIONS (RFC 9112 section 3.2.4); one with a query alone is answered as sent, beginning with `?`.
    pub fn path_and_query<'b>(&self, input: &'b [u8]) -> &'b [u8] {
        match self.facts.path.of(input) {
            [] if self.facts.command == Command::Options => b"*",
            [] => b"/",
            path => path,
        }
    }

    /// The request line as sent, without its line end (row R26).
    pub fn request_line<'b>(&self, input: &'b [u8]) -> &'b [u8] {
        self.facts.line.of(input)
    }

    /// The version by which to answer.
    pub fn version(&self) -> Version {
        self.facts.version
    }

    /// The minor version as sent: 7 for HTTP/1.7, which is answered as HTTP/1.1.
    pub fn minor_version(&self) -> u8 {
        self.facts.minor
    }

    /// How the end of the body is known.
    pub fn framing(&self) -> BodyFraming {
        self.facts.framing
    }

    /// The head needed [`Tolerance::Lenient`]: it is answered, and then the connection closes.
    pub fn tolerated(&self) -> bool {
        self.facts.tolerated
    }

    /// What Connection says.
    pub fn connection(&self) -> ConnectionOptions {
        self.facts.connection
    }

    /// True when another request may follow on the connection (RFC 9112 section 9.3).
    pub fn keep_alive(&self) -> bool {
        let ConnectionOptions { close, keep_alive, .. } = self.facts.connection;
        let wanted = match self.facts.version {
            Version::Http09 => false,
            Version::Http10 => keep_alive,
            Version::Http11 => true,
        };
        wanted && !close && !self.facts.tolerated
    }

    /// What Expect says.
    pub fn expect(&self) -> Expect {
        self.facts.expect
    }

    /// The authority of the request: that of the target, if it has one, else Host (RFC 9112 section 3.3).
    pub fn authority<'b>(&self, input: &'b [u8]) -> Option<&'b [u8]> {
        match self.facts.authority.of(input) {
            [] => self.host(input),
            authority => Some(authority),
        }
    }

    /// The first value of a known field.
    #[inline]
    pub fn known<'b>(&self, field: KnownField, input: &'b [u8]) -> Option<&'b [u8]> {
        let line = self.known.line(field)?;
        Some(field::value(input, &self.outline, line))
    }

    /// True when a known field stands more than once.
    pub fn is_repeated(&self, field: KnownField) -> bool {
        self.known.is_repeated(field)
    }

    /// A known field that may stand only once.
    #[inline]
    pub fn single<'b>(&self, field: KnownField, input: &'b [u8]) -> Lines<'b> {
        match self.known(field, input) {
            None => Lines::None,
            Some(_) if self.is_repeated(field) => Lines::Many,
            Some(value) => Lines::One(value),
        }
    }

    /// Host. It was checked to be an authority and to stand once.
    pub fn host<'b>(&self, input: &'b [u8]) -> Option<&'b [u8]> {
        self.known(KnownField::Host, input)
    }

    /// The first Range.
    pub fn range<'b>(&self, input: &'b [u8]) -> Option<&'b [u8]> {
        self.known(KnownField::Range, input)
    }

    /// The first If-Modified-Since.
    pub fn if_modified_since<'b>(&self, input: &'b [u8]) -> Option<&'b [u8]> {
        self.known(KnownField::IfModifiedSince, input)
    }

    /// The first If-None-Match.
    pub fn if_none_match<'b>(&self, input: &'b [u8]) -> Option<&'b [u8]> {
        self.known(KnownField::IfNoneMatch, input)
    }

    /// The field section.
    pub fn fields<'b>(&'b self, input: &'b [u8]) -> Fields<'b> {
        Fields::new(input, &self.outline)
    }
}

impl Default for RequestHead {
    fn default() -> Self {
        Self::new()
    }
}
