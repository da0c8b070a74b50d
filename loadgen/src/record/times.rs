//! One distribution of times, with what is known of those that did not end.

use std::fmt;
use std::sync::LazyLock;

use hdrhistogram::Histogram;

/// Shortest time that the histogram tells from shorter ones.
pub const SHORTEST_NS: u64 = 100;
/// Longest time that it holds; longer ones are recorded as this and counted as clamped.
pub const LONGEST_NS: u64 = 60_000_000_000;
/// Decimal digits that it keeps.
const DIGITS: u8 = 3;
/// Samples above a quantile that make it trustworthy; with fewer it is withheld.
pub const TAIL_SAMPLES_MIN: f64 = 10.0;

/// A distribution in nanoseconds, three digits between [`SHORTEST_NS`] and [`LONGEST_NS`].
///
/// A request that was given up did not take *no* time, it took at least as long as it was waited for: that is a *lower
/// bound*. Bounds stand in the distribution like exact times, and a quantile that is not below the smallest of them is
/// itself only a bound. Its memory, about 180 KB, does not grow with the number of times; it is taken with the first of them, or by
/// [`Times::make_ready`].
#[derive(Clone)]
pub struct Times {
    /// None while there is no time.
    all: Option<Histogram<u64>>,
    clamped: u64,
    censored: u64,
    censored_min_ns: u64,
}

/// What a distribution says of one quantile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Fewer than 10/(1-q) samples: nothing that could be repeated.
    Withheld,
    /// The time, in nanoseconds.
    Exact(u64),
    /// At least this, in nanoseconds: its rank falls among those that did not end.
    AtLeast(u64),
}

/// How many samples the quantile `q`, 0 to 1, takes: [`TAIL_SAMPLES_MIN`] behind it, whatever 1 - q is rounded to. A whole
/// number.
pub fn samples_needed(q: f64) -> f64 {
    let needed = TAIL_SAMPLES_MIN / (1.0 - q);
    // `q` and `1 - q` are off by an ulp of 1 at most, which weighs more the rarer the tail is.
    let rounding = needed * needed / TAIL_SAMPLES_MIN * 2.0 * f64::EPSILON;
    (needed - rounding - 1e-9).ceil()
}

#[cold]
fn fresh() -> Histogram<u64> {
    let all = Histogram::new_with_bounds(SHORTEST_NS, LONGEST_NS, DIGITS);
    all.expect("the bounds are constants that the histogram takes")
}

impl Times {
    /// Empty.
    pub const fn new() -> Self {
        Self { all: None, clamped: 0, censored: 0, censored_min_ns: u64::MAX }
    }

    /// Takes its memory now, so that the first time takes none.
    pub fn make_ready(&mut self) {
        self.room();
    }

    #[inline]
    fn room(&mut self) -> &mut Histogram<u64> {
        self.all.get_or_insert_with(fresh)
    }

    /// `count` times of `ns`.
    #[inline]
    pub fn record(&mut self, ns: u64, count: u64) {
        if ns > LONGEST_NS {
            self.clamped += count;
        }
        self.room().saturating_record_n(ns.min(LONGEST_NS), count);
    }

    /// A time that did not end within `ns`.
    pub fn record_at_least(&mut self, ns: u64) {
        self.record(ns, 1);
        self.censored += 1;
        self.censored_min_ns = self.censored_min_ns.min(ns.min(LONGEST_NS));
    }

    /// What it says of the quantile `q`, 0 to 1.
    pub fn quantile(&self, q: f64) -> Figure {
        if (self.len() as f64) < samples_needed(q) {
            return Figure::Withheld;
        }
        self.figure(self.histogram().value_at_quantile(q))
    }

    /// The longest time, however few there are; `Withheld` if there is none.
    pub fn max(&self) -> Figure {
        if self.is_empty() { Figure::Withheld } else { self.figure(self.histogram().max()) }
    }

    fn figure(&self, ns: u64) -> Figure {
        // The histogram says the end of a bucket, so whatever shares the smallest bound's bucket counts as a bound.
        if ns >= self.censored_min_ns { Figure::AtLeast(ns) } else { Figure::Exact(ns) }
    }

    /// All of them, bounds among them.
    pub fn histogram(&self) -> &Histogram<u64> {
        static NONE: LazyLock<Histogram<u64>> = LazyLock::new(fresh);
        self.all.as_ref().unwrap_or(&NONE)
    }

