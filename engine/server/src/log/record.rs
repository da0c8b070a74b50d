//! What is kept of a request until its answer has left: a few numbers, and the texts that the format will show.
//!
//! Records stand behind each other as plain bytes, so that a shard moves them around without knowing what they say, and
//! so that keeping one allocates nothing once the memory has grown to its size.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use slipring_ring::{Instant, Peer};
use slipring_wire::field::KnownField;
use slipring_wire::request::RequestHead;

use super::format::{Format, Source};

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
    const ALL: [Self; 5] = [Self::None, Self::Hit, Self::Miss, Self::Revalidated, Self::Bypass];

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
    /// When its head was complete.
    pub begun: Instant,
    /// When the first byte of the answer had left, if that is known.
    pub first_byte: Option<Instant>,
    /// Bytes before the answer in what it is sent with.
    pub start: u32,
    /// Bytes of the answer's head.
    pub head_bytes: u32,
    /// Bytes of the answer's body, when all of it leaves.
    pub body_bytes: u64,
    /// The status of the answer.
    pub status: u16,
    /// What a cache had to do with it.
    pub cache: CacheUse,
}

/// What the request said.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The request line as sent, without its end.
    pub line: &'a [u8],
    /// The parsed head and its bytes; `None` for what is no request.
    pub head: Option<(&'a RequestHead, &'a [u8])>,
}

impl AccessRecord {
    /// Appends the record to `stage`, with the texts that `format` shows of the request.
    #[inline]
    pub fn stage(&self, format: &Format, asked: Asked<'_>, stage: &mut Vec<u8>) {
        let at = stage.len();
        stage.extend_from_slice(&self.encode());
        for source in &format.sources {
            capture(stage, source.find(asked), source.bytes_max(), format.query);
        }
        let len = (stage.len() - at) as u32;
        stage[at..at + 4].copy_from_slice(&len.to_le_bytes());
    }

    #[inline]
    fn encode(&self) -> [u8; FIXED] {
        let mut bytes = [0; FIXED];
        let mut writer = Writer { bytes: &mut bytes, at: 4 };
        writer.put([ACCESS]);
        writer.put(encode_peer(self.peer));
        writer.put(self.first_byte.map_or(0, Instant::nanos).to_le_bytes());
        writer.put(self.begun.nanos().to_le_bytes());
        writer.put(self.start.to_le_bytes());
        writer.put(self.head_bytes.to_le_bytes());
        writer.put(self.body_bytes.to_le_bytes());
        writer.put(self.status.to_le_bytes());
        writer.put([self.cache as u8]);
        bytes
    }

    #[inline]
    fn decode(mut bytes: &[u8]) -> Option<(Self, Texts<'_>)> {
        let peer = decode_peer(take(&mut bytes)?);
        let first_byte = u64::from_le_bytes(take(&mut bytes)?);
        let record = Self {
            peer,
            first_byte: (first_byte > 0).then(|| Instant::ORIGIN.plus(std::time::Duration::from_nanos(first_byte))),
            begun: Instant::ORIGIN.plus(std::time::Duration::from_nanos(u64::from_le_bytes(take(&mut bytes)?))),
            start: u32::from_le_bytes(take(&mut bytes)?),
            head_bytes: u32::from_le_bytes(take(&mut bytes)?),
            body_bytes: u64::from_le_bytes(take(&mut bytes)?),
            status: u16::from_le_bytes(take(&mut bytes)?),
            cache: CacheUse::ALL[usize::from(take::<1>(&mut bytes)?[0]) % CacheUse::ALL.len()],
        };
        Some((record, Texts(bytes)))
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
    let mut at = 0;
    while let Some(len) = stage.get(at..at + 4).and_then(|len| len.try_into().ok()).map(u32::from_le_bytes) {
        let record = &mut stage[at..at + len as usize];
        if record[4] == ACCESS
            && let Some((decoded, _)) = AccessRecord::decode(&record[5..])
            && decoded.first_byte.is_none()
            && u64::from(decoded.start) < sent
        {
            record[FIRST_BYTE_AT..FIRST_BYTE_AT + 8].copy_from_slice(&now.nanos().to_le_bytes());
        }
        at += len as usize;
    }
}

/// One thing to be logged.
#[derive(Debug)]
pub enum Staged<'a> {
    /// A request.
    Access(AccessRecord, Texts<'a>),
    /// A message about a peer.
    Message(Peer, &'a [u8]),
}

/// The records of a stage, in order.
#[derive(Debug)]
pub struct Records<'a>(pub &'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Staged<'a>;

    #[inline]
    fn next(&mut self) -> Option<Staged<'a>> {
        let len = u32::from_le_bytes(*self.0.first_chunk()?) as usize;
        let (record, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        match record.get(4)? {
            &ACCESS => AccessRecord::decode(&record[5..]).map(|(record, texts)| Staged::Access(record, texts)),
            _ => {
                let mut bytes = &record[5..];
                let peer = decode_peer(take(&mut bytes)?);
                Some(Staged::Message(peer, bytes))
            }
        }
    }
}

/// The texts of a record, in the order of its format's sources.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a>(&'a [u8]);

impl<'a> Texts<'a> {
    /// The text of this source; `None` if the request had none.
    #[inline]
    pub fn nth(self, number: usize) -> Option<&'a [u8]> {
        let mut bytes = self.0;
        for _ in 0..number {
            bytes = next_text(bytes)?.1;
        }
        next_text(bytes)?.0
    }
}

