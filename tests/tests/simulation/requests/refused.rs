//! Requests that are refused, and those whose answer fails on its way: each ends its connection.

use slipring_ring::sim::Random;

use super::{End, FIELDS_MAX, HEAD_BYTES_MAX, LINE_BYTES_MAX, Request, What, length};
use crate::handler::BODY_BYTES_MAX;
use crate::pattern;

/// A reader that fails on its way.
pub fn torn(random: &mut Random) -> Request {
    let len = length(random, 60_000);
    let path = random.pick(&["failing-stream", "falling-stream", "short-stream", "failing-writer", "falling-writer"]);
    let mut request = Request::new(format!("GET /{path}/{len} HTTP/1.1\r\nHost: x\r\n\r\n"), What::Torn(len));
    if random.below(2) == 0 {
        // No chunks: only a reset tells that it is torn.
        request = Request::new(format!("GET /{path}/{len} HTTP/1.0\r\n\r\n"), What::Torn(len)).closes();
    }
    request.want.streamed = path != "short-stream";
    request.want.worked = path.ends_with("writer");
    request
}

/// The handler fails: 500, and the end.
pub fn failing(random: &mut Random) -> Request {
    let path = random.pick(&["panic", "late-panic", "lie", "twice", "falling-job"]);
    let mut request = Request::new(format!("GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n"), What::Page(500)).closes();
    request.want.worked = path == "falling-job";
    request
}

/// Answered before the body came.
pub fn refused_early(random: &mut Random) -> Request {
    let length = BODY_BYTES_MAX + 1;
    let mut request = match random.below(4) {
        0 => {
            let head = format!("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
            Request::new(head, What::Page(413)).closes().early()
        }
        1 => {
            let head =
                format!("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n");
            Request { waits: true, ..Request::new(head, What::Page(413)).closes().early() }
        }
        2 => {
            let head = "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\nContent-Length: 9\r\n\r\n";
            Request { waits: true, ..Request::new(head, What::Page(417)).closes().early() }
        }
        _ => {
            let head = "PUT /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n";
            let mut request = Request { waits: true, ..Request::new(head, What::Page(405)).early() };
            request.want.end = End::Either;
            request
        }
    };
    request.body = vec![b'b'; if request.want.end == End::Either { 9 } else { random.between(1, 9) as usize }];
    request
}

pub fn too_large(random: &mut Random) -> Request {
    match random.below(3) {
        0 => {
            let path = "a".repeat(LINE_BYTES_MAX);
            Request::new(format!("GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n"), What::Page(414)).closes().early()
        }
        1 => {
            let fields = "X-Field: value\r\n".repeat(FIELDS_MAX);
            Request::new(format!("GET /fixed HTTP/1.1\r\nHost: x\r\n{fields}\r\n"), What::Page(431)).closes().early()
        }
        _ => {
            let field = format!("X-Field: {}\r\n", "v".repeat(HEAD_BYTES_MAX / 4));
            let head = format!("GET /fixed HTTP/1.1\r\nHost: x\r\n{}\r\n", field.repeat(4));
            Request::new(head, What::Page(431)).closes().early()
        }
    }
}

/// A head that is none.
pub fn broken_head(random: &mut Random) -> Request {
    let (head, status) = random.pick(&[
        ("GET /fixed HTTP/1.1\r\n\r\n", 400),
        ("GET /fixed HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        ("GET /fixed HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
        ("GET /fixed HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        ("GET /fixed HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400),
        ("GET /fixed HTTP/9.9\r\nHost: x\r\n\r\n", 505),
        ("GET /fixed HTTP/1.1 extra words\r\nHost: x\r\n\r\n", 400),
    ]);
    Request::new(head, What::Page(status)).closes().early()
}

/// What is no request: refused, wherever its end may be.
pub fn broken(random: &mut Random) -> Request {
    const CHUNKED: &str = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (head, body, status) = random.pick(&[
        ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "", 400),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\n\r\n", 400),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\n", "abc", 400),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "abc", 501),
        (CHUNKED, "5\r\nhello7\r\n", 400),
        (CHUNKED, "0x5\r\nhello\r\n0\r\n\r\n", 400),
        (CHUNKED, "5\nhello\n0\n\n", 400),
        (CHUNKED, "fffffffffffffffff\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{7c}", "", 0),
    ]);
    let what = if status == 0 { What::Nothing } else { What::Page(status) };
    let mut request = Request::new(head, what).closes().early();
    request.body = body.as_bytes().to_vec();
    if random.below(4) == 0 {
        request.body.extend(pattern::body(random.between(1, 500) as usize));
    }
    request
}
