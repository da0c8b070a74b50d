//! Bodies that need no memory: a byte is a function of the body's name and the byte's place.

/// The byte at `at` of the body of `len` bytes.
pub fn byte(len: usize, at: usize) -> u8 {
    (at.wrapping_mul(31) ^ (at >> 8) ^ len.wrapping_mul(17)) as u8
}

/// The whole body of `len` bytes.
pub fn body(len: usize) -> Vec<u8> {
    (0..len).map(|at| byte(len, at)).collect()
}
