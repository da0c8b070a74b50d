//! A record becomes a document.

use hdrhistogram::Histogram;

use super::{
    Bytes, Config, ConfigOption, Connections, Environment, Errors, Generator, Host, Interval, Rate, Reason, Requests,
    Run, SCHEMA, Shown, Stage, Target, Threshold, Times, Tool, date, times::micros,
};
use crate::record::{self, ErrorKind, Loop, RunRecord, ThreadCpu, samples_needed};

impl Run {
    /// The document of a run. `command` is the command line, `exit_status` what the process will end with.
    pub fn of(run: &RunRecord, command: &[String], exit_status: u8) -> Self {
        let record = &run.record;
        let mut document = Self {
            schema: SCHEMA.to_owned(),
            tool: Tool::this(),
            run_id: run.id.map(|id| format!("{id:016x}")),
            started_at: date::rfc3339(run.started_s),
            command: command.to_vec(),
            config: Config::of(run),
            host: Host::of(&run.host),
            url: run.setup.url.clone(),
            urls: urls(run),
            connections: Connections::of(record.connections),
            threads: run.setup.threads,
            duration_s: seconds(run.measured_ns),
            requests: Requests::of(run),
            status: record.statuses().map(|(status, count)| (status.to_string(), count)).collect(),
            bytes: Bytes { wire: record.bytes.wire, body: record.bytes.body, sent: record.bytes.sent },
            errors: Errors::of(record),
            rate: Rate::of(run),
            response_time_us: is_open(run).then(|| Times::of(&record.response)).flatten(),
            service_time_us: Times::of(&record.service),
            error_response_time_us: Times::of(&record.error_response),
            connect_time_us: Times::of(&record.connect),
            first_use_us: Times::of(&record.first_use),
            first_byte_us: Times::of(&record.first_byte),
            schedule_lag_us: Times::of(&record.lag),
            samples: run.times().len(),
            clamped: run.times().clamped(),
            censored: Vec::new(),
            stages: run.stages.iter().map(Stage::of).collect(),
            series: series(run),
            thresholds: run.thresholds.iter().map(Threshold::of).collect(),
            generator: Generator::of(run),
            target: run.target.as_ref().map(Target::of),
            machine_cpu_us_per_request: run.machine_us_per_request(),
            environment: Environment::of(run),
            verdict: run.judgement.verdict.name().to_owned(),
            reasons: run.judgement.reasons.iter().map(Reason::of).collect(),
            target_notes: run.judgement.notes.iter().map(|note| note.name().to_owned()).collect(),
            interrupted: run.interrupted,
            refusal: run.refusal.clone(),
            merged: Vec::new(),
            exit_status,
        };
        document.censored = document.bounds();
        document
    }

    /// The paths of all figures that are lower bounds.
    pub(in crate::report) fn bounds(&self) -> Vec<String> {
        let stages = self.stages.iter().enumerate();
        let stages = stages.map(|(i, stage)| (format!("stages.{i}.response_time_us"), stage.response_time_us.as_ref()));
        let all = self.all_times().map(|(name, times)| (name.to_owned(), times)).into_iter().chain(stages);
        let named = all.filter_map(|(path, times)| times.map(|times| (path, times)));
        let bounds = |(path, times): (String, &Times)| {
            let bounds = times.figures().into_iter().filter(|(_, shown)| matches!(shown, Shown::AtLeast(_)));
            bounds.map(|(figure, _)| format!("{path}.{figure}")).collect::<Vec<_>>()
        };
        named.flat_map(bounds).collect()
    }
}

impl Tool {
    /// This build.
    pub fn this() -> Self {
        let commit = option_env!("SLIPRING_COMMIT").filter(|commit| !commit.is_empty());
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), commit: commit.map(str::to_owned) }
    }
}

impl Config {
    fn of(run: &RunRecord) -> Self {
        let setup = &run.setup;
        let (pace, rate, arrivals) = match setup.pace {
            Loop::Closed => ("closed", None, None),
            Loop::Open { rate, poisson } => ("open", Some(rate), Some(if poisson { "poisson" } else { "constant" })),
        };
        let option = |(name, value): &(String, String)| ConfigOption { name: name.clone(), value: value.clone() };
        Self {
            pace: pace.to_owned(),
            rate,
            arrivals: arrivals.map(str::to_owned),
            method: setup.method.clone(),
            address: setup.address.clone(),
            request_bytes: setup.request_bytes,
            connections: setup.connections,
            threads: setup.threads,
            pipeline: setup.pipeline,
            warmup_s: seconds(setup.warmup_ns),
            duration_s: seconds(setup.duration_ns),
            cores: setup.cores.clone(),
            congestion: setup.congestion.clone(),
            spin_us: setup.spin_ns.map(micros),
            seed: setup.seed,
            weights: setup.urls.iter().map(|&(_, weight)| weight).collect(),
            options: setup.options.iter().map(option).collect(),
        }
    }
}

impl Host {
    pub(in crate::report) fn of(host: &record::Host) -> Self {
        let record::Host { kernel, cpu, cores, congestion, quota, governor, virt } = host.clone();
        Self { kernel, cpu, cores, quota, governor, virt, congestion }
    }
}

impl Connections {
    fn of(connections: record::Connections) -> Self {
        let record::Connections { asked, opened, failed, reconnects, extra } = connections;
        Self { asked, opened, failed, reconnects, extra }
    }
}

impl Requests {
    fn of(run: &RunRecord) -> Self {
        let record::Requests {
            due,
            sent,
            completed,
            failed,
            unanswered,
            shed,
            dropped,
            sent_late,
            completed_late,
            wrong,
        } = run.record.requests;
        let ok = run.record.ok();
        Self { due, sent, completed, ok, failed, unanswered, shed, dropped, sent_late, completed_late, wrong }
    }
}

