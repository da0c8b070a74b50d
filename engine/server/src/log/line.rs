//! From a record to a line.

use std::io::Write;
use std::net::IpAddr;

use slipring_ring::{Instant, Peer, Wall};
use slipring_wire::date::DateCache;

use super::format::{Client, Fact, Format, Part, Style};
use super::record::{AccessRecord, Texts};
use super::text::{Line, is_plain};

/// How an answer left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// So many bytes of what it was sent with left.
    Sent(u64),
    /// Its head left, and so many bytes of its body.
    Body(u64),
}

/// The moment in which an answer has left, in every form that a line shows.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// By the monotonic clock.
    pub now: Instant,
    /// By the clock on the wall.
    pub wall: Wall,
    /// The same second, in words.
    pub date: &'a DateCache,
}

impl Format {
    /// Appends the line of a record, its line feed included.
    #[inline]
    pub fn write(&self, line: &mut Line, record: &AccessRecord, texts: Texts<'_>, left: Left, at: Moment<'_>) {
        let outcome = Outcome::of(record, left, at.now);
        for part in &self.parts {
            match part {
                Part::Literal(text) => line.literal(text),
                Part::Text(number, Style::Plain) => plain(line, texts.nth(*number)),
                Part::Text(number, Style::Json) => json(line, texts.nth(*number)),
                Part::Path(number) => plain(line, texts.nth(*number).map(|target| split(target).0)),
                Part::Query(number) => plain(line, texts.nth(*number).and_then(|target| split(target).1)),
                Part::Fact(fact, style) => self.fact(line, *fact, *style, record, &outcome, at),
            }
        }
    }

    #[inline]
    fn fact(
        &self,
        line: &mut Line,
        fact: Fact,
        style: Style,
        record: &AccessRecord,
        outcome: &Outcome,
        at: Moment<'_>,
    ) {
        match fact {
            Fact::Client => quoted(line, style, |line| self.address(line, record.peer)),
            Fact::PythonDate => line.put(*at.date.log_text()),
            Fact::ClfDate => line.put(*at.date.clf_text()),
            Fact::Rfc3339 => quoted(line, style, |line| rfc3339(line, at)),
            Fact::Status => line.put(digits(record.status)),
            Fact::BodyBytes => number(line, outcome.body_bytes),
            Fact::WireBytes => number(line, outcome.wire_bytes),
            Fact::Us => number(line, micros(at.now, record.begun)),
            Fact::FirstByteUs => match outcome.first_byte {
                Some(first) => number(line, micros(first, record.begun)),
                None => line.extend(nothing(style)),
            },
            Fact::Aborted => line.extend(if outcome.aborted { b"true" } else { b"false" }),
            Fact::Encoding => line.extend(nothing(style)),
            Fact::Cache => match record.cache.word() {
                Some(word) => quoted(line, style, |line| line.extend(word.as_bytes())),
                None => line.extend(nothing(style)),
            },
        }
    }

    #[inline]
    pub(super) fn address(&self, line: &mut Line, peer: Peer) {
        let Peer::Ip(address) = peer else { return no_address(line, peer) };
        match (self.client, address.ip().to_canonical()) {
            (Client::Off, _) => line.push(b'-'),
            (Client::Full, IpAddr::V4(v4)) => octets(line, v4.octets()),
            (Client::Prefix, IpAddr::V4(v4)) => {
                let [a, b, c, _] = v4.octets();
                octets(line, [a, b, c, 0]);
            }
            // Writing to memory does not fail.
            (Client::Full, IpAddr::V6(v6)) => drop(write!(line, "{v6}")),
            (Client::Prefix, IpAddr::V6(v6)) => {
                let [a, b, c, ..] = v6.segments();
                let _ = write!(line, "{}", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0));
            }
        }
    }

    /// Appends a message with client and date before it (row S57). A line feed inside cannot forge a line: it is escaped.
    pub fn message(&self, line: &mut Line, peer: Peer, at: Moment<'_>, text: &[u8]) {
        self.address(line, peer);
        line.put(*b" - - [");
        line.put(*at.date.log_text());
        line.put(*b"] ");
        escape(line, text);
        line.push(b'\n');
    }
}

