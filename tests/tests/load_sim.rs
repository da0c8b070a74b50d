//! The load generator's driver on a simulated ring, against the engine's own shard on another, in one process with one
//! seed: what it records must equal what a naive model makes of the bytes that passed between the two.
//!
//! Between the rings stands a [`bridge::Bridge`], which carries bytes over and holds each answer back for a time drawn
//! from the seed. It notes when each request left and when its answer came. The model is a list of those and a sort.
#![forbid(unsafe_code)]

mod load_sim {
    pub mod bridge;
}

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use load_sim::bridge::{Bridge, Delays, SERVER, Truth};
use slipring_load::drive::{Driver, DriverRecord, Gate, Progress, ring_limits};
use slipring_load::judge::{Threshold, exit_status, judge};
use slipring_load::plan::{Arrivals, OnBusy, Plan, Request};
use slipring_load::record::{LONGEST_NS, Loop, ReasonCode, RunRecord, Times, Verdict};

const MS: u64 = 1_000_000;
/// When the load begins, on both clocks.
const START_NS: u64 = 50 * MS;

fn plan() -> Plan {
    // The number in the path tells which request of the schedule it is.
    let target = format!("http://{SERVER}/{{seq}}").parse().expect("a URL");
    Plan { connections: 8, warmup: Duration::from_millis(500), duration: Duration::from_secs(10), ..Plan::new(target) }
}

fn drive(plan: &Plan, seed: u64, delays: Delays) -> (DriverRecord, Truth) {
    plan.check(1 << 20).expect("a good plan");
    let (bridge, truth) = Bridge::new(ring_limits(plan, 0), seed, delays);
    let (stop, progress, gate) = (AtomicBool::new(false), Progress::default(), Gate::new(1));
    let addresses = [SERVER.parse().expect("an address")];
    let mut driver = Driver::new(bridge, plan, &addresses, 0, &stop, &progress);
    driver.open().expect("a simulated ring is never lost");
    gate.arrive();
    gate.start(START_NS);
    let record = driver.run(&gate).expect("a simulated ring is never lost");
    (record, truth.take())
}

/// Intended times of the measure phase by number, as the closed form has them.
fn intended(plan: &Plan, rate: f64) -> Vec<(usize, u64)> {
    let (from, to) = (500 * MS, 500 * MS + plan.duration.as_nanos() as u64);
    let due = (0..).map(|i: u64| (i as usize, (i as f64 * 1e9 / rate).floor() as u64)).take_while(|&(_, ns)| ns < to);
    assert_eq!(plan.warmup, Duration::from_nanos(from));
    due.filter(|&(_, ns)| ns >= from).map(|(i, ns)| (i, START_NS + ns)).collect()
}

fn times(values: impl Iterator<Item = u64>) -> Times {
    let mut times = Times::new();
    values.for_each(|ns| times.record(ns, 1));
    times
}

fn assert_same(found: &Times, expected: &Times, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    assert_eq!(found.histogram(), expected.histogram(), "{what}");
}

/// Every percentile within a thousandth of the sorted list: the histogram's own precision.
fn assert_exact(found: &Times, mut values: Vec<u64>) {
    values.sort_unstable();
    for q in [0.5_f64, 0.9, 0.99, 0.999] {
        let rank = (q * values.len() as f64).ceil() as usize - 1;
        let (exact, found) = (values[rank] as f64, found.quantile(q).ns().expect("enough samples") as f64);
        assert!((found / exact - 1.0).abs() < 0.001, "p{}: {found} for {exact}", q * 100.0);
    }
}

#[test]
fn an_open_loop_records_what_a_naive_model_sees() {
    let plan = Plan { rate: Some(1000.0), ..plan() };
    // 8 connections and 5 ms on average: at times all are busy, and requests wait.
    let (home, truth) = drive(&plan, 7, Delays { low_ns: MS, high_ns: 12 * MS, stall: None });
    let due = intended(&plan, 1000.0);
    let response: Vec<u64> = due.iter().map(|&(i, ns)| truth.answered[i] - ns).collect();
    let service = due.iter().map(|&(i, _)| truth.answered[i] - truth.sent[i]);
    let requests = home.record.requests;
    assert_eq!((requests.due, requests.sent, requests.completed), (10_000, 10_000, 10_000));
    assert_same(&home.record.response, &times(response.iter().copied()), "response time");
    assert_same(&home.record.service, &times(service), "service time");
    assert_exact(&home.record.response, response);
    let late = due.iter().filter(|&&(i, ns)| truth.sent[i] > ns).count();
    assert!(late > 100, "{late} requests waited for a connection");
    assert_eq!(home.record.lag.max().ns(), Some(0), "nobody waited while a connection was free");
    assert_eq!(home.backlog_at_start, 0);
}

