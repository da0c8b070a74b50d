//! The face of the library: SocketServer's hooks, Message's words, and how a server begins and ends. Each test runs a
//! server of its own in this process, over real sockets.
#![allow(clippy::disallowed_methods, reason = "a server is watched from outside, by the clock on the wall")]
#![allow(clippy::pedantic, dead_code, reason = "a test says it as it reads best; the harness serves others too")]

#[path = "process/client.rs"]
mod client;
#[path = "face/cut.rs"]
mod cut;
#[path = "process/harness.rs"]
mod harness;
#[path = "face/informational.rs"]
mod informational;
#[path = "face/left.rs"]
mod left;
#[path = "face/served.rs"]
mod served;
#[path = "face/writer.rs"]
mod writer;

use std::any::Any;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use slipring::{Commands, Error, Exchange, Failure, Handler, LogMessage, Reply, Request, Server};
use slipring_ring::Peer;

use client::{Client, End, get, raw};
use harness::{PATIENCE, spawn, wait_for};

/// What the hooks said, in order.
type Notes = Arc<Mutex<Vec<String>>>;

/// A handler whose every hook takes a note.
struct Noting {
    notes: Notes,
    welcome: bool,
}

impl Handler for Noting {
    const COMMANDS: Commands<Self> = Commands::new()
        .on("GET", Self::count)
        .on("POST", Self::message)
        .on("NAME", |_, x| answer(x, format!("{} {} {}", x.server_name(), x.server_port(), x.address_string())))
        .on("FAIL", |_, x| x.send_header("A", "b")?.send_error(500))
        .on("PANIC", |_, _| panic!("as a test asks"))
        .on("LOG", |_, x| {
            x.log_message(format_args!("said"));
            answer(x, String::new())
        });

    fn verify_request(&mut self, _: Peer) -> bool {
        self.welcome
    }

    fn setup(&mut self, _: Peer) -> Option<Box<dyn Any>> {
        self.note("setup".into());
        Some(Box::new(0_u32))
    }

    fn finish(&mut self, _: Peer, state: Box<dyn Any>) {
        self.note(format!("finish {:?}", state.downcast_ref::<u32>()));
    }

    fn handle_error(&mut self, request: &Request<'_>, failure: Failure<'_>) {
        self.note(format!("{} {failure:?}", String::from_utf8_lossy(request.command())));
    }

    fn handle_timeout(&mut self) {
        self.note("timeout".into());
    }

    fn service_actions(&mut self) {
        self.note("service".into());
    }

    fn log_message(&mut self, message: LogMessage<'_>) -> bool {
        self.note(format!("log {}", String::from_utf8_lossy(message.text)));
        true
    }
}

impl Noting {
    fn note(&self, said: String) {
        note(&self.notes, said);
    }

    /// The number of this request on its connection.
    fn count(&mut self, x: &mut Exchange) -> Reply {
        let state = x.state::<u32>().expect("setup made it");
        *state += 1;
        let count = *state;
        answer(x, count.to_string())
    }

    /// What Message had words for.
    fn message(&mut self, x: &mut Exchange) -> Reply {
        let headers = x.headers();
        let kind = headers.content_type();
        let kind =
            kind.map(|kind| (kind.is("TEXT", "plain"), kind.parameter("CHARSET").map(|value| value.into_owned())));
        answer(x, format!("{kind:?} {:?} {:?}", headers.date("date"), headers.date("x-none")))
    }
}

fn note(notes: &Notes, said: String) {
    notes.lock().expect("no panic").push(said);
}

fn answer(x: &mut Exchange, text: String) -> Reply {
    x.send_response(200)?.end_headers(text.as_bytes())
}

/// A server on a thread of this process.
struct Running {
    address: SocketAddr,
    handle: slipring::Handle,
    ended: JoinHandle<Result<(), Error>>,
    notes: Notes,
}

impl Running {
    fn start(welcome: bool) -> Self {
        Self::start_as(welcome, |server| server)
    }

    fn start_as(welcome: bool, set: impl FnOnce(Server) -> Server) -> Self {
        let notes = Notes::default();
        let kept = notes.clone();
        let server = set(Server::bind("127.0.0.1:0").expect("an address").shards(1).signals(false));
        let handle = server.handle();
        let ended = thread::spawn(move || server.serve(move || Noting { notes: kept.clone(), welcome }));
        let address = handle.wait_for_addresses(PATIENCE).expect("it listens")[0];
        Self { address, handle, ended, notes }
    }

