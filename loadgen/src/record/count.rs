//! Counters of a run.

use std::ops::AddAssign;

/// What can go wrong with a connection or an answer. One event counts once, however many requests it takes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Connecting was refused or failed.
    Connect,
    /// Connecting, or an answer, took too long.
    Timeout,
    /// The connection ended before an answer was whole.
    Reset,
    /// What came was no HTTP answer, or one that nobody had asked for.
    Protocol,
    /// An answer was not what `--check` expects.
    Check,
    /// We ran out of local ports.
    AddressUnavailable,
    /// We ran out of file descriptors.
    DescriptorLimit,
}

impl ErrorKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 7] = [
        Self::Connect,
        Self::Timeout,
        Self::Reset,
        Self::Protocol,
        Self::Check,
        Self::AddressUnavailable,
        Self::DescriptorLimit,
    ];

    /// Its name in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::Check => "check",
            Self::AddressUnavailable => "address_unavailable",
            Self::DescriptorLimit => "descriptor_limit",
        }
    }

    /// Whether it is ours and not the target's.
    pub const fn is_own(self) -> bool {
        matches!(self, Self::AddressUnavailable | Self::DescriptorLimit)
    }
}

/// Requests due in the measure phase. When a run is over, `due = sent + shed + dropped` and
/// `sent = completed + failed + unanswered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Should have left, by the plan. In a closed loop, those that left, and those of a limited number that a target that was
    /// gone could not be asked any more.
    pub due: u64,
    /// Handed to the kernel.
    pub sent: u64,
    /// Answered whole, whatever the status.
    pub completed: u64,
    /// Lost with their connection, timed out among them.
    pub failed: u64,
    /// Still open when the grace period was over.
    pub unanswered: u64,
    /// Given up unsent, because their deadline passed, the run ended, or the target was gone.
    pub shed: u64,
    /// Not sent, because no connection was free and `--on-busy drop` says so.
    pub dropped: u64,
    /// Of those sent, those that left when the measure phase was over.
    pub sent_late: u64,
    /// Of those completed, those whose answer ended when the measure phase was over.
    pub completed_late: u64,
    /// Of those completed with a status below 400, those that `--check` refused.
    pub wrong: u64,
}

impl Requests {
    /// Answered whole within the measure phase: what its CPU time was spent on.
    pub fn completed_in_time(&self) -> u64 {
        self.completed - self.completed_late
    }
}

/// Connections over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// As the plan wants.
    pub asked: u64,
    /// Open when the load began.
    pub opened: u64,
    /// Not open when the load began.
    pub failed: u64,
    /// Opened again later, after the target or the plan ended them.
    pub reconnects: u64,
    /// Opened beyond those asked for, because all were busy (`--on-busy open`).
    pub extra: u64,
}

/// Bytes that passed while the measurement ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Received, heads and chunk framing included.
    pub wire: u64,
    /// Received content.
    pub body: u64,
    /// Sent.
    pub sent: u64,
}

impl AddAssign for Requests {
    fn add_assign(&mut self, more: Self) {
        self.due += more.due;
        self.sent += more.sent;
        self.completed += more.completed;
        self.failed += more.failed;
        self.unanswered += more.unanswered;
        self.shed += more.shed;
        self.dropped += more.dropped;
        self.sent_late += more.sent_late;
        self.completed_late += more.completed_late;
        self.wrong += more.wrong;
    }
}

impl AddAssign for Connections {
    fn add_assign(&mut self, more: Self) {
        self.asked += more.asked;
        self.opened += more.opened;
        self.failed += more.failed;
        self.reconnects += more.reconnects;
        self.extra += more.extra;
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, more: Self) {
        self.wire += more.wire;
        self.body += more.body;
        self.sent += more.sent;
    }
}