/// What became of an answer.
struct Outcome {
    body_bytes: u64,
    wire_bytes: u64,
    first_byte: Option<Instant>,
    aborted: bool,
}

impl Outcome {
    #[inline]
    fn of(record: &AccessRecord, left: Left, now: Instant) -> Self {
        let head = u64::from(record.head_bytes);
        let whole = head + record.body_bytes;
        let wire_bytes = match left {
            Left::Sent(bytes) => bytes.saturating_sub(u64::from(record.start)).min(whole),
            Left::Body(bytes) => head + bytes.min(record.body_bytes),
        };
        Self {
            wire_bytes,
            body_bytes: wire_bytes.saturating_sub(head),
            first_byte: record.first_byte.or_else(|| (wire_bytes > 0).then_some(now)),
            aborted: wire_bytes < whole,
        }
    }
}

fn split(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match target.iter().position(|&byte| byte == b'?') {
        Some(at) => (&target[..at], Some(&target[at + 1..])),
        None => (target, None),
    }
}

fn micros(now: Instant, then: Instant) -> u64 {
    now.since(then).as_micros() as u64
}

fn nothing(style: Style) -> &'static [u8] {
    match style {
        Style::Plain => b"-",
        Style::Json => b"null",
    }
}

#[inline]
fn quoted(line: &mut Line, style: Style, write: impl FnOnce(&mut Line)) {
    if style == Style::Plain {
        return write(line);
    }
    line.push(b'"');
    write(line);
    line.push(b'"');
}

fn rfc3339(line: &mut Line, at: Moment<'_>) {
    line.put(*at.date.rfc3339_text());
    let millis = digits((at.wall.nanos / 1_000_000) as u16);
    line.push(b'.');
    line.put(millis);
    line.push(b'Z');
}

fn no_address(line: &mut Line, peer: Peer) {
    line.extend(if peer == Peer::Unix { b"unix" } else { b"-" });
}

#[inline]
fn octets(line: &mut Line, octets: [u8; 4]) {
    for (index, octet) in octets.into_iter().enumerate() {
        if index > 0 {
            line.push(b'.');
        }
        if octet >= 100 {
            line.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            line.push(b'0' + octet / 10 % 10);
        }
        line.push(b'0' + octet % 10);
    }
}

fn digits(number: u16) -> [u8; 3] {
    [number / 100 % 10, number / 10 % 10, number % 10].map(|digit| b'0' + digit as u8)
}

#[inline]
fn number(line: &mut Line, number: u64) {
    line.extend(itoa::Buffer::new().format(number).as_bytes());
}

#[inline]
fn plain(line: &mut Line, text: Option<&[u8]>) {
    match text {
        Some(text) if !text.is_empty() => escape(line, text),
        _ => line.push(b'-'),
    }
}

#[inline]
fn json(line: &mut Line, text: Option<&[u8]>) {
    let Some(text) = text else { return line.put(*b"null") };
    line.push(b'"');
    if !line.extend_plain(text) {
        escape_json(line, text);
    }
    line.push(b'"');
}

#[inline]
fn escape(line: &mut Line, text: &[u8]) {
    if !line.extend_plain(text) {
        escape_slowly(line, text);
    }
}

#[cold]
fn escape_slowly(line: &mut Line, text: &[u8]) {
    for &byte in text {
        match byte {
            b'\\' | b'"' => line.put([b'\\', byte]),
            byte if is_plain(byte) => line.push(byte),
            byte => drop(write!(line, "\\x{byte:02x}")),
        }
    }
}

/// Bytes from 0x80 up are written as the characters of ISO 8859-1 with that number: no byte is lost, whatever encoding
/// they were in, and a line is JSON always.
#[cold]
fn escape_json(line: &mut Line, text: &[u8]) {
    for &byte in text {
        match byte {
            b'\\' | b'"' => line.put([b'\\', byte]),
            byte if is_plain(byte) => line.push(byte),
            byte => drop(write!(line, "\\u{byte:04x}")),
        }
    }
}
