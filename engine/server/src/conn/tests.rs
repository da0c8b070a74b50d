//! The connection alone: bytes and time in, decisions out.

use std::time::Duration;

use super::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

fn conn() -> (Conn, RequestHead, Rules) {
    let rules = Rules::COMMAND;
    (Conn::new(Instant::ORIGIN, &rules), RequestHead::new(), rules)
}

#[test]
fn a_head_split_at_every_byte_is_found_once() {
    for split in 1..GET.len() {
        let (mut conn, mut head, rules) = conn();
        assert_eq!(conn.poll_request(Instant::ORIGIN, &GET[..split], &mut head, &rules), Next::Wait, "{split}");
        assert_eq!(conn.phase(), Phase::Head);
        let next = conn.poll_request(Instant::ORIGIN, GET, &mut head, &rules);
        assert_eq!(next, Next::Request { consumed: GET.len(), body: false }, "{split}");
    }
}

#[test]
fn a_head_that_comes_byte_by_byte_is_found_at_its_last() {
    let (mut conn, mut head, rules) = conn();
    for end in 1..GET.len() {
        assert_eq!(conn.poll_request(Instant::ORIGIN, &GET[..end], &mut head, &rules), Next::Wait, "{end}");
    }
    let next = conn.poll_request(Instant::ORIGIN, GET, &mut head, &rules);
    assert_eq!(next, Next::Request { consumed: GET.len(), body: false });
}

#[test]
fn the_head_deadline_is_not_renewed_by_bytes() {
    let (mut conn, mut head, rules) = conn();
    let mut now = Instant::ORIGIN;
    conn.poll_request(now, b"GET", &mut head, &rules);
    let deadline = conn.deadline();
    now = now.plus(Duration::from_secs(9));
    conn.poll_request(now, b"GET / HTTP/1.1\r\nHost:", &mut head, &rules);
    assert_eq!(conn.deadline(), deadline);
    assert_eq!(conn.handle_timeout(now), TimedOut::NotYet);
    assert_eq!(conn.handle_timeout(now.plus(Duration::from_secs(1))), TimedOut::Answer408(TimeoutKind::Head));
}

#[test]
fn a_silent_connection_is_closed_without_a_word() {
    let (mut conn, _, rules) = conn();
    assert_eq!(conn.handle_timeout(Instant::ORIGIN.plus(rules.timeouts.silent)), TimedOut::Close(TimeoutKind::Head));
}

/// Reads a body in pieces of `step` bytes; what it ended with, and what was kept.
fn read_body(framing: &str, body: &[u8], keep: Keep, step: usize) -> (BodyStep, Vec<u8>) {
    let (mut conn, mut head, rules) = conn();
    let request = format!("POST / HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n");
    let next = conn.poll_request(Instant::ORIGIN, request.as_bytes(), &mut head, &rules);
    assert_eq!(next, Next::Request { consumed: request.len(), body: true });
    conn.begin_body(Instant::ORIGIN, &head, keep, Held::default(), request.as_bytes());
    let mut last = BodyStep::More { consumed: 0 };
    for piece in body.chunks(step) {
        last = conn.poll_body(Instant::ORIGIN, piece, &rules);
        if !matches!(last, BodyStep::More { .. }) {
            break;
        }
    }
    (last, conn.take_held().map(|held| held.body).unwrap_or_default())
}

#[test]
fn bodies() {
    let all = Keep::Memory(1000);
    for step in [1, 3, 1000] {
        let (last, body) = read_body("Content-Length: 5", b"hello", all, step);
        assert!(matches!(last, BodyStep::Complete { .. }) && body == b"hello");
        let (last, body) = read_body("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n", all, step);
        assert!(matches!(last, BodyStep::Complete { .. }) && body == b"hello");
        let (last, body) = read_body("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n", Keep::Nothing, step);
        assert!(matches!(last, BodyStep::Complete { .. }) && body.is_empty());
        assert_eq!(read_body("Transfer-Encoding: chunked", b"5\nhello", all, step).0, BodyStep::Reject { status: 400 });
    }
    assert_eq!(read_body("Content-Length: 1001", b"x", all, 1).0, BodyStep::Reject { status: 413 });
    assert_eq!(read_body("Content-Length: 70000", b"x", Keep::Nothing, 1).0, BodyStep::Unread { consumed: 0 });
}

#[test]
fn a_slow_body_runs_out_of_time() {
    let (mut conn, mut head, rules) = conn();
    let request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n";
    conn.poll_request(Instant::ORIGIN, request, &mut head, &rules);
    conn.begin_body(Instant::ORIGIN, &head, Keep::Nothing, Held::default(), request);
    let late = Instant::ORIGIN.plus(Duration::from_millis(5900));
    conn.poll_body(late, &[b'x'; 240], &rules);
    assert_eq!(conn.handle_timeout(late), TimedOut::NotYet, "240 bytes earn a second");
    let later = late.plus(Duration::from_millis(200));
    assert_eq!(conn.handle_timeout(later), TimedOut::Answer408(TimeoutKind::Body));
}
