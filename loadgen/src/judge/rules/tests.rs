//! Each row of the table, provoked on a record: just below, suspect, invalid.

use super::*;
use crate::judge::{Threshold, judge, judge_for};
use crate::record::{Note, Series, TargetUse, ThreadCpu};

const SECOND: u64 = 1_000_000_000;

/// A second of an open loop with nothing to say against it: 2,000 answers after 1 ms.
fn good() -> RunRecord {
    let mut run = RunRecord { measured_ns: SECOND, answered: true, ..RunRecord::default() };
    run.setup.pace = Loop::Open { rate: 2_000.0, poisson: false };
    run.setup.duration_ns = SECOND;
    (run.setup.connections, run.setup.pipeline) = (8, 1);
    run.record.series = Series::for_duration(SECOND);
    run.record.completed(1_000_000, 200);
    for _ in 0..2_000 {
        run.record.response.record(1_000_000, 1);
        run.record.lag.record(10_000, 1);
    }
    run.record.settle();
    (run.record.requests.due, run.record.requests.sent) = (2_000, 2_000);
    run.threads =
        vec![ThreadCpu { busy_ns: Some(SECOND / 2), awake_ns: SECOND / 2, wall_ns: SECOND, ..ThreadCpu::default() }];
    run
}

/// What a change of the good run provokes, alone.
fn check(code: ReasonCode, level: Option<Verdict>, change: impl FnOnce(&mut RunRecord)) {
    let mut run = good();
    change(&mut run);
    let judgement = judge(&run);
    let found: Vec<_> = judgement.reasons.iter().map(|reason| (reason.code, reason.level)).collect();
    assert_eq!(found, level.map(|level| (code, level)).into_iter().collect::<Vec<_>>(), "{judgement:?}");
    assert_eq!(judgement.verdict, level.unwrap_or(Verdict::Valid));
    for Reason { text, value, limit, .. } in judgement.reasons {
        assert!(text.len() > 40 && !text.ends_with('.') && value.is_finite() && limit.is_finite(), "{text}");
    }
}

const SUSPECT: Option<Verdict> = Some(Verdict::Suspect);
const INVALID: Option<Verdict> = Some(Verdict::Invalid);

#[test]
fn a_good_run_is_valid() {
    check(ReasonCode::Steal, None, |_| ());
    assert_eq!(judge(&good()).notes, []);
}

/// By time or by number, whichever it is planned by.
#[test]
fn how_much_of_the_plan_was_done_is_told_by_what_limits_it() {
    let cut = |sent: u64, most: Option<u64>, measured_ns: u64| {
        move |run: &mut RunRecord| {
            (run.interrupted, run.setup.requests_max, run.measured_ns) = (true, most, measured_ns);
            run.record.requests.sent = sent;
            run.record.requests.due = sent;
        }
    };
    check(ReasonCode::Interrupted, INVALID, cut(100, None, SECOND / 20));
    check(ReasonCode::Interrupted, SUSPECT, cut(1_800, Some(2_000), SECOND / 20));
    check(ReasonCode::Interrupted, INVALID, cut(100, Some(2_000), SECOND / 20));
}

#[test]
fn behind_schedule() {
    let lag = |us: u64| move |run: &mut RunRecord| (0..30).for_each(|_| run.record.lag.record(us * 1_000, 1));
    check(ReasonCode::BehindSchedule, None, lag(90));
    check(ReasonCode::BehindSchedule, SUSPECT, lag(150));
    // Half of the response time is 0.5 ms, yet below 1 ms it is no more than suspect.
    check(ReasonCode::BehindSchedule, SUSPECT, lag(900));
    check(ReasonCode::BehindSchedule, INVALID, lag(1_100));
    // Of slow answers a late start is a small part.
    check(ReasonCode::BehindSchedule, None, |run| {
        (0..9_000).for_each(|_| run.record.response.record(200_000_000, 1));
        lag(1_100)(run);
    });
}

