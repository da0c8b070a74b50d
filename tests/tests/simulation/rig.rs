//! A shard and its peers, moved by hand: for scenes that are told step by step.

use std::time::Duration;

use slipring::Handler;
use slipring::shard::{Message, PROGRAM_TOKENS, RESERVED_TOKENS, Shard, ShardConfig, ShardLimits};
use slipring_ring::sim::{FaultPlan, Outside, PeerId, SIM_LIMITS, SimConfig, SimRing};
use slipring_ring::{ListenerId, RingLimits};

use crate::handler::Flaw;
use crate::play::Play;

/// One shard in a world where only that goes wrong which the scene wants.
pub struct Rig<P: Handler> {
    /// The world.
    pub outside: Outside,
    shard: Shard<SimRing, P>,
}

/// What a scene may set.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Send slots of the ring.
    pub send_slots: u32,
    /// Requests answered in one turn.
    pub turn_requests_max: u32,
    /// What goes wrong.
    pub plan: FaultPlan,
}

impl Default for Setting {
    fn default() -> Self {
        Self { send_slots: 16, turn_requests_max: 64, plan: FaultPlan::none() }
    }
}

const CONNECTIONS: usize = 32;

impl<P: Play> Rig<P> {
    /// A shard that listens.
    pub fn new(setting: Setting) -> Self {
        Self::with(setting, |_| {}, P::factory(Flaw::Sound))
    }
}

impl<P: Handler> Rig<P> {
    /// A shard that listens, `change`d as a scene wants it.
    pub fn with(setting: Setting, change: impl FnOnce(&mut ShardConfig), factory: Box<dyn FnMut() -> P>) -> Self {
        let Setting { send_slots, turn_requests_max, plan } = setting;
        let mut config = ShardConfig::new(CONNECTIONS);
        config.limits = ShardLimits { ring: RingLimits { send_slots, ..SIM_LIMITS }, ..config.limits };
        config.rules.turn_requests_max = turn_requests_max;
        change(&mut config);
        let limits = &mut config.limits;
        limits.ring.token_slots = (limits.connections_max + RESERVED_TOKENS + PROGRAM_TOKENS) as u32;
        let ring = SimRing::new(SimConfig { limits: limits.ring.clone(), plan, ..SimConfig::new(1) });
        let outside = ring.outside();
        let mut rig = Self { outside, shard: Shard::new(ring, config, factory) };
        rig.run(Duration::from_millis(1));
        rig
    }

    /// A peer that takes so many bytes unread.
    pub fn connect(&mut self, window: usize) -> PeerId {
        let peer = self.outside.connect(ListenerId(0));
        self.outside.peer_window(peer, window);
        self.run(Duration::from_millis(1));
        peer
    }

    /// A peer sends; all of it leaves.
    pub fn send(&self, peer: PeerId, bytes: &str) {
        assert_eq!(self.outside.peer_send(peer, bytes.as_bytes()), bytes.len(), "the window takes it");
    }

    /// One turn of the shard.
    pub fn tick(&mut self) {
        self.outside.set_horizon(Some(self.outside.now().plus(Duration::from_millis(1))));
        self.shard.tick().expect("a simulated ring is never lost");
    }

    /// Time passes.
    pub fn run(&mut self, span: Duration) {
        let end = self.outside.now().plus(span);
        while self.outside.now() < end {
            self.outside.set_horizon(Some(end));
            self.shard.tick().expect("a simulated ring is never lost");
        }
    }

    /// Time passes in which a peer reads what comes.
    pub fn read(&mut self, peer: PeerId, span: Duration) -> String {
        let end = self.outside.now().plus(span);
        let mut bytes = Vec::new();
        while self.outside.now() < end {
            self.tick();
            bytes.extend(self.outside.peer_recv(peer));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Deadlines that have passed.
    pub fn timeouts(&self) -> u64 {
        self.shard.metrics().timeouts
    }

    /// Connections that ended short of an answer.
    pub fn aborted(&self) -> u64 {
        self.shard.metrics().aborted
    }

    /// Connections that the shard has.
    pub fn connections(&self) -> usize {
        self.shard.connections()
    }

    /// Asks for a drain.
    pub fn drain(&self) {
        self.shard.mailbox().post(Message::Drain);
    }
}

/// How many answers with this status stand in what a peer read.
pub fn count(text: &str, status: u16) -> usize {
    text.matches(&format!("HTTP/1.1 {status} ")).count()
}
