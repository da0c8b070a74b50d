//! Virtual time: it moves only inside `wait`, to the next event or the deadline.

use crate::time::{Deadline, Instant, Wall};

/// The monotonic clock, the wall clock that may be set, and how far the harness lets them go.
pub(super) struct Clock {
    now_ns: u64,
    /// Wall time at the monotonic origin, nanoseconds since 1970.
    wall_base_ns: u64,
    horizon: Option<Instant>,
}

/// Where the wall clock starts: 2025-06-15 15:06:40 UTC.
const WALL_START_S: u64 = 1_750_000_000;
const NANOS_PER_S: u64 = 1_000_000_000;

impl Clock {
    pub(super) fn new() -> Self {
        Self { now_ns: 0, wall_base_ns: WALL_START_S * NANOS_PER_S, horizon: None }
    }

    pub(super) fn now(&self) -> Instant {
        Instant::from_nanos(self.now_ns)
    }

    pub(super) fn nanos(&self) -> u64 {
        self.now_ns
    }

    pub(super) fn wall(&self) -> Wall {
        let nanos = self.wall_base_ns.saturating_add(self.now_ns);
        Wall { secs: nanos / NANOS_PER_S, nanos: (nanos % NANOS_PER_S) as u32 }
    }

    pub(super) fn set_horizon(&mut self, horizon: Option<Instant>) {
        self.horizon = horizon;
    }

    /// The instant at which a `wait` with this deadline gives up; `None`: never.
    pub(super) fn limit(&self, until: Option<Deadline>) -> Option<u64> {
        let until = until.filter(|&deadline| deadline != Deadline::NEVER).map(Deadline::nanos);
        match (until, self.horizon.map(Instant::nanos)) {
            (Some(until), Some(horizon)) => Some(until.min(horizon)),
            (until, horizon) => until.or(horizon),
        }
    }

    /// Moves forward to `nanos`, but never back and never past the horizon.
    pub(super) fn advance_to(&mut self, nanos: u64) {
        let nanos = self.horizon.map_or(nanos, |horizon| nanos.min(horizon.nanos()));
        self.now_ns = self.now_ns.max(nanos);
    }

    /// Somebody sets the wall clock.
    pub(super) fn jump_wall(&mut self, seconds: i64) {
        let by = seconds.unsigned_abs().saturating_mul(NANOS_PER_S);
        self.wall_base_ns = match seconds {
            0.. => self.wall_base_ns.saturating_add(by),
            _ => self.wall_base_ns.saturating_sub(by),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_never_goes_back_nor_past_the_horizon() {
        let mut clock = Clock::new();
        clock.advance_to(50);
        clock.advance_to(20);
        assert_eq!(clock.nanos(), 50);
        clock.set_horizon(Some(Instant::from_nanos(80)));
        clock.advance_to(100);
        assert_eq!(clock.nanos(), 80);
        clock.jump_wall(-10);
        assert_eq!((clock.nanos(), clock.wall().secs), (80, WALL_START_S - 10));
    }

    #[test]
    fn a_wait_gives_up_at_the_earlier_of_deadline_and_horizon() {
        let mut clock = Clock::new();
        assert_eq!(clock.limit(None), None);
        assert_eq!(clock.limit(Some(Deadline::NEVER)), None);
        clock.set_horizon(Some(Instant::from_nanos(80)));
        assert_eq!(clock.limit(None), Some(80));
        assert_eq!(clock.limit(Some(Deadline::at(Instant::from_nanos(10)))), Some(10));
    }
}