#[test]
fn generator_saturated() {
    let awake = |percent: u64| move |run: &mut RunRecord| run.threads[0].awake_ns = SECOND / 100 * percent;
    check(ReasonCode::GeneratorSaturated, None, awake(85));
    check(ReasonCode::GeneratorSaturated, SUSPECT, awake(90));
    check(ReasonCode::GeneratorSaturated, INVALID, awake(98));
    let mut run = good();
    (run.setup.pace, run.threads[0].awake_ns) = (Loop::Closed, SECOND);
    (0..2_000).for_each(|_| run.record.service.record(1_000_000, 1));
    assert_eq!(judge(&run).reasons, []);
    assert_eq!(judge_for(&run, Purpose::Compared).verdict, Verdict::Invalid);
}

#[test]
fn rate_short() {
    // How many left late, and the longest lag; the lag's own p99 stays low.
    let short = |late: u64, behind_ms: u64| {
        move |run: &mut RunRecord| {
            run.record.requests.sent_late = late;
            run.record.lag.record(behind_ms * 1_000_000, 1);
        }
    };
    check(ReasonCode::RateShort, None, short(18, 20));
    check(ReasonCode::RateShort, SUSPECT, short(40, 20));
    check(ReasonCode::RateShort, INVALID, short(120, 60));
    // It was behind for a while and caught up.
    check(ReasonCode::RateShort, None, short(0, 500));
    // All left, in twice the time.
    check(ReasonCode::RateShort, INVALID, |run| {
        short(0, 900)(run);
        run.measured_ns = 2 * SECOND;
    });
    // They left late because no connection was free: that is the target's.
    check(ReasonCode::RateShort, None, short(400, 5));
}

#[test]
fn own_errors() {
    let errors = |count: u64| {
        move |run: &mut RunRecord| {
            run.record.requests.due = 10_000;
            (0..count).for_each(|_| run.record.error(ErrorKind::AddressUnavailable));
        }
    };
    check(ReasonCode::OwnErrors, SUSPECT, errors(1));
    check(ReasonCode::OwnErrors, INVALID, errors(11));
    check(ReasonCode::OwnErrors, SUSPECT, |run| run.record.error(ErrorKind::DescriptorLimit));
    check(ReasonCode::OwnErrors, None, |run| run.record.error(ErrorKind::Reset));
}

/// A run with a threshold on the response times.
fn with_threshold(run: &mut RunRecord, expression: &str) {
    let result = Threshold::fail_if(expression).expect("a good expression").evaluate(run);
    run.thresholds.push(result);
}

#[test]
fn few_samples() {
    let few = |run: &mut RunRecord| {
        run.record.response = Times::new();
        (0..999).for_each(|_| run.record.response.record(1_000_000, 1));
    };
    check(ReasonCode::FewSamples, SUSPECT, few);
    // Another percentile that is withheld is no doubt unless a threshold needs it.
    check(ReasonCode::FewSamples, None, |run| with_threshold(run, "p99>5ms"));
    check(ReasonCode::FewSamples, INVALID, |run| with_threshold(run, "p99.9>5ms"));
    check(ReasonCode::FewSamples, None, |run| with_threshold(run, "max>5ms"));
}

#[test]
fn censored_and_clamped() {
    let censored = |run: &mut RunRecord| (0..30).for_each(|_| run.record.response.record_at_least(5_000_000_000));
    check(ReasonCode::Censored, SUSPECT, censored);
    let threshold = |expression: &'static str| {
        move |run: &mut RunRecord| {
            censored(run);
            with_threshold(run, expression);
        }
    };
    check(ReasonCode::Censored, SUSPECT, threshold("p90>5ms"));
    check(ReasonCode::Censored, INVALID, threshold("p99>5ms"));
    check(ReasonCode::Clamped, SUSPECT, |run| run.record.response.record(100 * SECOND, 1));
    check(ReasonCode::Clamped, INVALID, |run| {
        run.record.response.record(100 * SECOND, 30);
        with_threshold(run, "p99>5ms");
    });
}

