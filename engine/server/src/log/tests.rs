use std::time::Duration;

use proptest::prelude::*;
use slipring_ring::{Instant, Peer, Wall};
use slipring_wire::date::DateCache;
use slipring_wire::limits::Limits;
use slipring_wire::request::{Parsed, RequestHead, Tolerance};

use super::*;

/// 23 November 2026, 13:10:52.
const WALL: Wall = Wall { secs: 1_795_439_452, nanos: 7_900_000 };

/// An answer of 10 bytes of head and 13 of body, at byte 100 of what it is sent with; it took 1,500 us.
fn record(peer: &str) -> AccessRecord {
    AccessRecord {
        peer: peer.parse().map_or(Peer::Unknown, Peer::Ip),
        status: 200,
        cache: CacheUse::Hit,
        sending: Sending {
            begun: Instant::ORIGIN.plus(Duration::from_micros(500)),
            first_byte: Some(Instant::ORIGIN.plus(Duration::from_micros(700))),
            start: 100,
            head_bytes: 10,
            body_bytes: 13,
        },
    }
}

fn known(date: &DateCache) -> Known<'_> {
    Known { date, names: None }
}

fn written(format: &Format, stage: &[u8], left: Left) -> String {
    let date = DateCache::new(WALL.secs);
    let at = Moment { now: Instant::ORIGIN.plus(Duration::from_millis(2)), wall: WALL, date: &date, names: None };
    let mut line = Vec::new();
    for staged in Records(stage) {
        match staged {
            Staged::Access(sending, begun) => {
                let mut memory = Vec::new();
                line.extend_from_slice(format.finish(&mut memory, begun, &sending, left, at));
            }
            Staged::Message(peer, text) => format.message(&mut line, peer, at, text),
        }
    }
    String::from_utf8(line).expect("escaped")
}

/// The line of a request with this head, whether it leaves in the second in which it was answered or later.
fn line(format: &Format, peer: &str, request: &[u8], left: Left) -> String {
    let [at_once, later] = [WALL.secs, WALL.secs - 3600].map(|made| line_made(format, peer, request, left, made));
    assert_eq!(at_once, later, "what was guessed is what is so");
    at_once
}

fn line_made(format: &Format, peer: &str, request: &[u8], left: Left, made: u64) -> String {
    let mut head = RequestHead::new();
    assert!(matches!(head.parse(request, &Limits::COMMAND, Tolerance::Lenient), Parsed::Complete));
    let mut stage = Vec::new();
    record(peer).stage(
        format,
        Asked { line: head.request_line(request), head: Some((&head, request)) },
        known(&DateCache::new(made)),
        &mut stage,
    );
    written(format, &stage, left)
}

/// The line of something that is no request.
fn bare(format: &Format, peer: &str, line: &[u8]) -> String {
    let mut stage = Vec::new();
    record(peer).stage(format, Asked { line, head: None }, known(&DateCache::new(WALL.secs)), &mut stage);
    written(format, &stage, Left::Sent(123))
}

const BROWSER: &[u8] = b"GET /a%20b?q=secret HTTP/1.1\r\nHost: example.org\r\nUser-Agent: Moz\"illa\\5.0 \xe4\r\n\
    Referer: http://x/?token=1\r\nX-Request-ID: 7f\r\nCookie: a=b\r\n\r\n";

#[test]
fn access_lines_are_pythons() {
    // Row L1, as Python 3.11 wrote it.
    let python = "127.0.0.1 - - [23/Nov/2026 13:10:52] \"GET / HTTP/1.1\" 200 -\n";
    assert_eq!(bare(&Format::python(), "127.0.0.1:80", b"GET / HTTP/1.1"), python);
    for (peer, start) in
        [("10.200.30.4:1", "10.200.30.4 -"), ("[::1]:1", "::1 -"), ("[::ffff:1.2.3.4]:1", "1.2.3.4 -"), ("", "- -")]
    {
        assert!(bare(&Format::python(), peer, b"").starts_with(start), "{peer}");
    }
}

/// As the documentation of Apache's mod_log_config shows the common and the combined format.
#[test]
fn common_and_combined() {
    let left = Left::Sent(123);
    let common = "192.0.2.7 - - [23/Nov/2026:13:10:52 +0000] \"GET /a%20b?q=secret HTTP/1.1\" 200 13";
    assert_eq!(line(&Format::common(), "192.0.2.7:5", BROWSER, left), format!("{common}\n"));
    let combined = format!("{common} \"http://x/?token=1\" \"Moz\\\"illa\\\\5.0 \\xe4\"\n");
    assert_eq!(line(&Format::combined(), "192.0.2.7:5", BROWSER, left), combined);
    let none = line(&Format::combined(), "192.0.2.7:5", b"GET / HTTP/1.0\r\n\r\n", left);
    assert!(none.ends_with("\"GET / HTTP/1.0\" 200 13 \"-\" \"-\"\n"), "{none}");
}

#[test]
fn json_has_the_keys_of_the_page() {
    let expected = "{\"ts\":\"2026-11-23T13:10:52.007Z\",\"client\":\"192.0.2.7\",\"method\":\"GET\",\
        \"target\":\"/a%20b?q=secret\",\"status\":200,\"body_bytes\":13,\"wire_bytes\":23,\"us\":1500,\
        \"first_byte_us\":200,\"aborted\":false,\"referer\":\"http://x/?token=1\",\
        \"user_agent\":\"Moz\\\"illa\\\\5.0 \\u00e4\",\"host\":\"example.org\",\"request_id\":\"7f\",\"encoding\":null,\
        \"cache\":\"hit\"}\n";
    assert_eq!(line(&Format::json(), "192.0.2.7:5", BROWSER, Left::Sent(123)), expected);
    let blank = bare(&Format::json(), "192.0.2.7:5", b"\x16\x03");
    assert!(blank.contains("\"method\":null,\"target\":null,\"status\":200"), "{blank}");
}

