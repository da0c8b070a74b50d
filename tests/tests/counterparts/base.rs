//! BaseHTTPServerTestCase: commands, versions, what a handler sends. The handler is `unit`.

use crate::client::{Client, End, Response, latin1, raw};
use crate::handler;
use crate::harness::Server;

/// Sends one request and hears its answer.
fn ask(server: &Server, request: &str) -> Response {
    server.client().ask(&raw(request))
}

fn status(request: &str) -> u16 {
    ask(&handler("unit"), request).status
}

/// Row S2, E5: a handler without the command answers 501. Row U16, on purpose: where the handler has other commands, one
/// that everybody knows is 405 with Allow.
#[test]
fn test_command() {
    let answer = ask(&handler("empty"), "GET / HTTP/1.1|Host: x||");
    assert_eq!((answer.status, answer.reason.as_str()), (501, "Unsupported method ('GET')"));
    let answer = ask(&handler("unit"), "GET / HTTP/1.1|Host: x||");
    assert_eq!(answer.status, 405);
    assert!(answer.field("Allow").is_some_and(|allow| allow.contains("KEYERROR")), "{answer:?}");
}

/// Row R5: the line ends before its line end, whichever it is.
#[test]
fn test_request_line_trimming() {
    for end in ["|", "\n", "\r|"] {
        let answer = ask(&handler("unit"), &format!("XYZBOGUS / HTTP/1.1{end}Host: x||"));
        assert_eq!((answer.status, answer.reason.as_str()), (501, "Unsupported method ('XYZBOGUS')"), "{end:?}");
    }
}

/// Row R14.
#[test]
fn test_version_bogus() {
    let answer = ask(&handler("unit"), "GET / FUBAR|Host: x||");
    assert_eq!((answer.status, answer.reason.as_str()), (400, "Bad request version ('FUBAR')"));
}

/// Row R15.
#[test]
fn test_version_digits() {
    assert_eq!(status("GET / HTTP/9.9.9|Host: x||"), 400);
}

/// Row R15.
#[test]
fn test_version_signs_and_underscores() {
    assert_eq!(status("GET / HTTP/-9_9_9.+9_9_9|Host: x||"), 400);
}

/// Row R15.
#[test]
fn test_major_version_number_too_long() {
    assert_eq!(status("GET / HTTP/909876543210.0|Host: x||"), 400);
}

/// Row R15.
#[test]
fn test_minor_version_number_too_long() {
    assert_eq!(status("GET / HTTP/1.909876543210|Host: x||"), 400);
}

/// Row R9, on purpose: Python's test sets the version of a line without one to 1.1; here such a line is HTTP/0.9, so the
/// page comes without a head, and the connection closes.
#[test]
fn test_version_none_get() {
    let (answer, end) = handler("empty").client().send(b"GET /\r\n\r\n").read_to_end();
    let page = String::from_utf8_lossy(&answer);
    assert!(page.starts_with("<!DOCTYPE HTML>") && page.contains("<p>Error code: 501</p>"), "{page}");
    assert_eq!(end, End::Fin);
}

/// Row R10.
#[test]
fn test_version_none() {
    let answer = ask(&handler("unit"), "CUSTOM / |Host: x||");
    assert_eq!((answer.status, answer.reason.as_str()), (400, "Bad HTTP/0.9 request type ('CUSTOM')"));
}

/// Row R17.
#[test]
fn test_version_invalid() {
    let answer = ask(&handler("unit"), "GET / HTTP/9.9|Host: x||");
    assert_eq!((answer.status, answer.reason.as_str()), (505, "Invalid HTTP version (9.9)"));
}

/// Rows R4, R10: a method of no letters.
#[test]
fn test_send_blank() {
    assert_eq!(status(" / |Host: x||"), 400);
}

/// Row K3.
#[test]
fn test_header_close() {
    let asked = raw("XYZBOGUS / HTTP/1.1|Host: x|Connection: close||XYZBOGUS / HTTP/1.1|Host: x||");
    let (answer, end) = handler("unit").client().send(&asked).read_to_end();
    let answers = Response::parse_all(&answer).expect("whole answers");
    assert_eq!((answers.len(), answers[0].status, end), (1, 501, End::Fin));
}

/// Row K2.
#[test]
fn test_header_keep_alive() {
    let server = handler("unit");
    let mut client = server.client();
    for _ in 0..2 {
        assert_eq!(client.ask(&raw("XYZBOGUS / HTTP/1.1|Host: x|Connection: keep-alive||")).status, 501);
    }
}