#[inline]
fn next_text(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    match u16::from_le_bytes(*len) {
        ABSENT => Some((None, rest)),
        len => rest.split_at_checked(usize::from(len)).map(|(text, rest)| (Some(text), rest)),
    }
}

/// Appends a text with its length, cut at `max`, and without its query if that is to be kept secret.
#[inline]
fn capture(stage: &mut Vec<u8>, text: Option<&[u8]>, max: usize, query: bool) {
    let Some(text) = text else { return stage.extend_from_slice(&ABSENT.to_le_bytes()) };
    let at = stage.len();
    stage.extend_from_slice(&[0; 2]);
    if query {
        stage.extend_from_slice(&text[..text.len().min(max)]);
    } else {
        append_without_query(stage, text, max);
    }
    let len = (stage.len() - at - 2) as u16;
    stage[at..at + 2].copy_from_slice(&len.to_le_bytes());
}

/// What stands between `?` and the next space is left out.
fn append_without_query(stage: &mut Vec<u8>, text: &[u8], max: usize) {
    let end = text.iter().position(|&byte| byte == b'?').unwrap_or(text.len());
    let behind = text[end..].iter().position(|&byte| byte == b' ').map_or(text.len(), |space| end + space);
    let kept = [&text[..end], &text[behind..]];
    stage.extend(kept.into_iter().flatten().take(max));
}

impl Source {
    /// What the request says of it.
    #[inline]
    fn find<'a>(&self, asked: Asked<'a>) -> Option<&'a [u8]> {
        let Some((head, bytes)) = asked.head else {
            return matches!(self, Self::RequestLine).then_some(asked.line);
        };
        match self {
            Self::RequestLine => Some(asked.line),
            Self::Method => Some(head.method(bytes)),
            Self::Target => Some(head.target(bytes)),
            Self::Host => head.authority(bytes),
            Self::Referer => head.known(KnownField::Referer, bytes),
            Self::UserAgent => head.known(KnownField::UserAgent, bytes),
            Self::Field(name) => head.fields(bytes).get(name),
        }
    }

    fn bytes_max(&self) -> usize {
        match self {
            Self::RequestLine | Self::Target => super::REQUEST_LINE_BYTES_MAX,
            _ => super::FIELD_BYTES_MAX,
        }
    }
}

struct Writer<'a> {
    bytes: &'a mut [u8; FIXED],
    at: usize,
}

impl Writer<'_> {
    #[inline]
    fn put<const N: usize>(&mut self, part: [u8; N]) {
        self.bytes[self.at..self.at + N].copy_from_slice(&part);
        self.at += N;
    }
}

#[inline]
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (part, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*part)
}

#[inline]
fn encode_peer(peer: Peer) -> [u8; PEER] {
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

#[inline]
fn decode_peer(bytes: [u8; PEER]) -> Peer {
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

const ACCESS: u8 = 0;
const MESSAGE: u8 = 1;
/// Bytes of a peer.
const PEER: usize = 19;
/// Where the time of the first byte stands in a record.
const FIRST_BYTE_AT: usize = 4 + 1 + PEER;
/// Bytes of a record before its texts.
const FIXED: usize = FIRST_BYTE_AT + 8 + 8 + 4 + 4 + 8 + 2 + 1;
/// The length that says: there is no text.
const ABSENT: u16 = u16::MAX;
/// Bytes of a message that a line shows; the rest is cut.
const MESSAGE_BYTES_MAX: usize = 4096;

// A text's length fits its two bytes.
const _: () = assert!(super::REQUEST_LINE_BYTES_MAX < ABSENT as usize && super::FIELD_BYTES_MAX < ABSENT as usize);