#[test]
fn templates() {
    for (template, expected) in [
        ("{client}{tab}{method} {path} {query} {status}", "192.0.2.7\tGET /a%20b q=secret 200\n"),
        ("{{{us}}} {first_byte_us} {aborted} {cache} {encoding}", "{1500} 200 false hit -\n"),
        (
            "{ts} [{date}] [{python_date}]",
            "2026-11-23T13:10:52.007Z [23/Nov/2026:13:10:52 +0000] [23/Nov/2026 13:10:52]\n",
        ),
        ("{field:Cookie} {field:x-none} {host} {request_id} {user}", "a=b - example.org 7f -\n"),
        ("{us}{us}", "15001500\n"),
    ] {
        let format: Format = template.parse().expect(template);
        assert_eq!(line(&format, "192.0.2.7:5", BROWSER, Left::Sent(123)), expected, "{template}");
    }
}

#[test]
fn every_octet_of_an_address() {
    for octet in 0..=u8::MAX {
        let peer = format!("{octet}.0.{octet}.{}:80", 255 - octet);
        let expected = format!("{octet}.0.{octet}.{} - - [", 255 - octet);
        assert!(bare(&Format::python(), &peer, b"").starts_with(&expected), "{peer}");
    }
}

/// What really left is what the line says (row S6).
#[test]
fn bytes_that_left() {
    let format: Format = "{body_bytes} {wire_bytes} {aborted} {first_byte_us}".parse().expect("a template");
    let mut never_begun = record("");
    never_begun.sending.first_byte = None;
    for (left, expected) in [
        (Left::Sent(123), "13 23 false 200\n"),
        (Left::Sent(5000), "13 23 false 200\n"),
        (Left::Sent(122), "12 22 true 200\n"),
        (Left::Sent(105), "0 5 true 200\n"),
        (Left::Sent(100), "0 0 true 200\n"),
        (Left::Sent(3), "0 0 true 200\n"),
        (Left::Body(13), "13 23 false 200\n"),
        (Left::Body(1), "1 11 true 200\n"),
        (Left::Open { body: 20, wire: 31, whole: true }, "20 41 false 200\n"),
        (Left::Open { body: 20, wire: 26, whole: false }, "20 36 true 200\n"),
    ] {
        assert_eq!(line(&format, "", BROWSER, left), expected, "{left:?}");
    }
    let mut stage = Vec::new();
    never_begun.stage(&format, Asked { line: b"", head: None }, known(&DateCache::new(WALL.secs)), &mut stage);
    assert_eq!(written(&format, &stage, Left::Sent(0)), "0 0 true -\n");
    assert_eq!(written(&format, &stage, Left::Sent(123)), "13 23 false 1500\n");
    note_progress(&mut stage, 101, Instant::ORIGIN.plus(Duration::from_micros(600)));
    note_progress(&mut stage, 123, Instant::ORIGIN.plus(Duration::from_micros(900)));
    assert_eq!(written(&format, &stage, Left::Sent(123)), "13 23 false 100\n");
}

#[test]
fn what_is_private_is_not_kept() {
    let combined = Format::combined().without_queries().client(Client::Prefix);
    let said = line(&combined, "192.0.2.7:5", BROWSER, Left::Sent(123));
    assert!(said.starts_with("192.0.2.0 - ") && said.contains("\"GET /a%20b HTTP/1.1\" 200"), "{said}");
    assert!(!said.contains("secret") && !said.contains("token"), "{said}");
    let prefix = bare(&Format::python().client(Client::Prefix), "[2001:db8:1:2::3]:1", b"");
    assert!(prefix.starts_with("2001:db8:1:: - "), "{prefix}");
    assert!(bare(&Format::python().client(Client::Off), "192.0.2.7:5", b"").starts_with("- - - "));
    let mut stage = Vec::new();
    stage_message(&mut stage, Peer::Ip("192.0.2.7:5".parse().expect("an address")), b"code 404");
    let said = written(&combined, &stage, Left::Sent(0));
    assert_eq!(said, "192.0.2.0 - - [23/Nov/2026 13:10:52] code 404\n");
}

#[test]
fn a_peer_cannot_forge_a_line() {
    // Row L3 and attack 14.
    let said = bare(&Format::python(), "1.2.3.4:5", b"GET /\x1b[2J\\\"\n\xc3\xa4");
    assert!(said.contains(r#""GET /\x1b[2J\\\"\x0a\xc3\xa4""#), "{said}");
    assert!(bare(&Format::python(), "1.2.3.4:5", &vec![b'a'; 100_000]).len() < REQUEST_LINE_BYTES_MAX + 100);
    let long = [b"GET / HTTP/1.0\r\nUser-Agent: ".as_slice(), &[b'a'; 9000], b"\r\n\r\n"].concat();
    assert!(line(&Format::combined(), "1.2.3.4:5", &long, Left::Sent(0)).len() < FIELD_BYTES_MAX + 200);
}

proptest! {
    /// Whatever a peer sends, a line is one line of printable ASCII, and its quotes are in pairs.
    #[test]
    fn any_bytes_make_one_line(bytes in proptest::collection::vec(any::<u8>(), 0..300), json in any::<bool>()) {
        let format = if json { Format::json() } else { Format::combined() };
        let said = bare(&format, "1.2.3.4:5", &bytes);
        prop_assert!(said.trim_end_matches('\n').bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        prop_assert_eq!(said.matches('\n').count(), 1);
        let unescaped = said.replace("\\\\", "").replace("\\\"", "");
        prop_assert_eq!(unescaped.matches('"').count() % 2, 0);
    }
}
