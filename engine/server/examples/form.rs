//! A form: GET shows it, POST reads what was filled in.
//!
//! `cargo run --example form`, then open <http://127.0.0.1:8000/>, or
//! `curl -d 'name=Eric&dish=spam+%26+eggs' http://127.0.0.1:8000/`

use std::fmt::Write;

use slipring::{Commands, Error, Exchange, Handler, Reply, Server, escape_html};

struct Form;

const PAGE: &[u8] = b"<!DOCTYPE html><title>Order</title>
<form method=post><input name=name><input name=dish><button>Order</button></form>\n";

impl Handler for Form {
    // A body of more than 10 KB is refused with 413 before it is read.
    const COMMANDS: Commands<Self> =
        Commands::new().on("GET", Self::do_get).on("POST", Self::do_post).body_bytes_max(10_000);
}

impl Form {
    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        x.send_response(200)?.send_header("Content-Type", "text/html; charset=utf-8")?.end_headers(PAGE)
    }

    fn do_post(&mut self, x: &mut Exchange) -> Reply {
        let is_form = x.headers().content_type().is_some_and(|t| t.is("application", "x-www-form-urlencoded"));
        if !is_form {
            return x.send_error(415);
        }
        let mut page = String::from("<!DOCTYPE html><title>Ordered</title><dl>\n");
        for pair in x.body().split(|&byte| byte == b'&') {
            let mut parts = pair.splitn(2, |&byte| byte == b'=');
            let mut next = || decode(parts.next().unwrap_or_default());
            let (name, value) = (next(), next());
            // Writing to a string does not fail.
            let _ = writeln!(page, "<dt>{}<dd>{}", escape_html(&name), escape_html(&value));
        }
        page.push_str("</dl>\n");
        x.send_response(200)?.send_header("Content-Type", "text/html; charset=utf-8")?.end_headers(page.as_bytes())
    }
}

/// `a+b%26` is `a b&`. What is no escape stays as it is.
fn decode(text: &[u8]) -> String {
    let digit = |at: usize| text.get(at).and_then(|&byte| char::from(byte).to_digit(16));
    let (mut bytes, mut at) = (Vec::new(), 0);
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => bytes.push(b' '),
            (byte, ..) => bytes.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8000".into());
    Server::bind(address)?.banner(true).serve(|| Form)
}
