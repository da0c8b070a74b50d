//! Echo: what external conformance suites run against.
//!
//! `cargo run --release --example echo -- PORT`: GET `/` answers `OK`, POST to any path gives the body back, `/echo` the
//! request's field lines, `/cookie` its cookies.

use slipring::{Commands, Error, Exchange, Handler, LogTarget, Reply, Server};

struct Echo;

impl Handler for Echo {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get).on("POST", Self::do_post);
}

impl Echo {
    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        let path = x.path().split(|&byte| byte == b'?').next().unwrap_or_default();
        match path {
            b"/" => text(x, b"OK"),
            b"/echo" => {
                let fields = x.headers().iter().map(|field| [field.name, b": ", field.value, b"\n"].concat());
                let lines: Vec<u8> = fields.flatten().collect();
                text(x, &lines)
            }
            b"/cookie" => {
                let cookies: Vec<u8> = x.headers().get_all("Cookie").flat_map(pairs).collect();
                text(x, &cookies)
            }
            _ => x.send_error(404),
        }
    }

    fn do_post(&mut self, x: &mut Exchange) -> Reply {
        match x.path() {
            b"/echo" | b"/cookie" => self.do_get(x),
            _ => text(x, x.body()),
        }
    }
}

fn text(x: &mut Exchange, body: &[u8]) -> Reply {
    x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(body)
}

/// One `name=value` a line, of one `Cookie` field (RFC 6265 section 4.2).
fn pairs(value: &[u8]) -> Vec<u8> {
    value.split(|&byte| byte == b';').flat_map(|pair| [pair.trim_ascii(), b"\n"].concat()).collect()
}

fn main() -> Result<(), Error> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8000);
    let server = Server::bind(("127.0.0.1", port))?.access_log(LogTarget::Stderr).banner(true);
    server.serve(|| Echo)
}
