//! What happened when: counters and response times by intervals of the measure phase.

use hdrhistogram::Histogram;

use super::times::{LONGEST_NS, SHORTEST_NS};

/// Intervals that are kept at most; a longer run has longer intervals.
pub const INTERVALS_MAX: usize = 600;
/// Digits of an interval's histogram: it is for plots.
const DIGITS: u8 = 2;

/// One interval of the measure phase.
#[derive(Clone, Debug)]
pub struct Interval {
    /// Requests that were due in it, by their intended time.
    pub due: u64,
    /// Requests that left in it.
    pub sent: u64,
    /// Answers that ended in it.
    pub completed: u64,
    /// Errors in it.
    pub errors: u64,
    /// Response times of the answers that ended in it (service times in a closed loop), two digits.
    pub times: Histogram<u32>,
    /// The longest schedule lag in it, in nanoseconds.
    pub lag_max_ns: u64,
}

/// Intervals of equal length from the start of the measure phase.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Length of each, in nanoseconds; a whole number of seconds.
    pub interval_ns: u64,
    /// In order; the last may not have ended.
    pub intervals: Vec<Interval>,
}

impl Interval {
    /// Nothing happened yet.
    pub fn new() -> Self {
        let times = Histogram::new_with_bounds(SHORTEST_NS, LONGEST_NS, DIGITS);
        Self {
            due: 0,
            sent: 0,
            completed: 0,
            errors: 0,
            times: times.expect("the bounds are constants that the histogram takes"),
            lag_max_ns: 0,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.due += other.due;
        self.sent += other.sent;
        self.completed += other.completed;
        self.errors += other.errors;
        self.times.add(&other.times).expect("both histograms have the same bounds");
        self.lag_max_ns = self.lag_max_ns.max(other.lag_max_ns);
    }
}

impl Default for Interval {
    fn default() -> Self {
        Self::new()
    }
}

impl Series {
    /// Room for a measure phase of this length; allocates it all.
    pub fn for_duration(duration_ns: u64) -> Self {
        const SECOND_NS: u64 = 1_000_000_000;
        let seconds = duration_ns.div_ceil(SECOND_NS).max(1);
        let interval_s = seconds.div_ceil(INTERVALS_MAX as u64);
        let intervals = vec![Interval::new(); seconds.div_ceil(interval_s) as usize];
        Self { interval_ns: interval_s * SECOND_NS, intervals }
    }

    /// The interval at this time behind the start of the measure phase; what comes later belongs to the last.
    #[inline]
    pub fn at(&mut self, since_start_ns: u64) -> Option<&mut Interval> {
        let last = self.intervals.len().checked_sub(1)?;
        let index = (since_start_ns / self.interval_ns.max(1)).min(last as u64);
        self.intervals.get_mut(index as usize)
    }

    /// Adds another thread's.
    pub fn merge(&mut self, other: &Self) {
        if self.intervals.is_empty() {
            return self.clone_from(other);
        }
        self.intervals.iter_mut().zip(&other.intervals).for_each(|(mine, more)| mine.merge(more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_has_longer_intervals() {
        let rows =
            [(300_000_000, 1, 1), (10_000_000_000, 10, 1), (3_600_000_000_000, 600, 6), (601_000_000_000, 301, 2)];
        for (duration_ns, count, interval_s) in rows {
            let series = Series::for_duration(duration_ns);
            assert_eq!((series.intervals.len(), series.interval_ns), (count, interval_s * 1_000_000_000));
        }
    }

    #[test]
    fn what_ends_after_the_phase_belongs_to_the_last_interval() {
        let mut series = Series::for_duration(2_000_000_000);
        series.at(1_999_999_999).expect("two intervals").completed += 1;
        series.at(2_500_000_000).expect("two intervals").completed += 1;
        assert_eq!(series.intervals.iter().map(|interval| interval.completed).collect::<Vec<_>>(), [0, 2]);
    }
}
