//! Connections that end while something of them is held back.

use std::thread;
use std::time::Duration;

use crate::client::{End, get};
use crate::harness::{Server, pattern, site};

/// What a peer sends while it is being answered is not read, and a close would answer it with a reset, which takes what has
/// not left yet: the end of the answer.
#[test]
fn a_closing_answer_survives_what_the_peer_still_sends() {
    let home = site(&[("large", &pattern(32 << 20))]);
    let server = Server::slipring(home.path(), &["--protocol", "HTTP/1.0"]);
    for more in 0..3 {
        let mut client = server.client();
        client.send(&get("/large"));
        for _ in 0..more {
            thread::sleep(Duration::from_millis(100));
            client.send(&get("/large"));
        }
        thread::sleep(Duration::from_millis(100));
        let (bytes, end) = client.read_to_end();
        assert_eq!(end, End::Fin, "{} bytes, {more} requests behind the first", bytes.len());
        assert!(bytes.ends_with(&pattern(32 << 20)), "{more} requests behind the first");
    }
}
