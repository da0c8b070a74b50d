//! From a file to an answer: whole, a part, not modified, or elsewhere.

use std::ops::Range;

use slipring_ring::{FileId, FileStat};
use slipring_wire::command::Command;
use slipring_wire::date::{DateStamp, imf_fixdate};
use slipring_wire::field::{KnownField, Lines};
use slipring_wire::response::{EncodeError, FieldLines, HeadWriter, PreparedHead, Status};

use super::COPIED_BYTES_MAX;
use super::cache::Entry;
use super::conditional::{self, Verdict};
use super::facts::Facts;
use super::range::{self, Wanted};
use crate::handler::{BodySource, Exchange, HandlerError, Reply};
use crate::log::CacheUse;

/// Answers from the cache.
#[inline]
pub(super) fn cached(x: &mut Exchange<'_>, entry: &Entry) -> Reply {
    if conditional::is_plain(x.head(), x.head_bytes()) {
        return send(x, Status::OK, &entry.head, entry, 0..entry.body.len());
    }
    cached_with_conditions(x, entry)
}

fn cached_with_conditions(x: &mut Exchange<'_>, entry: &Entry) -> Reply {
    match decide(x, &entry.facts) {
        Answer::Whole => send(x, Status::OK, &entry.head, entry, 0..entry.body.len()),
        Answer::Part(part) => {
            let head = part_head(x, &entry.facts, &part)?;
            send(x, Status::PARTIAL_CONTENT, &head, entry, part.start as usize..part.end as usize)
        }
        other => without_bytes(x, &entry.facts, &other),
    }
}

/// A small body is copied behind its head; a larger one is sent from where it stands.
#[inline]
fn send(x: &mut Exchange<'_>, status: Status, head: &PreparedHead, entry: &Entry, part: Range<usize>) -> Reply {
    if part.len() <= COPIED_BYTES_MAX {
        return x.send_prepared(status, head, &entry.body[part]);
    }
    let len = part.len() as u64;
    let source = BodySource::Shared(entry.body.clone(), part.start as u32..part.end as u32);
    x.send_prepared_from(status, head, source, len)
}

/// Answers from an open file, as the peer takes it.
pub(super) fn streamed(x: &mut Exchange<'_>, name: &[u8], file: FileId, stat: &FileStat) -> Reply {
    let facts = Facts::new(x, name, stat);
    let (status, head, part) = match decide(x, &facts) {
        Answer::Whole => (Status::OK, whole_head(x, &facts)?, 0..facts.size),
        Answer::Part(part) => (Status::PARTIAL_CONTENT, part_head(x, &facts, &part)?, part),
        other => return without_bytes(x, &facts, &other),
    };
    let len = part.end - part.start;
    x.note_cache(CacheUse::Bypass);
    x.send_prepared_from(status, &head, BodySource::File(file, part), len)
}

/// The answer that needs no byte of the file, if that is what the request comes to: nothing has to be read for it.
pub(super) fn unread(x: &mut Exchange<'_>, name: &[u8], stat: &FileStat) -> Option<Reply> {
    if conditional::is_plain(x.head(), x.head_bytes()) {
        return None;
    }
    let facts = Facts::new(x, name, stat);
    match decide(x, &facts) {
        Answer::Whole | Answer::Part(_) => None,
        other => Some(without_bytes(x, &facts, &other)),
    }
}

/// Makes a small file's answer.
pub(super) fn prepare(x: &Exchange<'_>, name: &[u8], body: Vec<u8>, stat: &FileStat) -> Result<Entry, HandlerError> {
    let facts = Facts::new(x, name, stat);
    Ok(Entry { head: whole_head(x, &facts)?, body: body.into(), facts, stat: *stat })
}

enum Answer {
    Whole,
    Part(Range<u64>),
    NotModified,
    Failed,
    Unsatisfiable,
}

/// The order of RFC 9110 section 13.2.2: whether it is wanted, then which part. HEAD has no parts (row 64).
fn decide(x: &Exchange<'_>, facts: &Facts) -> Answer {
    let (head, bytes) = (x.head(), x.head_bytes());
    match conditional::judge(head, bytes, facts.modified_s) {
        Verdict::NotModified => return Answer::NotModified,
        Verdict::Failed => return Answer::Failed,
        Verdict::Send => {}
    }
    let Lines::One(value) = head.single(KnownField::Range, bytes) else { return Answer::Whole };
    if head.command() != Command::Get || !conditional::range_holds(head, bytes, facts.modified_s) {
        return Answer::Whole;
    }
    match range::parse(value, facts.size) {
        Wanted::Whole => Answer::Whole,
        Wanted::Part(part) => Answer::Part(part),
        Wanted::Unsatisfiable => Answer::Unsatisfiable,
    }
}

