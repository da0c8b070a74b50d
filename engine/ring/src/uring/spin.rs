//! Waits that end when they are to: the ring sleeps a little less long than it was asked to, and looks again and again for
//! the rest.
//!
//! A thread that sleeps until a clock time is back some time behind it: 5 to 10 us on a machine of its own, 40 and more on a
//! virtual one, whose core was given away meanwhile. Nine times of ten that is less than what the ring is early; it learns
//! from each wait.

use std::time::Duration;

use super::queue::Limit;
use super::{UringRing, clock};
use crate::outcome::RingLost;
use crate::time::{Deadline, Instant};

/// How early a wait ends, and what that costs.
#[derive(Debug)]
pub(super) struct Spin {
    /// At most; zero is off, and with [`Duration::MAX`] no wait sleeps.
    most: Duration,
    early: Duration,
    /// CPU time spent on looking so far.
    pub(super) spun: Duration,
}

/// A look takes about a microsecond; of one that took longer than this, the thread was kept from the CPU for the rest.
const LOOK_MAX: Duration = Duration::from_micros(10);
/// A wait that came back too late makes the next one earlier by this, and one that did not makes it later by a tenth.
const STEP: Duration = Duration::from_micros(2);

impl Spin {
    /// Never earlier than `most`; nothing is spun if that is zero.
    pub(super) fn new(most: Duration) -> Self {
        Self { most, early: most, spun: Duration::ZERO }
    }

    fn early(&self, until: Deadline) -> Deadline {
        let early = u64::try_from(self.early.as_nanos()).unwrap_or(u64::MAX);
        Deadline::at(Instant::from_nanos(until.nanos().saturating_sub(early)))
    }

    /// A wait was so much longer than it was asked to be.
    fn learn(&mut self, overslept: Duration) {
        let is_late = overslept > self.early;
        let next = if is_late { self.early + STEP } else { self.early.saturating_sub(STEP / 10) };
        self.early = next.min(self.most);
    }
}

impl UringRing {
    /// Submits everything and waits for one completion, no longer than `until`.
    #[inline]
    pub(super) fn enter_until(&mut self, until: Deadline) -> Result<(), RingLost> {
        let is_endless = until == Deadline::NEVER;
        if self.spin.most == Duration::MAX || !(is_endless || self.spin.most.is_zero()) {
            return self.spin_until(until);
        }
        let limit = if is_endless { Limit::Never } else { self.limit(until) };
        self.queue.enter(limit)
    }

    fn spin_until(&mut self, until: Deadline) -> Result<(), RingLost> {
        let early = self.spin.early(until);
        self.now = clock::now();
        let limit = self.limit(early);
        self.queue.enter(limit)?;
        let woken = clock::now();
        if self.queue.has_completions() || !early.passed(woken) {
            return Ok(());
        }
        if !matches!(limit, Limit::Now) {
            self.spin.learn(woken.since(Instant::from_nanos(early.nanos())));
        }
        let mut now = woken;
        while !until.passed(now) {
            self.queue.enter(Limit::Now)?;
            // A look that finds something has received it: that is work.
            if self.queue.has_completions() {
                return Ok(());
            }
            let looked = clock::now();
            self.spin.spun += looked.since(now).min(LOOK_MAX);
            now = looked;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ring as _;
    use crate::completion::Batch;
    use crate::limits::RingLimits;
    use crate::uring::UringConfig;

    const MOST: Duration = Duration::from_micros(50);

    #[test]
    fn it_is_as_early_as_nine_waits_of_ten_are_late() {
        let mut spin = Spin::new(MOST);
        // One of 1 to 20 us each time, in an order without a pattern.
        (0..20_000_u64).for_each(|turn| spin.learn(Duration::from_micros(1 + turn * 7919 % 20)));
        let [least, most] = [16_000, 20_500].map(Duration::from_nanos);
        assert!((least..=most).contains(&spin.early), "{:?}", spin.early);
        (0..1_000).for_each(|_| spin.learn(Duration::from_millis(1)));
        assert_eq!(spin.early, MOST);
        assert_eq!(spin.early(Deadline::at(Instant::from_nanos(7))).nanos(), 0);
    }

    /// The end of a wait is never before its time, whether it was spun for or not, and a spun one says what it took.
    #[test]
    fn a_wait_ends_when_its_time_has_come() {
        for most in [Duration::ZERO, MOST, Duration::MAX] {
            let limits = RingLimits { token_slots: 1, ..RingLimits::SERVER };
            let config = UringConfig { spin: most, ..UringConfig::new(limits) };
            let mut ring = UringRing::new(config).expect("io_uring");
            let mut batch = Batch::new();
            for wait_us in [1, 40, 300] {
                let until = clock::now().after(Duration::from_micros(wait_us));
                ring.wait(Some(until), &mut batch).expect("the ring is not lost");
                assert!(until.passed(ring.now()) && batch.drain().next().is_none(), "{wait_us}");
            }
            assert_eq!(ring.spun() > Duration::ZERO, most > Duration::ZERO);
            // One without an end, too, ends with what comes.
            ring.waker().wake();
            ring.wait(None, &mut batch).expect("the ring is not lost");
        }
    }
}