    fn client(&self) -> Client {
        Client::to(self.address)
    }

    fn notes(&self) -> Vec<String> {
        self.notes.lock().expect("no panic").clone()
    }

    fn wait_for_note(&self, note: &str) {
        wait_for(note, PATIENCE, || self.notes().iter().any(|noted| noted.starts_with(note)));
    }

    /// Ends it, and says what it noted.
    fn end(self) -> Vec<String> {
        self.handle.shutdown();
        self.ended.join().expect("no panic").expect("it drained");
        self.notes.lock().expect("no panic").clone()
    }
}

fn text(client: &mut Client, request: &str) -> String {
    let answer = client.ask(&raw(request));
    assert_eq!(answer.status, 200, "{answer:?}");
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// Row S66: name and port are those that it listens on, without a question to DNS. Row S47: a peer is its address.
#[test]
fn the_server_knows_its_name_and_port() {
    let server = Running::start(true);
    let told = text(&mut server.client(), "NAME / HTTP/1.1|Host: x||");
    assert_eq!(told, format!("127.0.0.1 {} 127.0.0.1", server.address.port()));
    server.end();
}

/// Row S47: asked for it, a peer is its name once that is known, as the system's `getent` tells it.
#[test]
fn a_peer_has_its_name() {
    let Ok(told) = std::process::Command::new("getent").args(["hosts", "127.0.0.1"]).output() else {
        return println!("note: getent is not installed; there is nothing to compare with");
    };
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let names: Vec<&str> = told.lines().next().unwrap_or("").split_whitespace().skip(1).collect();
    let shown = names.iter().find(|name| name.contains('.')).or(names.first()).copied().unwrap_or("127.0.0.1");
    let server = Running::start_as(true, |server| server.resolve(true));
    let mut client = server.client();
    let mut ask = || text(&mut client, "NAME / HTTP/1.1|Host: x||").split(' ').next_back().map(str::to_owned);
    wait_for(shown, PATIENCE, || {
        let said = ask().expect("a word");
        assert!([shown, "127.0.0.1"].contains(&said.as_str()), "{said}");
        said == shown
    });
    assert_eq!(ask().as_deref(), Some(shown), "once it is known it stays");
    server.end();
}

/// Rows H15, H16.
#[test]
fn headers_have_the_words_of_message() {
    let server = Running::start(true);
    let ask = |lines: &str| text(&mut server.client(), &format!("POST / HTTP/1.1|Host: x|{lines}Content-Length: 0||"));
    let told = ask("Content-Type: Text/Plain; x=y; charset=\"utf-8\"|Date: Sun, 06 Nov 1994 08:49:37 GMT|");
    let charset: Vec<u8> = b"utf-8".to_vec();
    assert_eq!(told, format!("{:?} Some(784111777) None", Some((true, Some(charset)))));
    assert_eq!(
        ask("Content-Type: image/png|Date: yesterday|"),
        format!("{:?} None None", Some((false, None::<Vec<u8>>)))
    );
    assert_eq!(ask(""), "None None None");
    server.end();
}

/// Row V11: who is not welcome is closed without a word, and nothing is made for it.
#[test]
fn verify_request_turns_away() {
    let server = Running::start(false);
    let (bytes, end) = server.client().read_to_end();
    assert_eq!((bytes.as_slice(), end), (&b""[..], End::Fin));
    let notes = server.end();
    assert!(notes.iter().all(|note| !note.contains("setup") && !note.contains("finish")), "{notes:?}");
}

/// Row V19: the state of a connection is made once, seen by each of its exchanges, and given back at its end.
#[test]
fn state_lives_as_long_as_its_connection() {
    let server = Running::start(true);
    let (mut one, mut two) = (server.client(), server.client());
    let ask = |client: &mut Client| text(client, "GET / HTTP/1.1|Host: x||");
    assert_eq!(
        (ask(&mut one), ask(&mut two), ask(&mut one), ask(&mut one)),
        ("1".into(), "1".into(), "2".into(), "3".into())
    );
    drop(one);
    server.wait_for_note("finish Some(3)");
    drop(two);
    server.wait_for_note("finish Some(1)");
    let notes = server.end();
    assert_eq!(notes.iter().filter(|note| *note == "setup").count(), 2, "{notes:?}");
}

/// Rows V13, E16: the hook is told what failed, the peer gets a 500, and the server goes on.
#[test]
fn handle_error_is_told() {
    let server = Running::start(true);
    for (command, note) in [("FAIL", "FAIL Returned(OutOfOrder)"), ("PANIC", "PANIC Panicked(\"as a test asks\")")] {
        assert_eq!(server.client().ask(&raw(&format!("{command} / HTTP/1.1|Host: x||"))).status, 500, "{command}");
        server.wait_for_note(note);
    }
    assert_eq!(text(&mut server.client(), "GET / HTTP/1.1|Host: x||"), "1");
    server.end();
}

/// Row S55: every message passes by the hook.
#[test]
fn log_message_sees_all() {
    let server = Running::start(true);
    text(&mut server.client(), "LOG / HTTP/1.1|Host: x||");
    server.client().ask(&raw("SPAM / HTTP/1.1|Host: x||"));
    let notes = server.end();
    for note in ["log said", "log code 501, message Unsupported method ('SPAM')"] {
        assert!(notes.iter().any(|noted| noted == note), "{note} in {notes:?}");
    }
}

/// Row V12.
#[test]
fn service_actions_is_called_between_exchanges() {
    let server = Running::start(true);
    let mut client = server.client();
    wait_for("service", PATIENCE, || {
        text(&mut client, "GET / HTTP/1.1|Host: x||");
        server.notes().iter().any(|note| note == "service")
    });
    server.end();
}

/// Row V7: from any thread, twice, before it serves, and from inside; it never waits, and all of them end.
#[test]
fn shutdown_never_deadlocks() {
    for _ in 0..20 {
        let server = Server::bind("127.0.0.1:0").expect("an address").shards(1).signals(false);
        let handle = server.handle();
        handle.shutdown();
        let other = handle.clone();
        let asked = thread::spawn(move || other.shutdown());
        let ended = spawn(move || server.serve(|| Noting { notes: Notes::default(), welcome: true }).is_ok());
        assert_eq!(ended.recv_timeout(PATIENCE), Ok(true));
        asked.join().expect("no panic");
        handle.shutdown();
    }
    let server = Server::bind("127.0.0.1:0").expect("an address").shards(1).signals(false);
    let handle = server.handle();
    let inside = handle.clone();
    let ended = spawn(move || server.serve(move || Stopping(inside.clone())).is_ok());
    let address = handle.wait_for_addresses(PATIENCE).expect("it listens")[0];
    assert_eq!(Client::to(address).ask(&get("/")).status, 200);
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(true));
}

