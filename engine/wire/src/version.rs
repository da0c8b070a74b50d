//! The protocol version of a request (RFC 9110 section 2.5, RFC 9112 section 2.3).

/// The version by which a request is answered.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// Two words and no head; the answer is the body alone.
    Http09,
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1, and every later minor version of 1.
    #[default]
    Http11,
}

impl Version {
    /// The name as it stands in a status line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http09 => "HTTP/0.9",
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
        }
    }
}
