//! The handler of both worlds.

use slipring::{Arrived, BodySource, Commands, Exchange, Handler, Reply};
use slipring_ring::{FileKind, RootId};

/// Answers with the path, with a body as it came, or with a file.
pub struct Twin;

impl Handler for Twin {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get).on("POST", Self::do_post);

    fn resume(&mut self, x: &mut Exchange<'_>, tag: u32, arrived: Arrived<'_>) -> Reply {
        match arrived {
            Arrived::Opened(Ok((file, stat))) if tag == LIST && stat.kind == FileKind::Directory => {
                x.ask_list(LIST, file)
            }
            Arrived::Opened(Ok((file, stat))) if stat.kind == FileKind::Regular => {
                x.send_response(200)?.end_headers_from(BodySource::File(file, 0..stat.size), stat.size)
            }
            Arrived::Listed(Ok(listing)) => {
                let mut names: Vec<&[u8]> = listing.entries.iter().map(|entry| &entry.name[..]).collect();
                names.sort_unstable();
                x.send_response(200)?.end_headers(&names.join(&b' '))
            }
            _ => x.send_error(404),
        }
    }
}

const FILE: u32 = 1;
const LIST: u32 = 2;

impl Twin {
    fn do_get(&mut self, x: &mut Exchange<'_>) -> Reply {
        match x.path() {
            // Without the message that a panic prints.
            b"/panic" => std::panic::resume_unwind(Box::new("a handler's own bug, on purpose")),
            b"/large" => x.send_response(200)?.end_headers(&vec![b'l'; 100_000]),
            b"/list" => x.ask_open(LIST, RootId(0), b""),
            path => match path.strip_prefix(b"/file/") {
                Some(name) => x.ask_open(FILE, RootId(0), name),
                None => x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(path),
            },
        }
    }

    fn do_post(&mut self, x: &mut Exchange<'_>) -> Reply {
        let body = x.body();
        x.send_response(200)?.end_headers(body)
    }
}
