//! From a record to a line.

use std::io::Write;
use std::net::IpAddr;

use slipring_ring::{Instant, Peer, Wall};
use slipring_wire::date::DateCache;
use slipring_wire::field::KnownField;

use super::Names;
use super::format::{Client, Format, Late, Part, Source, Style};
use super::record::{AccessRecord, Asked, HOLE, Known, Sending, Unfinished};
use super::text::{append_plain, is_plain, octets};

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
    /// The names of peers that are known by then, where they are asked for.
    pub names: Option<&'a Names>,
}

impl Format {
    /// Appends what is known of a line before its answer leaves, and notes at `holes_at` where the holes are. If all of
    /// them can be guessed, they are filled with what is true of an answer that leaves whole and in this second.
    #[inline]
    pub(super) fn begin(
        &self,
        stage: &mut Vec<u8>,
        holes_at: usize,
        record: &AccessRecord,
        asked: Asked<'_>,
        known: Known<'_>,
    ) {
        // Two loops, in each of which the style is no question.
        match self.style {
            Style::Plain => self.begin_in(Style::Plain, stage, holes_at, record, asked, known),
            Style::Json => self.begin_in(Style::Json, stage, holes_at, record, asked, known),
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the style is a constant in it only where it is called")]
    fn begin_in(
        &self,
        style: Style,
        stage: &mut Vec<u8>,
        holes_at: usize,
        record: &AccessRecord,
        asked: Asked<'_>,
        known: Known<'_>,
    ) {
        let start = stage.len();
        let mut holes = self.holes.iter().zip((holes_at..).step_by(HOLE));
        let guess = Outcome::whole(&record.sending);
        let Known { date, names } = known;
        let at = Moment { now: record.sending.begun, wall: Wall::default(), date, names };
        for piece in &self.pieces {
            piece.literal.append_to(stage);
            match piece.part {
                Part::Nothing => {}
                Part::Text(source) => self.text(style, stage, self.find(source, asked)),
                Part::Client => quoted(stage, style, |line| self.address(line, record.peer, names)),
                Part::Status => stage.extend_from_slice(&digits(record.status)),
                Part::Encoding => stage.extend_from_slice(nothing(style)),
                Part::Cache => match record.cache.word() {
                    Some(word) => quoted(stage, style, |line| line.extend_from_slice(word.as_bytes())),
                    None => stage.extend_from_slice(nothing(style)),
                },
                Part::Hole => {
                    let Some((&late, hole_at)) = holes.next() else { continue };
                    let from = (stage.len() - start) as u64;
                    if self.guessable {
                        fill(stage, late, style, &record.sending, &guess, at);
                    }
                    let to = (stage.len() - start) as u64;
                    stage[hole_at..hole_at + HOLE].copy_from_slice(&(to << 32 | from).to_le_bytes());
                }
            }
        }
    }

    /// The whole line: as it was begun if the guess came true, else made in `line`, with its holes filled.
    #[inline]
    pub fn finish<'a>(
        &self,
        line: &'a mut Vec<u8>,
        begun: Unfinished<'a>,
        sending: &Sending,
        left: Left,
        at: Moment<'_>,
    ) -> &'a [u8] {
        let (holes, text) = begun.line.split_at(HOLE * self.holes.len());
        if begun.guessed == at.date.secs() && left.is_whole(sending) {
            return text;
        }
        line.clear();
        let outcome = Outcome::of(sending, left, at.now);
        let mut behind = 0;
        for (hole, &late) in holes.as_chunks::<HOLE>().0.iter().zip(&self.holes) {
            let both = u64::from_le_bytes(*hole);
            line.extend_from_slice(&text[behind..both as u32 as usize]);
            fill(line, late, self.style, sending, &outcome, at);
            behind = (both >> 32) as usize;
        }
        line.extend_from_slice(&text[behind..]);
        line
    }

    #[inline]
    fn text(&self, style: Style, line: &mut Vec<u8>, text: Option<&[u8]>) {
        match text {
            None => line.extend_from_slice(nothing(style)),
            Some(text) if self.query => written(style, line, text, b""),
            // Behind the query there is only ever the version of a request line.
            Some(text) => {
                let (text, behind) = without_query(text);
                written(style, line, text, behind);
            }
        }
    }

    /// What the request says of it, cut at what a line shows.
    #[inline]
    fn find<'a>(&self, source: Source, asked: Asked<'a>) -> Option<&'a [u8]> {
        let line = |text| cut(text, super::REQUEST_LINE_BYTES_MAX);
        let Some((head, bytes)) = asked.head else {
            return (source == Source::RequestLine).then(|| line(asked.line));
        };
        let text = match source {
            Source::RequestLine => return Some(line(asked.line)),
            Source::Target => return Some(line(head.target(bytes))),
            Source::Path => return Some(split(line(head.target(bytes))).0),
            Source::Query => return split(line(head.target(bytes))).1.filter(|_| self.query),
            Source::Method => Some(head.method(bytes)),
            Source::Host => head.authority(bytes),
            Source::Referer => head.known(KnownField::Referer, bytes),
            Source::UserAgent => head.known(KnownField::UserAgent, bytes),
            Source::Field(number) => self.fields.get(usize::from(number)).and_then(|name| head.fields(bytes).get(name)),
        };
        text.map(|text| cut(text, super::FIELD_BYTES_MAX))
    }

    #[inline]
    fn address(&self, line: &mut Vec<u8>, peer: Peer, names: Option<&Names>) {
        if let Some(name) = names.and_then(|names| names.of(peer))
            && self.client == Client::Full
        {
            return line.extend_from_slice(name.as_bytes());
        }
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
        self.address(line, peer, at.names);
        line.extend_from_slice(b" - - [");
        line.extend_from_slice(at.date.log_text());
        line.extend_from_slice(b"] ");
        escape(line, text);
        line.push(b'\n');
    }
}

