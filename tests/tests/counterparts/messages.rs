//! BaseHTTPRequestHandlerTestCase: one request as a handler sees it, and the answer to the byte. The handler is `dispatch`.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::client::{End, Response, latin1, raw, show};
use crate::handler;
use crate::harness::{PATIENCE, Server, run, site, wait_for};

/// All that a connection answers, and how it ends.
fn bytes(server: &Server, request: &[u8]) -> Vec<u8> {
    let (bytes, end) = server.client().send(request).half_close().read_to_end();
    assert_eq!(end, End::Fin, "{}", show(&bytes));
    bytes
}

/// Exactly one each of Server, Date and Content-Type (row E12).
fn check_fields(answer: &Response) {
    for name in ["Server", "Date", "Content-Type"] {
        assert!(answer.field(name).is_some(), "{name} in {answer:?}");
    }
}

/// What the handler was told of a request.
fn told(request: &str) -> String {
    let bytes = bytes(&handler("dispatch"), &raw(request));
    let answers = Response::parse_all(&bytes).expect("whole answers");
    assert_eq!((answers.len(), answers[0].status), (1, 200), "{}", show(&bytes));
    check_fields(&answers[0]);
    String::from_utf8_lossy(&answers[0].body).into_owned()
}

/// Row L3: nothing of a peer's reaches a terminal. On purpose: quotes and bytes from 0x80 up are escaped too.
#[test]
fn test_unprintable_not_logged() {
    let home = site(&[]);
    let log = home.path().join("log");
    let server = Server::slipring(home.path(), &["--access-log", &log.display().to_string()]);
    for line in [
        "GET /foo HTTP/1.0",
        "GET /\x1bbar\0\x1b HTTP/1.0",
        "GET /\x7f\u{9f}\u{a0}beans HTTP/1.0",
        "GET /foo\\b\"ar\x07 HTTP/1.0",
    ] {
        server.client().ask(&latin1(&format!("{line}\r\n\r\n")));
    }
    let logged = || std::fs::read_to_string(&log).unwrap_or_default();
    wait_for("four lines", PATIENCE, || logged().matches(" HTTP/1.0\" ").count() == 4);
    let logged = logged();
    assert!(logged.bytes().all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte)), "{logged:?}");
    for part in ["/foo ", r"/\x1bbar\x00\x1b ", r"/\x7f\x9f\xa0beans ", r#"/foo\\b\"ar\x07 "#] {
        assert!(logged.contains(part), "{part} in {logged}");
    }
}

/// Rows R26, E12, S39. On purpose: HTTP/1.1 without Host is refused (H14), so there is one.
#[test]
fn test_http_1_1() {
    assert_eq!(told("GET / HTTP/1.1|Host: x||"), "GET / HTTP/1.1\nHost=x\n");
}

/// The same in HTTP/1.0, without any field.
#[test]
fn test_http_1_0() {
    assert_eq!(told("GET / HTTP/1.0||"), "GET / HTTP/1.0\n");
}

/// Row R11: data only.
#[test]
fn test_http_0_9() {
    assert_eq!(bytes(&handler("dispatch"), b"GET / HTTP/0.9\r\n\r\n"), b"GET / HTTP/0.9\n");
}

/// Row R12.
#[test]
fn test_extra_space() {
    let bytes = bytes(&handler("dispatch"), &raw("GET /spaced out HTTP/1.1|Host: dummy||"));
    let answers = Response::parse_all(&bytes).expect("whole answers");
    assert_eq!((answers.len(), answers[0].status), (1, 400));
    assert_eq!(answers[0].reason, "Bad request syntax ('GET /spaced out HTTP/1.1')");
    check_fields(&answers[0]);
}

/// Row K13: HTTP/1.0 knows no interim answer.
#[test]
fn test_with_continue_1_0() {
    assert_eq!(told("GET / HTTP/1.0|Expect: 100-continue||"), "GET / HTTP/1.0\nExpect=100-continue\n");
    let told = told("POST / HTTP/1.0|Expect: 100-continue|Content-Length: 3||abc");
    assert!(told.ends_with("\nabc"), "{told}");
}

