//! The end of a server in the middle of what it does: bodies on their way in, bodies on their way out, peers that stay.

use std::thread;
use std::time::Duration;

use crate::client::{Client, End, Response, get, request};
use crate::harness::{PATIENCE, Server, pattern, site, wait_for};

/// Lets a signal begin a drain, and waits until the server takes no new peer: then it has begun.
pub fn begin_drain(server: &Server, signal: &str) {
    server.signal(signal);
    wait_for("the drain", PATIENCE, || std::net::TcpStream::connect(server.address()).is_err());
}

/// The one answer to what was begun, and its end.
fn only_answer(client: &mut Client) -> Response {
    let (bytes, end) = client.read_to_end();
    let mut all = Response::parse_all(&bytes).expect("a whole answer");
    assert_eq!((all.len(), end), (1, End::Fin));
    all.remove(0)
}

/// The same, which says that the connection ends.
fn last_answer(client: &mut Client) -> Response {
    let answer = only_answer(client);
    assert_eq!(answer.field("Connection"), Some("close"));
    answer
}

/// Bodies that are half sent when SIGTERM comes, of known and of unknown length: the rest is taken, and answered.
#[test]
fn a_body_that_was_begun_is_taken() {
    let mut server = Server::echo();
    let mut sized = server.client();
    let mut chunked = server.client();
    let mut waiting = server.client();
    sized.send(&request("POST", "/x", "Content-Length: 10\r\n")).send(b"01234");
    chunked.send(&request("POST", "/x", "Transfer-Encoding: chunked\r\n")).send(b"5\r\n01234\r\n5\r\n5");
    waiting.send(&request("POST", "/x", "Expect: 100-continue\r\nContent-Length: 10\r\n"));
    assert_eq!(waiting.response().map(|answer| answer.status), Some(100));
    thread::sleep(Duration::from_millis(100));
    begin_drain(&server, "TERM");
    sized.send(b"56789");
    chunked.send(b"6789\r\n0\r\n\r\n");
    waiting.send(b"0123456789");
    for (what, client) in [("sized", &mut sized), ("chunked", &mut chunked), ("after 100", &mut waiting)] {
        let answer = last_answer(client);
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"0123456789"[..]), "{what}");
    }
    assert_eq!(server.wait(PATIENCE).code(), Some(0));
}

/// An answer that is made piece by piece when SIGTERM comes is made to its end.
#[test]
fn a_stream_that_was_begun_comes_to_its_end() {
    let mut server = Server::example("stream", &[]);
    let mut client = server.client();
    let start = client.send(b"GET /2000000 HTTP/1.0\r\n\r\n").read_some(1000);
    begin_drain(&server, "TERM");
    let (rest, end) = client.read_to_end();
    let all = [start, rest].concat();
    assert_eq!(end, End::Fin);
    assert!(all.ends_with(b"\n1999999\n2000000\n"), "{} bytes", all.len());
    assert_eq!(server.wait(PATIENCE).code(), Some(0));
}

/// A job that was begun when SIGTERM comes is waited for, and answered; what waits for a worker too. On a loaded machine
/// SIGTERM may come when jobs have ended: then it is tried again.
#[test]
fn a_job_that_was_begun_is_waited_for() {
    assert!((0..5).any(|_| jobs_outlive_the_signal()), "no answer behind SIGTERM says that it is the last");
}

/// Whether every job was answered when the drain had begun: its answer says that it is the last.
fn jobs_outlive_the_signal() -> bool {
    let mut server = Server::example("blocking", &[]);
    let mut clients: Vec<Client> = (0..8).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(&get("/slow"));
    }
    let mut spooled = server.client();
    let body = pattern(300_000);
    spooled.send(&request("POST", "/", "Content-Length: 300000\r\n")).send(&body[..150_000]);
    thread::sleep(Duration::from_millis(200));
    begin_drain(&server, "TERM");
    spooled.send(&body[150_000..]);
    assert_eq!(last_answer(&mut spooled).body, b"300000 bytes\n");
    let answers: Vec<Response> = clients.iter_mut().map(only_answer).collect();
    assert!(answers.iter().all(|answer| answer.body == b"after 1s\n"));
    assert_eq!(server.wait(PATIENCE).code(), Some(0));
    answers.iter().all(|answer| answer.field("Connection") == Some("close"))
}

/// Of many requests that stand in the pipeline when SIGTERM comes, some are answered, whole and in order, and the last of
/// them says that it is the last. What follows it was never answered, so a client may ask elsewhere (RFC 9112 section 9.6).
#[test]
fn a_pipeline_ends_behind_a_whole_answer() {
    let bodies = pattern(40_000);
    let home = site(&[("f", &bodies)]);
    let mut server = Server::slipring(home.path(), &["--shards", "1"]);
    let mut client = server.client();
    let mut writer = Client::from(client.stream().try_clone().expect("a descriptor"));
    let writing = thread::spawn(move || _ = writer.send(&get("/f").repeat(2000)));
    let start = client.read_some(100_000);
    server.signal("TERM");
    let (rest, end) = client.read_to_end();
    let all = Response::parse_all(&[start, rest].concat()).expect("whole answers");
    assert!(all.iter().all(|answer| answer.status == 200 && answer.body == bodies));
    let closes = all.iter().position(|answer| answer.field("Connection") == Some("close"));
    println!("{} of 2000 answered, {end:?}", all.len());
    assert_eq!(closes, Some(all.len() - 1), "the last answer, and it alone, says that it is the last");
    assert_eq!(server.wait(PATIENCE).code(), Some(0));
    writing.join().expect("no panic");
}

/// A peer that never reads does not hold the end up for ever: behind the drain's time it is cut, and the status is 0.
#[test]
fn a_drain_has_an_end() {
    let home = site(&[("large", &pattern(32 << 20))]);
    let mut server = Server::serve(home.path());
    let mut stubborn: Vec<Client> = (0..5).map(|_| server.client()).collect();
    for client in &mut stubborn {
        client.send(&get("/large")).read_some(1);
    }
    server.signal("TERM");
    assert_eq!(server.wait(PATIENCE + PATIENCE).code(), Some(0));
    for client in &mut stubborn {
        assert_ne!(client.read_to_end().1, End::Silence);
    }
}

/// SIGHUP ends it as it ends any program that has no configuration to read again (docs/INTERFACES.md), unless it was started
/// to outlive its terminal, as by `nohup`; other signals that programs get by habit do nothing.
#[test]
fn signals_that_are_nobodys() {
    let home = site(&[("index.html", b"<p>home")]);
    let mut server = Server::serve(home.path());
    for name in ["PIPE", "WINCH", "CHLD", "URG", "CONT"] {
        server.signal(name);
        server.assert_serves();
    }
    server.signal("HUP");
    // What this process ignores its children ignore as well.
    if ignores_hangups() {
        server.assert_serves();
        return;
    }
    let status = server.wait(PATIENCE);
    assert!(!status.success() && status.code() != Some(1), "{status:?}");
}

/// Whether this process was started by `nohup` or its like: SIGHUP is signal 1, the lowest bit.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