/// Row S33.
#[test]
fn test_handler() {
    assert_eq!(status("TEST / HTTP/1.1|Host: x||"), 204);
}

/// Row K6.
#[test]
fn test_return_header_keep_alive() {
    let server = handler("unit");
    let mut client = server.client();
    let answer = client.ask(&raw("KEEP / HTTP/1.1|Host: x||"));
    assert_eq!(answer.field("Connection"), Some("keep-alive"));
    assert_eq!(client.ask(&raw("TEST / HTTP/1.1|Host: x||")).status, 204);
    assert_eq!(client.read_to_end(), (Vec::new(), End::Fin), "TEST said close");
}

/// Row E7.
#[test]
fn test_internal_key_error() {
    let answer = ask(&handler("unit"), "KEYERROR / HTTP/1.1|Host: x||");
    assert_eq!((answer.status, answer.reason.as_str()), (999, "???"));
}

/// Row E7: without a message there is no reason.
#[test]
fn test_return_custom_status() {
    let answer = ask(&handler("unit"), "CUSTOM / HTTP/1.1|Host: x||");
    assert_eq!((answer.status, answer.reason.as_str()), (999, ""));
}

/// Row E8.
#[test]
fn test_return_explain_error() {
    let answer = ask(&handler("unit"), "EXPLAINERROR / HTTP/1.1|Host: x||");
    assert_eq!((answer.status, answer.reason.as_str()), (999, "Short"));
    let page = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(page.contains("<p>Error code explanation: 999 - It is longer\nthan a line.</p>"), "{page}");
    assert!(answer.content_length().is_some_and(|length| length == page.len() && length > 0));
}

/// Row H13: bytes in, bytes out.
#[test]
fn test_latin1_header() {
    let server = handler("unit");
    let incoming = latin1("\u{c4}rger mit Unicode");
    let asked = [&raw("LATINONEHEADER / HTTP/1.1|Host: x|X-Special-Incoming: ")[..], &incoming, b"\r\n\r\n"].concat();
    let mut client = server.client();
    let (bytes, _) = client.send(&asked).half_close().read_to_end();
    assert!(bytes.windows(27).any(|part| part == b"X-Special: D\xe4ngerous Mind\r\n"), "{bytes:?}");
    assert!(bytes.ends_with(&incoming), "{bytes:?}");
}

/// Row E2.
#[test]
fn test_error_content_length() {
    let answer = ask(&handler("unit"), "NOTFOUND / HTTP/1.1|Host: x||");
    assert_eq!((answer.status, answer.content_length()), (404, Some(answer.body.len())));
    assert!(!answer.body.is_empty());
}

/// Row E3. On purpose: 205 says that its body is empty (RFC 9110 section 15.3.6).
#[test]
fn test_send_error() {
    let server = handler("unit");
    for code in [204, 304, 102, 205, 101] {
        check_bodiless(&mut server.client(), "SEND_ERROR", code);
    }
}

/// Rows E3, E4.
#[test]
fn test_head_via_send_error() {
    let server = handler("unit");
    for code in [204, 304, 205, 101] {
        check_bodiless(&mut server.client(), "HEAD", code);
    }
    let (bytes, _) = server.client().send(&raw("HEAD /200 HTTP/1.1|Host: x||")).half_close().read_to_end();
    let (answer, len) = Response::parse(&bytes, true).expect("a head");
    assert_eq!((answer.status, len), (200, bytes.len()), "no body");
    assert!(answer.content_length().is_some_and(|length| length > 0));
    assert_eq!(answer.field("Content-Type"), Some("text/html;charset=utf-8"));
}

fn check_bodiless(client: &mut Client, command: &str, code: u16) {
    let asked = raw(&format!("{command} /{code} HTTP/1.1|Host: x||"));
    let (bytes, _) = client.send(&asked).half_close().read_to_end();
    let (answer, len) = Response::parse(&bytes, true).expect("a head");
    assert_eq!((answer.status, len), (code, bytes.len()), "{command} {code}: nothing behind the head");
    let length = (code == 205).then_some("0");
    assert_eq!(answer.field("Content-Length"), length, "{command} {code}");
    assert_eq!((answer.field("Content-Type"), answer.field("Transfer-Encoding")), (None, None), "{command} {code}");
}
