//! What a shard may hold, and what happens when it runs dry.

use slipring_ring::RingLimits;

use super::scripts::PROGRAM_TOKENS;

/// Sizes of one shard, fixed when it starts.
#[derive(Clone, Debug)]
pub struct ShardLimits {
    /// The ring's own sizes. No send slot free: the connection waits its turn. No receive buffer free: it is armed again
    /// when buffers came back. No transfer buffer free: streams wait in line.
    pub ring: RingLimits,
    /// Connections. At the limit accepting pauses; what was accepted beyond waits for a place.
    pub connections_max: usize,
    /// Connections accepted in a row while draining, before the others have a turn.
    pub accepts_per_tick_max: usize,
}

/// Buffers of a shard's access log: one is filled while the other is written.
pub const LOG_BUFFERS: usize = 2;

impl ShardLimits {
    /// For so many connections.
    pub fn new(connections_max: usize) -> Self {
        let connections_max = connections_max.clamp(16, CONNECTIONS_MAX);
        let token_slots = (connections_max + RESERVED_TOKENS + PROGRAM_TOKENS) as u32;
        Self { ring: RingLimits { token_slots, ..RingLimits::SERVER }, connections_max, accepts_per_tick_max: 256 }
    }
}

/// Connections that one shard ever has.
pub const CONNECTIONS_MAX: usize = 65_536;

/// Token slots behind the connections' own: listeners and sinks. Behind them are those of programs.
pub const RESERVED_TOKENS: usize = 64;

/// Memory that one shard's pools take, in bytes.
pub const POOL_BYTES_MAX: usize = 32 << 20;

const _: () = {
    let ring = RingLimits::SERVER;
    let receive = ring.recv_buffers as usize * ring.recv_buffer_bytes as usize;
    let send = ring.send_slots as usize * ring.send_slot_bytes as usize;
    let transfer = ring.transfers as usize * ring.transfer_bytes as usize;
    let sink = ring.sink_buffers as usize * ring.sink_buffer_bytes as usize;
    assert!(receive + send + transfer + sink <= POOL_BYTES_MAX, "the pools fit what the documents say");
    assert!(ring.transfers as usize > LOG_BUFFERS, "logs leave buffers for files");
};
