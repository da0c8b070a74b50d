//! The face of the library, over real sockets: SocketServer's hooks, jobs and their limits, the ends of a server. Each test
//! names the row of docs/basehttp.md that it shows.
#![allow(clippy::disallowed_methods, reason = "a server is watched from outside, by the clock on the wall")]
#![allow(clippy::pedantic, reason = "a test says it as it reads best")]

#[path = "library/teller.rs"]
mod teller;

use std::io::Read;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use slipring::{Commands, Error, ErrorPage, Handler, LogTarget, Peer, Server, Site};

use teller::{GET, Seen, Teller, ask, run, serve, server, wait_for};

/// Row V7: 20 servers, as CPython's test has it; asked to end before they start, while they serve, twice, and from inside.
#[test]
fn a_shutdown_never_deadlocks() {
    for number in 0..20 {
        let server = server();
        if number % 3 == 0 {
            server.handle().shutdown();
        }
        let running = serve(server);
        match number % 3 {
            1 => {
                let answer = running.ask("GET /shutdown HTTP/1.1|Host: x||");
                assert!(answer.ends_with("going"), "{answer}");
            }
            _ => {
                running.handle.shutdown();
                running.handle.shutdown();
            }
        }
        let handle = running.handle.clone();
        running.join();
        // A server that is gone needs none.
        handle.shutdown();
    }
}

/// Row V9: one request and the end; the next one finds nobody.
#[test]
fn handle_request_answers_one() {
    let running =
        run(server(), |server, seen, _| server.handle_request(move || Teller { seen: seen.clone(), handle: None }));
    let address = running.address;
    let answer = running.ask("GET / HTTP/1.1|Host: x||");
    assert!(answer.contains("Connection: close") && answer.ends_with("got"), "{answer}");
    running.join();
    assert!(TcpStream::connect(address).is_err());
}

/// Row V9: several, also over one connection; refusals count.
#[test]
fn serve_n_answers_so_many() {
    let running =
        run(server(), |server, seen, _| server.serve_n(3, move || Teller { seen: seen.clone(), handle: None }));
    assert!(running.ask(GET).ends_with("got"));
    let rest = running.ask("GET / HTTP/1.1|Host: x||GET / HTTP/1.1||");
    assert!(rest.contains("HTTP/1.1 200") && rest.contains("HTTP/1.1 400"), "{rest}");
    running.join();
}

/// Row V9: nobody came.
#[test]
fn a_timeout_calls_its_hook() {
    let server = server().timeout(Duration::from_millis(100));
    let running =
        run(server, |server, seen, _| server.handle_request(move || Teller { seen: seen.clone(), handle: None }));
    assert_eq!(running.join(), ["timeout"]);
}

/// Row V12.
#[test]
fn service_actions_come_by_themselves() {
    let running = serve(server());
    wait_for("service_actions", || {
        running.ask(GET);
        running.has_seen("service")
    });
    running.end();
}

/// Row V13: whatever falls, its peer is told, the hook hears of it, and the server goes on.
#[test]
fn errors_reach_their_hook_and_end_nothing() {
    let running = serve(server());
    for (request, said) in [
        ("PANIC / HTTP/1.1|Host: x||", "PANIC: Panicked(\"on purpose\")"),
        ("TWICE / HTTP/1.1|Host: x||", "TWICE: Returned(OutOfOrder)"),
        ("POST /fall HTTP/1.1|Host: x|Content-Length: 1||a", "POST: Panicked(\"admit falls\")"),
    ] {
        let answer = running.ask(request);
        assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("Error code: 500"), "{answer}");
        assert!(running.has_seen(said), "{said} in {:?}", running.seen);
        assert!(running.ask(GET).ends_with("got"));
    }
    running.end();
}

/// Row V11: a peer that is not wanted is closed, others are served, and panics of hooks end nothing.
#[test]
fn verify_request_turns_peers_away() {
    struct Picky {
        asked: Arc<AtomicU32>,
    }
    impl Handler for Picky {
        const COMMANDS: Commands<Self> = Commands::new().on("GET", |_, x| x.send_response(200)?.end_headers(b"got"));

        fn verify_request(&mut self, _: Peer) -> bool {
            match self.asked.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => false,
                2 => std::panic::resume_unwind(Box::new("a hook falls")),
                _ => true,
            }
        }
    }
    let asked = Arc::new(AtomicU32::new(0));
    let running = run(server(), {
        let asked = asked.clone();
        move |server, _, _| server.serve(move || Picky { asked: asked.clone() })
    });
    for _ in 0..3 {
        let mut stream = TcpStream::connect(running.address).expect("it listens");
        let mut bytes = Vec::new();
        // The end, or a reset when it had something to say.
        let _ = stream.read_to_end(&mut bytes);
        assert!(bytes.is_empty(), "{bytes:?}");
    }
    assert!(running.ask(GET).ends_with("got"));
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    running.end();
}

/// Row V19: state from the first request of a connection to its end.
#[test]
fn connections_have_state() {
    let running = serve(server());
    let two = "GET / HTTP/1.1|Host: x||GET / HTTP/1.1|Host: x|Connection: close||";
    assert_eq!(running.ask(two).matches("got").count(), 2);
    wait_for("its end", || running.has_seen("finish after 2"));
    running.ask(GET);
    wait_for("its end", || running.has_seen("finish after 1"));
    assert_eq!(running.end(), ["setup", "finish after 2", "setup", "finish after 1"]);
}

