//! Nobody spins: a server whose peers all wait, in whatever state, takes no processor time.

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use crate::client::{Client, End, Response, get, request};
use crate::files::SETTLED;
use crate::harness::{PATIENCE, Server, least_cpu, pattern, site, wait_for};

/// How long the server is watched, and what it may take meanwhile: a spinning shard takes all of it.
const WATCHED: Duration = Duration::from_secs(2);
const SPENT_MAX: Duration = Duration::from_millis(400);

/// Every state in which a connection can wait, a dozen of each, all at once.
#[test]
fn nobody_spins_while_all_wait() {
    let large = pattern(32 << 20);
    let home = site(&[("index.html", b"<p>home"), ("large", &large)]);
    let (files, echo, stream) = (Server::serve(home.path()), Server::echo(), Server::example("stream", &[]));
    let mut kept: Vec<Client> = Vec::new();
    for _ in 0..12 {
        let mut wait = |server: &Server, bytes: &[u8], ends: bool| {
            let mut client = server.client();
            client.send(bytes);
            if ends {
                client.half_close();
            }
            kept.push(client);
        };
        for ends in [false, true] {
            wait(&files, b"", false);
            wait(&files, b"GET / HTTP/1.1\r\nHo", false);
            // Nobody reads: the answer stands still, whether its peer will say more or not.
            wait(&files, &get("/large"), ends);
            wait(&files, &get("/large").repeat(50), ends);
            wait(&stream, &get("/1000000000"), ends);
            wait(&echo, &get("/echo").repeat(3000), ends);
        }
        wait(&echo, &request("POST", "/x", "Content-Length: 100\r\n"), false);
        wait(&echo, &request("POST", "/x", "Transfer-Encoding: chunked\r\n"), false);
        // Refused, and the peer stays.
        wait(&echo, &request("POST", "/x", "Content-Length: 1\r\nContent-Length: 1\r\n"), false);
    }
    // Reset by their peers in the middle of an answer.
    for _ in 0..12 {
        drop(files.client().send(&get("/large")).read_some(1));
    }
    watch(&[("files", &files), ("echo", &echo), ("stream", &stream)]);
}

fn watch(servers: &[(&str, &Server)]) {
    // What was asked has to be taken in first: then a moment passes in which nothing more is done.
    let still = || {
        let before: Vec<Duration> = servers.iter().map(|(_, server)| server.cpu()).collect();
        thread::sleep(Duration::from_millis(300));
        servers
            .iter()
            .zip(before)
            .all(|((_, server), before)| server.cpu().saturating_sub(before) <= Duration::from_millis(30))
    };
    wait_for("the servers to be still", PATIENCE, still);
    let watched: Vec<&Server> = servers.iter().map(|&(_, server)| server).collect();
    for ((name, _), spent) in servers.iter().zip(least_cpu(&watched, WATCHED, SPENT_MAX)) {
        assert!(spent < SPENT_MAX, "{name} took {spent:?} in {WATCHED:?} while all its peers wait");
        println!("{name}: {spent:?} of processor time in {WATCHED:?}");
    }
}

/// A table that is full, with others in the queue.
#[test]
fn nobody_spins_behind_a_full_table() {
    let home = site(&[("index.html", b"<p>home")]);
    let Some(server) = Server::limited(home.path(), 64, &["--shards", "1"]) else { return };
    let _crowd: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(server.address()).expect("the backlog takes it")).collect();
    watch(&[("a full server", &server)]);
}

/// Peers that have ended their sending and do not read hold up nobody else who has ended its own: a send to one of them that
/// waited inside the kernel blocked one of its few workers until the peer was given up.
#[test]
fn who_does_not_read_holds_nobody_up() {
    let body = pattern(200_000);
    let home = site(&[("f", &body)]);
    let server = Server::slipring(home.path(), &["--shards", "1"]);
    thread::sleep(SETTLED);
    assert!((0..3).all(|_| server.client().ask(&get("/f")).body == body), "the cache is warm");
    let stubborn: Vec<Client> = (0..16)
        .map(|_| {
            let mut client = server.client();
            client.send(&get("/f").repeat(100)).half_close();
            client
        })
        .collect();
    watch(&[("a server of stubborn peers", &server)]);
    let open = server.descriptors();
    for round in 0..3 {
        let (bytes, end) = server.client().send(&get("/f").repeat(100)).half_close().read_to_end();
        let all = Response::parse_all(&bytes).unwrap_or_else(|cut| panic!("round {round}: {cut}"));
        assert!(end == End::Fin && all.len() == 100 && all.iter().all(|answer| answer.body == body), "round {round}");
    }
    assert!(server.descriptors() >= open, "that was long before any of the stubborn ones was given up");
    drop(stubborn);
}