#[test]
fn a_stalled_target_is_seen_by_every_request_that_it_delays() {
    let plan = Plan { rate: Some(1000.0), ..plan() };
    let stall = (START_NS + 4_000 * MS, START_NS + 5_000 * MS);
    let (home, truth) = drive(&plan, 3, Delays { low_ns: 100_000, high_ns: 200_000, stall: Some(stall) });
    let response: Vec<u64> = intended(&plan, 1000.0).iter().map(|&(i, ns)| truth.answered[i] - ns).collect();
    assert_same(&home.record.response, &times(response.iter().copied()), "response time");
    // S = 1 s in T = 10 s: a share q of the requests waits less than S - (1 - q) T.
    for q in [0.99, 0.999] {
        let expected = 1e9 - (1.0 - q) * 10e9;
        let found = home.record.response.quantile(q).ns().expect("enough samples") as f64;
        assert!((found / expected - 1.0).abs() < 0.05, "{q}: {found} for {expected}");
    }
    // The service time knows of 8 stalled requests only.
    assert!(home.record.service.quantile(0.99).ns().is_some_and(|ns| ns < 5 * MS));
    assert!(home.record.service.max().ns().is_some_and(|ns| ns > 995 * MS));
}

/// What a run of one driver is, before it is judged.
fn run_of(plan: &Plan, home: DriverRecord) -> RunRecord {
    let mut run = RunRecord { measured_ns: home.cpu.wall_ns, answered: home.answered, ..RunRecord::default() };
    run.setup.pace = Loop::Open { rate: plan.rate.expect("an open loop"), poisson: false };
    run.setup.duration_ns = plan.duration.as_nanos() as u64;
    run.record = home.record;
    run
}

#[test]
fn a_queue_of_more_than_a_minute_clamps_times_and_is_doubted_for_it() {
    // 8 connections, 1.5 s each: 5.3 requests a second of 12, so that the last waits for two minutes.
    let (duration, grace) = (Duration::from_secs(100), Duration::from_mins(5));
    let plan = Plan { rate: Some(12.0), timeout: None, duration, grace, ..plan() };
    let (home, truth) = drive(&plan, 8, Delays { low_ns: 1_500 * MS, high_ns: 1_501 * MS, stall: None });
    let response = intended(&plan, 12.0).into_iter().map(|(i, ns)| truth.answered[i] - ns);
    let too_long = response.filter(|&ns| ns > LONGEST_NS).count() as u64;
    assert!((500..700).contains(&too_long), "{too_long}");
    assert_eq!((home.record.requests.completed, home.record.response.clamped()), (1_200, too_long));
    assert!(
        home.record.response.max().ns().is_some_and(|ns| (LONGEST_NS..LONGEST_NS + LONGEST_NS / 500).contains(&ns))
    );

    let mut run = run_of(&plan, home);
    let reasons = |run: &RunRecord| judge(run).reasons.iter().map(|r| (r.code, r.level)).collect::<Vec<_>>();
    assert_eq!(reasons(&run), [(ReasonCode::Clamped, Verdict::Suspect)]);
    // Above 60 s nobody knows how far, so a threshold among them cannot be told.
    let threshold = Threshold::fail_if("p99>100s").expect("a good expression");
    run.thresholds = vec![threshold.evaluate(&run)];
    assert_eq!(reasons(&run), [(ReasonCode::Clamped, Verdict::Invalid)]);
    run.judgement = judge(&run);
    assert_eq!(exit_status(&run, false).code(), 3);
}

#[test]
fn random_arrivals_are_recorded_from_their_own_times() {
    let plan = Plan { rate: Some(500.0), arrivals: Arrivals::Poisson, seed: 42, ..plan() };
    let (home, truth) = drive(&plan, 11, Delays { low_ns: 5 * MS, high_ns: 20 * MS, stall: None });
    let due: Vec<u64> = plan.schedule(0).expect("an open loop").collect();
    let measured = due.iter().enumerate().filter(|&(_, &ns)| ns >= 500 * MS);
    let response: Vec<u64> = measured.map(|(i, ns)| truth.answered[i] - START_NS - ns).collect();
    assert_eq!(home.record.requests.completed, response.len() as u64);
    assert_same(&home.record.response, &times(response.into_iter()), "response time");
}

#[test]
fn each_answer_of_a_pipeline_counts_by_itself() {
    let plan = Plan { pipeline: 4, connections: 3, ..plan() };
    let (home, truth) = drive(&plan, 5, Delays { low_ns: MS, high_ns: 3 * MS, stall: None });
    let measured = |i: &usize| truth.sent[*i] > START_NS + 500 * MS && truth.sent[*i] < START_NS + 10_500 * MS;
    let service: Vec<u64> =
        (0..truth.answered.len()).filter(measured).map(|i| truth.answered[i] - truth.sent[i]).collect();
    assert_eq!(home.record.requests.sent, home.record.requests.completed);
    assert_same(&home.record.service, &times(service.iter().copied()), "service time");
    assert_exact(&home.record.service, service);
    assert!(home.record.response.is_empty(), "a closed loop has no intended times");
}