impl Left {
    /// Whether all of an answer of known length left.
    #[inline]
    fn is_whole(self, sending: &Sending) -> bool {
        match self {
            Self::Sent(bytes) => bytes >= u64::from(sending.start) + u64::from(sending.head_bytes) + sending.body_bytes,
            Self::Body(bytes) => bytes >= sending.body_bytes,
            Self::Open { .. } => false,
        }
    }
}

/// What became of an answer.
pub(super) struct Outcome {
    pub(super) body_bytes: u64,
    wire_bytes: u64,
    first_byte: Option<Instant>,
    pub(super) aborted: bool,
}

impl Outcome {
    /// All of it left.
    #[inline]
    fn whole(sending: &Sending) -> Self {
        let wire_bytes = u64::from(sending.head_bytes) + sending.body_bytes;
        Self { body_bytes: sending.body_bytes, wire_bytes, first_byte: None, aborted: false }
    }

    #[inline]
    pub(super) fn of(sending: &Sending, left: Left, now: Instant) -> Self {
        let head = u64::from(sending.head_bytes);
        let whole = head + sending.body_bytes;
        let wire_bytes = match left {
            Left::Sent(bytes) => bytes.saturating_sub(u64::from(sending.start)).min(whole),
            Left::Body(bytes) => head + bytes.min(sending.body_bytes),
            Left::Open { wire, .. } => head + wire,
        };
        let (body_bytes, aborted) = match left {
            Left::Open { body, whole, .. } => (body, !whole),
            Left::Sent(_) | Left::Body(_) => (wire_bytes.saturating_sub(head), wire_bytes < whole),
        };
        let first_byte = sending.first_byte.or_else(|| (wire_bytes > 0).then_some(now));
        Self { body_bytes, wire_bytes, first_byte, aborted }
    }
}

#[inline]
fn fill(line: &mut Vec<u8>, late: Late, style: Style, sending: &Sending, outcome: &Outcome, at: Moment<'_>) {
    match late {
        Late::PythonDate => line.extend_from_slice(at.date.log_text()),
        Late::ClfDate => line.extend_from_slice(at.date.clf_text()),
        Late::Rfc3339 => quoted(line, style, |line| rfc3339(line, at)),
        Late::BodyBytes => number(line, outcome.body_bytes),
        Late::WireBytes => number(line, outcome.wire_bytes),
        Late::Us => number(line, micros(at.now, sending.begun)),
        Late::FirstByteUs => match outcome.first_byte {
            Some(first) => number(line, micros(first, sending.begun)),
            None => line.extend_from_slice(nothing(style)),
        },
        Late::Aborted => line.extend_from_slice(if outcome.aborted { b"true" } else { b"false" }),
    }
}

/// A text in two parts.
#[inline]
fn written(style: Style, line: &mut Vec<u8>, text: &[u8], behind: &[u8]) {
    match style {
        Style::Plain if text.is_empty() && behind.is_empty() => line.push(b'-'),
        Style::Plain => {
            escape(line, text);
            escape(line, behind);
        }
        Style::Json => quoted(line, style, |line| {
            escape_json(line, text);
            escape_json(line, behind);
        }),
    }
}

fn cut(text: &[u8], max: usize) -> &[u8] {
    &text[..text.len().min(max)]
}

/// What stands before a query, and what stands behind it.
fn without_query(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&byte| byte == b'?').unwrap_or(text.len());
    let behind = text[end..].iter().position(|&byte| byte == b' ').map_or(text.len(), |space| end + space);
    (&text[..end], &text[behind..])
}

fn split(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match target.iter().position(|&byte| byte == b'?') {
        Some(at) => (&target[..at], Some(&target[at + 1..])),
        None => (target, None),
    }
}

pub(super) fn micros(now: Instant, then: Instant) -> u64 {
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

fn digits(number: u16) -> [u8; 3] {
    [number / 100 % 10, number / 10 % 10, number % 10].map(|digit| b'0' + digit as u8)
}

#[inline]
fn number(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[inline]
fn escape(line: &mut Vec<u8>, text: &[u8]) {
    if !text.is_empty() && !append_plain(line, text) {
        escape_slowly(line, text);
    }
}

#[inline]
fn escape_json(line: &mut Vec<u8>, text: &[u8]) {
    if !text.is_empty() && !append_plain(line, text) {
        escape_json_slowly(line, text);
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
fn escape_json_slowly(line: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            b'\\' | b'"' => line.extend_from_slice(&[b'\\', byte]),
            byte if is_plain(byte) => line.push(byte),
            byte => drop(write!(line, "\\u{byte:04x}")),
        }
    }
}
