//! What a script is told of its request (RFC 3875 section 4.1, row C4).

use std::io::Write;

use slipring_ring::Peer;

use super::place::Found;
use crate::handler::Exchange;

/// Variables of the server's own environment that a script gets; all others stay with the server.
const INHERITED: [&str; 6] = ["LANG", "LC_ALL", "LC_CTYPE", "PATH", "TMPDIR", "TZ"];
/// Where programs are looked for when the server has no PATH itself.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";

/// Fields that become no `HTTP_` variable: they have variables of their own, belong to the connection, would pass a secret
/// on (RFC 3875 section 9.2), or would be read as the address of a proxy (`HTTP_PROXY`, the fault named httpoxy).
const WITHHELD: [&str; 10] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "keep-alive",
    "proxy",
    "proxy-authorization",
    "transfer-encoding",
    "upgrade",
];

/// The part of the environment that is the same for every request.
pub(super) fn inherited() -> Vec<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    let value = |name: &str| std::env::var_os(name).map(OsStringExt::into_vec);
    let taken = INHERITED.iter().filter_map(|name| value(name).map(|value| line(name, &value)));
    let mut all: Vec<Vec<u8>> = taken.collect();
    if !all.iter().any(|line| line.starts_with(b"PATH=")) {
        all.push(line("PATH", PATH_DEFAULT.as_bytes()));
    }
    all
}

/// Adds what depends on the request.
pub(super) fn describe(x: &Exchange<'_>, found: &Found, root: &[u8], environment: &mut Vec<Vec<u8>>) {
    let version = x.version();
    let mut add = |name: &str, value: &[u8]| environment.push(line(name, value));
    add("GATEWAY_INTERFACE", b"CGI/1.1");
    add("SERVER_SOFTWARE", x.version_string().as_bytes());
    add("SERVER_NAME", x.server_name().as_bytes());
    add("SERVER_PORT", x.server_port().to_string().as_bytes());
    add("SERVER_PROTOCOL", version.name().as_bytes());
    add("REQUEST_METHOD", x.command());
    add("REQUEST_URI", x.path());
    add("SCRIPT_NAME", &found.name);
    add("QUERY_STRING", x.query().unwrap_or_default());
    if !found.rest.is_empty() {
        add("PATH_INFO", &found.rest);
        add("PATH_TRANSLATED", &[root, &found.rest].concat());
    }
    add("REMOTE_ADDR", x.address_string().as_bytes());
    add("REMOTE_HOST", x.address_string().as_bytes());
    if let Peer::Ip(address) = x.client_address() {
        add("REMOTE_PORT", address.port().to_string().as_bytes());
    }
    let headers = x.headers();
    if let Some(kind) = headers.get("Content-Type") {
        add("CONTENT_TYPE", kind);
    }
    if x.announces_body() {
        // The decoded length, which chunks do not tell: a script reads so many bytes.
        add("CONTENT_LENGTH", x.body_len().to_string().as_bytes());
    }
    add_fields(x, environment);
}

/// `HTTP_` variables; fields of one name are joined (RFC 9110 section 5.3; cookies by their own rule, RFC 6265).
fn add_fields(x: &Exchange<'_>, environment: &mut Vec<Vec<u8>>) {
    let first = environment.len();
    for field in x.headers() {
        let Some(name) = variable(field.name) else { continue };
        let there = environment[first..].iter_mut().find(|line| line.starts_with(&name));
        if let Some(there) = there {
            there.extend_from_slice(if name == b"HTTP_COOKIE=" { b"; " } else { b", " });
            there.extend_from_slice(field.value);
        } else {
            environment.push([&name[..], field.value].concat());
        }
    }
}

/// A field's variable with its `=`. Names with other characters than letters, digits and hyphens have none: `X_Y` would
/// pass for `X-Y`.
fn variable(name: &[u8]) -> Option<Vec<u8>> {
    let plain = name.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !plain || WITHHELD.iter().any(|withheld| name.eq_ignore_ascii_case(withheld.as_bytes())) {
        return None;
    }
    let upper = name.iter().map(|&byte| if byte == b'-' { b'_' } else { byte.to_ascii_uppercase() });
    Some(b"HTTP_".iter().copied().chain(upper).chain([b'=']).collect())
}

/// `NAME=value`; what cannot stand in an environment is left out.
fn line(name: &str, value: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(name.len() + 1 + value.len());
    // Writing to memory does not fail.
    let _ = write!(line, "{name}=");
    line.extend(value.iter().filter(|&&byte| byte != 0));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variables() {
        assert_eq!(variable(b"user-agent").as_deref(), Some(&b"HTTP_USER_AGENT="[..]));
        for name in [&b"Proxy"[..], b"proxy", b"Authorization", b"Content-Length", b"X_Y", b"x.y", b"Connection"] {
            assert_eq!(variable(name), None, "{}", name.escape_ascii());
        }
    }

    #[test]
    fn the_servers_environment_stays_with_it() {
        let all = inherited();
        assert!(all.iter().any(|line| line.starts_with(b"PATH=")));
        let known = |line: &Vec<u8>| INHERITED.iter().any(|name| line.starts_with(format!("{name}=").as_bytes()));
        assert!(all.iter().all(known));
    }
}
