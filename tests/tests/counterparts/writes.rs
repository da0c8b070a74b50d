//! BaseHTTPRequestHandlerTestCase, its three tests of how many writes an answer takes: asked of a shard in the simulation,
//! which tells every operation.
//!
//! Row E11, on purpose: where Python's send_error writes its head and then its page, here an answer is one send, so no
//! answer ever waits for a delayed acknowledgement.

use std::time::Duration;

use slipring::shard::{RESERVED_TOKENS, Shard, ShardConfig, ShardLimits};
use slipring::{Commands, Handler};
use slipring_ring::sim::{FaultPlan, SIM_LIMITS, SimConfig, SimRing};
use slipring_ring::{ListenerId, RingLimits};

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

/// How many sends the answer to a command takes, and the answer.
fn sends(command: &str) -> (usize, String) {
    let limits = RingLimits { token_slots: (4 + RESERVED_TOKENS) as u32, ..SIM_LIMITS };
    let plan = FaultPlan::none();
    let ring = SimRing::new(SimConfig { limits: limits.clone(), plan, ..SimConfig::new(1) });
    let outside = ring.outside();
    let mut config = ShardConfig::new(4);
    config.limits = ShardLimits { ring: limits, ..config.limits };
    let mut shard = Shard::new(ring, config, Box::new(|| Writer));
    let mut run = |span: Duration| {
        let end = outside.now().plus(span);
        while outside.now() < end {
            outside.set_horizon(Some(end));
            shard.tick().expect("a simulated ring is never lost");
        }
    };
    let peer = outside.connect(ListenerId(0));
    run(Duration::from_millis(1));
    outside.record(1000);
    let request = format!("{command} / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(outside.peer_send(peer, request.as_bytes()), request.len());
    run(Duration::from_millis(10));
    let answer = String::from_utf8_lossy(&outside.peer_recv(peer)).into_owned();
    let lines = outside.lines();
    let sends = lines.iter().filter(|line| line.contains(" submit send ")).count();
    assert!(!answer.is_empty() && sends > 0, "{lines:#?}");
    (sends, answer)
}

#[test]
fn test_header_buffering_of_send_error() {
    let (sends, answer) = sends("ERROR");
    assert!(answer.starts_with("HTTP/1.1 418 I'm a Teapot\r\n") && answer.ends_with("</html>\n"), "{answer}");
    assert_eq!(sends, 1);
}

#[test]
fn test_header_buffering_of_send_response_only() {
    let (sends, answer) = sends("ONLY");
    assert!(answer.starts_with("HTTP/1.1 418 I'm a Teapot\r\n") && !answer.contains("Date"), "{answer}");
    assert_eq!(sends, 1);
}

#[test]
fn test_header_buffering_of_send_header() {
    let (sends, answer) = sends("FIELDS");
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nFoo: foo\r\nbar: bar\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(sends, 1);
}
