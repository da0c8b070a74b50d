//! The sizes and rules of a seed's shard: small ones, so that a run meets their ends.

use slipring::conn::Rules;
use slipring::log::Overflow;
use slipring::shard::{LogConfig, RESERVED_TOKENS, ShardConfig, ShardLimits};
use slipring_ring::sim::{Random, SIM_LIMITS};
use slipring_ring::{RingLimits, SinkId};
use slipring_wire::limits::Limits;

use crate::requests::{DISCARD_BYTES_MAX, FIELDS_MAX, HEAD_BYTES_MAX, LINE_BYTES_MAX};

/// Draws them.
pub fn shard_config(random: &mut Random) -> ShardConfig {
    let connections_max = random.pick(&[4, 16, 64]);
    let ring = RingLimits {
        recv_buffers: random.pick(&[2, 16, 16]),
        recv_buffer_bytes: random.pick(&[64, 1024, 4096]),
        send_slots: random.pick(&[2, 4, 16]),
        transfers: random.pick(&[3, 4, 8]),
        sink_buffers: random.pick(&[0, 2]),
        token_slots: (connections_max + RESERVED_TOKENS) as u32,
        ..SIM_LIMITS
    };
    let limits = ShardLimits { ring, connections_max, accepts_per_tick_max: 256 };
    let heads = Limits {
        request_line_bytes_max: LINE_BYTES_MAX as u32,
        field_line_bytes_max: HEAD_BYTES_MAX as u32,
        head_bytes_max: HEAD_BYTES_MAX as u32,
        field_count_max: FIELDS_MAX as u16,
    };
    let rules = Rules {
        limits: heads,
        discard_bytes_max: DISCARD_BYTES_MAX as u64,
        turn_requests_max: random.pick(&[1, 3, 64]),
        spool_piece_bytes: random.pick(&[50, 300, 2000, 20_000]),
        ..Rules::COMMAND
    };
    let logs = log_config(random);
    // The error log has a buffer of its own.
    let mut limits = limits;
    limits.ring.transfers += u32::from(logs.error == Some(SinkId(1)));
    ShardConfig { limits, rules, logs, ..ShardConfig::new(connections_max) }
}

/// Both logs in one sink as by default, or each in its own; room for a few lines, or for all.
fn log_config(random: &mut Random) -> LogConfig {
    if random.below(4) == 0 {
        return LogConfig::off();
    }
    LogConfig {
        error: random.pick(&[None, Some(SinkId(0)), Some(SinkId(1))]),
        overflow: random.pick(&[Overflow::Drop, Overflow::Wait]),
        buffer_bytes: random.pick(&[200, 4096, 1 << 20]),
        ..LogConfig::to(SinkId(0))
    }
}
