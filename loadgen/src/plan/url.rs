//! The URL of the target: `http://host:port/path?query`, where `http://` may be left out.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A target, taken apart; the path with its query is sent as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name or address, an IPv6 address without its brackets.
    pub host: String,
    /// 80 if the URL named none.
    pub port: u16,
    /// Path and query, from the first slash.
    pub path: String,
}

/// Why a text is no URL that can be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UrlError {
    /// TLS.
    #[error("https is not supported yet; measure the plain HTTP port behind it")]
    Https,
    /// Another scheme.
    #[error("'{0}' is not http; write http://host:port/path")]
    Scheme(String),
    /// No host.
    #[error("the URL names no host; write http://host:port/path")]
    NoHost,
    /// The port is no number from 1 to 65535.
    #[error("'{0}' is not a port from 1 to 65535")]
    Port(String),
    /// Name and password.
    #[error("a URL with a password is not sent; give the field with -H 'Authorization: ...'")]
    UserInfo,
    /// A character that must be percent-encoded.
    #[error("the character {0:?} must be percent-encoded in a URL")]
    Character(char),
}

impl Target {
    /// Host and port as they are dialled and as `Host` carries them (the default port is left out there).
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 80 { host } else { format!("{host}:{}", self.port) }
    }
}

impl FromStr for Target {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if let Some(bad) = text.chars().find(|&c| c <= ' ' || c > '~') {
            return Err(UrlError::Character(bad));
        }
        let rest = strip_scheme(text)?;
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let (host, port) = split_port(authority)?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { host: host.to_owned(), port, path })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.path)
    }
}

fn strip_scheme(text: &str) -> Result<&str, UrlError> {
    let Some((scheme, rest)) = text.split_once("://") else { return Ok(text) };
    // `host/path?to=http://other` has no scheme of its own.
    if scheme.contains(['/', '?']) {
        return Ok(text);
    }
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Ok(rest),
        "https" => Err(UrlError::Https),
        _ => Err(UrlError::Scheme(scheme.to_owned())),
    }
}

fn split_port(authority: &str) -> Result<(&str, u16), UrlError> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':').or(rest.is_empty().then_some(""))),
        None => authority.split_once(':').map_or((authority, Some("")), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    let bad = || UrlError::Port(authority.to_owned());
    match port.ok_or_else(bad)? {
        "" => Ok((host, 80)),
        port => port
            .parse()
            .ok()
            .filter(|&port| port > 0)
            .map(|port| (host, port))
            .ok_or_else(|| UrlError::Port(port.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, host: &str, port: u16, path: &str) {
        let expected = Target { host: host.to_owned(), port, path: path.to_owned() };
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }

    #[test]
    fn urls_taken_apart() {
        check("http://127.0.0.1:8000/", "127.0.0.1", 8000, "/");
        check("localhost:8000", "localhost", 8000, "/");
        check("HTTP://example.org", "example.org", 80, "/");
        check("example.org/a/b?c=d#e", "example.org", 80, "/a/b?c=d");
        check("example.org?q", "example.org", 80, "/?q");
        check("example.org/?to=http://x/", "example.org", 80, "/?to=http://x/");
        check("http://[::1]:8000/x", "::1", 8000, "/x");
        check("http://[::1]", "::1", 80, "/");
        check("http://example.org:/", "example.org", 80, "/");
    }

    #[test]
    fn what_is_no_url_says_why() {
        let rows = [
            ("https://example.org/", UrlError::Https),
            ("ftp://example.org/", UrlError::Scheme("ftp".to_owned())),
            ("", UrlError::NoHost),
            ("http:///x", UrlError::NoHost),
            (":8000", UrlError::NoHost),
            ("http://x:0/", UrlError::Port("0".to_owned())),
            ("http://x:70000/", UrlError::Port("70000".to_owned())),
            ("http://::1:80/", UrlError::NoHost),
            ("http://me:pw@x/", UrlError::UserInfo),
            ("http://x/a b", UrlError::Character(' ')),
            ("http://x/ä", UrlError::Character('ä')),
            ("http://x/\r\nY: z", UrlError::Character('\r')),
        ];
        for (text, error) in rows {
            assert_eq!(text.parse::<Target>(), Err(error), "{text}");
        }
    }

    #[test]
    fn the_authority_leaves_the_default_port_out() {
        for (text, authority) in [("http://x:80/", "x"), ("http://x:81/", "x:81"), ("http://[::1]:81/", "[::1]:81")] {
            assert_eq!(text.parse::<Target>().expect("a good URL").authority(), authority);
        }
    }
}
