//! Why a request was refused, by blame: always the peer's.

use std::fmt;

use crate::limits::Limits;

/// A refused request: what to answer, and why. After it the connection closes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reject {
    /// The status code of the answer: 400, 414, 431, 501 or 505.
    pub status: u16,
    /// What was wrong.
    pub reason: RejectReason,
    /// Offset into the input of what was wrong: a byte, a word or a line.
    pub at: u32,
    /// Bytes from `at` on that the message quotes; 0 when it quotes nothing.
    pub quoted: u32,
}

impl Reject {
    /// A refusal for `reason` at offset `at`.
    pub(crate) fn new(reason: RejectReason, at: usize) -> Self {
        Self { status: reason.status(), reason, at: at as u32, quoted: 0 }
    }

    /// A refusal whose message quotes the input from `at` to `end`.
    pub(crate) fn quoting(reason: RejectReason, at: usize, end: usize) -> Self {
        Self { quoted: end.saturating_sub(at) as u32, ..Self::new(reason, at) }
    }

    /// The short text of the answer, in the words of Python's server where it has any: `Bad request syntax ('GET')`.
    ///
    /// `input` is what was parsed. Quoted text is escaped, so the message is one line of printable ASCII.
    pub fn message<'a>(&self, input: &'a [u8]) -> Message<'a> {
        let at = self.at as usize;
        let words = input.get(at..at + self.quoted as usize).unwrap_or_default();
        Message { reason: self.reason, words }
    }

    /// The long text of the answer for a head beyond one of `limits`, in the words of Python's server (rows H1 and H2);
    /// none where the status explains itself.
    pub fn explain(&self, limits: &Limits) -> Option<String> {
        match self.reason {
            RejectReason::FieldLineTooLong => {
                Some(format!("got more than {} bytes when reading header line", limits.field_line_bytes_max))
            }
            RejectReason::TooManyFields => Some(format!("got more than {} headers", limits.field_count_max)),
            _ => None,
        }
    }
}

/// [`Reject::message`], to be written where it is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    reason: RejectReason,
    words: &'a [u8],
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use RejectReason as R;
        f.write_str(self.reason.text())?;
        match self.reason {
            // The number alone, as Python writes it: `HTTP/2.0` was checked to be of this form.
            R::UnsupportedVersion => write!(f, " ({})", self.words.get(5..).unwrap_or_default().escape_ascii()),
            R::RequestLineSyntax | R::Http09Command | R::VersionSyntax => write!(f, " ({})", Quoted(self.words)),
            _ => Ok(()),
        }
    }
}

/// What was wrong with a request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RejectReason {
    /// The peer speaks TLS to a port that does not (row R25). No answer would be understood: log it and close.
    TlsOnPlainPort,
    /// Too few or too many words, or white space that only the tolerant reading allows.
    RequestLineSyntax,
    /// Two words, and the first is not GET (row R10).
    Http09Command,
    /// The last word is not `HTTP/` DIGIT `.` DIGIT (RFC 9112 section 2.3).
    VersionSyntax,
    /// A version other than 1.x.
    UnsupportedVersion,
    /// A method with a byte that is no token byte, or a method that is too long.
    MethodSyntax,
    /// A target that is of none of the four forms, or has a byte that no target may have.
    TargetSyntax,
    /// A form that does not go with the command: `*` without OPTIONS, CONNECT without an authority.
    TargetForm,
    /// A line feed without carriage return, where only the tolerant reading allows it.
    BareLineFeed,
    /// A carriage return inside a line (RFC 9112 section 2.2).
    BareCarriageReturn,
    /// NUL or another control character.
    ControlCharacter,
    /// A field line that begins with white space (obs-fold, RFC 9112 section 5.2).
    FoldedField,
    /// A field line without a colon (row H7).
    FieldWithoutColon,
    /// White space between field name and colon (RFC 9112 section 5.1).
    SpaceBeforeColon,
    /// A field name that is empty or has a byte that is no token byte.
    FieldNameSyntax,
    /// The request line exceeds its limit.
    RequestLineTooLong,
    /// A field line exceeds its limit.
    FieldLineTooLong,
    /// The head exceeds its limit.
    HeadTooLong,
    /// More fields than the limit.
    TooManyFields,
    /// HTTP/1.1 without Host (RFC 9112 section 3.2).
    HostMissing,
    /// More than one Host.
    HostRepeated,
    /// A Host, or an authority in the target, that is no `uri-host [ ":" port ]`.
    HostSyntax,
    /// Content-Length that is not a plain decimal number below 2^63.
    LengthSyntax,
    /// More than one Content-Length, equal or not.
    LengthRepeated,
    /// Content-Length and Transfer-Encoding.
    LengthAndCoding,
    /// Transfer-Encoding before HTTP/1.1 (RFC 9112 section 6.1).
    CodingBeforeHttp11,
    /// Transfer-Encoding that does not end in exactly one `chunked`, or more than one such line.
    CodingSyntax,
    /// A transfer coding other than chunked.
    UnsupportedCoding,
    /// A body announced by a head that needed the tolerant reading.
    ToleratedBody,
}

/// The label `reason` of `slipring_http_rejected_requests_total`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RejectClass {
    /// Bytes that are no HTTP.
    Syntax,
    /// The end of the body cannot be known for certain.
    Framing,
    /// Something is larger than allowed.
    Limit,
    /// The method, or a target that does not go with it.
    Method,
    /// Host and authority.
    Host,
}

