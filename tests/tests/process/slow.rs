//! Peers that are slow, stop in the middle, or send one byte at a time.

use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, End, Response, get, raw, request, show};
use crate::harness::{PATIENCE, Server, pattern, site, spawn, wait_for};

/// Requests of every kind, with the number of answers to each.
const KINDS: [(&str, usize); 6] = [
    ("GET / HTTP/1.1|Host: x|Connection: close||", 1),
    ("GET / HTTP/1.1|Host: x||GET /echo HTTP/1.1|Host: x|X: y||GET /none HTTP/1.1|Host: x|Connection: close||", 3),
    ("POST /x HTTP/1.1|Host: x|Connection: close|Content-Length: 5||abcde", 1),
    (
        "POST /x HTTP/1.1|Host: x|Transfer-Encoding: chunked||3;a=b|abc|2|de|0|T: v||GET / HTTP/1.1|Host: x|Connection: close||",
        2,
    ),
    ("||GET / HTTP/1.1\nHost: x\n\n", 1),
    ("POST /x HTTP/1.1|Host: x|Content-Length: 5|Transfer-Encoding: chunked||0||", 1),
];

/// What came back, without what the clock changes.
fn answers(server: &Server, send: impl FnOnce(&mut Client)) -> Vec<(u16, Vec<u8>)> {
    let mut client = server.client();
    send(&mut client);
    let (bytes, end) = client.read_to_end();
    assert_eq!(end, End::Fin, "{}", show(&bytes));
    let all = Response::parse_all(&bytes).expect("whole answers");
    all.into_iter().map(|answer| (answer.status, answer.body)).collect()
}

/// However the bytes are cut, the answers are the same.
#[test]
fn split_at_every_byte() {
    let server = Server::echo();
    for (kind, count) in KINDS {
        let asked = raw(kind);
        let whole = answers(&server, |client| _ = client.send(&asked));
        assert_eq!(whole.len(), count, "{kind}");
        for at in 1..asked.len() {
            let split = answers(&server, |client| {
                client.send(&asked[..at]);
                thread::sleep(Duration::from_micros(500));
                client.send(&asked[at..]);
            });
            assert_eq!(split, whole, "{kind}, split at {at}");
        }
    }
}

#[test]
fn one_byte_at_a_time() {
    let server = Server::echo();
    for (kind, _) in KINDS {
        let asked = raw(kind);
        let whole = answers(&server, |client| _ = client.send(&asked));
        let slowly = answers(&server, |client| _ = client.send_slowly(&asked));
        assert_eq!(slowly, whole, "{kind}");
    }
}

/// Decision 8: a half-close means no more requests; complete ones are answered.
#[test]
fn a_half_close_behind_requests_is_answered() {
    let home = site(&[("index.html", b"<p>home"), ("large", &pattern(3 << 20))]);
    let (files, echo) = (Server::serve(home.path()), Server::echo());
    for server in [&files, &echo] {
        let many = get("/").repeat(100);
        let (bytes, end) = server.client().send(&many).half_close().read_to_end();
        assert_eq!((Response::parse_all(&bytes).map(|all| all.len()), end), (Ok(100), End::Fin));
    }
    let (bytes, end) = files.client().send(&get("/large")).half_close().read_to_end();
    let all = Response::parse_all(&bytes).expect("a whole answer");
    assert!(end == End::Fin && all.len() == 1 && all[0].body == pattern(3 << 20));
    let (bytes, end) =
        echo.client().send(&request("POST", "/x", "Content-Length: 3\r\n")).send(b"abc").half_close().read_to_end();
    assert!(end == End::Fin && bytes.ends_with(b"\r\n\r\nabc"), "{}", show(&bytes));
}

/// What is not a whole request when the peer ends is not answered (row H12), and what was whole before it is.
#[test]
fn a_half_close_inside_a_head_closes_silently() {
    let server = Server::echo();
    let asked = raw("GET / HTTP/1.1|Host: x||");
    for at in 0..asked.len() {
        let (bytes, end) = server.client().send(&asked[..at]).half_close().read_to_end();
        assert!(bytes.is_empty() && end == End::Fin, "at {at}: {end:?} {}", show(&bytes));
        let (bytes, end) = server.client().send(&asked).send(&asked[..at]).half_close().read_to_end();
        assert_eq!((Response::parse_all(&bytes).map(|all| all.len()), end), (Ok(1), End::Fin), "at {at}");
    }
}

/// Decision 8 and row 45: after a refusal the peer reads the answer and FIN, though it has sent much that nobody reads.
#[test]
fn a_refusal_survives_what_the_peer_still_sends() {
    let server = Server::echo();
    for round in 0..50 {
        let mut client = server.client();
        client.send(&raw("POST /x HTTP/1.1|Host: x|Content-Length: 1|Content-Length: 1||")).send(&pattern(48 * 1024));
        thread::sleep(Duration::from_millis(round % 5));
        client.send(b"more");
        let (bytes, end) = client.read_to_end();
        assert!(bytes.starts_with(b"HTTP/1.1 400 "), "round {round}: {}", show(&bytes));
        assert_eq!(end, End::Fin, "round {round}");
    }
}

