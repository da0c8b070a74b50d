//! The request line, read with patience: `<command> <path> <version>` (rows R3 to R23).

use std::ops::Range;

use super::head::{Facts, Span, Tolerance};
use crate::command::Command;
use crate::error::{Reject, RejectReason};
use crate::field::is_token;
use crate::limits::METHOD_BYTES_MAX;
use crate::target::{self, Parts, Purpose};
use crate::version::Version;

/// What the command lets its target be.
pub(super) fn purpose(command: Command) -> Purpose {
    match command {
        Command::Connect => Purpose::Tunnel,
        Command::Options => Purpose::Capabilities,
        _ => Purpose::Resource,
    }
}

/// Reads the request line that lies at `line`, without its line end.
pub(super) fn read(input: &[u8], line: Range<usize>, tolerance: Tolerance) -> Result<Facts, Reject> {
    let lenient = tolerance == Tolerance::Lenient;
    let content = line.start..if lenient { trim_end(input, line.clone()) } else { line.end };
    check_bytes(input, content.clone())?;
    let words = Words::split(input, content.clone(), lenient).ok_or(Reject::quoting(
        RejectReason::RequestLineSyntax,
        line.start,
        line.end,
    ))?;
    let (version, minor) = words.version(input, lenient)?;
    let (method, target) = words.method_and_target(input, &line, lenient)?;
    if !is_token(&input[method.clone()]) || method.len() > METHOD_BYTES_MAX {
        return Err(Reject::new(RejectReason::MethodSyntax, method.start));
    }
    let mut facts = Facts {
        method: Span::new(method.start, method.end),
        target: Span::new(target.start, target.end),
        line: Span::new(line.start, content.end),
        command: Command::from_token(&input[method]),
        version,
        minor,
        tolerated: words.spread || content.end != line.end || version == Version::Http09,
        ..Facts::default()
    };
    read_target(input, target, lenient, &mut facts)?;
    Ok(facts)
}

/// Where the line ends without spaces, tabs and one carriage return.
fn trim_end(input: &[u8], line: Range<usize>) -> usize {
    let spaces = |end: usize| {
        let kept = input[line.start..end].iter().rposition(|byte| !matches!(byte, b' ' | b'\t'));
        kept.map_or(line.start, |at| line.start + at + 1)
    };
    let end = spaces(line.end);
    match input[line.start..end].last() {
        Some(b'\r') => spaces(end - 1),
        _ => end,
    }
}

/// No control characters, whatever the words turn out to be. Tabs are left to [`Words`].
fn check_bytes(input: &[u8], line: Range<usize>) -> Result<(), Reject> {
    let bad = line.into_iter().find(|&at| matches!(input[at], 0..=8 | 10..=31 | 0x7f));
    match bad {
        None => Ok(()),
        Some(at) if input[at] == b'\r' => Err(Reject::new(RejectReason::BareCarriageReturn, at)),
        Some(at) => Err(Reject::new(RejectReason::ControlCharacter, at)),
    }
}

/// The words of a request line.
struct Words {
    first: Range<usize>,
    second: Range<usize>,
    last: Range<usize>,
    count: usize,
    /// Something other than one space stands between two words.
    spread: bool,
}

impl Words {
    /// Splits at single spaces, or at runs of spaces and tabs. None when there is no word, when the line begins with
    /// white space, or when the strict split yields an empty word.
    fn split(input: &[u8], line: Range<usize>, lenient: bool) -> Option<Self> {
        let mut words = Self { first: 0..0, second: 0..0, last: 0..0, count: 0, spread: false };
        let mut start = line.start;
        for part in input[line].split(|&byte| byte == b' ' || lenient && byte == b'\t') {
            let end = start + part.len();
            if !part.is_empty() {
                words.push(start..end);
            } else if words.count == 0 || !lenient {
                return None;
            }
            // A single tab leaves no empty part behind; it shows here.
            words.spread |= part.is_empty() || input.get(end) == Some(&b'\t');
            start = end + 1;
        }
        (words.count > 0).then_some(words)
    }

    fn push(&mut self, word: Range<usize>) {
        match self.count {
            0 => self.first = word.clone(),
            1 => self.second = word.clone(),
            _ => {}
        }
        self.last = word;
        self.count += 1;
    }

    /// The version, which is looked at before anything else when there are three words or more (rows R12 to R17).
    fn version(&self, input: &[u8], lenient: bool) -> Result<(Version, u8), Reject> {
        if self.count < 3 {
            return Ok((Version::Http09, 9));
        }
        let reject = |reason| Reject::quoting(reason, self.last.start, self.last.end);
        match &input[self.last.clone()] {
            b"HTTP/1.0" => Ok((Version::Http10, 0)),
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'1'..=b'9'] => Ok((Version::Http11, minor - b'0')),
            b"HTTP/0.9" if lenient => Ok((Version::Http09, 9)),
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                Err(reject(RejectReason::UnsupportedVersion))
            }
            _ => Err(reject(RejectReason::VersionSyntax)),
        }
    }

    /// The other words, if their number is right: three, or two for a tolerated `GET /path` (rows R8 to R10).
    fn method_and_target(
        &self,
        input: &[u8],
        line: &Range<usize>,
        lenient: bool,
    ) -> Result<(Range<usize>, Range<usize>), Reject> {
        let old = self.count == 2 || &input[self.last.clone()] == b"HTTP/0.9";
        match self.count {
            2 if !lenient => Err(Reject::quoting(RejectReason::RequestLineSyntax, line.start, line.end)),
            2 | 3 if old && &input[self.first.clone()] != b"GET" => {
                Err(Reject::quoting(RejectReason::Http09Command, self.first.start, self.first.end))
            }
            2 | 3 => Ok((self.first.clone(), self.second.clone())),
            _ => Err(Reject::quoting(RejectReason::RequestLineSyntax, line.start, line.end)),
        }
    }
}

/// Checks the bytes of the target and finds its parts.
fn read_target(input: &[u8], target: Range<usize>, lenient: bool, facts: &mut Facts) -> Result<(), Reject> {
    let fragment = target.clone().find(|&at| input[at] == b'#').unwrap_or(target.end);
    let refused = |byte: u8| matches!(byte, b'"' | b'<' | b'>' | b'#' | b'\t' | 0x80..);
    if !lenient && let Some(at) = target.clone().find(|&at| refused(input[at])) {
        return Err(Reject::new(RejectReason::TargetSyntax, at));
    }
    facts.tolerated |= fragment < target.end || !input[target.clone()].is_ascii();
    let bytes = &input[target.start..fragment];
    match target::split(purpose(facts.command), bytes) {
        Ok(parts) => facts.locate(&parts),
        // Row R20: a path without its slash.
        Err(RejectReason::TargetSyntax) if lenient && !bytes.is_empty() && target::scheme_len(bytes).is_none() => {
            facts.tolerated = true;
            facts.locate(&Parts::origin(bytes));
        }
        Err(reason) => return Err(Reject::new(reason, target.start)),
    }
    Ok(())
}

impl Facts {
    /// Takes over the parts of the target.
    pub(super) fn locate(&mut self, parts: &Parts) {
        let start = self.target.start as usize;
        self.form = parts.form;
        if !parts.authority.is_empty() {
            self.authority = Span::new(start + parts.authority.start, start + parts.authority.end);
        }
        self.path = Span::new(start + parts.path.start, start + parts.path.end);
    }
}
