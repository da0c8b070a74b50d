//! Row E13: interim heads.

use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};

use slipring::{Arrived, Commands, Exchange, Handler, HandlerError, Reply};

use crate::client::{Client, raw};
use crate::harness::has;
use crate::served::Served;

const HINT: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
const LINK: &[(&str, &[u8])] = &[("Link", b"</a.css>; rel=preload")];

/// A gate that jobs wait at.
type Gate = Arc<(Mutex<bool>, Condvar)>;

fn open(gate: &Gate) {
    *gate.0.lock().expect("no panic") = true;
    gate.1.notify_all();
}

fn pass(gate: &Gate) {
    let shut = gate.0.lock().expect("no panic");
    drop(gate.1.wait_while(shut, |open| !*open).expect("no panic"));
}

struct Hinter(Gate);

impl Handler for Hinter {
    const COMMANDS: Commands<Self> = Commands::new()
        .on("GET", |_, x| x.send_informational(103, LINK)?.send_response(200)?.end_headers(b"hello"))
        .on("JOB", |this: &mut Self, x| {
            x.send_informational(102, &[])?;
            let gate = this.0.clone();
            x.ask_job(0, move |_| pass(&gate))
        })
        .on("ERROR", |_, x| x.send_informational(103, LINK)?.send_error(404))
        .on("FAIL", |_, x| x.send_informational(103, LINK)?.send_header("A", "b")?.send_error(404))
        .on("LATE", |_, x| x.send_response(200)?.send_informational(103, LINK)?.end_headers(b""))
        .on("LONG", |_, x| {
            let long = vec![b'x'; 100_000];
            x.send_informational(103, LINK)?.send_informational(103, &[("A", &long)])?;
            x.send_response(200)?.end_headers(b"hello")
        })
        .on("WRONG", Self::wrong);

    /// One more before each further step.
    fn resume(&mut self, x: &mut Exchange<'_>, tag: u32, arrived: Arrived<'_>) -> Reply {
        arrived.output::<()>()?;
        x.send_informational(103, LINK)?;
        if tag < 2 { x.ask_job(tag + 1, |_| ()) } else { x.send_response(200)?.end_headers(b"done") }
    }
}

impl Hinter {
    /// What is refused, told in the body.
    fn wrong(&mut self, x: &mut Exchange) -> Reply {
        let mut told = Vec::new();
        for (code, name, value) in [
            (200, "A", "b"),
            (101, "A", "b"),
            (99, "A", "b"),
            (103, "A", "b\r\nC: d"),
            (103, "A b", "c"),
            (103, "Content-Length", "1"),
            (103, "transfer-encoding", "chunked"),
            (103, "Connection", "close"),
        ] {
            let error = x.send_informational(code, &[(name, value.as_bytes())]).expect_err(name);
            told.push(
                error == if code == 103 { HandlerError::InvalidField } else { HandlerError::InvalidStatus(code) },
            );
        }
        x.send_response(200)?.end_headers(format!("{told:?}").as_bytes())
    }
}

fn all(client: &mut Client, request: &str) -> String {
    let (bytes, _) = client.send(&raw(request)).half_close().read_to_end();
    String::from_utf8(bytes).expect("text")
}

fn served() -> (Served, Gate) {
    let gate = Gate::default();
    let kept = gate.clone();
    (Served::start(move || Hinter(kept.clone())), gate)
}

/// It stands before the answer, also before an error and in place of nothing that failed; never twice by mistake.
#[test]
fn interim_heads_stand_before_the_answer() {
    let (server, _) = served();
    let ask = |request: &str| all(&mut server.client(), request);
    let answer = ask("GET / HTTP/1.1|Host: x||");
    assert!(answer.starts_with(&format!("{HINT}HTTP/1.1 200 OK\r\n")) && answer.ends_with("hello"), "{answer}");
    assert!(ask("ERROR / HTTP/1.1|Host: x||").starts_with(&format!("{HINT}HTTP/1.1 404 Not Found\r\n")));
    assert!(ask("FAIL / HTTP/1.1|Host: x||").starts_with(&format!("{HINT}HTTP/1.1 500 ")));
    let late = ask("LATE / HTTP/1.1|Host: x||");
    assert!(
        late.starts_with("HTTP/1.1 500 ") && !late.contains("103"),
        "behind the response line it is an error: {late}"
    );
    let two = ask("GET /1 HTTP/1.1|Host: x||GET /2 HTTP/1.1|Host: x||");
    assert_eq!((two.matches(HINT).count(), two.matches("HTTP/1.1 200 OK").count()), (2, 2), "{two}");
    server.end();
}

/// RFC 9110 section 15.2: never to a peer that speaks an older version, whose answer is none the worse.
#[test]
fn older_peers_get_no_interim_head() {
    let (server, gate) = served();
    open(&gate);
    for request in ["GET / HTTP/1.0||", "JOB / HTTP/1.0||", "LONG / HTTP/1.0||"] {
        let answer = all(&mut server.client(), request);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{request}: {answer}");
    }
    assert_eq!(all(&mut server.client(), "GET /\r\n"), "hello", "nor one of HTTP/0.9");
    server.end();
}

/// They leave while the handler waits, each before the next wait.
#[test]
fn interim_heads_leave_while_the_handler_waits() {
    let (server, gate) = served();
    let mut client = server.client();
    let processing = "HTTP/1.1 102 Processing\r\n\r\n";
    client.send(&raw("JOB / HTTP/1.1|Host: x||"));
    assert_eq!(client.read_some(processing.len()), processing.as_bytes(), "the job is shut in");
    open(&gate);
    assert_eq!(client.read_some(3 * HINT.len()), HINT.repeat(3).as_bytes());
    assert_eq!(client.response().expect("the answer").body, b"done");
    // And the connection goes on.
    assert_eq!(client.send(&raw("GET / HTTP/1.1|Host: x||")).read_some(HINT.len()), HINT.as_bytes());
    assert_eq!(client.response().expect("the answer").body, b"hello");
    server.end();
}

#[test]
fn what_cannot_be_an_interim_head_is_refused() {
    let (server, _) = served();
    let answer = all(&mut server.client(), "WRONG / HTTP/1.1|Host: x||");
    let right = format!("{:?}", [true; 8]);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(&right), "{answer}");
    server.end();
}

/// One that is longer than a slot is left out, and what stood before it stays.
#[test]
fn an_interim_head_of_any_length_is_safe() {
    let (server, _) = served();
    let answer = all(&mut server.client(), "LONG / HTTP/1.1|Host: x||");
    assert!(answer.starts_with(&format!("{HINT}HTTP/1.1 200 OK\r\n")) && answer.ends_with("hello"), "{answer}");
    server.end();
}

/// curl understands it, and takes the answer behind it.
#[test]
fn curl_sees_interim_heads() {
    if !has("curl") {
        return println!("note: curl is not installed");
    }
    let (server, _) = served();
    let out = Command::new("curl").args(["-si", &format!("http://{}/", server.address())]).output().expect("curl");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && text.starts_with(HINT) && text.ends_with("hello"), "{text}");
    server.end();
}
