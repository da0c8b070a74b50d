//! The command of a request: its method token (RFC 9110 section 9).
//!
//! Commands are case-sensitive (row S9): `get` is an extension token like `SPAM`, and both are [`Command::Other`].

use std::fmt;

/// The nine standard methods, and one value for all others.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Command {
    /// Transfer a current representation.
    Get,
    /// As GET, without the body.
    Head,
    /// Let the resource process the body.
    Post,
    /// Replace the resource with the body.
    Put,
    /// Remove the resource.
    Delete,
    /// Open a tunnel.
    Connect,
    /// Tell what is possible.
    Options,
    /// Echo the request.
    Trace,
    /// Change the resource in part (RFC 5789).
    Patch,
    /// An extension token; its bytes are in the request line.
    #[default]
    Other,
}

impl Command {
    /// The standard commands in the order of their indexes.
    pub const STANDARD: [Self; 9] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Delete,
        Self::Connect,
        Self::Options,
        Self::Trace,
        Self::Patch,
    ];

    /// How many values there are: the size of a table indexed by command.
    pub const COUNT: usize = Self::STANDARD.len() + 1;

    /// The command with this method token.
    #[inline]
    pub fn from_token(token: &[u8]) -> Self {
        match token {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"PATCH" => Self::Patch,
            _ => Self::Other,
        }
    }

    /// The command whose token, zero-filled to eight bytes, is this little-endian number. All standard tokens fit.
    #[inline]
    pub(crate) const fn from_word(token: u64) -> Self {
        const GET: u64 = word(b"GET");
        const HEAD: u64 = word(b"HEAD");
        const POST: u64 = word(b"POST");
        const PUT: u64 = word(b"PUT");
        const DELETE: u64 = word(b"DELETE");
        const CONNECT: u64 = word(b"CONNECT");
        const OPTIONS: u64 = word(b"OPTIONS");
        const TRACE: u64 = word(b"TRACE");
        const PATCH: u64 = word(b"PATCH");
        match token {
            GET => Self::Get,
            HEAD => Self::Head,
            POST => Self::Post,
            PUT => Self::Put,
            DELETE => Self::Delete,
            CONNECT => Self::Connect,
            OPTIONS => Self::Options,
            TRACE => Self::Trace,
            PATCH => Self::Patch,
            _ => Self::Other,
        }
    }

    /// The place in a table of [`COUNT`](Self::COUNT) entries.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The method token, or `other`: the label in the metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// At most eight bytes as a number, the first byte lowest.
const fn word(bytes: &[u8]) -> u64 {
    let mut word = 0;
    let mut at = 0;
    while at < bytes.len() {
        word |= (bytes[at] as u64) << (8 * at);
        at += 1;
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tokens_are_inverse() {
        for (index, command) in Command::STANDARD.into_iter().enumerate() {
            assert_eq!(Command::from_token(command.name().as_bytes()), command);
            assert_eq!(Command::from_word(word(command.name().as_bytes())), command);
            assert_eq!(command.index(), index);
        }
        assert_eq!(Command::Other.index() + 1, Command::COUNT);
    }

    #[test]
    fn everything_else_is_other() {
        for token in ["", "G", "get", "Get", "GETS", "SPAM", "POST\0", "PROPFIND", "OPTIONSS", "OPTIONS\0\0", "other"] {
            assert_eq!(Command::from_token(token.as_bytes()), Command::Other, "{token}");
        }
    }
}
