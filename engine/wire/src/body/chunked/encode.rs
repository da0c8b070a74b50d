//! The chunked coding as it is sent: a line before each piece, and an end.

/// The end of a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The line that opens a chunk of `bytes` bytes, at the end of `out`; CRLF follows the data. A size of 0 would end the
/// body: the sender skips empty pieces.
pub fn chunk_line(bytes: u64, out: &mut [u8; 18]) -> &[u8] {
    debug_assert!(bytes > 0, "a chunk of 0 bytes ends the body");
    let mut start = out.len() - 2;
    out[start..].copy_from_slice(b"\r\n");
    let mut rest = bytes;
    loop {
        start -= 1;
        out[start] = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
        if rest == 0 {
            return &out[start..];
        }
    }
}
