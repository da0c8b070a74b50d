//! One objective: the expression that judges a step, and what of it the curve shows.

use std::str::FromStr;

use crate::judge::{Threshold, ThresholdError};
use crate::record::{Figure, RunRecord, ThresholdResult, samples_needed};

/// A parsed `--slo`.
#[derive(Clone, Debug)]
pub(super) struct Objective {
    threshold: Threshold,
    /// As written, without spaces.
    pub(super) text: String,
    /// What is measured: `p99`.
    pub(super) name: String,
    /// As the curve shows it: `us` for times, else as written.
    pub(super) unit: String,
    /// The bound in that unit, where less is wanted.
    pub(super) bound: Option<f64>,
    /// One of the written unit in that of the curve.
    scale: f64,
}

impl FromStr for Objective {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let threshold = Threshold::slo(text)?;
        let text: String = text.split_whitespace().collect();
        let start = text.find(['<', '>']).unwrap_or(text.len());
        let (name, rest) = (text[..start].to_owned(), &text[start..]);
        let value = rest.trim_start_matches(['<', '>', '=']);
        let end = value.find(|next: char| !next.is_ascii_digit() && next != '.').unwrap_or(value.len());
        let (number, unit) = value.split_at(end);
        let (unit, scale) = shown_unit(unit);
        let bound = number.parse::<f64>().ok().filter(|_| rest.starts_with('<')).map(|number| number * scale);
        Ok(Self { threshold, name, unit: unit.to_owned(), bound, scale, text })
    }
}

/// Times are shown in microseconds, whatever they were written in.
fn shown_unit(written: &str) -> (&str, f64) {
    match written {
        "ns" => ("us", 1e-3),
        "us" => ("us", 1.0),
        "ms" => ("us", 1e3),
        "s" => ("us", 1e6),
        "m" => ("us", 60e6),
        other => (other, 1.0),
    }
}

impl Objective {
    /// The expression.
    pub(super) fn threshold(&self) -> &Threshold {
        &self.threshold
    }

    /// What was measured, in the unit of the curve.
    pub(super) fn value(&self, result: &ThresholdResult) -> Option<f64> {
        result.value.map(|value| value * self.scale)
    }

    /// Whether what was measured is only a lower bound.
    pub(super) fn is_bound(&self, run: &RunRecord) -> bool {
        self.quantile().is_some_and(|q| matches!(run.times().quantile(q), Figure::AtLeast(_)))
    }

    /// Lowest and highest over the intervals of a run that have enough samples, with the run's own value among them.
    pub(super) fn range(&self, run: &RunRecord, value: f64) -> (f64, f64) {
        let quantile = self.quantile();
        let of_intervals = run.record.series.intervals.iter().filter_map(|interval| {
            let q = quantile.filter(|q| interval.times.len() as f64 >= samples_needed(*q))?;
            Some(interval.times.value_at_quantile(q) as f64 / 1e3)
        });
        of_intervals.fold((value, value), |(low, high), next| (low.min(next), high.max(next)))
    }

    /// Answers that a step must have for its percentile, if it is about one.
    pub(super) fn samples_needed(&self) -> Option<u64> {
        self.quantile().map(|q| samples_needed(q) as u64)
    }

    /// Of the times that a run is about; `None` for any other figure.
    fn quantile(&self) -> Option<f64> {
        let percent: f64 = self.name.strip_prefix("response.").unwrap_or(&self.name).strip_prefix('p')?.parse().ok()?;
        Some(percent / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_become_what_the_curve_shows() {
        let rows = [
            ("p99 < 2ms", "p99<2ms", "p99", "us", Some(2_000.0), Some(1_000)),
            ("response.p50<=0.5s", "response.p50<=0.5s", "response.p50", "us", Some(500_000.0), Some(20)),
            ("error_rate<0.1%", "error_rate<0.1%", "error_rate", "%", Some(0.1), None),
            ("rate>100", "rate>100", "rate", "", None, None),
        ];
        for (text, shown, name, unit, bound, samples) in rows {
            let objective: Objective = text.parse().expect("an expression");
            assert_eq!(
                (objective.text.as_str(), objective.name.as_str(), objective.unit.as_str()),
                (shown, name, unit)
            );
            assert_eq!((objective.bound, objective.samples_needed()), (bound, samples), "{text}");
        }
        assert!("p99".parse::<Objective>().is_err());
    }

    #[test]
    fn the_range_is_that_of_the_intervals() {
        let mut run = RunRecord::default();
        run.record.series = crate::record::Series::for_duration(3_000_000_000);
        for (second, us) in [(0, 100), (1, 300), (2, 200)] {
            let interval = run.record.series.at(second * 1_000_000_000).expect("three seconds");
            interval.times.saturating_record_n(us * 1_000, if second == 2 { 10 } else { 1_000 });
        }
        let objective: Objective = "p99<2ms".parse().expect("an expression");
        let (low, high) = objective.range(&run, 250.0);
        assert!((low - 100.0).abs() < 2.0 && (high - 300.0).abs() < 4.0, "{low} {high}");
    }
}
