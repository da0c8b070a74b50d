//! Sixty-four bytes at a time with AVX2.
//!
//! The walk has two parts. The first finds the line ends. Each block becomes one 64-bit mask of its *odd* bytes (those
//! not printable), and the rest is integer arithmetic on the masks, which handles all lines of a block at once; what
//! reaches over the end of a block is carried to the next:
//!
//! - *Line ends* are odd bytes behind an odd byte. In a regular head each is the second of exactly two; the two that end
//!   the last line are followed by the two of the empty line, but the walk stops before those.
//! - *Line starts* are the line ends moved up by one bit.
//! - *Regularity:* the odd bytes that are not behind another, moved up by one bit, must be exactly the line ends.
//! - *The end* is a line start that is odd.
//!
//! The second part looks at the first 32 bytes of each line and finds where the token there stops. Token bytes are
//! found with two table look-ups (`pshufb`): bit *h* of `LOW[l]` says that the byte with high nibble *h + 2* and low
//! nibble *l* is a token byte, and `HIGH[h + 2]` picks that bit.
//!
//! A vector that would reach over the end of the input is loaded so that it *ends* with the input, and its mask is moved
//! down; so no load leaves the input, and no byte is copied unless the whole input is shorter than one vector.

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi8, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
    _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
};

use crate::class::{is_target_break, is_token};
use crate::outline::{LINES_MAX, Outline, SLACK, Shape};

/// Proof that the processor has what this kernel needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Avx2(());

impl Avx2 {
    /// The kernel, if this processor can run it.
    pub fn detect() -> Option<Self> {
        let able = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt");
        able.then_some(Self(()))
    }

    /// See [`Kernel::outline`](crate::Kernel::outline).
    #[inline]
    pub fn outline(self, input: &[u8], outline: &mut Outline) -> Shape {
        // SAFETY: the four target features were seen by `detect`, the only function that makes an `Avx2`.
        unsafe { walk(input, outline) }
    }
}

/// Bytes in a vector.
const WIDTH: usize = 32;
/// Bytes in a block: as many as a mask has bits.
const BLOCK: usize = 64;

/// What one block hands to the next: facts about the byte before it, 0 or 1 each.
struct Carry {
    /// It ends a line, or there is none.
    end: u64,
    /// It is odd.
    odd: u64,
    /// It is odd, and the one before it is not.
    first: u64,
}

/// What one block says.
struct Judged {
    ends: u64,
    /// Line starts that are odd. If there are any, the lowest ends the walk.
    bare: u64,
    regular: bool,
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn walk(input: &[u8], outline: &mut Outline) -> Shape {
    outline.clear();
    if u32::try_from(input.len()).is_err() {
        return Shape::Irregular;
    }
    let mut carry = Carry { end: 1, odd: 0, first: 0 };
    let mut lines = 0;
    let mut at = 0;
    while at < input.len() {
        let (odd, valid) = match input[at..].first_chunk() {
            Some(block) => (full_block(block), u64::MAX),
            None => last_block(input, input.len() - at),
        };
        let judged = judge(odd, valid, &mut carry);
        if !judged.regular || lines > LINES_MAX {
            return Shape::Irregular;
        }
        lines = note(judged.ends, at as u32, lines, outline);
        if judged.bare != 0 {
            return finish(input, at + judged.bare.trailing_zeros() as usize, lines, outline);
        }
        at += BLOCK;
    }
    if lines > LINES_MAX { Shape::Irregular } else { Shape::Open }
}

/// Judges one block. `valid` has a bit for each byte that belongs to the input, and `odd` has no others.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn judge(odd: u64, valid: u64, carry: &mut Carry) -> Judged {
    let behind_odd = odd << 1 | carry.odd;
    let (firsts, ends) = (odd & !behind_odd, odd & behind_odd);
    let bare = odd & (ends << 1 | carry.end);
    // All bits below the lowest one of `bare`; every valid bit when there is none.
    let keep = valid & bare.wrapping_sub(1) & !bare;
    let regular = ((firsts << 1 | carry.first) ^ ends) & keep == 0;
    *carry = Carry { end: ends >> 63, odd: odd >> 63, first: firsts >> 63 };
    Judged { ends: ends & keep, bare, regular }
}

/// Writes the offset of each set bit behind the `lines` ones that are there, and answers how many there are then.
///
/// Few blocks have more than two line ends, so two are written without asking how many are wanted.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn note(mut bits: u64, at: u32, lines: usize, outline: &mut Outline) -> usize {
    let count = bits.count_ones() as usize;
    let ends = &mut outline.ends[lines..lines + ENDS_IN_BLOCK];
    let (few, more) = ends.split_at_mut(2);
    for end in few {
        *end = at + bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
    }
    let mut more = more.iter_mut();
    while bits != 0
        && let Some(end) = more.next()
    {
        *end = at + bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
    }
    lines + count
}

/// No more lines than this end in one block: a line that is not the first has three bytes at least.
const ENDS_IN_BLOCK: usize = BLOCK / 3 + 2;

// `note` takes a window behind at most this many lines.
const _: () = assert!(SLACK >= ENDS_IN_BLOCK);

/// The end of the walk, at a line whose first byte is odd: the empty line, or something irregular.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn finish(input: &[u8], start: usize, lines: usize, outline: &mut Outline) -> Shape {
    if lines == 0 || lines > LINES_MAX || input[start] != b'\r' {
        return Shape::Irregular;
    }
    match input.get(start + 1) {
        Some(b'\n') => {
            outline.lines = lines as u32;
            outline.len = start as u32 + 2;
            if !note_stops(input, lines, outline) {
                return Shape::Irregular;
            }
            outline.target_break = target_break(input, outline.stop(0) + 1, outline.end(0)) as u32;
            Shape::Whole
        }
        Some(_) => Shape::Irregular,
        None => Shape::Open,
    }
}

