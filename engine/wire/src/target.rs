//! The request target: its four forms (RFC 9112 section 3.2), the authority, and the normal form of a path.

use std::net::Ipv6Addr;
use std::ops::Range;

use crate::error::RejectReason;

/// The form in which a target was sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TargetForm {
    /// `/path?query`.
    #[default]
    Origin,
    /// `http://host/path?query`; its authority overrides Host.
    Absolute,
    /// `host:port`, with CONNECT only.
    Authority,
    /// `*`, with OPTIONS only.
    Asterisk,
}

/// What the command lets a target be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// CONNECT: an authority.
    Tunnel,
    /// OPTIONS: anything but an authority, `*` included.
    Capabilities,
    /// All others: a path, alone or behind an authority.
    Resource,
}

/// Where the parts of a target lie in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Parts {
    pub form: TargetForm,
    /// Empty unless the form is absolute or authority.
    pub authority: Range<usize>,
    /// Path and query; may be empty in the absolute form, and is in the authority form.
    pub path: Range<usize>,
}

impl Parts {
    /// A target that is a path.
    pub fn origin(target: &[u8]) -> Self {
        Self { form: TargetForm::Origin, authority: 0..0, path: 0..target.len() }
    }
}

/// Finds the parts of a target that has no fragment and no byte that a target must not have.
pub(crate) fn split(purpose: Purpose, target: &[u8]) -> Result<Parts, RejectReason> {
    match target {
        _ if purpose == Purpose::Tunnel => split_authority(target),
        [b'/', ..] => Ok(Parts::origin(target)),
        b"*" if purpose == Purpose::Capabilities => {
            Ok(Parts { form: TargetForm::Asterisk, authority: 0..0, path: 0..target.len() })
        }
        b"*" => Err(RejectReason::TargetForm),
        _ => split_absolute(target),
    }
}

/// CONNECT goes to a host and a port other than 0 (RFC 9110 section 9.3.6).
fn split_authority(target: &[u8]) -> Result<Parts, RejectReason> {
    match authority_port(target) {
        Some(Some(1..)) => {
            Ok(Parts { form: TargetForm::Authority, authority: 0..target.len(), path: target.len()..target.len() })
        }
        _ => Err(RejectReason::TargetForm),
    }
}

fn split_absolute(target: &[u8]) -> Result<Parts, RejectReason> {
    let scheme = scheme_len(target).ok_or(RejectReason::TargetSyntax)?;
    let name = &target[..scheme];
    if !name.eq_ignore_ascii_case(b"http") && !name.eq_ignore_ascii_case(b"https") {
        return Err(RejectReason::TargetSyntax);
    }
    let start = scheme + 3;
    let rest = &target[start..];
    let end = start + rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    if authority_port(&target[start..end]).is_none() {
        return Err(RejectReason::HostSyntax);
    }
    Ok(Parts { form: TargetForm::Absolute, authority: start..end, path: end..target.len() })
}

/// Bytes of the scheme in front of `://`.
pub(crate) fn scheme_len(target: &[u8]) -> Option<usize> {
    let in_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let len = target.iter().position(|byte| !in_scheme(byte))?;
    let named = target[0].is_ascii_alphabetic() && target[len..].starts_with(b"://");
    named.then_some(len)
}

/// True when `bytes` are `uri-host [ ":" port ]` with a host (RFC 9110 sections 4.2.1 and 7.2), without user
/// information.
#[inline]
pub fn is_authority(bytes: &[u8]) -> bool {
    // The common host is letters, digits, dots and hyphens, with a port or without.
    let len = plain_len(bytes);
    match &bytes[len..] {
        [] => len > 0,
        [b':', port @ ..] if len > 0 => port.is_empty() || parse_port(port).is_some(),
        _ => authority_port(bytes).is_some(),
    }
}

/// How many plain bytes stand at the start; eight at a time, because every request has a Host.
#[inline]
fn plain_len(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let others = !plain_bytes(u64::from_le_bytes(*word)) & HIGHS;
        if others != 0 {
            return 8 * index + others.trailing_zeros() as usize / 8;
        }
    }
    8 * words.len() + tail.iter().position(|&byte| !PLAIN_HOST[byte as usize]).unwrap_or(tail.len())
}

