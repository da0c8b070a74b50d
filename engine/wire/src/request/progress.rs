//! Heads that arrive in pieces: when is it worth to parse again?

use memchr::{memchr, memchr_iter};

use crate::limits::Limits;

/// Where the first empty line of `input` ends, looking at line feeds from offset `from` on.
///
/// `from` is how much of the input was there at the last call; bytes before it are looked at only to understand the
/// first ones behind it. A line is empty when nothing, or a carriage return alone, stands between two line feeds.
pub fn head_end(input: &[u8], from: usize) -> Option<usize> {
    let from = from.min(input.len());
    let ends_empty_line = |feed: &usize| matches!(&input[..*feed], [.., b'\n'] | [.., b'\n', b'\r']);
    memchr_iter(b'\n', &input[from..]).map(|feed| from + feed).find(ends_empty_line).map(|feed| feed + 1)
}

/// True when the bytes from `from` on can change the answer [`Partial`](super::Parsed::Partial) that was given for the
/// bytes before them: the first line is complete now, or a line is empty, or a limit may have been reached.
///
/// A head that trickles in is so looked at once per byte, and parsed a bounded number of times. Faults of field lines
/// are seen when the head is complete.
pub fn worth_parsing(input: &[u8], from: usize, limits: &Limits) -> bool {
    let from = from.min(input.len());
    let smallest = limits.request_line_bytes_max.min(limits.field_line_bytes_max).min(limits.head_bytes_max) as usize;
    // Past the smallest limit the head is parsed once per that many bytes.
    let passed = |limit: usize| limit > 0 && from / limit != input.len() / limit;
    // The second byte tells TLS from HTTP.
    from < 2
        || head_end(input, from).is_some()
        || (memchr(b'\n', &input[from..]).is_some() && memchr(b'\n', &input[..from]).is_none())
        || passed(smallest)
        || input.len() > limits.head_bytes_max as usize
}
