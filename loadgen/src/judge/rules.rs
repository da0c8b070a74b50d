//! The rows of the verdict table, one function each.
//!
//! A row is a measured value and where suspect and invalid begin. The limits are the table's; a test compares them with
//! the page.

use super::Purpose;
use super::threshold::{Metric, Quantity};
use crate::record::{ErrorKind, Figure, Loop, Reason, ReasonCode, RunRecord, Times, Verdict, samples_needed};

/// Lag against the median response time, and at least so many nanoseconds.
const LAG_SUSPECT: (f64, f64) = (0.10, 100_000.0);
const LAG_INVALID: (f64, f64) = (0.50, 1_000_000.0);
const SATURATION: Limits = Limits { suspect: 0.85, invalid: 0.97 };
const RATE_SHORT: Limits = Limits { suspect: 0.01, invalid: 0.05 };
const OWN_ERRORS: Limits = Limits { suspect: 0.0, invalid: 0.001 };
pub(super) const SHARED_CORE_SUSPECT: f64 = 0.05;
const SHARED_CORE: Limits = Limits { suspect: SHARED_CORE_SUSPECT, invalid: 0.50 };
const STEAL: Limits = Limits { suspect: 0.01, invalid: 0.10 };
const THROTTLED: Limits = Limits { suspect: 0.0, invalid: 0.10 };
const FREQUENCY: Limits = Limits { suspect: 0.05, invalid: f64::INFINITY };
const NEVER_INVALID: Limits = Limits { suspect: 0.0, invalid: f64::INFINITY };
/// Share of the plan before which an interrupted run shows nothing.
const INTERRUPTED_INVALID: f64 = 0.10;
/// The percentile that everybody looks at.
const TAIL: f64 = 0.99;

/// Above these a level begins.
#[derive(Clone, Copy, Debug)]
struct Limits {
    suspect: f64,
    invalid: f64,
}

impl Limits {
    /// The level of a value and where that level begins.
    fn level(self, value: f64) -> Option<(Verdict, f64)> {
        match value {
            value if value > self.invalid => Some((Verdict::Invalid, self.invalid)),
            value if value > self.suspect => Some((Verdict::Suspect, self.suspect)),
            _ => None,
        }
    }

    /// A doubt about a share, said in percent.
    fn of_share(self, code: ReasonCode, share: f64, text: impl FnOnce(f64) -> String) -> Option<Reason> {
        let (level, limit) = self.level(share)?;
        Some(Reason { code, level, text: text(100.0 * share), value: 100.0 * share, limit: 100.0 * limit })
    }
}

/// Every doubt, in the order of the table.
pub(super) fn reasons(run: &RunRecord, purpose: Purpose) -> Vec<Reason> {
    let rows = [
        behind_schedule(run),
        generator_saturated(run, purpose),
        rate_short(run),
        own_errors(run),
        few_samples(run),
        incomplete(run, ReasonCode::Censored, Times::censored),
        incomplete(run, ReasonCode::Clamped, Times::clamped),
        shared_core(run, purpose),
        steal(run),
        throttled(run),
        frequency(run),
        backlog_at_start(run),
        report_write_wait(run),
        interrupted(run),
    ];
    rows.into_iter().flatten().collect()
}

fn behind_schedule(run: &RunRecord) -> Option<Reason> {
    let lag = &run.record.lag;
    if lag.is_empty() {
        return None;
    }
    // Not withheld when there are few: then it is the longest or near it, and errs on the side of doubt.
    let p99 = lag.histogram().value_at_quantile(TAIL) as f64;
    let p50 = run.record.response.histogram().value_at_quantile(0.5) as f64;
    let from = |(share, least): (f64, f64)| (share * p50).max(least);
    let (level, limit) = Limits { suspect: from(LAG_SUSPECT), invalid: from(LAG_INVALID) }.level(p99)?;
    let text = format!(
        "1% of the requests left {:.0} us or more behind schedule though a connection was free: the generator is late, and \
         response times have that much too much. Give it a core of its own (--cores), more threads (-t), or a lower rate (-R)",
        p99 / 1e3
    );
    Some(Reason { code: ReasonCode::BehindSchedule, level, text, value: p99 / 1e3, limit: limit / 1e3 })
}

