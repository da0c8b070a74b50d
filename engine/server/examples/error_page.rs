//! An error page of one's own: JSON instead of Python's HTML, for the handler's errors and for the engine's.
//!
//! `cargo run --example error_page`, then `curl -i http://127.0.0.1:8000/nothing`

use slipring::{Commands, Error, ErrorPage, Exchange, Explained, Handler, Reply, Server, Site};

struct Api;

impl Handler for Api {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get);
}

impl Api {
    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        match x.path() {
            b"/" => x.send_response(200)?.send_header("Content-Type", "application/json")?.end_headers(b"{}\n"),
            _ => x.send_error_with(404, Some("No \"such\" thing"), Some("There is only /.")),
        }
    }
}

/// `Debug` of a string quotes and escapes it nearly as JSON does; its escapes of controls are all that differs.
fn json(error: Explained) -> String {
    let text = |text: &str| format!("{:?}", text.replace(|c: char| c.is_control(), " "));
    format!("{{\"code\":{},\"message\":{},\"explain\":{}}}\n", error.code, text(error.message), text(error.explain))
}

fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8000".into());
    let mut site = Site::named("Api/1.0");
    site.error_page = ErrorPage::new("application/json", json);
    Server::bind(address)?.site(site).banner(true).serve(|| Api)
}
