//! What BaseHTTPServer 0.2 promised who writes a handler, row by row of docs/basehttp.md, asked of a shard in the
//! simulation. What can be seen by comparing with Python is in `differential` and `counterparts`; this is the rest.
#![allow(clippy::pedantic, dead_code, reason = "a test says it as it reads best; the world serves others too")]

#[path = "counterparts/simulated.rs"]
mod simulated;

use std::io::{Read, Write};

use slipring::{Commands, Exchange, Handler, Reply, Site};
use slipring_ring::Peer;
use slipring_wire::date::parse_http_date;

use simulated::{Played, play};

/// Each command shows one promise.
struct Seed;

impl Handler for Seed {
    const COMMANDS: Commands<Self> = Commands::new()
        .on("GET", |_, x| x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(b"data"))
        .on("POST", Self::read_all)
        .on("STATUS", Self::status_of_the_path)
        .on("REASON", |_, x| x.send_response_with(200, Some("a\r\nInjected: 1"))?.end_headers(b""))
        .on("FIELD", Self::field_of_the_path)
        .on("FIELDFIRST", |_, x| x.send_header("A", "b")?.send_response(200)?.end_headers(b""))
        .on("TWICE", |_, x| x.send_response(200)?.send_response(201)?.end_headers(b""))
        .on("ENDFIRST", |_, x| x.end_headers(b"data"))
        .on("WRITEFIRST", Self::write_first)
        .on("ERRORLATE", |_, x| x.send_response(200)?.send_error(404))
        .on("WRITE", Self::write_in_pieces)
        .on("LOG", Self::log)
        .on("DATES", Self::dates)
        .on("PEER", Self::peer)
        .on("NAME", |_, x| answer(x, x.version_string()));
}

impl Seed {
    fn read_all(&mut self, x: &mut Exchange) -> Reply {
        let mut body = String::new();
        x.rfile().read_to_string(&mut body).expect("a test sends text");
        answer(x, &body)
    }

    fn status_of_the_path(&mut self, x: &mut Exchange) -> Reply {
        let code = String::from_utf8_lossy(x.path())[1..].parse().expect("a number");
        x.send_response(code)?.end_headers(b"")
    }

    fn field_of_the_path(&mut self, x: &mut Exchange) -> Reply {
        let (name, value) = FIELDS[String::from_utf8_lossy(x.path())[1..].parse::<usize>().expect("a number")];
        x.send_response(200)?.send_header(name, value)?.end_headers(b"")
    }

    fn write_first(&mut self, x: &mut Exchange) -> Reply {
        x.wfile()?.write_all(b"data").expect("memory");
        x.send_response(200)?.finish()
    }

    fn write_in_pieces(&mut self, x: &mut Exchange) -> Reply {
        x.send_response(200)?;
        for piece in ["one ", "two ", "three"] {
            x.wfile()?.write_all(piece.as_bytes()).expect("memory");
        }
        x.finish()
    }

    fn log(&mut self, x: &mut Exchange) -> Reply {
        let percent = String::from_utf8_lossy(x.path()).into_owned();
        x.log_message(format_args!("message {percent} %s {{}}\nforged"));
        x.log_error(format_args!("error \x1b[2J"));
        x.send_response(204)?.end_headers(b"")
    }

    fn dates(&mut self, x: &mut Exchange) -> Reply {
        let dates = format!("{}\n{}", x.date_time_string(), x.log_date_time_string());
        answer(x, &dates)
    }

    fn peer(&mut self, x: &mut Exchange) -> Reply {
        let Peer::Ip(address) = x.client_address() else { return x.send_error(500) };
        answer(x, &address.to_string())
    }
}

/// Fields that would tell a second one, or none.
const FIELDS: [(&str, &str); 7] = [
    ("X", "a\r\nInjected: 1"),
    ("X", "a\nInjected: 1"),
    ("X", "a\rInjected: 1"),
    ("X", "a\0"),
    ("X\r\nInjected", "1"),
    ("X Y", "1"),
    ("", "1"),
];

fn answer(x: &mut Exchange, text: &str) -> Reply {
    x.send_response(200)?.end_headers(text.as_bytes())
}

