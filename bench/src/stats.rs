//! Medians and their intervals without an assumption on the shape of the noise.
//!
//! The interval of a median lies between two order statistics: with n rounds the k-th smallest and the k-th largest
//! value enclose the true median unless fewer than k rounds fell on one side of it, and how many do is a fair coin
//! tossed n times. The innermost pair that still holds 95% is taken; with fewer than 6 rounds no pair does, and the
//! outermost is given with the coverage that it has.

/// What an interval should cover.
const COVERAGE: f64 = 0.95;

/// A median with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Probability that the interval holds the true median.
    pub(crate) coverage: f64,
}

/// What an interval says about a bound from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All of it lies within the bound.
    Met,
    /// The bound lies inside the interval.
    Open,
    /// All of it lies above the bound.
    Missed,
}

/// The median of some values and its interval; `None` of nothing.
pub(crate) fn estimate(values: &[f64]) -> Option<Estimate> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let half = sorted.len() / 2;
    let median =
        if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[half - 1], sorted[half]) } else { sorted[half] };
    let inner = (0..half).rev().find(|&skipped| coverage(sorted.len(), skipped) >= COVERAGE);
    let (low, high) = inner.map_or((first, last), |skipped| (sorted[skipped], sorted[sorted.len() - 1 - skipped]));
    Some(Estimate { median, low, high, coverage: coverage(sorted.len(), inner.unwrap_or(0)) })
}

/// The median of some values; not a number of nothing.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    estimate(&values.collect::<Vec<_>>()).map_or(f64::NAN, |estimate| estimate.median)
}

impl Verdict {
    /// As tables have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Open => "open",
            Self::Missed => "missed",
        }
    }
}

impl Estimate {
    /// Whether a bound is kept.
    pub(crate) fn verdict(&self, bound: f64) -> Verdict {
        if self.high <= bound {
            Verdict::Met
        } else if self.low > bound {
            Verdict::Missed
        } else {
            Verdict::Open
        }
    }
}

/// Probability that the median lies between the order statistics that leave out `skipped` values on either side: at
/// least `skipped + 1` of n fair coins fall on each.
fn coverage(n: usize, skipped: usize) -> f64 {
    let mut ways = 0.5_f64.powi(n as i32);
    let mut tail = ways;
    for k in 1..=skipped {
        ways *= (n - k + 1) as f64 / k as f64;
        tail += ways;
    }
    (1.0 - 2.0 * tail).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_is_that_of_the_sign_test() {
        // From the binomial distribution: n = 6 with the extremes 1 - 2/64, n = 9 with one left out 1 - 2 * 10/512.
        for (n, skipped, expected) in
            [(1, 0, 0.0), (3, 0, 0.75), (6, 0, 0.968_75), (9, 1, 0.960_937_5), (12, 2, 0.961_425_781_25)]
        {
            assert!((coverage(n, skipped) - expected).abs() < 1e-12, "{n} {skipped}: {}", coverage(n, skipped));
        }
    }

    #[test]
    fn the_interval_is_the_innermost_that_covers() {
        let nine: Vec<f64> = [5.0, 1.0, 9.0, 3.0, 7.0, 2.0, 8.0, 4.0, 6.0].to_vec();
        let found = estimate(&nine).expect("there are values");
        assert_eq!((found.median, found.low, found.high), (5.0, 2.0, 8.0));
        let two = estimate(&[1.0, 2.0]).expect("there are values");
        assert_eq!((two.median, two.low, two.high, two.coverage), (1.5, 1.0, 2.0, 0.5));
        assert_eq!(estimate(&[]), None);
    }

    #[test]
    fn intervals_cover_what_they_claim() {
        // A small generator of the test's own; values are exponential, so the true median is ln 2.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let trials = 20_000;
        let mut covered = 0;
        for _ in 0..trials {
            let values: Vec<f64> = (0..9).map(|_| -(1.0 - uniform()).ln()).collect();
            let found = estimate(&values).expect("there are values");
            covered += u32::from(found.low <= 2_f64.ln() && 2_f64.ln() <= found.high);
        }
        let share = f64::from(covered) / f64::from(trials);
        assert!((share - 0.961).abs() < 0.006, "{share}");
    }

    #[test]
    fn verdicts() {
        let estimate = Estimate { median: 1.1, low: 1.05, high: 1.15, coverage: 0.96 };
        let rows = [(1.2, Verdict::Met), (1.15, Verdict::Met), (1.1, Verdict::Open), (1.0, Verdict::Missed)];
        for (bound, verdict) in rows {
            assert_eq!(estimate.verdict(bound), verdict, "{bound}");
        }
    }
}
