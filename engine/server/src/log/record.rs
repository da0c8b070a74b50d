//! What is kept of a request until its answer has left: its line, as far as it is known, and a few numbers.
//!
//! Records stand behind each other as plain bytes, so that a shard moves them around without knowing what they say, and
//! so that keeping one allocates nothing once the memory has grown to its size.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use slipring_ring::{Instant, Peer};
use slipring_wire::date::DateCache;
use slipring_wire::request::RequestHead;

use super::Names;
use super::format::Format;

/// Where the answer to a request came from, as far as a cache was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheUse {
    /// No cache was asked.
    #[default]
    None,
    /// It was there and trusted.
    Hit,
    /// It was not there.
    Miss,
    /// It was there, and was compared with the file before it was used.
    Revalidated,
    /// The cache does not take it.
    Bypass,
}

impl CacheUse {
    /// As the log says it.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Hit => Some("hit"),
            Self::Miss => Some("miss"),
            Self::Revalidated => Some("revalidated"),
            Self::Bypass => Some("bypass"),
        }
    }
}

/// One answered request, before its answer has left.
#[derive(Clone, Copy, Debug)]
pub struct AccessRecord {
    /// Who asked.
    pub peer: Peer,
    /// The status of the answer.
    pub status: u16,
    /// What a cache had to do with it.
    pub cache: CacheUse,
    /// What its sending will tell.
    pub sending: Sending,
}

/// What an answer consists of and when it was begun.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    /// When the head of its request was complete.
    pub begun: Instant,
    /// When the first byte of the answer had left, if that is known.
    pub first_byte: Option<Instant>,
    /// Bytes before the answer in what it is sent with.
    pub start: u32,
    /// Bytes of the answer's head.
    pub head_bytes: u32,
    /// Bytes of the answer's body, when all of it leaves.
    pub body_bytes: u64,
}

/// What the request said.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The request line as sent, without its end.
    pub line: &'a [u8],
    /// The parsed head and its bytes; `None` for what is no request.
    pub head: Option<(&'a RequestHead, &'a [u8])>,
}

/// What is known when a request is answered.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The second, in words.
    pub date: &'a DateCache,
    /// The names of peers, where they are asked for.
    pub names: Option<&'a Names>,
}

impl AccessRecord {
    /// Appends the record to `stage`: its line in this format, with holes where only the sending can tell.
    #[inline]
    pub fn stage(&self, format: &Format, asked: Asked<'_>, known: Known<'_>, stage: &mut Vec<u8>) {
        stage.reserve(RECORD_BYTES);
        let at = stage.len();
        stage.extend_from_slice(&[0; FIXED]);
        if let Some(fixed) = stage.last_chunk_mut() {
            self.sending.encode(fixed, if format.guessable { known.date.secs() } else { UNGUESSED });
        }
        let holes_at = stage.len();
        for _ in &format.holes {
            stage.extend_from_slice(&[0; HOLE]);
        }
        format.begin(stage, holes_at, self, asked, known);
        let len = (stage.len() - at) as u32;
        stage[at..at + 4].copy_from_slice(&len.to_le_bytes());
    }
}

impl Sending {
    /// Writes it where it is kept: copied from elsewhere, it would be read before the processor has it together.
    #[inline]
    pub(super) fn encode(&self, bytes: &mut [u8; FIXED], guessed: u64) {
        bytes[4] = ACCESS;
        bytes[5..13].copy_from_slice(&self.first_byte.map_or(0, Instant::nanos).to_le_bytes());
        bytes[13..21].copy_from_slice(&self.begun.nanos().to_le_bytes());
        bytes[21..25].copy_from_slice(&self.start.to_le_bytes());
        bytes[25..29].copy_from_slice(&self.head_bytes.to_le_bytes());
        bytes[29..37].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[37..45].copy_from_slice(&guessed.to_le_bytes());
    }

    /// What was encoded, with the second that was guessed.
    #[inline]
    pub(super) fn decode(bytes: &[u8; FIXED]) -> (Self, u64) {
        let long = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap_or(&[0; 8]));
        let short = |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().unwrap_or(&[0; 4]));
        let instant = |nanos| Instant::ORIGIN.plus(Duration::from_nanos(nanos));
        let sending = Self {
            first_byte: (long(5) > 0).then(|| instant(long(5))),
            begun: instant(long(13)),
            start: short(21),
            head_bytes: short(25),
            body_bytes: long(29),
        };
        (sending, long(37))
    }
}

