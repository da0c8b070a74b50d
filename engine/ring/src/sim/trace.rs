//! What happened, as one number: two runs of a seed are the same run exactly if their hashes agree.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};

/// FNV-1a over every submission, completion and act of the outside, and the last few of them as text if asked for.
pub(super) struct Trace {
    hash: u64,
    events: u64,
    lines: VecDeque<String>,
    lines_max: usize,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self { hash: FNV_OFFSET, events: 0, lines: VecDeque::new(), lines_max: 0 }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// Keeps the last `lines_max` events as text from now on.
    pub(super) fn record(&mut self, lines_max: usize) {
        self.lines_max = lines_max;
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }

    pub(super) fn note(&mut self, now_ns: u64, what: &'static str, numbers: &[u64]) {
        self.events += 1;
        self.word(now_ns);
        for &byte in what.as_bytes() {
            self.word(u64::from(byte));
        }
        for &number in numbers {
            self.word(number);
        }
        if self.lines_max > 0 {
            self.keep(now_ns, what, numbers);
        }
    }

    fn word(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(FNV_PRIME);
    }

    fn keep(&mut self, now_ns: u64, what: &str, numbers: &[u64]) {
        if self.lines.len() == self.lines_max {
            self.lines.pop_front();
        }
        let mut line = format!("{:>12}.{:03} us {what}", now_ns / 1000, now_ns % 1000);
        for number in numbers {
            // Writing to a String cannot fail.
            let _ = if *number > 0xffff_ffff { write!(line, " {number:#x}") } else { write!(line, " {number}") };
        }
        self.lines.push_back(line);
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// A fingerprint of bytes in four independent lanes: buffers are hashed often.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    let mut lanes = [FNV_OFFSET ^ bytes.len() as u64, 1, 2, 3];
    let (blocks, rest) = bytes.as_chunks::<32>();
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(FNV_PRIME).rotate_left(23);
        }
    }
    for &byte in rest {
        lanes[0] = (lanes[0] ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
    }
    lanes.iter().fold(FNV_OFFSET, |hash, lane| (hash ^ lane).wrapping_mul(FNV_PRIME).rotate_left(23))
}

/// FNV-1a for values that can be hashed; the same in every run, as the standard hasher is not.
pub(super) struct ValueHasher(u64);

impl ValueHasher {
    pub(super) fn of(value: &impl Hash) -> u64 {
        let mut hasher = Self(FNV_OFFSET);
        value.hash(&mut hasher);
        hasher.finish()
    }
}

impl Hasher for ValueHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_time_and_content_change_the_hash() {
        let run = |notes: &[(u64, &'static str, u64)]| {
            let mut trace = Trace::new();
            for &(now, what, number) in notes {
                trace.note(now, what, &[number]);
            }
            trace.hash()
        };
        let base = run(&[(1, "a", 1), (1, "b", 2)]);
        assert_eq!(base, run(&[(1, "a", 1), (1, "b", 2)]));
        for other in [[(1, "b", 2), (1, "a", 1)], [(1, "a", 1), (2, "b", 2)], [(1, "a", 1), (1, "b", 3)]] {
            assert_ne!(base, run(&other));
        }
        assert_ne!(fingerprint(b"12345678x"), fingerprint(b"12345678y"));
        assert_ne!(fingerprint(b"abcdefgh12345678"), fingerprint(b"12345678abcdefgh"));
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut trace = Trace::new();
        trace.record(2);
        for number in 0..5 {
            trace.note(0, "step", &[number]);
        }
        assert_eq!(trace.events(), 5);
        assert_eq!(trace.lines().len(), 2);
        assert!(trace.lines()[1].ends_with("step 4"));
    }
}
