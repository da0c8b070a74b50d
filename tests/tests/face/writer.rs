//! Row S42 in a job: an answer that is written piece by piece where it may block.

use std::io::{self, Write};
use std::net::Shutdown;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use slipring::{Admit, Arrived, Commands, Exchange, Handler, HandlerError, JobWriter, Reply, Request};

use crate::client::{End, raw};
use crate::harness::{PATIENCE, pattern, wait_for};
use crate::served::Served;
use crate::{Notes, note};

/// More than any socket takes at once.
const LARGE_BYTES: usize = 8 << 20;

/// What the handler shares with its test.
#[derive(Clone)]
struct Shared {
    gate: Arc<(Mutex<bool>, Condvar)>,
    /// How each job ended.
    ends: Sender<Result<(), io::ErrorKind>>,
    notes: Notes,
}

impl Shared {
    fn open(&self) {
        *self.gate.0.lock().expect("no panic") = true;
        self.gate.1.notify_all();
    }

    fn pass(&self) {
        let shut = self.gate.0.lock().expect("no panic");
        drop(self.gate.1.wait_while(shut, |open| !*open).expect("no panic"));
    }
}

/// Writes as the path says.
struct Author(Shared);

impl Handler for Author {
    const COMMANDS: Commands<Self> =
        Commands::new().on("GET", Self::write).on("HEAD", Self::write).on("POST", Self::write);

    fn admit(&mut self, request: &Request<'_>) -> Admit {
        if request.command() == b"POST" { Admit::Spool(1 << 30) } else { Admit::Discard }
    }

    fn resume(&mut self, x: &mut Exchange<'_>, tag: u32, arrived: Arrived<'_>) -> Reply {
        if x.path() == b"/other" {
            return x.send_error(404);
        }
        if x.path() == b"/twice" && tag == 0 {
            return x.ask_writer(1, |_, _| Ok(()));
        }
        if let Err(error) = arrived.writes() {
            note(&self.0.notes, format!("{error:?}"));
            return Err(error);
        }
        x.send_response(200)?;
        if x.path() == b"/length" {
            x.send_header("Content-Length", LARGE_BYTES.to_string())?;
        }
        x.end_headers_writer()
    }
}

impl Author {
    fn write(&mut self, x: &mut Exchange) -> Reply {
        let (shared, path) = (self.0.clone(), x.path().to_vec());
        x.ask_writer(0, move |job, wfile| {
            let result = match &path[..] {
                b"/echo" => io::copy(&mut job.rfile(), wfile).map(drop),
                _ => write(&shared, &path, wfile),
            };
            let _ = shared.ends.send(result.as_ref().copied().map_err(io::Error::kind));
            result
        })
    }
}

fn write(shared: &Shared, path: &[u8], wfile: &mut JobWriter) -> io::Result<()> {
    match path {
        b"/large" | b"/length" => wfile.write_all(&pattern(LARGE_BYTES)),
        b"/endless" => loop {
            wfile.write_all(&[b'x'; 1000])?;
        },
        b"/pieces" => {
            for piece in ["one ", "two ", "three"] {
                write!(wfile, "{piece}")?;
                shared.pass();
            }
            Ok(())
        }
        b"/flush" => {
            wfile.flush()?;
            shared.pass();
            wfile.write_all(b"late")
        }
        b"/nothing" => Ok(()),
        b"/fail" => Err(io::ErrorKind::NotFound.into()),
        b"/panic" => panic!("as a test asks"),
        b"/break" => {
            wfile.write_all(b"some")?;
            Err(io::ErrorKind::TimedOut.into())
        }
        b"/fall" => {
            wfile.write_all(b"some")?;
            panic!("as a test asks")
        }
        b"/other" | b"/twice" => {
            wfile.flush()?;
            shared.pass();
            wfile.write_all(b"for nobody")
        }
        _ => wfile.write_all(b"hello"),
    }
}

fn served(
    set: impl FnOnce(slipring::Server) -> slipring::Server,
) -> (Served, Shared, Receiver<Result<(), io::ErrorKind>>) {
    let (ends, ended) = mpsc::channel();
    let shared = Shared { gate: Arc::default(), ends, notes: Notes::default() };
    let kept = shared.clone();
    (Served::start_as(set, move || Author(kept.clone())), shared, ended)
}

fn request(path: &str) -> Vec<u8> {
    raw(&format!("GET {path} HTTP/1.1|Host: x||"))
}