impl RejectClass {
    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Framing => "framing",
            Self::Limit => "limit",
            Self::Method => "method",
            Self::Host => "host",
        }
    }
}

impl RejectReason {
    /// The status code that answers it.
    pub const fn status(self) -> u16 {
        match self {
            Self::RequestLineTooLong => 414,
            Self::FieldLineTooLong | Self::HeadTooLong | Self::TooManyFields => 431,
            Self::UnsupportedCoding => 501,
            Self::UnsupportedVersion => 505,
            _ => 400,
        }
    }

    /// Its class in the metrics.
    pub const fn class(self) -> RejectClass {
        use RejectClass as C;
        match self {
            Self::MethodSyntax | Self::Http09Command | Self::TargetForm => C::Method,
            Self::RequestLineTooLong | Self::FieldLineTooLong | Self::HeadTooLong | Self::TooManyFields => C::Limit,
            Self::HostMissing | Self::HostRepeated | Self::HostSyntax => C::Host,
            Self::LengthSyntax
            | Self::LengthRepeated
            | Self::LengthAndCoding
            | Self::CodingBeforeHttp11
            | Self::CodingSyntax
            | Self::UnsupportedCoding
            | Self::ToleratedBody => C::Framing,
            _ => C::Syntax,
        }
    }

    /// The text without what is quoted.
    pub const fn text(self) -> &'static str {
        match self {
            Self::TlsOnPlainPort => "TLS on a plain port",
            Self::RequestLineSyntax => "Bad request syntax",
            Self::Http09Command => "Bad HTTP/0.9 request type",
            Self::VersionSyntax => "Bad request version",
            Self::UnsupportedVersion => "Invalid HTTP version",
            Self::MethodSyntax => "Bad request method",
            Self::TargetSyntax => "Bad request target",
            Self::TargetForm => "Bad request target for this method",
            Self::BareLineFeed => "Line feed without carriage return",
            Self::BareCarriageReturn => "Carriage return inside a line",
            Self::ControlCharacter => "Control character in the head",
            Self::FoldedField => "Folded header line",
            Self::FieldWithoutColon => "Header line without colon",
            Self::SpaceBeforeColon => "Space before the colon of a header line",
            Self::FieldNameSyntax => "Bad header name",
            Self::RequestLineTooLong => "Request-URI Too Long",
            Self::FieldLineTooLong => "Line too long",
            Self::HeadTooLong => "Request Header Fields Too Large",
            Self::TooManyFields => "Too many headers",
            Self::HostMissing => "Host header missing",
            Self::HostRepeated => "More than one Host header",
            Self::HostSyntax => "Bad Host header",
            Self::LengthSyntax => "Bad Content-Length",
            Self::LengthRepeated => "More than one Content-Length",
            Self::LengthAndCoding => "Content-Length with Transfer-Encoding",
            Self::CodingBeforeHttp11 => "Transfer-Encoding before HTTP/1.1",
            Self::CodingSyntax => "Bad Transfer-Encoding",
            Self::UnsupportedCoding => "Unsupported transfer coding",
            Self::ToleratedBody => "Body after a malformed head",
        }
    }
}

/// A peer's bytes between quotes as Python's `repr` writes them (row R24): `'x'`, or `"it's"`; what is not printable
/// ASCII is escaped, and what exceeds [`QUOTE_BYTES_MAX`] is cut and ends in dots.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, dots) = match self.0.get(..QUOTE_BYTES_MAX) {
            Some(shown) if shown.len() < self.0.len() => (shown, "..."),
            _ => (self.0, ""),
        };
        let double = self.0.contains(&b'\'') && !self.0.contains(&b'"');
        let quote = if double { '"' } else { '\'' };
        write!(f, "{quote}")?;
        shown.iter().try_for_each(|&byte| write_escaped(f, byte, quote))?;
        write!(f, "{dots}{quote}")
    }
}

/// Bytes of a peer's text that a message quotes.
pub const QUOTE_BYTES_MAX: usize = 256;

fn write_escaped(f: &mut fmt::Formatter<'_>, byte: u8, quote: char) -> fmt::Result {
    match byte {
        b'\\' => f.write_str("\\\\"),
        b'\t' => f.write_str("\\t"),
        b'\n' => f.write_str("\\n"),
        b'\r' => f.write_str("\\r"),
        b'\'' if quote == '\'' => f.write_str("\\'"),
        0x20..=0x7e => write!(f, "{}", byte as char),
        _ => write!(f, "\\x{byte:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_like_python() {
        let cases: &[(&[u8], &str)] = &[
            (b"SPAM", "'SPAM'"),
            (b"<a'&>", "\"<a'&>\""),
            (b"'\"", "'\\'\"'"),
            (b"\x16\x03\\\t\r\n\xe9", "'\\x16\\x03\\\\\\t\\r\\n\\xe9'"),
            (b"", "''"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Quoted(bytes).to_string(), *expected);
        }
    }

    #[test]
    fn long_text_is_cut() {
        let text = Quoted(&[b'a'; QUOTE_BYTES_MAX + 1]).to_string();
        assert_eq!(text.len(), QUOTE_BYTES_MAX + 5);
        assert!(text.ends_with("a...'"));
        assert_eq!(Quoted(&[b'a'; QUOTE_BYTES_MAX]).to_string().len(), QUOTE_BYTES_MAX + 2);
    }
}