/// Asks its own server to end.
struct Stopping(slipring::Handle);

impl Handler for Stopping {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", |this, x| {
        this.0.shutdown();
        answer(x, "last".into())
    });
}

/// Row V9: one request, then it returns; with a timeout it says that none came.
#[test]
fn handle_request_serves_one() {
    let server = Server::bind("127.0.0.1:0").expect("an address").signals(false);
    let handle = server.handle();
    let ended = spawn(move || server.handle_request(|| Noting { notes: Notes::default(), welcome: true }).is_ok());
    let address = handle.wait_for_addresses(PATIENCE).expect("it listens")[0];
    assert_eq!(text(&mut Client::to(address), "GET / HTTP/1.1|Host: x||"), "1");
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(true));

    let notes = Notes::default();
    let kept = notes.clone();
    let server = Server::bind("127.0.0.1:0").expect("an address").signals(false).timeout(Duration::from_millis(50));
    let ended = spawn(move || server.handle_request(move || Noting { notes: kept.clone(), welcome: true }).is_ok());
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(true));
    let notes = notes.lock().expect("no panic").clone();
    assert_eq!(notes.iter().filter(|note| *note == "timeout").count(), 1, "{notes:?}");
}

/// Rows V5, V8: a server that ended leaves its port, and one that cannot have its port says so.
#[test]
fn an_end_leaves_the_port() {
    let server = Running::start(true);
    let address = server.address;
    text(&mut server.client(), "GET / HTTP/1.1|Host: x||");
    server.end();
    assert!(TcpStream::connect(address).is_err(), "nobody listens");
    let taken = TcpListener::bind(address).expect("the port is free");
    let again = Server::on(vec![address]).shards(1).signals(false);
    let refused = again.serve(|| Noting { notes: Notes::default(), welcome: true });
    assert!(matches!(refused, Err(Error::PortInUse { .. })), "{refused:?}");
    drop(taken);
}
