//! What `--fail-if` and `--slo` ask: `p99>5ms`, `error_rate>0.1%`, `service.p50<=200us`, `rate<1000`.
//!
//! A figure that is withheld, or that is only a lower bound, holds nothing: an expression about it never passes.

mod metric;
#[cfg(test)]
mod tests;

pub(super) use metric::{Metric, Quantity};

use thiserror::Error;

use crate::record::{RunRecord, ThresholdResult};
use metric::{Measured, Unit};

/// One expression, parsed before the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    expression: String,
    metric: Metric,
    comparison: Comparison,
    limit: f64,
    unit: Unit,
    /// The expression says what must be (`--slo`), not what must not be (`--fail-if`).
    is_wanted: bool,
}

/// Why a text is no threshold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ThresholdError {
    /// No comparison.
    #[error("not an expression; write a metric, one of < <= > >=, and a value: p99>5ms")]
    Form,
    /// A metric that nobody knows.
    #[error(
        "'{0}' is not a metric; there are p50 to p99.999, mean, min, max, stdev (also as service.p99, response.p99, \
         first_byte.p99, connect.p99, lag.p99), rate, error_rate, errors, target_cpu, machine_cpu, generator_cpu"
    )]
    Metric(String),
    /// A percentile that is none.
    #[error("'{0}' is not a percentile; write p50, p99, p99.9 (above p0, below p100)")]
    Percentile(String),
    /// No number, or not in this metric's unit.
    #[error("'{value}' is not a value of {metric}; write it as {example}")]
    Value {
        /// As written.
        value: String,
        /// Of what.
        metric: String,
        /// Such as `5ms`.
        example: &'static str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Threshold {
    /// `--fail-if`: the run fails if this holds.
    ///
    /// # Errors
    /// [`ThresholdError`] with what to write instead.
    pub fn fail_if(text: &str) -> Result<Self, ThresholdError> {
        Self::parse(text, false)
    }

    /// `--slo`: the run fails unless this holds.
    ///
    /// # Errors
    /// [`ThresholdError`] with what to write instead.
    pub fn slo(text: &str) -> Result<Self, ThresholdError> {
        Self::parse(text, true)
    }

    /// What became of it in a run.
    pub fn evaluate(&self, run: &RunRecord) -> ThresholdResult {
        let (value, is_exact) = match self.metric.measure(run) {
            Measured::Withheld => (None, false),
            Measured::Exact(value) => (Some(value), true),
            Measured::AtLeast(value) => (Some(value), false),
        };
        let holds = value.is_some_and(|value| self.comparison.holds(value, self.limit));
        ThresholdResult {
            expression: self.expression.clone(),
            value: value.map(|value| value / self.unit.1),
            pass: is_exact && holds == self.is_wanted,
        }
    }

    fn parse(text: &str, is_wanted: bool) -> Result<Self, ThresholdError> {
        let expression: String = text.split_whitespace().collect();
        let start = expression.find(['<', '>']).ok_or(ThresholdError::Form)?;
        let (name, rest) = expression.split_at(start);
        let (comparison, value) = Comparison::strip(rest).ok_or(ThresholdError::Form)?;
        let metric: Metric = Metric::parse(name)?;
        let (limit, unit) = metric.parse_value(value).ok_or_else(|| ThresholdError::Value {
            value: value.to_owned(),
            metric: name.to_owned(),
            example: metric.example(),
        })?;
        Ok(Self { expression, metric, comparison, limit, unit, is_wanted })
    }
}

impl Comparison {
    fn strip(text: &str) -> Option<(Self, &str)> {
        let rows = [("<=", Self::LessOrEqual), (">=", Self::GreaterOrEqual), ("<", Self::Less), (">", Self::Greater)];
        rows.into_iter().find_map(|(sign, comparison)| Some((comparison, text.strip_prefix(sign)?)))
    }

    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::LessOrEqual => value <= limit,
            Self::Greater => value > limit,
            Self::GreaterOrEqual => value >= limit,
        }
    }
}
