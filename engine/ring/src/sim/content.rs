//! What simulated files hold: given bytes, or a function of the offset that needs no memory at any size.

use super::random::mix;

/// The bytes of a regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Exactly these.
    Bytes(Vec<u8>),
    /// [`Content::byte_at`] for every offset below `len`, which may be beyond 4 GiB.
    Generated {
        /// Which function.
        seed: u64,
        /// Bytes.
        len: u64,
    },
}

impl Content {
    /// The byte at `offset` of generated content; what an oracle compares a body with.
    pub const fn byte_at(seed: u64, offset: u64) -> u8 {
        word_at(seed, offset / 8).to_le_bytes()[(offset % 8) as usize]
    }

    /// Bytes.
    pub fn len(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Generated { len, .. } => *len,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies from `offset` into `place`, as much as is there; returns how much.
    pub fn read(&self, offset: u64, place: &mut [u8]) -> usize {
        let there = self.len().saturating_sub(offset).min(place.len() as u64) as usize;
        let place = &mut place[..there];
        match self {
            Content::Bytes(bytes) if there > 0 => place.copy_from_slice(&bytes[offset as usize..][..there]),
            Content::Bytes(_) => {}
            Content::Generated { seed, .. } => generate(*seed, offset, place),
        }
        there
    }

    /// Cuts or grows to `len`: given bytes grow by zeros, generated ones by their function.
    pub(super) fn resize(&mut self, new_len: u64) {
        match self {
            Content::Bytes(bytes) => bytes.resize(new_len as usize, 0),
            Content::Generated { len, .. } => *len = new_len,
        }
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Content::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Content {
    fn from(bytes: &[u8; N]) -> Self {
        Content::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Content::Bytes(bytes)
    }
}

const fn word_at(seed: u64, index: u64) -> u64 {
    mix(seed ^ mix(index))
}

fn generate(seed: u64, offset: u64, place: &mut [u8]) {
    let mut at = offset;
    let mut rest = place;
    while !rest.is_empty() {
        let word = word_at(seed, at / 8).to_le_bytes();
        let from = (at % 8) as usize;
        let run = (8 - from).min(rest.len());
        rest[..run].copy_from_slice(&word[from..from + run]);
        rest = &mut rest[run..];
        at += run as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_content_is_a_function_of_the_offset_at_any_size() {
        let content = Content::Generated { seed: 5, len: 5 << 32 };
        for offset in [0, 3, 8, (4 << 30) + 5, (5 << 32) - 20] {
            let mut place = [0; 40];
            let there = content.read(offset, &mut place);
            assert_eq!(there as u64, 40.min((5 << 32) - offset));
            for (i, &byte) in place[..there].iter().enumerate() {
                assert_eq!(byte, Content::byte_at(5, offset + i as u64));
            }
        }
    }

    #[test]
    fn reading_at_and_behind_the_end_gives_nothing() {
        let content = Content::from(b"abc");
        let mut place = [0; 4];
        assert_eq!((content.read(1, &mut place), &place[..2]), (2, &b"bc"[..]));
        assert_eq!(content.read(3, &mut place), 0);
        assert_eq!(content.read(u64::MAX, &mut place), 0);
    }
}
