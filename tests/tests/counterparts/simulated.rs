//! One handler in the simulation: what it answers, in how many sends, and what it logs.

use std::net::SocketAddr;
use std::time::Duration;

use slipring::shard::{LogConfig, RESERVED_TOKENS, Shard, ShardConfig, ShardLimits};
use slipring::{Handler, Site};
use slipring_ring::sim::{FaultPlan, SIM_LIMITS, SimConfig, SimRing};
use slipring_ring::{ListenerId, RingLimits, SinkId};

/// What came of a request.
#[derive(Debug)]
pub struct Played {
    /// All bytes that the peer got; bytes from 0x80 up as characters.
    pub answer: String,
    /// Send operations that they took.
    pub sends: usize,
    /// Lines of the log.
    pub log: String,
    /// Where the peer is.
    pub peer: SocketAddr,
}

impl Played {
    /// Of the first answer.
    pub fn status(&self) -> &str {
        self.answer.split(' ').nth(1).unwrap_or_default()
    }

    /// How many heads there are.
    pub fn heads(&self) -> usize {
        self.answer.matches("HTTP/1.").count()
    }
}

/// Sends `requests` on one connection to a shard with this handler, and lets a second pass.
pub fn play<H: Handler>(factory: fn() -> H, site: Site, requests: &str) -> Played {
    let limits = RingLimits { token_slots: (4 + RESERVED_TOKENS) as u32, ..SIM_LIMITS };
    let plan = FaultPlan::none();
    let ring = SimRing::new(SimConfig { limits: limits.clone(), plan, ..SimConfig::new(1) });
    let outside = ring.outside();
    let mut config = ShardConfig { site, ..ShardConfig::new(4) };
    config.limits = ShardLimits { ring: limits, ..config.limits };
    config.logs = LogConfig { access: Some(SinkId(0)), error: Some(SinkId(0)), ..LogConfig::off() };
    let mut shard = Shard::new(ring, config, Box::new(factory));
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
    assert_eq!(outside.peer_send(peer, requests.as_bytes()), requests.len());
    run(Duration::from_secs(1));
    let answer = outside.peer_recv(peer).into_iter().map(char::from).collect();
    let sends = outside.lines().iter().filter(|line| line.contains(" submit send ")).count();
    let log = String::from_utf8_lossy(&outside.take_sink(SinkId(0))).into_owned();
    Played { answer, sends, log, peer: outside.peer_address(peer) }
}