impl Errors {
    fn of(record: &record::Record) -> Self {
        Self {
            connect: record.errors(ErrorKind::Connect),
            timeout: record.errors(ErrorKind::Timeout),
            reset: record.errors(ErrorKind::Reset),
            protocol: record.errors(ErrorKind::Protocol),
            status: record.requests.completed - record.ok(),
            check: record.errors(ErrorKind::Check),
            address_unavailable: record.errors(ErrorKind::AddressUnavailable),
            descriptor_limit: record.errors(ErrorKind::DescriptorLimit),
            // Names are resolved before the start: a run with one that is unknown does not begin.
            dns: 0,
        }
    }
}

impl Rate {
    fn of(run: &RunRecord) -> Self {
        let offered = match run.setup.pace {
            Loop::Closed => None,
            Loop::Open { rate, .. } => Some(rate),
        };
        let measured = run.measured_ns > 0;
        let requests = &run.record.requests;
        let sent = measured.then(|| (requests.sent - requests.sent_late) as f64 / seconds(run.measured_ns));
        Self { offered, sent, achieved: measured.then(|| run.rate()) }
    }
}

impl Stage {
    fn of(stage: &record::Stage) -> Self {
        Self {
            text: stage.text.clone(),
            start_s: seconds(stage.start_ns),
            duration_s: seconds(stage.duration_ns),
            due: stage.due,
            completed: stage.completed,
            response_time_us: Times::of(&stage.response),
        }
    }
}

impl Threshold {
    fn of(threshold: &record::ThresholdResult) -> Self {
        Self { expr: threshold.expression.clone(), value: threshold.value, pass: threshold.pass }
    }
}

impl Generator {
    fn of(run: &RunRecord) -> Self {
        Self {
            cpu_percent_per_thread: run.threads.iter().map(ThreadCpu::percent).collect(),
            busy_percent_per_thread: run.threads.iter().map(|thread| 100.0 * thread.saturation()).collect(),
            spin_percent_per_thread: run.threads.iter().map(|thread| 100.0 * thread.spun()).collect(),
            cpu_us_per_request: run.generator_us_per_request(),
        }
    }
}

impl Target {
    fn of(target: &record::TargetUse) -> Self {
        Self {
            cpu_us_per_request: target.cpu.us_per_request(),
            cpu_s: seconds(target.cpu.ns),
            cpu_within_s: target.within_ns.map(seconds),
            found_by: target.found_by.clone(),
            pids: target.pids.clone(),
            resident_bytes: target.resident_bytes,
            shared_core: target.shared_core,
        }
    }
}

impl Environment {
    fn of(run: &RunRecord) -> Self {
        let environment = &run.environment;
        Self {
            steal: environment.steal,
            periods: environment.periods.map(|(periods, _)| periods),
            throttled: environment.periods.map(|(_, throttled)| throttled),
            frequency_moved: environment.frequency_moved,
            backlog_at_start: run.backlog_at_start,
            report_wait_s: seconds(run.report_wait_ns),
            start_late_s: run.start_late_s,
        }
    }
}

impl Reason {
    pub(in crate::report) fn of(reason: &record::Reason) -> Self {
        Self {
            code: reason.code.name().to_owned(),
            level: reason.level.name().to_owned(),
            text: reason.text.clone(),
            value: reason.value,
            limit: reason.limit,
        }
    }
}

impl Interval {
    fn of(interval: &record::Interval, start_ns: u64, length_ns: u64, run: &RunRecord) -> Self {
        let counted = Self {
            start_s: seconds(start_ns),
            duration_s: seconds(run.measured_ns.saturating_sub(start_ns).min(length_ns)),
            due: if is_open(run) { interval.due } else { interval.sent },
            sent: interval.sent,
            completed: interval.completed,
            errors: interval.errors,
            schedule_lag_max_us: is_open(run).then(|| micros(interval.lag_max_ns)),
            ..Self::default()
        };
        of_interval(counted, &interval.times)
    }
}

/// An interval with the figures of its times.
pub(in crate::report) fn of_interval(counted: Interval, times: &Histogram<u32>) -> Interval {
    let quantile = |q: f64| {
        let enough = times.len() as f64 >= samples_needed(q);
        enough.then(|| micros(times.value_at_quantile(q)))
    };
    let max_us = (!times.is_empty()).then(|| micros(times.max()));
    Interval { p50_us: quantile(0.5), p90_us: quantile(0.9), p99_us: quantile(0.99), max_us, ..counted }
}

/// The intervals up to the end of the measure phase, or to the last in which anything happened: a run cut short has
/// none for the rest of its plan.
fn series(run: &RunRecord) -> Vec<Interval> {
    let series = &run.record.series;
    let busy = |one: &record::Interval| one.due + one.sent + one.completed + one.errors > 0;
    let used = series.intervals.iter().rposition(busy).map_or(0, |last| last + 1);
    let reached = run.measured_ns.div_ceil(series.interval_ns.max(1)) as usize;
    let starts = (0_u64..).map(|i| i * series.interval_ns);
    let all = starts.zip(&series.intervals).take(used.max(reached));
    all.map(|(start_ns, interval)| Interval::of(interval, start_ns, series.interval_ns, run)).collect()
}

fn urls(run: &RunRecord) -> Vec<String> {
    let setup = &run.setup;
    if setup.urls.is_empty() {
        vec![setup.url.clone()]
    } else {
        setup.urls.iter().map(|(url, _)| url.clone()).collect()
    }
}

fn is_open(run: &RunRecord) -> bool {
    matches!(run.setup.pace, Loop::Open { .. })
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
