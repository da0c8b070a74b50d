//! Handlers that tests run as a process of their own: `handlers NAME` serves one on a port that the kernel chose.
//!
//! `dispatch` is the twin of `tests/tests/differential/peer.py`, `unit` that of the handler which CPython's tests of its
//! base class use; `empty` knows no command, `reject` expects nothing.

use slipring::{Admit, Commands, Error, Exchange, Handler, LogTarget, Reply, Request, Server};
use slipring_wire::version::Version;

fn main() -> Result<(), Error> {
    let server = Server::bind("127.0.0.1:0")?.shards(1).banner(true);
    match std::env::args().nth(1).as_deref() {
        Some("dispatch") => server.serve(|| Dispatch),
        Some("unit") => server.access_log(LogTarget::Stderr).serve(|| Unit),
        Some("empty") => server.serve(|| Empty),
        Some("reject") => server.serve(|| Rejecting),
        _ => panic!("handlers dispatch | unit | empty | reject"),
    }
}

/// Tells what it was asked, and answers as the target says.
struct Dispatch;

impl Handler for Dispatch {
    const COMMANDS: Commands<Self> = Commands::new()
        .on("GET", Self::do_get)
        .on("POST", Self::tell)
        .on("PUT", Self::tell)
        .on("GETX", Self::tell)
        .on("SPAM", Self::tell);
}

impl Dispatch {
    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        let path = String::from_utf8_lossy(x.path()).into_owned();
        let (name, argument) = path.split_once('?').unwrap_or((&path, ""));
        match name {
            "/error" => send_error(x, argument),
            "/status" => x.send_response(number(argument))?.end_headers(b""),
            "/reason" => x.send_response_with(200, Some(argument))?.end_headers(b""),
            "/connection" => x.send_response(200)?.send_header("Connection", argument)?.end_headers(b""),
            "/boom" => panic!("boom"),
            _ => self.tell(x),
        }
    }

    fn tell(&mut self, x: &mut Exchange) -> Reply {
        let mut told = [x.command(), b" ", x.path(), b" ", version(x), b"\n"].concat();
        for field in x.headers().iter() {
            told.extend([field.name, b"=", field.value, b"\n"].concat());
        }
        told.extend_from_slice(x.body());
        x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(&told)
    }
}

/// `CODE&MESSAGE&EXPLANATION`, the last two or the last left out.
fn send_error(x: &mut Exchange, argument: &str) -> Reply {
    let mut parts = argument.split('&');
    let code = number(parts.next().unwrap_or_default());
    x.send_error_with(code, parts.next(), parts.next())
}

fn version(x: &Exchange) -> &'static [u8] {
    match x.version() {
        Version::Http09 => b"HTTP/0.9",
        Version::Http10 => b"HTTP/1.0",
        Version::Http11 => b"HTTP/1.1",
    }
}

fn number(text: &str) -> u16 {
    text.parse().expect("a test asks for a number")
}

/// Answers each command in one way.
struct Unit;

impl Handler for Unit {
    const COMMANDS: Commands<Self> = Commands::new()
        .on("TEST", |_, x| no_content(x, "close"))
        .on("KEEP", |_, x| no_content(x, "keep-alive"))
        .on("KEYERROR", |_, x| x.send_error(999))
        .on("NOTFOUND", |_, x| x.send_error(404))
        .on("EXPLAINERROR", |_, x| x.send_error_with(999, Some("Short"), Some("It is longer\nthan a line")))
        .on("CUSTOM", |_, x| x.send_response(999)?.send_header("Connection", "close")?.end_headers(b""))
        .on("LATINONEHEADER", Self::latin_one)
        .on("SEND_ERROR", Self::code_of_the_path)
        .on("HEAD", Self::code_of_the_path)
        .on("OK", |_, x| x.send_response(200)?.end_headers(b""))
        .on("ERROR", |_, x| x.send_error_with(404, Some("File not found"), None));
}

impl Unit {
    /// The value of a field back, as it came: bytes.
    fn latin_one(&mut self, x: &mut Exchange) -> Reply {
        let incoming = x.headers().get("x-special-incoming").unwrap_or_default();
        x.send_response(999)?.send_header("X-Special", b"D\xe4ngerous Mind")?.end_headers(incoming)
    }

    fn code_of_the_path(&mut self, x: &mut Exchange) -> Reply {
        let path = String::from_utf8_lossy(x.path()).into_owned();
        x.send_error(number(path.trim_start_matches('/')))
    }
}

fn no_content(x: &mut Exchange, connection: &str) -> Reply {
    x.send_response(204)?
        .send_header("Content-Type", "text/html")?
        .send_header("Connection", connection)?
        .end_headers(b"")
}

/// Answers nothing (row S2).
struct Empty;

impl Handler for Empty {
    const COMMANDS: Commands<Self> = Commands::new();
}

/// Refuses every body that is expected to be waited for (row K14).
struct Rejecting;

impl Handler for Rejecting {
    const COMMANDS: Commands<Self> = Commands::new().on("POST", |_, x| x.send_response(200)?.end_headers(b"called"));

    fn admit(&mut self, request: &Request<'_>) -> Admit {
        if request.headers().contains("Expect") { Admit::Reject(417) } else { Admit::Memory(1024) }
    }
}