#[test]
fn what_the_target_cannot_take_is_queued_shed_or_dropped() {
    // 8 connections, 20 ms each: 400 requests a second of 1,000.
    let slow = Delays { low_ns: 20 * MS, high_ns: 20 * MS + 1, stall: None };
    let base = Plan { rate: Some(1000.0), grace: Duration::from_secs(2), ..plan() };
    let sums = |home: &DriverRecord| {
        let r = home.record.requests;
        assert_eq!(r.due, r.sent + r.shed + r.dropped, "{r:?}");
        assert_eq!(r.sent, r.completed + r.failed + r.unanswered, "{r:?}");
        r
    };

    let (home, _) = drive(&base, 1, slow);
    let queued = sums(&home);
    assert_eq!((queued.due, queued.dropped), (10_000, 0));
    // 400/s for 12 s, the warm-up's backlog first; the rest was never sent, and each of them is a lower bound.
    assert!((4_300..4_700).contains(&queued.sent), "{queued:?}");
    assert_eq!(home.record.response.censored(), queued.shed + queued.unanswered);
    assert!(home.record.response.quantile(0.9).is_bound());
    assert!((250..350).contains(&home.backlog_at_start), "{}", home.backlog_at_start);

    let dropping = Plan { on_busy: OnBusy::Drop, ..base.clone() };
    let (home, _) = drive(&dropping, 1, slow);
    let dropped = sums(&home);
    // Who becomes free takes what is due next: up to a millisecond of each 20 is lost.
    assert!((3_700..4_050).contains(&dropped.sent) && dropped.shed == 0, "{dropped:?}");
    assert_eq!(home.record.response.censored(), 0);
    assert!(home.record.response.max().ns().is_some_and(|ns| ns < 22 * MS));

    let impatient = Plan { deadline: Some(Duration::from_millis(100)), ..base.clone() };
    let (home, _) = drive(&impatient, 1, slow);
    let shed = sums(&home);
    assert!((3_900..4_150).contains(&shed.sent) && shed.shed > 5_800, "{shed:?}");
    assert!(home.record.response.max().ns().is_some_and(|ns| ns < 125 * MS));

    let growing = Plan { on_busy: OnBusy::Open, max_connections: Some(64), ..base };
    let (home, _) = drive(&growing, 1, slow);
    let grown = sums(&home);
    assert_eq!(grown.completed, 10_000);
    assert!((12..56).contains(&home.record.connections.extra), "{:?}", home.record.connections);
    assert!(home.record.response.quantile(0.99).ns().is_some_and(|ns| ns < 22 * MS));
}

#[test]
fn a_mix_with_bodies_goes_over_the_ring_whole() {
    let mut mixed = Plan { rate: Some(200.0), pipeline: 2, ..plan() };
    let base = mixed.requests[0].clone();
    let post = Request { method: "POST".parse().expect("a token"), weight: 2, ..base.clone() };
    let large = Request { body: slipring_load::plan::Body::Bytes(vec![b'x'; 100_000].into()), ..post.clone() };
    let small = Request { body: slipring_load::plan::Body::Text("n={rand:1-1000}".to_owned()), ..post };
    let head = Request { method: "HEAD".parse().expect("a token"), ..base.clone() };
    mixed.requests = vec![base, small, large, head];
    let (home, truth) = drive(&mixed, 9, Delays { low_ns: MS, high_ns: 2 * MS, stall: None });
    let requests = home.record.requests;
    assert_eq!((requests.due, requests.completed), (2_000, 2_000));
    assert_eq!(home.record.statuses().collect::<Vec<_>>(), [(200, 2_000)]);
    assert!(truth.body_bytes > 400 * 100_000, "{}", truth.body_bytes);
}

#[test]
fn churn_opens_a_connection_for_every_few_requests() {
    let plan = Plan { rate: Some(200.0), requests_per_connection: 3, ..plan() };
    let (home, truth) = drive(&plan, 2, Delays { low_ns: MS, high_ns: 2 * MS, stall: None });
    assert_eq!(home.record.requests.completed, 2_000);
    assert_eq!(truth.answered.len(), 2_100);
    assert!((660..=700).contains(&home.record.first_use.len()), "{}", home.record.first_use.len());
    assert!((690..720).contains(&truth.connections), "{}", truth.connections);
}

#[test]
fn one_seed_is_one_run() {
    let plan = Plan { rate: Some(300.0), arrivals: Arrivals::Poisson, ..plan() };
    let delays = Delays { low_ns: MS, high_ns: 40 * MS, stall: None };
    let ((one, _), (two, _), (other, _)) = (drive(&plan, 4, delays), drive(&plan, 4, delays), drive(&plan, 5, delays));
    assert_eq!(one.record.response.histogram(), two.record.response.histogram());
    assert_ne!(one.record.response.histogram(), other.record.response.histogram());
}
