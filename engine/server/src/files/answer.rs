//! From a file to an answer: whole, a part, not modified, or elsewhere.

use std::ops::Range;

use slipring_ring::{FileId, FileStat};
use slipring_wire::command::Command;
use slipring_wire::date::imf_fixdate;
use slipring_wire::response::{EncodeError, HeadWriter, PreparedHead, Status};

use super::cache::Entry;
use super::range::{self, Wanted};
use super::{conditional, mime};
use crate::handler::{BodySource, Exchange, Reply};

/// Answers from the cache.
#[inline]
pub(super) fn cached(x: &mut Exchange<'_>, entry: &Entry) -> Reply {
    let (head, bytes) = (x.head(), x.head_bytes());
    if head.if_modified_since(bytes).is_none() && head.range(bytes).is_none() {
        return x.send_prepared(Status::OK, &entry.head, &entry.body);
    }
    match decide(x, entry.modified_s, entry.body.len() as u64) {
        Answer::NotModified => not_modified(x, entry.modified_s),
        Answer::Whole => x.send_prepared(Status::OK, &entry.head, &entry.body),
        Answer::Part(part) => {
            begin_part(x, &entry.content_type, entry.modified_s, &part, entry.body.len() as u64)?;
            x.end_headers(&entry.body[part.start as usize..part.end as usize])
        }
        Answer::Unsatisfiable => unsatisfiable(x, entry.body.len() as u64),
    }
}

/// Answers from an open file, as the peer takes it.
pub(super) fn streamed(x: &mut Exchange<'_>, path: &[u8], file: FileId, stat: &FileStat) -> Reply {
    let modified_s = modified(x, stat);
    let content_type = mime::content_type(path);
    match decide(x, modified_s, stat.size) {
        Answer::NotModified => not_modified(x, modified_s),
        Answer::Whole => {
            x.send_response(200)?
                .send_header("Content-Type", content_type.as_bytes())?
                .send_header("Content-Length", stat.size.to_string())?
                .send_header("Last-Modified", imf_fixdate(modified_s))?
                .send_header("Accept-Ranges", "bytes")?;
            x.end_headers_from(BodySource::File(file, 0..stat.size), stat.size)
        }
        Answer::Part(part) => {
            begin_part(x, &content_type, modified_s, &part, stat.size)?;
            let len = part.end - part.start;
            x.end_headers_from(BodySource::File(file, part), len)
        }
        Answer::Unsatisfiable => unsatisfiable(x, stat.size),
    }
}

/// Makes a small file's answer.
pub(super) fn prepare(x: &Exchange<'_>, path: &[u8], body: Vec<u8>, stat: &FileStat) -> Entry {
    let modified_s = modified(x, stat);
    let content_type = mime::content_type(path).into_owned();
    let head = prepare_head(x.version_string(), &content_type, body.len() as u64, modified_s);
    // The buffer holds the longest name and type; an answer without a head is still refused by its reader.
    let head = head.unwrap_or_else(|_| PreparedHead::new(b"HTTP/1.1 500 Internal Server Error\r\n\r\n"));
    Entry { head, body: body.into_boxed_slice(), content_type, modified_s, stat: *stat }
}

/// Rows F13 and S64: `Server`, `Date`, `Content-Type`, `Content-Length`, `Last-Modified`.
fn prepare_head(version: &str, content_type: &str, len: u64, modified_s: u64) -> Result<PreparedHead, EncodeError> {
    let mut buffer = vec![0; 1024 + version.len() + content_type.len()];
    let mut head = HeadWriter::new(&mut buffer);
    head.status_line(false, Status::OK, None)?;
    if !version.is_empty() {
        head.field(b"Server", version.as_bytes())?;
    }
    head.field(b"Date", &imf_fixdate(0))?
        .field(b"Content-Type", content_type.as_bytes())?
        .content_length(len)?
        .field(b"Last-Modified", &imf_fixdate(modified_s))?
        .field_static(b"Accept-Ranges: bytes\r\n")?;
    let end = head.end()?;
    Ok(PreparedHead::new(&buffer[..end]))
}

enum Answer {
    Whole,
    Part(Range<u64>),
    NotModified,
    Unsatisfiable,
}

/// The order of RFC 9110 section 13.2.2: whether it changed, then which part.
fn decide(x: &Exchange<'_>, modified_s: u64, size: u64) -> Answer {
    if conditional::is_not_modified(x, modified_s) {
        return Answer::NotModified;
    }
    let value = x.head().range(x.head_bytes()).filter(|_| x.head().command() == Command::Get);
    match value {
        Some(value) if conditional::range_holds(x, modified_s) => match range::parse(value, size) {
            Wanted::Whole => Answer::Whole,
            Wanted::Part(part) => Answer::Part(part),
            Wanted::Unsatisfiable => Answer::Unsatisfiable,
        },
        _ => Answer::Whole,
    }
}

fn not_modified(x: &mut Exchange<'_>, modified_s: u64) -> Reply {
    x.send_response(304)?.send_header("Last-Modified", imf_fixdate(modified_s))?.end_headers(b"")
}

fn begin_part(
    x: &mut Exchange<'_>,
    content_type: &str,
    modified_s: u64,
    part: &Range<u64>,
    size: u64,
) -> Result<(), crate::handler::HandlerError> {
    let range = format!("bytes {}-{}/{size}", part.start, part.end - 1);
    x.send_response(206)?
        .send_header("Content-Type", content_type)?
        .send_header("Content-Range", range)?
        .send_header("Last-Modified", imf_fixdate(modified_s))?
        .send_header("Accept-Ranges", "bytes")?;
    Ok(())
}

fn unsatisfiable(x: &mut Exchange<'_>, size: u64) -> Reply {
    let range = format!("bytes */{size}");
    x.send_error_fields(416, None, &[("Content-Range", range.as_bytes())])
}

/// A directory's own address ends in a slash (row F8). The reference is relative to the host and never begins with two
/// slashes, or with a slash and a backslash, which browsers take for a host (row F9, attack 13).
pub(super) fn redirect_to_directory(x: &mut Exchange<'_>) -> Reply {
    let target = x.head().path_and_query(x.head_bytes());
    let (path, query) = match target.iter().position(|&byte| byte == b'?') {
        Some(mark) => target.split_at(mark),
        None => (target, &b""[..]),
    };
    let is_slash = |byte: &u8| matches!(byte, b'/' | b'\\');
    let start = path.iter().position(|byte| !is_slash(byte)).unwrap_or(path.len());
    let location = [b"/", &path[start..], b"/", query].concat();
    x.send_response(301)?.send_header("Location", &location)?.end_headers(b"")
}

/// When the file was modified, in whole seconds: never after now (RFC 9110 section 8.8.2.1).
fn modified(x: &Exchange<'_>, stat: &FileStat) -> u64 {
    u64::try_from(stat.modified_s).unwrap_or(0).min(x.now_s())
}
