//! Byte classes, each defined once; the vector tables are computed from these.

/// A token byte (`tchar`, RFC 9110 section 5.6.2): what a method or a field name is made of.
pub const fn is_token(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
}

/// A printable ASCII byte, the space included.
pub const fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}

/// A printable byte that cannot stand in a request target and so ends it: the space and `"`, `#`, `<`, `>`.
pub const fn is_target_break(byte: u8) -> bool {
    matches!(byte, b' ' | b'"' | b'#' | b'<' | b'>')
}
