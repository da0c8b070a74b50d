//! The definition of the answer, one byte at a time. Every other kernel must equal it.

use crate::class::{is_printable, is_target_break, is_token};
use crate::outline::{Outline, Shape};

/// See [`Kernel::outline`](crate::Kernel::outline).
pub fn outline(input: &[u8], outline: &mut Outline) -> Shape {
    outline.clear();
    if u32::try_from(input.len()).is_err() {
        return Shape::Irregular;
    }
    let mut start = 0;
    loop {
        match input.get(start) {
            None => return Shape::Open,
            Some(&byte) if !is_printable(byte) => return empty_line(input, start, outline),
            Some(_) => {}
        }
        match line_end(input, start) {
            Ok(end) if outline.push(0, end as u32) => start = end + 1,
            Ok(_) => return Shape::Irregular,
            Err(shape) => return shape,
        }
    }
}

/// The last byte of the line that begins at `start`: the second of two that are not printable.
fn line_end(input: &[u8], start: usize) -> Result<usize, Shape> {
    let odd = (start..input.len()).find(|&at| !is_printable(input[at])).ok_or(Shape::Open)?;
    match input.get(odd + 1) {
        None => Err(Shape::Open),
        Some(&byte) if is_printable(byte) => Err(Shape::Irregular),
        Some(_) => Ok(odd + 1),
    }
}

/// The end of the walk: a line that begins with a byte that is not printable.
pub(crate) fn empty_line(input: &[u8], start: usize, outline: &mut Outline) -> Shape {
    match (input[start], input.get(start + 1)) {
        (b'\r', Some(b'\n')) if outline.lines > 0 => {
            outline.len = start as u32 + 2;
            if !note_stops(input, outline) {
                return Shape::Irregular;
            }
            outline.target_break = target_break(input, outline) as u32;
            Shape::Whole
        }
        (b'\r', None) if outline.lines > 0 => Shape::Open,
        _ => Shape::Irregular,
    }
}

/// Notes where the token at the start of each line stops. False when a line does not begin with one.
fn note_stops(input: &[u8], outline: &mut Outline) -> bool {
    let mut start = 0;
    (0..outline.lines()).all(|line| {
        let end = outline.end(line);
        // The last byte is no token byte, so the search ends there at the latest.
        let stop = (start..end).find(|&at| !is_token(input[at])).unwrap_or(end);
        outline.stops[line] = stop as u32;
        let begins = stop > start;
        start = end + 1;
        begins
    })
}

/// The first byte behind the method that cannot stand in a target.
fn target_break(input: &[u8], outline: &Outline) -> usize {
    let (stop, end) = (outline.stop(0), outline.end(0));
    (stop + 1..end).find(|&at| is_target_break(input[at])).unwrap_or(end)
}