/// The high bit of each byte that is a letter, a digit, a dot or a hyphen.
#[inline]
fn plain_bytes(word: u64) -> u64 {
    let ascii = word & !HIGHS;
    // No sum leaves its byte: each is at most 0x7f + 0x80.
    let within =
        |word: u64, low: u8, high: u8| (word + ONES * u64::from(0x80 - low)) & !(word + ONES * u64::from(0x7f - high));
    let letters = within(ascii | (ONES * 0x20), b'a', b'z');
    (letters | within(ascii, b'0', b'9') | within(ascii, b'-', b'.')) & !word
}

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// The port of `uri-host [ ":" port ]`: none when the bytes are not of this form, none within when there is no port.
#[expect(clippy::option_option, reason = "no authority, and an authority without a port, are two things")]
pub(crate) fn authority_port(bytes: &[u8]) -> Option<Option<u16>> {
    let host_len = match bytes {
        [b'[', ..] => ip_literal_len(bytes)?,
        _ => bytes.iter().position(|&byte| byte == b':').unwrap_or(bytes.len()),
    };
    let (host, rest) = bytes.split_at(host_len);
    if host.is_empty() || (bytes[0] != b'[' && !is_reg_name(host)) {
        return None;
    }
    match rest {
        [] | [b':'] => Some(None),
        [b':', port @ ..] => parse_port(port).map(Some),
        _ => None,
    }
}

/// Bytes of a bracketed IPv6 address. Zones and future versions of the Internet protocol are refused.
fn ip_literal_len(bytes: &[u8]) -> Option<usize> {
    let close = bytes.iter().position(|&byte| byte == b']')?;
    let address = std::str::from_utf8(&bytes[1..close]).ok()?;
    address.parse::<Ipv6Addr>().ok().map(|_| close + 1)
}

/// `reg-name` (RFC 3986 section 3.2.2), which includes every IPv4 address. A comma is refused: it is what two Host lines
/// become when somebody on the way joins them.
fn is_reg_name(host: &[u8]) -> bool {
    let mut rest = host;
    loop {
        rest = match rest {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            [byte, rest @ ..] if PLAIN_HOST[*byte as usize] || b"_~!$&'()*+;=".contains(byte) => rest,
            _ => return false,
        }
    }
}

/// The bytes of most hosts.
static PLAIN_HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        byte += 1;
    }
    table
};

/// One to five digits, at most 65535.
#[inline]
fn parse_port(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 5 {
        return None;
    }
    let push = |number: u32, digit: &u8| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'));
    u16::try_from(digits.iter().try_fold(0, push)?).ok()
}

/// A target with one slash where several begin it. Sent back as a reference, what begins with two would name another host
/// (RFC 3986 section 4.2).
pub fn one_slash(target: &[u8]) -> &[u8] {
    let slashes = target.iter().take_while(|&&byte| byte == b'/').count();
    &target[slashes.saturating_sub(1)..]
}

/// A path in normal form, ready to be looked up below a root.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NormalPath<'a> {
    /// Decoded segments between single slashes; no leading and no trailing slash. Empty for the root itself. No segment
    /// is empty, `.` or `..`, and none contains NUL or a slash that was not one in the target.
    pub path: &'a [u8],
    /// What stood behind the first `?`, as sent.
    pub query: Option<&'a [u8]>,
    /// The path ended in a slash, or in a `.` or `..` segment: it names a directory.
    pub directory: bool,
    /// Empty or dot segments were dropped: the target was not in normal form.
    pub changed: bool,
    /// A segment begins with a dot, other than a leading `.well-known` (RFC 8615).
    pub hidden: bool,
}

/// Why a path has no normal form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TargetError {
    /// `%` without two hexadecimal digits.
    BadEscape,
    /// `%00`.
    Nul,
    /// `%2f`: no file name contains a slash (row F4).
    EncodedSlash,
    /// `..` above the root (row F3).
    AboveRoot,
}

impl TargetError {
    /// The status code that answers it.
    pub const fn status(self) -> u16 {
        match self {
            Self::EncodedSlash => 404,
            Self::BadEscape | Self::Nul | Self::AboveRoot => 400,
        }
    }
}