fn generator_saturated(run: &RunRecord, purpose: Purpose) -> Option<Reason> {
    // A closed loop is meant to use all that it gets.
    if run.setup.pace == Loop::Closed && purpose == Purpose::Alone {
        return None;
    }
    SATURATION.of_share(ReasonCode::GeneratorSaturated, run.saturation(), |percent| {
        format!(
            "the busiest generator thread worked {percent:.0}% of the time: what it measures is partly itself. Use more \
             threads (-t) on free cores, or a lower rate (-R)"
        )
    })
}

fn rate_short(run: &RunRecord) -> Option<Reason> {
    RATE_SHORT.of_share(ReasonCode::RateShort, own_short_share(run), |percent| {
        format!(
            "the generator itself sent {percent:.1}% less than the plan wants: the target has not seen the offered rate. Use \
             more threads (-t) or connections (-c) on free cores, or a lower rate (-R)"
        )
    })
}

/// Share of the due requests that had not left when the measure phase was to be over. A phase that came out longer than
/// the plan, because its thread was stopped, sent as many in more time.
pub(super) fn short_share(run: &RunRecord) -> f64 {
    let requests = &run.record.requests;
    if run.setup.pace == Loop::Closed || requests.due == 0 {
        return 0.0;
    }
    let stretch = if run.setup.duration_ns == 0 { 1.0 } else { share(run.measured_ns, run.setup.duration_ns).max(1.0) };
    let in_time = requests.sent.saturating_sub(requests.sent_late);
    (1.0 - share(in_time, requests.due) / stretch).max(0.0)
}

/// The part of it that lag explains: a generator that stood still for so long, though connections were free, has that
/// much to make up for; the queue behind it then keeps the connections busy and is no lag any more.
pub(super) fn own_short_share(run: &RunRecord) -> f64 {
    let still_ns = run.record.lag.max().ns().unwrap_or(0);
    share(still_ns, run.measured_ns).min(short_share(run))
}

fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

fn own_errors(run: &RunRecord) -> Option<Reason> {
    let own = ErrorKind::ALL.into_iter().filter(|kind| kind.is_own() && run.record.errors(*kind) > 0);
    let own: Vec<ErrorKind> = own.collect();
    let count: u64 = own.iter().map(|kind| run.record.errors(*kind)).sum();
    let advice = own.iter().map(|kind| match kind {
        ErrorKind::AddressUnavailable => {
            "local ports ran out: give more local addresses (--source), or fewer new connections a second"
        }
        _ => "file descriptors ran out: raise `ulimit -n`, or lower -c",
    });
    let advice: Vec<&str> = advice.collect();
    let due = run.record.requests.due.max(run.record.requests.sent).max(1);
    OWN_ERRORS.of_share(ReasonCode::OwnErrors, count as f64 / due as f64, |percent| {
        format!("{count} failures of our own, {percent:.2}% of the requests: {}", advice.join("; "))
    })
}

fn few_samples(run: &RunRecord) -> Option<Reason> {
    let samples = run.times().len();
    let withheld = |q: f64, times: &Times| times.quantile(q) == Figure::Withheld;
    let in_threshold = percentiles_in_thresholds(run).into_iter().find(|(q, times)| withheld(*q, times));
    let (level, q, samples) = match in_threshold {
        Some((q, times)) => (Verdict::Invalid, q, times.len()),
        None if withheld(TAIL, run.times()) => (Verdict::Suspect, TAIL, samples),
        None => return None,
    };
    let needed = samples_needed(q);
    let why = if level == Verdict::Invalid { ", which a threshold needs," } else { "" };
    let text = format!(
        "p{}{why} is withheld: {samples} samples, and it takes {needed:.0}. Measure longer (-d), or at a higher rate",
        trimmed(100.0 * q)
    );
    Some(Reason { code: ReasonCode::FewSamples, level, text, value: samples as f64, limit: needed })
}

/// Censored or clamped times, counted by `count`.
fn incomplete(run: &RunRecord, code: ReasonCode, count: fn(&Times) -> u64) -> Option<Reason> {
    let part = |times: &Times| share(count(times), times.len());
    let times = run.times();
    let hit = percentiles_in_thresholds(run).into_iter().find(|(q, times)| part(times) > 1.0 - q);
    let (level, share, limit) = match hit {
        Some((q, times)) => (Verdict::Invalid, part(times), 1.0 - q),
        None if count(times) > 0 => (Verdict::Suspect, part(times), 0.0),
        None => return None,
    };
    let number = count(hit.map_or(times, |(_, times)| times));
    let what = match code {
        ReasonCode::Censored => {
            "requests did not end and count as having taken at least as long as they were waited for: a percentile among \
             them is a lower bound. Look at why they did not end, or wait longer (--timeout, --grace)"
        }
        _ => "times were above 60 s and count as 60 s: percentiles among them are too low. Lower the rate (-R) or -c",
    };
    let percent = 100.0 * share;
    let text = format!("{number} {what} ({percent:.2}% of all)");
    Some(Reason { code, level, text, value: percent, limit: 100.0 * limit })
}

