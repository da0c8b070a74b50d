//! What `--fail-if` and `--slo` ask: `p99>5ms`, `error_rate>0.1%`, `service.p50<=200us`, `rate<1000`.
//!
//! A figure that is withheld, or that is only a lower bound, holds nothing: an expression about it never passes.

use thiserror::Error;

use crate::record::{Figure, RunRecord, ThresholdResult, Times};

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

/// A figure of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Metric {
    /// Of a distribution, in nanoseconds.
    Time { of: Distribution, quantity: Quantity },
    /// Completed requests a second.
    Rate,
    /// Share of the due requests that were not answered with a status below 400.
    ErrorRate,
    /// Their number.
    Errors,
    /// CPU nanoseconds for each answer.
    Cpu(CpuOf),
}

/// Whose CPU time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum CpuOf {
    Target,
    Machine,
    Generator,
}

/// A distribution of times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Distribution {
    /// What the run's percentiles are about.
    Main,
    Response,
    Service,
    FirstByte,
    Connect,
    Lag,
}

/// What of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Quantity {
    /// 0 to 1.
    Percentile(f64),
    Mean,
    Deviation,
    Min,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How a value is written: its name and what one of it is in the metric's own unit.
type Unit = (&'static str, f64);

const TIMES: &[Unit] = &[("us", 1e3), ("ms", 1e6), ("s", 1e9), ("ns", 1.0), ("m", 60e9)];
const CPU_TIMES: &[Unit] = &[("us", 1e3), ("ns", 1.0), ("ms", 1e6)];
const SHARES: &[Unit] = &[("%", 0.01)];
const RATES: &[Unit] = &[("", 1.0), ("/s", 1.0)];
const COUNTS: &[Unit] = &[("", 1.0)];

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

/// A figure, in the metric's own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Measured {
    Withheld,
    Exact(f64),
    AtLeast(f64),
}

impl Metric {
    /// The metric of an expression that was parsed before.
    pub(super) fn of_expression(expression: &str) -> Option<Self> {
        Threshold::fail_if(expression).ok().map(|threshold| threshold.metric)
    }

    fn parse(name: &str) -> Result<Self, ThresholdError> {
        let unknown = || ThresholdError::Metric(name.to_owned());
        Ok(match name {
            "rate" => Self::Rate,
            "error_rate" => Self::ErrorRate,
            "errors" => Self::Errors,
            "target_cpu" => Self::Cpu(CpuOf::Target),
            "machine_cpu" => Self::Cpu(CpuOf::Machine),
            "generator_cpu" => Self::Cpu(CpuOf::Generator),
            _ => {
                let (of, quantity) = name.split_once('.').filter(|(of, _)| !of.starts_with('p')).unwrap_or(("", name));
                let of = Distribution::parse(of).ok_or_else(unknown)?;
                Self::Time { of, quantity: Quantity::parse(quantity)?.ok_or_else(unknown)? }
            }
        })
    }

    fn units(self) -> &'static [Unit] {
        match self {
            Self::Time { .. } => TIMES,
            Self::Rate => RATES,
            Self::ErrorRate => SHARES,
            Self::Errors => COUNTS,
            Self::Cpu(_) => CPU_TIMES,
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Time { .. } => "5ms",
            Self::Rate => "1000",
            Self::ErrorRate => "0.1%",
            Self::Errors => "0",
            Self::Cpu(_) => "20us",
        }
    }

    /// The value in the metric's own unit, and the unit that it was written in.
    fn parse_value(self, text: &str) -> Option<(f64, Unit)> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, name) = text.split_at(end);
        let unit = self.units().iter().find(|unit| unit.0 == name)?;
        Some((number.parse::<f64>().ok()? * unit.1, *unit))
    }

    fn measure(self, run: &RunRecord) -> Measured {
        let requests = &run.record.requests;
        let due = requests.due.max(requests.sent);
        let errors = due.saturating_sub(run.record.ok());
        let exact = |value: Option<f64>| value.map_or(Measured::Withheld, Measured::Exact);
        let per_request = |us: Option<f64>| exact(us.map(|us| us * 1e3));
        match self {
            Self::Time { of, quantity } => quantity.measure(of.times(run)),
            Self::Rate => Measured::Exact(run.rate()),
            Self::ErrorRate => exact((due > 0).then(|| errors as f64 / due as f64)),
            Self::Errors => Measured::Exact(errors as f64),
            Self::Cpu(CpuOf::Target) => per_request(run.target_us_per_request()),
            Self::Cpu(CpuOf::Machine) => per_request(run.machine_us_per_request()),
            Self::Cpu(CpuOf::Generator) => per_request(run.generator_us_per_request()),
        }
    }
}

impl Distribution {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "" => Self::Main,
            "response" => Self::Response,
            "service" => Self::Service,
            "first_byte" => Self::FirstByte,
            "connect" => Self::Connect,
            "lag" => Self::Lag,
            _ => return None,
        })
    }

    pub(super) fn times(self, run: &RunRecord) -> &Times {
        match self {
            Self::Main => run.times(),
            Self::Response => &run.record.response,
            Self::Service => &run.record.service,
            Self::FirstByte => &run.record.first_byte,
            Self::Connect => &run.record.connect,
            Self::Lag => &run.record.lag,
        }
    }
}

