//! Row K11: how a body that breaks off looks to its peer: never whole.

use std::io::{self, Read};

use slipring::{Arrived, Commands, Exchange, Handler, Reply};

use crate::client::{End, raw};
use crate::served::Served;

/// Bodies that break off, as the path says; `/whole` does not.
struct Breaking;

impl Handler for Breaking {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get);

    fn resume(&mut self, x: &mut Exchange<'_>, _: u32, arrived: Arrived<'_>) -> Reply {
        arrived.writes()?;
        x.send_response(200)?.end_headers_writer()
    }
}

impl Breaking {
    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        let some = io::repeat(b'x').take(1000);
        match x.path() {
            b"/whole" => x.send_response(200)?.end_headers_stream(some),
            b"/job" => x.ask_writer(0, |_, wfile| {
                io::copy(&mut io::repeat(b'x').take(1000), wfile)?;
                Err(io::ErrorKind::Other.into())
            }),
            b"/length" => {
                x.send_response(200)?.send_header("Content-Length", "2000")?.end_headers_stream(some.chain(Broken))
            }
            _ => x.send_response(200)?.end_headers_stream(some.chain(Broken)),
        }
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Other.into())
    }
}

/// A body that lasts until the close, and every reply of HTTP/0.9, ends in a reset when it breaks off; what has chunks or a
/// length is seen to be short by them. A body that broke off in the middle of an HTTP/1.0 reply ended as if it were whole.
#[test]
fn a_body_that_breaks_off_never_looks_whole() {
    let server = Served::start(|| Breaking);
    for (request, expected) in [
        ("GET /whole HTTP/1.0||", End::Fin),
        ("GET /whole|", End::Fin),
        ("GET /broken HTTP/1.0||", End::Reset),
        ("GET /job HTTP/1.0||", End::Reset),
        ("GET /broken|", End::Reset),
        ("GET /length|", End::Reset),
        ("GET /length HTTP/1.0||", End::Fin),
        ("GET /broken HTTP/1.1|Host: x||", End::Fin),
        ("GET /job HTTP/1.1|Host: x||", End::Fin),
    ] {
        let mut client = server.client();
        let (bytes, end) = client.send(&raw(request)).read_to_end();
        assert_eq!(end, expected, "{request}");
        assert!(expected == End::Reset || bytes.windows(1000).any(|part| part == [b'x'; 1000]), "{request}");
        assert!(!bytes.ends_with(b"0\r\n\r\n"), "{request}");
    }
    server.end();
}
