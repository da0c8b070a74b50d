//! The bytes that the null responder is given: an answer of slipring itself.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use slipring_wire::response::{Event, ResponseParser};

use super::load;

/// An answer that takes longer, or is larger, is none that a bench should use.
const PATIENCE: Duration = Duration::from_secs(5);
const BYTES_MAX: usize = 64 * 1024;

/// The whole answer to the very request that the load sends.
pub(super) fn fetch(address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&load::request(path))?;
    let (mut parser, mut answer) = (ResponseParser::new(), Vec::new());
    let mut piece = [0; 4096];
    while answer.len() < BYTES_MAX {
        let count = stream.read(&mut piece)?;
        answer.extend_from_slice(&piece[..count]);
        if count == 0 {
            return Err(io::Error::other("the server closed before its answer was whole"));
        }
        if ended(&mut parser, &piece[..count])? {
            return Ok(answer);
        }
    }
    Err(io::Error::other("the server's answer is too large for a bench"))
}

/// Whether the answer ended in this piece, with status 200.
fn ended(parser: &mut ResponseParser, mut piece: &[u8]) -> io::Result<bool> {
    loop {
        let (consumed, event) = parser.advance(piece, false).map_err(io::Error::other)?;
        piece = &piece[consumed..];
        match event {
            Event::Head(head) if head.status.code() != 200 => {
                return Err(io::Error::other(format!("the server answers {}", head.status.code())));
            }
            Event::Head(_) | Event::BodyBytes(_) => (),
            Event::NeedMore => return Ok(false),
            Event::End => return Ok(true),
        }
    }
}

/// An answer of about the same size, for when slipring is left out.
pub(super) fn synthetic(body_bytes: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: slipring/0.1\r\nDate: Sat, 07 Nov 2026 00:00:00 GMT\r\nContent-Type: \
         text/plain; charset=utf-8\r\nContent-Length: {body_bytes}\r\nLast-Modified: Sat, 07 Nov 2026 00:00:00 GMT\r\n\r\n"
    );
    [head.as_bytes(), &vec![b'x'; body_bytes]].concat()
}