/// Brings path and query of a target to normal form: escapes are decoded once, and after that empty segments and dot
/// segments are dropped (RFC 3986 section 6.2.2).
///
/// A plain path is answered as a part of `target`. Any other is written to `scratch`, which does not grow when its
/// capacity is at least the length of `target`. A backslash is a byte like any other.
pub fn normalize<'a>(target: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<NormalPath<'a>, TargetError> {
    let (raw, query) = match target.iter().position(|&byte| byte == b'?') {
        Some(mark) => (&target[..mark], Some(&target[mark + 1..])),
        None => (target, None),
    };
    let raw = raw.strip_prefix(b"/").unwrap_or(raw);
    if is_plain(raw) {
        let path = raw.strip_suffix(b"/").unwrap_or(raw);
        let directory = path.len() < raw.len() || raw.is_empty();
        return Ok(NormalPath { path, query, directory, changed: false, hidden: false });
    }
    let (directory, changed) = write_normal(raw, scratch)?;
    Ok(NormalPath { path: scratch, query, directory, changed, hidden: is_hidden(scratch) })
}

/// The path of a target without its first slash, if that is its normal form already: no segment is empty or begins with a
/// dot, and nothing is escaped. One that names a directory keeps its last slash. `None` says nothing about the target.
#[inline]
pub fn plain_path(target: &[u8]) -> Option<&[u8]> {
    let (&b'/', raw) = target.split_first()? else { return None };
    let mut before = b'/';
    for (at, &byte) in raw.iter().enumerate() {
        match byte {
            b'%' => return None,
            b'/' | b'.' if before == b'/' => return None,
            b'?' => return Some(&raw[..at]),
            _ => before = byte,
        }
    }
    Some(raw)
}

/// True when no segment is empty or begins with a dot, and nothing is escaped.
fn is_plain(raw: &[u8]) -> bool {
    let mut before = b'/';
    for &byte in raw {
        if byte == b'%' || (before == b'/' && matches!(byte, b'/' | b'.')) {
            return false;
        }
        before = byte;
    }
    true
}

/// Writes the normal form of `raw`; answers whether it names a directory, and whether segments were dropped.
fn write_normal(raw: &[u8], scratch: &mut Vec<u8>) -> Result<(bool, bool), TargetError> {
    scratch.clear();
    let mut changed = false;
    let mut directory = false;
    let mut segments = raw.split(|&byte| byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        // Every segment so far ended in a slash, so the new one begins here.
        let start = scratch.len();
        decode(segment, scratch)?;
        directory = match &scratch[start..] {
            b"" if last => true,
            b"" | b"." => {
                scratch.truncate(start);
                changed = true;
                true
            }
            b".." => {
                scratch.truncate(parent(&scratch[..start])?);
                changed = true;
                true
            }
            _ => {
                scratch.push(b'/');
                !last
            }
        };
    }
    scratch.pop_if(|byte| *byte == b'/');
    Ok((directory, changed))
}

/// Length of `path`, which ends in a slash, without its last segment.
fn parent(path: &[u8]) -> Result<usize, TargetError> {
    let (_, inner) = path.split_last().ok_or(TargetError::AboveRoot)?;
    Ok(inner.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1))
}

fn decode(segment: &[u8], scratch: &mut Vec<u8>) -> Result<(), TargetError> {
    let mut rest = segment;
    while let Some((&byte, after)) = rest.split_first() {
        let (decoded, after) = if byte == b'%' { unescape(after)? } else { (byte, after) };
        scratch.push(decoded);
        rest = after;
    }
    Ok(())
}

/// The byte that the two digits behind a `%` stand for, and what follows them.
fn unescape(digits: &[u8]) -> Result<(u8, &[u8]), TargetError> {
    let [high, low, rest @ ..] = digits else { return Err(TargetError::BadEscape) };
    let digit = |byte: &u8| (*byte as char).to_digit(16).ok_or(TargetError::BadEscape);
    match (digit(high)? * 16 + digit(low)?) as u8 {
        0 => Err(TargetError::Nul),
        b'/' => Err(TargetError::EncodedSlash),
        byte => Ok((byte, rest)),
    }
}

fn is_hidden(path: &[u8]) -> bool {
    let rest = match path.strip_prefix(b".well-known") {
        Some(rest) if rest.is_empty() || rest[0] == b'/' => rest,
        _ => path,
    };
    rest.split(|&byte| byte == b'/').any(|segment| segment.starts_with(b"."))
}

#[cfg(test)]
mod tests;
