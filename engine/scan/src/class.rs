//! Byte classes, each defined once; the vector tables are computed from these.

/// A token byte (`tchar`, RFC 9110 section 5.6.2): what a method or a field name is made of.
#[inline]
pub const fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            );
        byte += 1;
    }
    table
};

/// A printable ASCII byte, the space included.
#[inline]
pub const fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}

/// A printable byte that cannot stand in a request target and so ends it: the space and `"`, `#`, `<`, `>`.
#[inline]
pub const fn is_target_break(byte: u8) -> bool {
    matches!(byte, b' ' | b'"' | b'#' | b'<' | b'>')
}
