//! BaseHTTPRequestHandlerTestCase, its three tests of how many writes an answer takes: asked of a shard in the simulation,
//! which tells every operation.
//!
//! Row E11, on purpose: where Python's send_error writes its head and then its page, here an answer is one send, so no
//! answer ever waits for a delayed acknowledgement.

use slipring::{Commands, Handler, Site};

use crate::simulated::{Played, play};

struct Writer;

impl Handler for Writer {
    const COMMANDS: Commands<Self> = Commands::new()
        .on("ERROR", |_, x| x.send_error(418))
        .on("ONLY", |_, x| x.send_response_only(418, None)?.end_headers(b""))
        .on("FIELDS", |_, x| {
            x.send_response_only(200, None)?;
            x.send_header("Foo", "foo")?.send_header("bar", "bar")?.end_headers(b"")
        });
}

fn answer(command: &str) -> Played {
    play(|| Writer, Site::new(), &format!("{command} / HTTP/1.1\r\nHost: x\r\n\r\n"))
}

#[test]
fn test_header_buffering_of_send_error() {
    let Played { answer, sends, .. } = answer("ERROR");
    assert!(answer.starts_with("HTTP/1.1 418 I'm a Teapot\r\n") && answer.ends_with("</html>\n"), "{answer}");
    assert_eq!(sends, 1);
}

#[test]
fn test_header_buffering_of_send_response_only() {
    let Played { answer, sends, .. } = answer("ONLY");
    assert!(answer.starts_with("HTTP/1.1 418 I'm a Teapot\r\n") && !answer.contains("Date"), "{answer}");
    assert_eq!(sends, 1);
}

#[test]
fn test_header_buffering_of_send_header() {
    let Played { answer, sends, .. } = answer("FIELDS");
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nFoo: foo\r\nbar: bar\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(sends, 1);
}