impl Quantity {
    /// `None` if it is not the name of a quantity, an error if it is a percentile that cannot be.
    fn parse(name: &str) -> Result<Option<Self>, ThresholdError> {
        Ok(Some(match name {
            "mean" => Self::Mean,
            "stdev" => Self::Deviation,
            "min" => Self::Min,
            "max" => Self::Max,
            _ => {
                let Some(percent) =
                    name.strip_prefix('p').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
                else {
                    return Ok(None);
                };
                let wrong = || ThresholdError::Percentile(name.to_owned());
                let percent: f64 = percent.parse().map_err(|_| wrong())?;
                if percent <= 0.0 || percent >= 100.0 {
                    return Err(wrong());
                }
                Self::Percentile(percent / 100.0)
            }
        }))
    }

    fn measure(self, times: &Times) -> Measured {
        let all = times.histogram();
        // A sum with lower bounds or clamped times in it is itself a lower bound.
        let of_sum = |value: f64| match times {
            times if times.is_empty() => Measured::Withheld,
            times if times.censored() + times.clamped() > 0 => Measured::AtLeast(value),
            _ => Measured::Exact(value),
        };
        let of_figure = |figure: Figure| match figure {
            Figure::Withheld => Measured::Withheld,
            Figure::AtLeast(ns) => Measured::AtLeast(ns as f64),
            // The histogram ends at 60 s: what was clamped stands there.
            Figure::Exact(ns) if times.clamped() > 0 && ns >= all.max() => Measured::AtLeast(ns as f64),
            Figure::Exact(ns) => Measured::Exact(ns as f64),
        };
        match self {
            Self::Percentile(q) => of_figure(times.quantile(q)),
            Self::Max => of_figure(times.max()),
            Self::Mean => of_sum(all.mean()),
            Self::Deviation => of_sum(all.stdev()),
            Self::Min if times.is_empty() => Measured::Withheld,
            Self::Min => Measured::Exact(all.min() as f64),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A closed loop of 2,000 answers of 1 us to 2 ms, 20 of them a 503, 5 requests lost.
    fn run() -> RunRecord {
        let mut run = RunRecord { measured_ns: 1_000_000_000, ..RunRecord::default() };
        (1..=2_000_u64).for_each(|us| run.record.completed(us * 1_000, if us % 100 == 0 { 503 } else { 200 }));
        run.record.settle();
        (run.record.requests.due, run.record.requests.sent, run.record.requests.failed) = (2_005, 2_005, 5);
        run
    }

    #[test]
    fn what_holds_and_what_does_not() {
        // Expression, value in its unit, whether --fail-if passes.
        let rows = [
            ("p50>1.1ms", Some(1.0), true),
            ("p50 > 900us", Some(1_000.0), false),
            ("service.p90<=1.9ms", Some(1.8), false),
            ("p99.9<1s", None, false),
            ("p99.9>1s", None, false),
            ("max>=1s", Some(0.002), true),
            ("mean>0.5ms", Some(1.0), false),
            ("rate<1000", Some(2_000.0), true),
            ("rate<1000/s", Some(2_000.0), true),
            ("error_rate>1%", Some(1.2469), false),
            ("error_rate>2%", Some(1.2469), true),
            ("errors>0", Some(25.0), false),
            ("target_cpu>20us", None, false),
            ("response.p50>1s", None, false),
        ];
        for (text, value, pass) in rows {
            let result = Threshold::fail_if(text).expect("a good expression").evaluate(&run());
            let is_near = match (result.value, value) {
                (Some(found), Some(value)) => (found / value - 1.0).abs() < 0.01,
                (found, value) => found == value,
            };
            assert!(is_near && result.pass == pass, "{text}: {result:?}");
        }
    }

    #[test]
    fn an_objective_is_the_other_way_round() {
        for (text, pass) in [("p50<1.1ms", true), ("p50<0.9ms", false), ("p99.9<1s", false), ("error_rate<2%", true)] {
            assert_eq!(Threshold::slo(text).expect("a good expression").evaluate(&run()).pass, pass, "{text}");
        }
    }

    #[test]
    fn a_bound_never_passes() {
        let mut run = run();
        (0..100).for_each(|_| run.record.service.record_at_least(5_000_000_000));
        for text in ["p99<1s", "p99>10s", "max>1000s", "mean>1000s"] {
            let result = Threshold::fail_if(text).expect("a good expression").evaluate(&run);
            assert!(!result.pass && result.value.is_some(), "{text}: {result:?}");
            assert!(!Threshold::slo(text).expect("a good expression").evaluate(&run).pass, "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_says_what_to_write() {
        let rows = [
            ("p99", "not an expression"),
            ("p99=5ms", "not an expression"),
            ("", "not an expression"),
            ("p99>5", "write it as 5ms"),
            ("p99>5parsecs", "write it as 5ms"),
            ("p99>", "write it as 5ms"),
            ("p99>-1ms", "write it as 5ms"),
            ("error_rate>0.01", "write it as 0.1%"),
            ("rate>5ms", "write it as 1000"),
            ("latency>5ms", "'latency' is not a metric"),
            ("foo.p99>5ms", "'foo.p99' is not a metric"),
            ("p100>5ms", "not a percentile"),
            ("p0>5ms", "not a percentile"),
            ("p99.9.9>5ms", "not a percentile"),
            ("target_cpu>1s", "write it as 20us"),
        ];
        for (text, part) in rows {
            let error = Threshold::fail_if(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
