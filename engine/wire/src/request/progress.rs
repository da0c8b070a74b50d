//! Heads that arrive in pieces: when is it worth to parse again?

use crate::limits::{EMPTY_LINES_MAX, Limits};

/// Where the first empty line of `input` ends, looking at line feeds from offset `from` on.
///
/// `from` is how much of the input was there at the last call; bytes before it are looked at only to understand the
/// first ones behind it. A line is empty when nothing, or a carriage return alone, stands between two line feeds.
pub fn head_end(input: &[u8], from: usize) -> Option<usize> {
    let from = from.min(input.len());
    let ends_empty_line = |feed: &usize| matches!(&input[..*feed], [.., b'\n'] | [.., b'\n', b'\r']);
    feeds(input, from).find(ends_empty_line).map(|feed| feed + 1)
}

/// True when the bytes from `from` on can change the answer [`Partial`](super::Parsed::Partial) that was given for the
/// bytes before them: the request line may be complete now, or a line is empty, or a limit may have been reached.
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
        || (feeds(input, from).next().is_some() && in_request_line(&input[..from]))
        || passed(smallest)
        || input.len() > limits.head_bytes_max as usize
}

/// True when the request line may still be open behind `input`: there are no more line feeds than empty lines may have.
fn in_request_line(input: &[u8]) -> bool {
    feeds(input, 0).nth(EMPTY_LINES_MAX).is_none()
}

/// Offsets of the line feeds from `from` on.
fn feeds(input: &[u8], from: usize) -> impl Iterator<Item = usize> {
    (from..input.len()).filter(|&at| input[at] == b'\n')
}
