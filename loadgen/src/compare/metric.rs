//! What is compared.

use super::Value;
use crate::record::{Figure, RunRecord, Times};

/// A figure of a block. All are microseconds, and less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// CPU time of the target for each request.
    TargetCpu,
    /// 99% of the response times are below.
    ResponseP99,
    /// Half of the response times are below.
    ResponseP50,
    /// 90% of the response times are below.
    ResponseP90,
    /// 99.9% of the response times are below.
    ResponseP999,
    /// Half of the service times are below.
    ServiceP50,
    /// 99% of the service times are below.
    ServiceP99,
    /// From the send to the first byte, half are below.
    FirstByteP50,
    /// CPU time of the whole machine for each request.
    MachineCpu,
}

impl Metric {
    /// Every one, in the order of its number.
    pub const ALL: [Self; 9] = [
        Self::TargetCpu,
        Self::ResponseP99,
        Self::ResponseP50,
        Self::ResponseP90,
        Self::ResponseP999,
        Self::ServiceP50,
        Self::ServiceP99,
        Self::FirstByteP50,
        Self::MachineCpu,
    ];

    /// The primaries where the target's CPU time can be read.
    pub const LOCAL: [Self; 2] = [Self::TargetCpu, Self::ResponseP99];

    /// The primaries where it cannot: the target is on another machine.
    pub const REMOTE: [Self; 2] = [Self::ResponseP50, Self::ResponseP99];

    /// Its name in the JSON; all are microseconds.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TargetCpu => "target_cpu_us_per_request",
            Self::ResponseP99 => "response_time_p99_us",
            Self::ResponseP50 => "response_time_p50_us",
            Self::ResponseP90 => "response_time_p90_us",
            Self::ResponseP999 => "response_time_p99_9_us",
            Self::ServiceP50 => "service_time_p50_us",
            Self::ServiceP99 => "service_time_p99_us",
            Self::FirstByteP50 => "first_byte_p50_us",
            Self::MachineCpu => "machine_cpu_us_per_request",
        }
    }

    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::TargetCpu => "target CPU per request",
            Self::ResponseP99 => "response time p99",
            Self::ResponseP50 => "response time p50",
            Self::ResponseP90 => "response time p90",
            Self::ResponseP999 => "response time p99.9",
            Self::ServiceP50 => "service time p50",
            Self::ServiceP99 => "service time p99",
            Self::FirstByteP50 => "first byte p50",
            Self::MachineCpu => "machine CPU per request",
        }
    }

    /// What a run says of it; `None` where it was not measured, was withheld or is zero, which has no logarithm.
    pub fn of(self, run: &RunRecord) -> Option<Value> {
        let record = &run.record;
        match self {
            Self::TargetCpu => exact(run.target_us_per_request()),
            Self::ResponseP99 => quantile(&record.response, 0.99),
            Self::ResponseP50 => quantile(&record.response, 0.5),
            Self::ResponseP90 => quantile(&record.response, 0.9),
            Self::ResponseP999 => quantile(&record.response, 0.999),
            Self::ServiceP50 => quantile(&record.service, 0.5),
            Self::ServiceP99 => quantile(&record.service, 0.99),
            Self::FirstByteP50 => quantile(&record.first_byte, 0.5),
            Self::MachineCpu => exact(run.machine_us_per_request()),
        }
    }
}

fn exact(us: Option<f64>) -> Option<Value> {
    us.filter(|us| us.is_finite() && *us > 0.0).map(|us| Value { us, is_bound: false })
}

fn quantile(times: &Times, q: f64) -> Option<Value> {
    let figure = times.quantile(q);
    let is_bound = matches!(figure, Figure::AtLeast(_));
    let us = figure.ns().map(|ns| ns as f64 / 1e3).filter(|us| *us > 0.0)?;
    Some(Value { us, is_bound })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_in_the_order_of_the_numbers() {
        for (number, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, number);
            assert!(metric.name().contains("us"), "{}", metric.name());
        }
    }

    #[test]
    fn what_was_not_measured_is_nothing_and_what_did_not_end_is_a_bound() {
        let mut run = RunRecord::default();
        assert!(Metric::ALL.into_iter().all(|metric| metric.of(&run).is_none()));
        (0..1000).for_each(|_| run.record.response.record(2_000_000, 1));
        (0..1000).for_each(|_| run.record.response.record_at_least(5_000_000));
        let p50 = Metric::ResponseP50.of(&run).expect("2,000 samples");
        assert!((p50.us - 2_000.0).abs() < 2.0 && !p50.is_bound);
        assert!(Metric::ResponseP99.of(&run).expect("2,000 samples").is_bound);
        assert_eq!(Metric::ResponseP999.of(&run), None);
    }
}