fn ask(command: &str, target: &str) -> Played {
    play(|| Seed, Site::new(), &format!("{command} {target} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

/// The body of an answer that is the only one.
fn body(played: &Played) -> &str {
    assert_eq!((played.status(), played.heads()), ("200", 1), "{played:?}");
    played.answer.split_once("\r\n\r\n").expect("a head").1
}

/// Rows S5, S65: the server's name is sent, is the owner's to choose, and tells nothing of what runs below.
#[test]
fn the_server_is_named_as_its_owner_wants() {
    let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let named = |site: Site| play(|| Seed, site, request).answer;
    let line = concat!("\r\nServer: Slipring/", env!("CARGO_PKG_VERSION"), "\r\n");
    assert!(named(Site::new()).contains(line));
    assert!(named(Site::named("Mine/1.0 (x)")).contains("\r\nServer: Mine/1.0 (x)\r\n"));
    assert!(!named(Site::named("")).contains("Server"));
    assert!(!named(Site::named("a\r\nInjected: 1")).contains("\r\nInjected"));
    assert_eq!(body(&ask("NAME", "/")), concat!("Slipring/", env!("CARGO_PKG_VERSION")));
}

/// Rows S19, S23, S27 to S30, S45, S63, S64: status line, Server, Date, the handler's fields, an empty line, the data;
/// in HTTP/1.1, whatever the peer speaks. A field that the handler did not send is not made up.
#[test]
fn an_answer_is_line_fields_and_data_in_this_order() {
    for (version, last) in [("HTTP/1.1\r\nHost: x", ""), ("HTTP/1.0", "Connection: close\r\n")] {
        let answer = play(|| Seed, Site::new(), &format!("GET / {version}\r\n\r\n")).answer;
        let (start, date) = answer.split_once("Date: ").expect("a date");
        let (date, rest) = date.split_once("\r\n").expect("a line");
        assert_eq!(start, concat!("HTTP/1.1 200 OK\r\nServer: Slipring/", env!("CARGO_PKG_VERSION"), "\r\n"));
        assert!(parse_http_date(date.as_bytes()).is_some(), "{date}");
        assert_eq!(rest, format!("Content-Type: text/plain\r\nContent-Length: 4\r\n{last}\r\ndata"));
    }
    assert!(!ask("WRITE", "/").answer.contains("Content-Type"));
}

/// Row S31.
#[test]
fn a_code_has_three_digits() {
    for code in [200, 299, 404, 599, 600, 999] {
        assert_eq!(ask("STATUS", &format!("/{code}")).status(), code.to_string());
    }
    for code in [0, 1, 99, 1000, 65_535] {
        let played = ask("STATUS", &format!("/{code}"));
        assert_eq!((played.status(), played.heads()), ("500", 1), "{code}");
        assert!(played.log.contains(&format!("{code} is no status code")), "{}", played.log);
    }
}

/// Rows S43, S44, S61: misuse is an answer of 500 and a line in the log, never a second head.
#[test]
fn the_head_comes_first_and_once() {
    for command in ["FIELDFIRST", "TWICE", "ENDFIRST", "WRITEFIRST", "ERRORLATE"] {
        let played = ask(command, "/");
        assert_eq!((played.status(), played.heads()), ("500", 1), "{command}: {played:?}");
        assert!(played.log.contains("the response line comes first, and once"), "{command}: {}", played.log);
    }
}

/// Rows S62, E8, E9: no CR, LF or NUL of a handler's reaches the wire.
#[test]
fn fields_are_checked() {
    for (number, field) in FIELDS.iter().enumerate() {
        let played = ask("FIELD", &format!("/{number}"));
        assert_eq!((played.status(), played.heads()), ("500", 1), "{field:?}");
        assert!(!played.answer.contains("Injected"), "{played:?}");
    }
    let played = ask("REASON", "/");
    assert!(played.answer.starts_with("HTTP/1.1 200 a  Injected: 1\r\n"), "{played:?}");
}

/// Row S41: the body ends where its framing says, and the next request is not in it.
#[test]
fn rfile_ends_where_the_body_ends() {
    let length = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde";
    let chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n";
    for first in [length, chunked] {
        let played = play(|| Seed, Site::new(), &format!("{first}GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(played.heads(), 2, "{played:?}");
        assert!(
            played.answer.contains("\r\n\r\nabcdeHTTP/1.1 200") && played.answer.ends_with("\r\n\r\ndata"),
            "{played:?}"
        );
    }
}

/// Rows S42, S50: pieces are one body, its length is known, and all leaves at once.
#[test]
fn wfile_collects_pieces() {
    let played = ask("WRITE", "/");
    assert_eq!((body(&played), played.sends), ("one two three", 1));
    assert!(played.answer.contains("Content-Length: 13\r\n"), "{played:?}");
}

/// Row S38.
#[test]
fn client_address_is_where_the_peer_is() {
    let played = ask("PEER", "/");
    assert_eq!(body(&played), played.peer.to_string());
}

/// Rows S49, S52: the dates that a handler is told are those that the engine writes.
#[test]
fn dates_are_told() {
    let played = ask("DATES", "/");
    let (date, log_date) = body(&played).split_once('\n').expect("two lines");
    assert!(played.answer.contains(&format!("\r\nDate: {date}\r\n")), "{played:?}");
    assert!(
        played.log.contains(&format!(" - - [{log_date}] \"DATES / HTTP/1.1\" 200 ")),
        "{log_date} in {}",
        played.log
    );
}

/// Rows S53, S55 to S58: a message is what the handler said, with client and date before it; percent signs and braces
/// mean nothing in it, and it is one line.
#[test]
fn messages_are_lines() {
    let played = ask("LOG", "/%25s%n");
    let lines: Vec<&str> = played.log.lines().collect();
    let starts = format!("{} - - [", played.peer.ip());
    assert!(lines.len() == 3 && lines.iter().all(|line| line.starts_with(&starts)), "{lines:?}");
    assert!(lines[0].ends_with("] message /%25s%n %s {} forged"), "{lines:?}");
    assert!(lines[1].ends_with("] error \\x1b[2J"), "{lines:?}");
    assert!(lines[2].contains("] \"LOG /%25s%n HTTP/1.1\" 204 "), "{lines:?}");
}
