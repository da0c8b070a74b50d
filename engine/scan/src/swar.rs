//! Eight bytes at a time in ordinary registers, for processors without a vector kernel.
//!
//! Lines are long and printable, so they are crossed a word at a time. Field names are short; their ends are found byte
//! by byte, as the naive kernel finds them.

use crate::class::is_printable;
use crate::naive::empty_line;
use crate::outline::{Outline, Shape};

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// See [`Kernel::outline`](crate::Kernel::outline).
pub fn outline(input: &[u8], outline: &mut Outline) -> Shape {
    outline.clear();
    if u32::try_from(input.len()).is_err() {
        return Shape::Irregular;
    }
    let mut start = 0;
    loop {
        let Some(odd) = skip_printable(input, start) else { return Shape::Open };
        if odd == start {
            return empty_line(input, start, outline);
        }
        match input.get(odd + 1) {
            None => return Shape::Open,
            Some(&byte) if is_printable(byte) => return Shape::Irregular,
            Some(_) if outline.push(0, odd as u32 + 1) => start = odd + 2,
            Some(_) => return Shape::Irregular,
        }
    }
}

/// Offset of the first byte from `at` on that is not printable.
fn skip_printable(input: &[u8], at: usize) -> Option<usize> {
    let (words, tail) = input[at..].as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let odd = odd_bytes(u64::from_le_bytes(*word));
        if odd != 0 {
            return Some(at + 8 * index + odd.trailing_zeros() as usize / 8);
        }
    }
    let tail_at = input.len() - tail.len();
    tail.iter().position(|&byte| !is_printable(byte)).map(|skipped| tail_at + skipped)
}

/// The high bit of each byte that is not printable. Exact for the lowest such byte, which is the one that counts: a
/// borrow or a carry can only leave a byte that is itself odd, and it travels upwards.
fn odd_bytes(word: u64) -> u64 {
    let below_space = word.wrapping_sub(ONES * 0x20);
    let above_tilde = word.wrapping_add(ONES);
    (below_space | above_tilde | word) & HIGHS
}