/// A peer that pipelines and never reads is held back, not buffered (attack 31), and gets its answers when it reads.
#[test]
fn a_flood_of_requests_without_reading_is_held_back() {
    let server = Server::echo();
    let before = server.status("VmRSS");
    let client = server.client();
    let flood = spawn({
        let mut writer = Client::from(client.stream().try_clone().expect("a descriptor"));
        move || {
            writer.send(&get("/none").repeat(20_000)).send(&request("GET", "/", "Connection: close\r\n"));
        }
    });
    thread::sleep(Duration::from_secs(1));
    let grown = server.status("VmRSS").saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB for one peer");
    let mut client = client;
    let (bytes, end) = client.read_to_end();
    assert_eq!((Response::parse_all(&bytes).map(|all| all.len()), end), (Ok(20_001), End::Fin));
    flood.recv_timeout(PATIENCE).expect("everything was sent");
}

/// A peer that asks and resets, at every stage of the answer (attack 33): nothing is left behind.
#[test]
fn resets_leave_nothing_behind() {
    let home = site(&[("index.html", b"<p>home"), ("large", &pattern(16 << 20))]);
    let mut server = Server::serve(home.path());
    server.assert_serves();
    let before = server.descriptors();
    for round in 0..300 {
        let mut client = server.client();
        client.send(&get("/large"));
        // A socket that is closed with bytes unread resets its connection.
        if round % 3 > 0 {
            assert!(!client.read_some(1 + round * 5000).is_empty(), "round {round}");
        }
    }
    wait_for("descriptors to be closed", PATIENCE, || server.descriptors() <= before);
    server.assert_serves();
    let answer = server.client().ask(&get("/large"));
    assert!(answer.body == pattern(16 << 20), "the next peer gets the file");
}

/// What a client sends once and then with each breath, how many seconds it may take until the end, and the status of the
/// answer.
struct Case {
    name: &'static str,
    /// Before the client connected: the server's own clock starts later, so that nothing ends too early by this one.
    start: Instant,
    client: Client,
    first: Vec<u8>,
    breath: &'static str,
    seconds: Range<u64>,
    status: Option<u16>,
}

impl Case {
    /// It ends `after` so many seconds, or a few later on a loaded machine.
    fn new(server: &Server, name: &'static str, first: &[u8], breath: &'static str, after: u64, status: u16) -> Self {
        let start = Instant::now();
        let seconds = after..after + LATE_S_MAX;
        let status = (status > 0).then_some(status);
        Self { name, start, client: server.client(), first: first.to_vec(), breath, seconds, status }
    }
}

const SIZED: &str = "Content-Length: 100000\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// How much later than it should an end may come.
const LATE_S_MAX: u64 = 9;

/// Each wait has its own end. All are waited for at the same time.
#[test]
fn timeouts() {
    let home = site(&[("index.html", b"<p>home"), ("large", &pattern(32 << 20))]);
    let (files, echo) = (Server::serve(home.path()), Server::echo());
    let (sized, chunked) = (request("POST", "/x", SIZED), request("POST", "/x", CHUNKED));
    let cases = [
        Case::new(&files, "a slow head", b"GET / HTTP/1.1\r\nX: ", "a", 10, 408),
        Case::new(&files, "slow empty lines", b"\r\n", "", 10, 408),
        Case::new(&echo, "a head that stops", b"GET / HT", "", 10, 408),
        Case::new(&echo, "a slow body", &sized, "a", 5, 408),
        Case::new(&echo, "slow chunks", &chunked, "1\r\na\r\n", 5, 408),
        Case::new(&files, "silence", b"", "", 20, 0),
        Case::new(&files, "silence after an answer", &get("/"), "", 15, 200),
    ];
    let ends = cases.map(|case| (case.name, spawn(move || check_timeout(case))));
    let stalled = spawn({
        let client = files.client();
        move || check_stall(client)
    });
    for (name, end) in ends {
        end.recv_timeout(PATIENCE + PATIENCE).unwrap_or_else(|_| panic!("{name}"));
    }
    stalled.recv_timeout(PATIENCE + PATIENCE).expect("a peer that takes nothing");
}

fn check_timeout(case: Case) {
    let Case { name, start, mut client, first, breath, seconds, status } = case;
    let mut writer = Client::from(client.stream().try_clone().expect("a descriptor"));
    writer.send(&first);
    if !breath.is_empty() {
        thread::spawn(move || {
            while start.elapsed() < PATIENCE {
                writer.send(breath.as_bytes());
                thread::sleep(Duration::from_millis(250));
            }
        });
    }
    let (bytes, end) = client.read_to_end();
    let waited = start.elapsed();
    assert_eq!(end, End::Fin, "{name} after {waited:?}: {}", show(&bytes));
    let said = Response::parse_all(&bytes).map(|all| all.first().map(|answer| answer.status));
    assert_eq!(said, Ok(status), "{name}");
    println!("{name} ended after {waited:?}");
    assert!(seconds.contains(&waited.as_secs()), "{name} took {waited:?}, not {seconds:?} s");
}

/// A peer that asks for much and takes nothing is given up after 30 s; what it then reads is short.
fn check_stall(mut client: Client) {
    client.send(&get("/large"));
    thread::sleep(Duration::from_secs(36));
    let (bytes, end) = client.patience(Duration::from_secs(2)).read_to_end();
    assert!(bytes.len() < 32 << 20, "it was given up");
    assert_ne!(end, End::Silence, "it was given up");
}
