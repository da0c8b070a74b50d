//! Chunk extensions (RFC 9112 section 7.1.1): their grammar, byte by byte. What they say is dropped.

use slipring_scan::is_token;

/// Where in `*( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )` the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ext {
    /// Behind a blank: only `;` can follow.
    Semicolon,
    NameStart,
    Name,
    /// Behind a blank after a name: `=` or `;` can follow.
    Equals,
    ValueStart,
    Value,
    Quoted,
    Escaped,
    /// Behind a closing quote.
    QuotedEnd,
}

/// The next place in an extension; `None` when the byte cannot stand there. A CR that ends the line is the caller's.
pub(super) const fn next_in_extension(ext: Ext, byte: u8) -> Option<Ext> {
    let blank = byte == b' ' || byte == b'\t';
    Some(match (ext, byte) {
        (Ext::Semicolon | Ext::Name | Ext::Equals | Ext::Value | Ext::QuotedEnd, b';') => Ext::NameStart,
        (Ext::Name | Ext::Equals, b'=') => Ext::ValueStart,
        (Ext::ValueStart, b'"') => Ext::Quoted,
        (Ext::Quoted, b'"') => Ext::QuotedEnd,
        (Ext::Quoted, b'\\') => Ext::Escaped,
        (Ext::Quoted | Ext::Escaped, _) if is_text(byte) => Ext::Quoted,
        (Ext::Semicolon | Ext::Value | Ext::QuotedEnd, _) if blank => Ext::Semicolon,
        (Ext::NameStart | Ext::Equals | Ext::ValueStart, _) if blank => ext,
        (Ext::Name, _) if blank => Ext::Equals,
        (Ext::NameStart | Ext::Name, _) if is_token(byte) => Ext::Name,
        (Ext::ValueStart | Ext::Value, _) if is_token(byte) => Ext::Value,
        _ => return None,
    })
}

/// HTAB, SP, VCHAR and obs-text: what a field value, a quoted string and a quoted pair are made of.
pub(super) const fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}
