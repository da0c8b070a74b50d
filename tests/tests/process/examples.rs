//! Each example of the library does what it says, over real sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::client::{Client, End, get, request};
use crate::harness::{PATIENCE, Server, site};

#[test]
fn hello() {
    let server = Server::example("hello", &[]);
    let mut client = server.client();
    let answer = client.ask(&get("/"));
    assert_eq!((answer.status, &answer.body[..]), (200, &b"Hello, World!"[..]));
    let head = client.ask(&request("HEAD", "/", ""));
    assert_eq!((head.status, head.content_length(), head.body.len()), (200, Some(13), 0));
    assert_eq!(client.ask(&request("SPAM", "/", "")).status, 501);
}

/// Must show 7 of the programming model: the least program is short.
#[test]
fn hello_is_short() {
    let hello = include_str!("../../../engine/server/examples/hello.rs");
    assert!(hello.lines().count() <= 15, "{} lines", hello.lines().count());
    let readme = include_str!("../../../README.md");
    let block = readme.split("```rust,no_run\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let lines = block.lines().count();
    assert!(block.contains("fn main()") && lines <= 15, "{lines} lines");
}

#[test]
fn spam() {
    let server = Server::example("spam", &[]);
    let (mut one, mut other) = (server.client(), server.client());
    for serving in 1..=3 {
        let answer = one.ask(&request("SPAM", "/eggs", ""));
        assert_eq!((answer.status, &answer.reason[..]), (200, "Spam"));
        assert_eq!(answer.body, format!("/eggs with spam, serving {serving}\n").into_bytes());
    }
    let refused = one.ask(&request("SPAM", "/eggs", ""));
    assert_eq!((refused.status, &refused.reason[..]), (402, "Bloody Vikings"));
    // Row E6: Python escapes what stands in the page.
    assert!(String::from_utf8_lossy(&refused.body).contains("402 - That was your third &amp; last serving."));
    // Another connection has its own state; another case is another command (row S37).
    assert_eq!(other.ask(&request("SPAM", "/ham", "")).body, b"/ham with spam, serving 1\n");
    assert_eq!(other.ask(&request("spam", "/ham", "")).status, 501);
    assert_eq!(other.ask(&get("/ham")).field("Allow"), Some("SPAM"), "row U16");
}

#[test]
fn form() {
    let server = Server::example("form", &[]);
    let mut client = server.client();
    assert!(client.ask(&get("/")).body.starts_with(b"<!DOCTYPE html>"));
    let post = |fields: &str, body: &str| {
        let lines = format!("{fields}Content-Length: {}\r\n", body.len());
        [request("POST", "/", &lines), body.into()].concat()
    };
    let typed = "Content-Type: Application/X-WWW-Form-URLEncoded; charset=utf-8\r\n";
    let answer = client.ask(&post(typed, "name=Eric&dish=spam+%26+%3ceggs%3E&100%"));
    let page = String::from_utf8(answer.body).expect("text");
    assert!(page.contains("<dt>name<dd>Eric\n<dt>dish<dd>spam &amp; &lt;eggs&gt;\n<dt>100%<dd>\n"), "{page}");
    assert_eq!(client.ask(&post("Content-Type: text/plain\r\n", "name=Eric")).status, 415);
    assert_eq!(client.ask(&post("", "name=Eric")).status, 415);
    assert_eq!(client.ask(&post(typed, &"x".repeat(10_001))).status, 413);
}

/// The body of a chunked answer, taken out of its chunks, and how the connection ended.
fn unchunk(client: &mut Client) -> (String, Vec<u8>, End) {
    let (bytes, end) = client.read_to_end();
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let (mut body, mut rest) = (Vec::new(), &bytes[head..]);
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n").expect("a chunk's line");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).expect("text"), 16).expect("a size");
        rest = &rest[line + 2..];
        body.extend_from_slice(&rest[..size]);
        assert_eq!(&rest[size..size + 2], b"\r\n", "a chunk ends");
        rest = &rest[size + 2..];
        if size == 0 {
            assert!(rest.is_empty(), "nothing stands behind the last chunk");
            return (String::from_utf8_lossy(&bytes[..head]).into_owned(), body, end);
        }
    }
}

