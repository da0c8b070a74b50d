//! The least handler: GET says hello, SPAM costs.

use slipring::{Commands, Error, Exchange, Handler, Reply, Server};

struct Hello;

impl Handler for Hello {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get).on("SPAM", Self::do_spam);
}

impl Hello {
    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(b"Hello, World!")
    }
    fn do_spam(&mut self, x: &mut Exchange) -> Reply {
        x.send_error(402)
    }
}

fn main() -> Result<(), Error> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8000);
    Server::bind(("127.0.0.1", port))?.banner(true).serve(|| Hello)
}
