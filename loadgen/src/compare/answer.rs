//! From blocks to rows: estimates, intervals, and for the primaries an answer.

use super::{
    Block, Design, Interval, Metric, ROUNDS_MAX, Side, SignedRank, Value, has_bounds, lag_1, levels, median, pairs,
};

/// The level of intervals that carry no answer.
const EXPLORATORY_LEVEL: f64 = 0.05;

/// What a comparison says of one primary metric: B against A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// B is lower than A.
    Lower,
    /// B is higher than A.
    Higher,
    /// The whole interval lies within the margin, and zero in it.
    Same,
    /// The interval holds zero and reaches beyond the margin.
    CannotTell {
        /// About how many rounds it would take, should the estimate stay as it is; `None` if that cannot be said.
        rounds: Option<u32>,
    },
}

/// What the pairs of one metric say.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Hodges-Lehmann estimate of b / a.
    pub ratio: f64,
    /// Of b / a, at `level`: for a primary metric exactly what the test at that level does not reject.
    pub interval: Interval,
    /// 1 - confidence of the interval: Holm's level for a primary metric, 0.05 for an exploratory one.
    pub level: f64,
    /// Of b / a with 95% confidence, for comparing one row with another.
    pub interval_95: Interval,
    /// Two-sided, of the exact signed-rank test against b / a = 1.
    pub p: f64,
    /// Of neighbouring pairs.
    pub autocorrelation: f64,
}

/// A metric's line in the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Which.
    pub metric: Metric,
    /// Median over A's blocks.
    pub a: Option<Value>,
    /// Median over B's blocks.
    pub b: Option<Value>,
    /// Whether a figure of A, and one of B, is a lower bound in any pair: then b / a may be less, or more, than it says.
    pub bounds: (bool, bool),
    /// ln(b / a) of every pair, in the order of measurement.
    pub log_ratios: Vec<f64>,
    /// What they say; `None` without a pair.
    pub finding: Option<Finding>,
    /// `None` for an exploratory metric.
    pub answer: Option<Answer>,
}

/// Every metric of which there is something to say: the primaries in any case and first, then the others.
pub fn rows(design: &Design, blocks: &[Block]) -> Vec<Row> {
    let row = |metric: Metric| {
        let pairs = pairs(blocks, metric);
        let log_ratios: Vec<f64> = pairs.iter().map(super::Pair::log_ratio).collect();
        let (a, b) = (median(blocks, Side::A, metric), median(blocks, Side::B, metric));
        let bounds = (has_bounds(&pairs, Side::A), has_bounds(&pairs, Side::B));
        (SignedRank::new(&log_ratios), Row { metric, a, b, bounds, log_ratios, finding: None, answer: None })
    };
    let primaries = design.primaries.map(row);
    let p_values: Vec<f64> = primaries.iter().map(|(test, _)| test.as_ref().map_or(1.0, SignedRank::p)).collect();
    let levels = levels(&p_values, design.alpha);
    let judged = primaries.into_iter().zip(levels).map(|((test, row), level)| primary(design, test, row, level));
    let others = Metric::ALL.into_iter().filter(|metric| !design.primaries.contains(metric));
    let exploratory = others.map(row).filter_map(|(test, row)| {
        let finding = Some(finding(&test?, &row.log_ratios, EXPLORATORY_LEVEL));
        Some(Row { finding, ..row })
    });
    judged.chain(exploratory).collect()
}

fn primary(design: &Design, test: Option<SignedRank>, row: Row, level: f64) -> Row {
    let finding = test.map(|test| finding(&test, &row.log_ratios, level));
    let answer = finding.as_ref().map_or(Answer::CannotTell { rounds: None }, |finding| {
        // Counted in rounds, though pairs may be missing.
        answer(finding, design.margin, row.log_ratios.len().div_ceil(2) as u32).despite(row.bounds)
    });
    Row { finding, answer: Some(answer), ..row }
}

fn finding(test: &SignedRank, log_ratios: &[f64], level: f64) -> Finding {
    Finding {
        ratio: test.estimate().exp(),
        interval: test.interval(level).exp(),
        level,
        interval_95: test.interval(EXPLORATORY_LEVEL).exp(),
        p: test.p(),
        autocorrelation: lag_1(log_ratios),
    }
}

fn answer(finding: &Finding, margin: f64, rounds: u32) -> Answer {
    let interval = finding.interval;
    // As wide in either direction, so that the answer does not depend on who is called A.
    let within = Interval { low: 1.0 / (1.0 + margin), high: 1.0 + margin };
    if interval.high < 1.0 {
        Answer::Lower
    } else if interval.low > 1.0 {
        Answer::Higher
    } else if within.contains(interval.low) && within.contains(interval.high) {
        Answer::Same
    } else {
        Answer::CannotTell { rounds: rounds_needed(finding, margin, rounds) }
    }
}

/// The interval shrinks with the root of the rounds. It is told either when its half is shorter than the way from the
/// estimate to zero, or than that from the estimate to the margin: whichever comes first.
fn rounds_needed(finding: &Finding, margin: f64, rounds: u32) -> Option<u32> {
    let half = (finding.interval.high / finding.interval.low).ln() / 2.0;
    let distance = finding.ratio.ln().abs();
    let goal = distance.max(margin.ln_1p() - distance);
    let needed = (f64::from(rounds) * (half / goal).powi(2)).ceil();
    (needed <= f64::from(u32::MAX)).then(|| (needed as u32).max(rounds + 1))
}

impl Answer {
    /// What is left of it where figures of A, or of B, are lower bounds. Every pair's b / a is then no less than the true one,
    /// or no more; estimate and interval move with each pair in its own direction, so that an answer in that direction stays
    /// and every other one would be a guess.
    const fn despite(self, (of_a, of_b): (bool, bool)) -> Self {
        match self {
            Self::Higher if of_a => Self::CannotTell { rounds: None },
            Self::Lower if of_b => Self::CannotTell { rounds: None },
            Self::Same | Self::CannotTell { .. } if of_a || of_b => Self::CannotTell { rounds: None },
            answer => answer,
        }
    }

    /// Its name in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
            Self::Same => "same",
            Self::CannotTell { .. } => "cannot_tell",
        }
    }

    /// Whether it says that the two differ.
    pub const fn is_difference(self) -> bool {
        matches!(self, Self::Lower | Self::Higher)
    }

    /// Whether the rounds that it would take are more than one run may have.
    pub fn is_out_of_reach(self) -> bool {
        matches!(self, Self::CannotTell { rounds } if rounds.is_none_or(|rounds| rounds > ROUNDS_MAX))
    }
}

impl Interval {
    /// From logarithms to ratios.
    fn exp(self) -> Self {
        Self { low: self.low.exp(), high: self.high.exp() }
    }
}

#[cfg(test)]
mod tests;