fn numbers(last: u64) -> Vec<u8> {
    (1..=last).flat_map(|number| format!("{number}\n").into_bytes()).collect()
}

#[test]
fn stream() {
    let server = Server::example("stream", &[]);
    for last in [0, 1, 1000, 500_000] {
        let mut client = server.client();
        client.send(&request("GET", &format!("/{last}"), "Connection: close\r\n"));
        let (head, body, end) = unchunk(&mut client);
        assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n") && !head.contains("Content-Length"), "{head}");
        assert!(body == numbers(last) && end == End::Fin, "{last}: {} bytes", body.len());
        // Who knows no chunks reads until the end of the connection.
        let mut client = server.client();
        client.send(format!("GET /{last} HTTP/1.0\r\n\r\n").as_bytes());
        let (bytes, end) = client.read_to_end();
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        assert!(!String::from_utf8_lossy(&bytes[..head]).contains("Transfer-Encoding"));
        assert!(bytes[head..] == numbers(last)[..] && end == End::Fin);
    }
}

/// Back-pressure: an answer without end, to peers that do not read, costs neither memory nor time.
#[test]
fn a_stream_waits_for_its_peer() {
    let mut server = Server::example("stream", &[]);
    let mut peers: Vec<Client> = (0..50).map(|_| server.client()).collect();
    for peer in &mut peers {
        peer.send(&get(&format!("/{}", u64::MAX)));
        assert!(peer.read_some(100_000).len() == 100_000, "it begins");
    }
    let quiet_for = Duration::from_millis(500);
    // The sockets fill; then nothing moves.
    crate::harness::wait_for("the server to be quiet", PATIENCE, || {
        let before = server.cpu();
        std::thread::sleep(quiet_for);
        server.cpu() == before
    });
    let kilobytes = server.status("VmRSS");
    assert!(kilobytes < 100_000, "{kilobytes} KiB for 50 streams without end");
    server.client().ask(&request("HEAD", "/1", ""));
    drop(peers);
    assert!(server.is_running());
}

#[test]
fn blocking() {
    let server = Server::example("blocking", &[]);
    assert!((0..5).any(|_| others_are_served_beside_jobs(&server)), "jobs hold others up");
    let mut client = server.client();
    let body = [request("POST", "/", "Content-Length: 100000\r\n"), vec![b'x'; 100_000]].concat();
    assert_eq!(client.ask(&body).body, b"100000 bytes\n");
    assert_eq!(client.ask(&get("/rows")).body, b"row 1\nrow 2\nrow 3\nrow 4\nrow 5\n");
}

/// Whether a peer has 51 answers while 20 others wait for jobs of a second each. On a loaded machine a second may pass
/// before: then nothing is shown.
fn others_are_served_beside_jobs(server: &Server) -> bool {
    let start = Instant::now();
    let mut slow: Vec<Client> = (0..20).map(|_| server.client()).collect();
    for client in &mut slow {
        client.send(&get("/slow"));
    }
    // Half a second is enough for all jobs to have begun.
    let (mut fast, mut asked) = (server.client(), 0);
    while asked < 51 || start.elapsed() < Duration::from_millis(500) {
        assert_eq!(fast.ask(&get("/")).body, b"at once\n");
        asked += 1;
    }
    let all_wait = slow.iter().all(|client| !is_answered(client));
    assert!(all_wait || start.elapsed() >= Duration::from_secs(1), "a job is answered before its end");
    for client in &mut slow {
        assert_eq!(client.response().expect("an answer").body, b"after 1s\n");
    }
    // 20 sleeps of a second, at once; one after the other they would take 20 s.
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    all_wait
}

/// Whether anything of an answer is there.
fn is_answered(client: &Client) -> bool {
    let stream = client.stream();
    stream.set_nonblocking(true).expect("a socket");
    let is_there = stream.peek(&mut [0]).is_ok();
    stream.set_nonblocking(false).expect("a socket");
    is_there
}

