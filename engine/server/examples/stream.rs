//! An answer of any length in no memory: it is made piece by piece, as the peer takes it.
//!
//! `cargo run --example stream`, then `curl http://127.0.0.1:8000/1000000000 | tail -n 1`

use std::io::{self, Read};

use slipring::{Commands, Error, Exchange, Handler, Reply, Server};

struct Counter;

impl Handler for Counter {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get);
}

impl Counter {
    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        let wanted = str::from_utf8(&x.path()[1..]).ok().and_then(|text| text.parse().ok());
        let Some(last) = wanted else { return x.send_error_with(404, Some("Ask for a number"), None) };
        x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers_stream(Lines { next: 1, last })
    }
}

/// The numbers up to `last`, one a line.
struct Lines {
    next: u64,
    last: u64,
}

impl Read for Lines {
    /// Called when the peer has room for more: whole lines, as many as fit.
    fn read(&mut self, mut room: &mut [u8]) -> io::Result<usize> {
        let before = room.len();
        while self.next <= self.last && room.len() > LINE_BYTES_MAX {
            io::Write::write_fmt(&mut room, format_args!("{}\n", self.next))?;
            self.next += 1;
        }
        Ok(before - room.len())
    }
}

/// The longest number with its line end.
const LINE_BYTES_MAX: usize = 21;

fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8000".into());
    Server::bind(address)?.banner(true).serve(|| Counter)
}
