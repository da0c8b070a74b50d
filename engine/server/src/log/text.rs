//! Appending to a line. Pieces are copied in steps of constant size, which the processor does at once; what a step writes
//! too much is taken off again.

/// Bytes of one step.
const STEP: usize = 16;

/// Text of the format itself, with room for whole steps behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    padded: Box<[u8]>,
    len: usize,
}

impl Literal {
    pub(super) fn new(text: &[u8]) -> Self {
        let mut padded = text.to_vec();
        padded.resize(text.len().next_multiple_of(STEP), 0);
        Self { padded: padded.into(), len: text.len() }
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.padded[..self.len]
    }

    #[inline]
    pub(super) fn append_to(&self, line: &mut Vec<u8>) {
        let end = line.len() + self.len;
        for step in self.padded.as_chunks::<STEP>().0 {
            line.extend_from_slice(step);
        }
        line.truncate(end);
    }
}

/// Appends a text if all of it is plain; else nothing. It is copied and looked at in the same step.
#[inline]
pub(super) fn append_plain(line: &mut Vec<u8>, text: &[u8]) -> bool {
    let (start, end) = (line.len(), line.len() + text.len());
    let (steps, rest) = text.as_chunks::<STEP>();
    let mut plain = true;
    for step in steps {
        line.extend_from_slice(step);
        plain &= is_plain_step(step);
    }
    let mut last = [b'x'; STEP];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    line.extend_from_slice(&last);
    plain &= is_plain_step(&last);
    line.truncate(if plain { end } else { start });
    plain
}

#[inline]
fn is_plain_step(step: &[u8; STEP]) -> bool {
    step.iter().fold(true, |all, &byte| all & is_plain(byte))
}

/// Printable ASCII but for backslash and quote. Other bytes could be a terminal's controls (0x80 to 0x9F) or parts of
/// them in some encoding.
#[inline]
pub(super) fn is_plain(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) && byte != b'\\' && byte != b'"'
}
