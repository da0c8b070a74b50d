//! The file server inside a program of one's own: `/time` is answered by the program, everything else from a directory.
//!
//! `cargo run --example embed -- 127.0.0.1:8000 public`

use slipring::files::{FileHandler, FileOptions};
use slipring::{Arrived, Commands, Error, Exchange, Handler, Reply, Server};

struct Site {
    files: FileHandler,
}

impl Handler for Site {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get);

    // The files' asks come back here; a handler with asks of its own gives them tags with `FileHandler::FOREIGN`.
    fn resume(&mut self, x: &mut Exchange, tag: u32, arrived: Arrived) -> Reply {
        self.files.resume(x, tag, arrived)
    }

    fn abandoned(&mut self, tag: u32) {
        self.files.abandoned(tag);
    }
}

impl Site {
    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        if x.path() == b"/time" {
            let now = x.date_time_string().into_owned();
            return x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(now.as_bytes());
        }
        self.files.do_get(x)
    }
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:8000".into());
    let directory = arguments.next().unwrap_or(".".into());
    let mut server = Server::bind(address)?.banner(true);
    let root = server.add_root(directory.into());
    server.serve(move || Site { files: FileHandler::new(FileOptions::new(root)) })
}