#[test]
fn shared_core() {
    let share = |share: f64| {
        move |run: &mut RunRecord| run.target = Some(TargetUse { shared_core: Some(share), ..TargetUse::default() })
    };
    check(ReasonCode::SharedCore, None, share(0.05));
    check(ReasonCode::SharedCore, SUSPECT, share(0.06));
    check(ReasonCode::SharedCore, INVALID, share(0.51));
    let mut run = good();
    share(1.0)(&mut run);
    let compared = judge_for(&run, Purpose::Compared);
    assert_eq!((compared.verdict, compared.notes), (Verdict::Valid, vec![Note::SharedCore]));
}

#[test]
fn what_the_machine_did() {
    let steal = |share: f64| move |run: &mut RunRecord| run.environment.steal = Some(share);
    check(ReasonCode::Steal, None, steal(0.01));
    check(ReasonCode::Steal, SUSPECT, steal(0.02));
    check(ReasonCode::Steal, INVALID, steal(0.11));
    let periods = |throttled: u64| move |run: &mut RunRecord| run.environment.periods = Some((100, throttled));
    check(ReasonCode::Throttled, None, periods(0));
    check(ReasonCode::Throttled, SUSPECT, periods(1));
    check(ReasonCode::Throttled, INVALID, periods(11));
    let moved = |share: f64| move |run: &mut RunRecord| run.environment.frequency_moved = Some(share);
    check(ReasonCode::Frequency, None, moved(0.05));
    check(ReasonCode::Frequency, SUSPECT, moved(0.5));
}

#[test]
fn what_the_run_did() {
    check(ReasonCode::BacklogAtStart, SUSPECT, |run| run.backlog_at_start = 1);
    check(ReasonCode::ReportWriteWait, SUSPECT, |run| run.report_wait_ns = 1);
    let interrupted = |ns: u64| move |run: &mut RunRecord| (run.interrupted, run.measured_ns) = (true, ns);
    check(ReasonCode::Interrupted, SUSPECT, interrupted(SECOND / 2));
    check(ReasonCode::Interrupted, INVALID, interrupted(SECOND / 20));
}

#[test]
fn the_gravest_stands_first() {
    let mut run = good();
    (run.environment.frequency_moved, run.environment.steal) = (Some(0.2), Some(0.5));
    run.backlog_at_start = 3;
    let codes: Vec<_> = judge(&run).reasons.iter().map(|reason| reason.code).collect();
    assert_eq!(codes, [ReasonCode::Steal, ReasonCode::Frequency, ReasonCode::BacklogAtStart]);
}

#[test]
fn what_the_target_did_is_a_note_and_no_doubt() {
    let notes = |change: fn(&mut RunRecord)| {
        let mut run = good();
        change(&mut run);
        let judgement = judge(&run);
        assert_eq!(judgement.verdict, Verdict::Valid, "{judgement:?}");
        judgement.notes
    };
    assert_eq!(
        notes(|run| (run.record.requests.sent, run.record.requests.dropped) = (1_970, 30)),
        [Note::TargetOverloaded]
    );
    assert_eq!(notes(|run| run.record.requests.failed = 3), [Note::TargetErrors]);
    assert_eq!(notes(|run| run.record.connections.failed = 1), [Note::ConnectionsShort]);
    assert_eq!(notes(|run| run.record.connections.reconnects = 1), [Note::Reconnects]);
    assert_eq!(notes(|run| run.record.requests.sent_late = 30), [Note::TargetOverloaded]);
    assert_eq!(notes(|run| run.record.requests.sent_late = 15), []);
    let closed = |run: &mut RunRecord| {
        run.setup.pace = Loop::Closed;
        (0..2_000).for_each(|_| run.record.service.record(1_000_000, 1));
    };
    assert_eq!(notes(closed), [Note::ClosedLoop]);
}
