//! What a shard is told.

use std::time::Duration;

use super::{LogConfig, ProgramLimits, ProgramPlaces, ShardLimits};
use crate::conn::Rules;
use crate::handler::Site;

/// What a shard is told when it is made.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Sizes.
    pub limits: ShardLimits,
    /// What a connection may do.
    pub rules: Rules,
    /// What all answers have in common.
    pub site: Site,
    /// How many listeners the ring has.
    pub listeners: u16,
    /// What is logged where, and how.
    pub logs: LogConfig,
    /// How many programs may run, and how long they may be silent.
    pub programs: ProgramLimits,
    /// The places of those programs, where other shards have a part in them.
    pub places: Option<ProgramPlaces>,
    /// How long a drain may take.
    pub drain_timeout: Duration,
    /// How long a drain waits for a connection's next request.
    pub drain_idle: Duration,
    /// Requests after which it drains by itself; `None`: never.
    pub requests_max: Option<u64>,
    /// How long it waits for the first request before it drains by itself.
    pub request_timeout: Option<Duration>,
}

impl ShardConfig {
    /// For so many connections on one listener, with what users of `python3 -m http.server` expect, and no log.
    pub fn new(connections_max: usize) -> Self {
        Self {
            limits: ShardLimits::new(connections_max),
            rules: Rules::COMMAND,
            site: Site::new(),
            listeners: 1,
            logs: LogConfig::off(),
            programs: ProgramLimits::SERVER,
            places: None,
            drain_timeout: Duration::from_secs(30),
            drain_idle: Duration::from_secs(5),
            requests_max: None,
            request_timeout: None,
        }
    }
}