    /// How many, bounds among them.
    pub fn len(&self) -> u64 {
        self.all.as_ref().map_or(0, Histogram::len)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many were longer than [`LONGEST_NS`].
    pub fn clamped(&self) -> u64 {
        self.clamped
    }

    /// How many are lower bounds.
    pub fn censored(&self) -> u64 {
        self.censored
    }

    /// The smallest lower bound.
    pub fn censored_min_ns(&self) -> Option<u64> {
        (self.censored > 0).then_some(self.censored_min_ns)
    }

    /// Adds another distribution.
    pub fn merge(&mut self, other: &Self) {
        if let Some(more) = &other.all {
            self.room().add(more).expect("both histograms have the same bounds");
        }
        self.clamped += other.clamped;
        self.censored += other.censored;
        self.censored_min_ns = self.censored_min_ns.min(other.censored_min_ns);
    }

    /// As [`Times::merge`], of one that nobody needs any more.
    pub fn take_in(&mut self, other: Self) {
        if self.is_empty() { *self = other } else { self.merge(&other) }
    }

    /// Puts a stored distribution together again; `None` if the histogram holds more than ours can.
    pub fn restore(stored: &Histogram<u64>, clamped: u64, censored: u64, censored_min_ns: Option<u64>) -> Option<Self> {
        let mut times = Self::new();
        if !stored.is_empty() {
            times.room().add(stored).ok()?;
        }
        (times.clamped, times.censored) = (clamped, censored);
        times.censored_min_ns = censored_min_ns.unwrap_or(u64::MAX);
        Some(times)
    }
}

impl Default for Times {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Times").field("len", &self.len()).field("censored", &self.censored).finish_non_exhaustive()
    }
}

impl Figure {
    /// The time in nanoseconds, exact or not.
    pub fn ns(self) -> Option<u64> {
        match self {
            Self::Withheld => None,
            Self::Exact(ns) | Self::AtLeast(ns) => Some(ns),
        }
    }

    /// Whether it is only a lower bound.
    pub fn is_bound(self) -> bool {
        matches!(self, Self::AtLeast(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever 1 - q is rounded to, a tenth of 100 is ten.
    #[test]
    fn a_quantile_takes_ten_samples_behind_it_and_no_more() {
        for (q, needed) in
            [(0.5, 20), (0.75, 40), (0.9, 100), (0.99, 1_000), (0.999, 10_000), (0.9999, 100_000), (0.99999, 1_000_000)]
        {
            assert_eq!(samples_needed(q) as u64, needed, "{q}");
            let mut times = Times::new();
            times.record(5_000, needed - 1);
            assert_eq!(times.quantile(q), Figure::Withheld, "{q}");
            times.record(5_000, 1);
            assert!(matches!(times.quantile(q), Figure::Exact(_)), "{q}");
        }
        assert_eq!([99.9, 99.99].map(|percent| samples_needed(percent / 100.0) as u64), [10_000, 100_000]);
    }

    #[test]
    fn every_percentile_is_within_a_thousandth_of_the_sorted_list() {
        let mut times = Times::new();
        // A fixed sequence over five decades.
        let mut values: Vec<u64> = (0..50_000_u64).map(|i| 10_000 + (i * i * 48_271 + i) % 1_000_003_579).collect();
        for &ns in &values {
            times.record(ns, 1);
        }
        values.sort_unstable();
        for q in [0.5_f64, 0.75, 0.9, 0.99, 0.999] {
            let rank = (q * values.len() as f64).ceil() as usize - 1;
            let (exact, found) = (values[rank] as f64, times.quantile(q).ns().expect("enough samples") as f64);
            assert!((found / exact - 1.0).abs() < 0.001, "{q}: {found} for {exact}");
        }
    }

    #[test]
    fn what_did_not_end_is_a_bound_from_its_rank_on() {
        let mut times = Times::new();
        (1..=980).for_each(|ms| times.record(ms * 1_000_000, 1));
        (0..20).for_each(|_| times.record_at_least(5_000_000_000));
        assert!(matches!(times.quantile(0.5), Figure::Exact(ns) if ns.abs_diff(500_000_000) < 1_000_000));
        assert!(matches!(times.quantile(0.975), Figure::Exact(ns) if ns.abs_diff(975_000_000) < 1_000_000));
        assert!(matches!(times.quantile(0.99), Figure::AtLeast(ns) if ns.abs_diff(5_000_000_000) < 5_000_000));
        assert!(times.max().is_bound());
        assert_eq!((times.censored(), times.len()), (20, 1000));
        assert_eq!(times.quantile(0.999), Figure::Withheld);
    }

    #[test]
    fn what_is_too_long_is_clamped_and_counted() {
        let mut times = Times::new();
        times.record(LONGEST_NS + 1, 1);
        times.record(3, 1);
        assert_eq!((times.clamped(), times.len()), (1, 2));
    }

    #[test]
    fn a_stored_distribution_comes_back() {
        let mut times = Times::new();
        (1..=1_000).for_each(|us| times.record(us * 1_000, 1));
        times.record_at_least(2_000_000);
        let again = Times::restore(times.histogram(), 0, 1, times.censored_min_ns()).expect("it fits");
        assert_eq!(again.quantile(0.9), times.quantile(0.9));
        assert_eq!(again.max(), times.max());
    }
}
