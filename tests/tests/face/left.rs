//! Row S58: the hook for answers that have left.

use std::io::{self, Read};
use std::time::Duration;

use slipring::cgi::{CgiHandler, CgiOptions};
use slipring::{
    Commands, Exchange, Failure, Format, Handler, LogMessage, LogRequest, LogTarget, LoggedRequest, Logging, Peer,
    Reply, Request,
};
use slipring_ring::RootId;

use crate::client::{Client, End, raw};
use crate::harness::{PATIENCE, wait_for};
use crate::served::Served;
use crate::{Notes, note};

/// Tells its hooks; keeps what begins with `GET /secret` out of the log, and panics at `GET /panic`.
struct Teller(Notes);

impl Handler for Teller {
    const COMMANDS: Commands<Self> =
        Commands::new().on("GET", Self::do_get).on("FAIL", |_, _| panic!("as a test asks"));

    const LOG_REQUEST: Option<LogRequest<Self>> = Some(Self::log_request);

    fn setup(&mut self, _: Peer) -> Option<Box<dyn std::any::Any>> {
        Some(Box::new("state"))
    }

    fn finish(&mut self, _: Peer, state: Box<dyn std::any::Any>) {
        note(&self.0, format!("finish {:?}", state.downcast_ref::<&str>()));
    }

    fn handle_error(&mut self, _: &Request<'_>, failure: Failure<'_>) {
        note(&self.0, format!("{failure:?}"));
    }

    fn log_error(&mut self, message: LogMessage<'_>) -> bool {
        note(&self.0, format!("error {}", String::from_utf8_lossy(message.text)));
        true
    }
}

impl Teller {
    fn log_request(&mut self, request: &LoggedRequest<'_>) -> bool {
        assert!(matches!(request.client_address, Peer::Ip(address) if address.ip().is_loopback()));
        assert!(request.duration < PATIENCE, "{request:?}");
        let line = String::from_utf8_lossy(request.request_line);
        note(&self.0, format!("{line} {} {} {}", request.code, request.size, request.aborted));
        if line.starts_with("GET /panic") {
            panic!("as a test asks");
        }
        !line.starts_with("GET /secret")
    }

    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        match x.path() {
            b"/large" => x.send_response(200)?.end_headers(&vec![b'x'; 100_000]),
            b"/pieces" => x.send_response(200)?.end_headers_stream(io::repeat(b'x').take(200_000)),
            b"/cut" => x.send_response(200)?.end_headers_stream(io::repeat(b'x').take(1000).chain(Broken)),
            _ => x.send_response(200)?.end_headers(b"hello"),
        }
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Other.into())
    }
}

fn ask(client: &mut Client, target: &str) {
    client.ask(&raw(&format!("GET {target} HTTP/1.1|Host: x||")));
}

fn wait_for_note(notes: &Notes, wanted: &str) {
    wait_for(wanted, PATIENCE, || notes.lock().expect("no panic").iter().any(|noted| noted == wanted));
}

/// Every answer is told with what left of it: of the handler's, of the engine's own, cut ones, and those for nobody. What
/// the hook keeps to itself is not in the log, and a hook that panics keeps nothing.
#[test]
fn log_request_hears_of_what_has_left() {
    let home = tempfile::TempDir::new().expect("a temporary directory");
    let file = home.path().join("log");
    let notes = Notes::default();
    let kept = notes.clone();
    let logging = Logging { access: LogTarget::File(file.clone()), format: Format::common(), ..Logging::default() };
    let server = Served::start_as(|server| server.logging(logging), move || Teller(kept.clone()));
    let mut client = server.client();
    for target in ["/", "/large", "/secret", "/pieces", "/panic", "/after"] {
        ask(&mut client, target);
    }
    client.send(&raw("GET /a HTTP/1.1|Host: x||GET /secret/b HTTP/1.1|Host: x||GET /c HTTP/1.1|Host: x||"));
    for _ in 0..3 {
        client.response().expect("an answer");
    }
    client.send(&raw("GET /cut HTTP/1.1|Host: x||"));
    client.read_to_end();
    server.client().ask(&raw("HEAD /head HTTP/1.1|Host: x||"));
    server.client().send(&raw("GET /x y HTTP/1.1||")).read_to_end();
    for wanted in [
        "GET / HTTP/1.1 200 5 false",
        "GET /large HTTP/1.1 200 100000 false",
        "GET /secret HTTP/1.1 200 5 false",
        "GET /pieces HTTP/1.1 200 200000 false",
        "GET /panic HTTP/1.1 200 5 false",
        "GET /after HTTP/1.1 200 5 false",
        "GET /a HTTP/1.1 200 5 false",
        "GET /secret/b HTTP/1.1 200 5 false",
        "GET /c HTTP/1.1 200 5 false",
        "GET /cut HTTP/1.1 200 1000 true",
        "HEAD /head HTTP/1.1 200 0 false",
    ] {
        wait_for_note(&notes, wanted);
    }
    wait_for("the refusal", PATIENCE, || {
        notes.lock().expect("no panic").iter().any(|noted| noted.starts_with("GET /x y HTTP/1.1 400 "))
    });
    server.end();
    let log = std::fs::read_to_string(file).expect("the log");
    for (line, is_there) in [
        ("\"GET / HTTP/1.1\" 200 5", true),
        ("/secret", false),
        ("\"GET /pieces HTTP/1.1\" 200 200000", true),
        ("\"GET /panic HTTP/1.1\" 200 5", true),
        ("\"GET /a HTTP/1.1\" 200 5", true),
        ("\"GET /c HTTP/1.1\" 200 5", true),
        ("\"GET /cut HTTP/1.1\" 200 1000", true),
        ("\"GET /x y HTTP/1.1\" 400", true),
    ] {
        assert_eq!(log.contains(line), is_there, "{line} in {log}");
    }
}

/// The hook needs no access log.
#[test]
fn log_request_is_called_without_a_log() {
    let notes = Notes::default();
    let kept = notes.clone();
    let server = Served::start(move || Teller(kept.clone()));
    ask(&mut server.client(), "/");
    wait_for_note(&notes, "GET / HTTP/1.1 200 5 false");
    server.end();
}

/// A handler behind scripts keeps its hooks: `CgiHandler` passed two of them on, and the others were lost.
#[test]
fn scripts_before_a_handler_leave_it_its_hooks() {
    let notes = Notes::default();
    let kept = notes.clone();
    let make = move || CgiHandler::new(CgiOptions::new(RootId(0), b"/nowhere".to_vec()), Teller(kept.clone()));
    let server = Served::start(make);
    let mut client = server.client();
    ask(&mut client, "/");
    assert_eq!(client.ask(&raw("FAIL / HTTP/1.1|Host: x||")).status, 501, "scripts know three commands");
    client.half_close();
    assert_eq!(client.patience(Duration::from_secs(30)).read_to_end().1, End::Fin);
    wait_for_note(&notes, "finish Some(\"state\")");
    for wanted in ["GET / HTTP/1.1 200 5 false", "error code 501, message Unsupported method ('FAIL')"] {
        wait_for_note(&notes, wanted);
    }
    server.end();
}