fn without_bytes(x: &mut Exchange<'_>, facts: &Facts, answer: &Answer) -> Reply {
    match answer {
        Answer::NotModified => {
            x.send_response(304)?.send_header("Last-Modified", imf_fixdate(facts.modified_s))?.end_headers(b"")
        }
        Answer::Unsatisfiable => {
            let range = format!("bytes */{}", facts.size);
            x.send_error_fields(416, None, &[("Content-Range", range.as_bytes())])
        }
        Answer::Failed | Answer::Whole | Answer::Part(_) => x.send_error(412),
    }
}

fn whole_head(x: &Exchange<'_>, facts: &Facts) -> Result<PreparedHead, HandlerError> {
    head(x, Status::OK, facts, facts.size, None)
}

fn part_head(x: &Exchange<'_>, facts: &Facts, part: &Range<u64>) -> Result<PreparedHead, HandlerError> {
    let range = format!("bytes {}-{}/{}", part.start, part.end - 1, facts.size);
    head(x, Status::PARTIAL_CONTENT, facts, part.end - part.start, Some(range.as_bytes()))
}

fn head(
    x: &Exchange<'_>,
    status: Status,
    facts: &Facts,
    len: u64,
    range: Option<&[u8]>,
) -> Result<PreparedHead, HandlerError> {
    let lines = x.site_lines();
    // Everything but these two is of a known, small length.
    let mut buffer = vec![0; 512 + lines.as_bytes().len() + facts.content_type.len()];
    let end = write_head(&mut buffer, lines, status, facts, len, range).map_err(|_| HandlerError::InvalidField)?;
    Ok(PreparedHead::new(&buffer[..end]))
}

/// Rows F13 and S64: `Server` and what the site adds, `Date`, `Content-Type`, `Content-Length`, `Last-Modified`, in this order.
fn write_head(
    buffer: &mut [u8],
    lines: &FieldLines,
    status: Status,
    facts: &Facts,
    len: u64,
    range: Option<&[u8]>,
) -> Result<usize, EncodeError> {
    let mut head = HeadWriter::new(buffer);
    head.status_line(false, status, None)?.field_lines(lines)?.date(&DateStamp::new(0))?;
    head.field(b"Content-Type", facts.content_type.as_bytes())?.content_length(len)?;
    if let Some(range) = range {
        head.field(b"Content-Range", range)?;
    }
    head.field(b"Last-Modified", &imf_fixdate(facts.modified_s))?.field_static(b"Accept-Ranges: bytes\r\n")?;
    head.end()
}

/// A directory's own address ends in a slash (row F8); `path` is its normal form, which is not empty.
pub(super) fn redirect_to_directory(x: &mut Exchange<'_>, path: &[u8]) -> Reply {
    let target = x.head().path_and_query(x.head_bytes());
    let query = target.iter().position(|&byte| byte == b'?').map_or(&b""[..], |mark| &target[mark..]);
    x.send_response(301)?.send_header("Location", location(path, query))?.end_headers(b"")
}

/// A reference relative to the host, made anew from the normal form: so it begins with one slash, behind which stands no
/// slash and no backslash, which browsers would take for a host, and no line end survives (row F9, attacks 12 and 13).
fn location(path: &[u8], query: &[u8]) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut location = Vec::with_capacity(path.len() + query.len() + 2);
    location.push(b'/');
    for &byte in path {
        // The bytes of a path (RFC 3986 section 3.3).
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            location.push(byte);
        } else {
            location.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    location.push(b'/');
    location.extend_from_slice(query);
    location
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_stay_on_the_host() {
        for (path, query, expected) in [
            (&b"d"[..], &b""[..], "/d/"),
            (b"d", b"?hi=1", "/d/?hi=1"),
            (b"d", b"?", "/d/?"),
            (b"a b/\xc3\xa4/+(1)", b"", "/a%20b/%C3%A4/+(1)/"),
            (b"\\evil.example", b"", "/%5Cevil.example/"),
            (b"\r\nSet-Cookie: a", b"", "/%0D%0ASet-Cookie:%20a/"),
            (b"a?b#c%", b"", "/a%3Fb%23c%25/"),
        ] {
            assert_eq!(location(path, query), expected.as_bytes());
        }
    }
}
