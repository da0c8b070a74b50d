//! Work that blocks: it runs in the worker pool, and nobody else waits for it.
//!
//! `cargo run --example blocking`, then `curl http://127.0.0.1:8000/slow` and, meanwhile, `curl http://127.0.0.1:8000/`;
//! `curl -N http://127.0.0.1:8000/rows` shows rows as a job writes them;
//! `curl -d 'some text' http://127.0.0.1:8000/` counts the bytes of a body of any size in a job.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use slipring::{Arrived, Commands, Error, Exchange, Handler, Reply, Server};

struct Clerk;

/// What an ask is for: `resume` gets the tag that its ask had.
const NAP: u32 = 1;
const COUNT: u32 = 2;
const ROWS: u32 = 3;

impl Handler for Clerk {
    // Bodies of up to 1 GiB; beyond 64 KiB they wait in a file, which the job reads.
    const COMMANDS: Commands<Self> =
        Commands::new().on("GET", Self::do_get).on("POST", Self::do_post).spool_bytes_max(1 << 30);

    fn resume(&mut self, x: &mut Exchange, tag: u32, arrived: Arrived) -> Reply {
        // A job that panicked or found no worker is answered with 500 or 503 by these question marks.
        let text = match tag {
            ROWS => {
                arrived.writes()?;
                return x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers_writer();
            }
            NAP => arrived.output::<String>()?,
            _ => format!("{} bytes\n", arrived.output::<io::Result<u64>>()?.unwrap_or(0)),
        };
        x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(text.as_bytes())
    }
}

impl Clerk {
    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        match x.path() {
            b"/slow" => x.ask_job(NAP, |_| nap(Duration::from_secs(1))),
            b"/rows" => x.ask_writer(ROWS, |_, wfile| (1..=5).try_for_each(|row| write_row(wfile, row))),
            _ => x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(b"at once\n"),
        }
    }

    fn do_post(&mut self, x: &mut Exchange) -> Reply {
        x.ask_job(COUNT, |job| io::copy(&mut job.rfile(), &mut io::sink()))
    }
}

/// Stands for whatever blocks: a database, a name server, a long computation.
#[allow(clippy::disallowed_methods, reason = "it runs in the worker pool, where it may wait")]
fn nap(time: Duration) -> String {
    thread::sleep(time);
    format!("after {time:?}\n")
}

/// A row that took its time. When the peer has left, the write is an error, and the job ends.
fn write_row(wfile: &mut impl Write, row: u32) -> io::Result<()> {
    nap(Duration::from_millis(50));
    writeln!(wfile, "row {row}")
}

fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8000".into());
    Server::bind(address)?.banner(true).serve(|| Clerk)
}