/// Appends a message about `peer`, for the error log.
pub fn stage_message(stage: &mut Vec<u8>, peer: Peer, text: &[u8]) {
    let text = &text[..text.len().min(MESSAGE_BYTES_MAX)];
    let len = (4 + 1 + PEER + text.len()) as u32;
    stage.extend_from_slice(&len.to_le_bytes());
    stage.push(MESSAGE);
    stage.extend_from_slice(&encode_peer(peer));
    stage.extend_from_slice(text);
}

/// Notes that the bytes before `sent` had left at `now`, in the records whose first byte is among them.
pub fn note_progress(stage: &mut [u8], sent: u64, now: Instant) {
    records_mut(stage, |record| {
        if record[4] == ACCESS
            && let Some((sending, _)) = record.first_chunk().map(Sending::decode)
            && sending.first_byte.is_none()
            && u64::from(sending.start) < sent
        {
            record[5..13].copy_from_slice(&now.nanos().to_le_bytes());
        }
    });
}

/// Each record of a stage, whole, in order.
pub(super) fn records_mut(stage: &mut [u8], mut each: impl FnMut(&mut [u8])) {
    let mut at = 0;
    while let Some(len) = stage.get(at..at + 4).and_then(|len| len.try_into().ok()).map(u32::from_le_bytes) {
        each(&mut stage[at..at + len as usize]);
        at += len as usize;
    }
}

/// One thing to be logged.
#[derive(Debug)]
pub enum Staged<'a> {
    /// A request: how it is sent, and its line with holes.
    Access(Sending, Unfinished<'a>),
    /// A message about a peer.
    Message(Peer, &'a [u8]),
}

/// A line with holes: where they are, and the text with what was guessed for them.
#[derive(Clone, Copy, Debug)]
pub struct Unfinished<'a> {
    /// The second for which the holes were filled by guess.
    pub(super) guessed: u64,
    pub(super) line: &'a [u8],
}

/// The records of a stage, in order.
#[derive(Debug)]
pub struct Records<'a>(pub &'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Staged<'a>;

    #[inline]
    fn next(&mut self) -> Option<Staged<'a>> {
        loop {
            let len = u32::from_le_bytes(*self.0.first_chunk()?) as usize;
            let (record, rest) = self.0.split_at_checked(len)?;
            self.0 = rest;
            let (&kind, mut bytes) = record.get(4..)?.split_first()?;
            if kind == ACCESS {
                let (fixed, line) = record.split_first_chunk()?;
                let (sending, guessed) = Sending::decode(fixed);
                return Some(Staged::Access(sending, Unfinished { guessed, line }));
            }
            if kind == MESSAGE {
                let peer = decode_peer(take(&mut bytes)?);
                return Some(Staged::Message(peer, bytes));
            }
            // What the handler was told of, and what it keeps to itself.
        }
    }
}

#[inline]
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (part, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*part)
}

pub(super) fn encode_peer(peer: Peer) -> [u8; PEER] {
    let mut bytes = [0; PEER];
    match peer {
        Peer::Unknown => {}
        Peer::Unix => bytes[0] = 1,
        Peer::Ip(address) => {
            match address.ip() {
                IpAddr::V4(v4) => {
                    bytes[0] = 4;
                    bytes[1..5].copy_from_slice(&v4.octets());
                }
                IpAddr::V6(v6) => {
                    bytes[0] = 6;
                    bytes[1..17].copy_from_slice(&v6.octets());
                }
            }
            bytes[17..19].copy_from_slice(&address.port().to_le_bytes());
        }
    }
    bytes
}

pub(super) fn decode_peer(bytes: [u8; PEER]) -> Peer {
    let port = u16::from_le_bytes([bytes[17], bytes[18]]);
    let [_, a, b, c, d, ..] = bytes;
    let sixteen: [u8; 16] = *bytes[1..17].first_chunk().unwrap_or(&[0; 16]);
    match bytes[0] {
        0 => Peer::Unknown,
        1 => Peer::Unix,
        4 => Peer::Ip(SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), port)),
        _ => Peer::Ip(SocketAddr::new(Ipv6Addr::from(sixteen).into(), port)),
    }
}

pub(super) const ACCESS: u8 = 0;
const MESSAGE: u8 = 1;
/// Bytes of a peer.
const PEER: usize = 19;
/// Bytes of a record of a request before its holes.
pub(super) const FIXED: usize = 45;
/// Bytes that say where a hole begins and ends.
pub(super) const HOLE: usize = 8;
/// No second: the holes are empty.
pub(super) const UNGUESSED: u64 = u64::MAX;
/// Memory for a usual record is asked for at once.
const RECORD_BYTES: usize = 1024;
/// Bytes of a message that a line shows; the rest is cut.
const MESSAGE_BYTES_MAX: usize = 4096;