/// Notes where the token at the start of each line stops. False when a line does not begin with one.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn note_stops(input: &[u8], lines: usize, outline: &mut Outline) -> bool {
    let mut start = 0;
    let mut begin = true;
    for (stop, end) in outline.stops.iter_mut().zip(&outline.ends).take(lines) {
        let first = token_stop(input, start);
        *stop = first as u32;
        begin &= first > start;
        start = *end as usize + 1;
    }
    begin
}

/// Offset of the first byte from `at` on that is no token byte. There is one: the end of the line.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn token_stop(input: &[u8], mut at: usize) -> usize {
    loop {
        let others = match (input[at..].first_chunk(), input.last_chunk()) {
            (Some(bytes), _) => !tokens(load(bytes)),
            (None, Some(bytes)) => !tokens(load(bytes)) >> (at + WIDTH - input.len()),
            (None, None) => !short_tokens(&input[at..]),
        };
        if others != 0 {
            return at + others.trailing_zeros() as usize;
        }
        at += WIDTH;
    }
}

/// One bit per token byte of fewer bytes than a vector.
#[cold]
fn short_tokens(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |bits, &byte| bits << 1 | u32::from(is_token(byte)))
}

/// Offset of the first target break in `from..end`, else `end`.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn target_break(input: &[u8], from: usize, end: usize) -> usize {
    let mut at = from;
    while at < end {
        let Some(bytes) = input[at..].first_chunk::<WIDTH>() else {
            return (at..end).find(|&at| is_target_break(input[at])).unwrap_or(end);
        };
        let breaks = target_breaks(load(bytes));
        if breaks != 0 {
            return end.min(at + breaks.trailing_zeros() as usize);
        }
        at += WIDTH;
    }
    end
}

/// One bit per byte that is a space, `"` or `#` (which differ in bit 0), `<` or `>` (which differ in bit 1).
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn target_breaks(bytes: __m256i) -> u32 {
    let space = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b' ' as i8));
    let quote = _mm256_cmpeq_epi8(_mm256_or_si256(bytes, _mm256_set1_epi8(1)), _mm256_set1_epi8(b'#' as i8));
    let angle = _mm256_cmpeq_epi8(_mm256_or_si256(bytes, _mm256_set1_epi8(2)), _mm256_set1_epi8(b'>' as i8));
    _mm256_movemask_epi8(_mm256_or_si256(space, _mm256_or_si256(quote, angle))) as u32
}

/// One bit per odd byte of a block, the first byte lowest.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn full_block(block: &[u8; BLOCK]) -> u64 {
    let (halves, _) = block.as_chunks::<WIDTH>();
    u64::from(odd(load(&halves[0]))) | u64::from(odd(load(&halves[1]))) << WIDTH
}

/// One bit per odd byte, and one per byte, of the last `rest` bytes of the input, which are fewer than a block.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn last_block(input: &[u8], rest: usize) -> (u64, u64) {
    let valid = (1 << rest) - 1;
    if let Some(block) = input.last_chunk() {
        return (full_block(block) >> (BLOCK - rest), valid);
    }
    // The whole input is shorter than a block, so `rest` is its length: two vectors that overlap, or a copy.
    if let (Some(head), Some(tail)) = (input.first_chunk(), input.last_chunk()) {
        return (u64::from(odd(load(head))) | u64::from(odd(load(tail))) << (rest - WIDTH), valid);
    }
    let mut padded = [0; WIDTH];
    padded[..rest].copy_from_slice(input);
    (u64::from(odd(load(&padded))) & valid, valid)
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn load(bytes: &[u8; WIDTH]) -> __m256i {
    // SAFETY: `bytes` are 32 readable bytes, which is what the load reads; it asks for no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// One bit per byte that is not printable.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn odd(bytes: __m256i) -> u32 {
    // Signed: 0x7f, and everything from 0x80 up, becomes less than 0x21 when one is added.
    let odd = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x21), _mm256_add_epi8(bytes, _mm256_set1_epi8(1)));
    _mm256_movemask_epi8(odd) as u32
}

/// One bit per token byte.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn tokens(bytes: __m256i) -> u32 {
    // A look-up answers 0 for a byte from 0x80 up, and only the low nibble of any other counts.
    let low = _mm256_shuffle_epi8(table(&LOW), bytes);
    let nibbles = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(0x0f));
    let high = _mm256_shuffle_epi8(table(&HIGH), nibbles);
    // Bits 6 and 7 are never set, so a token byte is a positive number.
    let tokens = _mm256_cmpgt_epi8(_mm256_and_si256(low, high), _mm256_setzero_si256());
    _mm256_movemask_epi8(tokens) as u32
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn table(entries: &[u8; 16]) -> __m256i {
    // SAFETY: `entries` are 16 readable bytes, which is what the load reads; it asks for no alignment.
    let half = unsafe { _mm_loadu_si128(entries.as_ptr().cast()) };
    _mm256_broadcastsi128_si256(half)
}

/// By low nibble: bit *h* is set when the byte with high nibble *h + 2* is a token byte.
static LOW: [u8; 16] = {
    let mut table = [0; 16];
    let mut byte = 0x20;
    while byte < 0x80 {
        if is_token(byte) {
            table[(byte & 0x0f) as usize] |= 1 << ((byte >> 4) - 2);
        }
        byte += 1;
    }
    table
};

/// By high nibble: the bit that [`LOW`] uses for it.
static HIGH: [u8; 16] = [0, 0, 1, 2, 4, 8, 16, 32, 0, 0, 0, 0, 0, 0, 0, 0];
