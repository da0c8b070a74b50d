//! Access and error logs: values in, lines out. Where lines go is the shard's affair.

use std::io::Write;
use std::net::IpAddr;

use slipring_ring::Peer;

/// Bytes of a request line that a log line shows; the rest is cut (attack 14).
pub const REQUEST_LINE_BYTES_MAX: usize = 2048;

/// What there is to say about one answered request.
#[derive(Clone, Copy, Debug)]
pub struct AccessRecord<'a> {
    /// Who asked.
    pub peer: Peer,
    /// When, as `06/Nov/1994 08:49:37`.
    pub date: &'a [u8],
    /// The request line as sent, without its end.
    pub request_line: &'a [u8],
    /// The status of the answer.
    pub status: u16,
}

impl AccessRecord<'_> {
    /// Appends the line of Python's http.server (row L1), whose size is always `-`; controls, quotes and backslashes of
    /// the peer are escaped (row L3).
    #[inline]
    pub fn write(&self, line: &mut Vec<u8>) {
        prefix(line, self.peer, self.date);
        line.push(b'"');
        escape(line, &self.request_line[..self.request_line.len().min(REQUEST_LINE_BYTES_MAX)]);
        line.extend_from_slice(b"\" ");
        line.extend_from_slice(&digits(self.status));
        line.extend_from_slice(b" -\n");
    }
}

/// Appends a message with client and date before it (row S57). An LF inside cannot forge a line: it is escaped.
pub fn message(line: &mut Vec<u8>, peer: Peer, date: &[u8], text: &[u8]) {
    prefix(line, peer, date);
    escape(line, text);
    line.push(b'\n');
}

#[inline]
fn prefix(line: &mut Vec<u8>, peer: Peer, date: &[u8]) {
    address(line, peer);
    line.extend_from_slice(b" - - [");
    line.extend_from_slice(date);
    line.extend_from_slice(b"] ");
}

#[inline]
fn address(line: &mut Vec<u8>, peer: Peer) {
    match peer {
        Peer::Ip(address) => match address.ip().to_canonical() {
            IpAddr::V4(v4) => {
                for (index, octet) in v4.octets().into_iter().enumerate() {
                    if index > 0 {
                        line.push(b'.');
                    }
                    decimal(line, octet);
                }
            }
            // Writing to memory does not fail.
            IpAddr::V6(v6) => drop(write!(line, "{v6}")),
        },
        Peer::Unix => line.extend_from_slice(b"unix"),
        Peer::Unknown => line.push(b'-'),
    }
}

#[inline]
fn decimal(line: &mut Vec<u8>, number: u8) {
    if number >= 100 {
        line.push(b'0' + number / 100);
    }
    if number >= 10 {
        line.push(b'0' + number / 10 % 10);
    }
    line.push(b'0' + number % 10);
}

fn digits(status: u16) -> [u8; 3] {
    [status / 100 % 10, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8)
}

#[inline]
fn escape(line: &mut Vec<u8>, text: &[u8]) {
    if text.iter().all(|&byte| is_plain(byte)) {
        line.extend_from_slice(text);
    } else {
        escape_slowly(line, text);
    }
}

#[cold]
fn escape_slowly(line: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            b'\\' | b'"' => line.extend_from_slice(&[b'\\', byte]),
            byte if is_plain(byte) => line.push(byte),
            byte => drop(write!(line, "\\x{byte:02x}")),
        }
    }
}

/// Printable ASCII but for backslash and quote. Other bytes could be a terminal's controls (0x80 to 0x9F) or parts of
/// them in some encoding.
#[inline]
fn is_plain(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) && byte != b'\\' && byte != b'"'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(peer: &str, request_line: &[u8]) -> String {
        let peer = peer.parse().map_or(Peer::Unknown, Peer::Ip);
        let mut line = Vec::new();
        AccessRecord { peer, date: b"23/Nov/2026 13:10:52", request_line, status: 200 }.write(&mut line);
        String::from_utf8(line).expect("escaped")
    }

    #[test]
    fn access_lines_are_pythons() {
        // Row L1, as Python 3.11 wrote it.
        let python = "127.0.0.1 - - [23/Nov/2026 13:10:52] \"GET / HTTP/1.1\" 200 -\n";
        assert_eq!(line("127.0.0.1:80", b"GET / HTTP/1.1"), python);
        for (peer, start) in
            [("10.200.30.4:1", "10.200.30.4 -"), ("[::1]:1", "::1 -"), ("[::ffff:1.2.3.4]:1", "1.2.3.4 -")]
        {
            assert!(line(peer, b"").starts_with(start), "{peer}");
        }
    }

    #[test]
    fn a_peer_cannot_forge_a_line() {
        // Row L3 and attack 14.
        let said = line("1.2.3.4:5", b"GET /\x1b[2J\\\"\n\xc3\xa4");
        assert!(said.contains(r#""GET /\x1b[2J\\\"\x0a\xc3\xa4""#), "{said}");
        assert!(line("1.2.3.4:5", &vec![b'a'; 100_000]).len() < REQUEST_LINE_BYTES_MAX + 100);
    }
}
