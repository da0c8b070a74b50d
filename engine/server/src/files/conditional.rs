//! Whether the peer has the file already, and whether what it holds is still this file (RFC 9110 section 13; rows F16
//! to F18).
//!
//! A file has no entity tag yet, so no tag that a peer sends can match one; only `*` does, because the file is there.

use slipring_wire::date::parse_http_date;
use slipring_wire::field::{KnownField, Lines};
use slipring_wire::request::RequestHead;

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They hold, or there are none.
    Send,
    /// 304: the peer has it.
    NotModified,
    /// 412: the peer wanted another version.
    Failed,
}

/// Whether a request asks for the plain whole file: no condition, no range.
#[inline]
pub(super) fn is_plain(head: &RequestHead, bytes: &[u8]) -> bool {
    [
        KnownField::IfModifiedSince,
        KnownField::IfNoneMatch,
        KnownField::Range,
        KnownField::IfMatch,
        KnownField::IfUnmodifiedSince,
    ]
    .into_iter()
    .all(|field| head.known(field, bytes).is_none())
}

/// Judges the conditions in the order of section 13.2.2, for GET and HEAD of a file modified at `modified_s`.
pub(super) fn judge(head: &RequestHead, bytes: &[u8], modified_s: u64) -> Verdict {
    let date = |field| date(head.single(field, bytes));
    let wanted = match head.known(KnownField::IfMatch, bytes) {
        Some(tags) => tags == b"*",
        None => date(KnownField::IfUnmodifiedSince).is_none_or(|since| modified_s <= since),
    };
    if !wanted {
        return Verdict::Failed;
    }
    let has_it = match head.known(KnownField::IfNoneMatch, bytes) {
        Some(tags) => tags == b"*",
        None => date(KnownField::IfModifiedSince).is_some_and(|since| modified_s <= since),
    };
    if has_it { Verdict::NotModified } else { Verdict::Send }
}

/// Whether a Range counts: no If-Range, or exactly the file's date (section 13.1.5). An entity tag never matches.
pub(super) fn range_holds(head: &RequestHead, bytes: &[u8], modified_s: u64) -> bool {
    match head.single(KnownField::IfRange, bytes) {
        Lines::None => true,
        Lines::One(value) => parse_http_date(value) == Some(modified_s),
        Lines::Many => false,
    }
}

/// A date that is none, or that is said twice, says nothing (rows 51 and 60).
fn date(lines: Lines<'_>) -> Option<u64> {
    match lines {
        Lines::One(value) => parse_http_date(value),
        Lines::None | Lines::Many => None,
    }
}

#[cfg(test)]
mod tests {
    use slipring_wire::limits::Limits;
    use slipring_wire::request::{Parsed, Tolerance};

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const MODIFIED_S: u64 = 784_111_777;

    fn with_head<T>(fields: &str, look: impl Fn(&RequestHead, &[u8]) -> T) -> T {
        let bytes = format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let mut head = RequestHead::new();
        assert_eq!(head.parse(bytes.as_bytes(), &Limits::SITE, Tolerance::Strict), Parsed::Complete, "{fields}");
        look(&head, bytes.as_bytes())
    }

    #[test]
    fn conditions() {
        use Verdict::{Failed, NotModified, Send};
        for (fields, verdict) in [
            ("", Send),
            ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", NotModified),
            ("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", NotModified),
            ("If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", NotModified),
            ("If-Modified-Since: Sun, 06 Nov 1994 09:49:37 GMT\r\n", NotModified),
            ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", Send),
            ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 +0100\r\n", Send),
            ("If-Modified-Since: yesterday\r\n", Send),
            ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\nIf-Modified-Since: x\r\n", Send),
            ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\nIf-None-Match: \"a\"\r\n", Send),
            ("If-None-Match: \"a\", W/\"b\"\r\n", Send),
            ("If-None-Match: *\r\n", NotModified),
            ("If-Match: *\r\n", Send),
            ("If-Match: \"a\"\r\n", Failed),
            ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", Send),
            ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", Failed),
            ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\nIf-Match: *\r\n", Send),
            ("If-Match: \"a\"\r\nIf-None-Match: *\r\n", Failed),
        ] {
            assert_eq!(with_head(fields, |head, bytes| judge(head, bytes, MODIFIED_S)), verdict, "{fields}");
            assert_eq!(with_head(fields, is_plain), fields.is_empty(), "{fields}");
        }
    }

    #[test]
    fn a_range_of_another_version_does_not_count() {
        for (fields, holds) in [
            ("", true),
            ("If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n", true),
            ("If-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n", false),
            ("If-Range: Sun, 06 Nov 1994 08:49:36 GMT\r\n", false),
            ("If-Range: \"a\"\r\n", false),
            ("If-Range: W/\"a\"\r\n", false),
        ] {
            assert_eq!(with_head(fields, |head, bytes| range_holds(head, bytes, MODIFIED_S)), holds, "{fields}");
        }
    }
}
