//! What a connection may take and how long: the values of `docs/INTERFACES.md`.

use std::time::Duration;

use slipring_wire::limits::Limits;
use slipring_wire::request::Tolerance;

/// The rules of all connections of a server.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Sizes of a head.
    pub limits: Limits,
    /// Which lines are understood (decision 7).
    pub tolerance: Tolerance,
    /// How long.
    pub timeouts: Timeouts,
    /// Bytes of a body that nobody asked for, read to keep the connection; beyond, it closes after the answer.
    pub discard_bytes_max: u64,
    /// Bytes of a body that is spooled that are in memory at once; a shorter one stays there.
    pub spool_piece_bytes: usize,
    /// Bytes discarded after our last byte, at most.
    pub linger_bytes_max: u64,
    /// Requests answered in one turn of a connection (fairness, row K7).
    pub turn_requests_max: u32,
    /// Bytes of received but unconsumed input that a connection may hold beyond one head.
    pub inbound_bytes_max: usize,
}

/// How long a connection may take for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the first byte of the first request.
    pub silent: Duration,
    /// A head, from its first byte.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
    /// Without a byte of the answer taken.
    pub send_stall: Duration,
    /// After our last byte.
    pub linger: Duration,
    /// A job of the handler's, from the ask to its result, or a piece of a body on its way into its spool; then the
    /// connection is cut.
    pub job: Duration,
}

/// Bytes per second that a peer must send of a body, or take of an answer, behind the grace (Kestrel's defaults).
pub const RATE_BYTES_PER_S_MIN: u64 = 240;

/// How long a peer may be slower than that.
pub const RATE_GRACE: Duration = Duration::from_secs(5);

impl Rules {
    /// What users of `python3 -m http.server` expect.
    pub const COMMAND: Self = Self {
        limits: Limits::COMMAND,
        tolerance: Tolerance::Lenient,
        timeouts: Timeouts {
            silent: Duration::from_secs(20),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(15),
            send_stall: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            job: Duration::from_mins(1),
        },
        discard_bytes_max: 64 * 1024,
        spool_piece_bytes: 64 * 1024,
        linger_bytes_max: 64 * 1024,
        turn_requests_max: 64,
        inbound_bytes_max: 192 * 1024,
    };
}

impl Default for Rules {
    fn default() -> Self {
        Self::COMMAND
    }
}