/// 100 MB through a spool into a job that counts them, by length and in chunks: memory stays flat.
#[test]
fn a_body_of_any_size_is_read_in_a_job() {
    const BYTES: usize = 100 << 20;
    let server = Server::example("blocking", &[]);
    let mut client = server.client();
    let before = server.status("VmHWM");
    let piece = vec![b'x'; 1 << 20];
    client.send(&request("POST", "/", &format!("Content-Length: {BYTES}\r\n")));
    for _ in 0..BYTES / piece.len() {
        client.send(&piece);
    }
    assert_eq!(client.response().expect("an answer").body, format!("{BYTES} bytes\n").into_bytes());
    client.send(&request("POST", "/", "Transfer-Encoding: chunked\r\n"));
    for _ in 0..BYTES / piece.len() {
        client.send(format!("{:x}\r\n", piece.len()).as_bytes()).send(&piece).send(b"\r\n");
    }
    client.send(b"0\r\n\r\n");
    assert_eq!(client.response().expect("an answer").body, format!("{BYTES} bytes\n").into_bytes());
    let kilobytes = server.status("VmHWM") - before;
    println!("{} MiB twice through a spool: the peak of memory rose by {kilobytes} KiB", BYTES >> 20);
    assert!(kilobytes < 20_000, "{kilobytes} KiB more");
    // Beyond the limit it is refused before it is sent; the spools are gone.
    let refused = server.client().ask(&request("POST", "/", &format!("Content-Length: {}\r\n", (1u64 << 30) + 1)));
    assert_eq!(refused.status, 413);
}

/// A peer that leaves while its job runs takes nothing with it.
#[test]
fn who_leaves_its_job_leaves_nothing_behind() {
    let mut server = Server::example("blocking", &[]);
    server.client().ask(&get("/"));
    let before = server.descriptors();
    for _ in 0..20 {
        let mut client = server.client();
        client.send(&get("/slow")).half_close();
        drop(client);
    }
    crate::harness::wait_for("every descriptor to be closed", PATIENCE, || server.descriptors() <= before);
    assert!(server.is_running(), "{}", server.said().1);
    assert_eq!(server.client().ask(&get("/")).body, b"at once\n");
}

#[test]
fn error_page() {
    let server = Server::example("error_page", &[]);
    let mut client = server.client();
    let answer = client.ask(&get("/nothing"));
    assert_eq!((answer.status, answer.field("Content-Type")), (404, Some("application/json")));
    assert_eq!(answer.field("Server"), Some("Api/1.0"));
    assert_eq!(
        String::from_utf8_lossy(&answer.body),
        "{\"code\":404,\"message\":\"No \\\"such\\\" thing\",\"explain\":\"There is only /.\"}\n"
    );
    // The engine's own errors are explained in the same way.
    let unknown = client.ask(&request("BREW", "/", ""));
    let text = String::from_utf8_lossy(&unknown.body).into_owned();
    assert!(text.starts_with("{\"code\":501,\"message\":\"Unsupported method ('BREW')\""), "{text}");
    let broken = server.client().send(b"GET / HTTP/9.9\r\n\r\n").response().expect("an answer");
    assert_eq!((broken.status, broken.field("Content-Type")), (505, Some("application/json")));
}

#[test]
fn embed() {
    let home = site(&[("page.html", b"<p>a page"), ("sub/inner.txt", b"inner")]);
    let server = Server::example("embed", &[home.path().to_str().expect("a path of text")]);
    let mut client = server.client();
    let page = client.ask(&get("/page.html"));
    assert_eq!((page.status, &page.body[..]), (200, &b"<p>a page"[..]));
    assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    let time = client.ask(&get("/time"));
    assert!(time.body.len() == 29 && time.body.ends_with(b" GMT"), "{time:?}");
    assert_eq!(client.ask(&get("/sub")).status, 301);
    assert!(String::from_utf8_lossy(&client.ask(&get("/")).body).contains("page.html"), "a listing");
    assert_eq!(client.ask(&get("/none")).status, 404);
}

/// What every example has: a port that the kernel chose, told in Python's words, and an end by a signal.
#[test]
fn every_example_drains() {
    for name in ["hello", "spam", "form", "stream", "blocking", "error_page", "embed"] {
        let mut server = Server::example(name, &[]);
        let mut idle = TcpStream::connect(server.address()).expect("it listens");
        idle.write_all(b"GET /").expect("a socket");
        server.signal("TERM");
        idle.shutdown(Shutdown::Write).expect("a socket");
        let _ = idle.read_to_end(&mut Vec::new());
        assert!(server.wait(PATIENCE).success(), "{name}: {}", server.said().1);
    }
}
