//! How the end of a request body is known: one decision, RFC 9112 section 6.
//!
//! It is strict always, whatever the tolerance for lines, and it is made before the command is dispatched: where the end
//! of a request is a matter of opinion, the next request is a matter of opinion too.

use crate::error::RejectReason;
use crate::field::{Lines, is_token, trim_space};
use crate::version::Version;

/// How the end of a request body is known. A request body never ends with the connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum BodyFraming {
    /// There is none: what follows is the next request.
    #[default]
    None,
    /// So many bytes follow.
    Length(u64),
    /// Chunks follow (RFC 9112 section 7.1).
    Chunked,
}

impl BodyFraming {
    /// True when at least one byte belongs to the body or its framing.
    pub const fn announces_body(self) -> bool {
        !matches!(self, Self::None | Self::Length(0))
    }
}

/// Decides the framing of a request from its version, its Content-Length and its Transfer-Encoding.
#[inline]
pub fn of_request(version: Version, length: Lines<'_>, coding: Lines<'_>) -> Result<BodyFraming, RejectReason> {
    match (length, coding) {
        (Lines::None, Lines::None) => Ok(BodyFraming::None),
        (Lines::One(value), Lines::None) => parse_length(value).map(BodyFraming::Length),
        (Lines::Many, Lines::None) => Err(RejectReason::LengthRepeated),
        (Lines::None, _) if version < Version::Http11 => Err(RejectReason::CodingBeforeHttp11),
        (Lines::None, Lines::One(value)) => check_coding(value).map(|()| BodyFraming::Chunked),
        (Lines::None, Lines::Many) => Err(RejectReason::CodingSyntax),
        (_, _) => Err(RejectReason::LengthAndCoding),
    }
}

/// Largest body that can be announced: 2^63 - 1, what a file offset can hold.
pub const LENGTH_MAX: u64 = i64::MAX as u64;

/// A Content-Length: decimal digits, no sign, no list, no leading zero, at most [`LENGTH_MAX`].
pub fn parse_length(value: &[u8]) -> Result<u64, RejectReason> {
    match value {
        [b'0'] => Ok(0),
        [b'1'..=b'9', ..] => value
            .iter()
            .copied()
            .try_fold(0, push_digit)
            .filter(|&length| length <= LENGTH_MAX)
            .ok_or(RejectReason::LengthSyntax),
        _ => Err(RejectReason::LengthSyntax),
    }
}

fn push_digit(number: u64, digit: u8) -> Option<u64> {
    match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    }
}

/// A Transfer-Encoding must be `chunked` alone. Others are refused: 501 when they are codings that we do not know in
/// front of a last `chunked` or without it, 400 when the end of the body could be read in two ways.
fn check_coding(value: &[u8]) -> Result<(), RejectReason> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let mut chunked_seen = false;
    for coding in value.split(|&byte| byte == b',').map(trim_space) {
        let refused = chunked_seen || !is_token(coding) || coding.eq_ignore_ascii_case(b"identity");
        if refused {
            return Err(RejectReason::CodingSyntax);
        }
        chunked_seen = coding.eq_ignore_ascii_case(b"chunked");
    }
    Err(RejectReason::UnsupportedCoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_length(value: &str, expected: Option<u64>) {
        let framing = of_request(Version::Http11, Lines::One(value.as_bytes()), Lines::None);
        let expected = expected.map(BodyFraming::Length).ok_or(RejectReason::LengthSyntax);
        assert_eq!(framing, expected, "{value:?}");
    }

    /// Rows 31 to 33 of the list of musts.
    #[test]
    fn lengths() {
        check_length("0", Some(0));
        check_length("5", Some(5));
        check_length("9223372036854775807", Some(LENGTH_MAX));
        for bad in ["-1", "+1", "0x5", "1_0", "1 1", "1,2", "", "1.0", "5;", "5, 5", "005", "-0", "00", "\u{663}"] {
            check_length(bad, None);
        }
        for large in ["9223372036854775808", "18446744073709551616", "1000000000000000000000000000000000000000"] {
            check_length(large, None);
        }
    }

    /// Rows 26, 29 and 30.
    #[test]
    fn codings() {
        use RejectReason::{CodingSyntax, UnsupportedCoding};
        let cases = [
            ("chunked", Ok(BodyFraming::Chunked)),
            ("CHUNKED", Ok(BodyFraming::Chunked)),
            ("chunked;q=1", Err(CodingSyntax)),
            ("foo", Err(UnsupportedCoding)),
            ("gzip, chunked", Err(UnsupportedCoding)),
            ("chunked, gzip", Err(CodingSyntax)),
            ("chunked, chunked", Err(CodingSyntax)),
            ("chunked,", Err(CodingSyntax)),
            (",chunked", Err(CodingSyntax)),
            ("", Err(CodingSyntax)),
            ("identity", Err(CodingSyntax)),
            ("\u{b}chunked", Err(CodingSyntax)),
            ("chunked foo", Err(CodingSyntax)),
            ("xchunked", Err(UnsupportedCoding)),
        ];
        for (value, expected) in cases {
            assert_eq!(of_request(Version::Http11, Lines::None, Lines::One(value.as_bytes())), expected, "{value:?}");
        }
    }

    /// Rows 27, 28, 30 and 32.
    #[test]
    fn together() {
        use RejectReason as R;
        let (five, chunked) = (Lines::One(b"5"), Lines::One(b"chunked"));
        let cases = [
            (Version::Http11, Lines::None, Lines::None, Ok(BodyFraming::None)),
            (Version::Http11, five, chunked, Err(R::LengthAndCoding)),
            (Version::Http11, Lines::Many, chunked, Err(R::LengthAndCoding)),
            (Version::Http10, five, chunked, Err(R::LengthAndCoding)),
            (Version::Http11, Lines::Many, Lines::None, Err(R::LengthRepeated)),
            (Version::Http11, Lines::None, Lines::Many, Err(R::CodingSyntax)),
            (Version::Http10, Lines::None, chunked, Err(R::CodingBeforeHttp11)),
            (Version::Http10, Lines::None, Lines::Many, Err(R::CodingBeforeHttp11)),
            (Version::Http10, five, Lines::None, Ok(BodyFraming::Length(5))),
        ];
        for (version, length, coding, expected) in cases {
            assert_eq!(of_request(version, length, coding), expected);
        }
    }
}
