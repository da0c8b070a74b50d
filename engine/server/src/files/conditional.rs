//! Whether the peer has the file already (RFC 9110 section 13; rows F16 to F18).

use slipring_wire::date::parse_http_date;
use slipring_wire::field::KnownField;

use crate::handler::Exchange;

/// Whether the answer is 304: an If-Modified-Since that is not before the file's time, without an If-None-Match, which
/// would rule alone (section 13.1.3; entity tags are not sent yet, so none ever matches).
pub(super) fn is_not_modified(x: &Exchange<'_>, modified_s: u64) -> bool {
    let (head, bytes) = (x.head(), x.head_bytes());
    head.if_none_match(bytes).is_none()
        && !head.is_repeated(KnownField::IfModifiedSince)
        && head.if_modified_since(bytes).and_then(parse_http_date).is_some_and(|since| modified_s <= since)
}

/// Whether a Range holds: no If-Range, or exactly the file's date (section 13.1.5).
pub(super) fn range_holds(x: &Exchange<'_>, modified_s: u64) -> bool {
    match x.headers().get("If-Range") {
        None => true,
        Some(value) => parse_http_date(value) == Some(modified_s),
    }
}
