//! A command of one's own: `SPAM /eggs HTTP/1.1` is served, `spam` is not (row S37), and each connection remembers how
//! much it had.
//!
//! `cargo run --example spam`, then
//! `printf 'SPAM /eggs HTTP/1.1\r\nHost: x\r\n\r\n' | nc 127.0.0.1 8000`

use std::any::Any;

use slipring::{Commands, Error, Exchange, Handler, Peer, Reply, Server};

struct Cafe;

/// What a connection had so far.
#[derive(Default)]
struct Bill {
    servings: u32,
}

impl Handler for Cafe {
    const COMMANDS: Commands<Self> = Commands::new().on("SPAM", Self::do_spam);

    fn setup(&mut self, _: Peer) -> Option<Box<dyn Any>> {
        Some(Box::new(Bill::default()))
    }
}

impl Cafe {
    fn do_spam(&mut self, x: &mut Exchange) -> Reply {
        let Some(bill) = x.state::<Bill>() else { return x.send_error(500) };
        bill.servings += 1;
        let servings = bill.servings;
        if servings > 3 {
            return x.send_error_with(402, Some("Bloody Vikings"), Some("That was your third & last serving."));
        }
        let dish = String::from_utf8_lossy(x.path()).into_owned();
        x.send_response_with(200, Some("Spam"))?.send_header("Content-Type", "text/plain; charset=utf-8")?;
        x.end_headers(format!("{dish} with spam, serving {servings}\n").as_bytes())
    }
}

fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8000".into());
    Server::bind(address)?.banner(true).serve(|| Cafe)
}
