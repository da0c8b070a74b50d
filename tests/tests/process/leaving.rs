//! Peers that leave in the middle of what they say or of what they are told, at every byte of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::client::{Client, End, Response, get, raw};
use crate::harness::{PATIENCE, Server, pattern, site, wait_for};

/// What a peer may be in the middle of.
const KINDS: [&str; 8] = [
    "GET /echo HTTP/1.1|Host: x|X-Field: value||",
    "GET / HTTP/1.0||",
    "GET /none HTTP/1.1\nHost: x\n\n",
    "POST /x HTTP/1.1|Host: x|Content-Length: 10||0123456789",
    "POST /x HTTP/1.1|Host: x|Expect: 100-continue|Content-Length: 5||abcde",
    "POST /x HTTP/1.1|Host: x|Transfer-Encoding: chunked||3;a=\"b\"|abc|2|de|0|T: v||",
    "POST /x HTTP/1.1|Host: x|Content-Length: 5|Transfer-Encoding: chunked||0||",
    "DELETE / HTTP/1.1|Host: x|Content-Length: 4||body",
];

/// Section 4.2: a reset at every byte of a request of every kind. Nothing stays open, nobody spins, others are served.
#[test]
fn a_reset_at_every_byte_leaves_nothing_behind() {
    let home = site(&[("index.html", b"<p>home")]);
    for mut server in [Server::serve(home.path()), Server::echo()] {
        server.assert_serves();
        wait_for("the first peer to be gone", PATIENCE, || settled(&server));
        let before = server.descriptors();
        for kind in KINDS {
            let asked = raw(kind);
            for at in 0..=asked.len() {
                let mut client = server.client();
                client.send(&get("/")).send(&asked[..at]);
                // Its answer is there and unread: closing such a socket resets the connection.
                assert!(client.stream().peek(&mut [0]).is_ok_and(|len| len == 1), "{kind} at {at}");
            }
        }
        wait_for("descriptors to be closed", PATIENCE, || server.descriptors() <= before);
        server.assert_serves();
    }
}

/// Whether as many descriptors are open as a moment ago.
fn settled(server: &Server) -> bool {
    let before = server.descriptors();
    thread::sleep(std::time::Duration::from_millis(50));
    server.descriptors() == before
}

/// A half-close at every byte of a request of every kind: what was whole is answered as ever, what was not has no answer or
/// a refusal, and the connection ends.
#[test]
fn an_end_at_every_byte_ends_the_connection() {
    let server = Server::echo();
    for kind in KINDS {
        let asked = raw(kind);
        let whole = answers(server.client().send(&asked).half_close());
        for at in 0..asked.len() {
            let found = answers(server.client().send(&asked[..at]).half_close());
            let refused = found.iter().all(|&status| (400..500).contains(&status) || status == 100);
            assert!(
                found.len() <= whole.len() && (refused || found == whole),
                "{kind} at {at}: {found:?}, not {whole:?}"
            );
        }
    }
}

fn answers(client: &mut Client) -> Vec<u16> {
    let (bytes, end) = client.read_to_end();
    assert_eq!(end, End::Fin);
    Response::parse_all(&bytes).expect("whole answers").iter().map(|answer| answer.status).collect()
}

/// Peers that ask for a large file and leave behind every few thousand bytes of it, while another reads the same file: what
/// it gets is whole.
#[test]
fn who_leaves_does_not_disturb_who_stays() {
    let large = pattern(3 << 20);
    let home = site(&[("large", &large)]);
    let server = Server::slipring(home.path(), &["--shards", "1"]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let crowd = scope.spawn(|| {
            let mut left = 0;
            for len in (1..1 << 20).step_by(7919).cycle() {
                if done.load(Ordering::Relaxed) {
                    return left;
                }
                let mut client = server.client();
                client.send(&get("/large")).read_some(len);
                left += 1;
            }
            left
        });
        for round in 0..30 {
            let (bytes, end) =
                server.client().send(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").read_to_end();
            let all = Response::parse_all(&bytes).expect("a whole answer");
            assert!(end == End::Fin && all.len() == 1 && all[0].body == large, "round {round}");
        }
        done.store(true, Ordering::Relaxed);
        println!("{} peers left meanwhile", crowd.join().expect("no panic"));
    });
}
