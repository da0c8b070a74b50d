//! From a record to a line.

use std::io::Write;
use std::net::IpAddr;

use slipring_ring::{Instant, Peer, Wall};
use slipring_wire::date::DateCache;

use super::format::{Client, Fact, Format, Part, Style};
use super::record::{AccessRecord, Texts};

/// How an answer left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// So many bytes of what it was sent with left.
    Sent(u64),
    /// Its head left, and so many bytes of its body.
    Body(u64),
    /// Its head left, and so many bytes of a body whose length nobody knew before: of the body itself, and on the wire with
    /// what frames it.
    Open {
        /// Bytes of the body.
        body: u64,
        /// Bytes on the wire.
        wire: u64,
        /// It came to its end.
        whole: bool,
    },
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
    pub fn write(&self, line: &mut Vec<u8>, record: &AccessRecord, texts: Texts<'_>, left: Left, at: Moment<'_>) {
        let outcome = Outcome::of(record, left, at.now);
        for part in &self.parts {
            match part {
                Part::Literal(text) => line.extend_from_slice(text),
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
        line: &mut Vec<u8>,
        fact: Fact,
        style: Style,
        record: &AccessRecord,
        outcome: &Outcome,
        at: Moment<'_>,
    ) {
        match fact {
            Fact::Client => quoted(line, style, |line| self.address(line, record.peer)),
            Fact::PythonDate => line.extend_from_slice(at.date.log_text()),
            Fact::ClfDate => line.extend_from_slice(at.date.clf_text()),
            Fact::Rfc3339 => quoted(line, style, |line| rfc3339(line, at)),
            Fact::Status => line.extend_from_slice(&digits(record.status)),
            Fact::BodyBytes => number(line, outcome.body_bytes),
            Fact::WireBytes => number(line, outcome.wire_bytes),
            Fact::Us => number(line, micros(at.now, record.begun)),
            Fact::FirstByteUs => match outcome.first_byte {
                Some(first) => number(line, micros(first, record.begun)),
                None => line.extend_from_slice(nothing(style)),
            },
            Fact::Aborted => line.extend_from_slice(if outcome.aborted { b"true" } else { b"false" }),
            Fact::Encoding => line.extend_from_slice(nothing(style)),
            Fact::Cache => match record.cache.word() {
                Some(word) => quoted(line, style, |line| line.extend_from_slice(word.as_bytes())),
                None => line.extend_from_slice(nothing(style)),
            },
        }
    }

    #[inline]
    pub(super) fn address(&self, line: &mut Vec<u8>, peer: Peer) {
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
    pub fn message(&self, line: &mut Vec<u8>, peer: Peer, at: Moment<'_>, text: &[u8]) {
        self.address(line, peer);
        line.extend_from_slice(b" - - [");
        line.extend_from_slice(at.date.log_text());
        line.extend_from_slice(b"] ");
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
            Left::Open { wire, .. } => head + wire,
        };
        let (body_bytes, aborted) = match left {
            Left::Open { body, whole, .. } => (body, !whole),
            Left::Sent(_) | Left::Body(_) => (wire_bytes.saturating_sub(head), wire_bytes < whole),
        };
        let first_byte = record.first_byte.or_else(|| (wire_bytes > 0).then_some(now));
        Self { body_bytes, wire_bytes, first_byte, aborted }
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
fn quoted(line: &mut Vec<u8>, style: Style, write: impl FnOnce(&mut Vec<u8>)) {
    if style == Style::Plain {
        return write(line);
    }
    line.push(b'"');
    write(line);
    line.push(b'"');
}

fn rfc3339(line: &mut Vec<u8>, at: Moment<'_>) {
    line.extend_from_slice(at.date.rfc3339_text());
    let millis = digits((at.wall.nanos / 1_000_000) as u16);
    line.push(b'.');
    line.extend_from_slice(&millis);
    line.push(b'Z');
}

fn no_address(line: &mut Vec<u8>, peer: Peer) {
    line.extend_from_slice(if peer == Peer::Unix { b"unix" } else { b"-" });
}

#[inline]
fn octets(line: &mut Vec<u8>, octets: [u8; 4]) {
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
fn number(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[inline]
fn plain(line: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) if !text.is_empty() => escape(line, text),
        _ => line.push(b'-'),
    }
}

#[inline]
fn json(line: &mut Vec<u8>, text: Option<&[u8]>) {
    let Some(text) = text else { return line.extend_from_slice(b"null") };
    line.push(b'"');
    if all_plain(text) {
        line.extend_from_slice(text);
    } else {
        escape_json(line, text);
    }
    line.push(b'"');
}

#[inline]
fn escape(line: &mut Vec<u8>, text: &[u8]) {
    if all_plain(text) {
        line.extend_from_slice(text);
    } else {
        escape_slowly(line, text);
    }
}

#[cold]
fn escape_slowly(line: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            b'\\' | b'"' => line.extend_from_slice(&[b'\\', byte]),
            byte if is_plain(byte) => line.push(byte),
            byte => drop(write!(line, "\\x{byte:02x}")),
        }
    }
}

/// Bytes from 0x80 up are written as the characters of ISO 8859-1 with that number: no byte is lost, whatever encoding
/// they were in, and a line is JSON always.
#[cold]
fn escape_json(line: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            b'\\' | b'"' => line.extend_from_slice(&[b'\\', byte]),
            byte if is_plain(byte) => line.push(byte),
            byte => drop(write!(line, "\\u{byte:04x}")),
        }
    }
}

/// Without a way out in the middle, so that many bytes are looked at in one step.
#[inline]
fn all_plain(text: &[u8]) -> bool {
    text.iter().fold(true, |all, &byte| all & is_plain(byte))
}

/// Printable ASCII but for backslash and quote. Other bytes could be a terminal's controls (0x80 to 0x9F) or parts of
/// them in some encoding.
#[inline]
fn is_plain(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) & (byte != b'\\') & (byte != b'"')
}
