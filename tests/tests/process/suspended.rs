//! A machine that was suspended, or a process that was stopped: time has passed, and nobody was there.

use std::thread;
use std::time::Duration;

use crate::client::{End, Response, get, request};
use crate::harness::{PATIENCE, Server, pattern, site};

/// Stopped for longer than a peer may be idle or take over a head. Who asked meanwhile is answered, who was in the middle
/// goes on or is told that it took too long, and new peers are served.
#[test]
fn a_server_that_was_stopped_goes_on() {
    let large = pattern(8 << 20);
    let home = site(&[("index.html", b"<p>home"), ("large", &large)]);
    let mut server = Server::serve(home.path());
    let mut kept = server.client();
    kept.ask(&get("/"));
    let (mut half, mut reading, mut waiting) = (server.client(), server.client(), server.client());
    half.send(b"GET / HTTP/1.1\r\nHo");
    let start = reading.send(&request("GET", "/large", "Connection: close\r\n")).read_some(1000);
    thread::sleep(Duration::from_millis(200));
    server.signal("STOP");
    // In the kernel's queue, and in a connection's.
    let mut queued = server.client();
    queued.send(&request("GET", "/", "Connection: close\r\n"));
    waiting.send(&request("GET", "/", "Connection: close\r\n"));
    half.send(b"st: x\r\nConnection: close\r\n\r\n");
    kept.send(&request("GET", "/", "Connection: close\r\n"));
    thread::sleep(Duration::from_secs(17));
    server.signal("CONT");
    let (rest, end) = reading.read_to_end();
    let whole = Response::parse_all(&[start, rest].concat()).expect("a whole answer");
    assert!(end == End::Fin && whole[0].body == large, "a large answer goes on");
    for (what, client) in [("in the queue", &mut queued), ("accepted and silent", &mut waiting)] {
        let (bytes, end) = client.read_to_end();
        assert!(bytes.ends_with(b"<p>home") && end == End::Fin, "{what}: {end:?} {} bytes", bytes.len());
    }
    for (what, client, statuses) in [("half a head", &mut half, &[200, 408][..]), ("idle", &mut kept, &[200])] {
        let (bytes, end) = client.read_to_end();
        let all = Response::parse_all(&bytes).expect("whole answers");
        println!("{what}: {:?}, {end:?}", all.first().map(|answer| answer.status));
        assert!(all.is_empty() || statuses.contains(&all[0].status), "{what}: {all:?}");
    }
    server.assert_serves();
    server.signal("TERM");
    assert_eq!(server.wait(PATIENCE).code(), Some(0));
}
