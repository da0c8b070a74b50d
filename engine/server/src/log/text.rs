//! The memory in which a line is made. Pieces are copied in steps of constant size, which the processor does at once;
//! what a step writes too much is written over by the next.

/// Bytes of one step.
const STEP: usize = 16;

/// A line, made anew again and again in the same memory.
#[derive(Debug)]
pub struct Line {
    /// Always longer than what is in it by at least a step.
    bytes: Vec<u8>,
    len: usize,
}

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
}

impl Line {
    /// Memory for lines of so many bytes; longer ones make it grow.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: vec![0; bytes + STEP], len: 0 }
    }

    /// Forgets the line.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// What is in it.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        self.room(1)[0] = byte;
        self.len += 1;
    }

    /// Appends a few bytes whose number is known when this is compiled.
    #[inline]
    pub(super) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.room(N)[..N].copy_from_slice(&bytes);
        self.len += N;
    }

    #[inline]
    pub(super) fn literal(&mut self, literal: &Literal) {
        let room = self.room(literal.padded.len());
        for (to, from) in room.chunks_exact_mut(STEP).zip(literal.padded.chunks_exact(STEP)) {
            to.copy_from_slice(from);
        }
        self.len += literal.len;
    }

    pub(super) fn extend(&mut self, text: &[u8]) {
        self.room(text.len())[..text.len()].copy_from_slice(text);
        self.len += text.len();
    }

    /// Appends a text if all of it is plain; else nothing. It is copied and looked at in the same step.
    #[inline]
    pub(super) fn extend_plain(&mut self, text: &[u8]) -> bool {
        let room = self.room(text.len());
        let mut plain = true;
        let mut steps = text.chunks_exact(STEP);
        let mut at = 0;
        for step in &mut steps {
            let step: &[u8; STEP] = step.try_into().expect("a step is as long as a step");
            room[at..at + STEP].copy_from_slice(step);
            plain &= step.iter().fold(true, |all, &byte| all & is_plain(byte));
            at += STEP;
        }
        for (to, &byte) in room[at..].iter_mut().zip(steps.remainder()) {
            *to = byte;
            plain &= is_plain(byte);
        }
        if plain {
            self.len += text.len();
        }
        plain
    }

    /// Memory behind the line for so many bytes, and a step more.
    #[inline]
    fn room(&mut self, bytes: usize) -> &mut [u8] {
        if self.bytes.len() - self.len < bytes + STEP {
            self.grow(bytes);
        }
        &mut self.bytes[self.len..]
    }

    #[cold]
    fn grow(&mut self, bytes: usize) {
        self.bytes.resize(2 * (self.len + bytes + STEP), 0);
    }
}

impl std::io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Printable ASCII but for backslash and quote. Other bytes could be a terminal's controls (0x80 to 0x9F) or parts of
/// them in some encoding.
#[inline]
pub(super) fn is_plain(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) & (byte != b'\\') & (byte != b'"')
}