const EXPECTING: &str = "POST / HTTP/1.1|Host: x|Expect: 100-continue|Content-Length: 3||";
const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Row K12. On purpose: only who has a body to send, and has not sent it yet, is told to go on.
#[test]
fn test_with_continue_1_1() {
    let server = handler("dispatch");
    let mut client = server.client();
    assert_eq!(client.send(&raw(EXPECTING)).read_some(INTERIM.len()), INTERIM);
    let answer = client.send(b"abc").response().expect("the final answer");
    check_fields(&answer);
    assert_eq!(answer.status, 200);
    let told = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(told, "POST / HTTP/1.1\nHost=x\nExpect=100-continue\nContent-Length=3\nabc");
    let no_body = bytes(&server, &raw("GET / HTTP/1.1|Host: x|Expect: 100-continue||"));
    assert!(no_body.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", show(&no_body));
}

/// Row K12: the interim answer leaves before the body is there, alone.
#[test]
fn test_header_unbuffered_when_continue() {
    let server = handler("dispatch");
    let mut client = server.client();
    assert_eq!(client.send(&raw(EXPECTING)).read_some(INTERIM.len()), INTERIM);
    let (rest, _) = client.send(b"abc").half_close().read_to_end();
    let lines: Vec<&[u8]> = rest.split(|&byte| byte == b'\n').collect();
    assert_eq!(lines[0], b"HTTP/1.1 200 OK\r");
}

/// Row K14: the handler refuses what is expected, and is not called.
#[test]
fn test_with_continue_rejected() {
    let bytes = bytes(&handler("reject"), &raw(EXPECTING));
    let answers = Response::parse_all(&bytes).expect("whole answers");
    assert_eq!((answers.len(), answers[0].status), (1, 417));
    assert_eq!(answers[0].reason, "Expectation Failed");
    assert_eq!(answers[0].field("Connection"), Some("close"));
    check_fields(&answers[0]);
}

/// What is answered to a head beyond a limit: Python's line, and nothing is dispatched.
fn check_refused(request: &[u8], line: &str, page: &str) {
    let bytes = bytes(&handler("dispatch"), request);
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(text.lines().next(), Some(line));
    assert!(text.contains(page), "{page} in {text}");
    assert_eq!(Response::parse_all(&bytes).expect("whole answers").len(), 1);
}

/// Row R1.
#[test]
fn test_request_length() {
    let request = [b"GET ", &[b'x'; 65_537][..]].concat();
    check_refused(&request, "HTTP/1.1 414 Request-URI Too Long", "414 - URI is too long.");
}

/// Row H1.
#[test]
fn test_header_length() {
    let request = format!("GET / HTTP/1.1|Host: x|X-Foo: bar{}||", "r".repeat(65_537));
    let explained = "431 - got more than 65536 bytes when reading header line.";
    check_refused(&raw(&request), "HTTP/1.1 431 Line too long", explained);
}

/// Row H2. On purpose: exactly 100 are allowed, Python counts the empty line too.
#[test]
fn test_too_many_headers() {
    let with = |count: usize| raw(&format!("GET / HTTP/1.1|Host: x|{}|", "X-Foo: bar|".repeat(count - 1)));
    check_refused(&with(101), "HTTP/1.1 431 Too many headers", "431 - got more than 100 headers.");
    assert!(bytes(&handler("dispatch"), &with(100)).starts_with(b"HTTP/1.1 200 OK\r\n"));
}

/// Row E6. On purpose: a method that is no token is not quoted (R23); what is quoted is escaped.
#[test]
fn test_html_escape_on_error() {
    let server = handler("dispatch");
    let script = "<script>alert(\"hello\")</script>";
    let escaped = "&lt;script&gt;alert(\"hello\")&lt;/script&gt;";
    for request in
        [format!("{script} / HTTP/1.1|Host: x||"), format!("{script}||"), format!("GET / {script}|Host: x||")]
    {
        let bytes = bytes(&server, &raw(&request));
        let (answer, _) = Response::parse(&bytes, false).expect("an answer");
        let page = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status == 400 && !page.contains("<script"), "{page}");
        assert!(page.contains(escaped) || request.contains(" / HTTP"), "{page}");
    }
    let bytes = bytes(&server, &raw("GET /error?404&<script>&<i>&amp; HTTP/1.1|Host: x||"));
    let page = String::from_utf8_lossy(&bytes).into_owned();
    assert!(page.contains("<p>Message: &lt;script&gt;.</p>") && page.contains("404 - &lt;i&gt;.</p>"), "{page}");
}

/// Row K17: one request after the other until one ends the connection.
#[test]
fn test_close_connection() {
    let server = handler("dispatch");
    let (one, last) = ("GET / HTTP/1.1|Host: x||", "GET / HTTP/1.1|Host: x|Connection: close||");
    for (requests, answered) in [(format!("{last}{one}"), 1), (format!("{one}{one}{last}{one}"), 3)] {
        let (bytes, end) = server.client().send(&raw(&requests)).read_to_end();
        assert_eq!(Response::parse_all(&bytes).map(|all| all.len()), Ok(answered), "{}", show(&bytes));
        assert_eq!(end, End::Fin);
    }
}

/// Rows S49, E17: the date of now, as the system's own tools write it.
#[test]
fn test_date_time_string() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let server = handler("dispatch");
    let mut client = server.client();
    let before = now();
    let answer = client.ask(&raw("GET / HTTP/1.1|Host: x||"));
    let said = answer.field("Date").expect("a date").to_owned();
    // The clock of a tick may be a moment older than the request.
    let possible: Vec<String> = (before - 1..=now()).map(system_date).collect();
    assert!(possible.contains(&said), "{said} in {possible:?}");
}

fn system_date(seconds: u64) -> String {
    let mut date = Command::new("date");
    date.env("LC_ALL", "C").args(["-u", "-d", &format!("@{seconds}"), "+%a, %d %b %Y %H:%M:%S GMT"]);
    String::from_utf8(run(&mut date).stdout).expect("text").trim().to_owned()
}