/// Row V16: the same over a Unix stream socket, whose path goes with the server.
#[test]
fn a_unix_socket_serves() {
    let home = tempfile::TempDir::new().expect("a temporary directory");
    let path = home.path().join("socket");
    let server = server().shards(2).also_unix(&path, 0o600);
    let running = serve(server);
    for _ in 0..20 {
        let answer = ask(UnixStream::connect(&path).expect("it listens"), GET);
        assert!(answer.ends_with("got"), "{answer}");
    }
    assert!(running.ask(GET).ends_with("got"), "the port serves too");
    // Who listens there is not replaced.
    let second = Server::bind_unix(&path, 0o600).signals(false).shards(1);
    let refused = second.serve(|| Teller { seen: Seen::default(), handle: None });
    assert!(matches!(refused, Err(Error::ListenUnix { .. })), "{refused:?}");
    assert!(ask(UnixStream::connect(&path).expect("it listens"), GET).ends_with("got"));
    running.end();
    assert!(!path.exists());
}

/// Row S66: the name that was set, or the address; the port that the kernel chose. Nothing is looked up.
#[test]
fn a_server_has_a_name_and_a_port() {
    let running = serve(server());
    let port = running.address.port();
    let name = "GET /name HTTP/1.1|Host: x|Connection: close||";
    assert!(running.ask(name).ends_with(&format!("127.0.0.1 {port}")));
    running.end();
    let mut site = Site::new();
    site.server_name = "www.example".to_owned();
    let running = serve(server().site(site));
    let port = running.address.port();
    assert!(running.ask(name).ends_with(&format!("www.example {port}")));
    running.end();
}

/// Rows H3, H4, H15 to H17, in one answer; the second of the date is Python's own for that text.
#[test]
fn headers_are_a_message() {
    let running = serve(server());
    let answer = running.ask(
        "GET /headers HTTP/1.1|Host: x|X-Odd: 1|x-odd: 2|Content-Type: Text/Plain; CharSet=\"utf-8\"|\
         If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT|Connection: close||",
    );
    let facts = answer.split_once("\r\n\r\n").expect("a head").1;
    let names = "[\"Host\", \"X-Odd\", \"x-odd\", \"Content-Type\", \"If-Modified-Since\", \"Connection\"]";
    assert_eq!(facts, format!("Some(784111777) None Some(\"utf-8\") (Some(\"1\"), 2, false) {names}"));
    running.end();
}

/// Rows S53, S55: a message that the handler keeps to itself is not in the log; errors come by `log_error` first.
#[test]
fn log_hooks_see_messages_first() {
    let home = tempfile::TempDir::new().expect("a temporary directory");
    let file = home.path().join("log");
    let running = serve(server().access_log(LogTarget::File(file.clone())));
    running.ask("GET /log HTTP/1.1|Host: x|Connection: close||");
    running.ask("BREW / HTTP/1.1|Host: x|Connection: close||");
    let seen = running.end();
    assert!(seen.contains(&"error code 501, message Unsupported method ('BREW')".to_owned()), "{seen:?}");
    let log = std::fs::read_to_string(file).expect("the log");
    assert!(!log.contains("secret") && log.contains("\"GET /log HTTP/1.1\" 200"), "{log}");
}

/// A job that finds neither a worker nor a place to wait is answered at once: 503.
#[test]
fn a_full_pool_is_a_503() {
    let running = serve(server().workers(1, 1));
    let asking: Vec<_> = (0..6)
        .map(|_| {
            let address = running.address;
            thread::spawn(move || {
                ask(TcpStream::connect(address).expect("it listens"), "JOB / HTTP/1.1|Host: x|Connection: close||")
            })
        })
        .collect();
    let answers: Vec<String> = asking.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    let count = |start: &str| answers.iter().filter(|answer| answer.starts_with(start)).count();
    let (slept, refused) = (count("HTTP/1.1 200 "), count("HTTP/1.1 503 "));
    assert_eq!(slept + refused, 6, "{answers:?}");
    assert!(slept >= 2 && refused >= 1, "{slept} slept, {refused} were refused");
    running.end();
}

/// Row S67: the engine's own refusals have the page too, unless it is too long to stand where they stand.
#[test]
fn an_error_page_of_any_length_is_safe() {
    for (len, own) in [(100, true), (15_000, true), (45_000, false)] {
        let mut site = Site::new();
        site.error_page = ErrorPage::new("text/own\r\nInjected: 1", move |_| "o".repeat(len));
        let running = serve(server().site(site));
        let answer = running.ask("GET / HTTP/1.1||");
        assert!(answer.starts_with("HTTP/1.1 400 ") && !answer.contains("\r\nInjected"), "{answer}");
        assert_eq!(answer.ends_with(&"o".repeat(len)), own, "{len}");
        assert!(own || answer.ends_with("</html>\n"));
        // A handler's error may be as long as it likes.
        assert!(running.ask("TWICE / HTTP/1.1|Host: x||").ends_with(&"o".repeat(len)));
        running.end();
    }
    // A page that panics is Python's.
    let mut site = Site::new();
    site.error_page = ErrorPage::new("text/own", |_| std::panic::resume_unwind(Box::new("a page falls")));
    let running = serve(server().site(site));
    assert!(running.ask("GET / HTTP/1.1||").ends_with("</html>\n"));
    running.end();
}