/// Every percentile that a threshold asks for, with the times that it is of.
fn percentiles_in_thresholds(run: &RunRecord) -> Vec<(f64, &Times)> {
    let metrics = run.thresholds.iter().filter_map(|threshold| Metric::of_expression(&threshold.expression));
    let percentile = |metric: Metric| match metric {
        Metric::Time { of, quantity: Quantity::Percentile(q) } => Some((q, of.times(run))),
        _ => None,
    };
    metrics.filter_map(percentile).collect()
}

fn shared_core(run: &RunRecord, purpose: Purpose) -> Option<Reason> {
    let share = run.target.as_ref()?.shared_core?;
    if purpose == Purpose::Compared {
        return None;
    }
    SHARED_CORE.of_share(ReasonCode::SharedCore, share, |percent| {
        format!(
            "generator and target used the same core {percent:.0}% of the time and waited for one another: times are too \
             long. Pin them apart, the target with `taskset -c 0`, the generator with --cores 1"
        )
    })
}

fn steal(run: &RunRecord) -> Option<Reason> {
    STEAL.of_share(ReasonCode::Steal, run.environment.steal?, |percent| {
        format!(
            "the hypervisor gave {percent:.1}% of this machine's time to others: times have gaps that nobody here caused. \
             Measure again later, or on a machine with dedicated cores"
        )
    })
}

fn throttled(run: &RunRecord) -> Option<Reason> {
    let (periods, throttled) = run.environment.periods?;
    THROTTLED.of_share(ReasonCode::Throttled, share(throttled, periods), |percent| {
        format!(
            "the CPU quota of our cgroup stopped us in {throttled} of {periods} periods ({percent:.0}%): times have gaps. \
             Raise the quota (Kubernetes: limits.cpu), or lower the load"
        )
    })
}

fn frequency(run: &RunRecord) -> Option<Reason> {
    FREQUENCY.of_share(ReasonCode::Frequency, run.environment.frequency_moved?, |percent| {
        format!(
            "the clock of a busy core moved by {percent:.0}%: the first half of the run and the second are not alike. Set the \
             governor to performance, warm up longer (--warmup)"
        )
    })
}

fn backlog_at_start(run: &RunRecord) -> Option<Reason> {
    let backlog = run.backlog_at_start as f64;
    let (level, limit) = NEVER_INVALID.level(backlog)?;
    let text = format!(
        "the measurement began with {backlog} requests of the warm-up still due: its first response times carry their \
         queue. Lower the rate (-R), or warm up longer (--warmup)"
    );
    Some(Reason { code: ReasonCode::BacklogAtStart, level, text, value: backlog, limit })
}

fn report_write_wait(run: &RunRecord) -> Option<Reason> {
    let waited_ms = run.report_wait_ns as f64 / 1e6;
    let (level, limit) = NEVER_INVALID.level(waited_ms)?;
    let text = format!(
        "writing the progress line waited {waited_ms:.0} ms for the terminal: what draws it takes CPU from the measurement. \
         Use --quiet, or send standard error to a file"
    );
    Some(Reason { code: ReasonCode::ReportWriteWait, level, text, value: waited_ms, limit })
}

fn interrupted(run: &RunRecord) -> Option<Reason> {
    if !run.interrupted {
        return None;
    }
    let in_time = share(run.measured_ns, run.setup.duration_ns);
    let in_number = run.setup.requests_max.map_or(0.0, |most| share(run.record.requests.sent, most));
    let done = in_time.max(in_number).min(1.0);
    let level = if done < INTERRUPTED_INVALID { Verdict::Invalid } else { Verdict::Suspect };
    let text = format!("a signal ended the measurement after {:.0}% of the plan. Let it run to its end", 100.0 * done);
    Some(Reason { code: ReasonCode::Interrupted, level, text, value: 100.0 * done, limit: 100.0 * INTERRUPTED_INVALID })
}

/// `99`, `99.9`, `99.999`: as people write percentiles.
fn trimmed(percent: f64) -> String {
    let text = format!("{percent:.8}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
