//! Time that only a ring can make: no code above reads a clock.

use std::time::Duration;

/// A point in monotonic time, nanoseconds since an origin that only its ring knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The origin: where tests of time-driven code start.
    pub const ORIGIN: Instant = Instant(0);

    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the ring's origin.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The deadline `after` this point.
    pub const fn after(self, after: Duration) -> Deadline {
        Deadline(self.0.saturating_add(after.as_nanos() as u64))
    }

    /// This point moved forward; what a simulation of time-driven code counts with.
    pub const fn plus(self, by: Duration) -> Instant {
        Self(self.0.saturating_add(by.as_nanos() as u64))
    }

    /// How long since `earlier`; zero if that is later.
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A point in monotonic time by which something must have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(u64);

impl Deadline {
    /// Never.
    pub const NEVER: Deadline = Deadline(u64::MAX);

    /// Whether it has passed.
    pub const fn passed(self, now: Instant) -> bool {
        self.0 <= now.0
    }

    /// Nanoseconds since the ring's origin.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// How long until then; zero if it has passed.
    pub const fn until(self, now: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(now.0))
    }

    /// The deadline at a given instant.
    pub const fn at(instant: Instant) -> Deadline {
        Deadline(instant.0)
    }
}

/// Wall-clock time, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall {
    /// Whole seconds since 1970-01-01.
    pub secs: u64,
    /// Nanoseconds within the second.
    pub nanos: u32,
}
