//! Hello.
use slipring::{Commands, Error, Exchange, Handler, Reply, Server};
struct Hello;
impl Handler for Hello {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get);
}
impl Hello {
    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(b"Hello, World!")
    }
}
fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8000".into());
    Server::bind(address)?.banner(true).serve(|| Hello)
}
