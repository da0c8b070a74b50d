//! The figures of a run that an expression may be about: their names, their units, and their values.

use super::{Threshold, ThresholdError};
use crate::record::{Figure, RunRecord, Times};

/// A figure of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::judge) enum Metric {
    /// Of a distribution, in nanoseconds.
    Time { of: Distribution, quantity: Quantity },
    /// Completed requests a second.
    Rate,
    /// Share of the due requests that were not answered with a status below 400, or that `--check` refused.
    ErrorRate,
    /// Their number.
    Errors,
    /// CPU nanoseconds for each answer.
    Cpu(CpuOf),
}

/// Whose CPU time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::judge) enum CpuOf {
    Target,
    Machine,
    Generator,
}

/// A distribution of times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::judge) enum Distribution {
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
pub(in crate::judge) enum Quantity {
    /// 0 to 1.
    Percentile(f64),
    Mean,
    Deviation,
    Min,
    Max,
}

/// A figure, in the metric's own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Measured {
    Withheld,
    Exact(f64),
    AtLeast(f64),
}

/// How a value is written: its name and what one of it is in the metric's own unit.
pub(super) type Unit = (&'static str, f64);

const TIMES: &[Unit] = &[("us", 1e3), ("ms", 1e6), ("s", 1e9), ("ns", 1.0), ("m", 60e9)];
const CPU_TIMES: &[Unit] = &[("us", 1e3), ("ns", 1.0), ("ms", 1e6)];
const SHARES: &[Unit] = &[("%", 0.01)];
const RATES: &[Unit] = &[("", 1.0), ("/s", 1.0)];
const COUNTS: &[Unit] = &[("", 1.0)];

impl Metric {
    /// The metric of an expression that was parsed before.
    pub(in crate::judge) fn of_expression(expression: &str) -> Option<Self> {
        Threshold::fail_if(expression).ok().map(|threshold| threshold.metric)
    }

    pub(super) fn parse(name: &str) -> Result<Self, ThresholdError> {
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

    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Time { .. } => "5ms",
            Self::Rate => "1000",
            Self::ErrorRate => "0.1%",
            Self::Errors => "0",
            Self::Cpu(_) => "20us",
        }
    }

    /// The value in the metric's own unit, and the unit that it was written in.
    pub(super) fn parse_value(self, text: &str) -> Option<(f64, Unit)> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, name) = text.split_at(end);
        let unit = self.units().iter().find(|unit| unit.0 == name)?;
        Some((number.parse::<f64>().ok()? * unit.1, *unit))
    }

    pub(super) fn measure(self, run: &RunRecord) -> Measured {
        let requests = &run.record.requests;
        let due = requests.due.max(requests.sent);
        let errors = due.saturating_sub(run.record.good());
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

    pub(in crate::judge) fn times(self, run: &RunRecord) -> &Times {
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