/// Whole, in order, in chunks or by its length or up to the close, and the connection goes on where it can.
#[test]
fn what_a_job_writes_arrives() {
    let (server, _, ended) = served(|server| server);
    let expected = pattern(LARGE_BYTES);
    let mut client = server.client();
    for (path, framing) in [("/large", None), ("/length", Some(LARGE_BYTES)), ("/large", None)] {
        let answer = client.ask(&request(path));
        assert_eq!((answer.status, answer.content_length()), (200, framing));
        assert!(answer.body == expected, "{path}: {} bytes", answer.body.len());
        assert_eq!(ended.recv_timeout(PATIENCE), Ok(Ok(())));
    }
    assert_eq!(client.ask(&request("/nothing")).body, b"");
    assert_eq!(client.ask(&request("/")).body, b"hello");
    let (bytes, end) = server.client().send(&raw("GET /large HTTP/1.0||")).read_to_end();
    assert_eq!(end, End::Fin);
    assert!(bytes.ends_with(&expected) && bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
    server.end();
}

/// Reading and writing at once, in memory and over a spool.
#[test]
fn a_job_copies_its_request_into_its_answer() {
    let (server, _, _ended) = served(|server| server);
    let mut client = server.client();
    for len in [0, 10, 3 << 20] {
        let body = pattern(len);
        client.send(&raw(&format!("POST /echo HTTP/1.1|Host: x|Content-Length: {len}||")));
        let answer = client.ask(&body);
        assert!(answer.status == 200 && answer.body == body, "{len}: {} bytes", answer.body.len());
    }
    server.end();
}

/// Each piece leaves when it was written, and a flush sends the head alone.
#[test]
fn pieces_leave_as_they_are_written() {
    let (server, shared, _ended) = served(|server| server);
    let (mut pieces, mut flush) = (server.client(), server.client());
    let head = "HTTP/1.1 200 OK\r\n";
    pieces.send(&request("/pieces"));
    let mut seen = pieces.read_some(head.len());
    while !seen.ends_with(b"one \r\n") {
        seen.extend(pieces.read_some(1));
    }
    flush.send(&request("/flush"));
    let mut alone = flush.read_some(head.len());
    while !alone.ends_with(b"\r\n\r\n") {
        alone.extend(flush.read_some(1));
    }
    assert!(alone.starts_with(head.as_bytes()), "the job is shut in, and the head is here");
    shared.open();
    pieces.half_close();
    flush.half_close();
    let rest = String::from_utf8(pieces.read_to_end().0).expect("text");
    assert!(rest.contains("two ") && rest.ends_with("three\r\n0\r\n\r\n"), "{rest}");
    assert!(flush.read_to_end().0.ends_with(b"4\r\nlate\r\n0\r\n\r\n"));
    server.end();
}

/// Before the first byte a failure is an answer; behind it the connection is cut, so that the peer knows.
#[test]
fn a_job_that_fails_is_told() {
    let (server, shared, _ended) = served(|server| server);
    for path in ["/fail", "/panic"] {
        assert_eq!(server.client().ask(&request(path)).status, 500, "{path}");
    }
    let notes = shared.notes.lock().expect("no panic").clone();
    let panicked = HandlerError::Job(slipring::RunError::Panicked);
    assert_eq!(notes, [HandlerError::Failed(io::ErrorKind::NotFound), panicked].map(|error| format!("{error:?}")));
    for path in ["/break", "/fall"] {
        let (bytes, end) = server.client().send(&request(path)).read_to_end();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("4\r\nsome\r\n"), "{path}: {text}");
        assert_eq!(end, End::Fin, "{path}");
    }
    server.end();
}

/// A pool without room is a 503, before any head.
#[test]
fn a_job_without_a_worker_is_a_503() {
    let (server, shared, _ended) = served(|server| server.workers(1, 0));
    let mut first = server.client();
    first.send(&request("/flush")).read_some(1);
    assert_eq!(server.client().ask(&request("/")).status, 503);
    shared.open();
    drop(first);
    wait_for("a worker", PATIENCE, || server.client().ask(&request("/")).status == 200);
    server.end();
}

/// A job for a peer that has left, or that takes nothing, ends with an error; none hangs, whoever it waits for.
#[test]
fn a_job_whose_peer_has_left_ends() {
    let (server, _, ended) = served(|server| server.drain_timeout(Duration::from_millis(200)));
    let mut client = server.client();
    client.send(&request("/endless")).read_some(100_000);
    drop(client);
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(Err(io::ErrorKind::BrokenPipe)));
    // A peer that is there and does not read: the drain ends it.
    let mut idle = server.client();
    idle.send(&request("/endless")).read_some(1);
    server.end();
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(Err(io::ErrorKind::BrokenPipe)));
    let _ = idle.stream().shutdown(Shutdown::Both);
}

/// An answer without the job's bytes: it learns that nobody takes them, and then the connection goes on.
#[test]
fn a_connection_outlives_a_job_that_nobody_wants() {
    let (server, shared, ended) = served(|server| server);
    let mut client = server.client();
    let head = client.ask(&raw("HEAD /endless HTTP/1.1|Host: x||"));
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(Err(io::ErrorKind::BrokenPipe)));
    client.send(&request("/other"));
    assert_eq!(client.response().expect("an answer").status, 404, "the job is shut in");
    client.send(&request("/"));
    shared.open();
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(Err(io::ErrorKind::BrokenPipe)));
    assert_eq!(client.response().expect("an answer").body, b"hello");
    server.end();
}

/// One job an exchange: a second is the handler's mistake, which ends the connection and nothing else.
#[test]
fn a_second_writer_ends_the_connection() {
    let (server, shared, ended) = served(|server| server);
    let mut client = server.client();
    client.send(&request("/twice"));
    shared.open();
    assert_eq!(client.read_to_end(), (Vec::new(), End::Fin));
    let _ = ended.recv_timeout(PATIENCE).expect("it ended");
    assert_eq!(server.client().ask(&request("/")).body, b"hello");
    server.end();
}
