//! Comparing answers with what they should be, for `--check`.

use xxhash_rust::xxh3::Xxh3;

use super::reader::Whole;
use crate::plan::Check;

/// Length and hash of the content that is being read.
#[derive(Default)]
pub(super) struct Content {
    length: u64,
    hash: Xxh3,
}

/// What the content of an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Bytes.
    pub(super) length: u64,
    /// XXH3, 64 bits.
    pub(super) hash: u64,
}

impl Content {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.hash.update(bytes);
    }

    /// What it was; the next one begins.
    pub(super) fn take(&mut self) -> Found {
        let found = Found { length: self.length, hash: self.hash.digest() };
        self.length = 0;
        self.hash.reset();
        found
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").field("length", &self.length).finish_non_exhaustive()
    }
}

/// What the answers to each request of the mix must be.
#[derive(Debug)]
pub(super) struct Checker {
    check: Check,
    /// Status and content of the first answer to each, if it was looked at.
    first: Box<[Option<(u16, Found)>]>,
    until_next: u32,
}

impl Checker {
    pub(super) fn new(check: Check, kinds: usize) -> Self {
        Self { check, first: vec![None; kinds].into(), until_next: 0 }
    }

    /// Whether an answer is as it should be, or not looked at.
    pub(super) fn passes(&mut self, whole: &Whole) -> bool {
        let Some(found) = whole.found else { return true };
        let known = &mut self.first[whole.ask.kind as usize];
        if known.is_some() && self.until_next > 0 {
            self.until_next -= 1;
            return true;
        }
        self.until_next = self.check.every - 1;
        let (status, first) = *known.get_or_insert((whole.status, found));
        whole.status == self.check.status.unwrap_or(status)
            && found.length == self.check.length.unwrap_or(first.length)
            && found.hash == self.check.hash.unwrap_or(first.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::flight::Ask;

    fn whole(kind: u32, status: u16, body: &[u8]) -> Whole {
        let mut content = Content::default();
        content.update(body);
        Whole { ask: Ask { kind, ..Ask::default() }, status, first_at: 0, found: Some(content.take()) }
    }

    #[test]
    fn later_answers_must_be_like_the_first_to_the_same_request() {
        let mut checker = Checker::new(Check::ALL, 2);
        let rows = [
            (0, 200, &b"a"[..], true),
            (1, 404, b"b", true),
            (0, 200, b"a", true),
            (0, 200, b"b", false),
            (0, 500, b"a", false),
            (1, 404, b"bb", false),
            (1, 404, b"b", true),
        ];
        for (kind, status, body, passes) in rows {
            assert_eq!(checker.passes(&whole(kind, status, body)), passes, "{kind} {status} {body:?}");
        }
    }

    #[test]
    fn what_is_given_holds_for_the_first_answer_too() {
        // XXH3 of nothing with 64 bits, from the algorithm's own test vectors.
        let check: Check = "status=200,length=0,hash=2d06800538d394c2".parse().expect("a check");
        assert!(Checker::new(check, 1).passes(&whole(0, 200, b"")));
        assert!(!Checker::new(check, 1).passes(&whole(0, 200, b"x")));
        assert!(!Checker::new(check, 1).passes(&whole(0, 204, b"")));
    }

    #[test]
    fn a_sample_looks_at_one_in_so_many() {
        let mut checker = Checker::new(Check { every: 4, ..Check::ALL }, 1);
        assert!(checker.passes(&whole(0, 200, b"a")));
        let failed = (0..400).filter(|_| !checker.passes(&whole(0, 200, b"b"))).count();
        assert_eq!(failed, 100);
    }
}
