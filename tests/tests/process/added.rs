//! `-H`: fields of the user's own in every answer.

use std::process::Command;

use crate::client::get;
use crate::harness::{Server, has, pattern, program, run, site};

const FLAGS: [&str; 7] =
    ["-H", "Access-Control-Allow-Origin: *", "--header", "X-Two:\ttwo words ", "-H", "X-Two", "again"];

/// The request, and the status of its answer.
fn requests() -> Vec<(Vec<u8>, u16)> {
    let with = |target: &str, line: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n").into_bytes();
    vec![
        (get("/small"), 200),
        // From the cache.
        (get("/small"), 200),
        (b"HEAD /small HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 200),
        (get("/large"), 200),
        (with("/small", "Range: bytes=1-2"), 206),
        (with("/small", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"), 304),
        (with("/small", "Range: bytes=900000-"), 416),
        (get("/directory/"), 200),
        (get("/directory"), 301),
        (get("/none"), 404),
        (b"PUT /small HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_vec(), 405),
        (b"SPAM / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 501),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), 400),
    ]
}

/// Rows U12, X5: each answer has each of them once, in order, and nothing of its own is lost.
#[test]
fn every_answer_has_the_added_fields() {
    let home = site(&[("small", b"small"), ("large", &pattern(2 << 20)), ("directory/file", b"x")]);
    for protocol in ["HTTP/1.1", "HTTP/1.0"] {
        let plain = Server::slipring(home.path(), &["-p", protocol]);
        let server = Server::slipring(home.path(), &[&FLAGS[..], &["-p", protocol]].concat());
        for (request, status) in requests() {
            let shown = String::from_utf8_lossy(&request).into_owned();
            let head = |server: &Server| head_of(server, &request);
            let lines = head(&server);
            assert!(lines[0].contains(&format!(" {status} ")), "{shown}{lines:?}");
            let own = ["Access-Control-Allow-Origin: *", "X-Two: two words", "X-Two: again"];
            let (added, others): (Vec<&String>, Vec<&String>) =
                lines.iter().partition(|line| own.contains(&line.as_str()));
            assert_eq!(added, own, "{shown}{lines:?}");
            let undated = |line: &&String| !line.starts_with("Date: ");
            let plain = head(&plain);
            assert_eq!(
                others.into_iter().filter(undated).collect::<Vec<_>>(),
                plain.iter().filter(undated).collect::<Vec<_>>(),
                "{shown}"
            );
        }
    }
}

/// The lines of an answer's head.
fn head_of(server: &Server, request: &[u8]) -> Vec<String> {
    let mut client = server.client();
    let bytes = client.send(request).half_close().read_some(16 * 1024);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, _) = text.split_once("\r\n\r\n").expect("a whole head");
    head.split("\r\n").map(str::to_owned).collect()
}

/// curl sees them too.
#[test]
fn curl_sees_the_added_fields() {
    if !has("curl") {
        return;
    }
    let home = site(&[("small", b"small")]);
    let server = Server::slipring(home.path(), &FLAGS);
    let url = format!("http://{}/small", server.address());
    let told = run(Command::new("curl").args(["-sS", "-D", "-", &url])).stdout;
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(told.contains("\r\nX-Two: again\r\n") && told.ends_with("\r\n\r\nsmall"), "{told}");
}

/// What is no field, or would contradict one, is one clear line and status 2.
#[test]
fn what_is_no_field_is_refused() {
    for header in ["X", "X Y: z", ": z", "X: a\r\nSet-Cookie: b", "X: a\nb", "Content-Length: 5", "date: now"] {
        let output = Command::new(program("slipring")).args(["0", "-H", header]).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{header:?}: {said}");
        assert!(said.starts_with("slipring: cannot add the header '") && said.lines().count() == 1, "{said}");
        assert!(output.stdout.is_empty());
    }
}
