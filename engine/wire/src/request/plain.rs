//! The plain way through a head: well-formed, printable, and within its limits.
//!
//! The kernel has found every line and has seen every byte. What is left is to look at the bytes where the grammar has
//! a say: the space behind the method, the version, the colon of each field line, the carriage return of each line end.
//! At the first surprise it gives up, and the patient way says what is wrong.

use slipring_scan::{Outline, Shape};

use super::head::{Facts, KnownLines, RequestHead, Span};
use super::line::purpose;
use crate::command::Command;
use crate::field::{KnownField, first_word};
use crate::limits::{Limits, METHOD_BYTES_MAX};
use crate::target;
use crate::version::Version;

/// Reads the head that `head.outline` describes. False when it is not plain; what `head` says then is not to be used.
#[inline]
pub(super) fn read(head: &mut RequestHead, shape: Shape, input: &[u8], limits: &Limits) -> bool {
    shape == Shape::Whole
        && within(head, limits)
        && request_line(head, input)
        && field_lines(&head.outline, &mut head.known, input)
}

/// Lines are measured one by one only when the whole head is longer than a line may be.
#[inline]
fn within(head: &RequestHead, limits: &Limits) -> bool {
    let outline = &head.outline;
    outline.end(0) < limits.request_line_bytes_max as usize
        && outline.len() <= limits.head_bytes_max.min(limits.field_line_bytes_max) as usize
        && outline.lines() <= usize::from(limits.field_count_max) + 1
}

/// `method SP target SP version CR LF`, where the target has no byte that would end it.
#[inline]
fn request_line(head: &mut RequestHead, input: &[u8]) -> bool {
    let (method_end, end) = (head.outline.stop(0), head.outline.end(0));
    let target = Span::new(method_end + 1, head.outline.target_break());
    // Compared as arrays of one length, which is done by the word.
    let rest =
        input.get(target.end as usize..=end).and_then(|rest| rest.first_chunk::<11>().filter(|_| rest.len() == 11));
    let version = match rest {
        Some(rest) if *rest == *b" HTTP/1.1\r\n" => Version::Http11,
        Some(rest) if *rest == *b" HTTP/1.0\r\n" => Version::Http10,
        _ => return false,
    };
    if input[method_end] != b' ' || target.start >= target.end || method_end > METHOD_BYTES_MAX {
        return false;
    }
    // A longer token is taken for its first eight bytes, and no command has as many.
    let command = first_word(input, 0, method_end).map_or(Command::Other, Command::from_word);
    head.facts = Facts {
        method: Span::new(0, method_end),
        target,
        line: Span::new(0, end - 1),
        path: target,
        head_len: head.outline.len() as u32,
        command,
        version,
        minor: u8::from(version == Version::Http11),
        ..Facts::default()
    };
    (input[target.start as usize] == b'/' && command != Command::Connect) || locate(&mut head.facts, input)
}

/// Finds the parts of a target that is not just a path.
#[cold]
fn locate(facts: &mut Facts, input: &[u8]) -> bool {
    let parts = target::split(purpose(facts.command), facts.target.of(input));
    parts.map(|parts| facts.locate(&parts)).is_ok()
}

/// Looks at the colon and the line end of each field line, and notes the known fields.
#[inline]
fn field_lines(outline: &Outline, known: &mut KnownLines, input: &[u8]) -> bool {
    known.clear();
    let mut start = outline.end(0) + 1;
    for (index, (&stop, &end)) in outline.stops()[1..].iter().zip(&outline.ends()[1..]).enumerate() {
        let (stop, end) = (stop as usize, end as usize);
        if input[stop] != b':' || input[end - 1..=end] != *b"\r\n" {
            return false;
        }
        if let Some(field) = KnownField::recognise(input, start, stop) {
            known.note(field, index + 1);
        }
        start = end + 1;
    }
    true
}
