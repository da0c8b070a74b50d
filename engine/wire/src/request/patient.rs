//! The patient way through a head: line by line, every tolerance, every refusal.
//!
//! ```text
//! empty lines --> request line --> field line --+--> empty line --> meaning
//!                      |            ^           |
//!                      v            +-----------+
//!                 HTTP/0.9: done
//! ```
//!
//! A line is judged when it is complete, and its length is judged before its bytes. So a longer input never changes a
//! refusal, and a refusal never waits for the end of the head.

use std::ops::Range;

use super::head::{RequestHead, Tolerance};
use super::{line, meaning};
use crate::error::{Reject, RejectReason};
use crate::field::KnownField;
use crate::limits::{EMPTY_LINES_MAX, FIELD_COUNT_CAPACITY, Limits};
use crate::version::Version;

/// Why reading stopped before the end of the head.
pub(super) enum Stop {
    /// The input ended.
    Partial,
    /// Something is wrong.
    Reject(Reject),
}

impl From<Reject> for Stop {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

/// Reads a head and notes in `head` what it found.
pub(super) fn read(head: &mut RequestHead, input: &[u8], limits: &Limits, tolerance: Tolerance) -> Result<(), Stop> {
    let mut lines = LineReader { input, at: 0, limits, tolerance, bare: false };
    check_tls(input)?;
    lines.skip_empty()?;
    let line = lines.next(limits.request_line_bytes_max, RejectReason::RequestLineTooLong)?;
    head.facts = line::read(input, line, tolerance)?;
    head.known.clear();
    head.outline.clear();
    head.outline.push(head.facts.method.end, lines.at as u32 - 1);
    // Two words are the whole request (row S25); with its version spelled out it has a head like any other (row R11).
    if head.facts.version != Version::Http09 || head.facts.target.end != head.facts.line.end {
        read_fields(head, &mut lines)?;
    }
    head.facts.head_len = lines.at as u32;
    head.facts.tolerated |= lines.bare;
    Ok(meaning::settle(head, input)?)
}

/// A TLS handshake record of any version begins with these two bytes (row R25).
fn check_tls(input: &[u8]) -> Result<(), Stop> {
    match input {
        [0x16] => Err(Stop::Partial),
        [0x16, 0x03, ..] => Err(Reject::new(RejectReason::TlsOnPlainPort, 0).into()),
        _ => Ok(()),
    }
}

fn read_fields(head: &mut RequestHead, lines: &mut LineReader<'_>) -> Result<(), Stop> {
    let count_max = usize::from(lines.limits.field_count_max).min(FIELD_COUNT_CAPACITY);
    for number in 1.. {
        let line = lines.next(lines.limits.field_line_bytes_max, RejectReason::FieldLineTooLong)?;
        if line.is_empty() {
            return Ok(());
        }
        if number > count_max {
            return Err(Reject::new(RejectReason::TooManyFields, line.start).into());
        }
        let stop = check_field(lines.input, line.clone())?;
        if let Some(field) = KnownField::recognise(lines.input, line.start, stop) {
            head.known.note(field, number);
        }
        head.outline.push(stop as u32, lines.at as u32 - 1);
    }
    Ok(())
}

/// Checks one field line, without its line end, and answers where its colon is.
fn check_field(input: &[u8], line: Range<usize>) -> Result<usize, Reject> {
    let Some(stop) = line.clone().find(|&at| !slipring_scan::is_token(input[at])) else {
        return Err(Reject::new(RejectReason::FieldWithoutColon, line.start));
    };
    if input[stop] != b':' || stop == line.start {
        return Err(Reject::new(name_fault(input, line, stop), stop));
    }
    match (stop + 1..line.end).find(|&at| matches!(input[at], 0..=8 | 10..=31 | 0x7f)) {
        None => Ok(stop),
        Some(at) => Err(Reject::new(control_fault(input[at]), at)),
    }
}

/// What is wrong with a field name that ends at `stop` in something other than a colon, or is empty.
fn name_fault(input: &[u8], line: Range<usize>, stop: usize) -> RejectReason {
    let rest = &input[stop..line.end];
    let behind_space = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    match rest[0] {
        b' ' | b'\t' if stop == line.start => RejectReason::FoldedField,
        b' ' | b'\t' if behind_space == Some(&b':') => RejectReason::SpaceBeforeColon,
        byte if byte.is_ascii_control() && byte != b'\t' => control_fault(byte),
        _ if !rest.contains(&b':') => RejectReason::FieldWithoutColon,
        _ => RejectReason::FieldNameSyntax,
    }
}

fn control_fault(byte: u8) -> RejectReason {
    match byte {
        b'\r' => RejectReason::BareCarriageReturn,
        _ => RejectReason::ControlCharacter,
    }
}

/// Takes one line after the other from the input.
struct LineReader<'a> {
    input: &'a [u8],
    /// Where the next line begins.
    at: usize,
    limits: &'a Limits,
    tolerance: Tolerance,
    /// A line feed without carriage return was tolerated.
    bare: bool,
}

impl LineReader<'_> {
    /// Skips empty lines before the request line (RFC 9112 section 2.2).
    fn skip_empty(&mut self) -> Result<(), Stop> {
        for _ in 0..EMPTY_LINES_MAX {
            if !matches!(self.input.get(self.at), Some(b'\r' | b'\n')) {
                break;
            }
            let before = (self.at, self.bare);
            let line = self.next(self.limits.request_line_bytes_max, RejectReason::RequestLineTooLong)?;
            if !line.is_empty() {
                (self.at, self.bare) = before;
                break;
            }
        }
        Ok(())
    }

    /// The next line without its line end, which is at most `line_max` bytes long with it.
    fn next(&mut self, line_max: u32, too_long: RejectReason) -> Result<Range<usize>, Stop> {
        let start = self.at;
        let feed = (start..self.input.len()).find(|&at| self.input[at] == b'\n');
        self.check_len(start, feed.map_or(self.input.len(), |feed| feed + 1), line_max, too_long)?;
        let feed = feed.ok_or(Stop::Partial)?;
        self.at = feed + 1;
        match self.input[start..feed].last() {
            Some(b'\r') => Ok(start..feed - 1),
            _ if self.tolerance == Tolerance::Strict => Err(Reject::new(RejectReason::BareLineFeed, feed).into()),
            _ => {
                self.bare = true;
                Ok(start..feed)
            }
        }
    }

    /// Of the two limits the one that a slow peer would meet first is the one to name.
    fn check_len(&self, start: usize, end: usize, line_max: u32, too_long: RejectReason) -> Result<(), Reject> {
        let line_end_max = start + line_max as usize;
        let head_end_max = self.limits.head_bytes_max as usize;
        if end <= line_end_max.min(head_end_max) {
            Ok(())
        } else if line_end_max <= head_end_max {
            Err(Reject::new(too_long, start))
        } else {
            Err(Reject::new(RejectReason::HeadTooLong, head_end_max))
        }
    }
}
