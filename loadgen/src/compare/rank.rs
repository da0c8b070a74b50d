//! The signed-rank test and the estimate that belongs to it.
//!
//! *Test.* Wilcoxon's signed-rank test asks whether the differences are symmetric about zero. Its statistic W, the sum of
//! the ranks of the positive differences, is also the number of positive *Walsh averages* (x_i + x_j) / 2 with i <= j
//! (Tukey 1949). Under the null hypothesis each rank is positive or not by a fair coin, so the distribution of W is that
//! of a sum of independent coins worth 1, 2, ..., n, which n passes over a table give exactly: no normal approximation,
//! no table from a book, no resampling.
//!
//! *Estimate.* The median of the Walsh averages (Hodges and Lehmann 1963). Its interval runs from the k-th smallest to
//! the k-th largest, where k - 1 is the largest value of W that the test rejects at that level. So zero lies outside the
//! interval exactly if the test rejects: the two cannot disagree.
//!
//! *Ties and zeros.* Equal magnitudes of opposite sign and zeros make Walsh averages of exactly zero. They are counted on
//! both sides, which is the p-value under the order of the ties and the signs of the zeros that speak most *against* a
//! difference. Any random breaking of the ties would give the exact distribution, so this is conservative, and without
//! ties it is exact. Equal magnitudes of one sign need nothing: in whichever order they are ranked, W is the same.

/// Differences, prepared for the test, the estimate and intervals.
#[derive(Clone, Debug)]
pub struct SignedRank {
    /// Sorted.
    walsh: Vec<f64>,
    /// Probability of W <= w under the null hypothesis, by w.
    cumulative: Vec<f64>,
}

/// From a confidence interval's lower to its upper end; infinite where the level cannot be reached with so few values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl SignedRank {
    /// Prepares finite differences; `None` of nothing.
    pub fn new(differences: &[f64]) -> Option<Self> {
        assert!(differences.iter().all(|difference| difference.is_finite()), "a difference is a finite number");
        let count = differences.len();
        (count > 0).then(|| Self { walsh: walsh(differences), cumulative: cumulative(count) })
    }

    /// The two-sided p-value of "the differences are symmetric about zero".
    pub fn p(&self) -> f64 {
        let not_above = self.walsh.partition_point(|average| *average <= 0.0);
        let below = self.walsh.partition_point(|average| *average < 0.0);
        (2.0 * self.cumulative[not_above.min(self.walsh.len() - below)]).min(1.0)
    }

    /// The Hodges-Lehmann estimate of the differences' centre.
    pub fn estimate(&self) -> f64 {
        let half = self.walsh.len() / 2;
        if self.walsh.len() % 2 == 1 { self.walsh[half] } else { f64::midpoint(self.walsh[half - 1], self.walsh[half]) }
    }

    /// The interval whose confidence is at least 1 - `level`.
    pub fn interval(&self, level: f64) -> Interval {
        let rejected = self.cumulative.partition_point(|probability| 2.0 * probability <= level);
        match rejected.min(self.walsh.len().div_ceil(2)) {
            0 => Interval { low: f64::NEG_INFINITY, high: f64::INFINITY },
            rank => Interval { low: self.walsh[rank - 1], high: self.walsh[self.walsh.len() - rank] },
        }
    }
}

impl Interval {
    /// Whether it holds this value.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

fn walsh(differences: &[f64]) -> Vec<f64> {
    let pairs = differences.iter().enumerate();
    let mut averages: Vec<f64> =
        pairs.flat_map(|(at, x)| differences[at..].iter().map(move |y| f64::midpoint(*x, *y))).collect();
    averages.sort_by(f64::total_cmp);
    averages
}

/// Tosses the coins one after the other: with the coin worth `rank`, W grows by `rank` or stays.
fn cumulative(count: usize) -> Vec<f64> {
    let mut chances = vec![0.0; count * (count + 1) / 2 + 1];
    chances[0] = 1.0;
    let mut reach = 0;
    for rank in 1..=count {
        reach += rank;
        for sum in (0..=reach).rev() {
            let grown = if sum >= rank { chances[sum - rank] } else { 0.0 };
            chances[sum] = f64::midpoint(chances[sum], grown);
        }
    }
    let mut sum = 0.0;
    for chance in &mut chances {
        sum += *chance;
        *chance = sum;
    }
    chances
}

#[cfg(test)]
mod tests;
