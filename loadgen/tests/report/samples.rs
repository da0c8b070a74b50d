//! Runs that nobody measured: records filled by hand, from a fixed sequence of numbers.

use slipring_load::record::{
    Answer, CpuUse, Environment, ErrorKind, Host, Judgement, Loop, Note, Reason, ReasonCode, RunRecord, Series, Setup,
    Stage, TargetUse, ThreadCpu, ThresholdResult, Verdict,
};

const SECOND_NS: u64 = 1_000_000_000;

/// Every sample by its name.
pub fn all() -> Vec<(&'static str, RunRecord)> {
    vec![
        ("valid", valid()),
        ("suspect", suspect()),
        ("invalid", invalid()),
        ("closed", closed()),
        ("staged", staged()),
        ("interrupted", interrupted()),
        ("refused", refused()),
        ("empty", RunRecord::default()),
    ]
}

/// An open loop at 10,000/s for 20 s, nothing against it.
pub fn valid() -> RunRecord {
    let mut run = open(10_000.0, 20);
    answer(&mut run, 1, |_, service| service);
    run.thresholds = vec![threshold("p99<5ms", Some(0.9), true), threshold("errors<0.1%", Some(0.0), true)];
    run
}

/// The target stood still for a second and a half, and some were given up.
pub fn suspect() -> RunRecord {
    let mut run = open(4_000.0, 12);
    let stall = 5 * SECOND_NS..6_500_000_000;
    answer(&mut run, 7, |due, service| if stall.contains(&due) { stall.end - due + service } else { service });
    for _ in 0..600 {
        run.record.response.record_at_least(5 * SECOND_NS);
        run.record.error(ErrorKind::Timeout);
    }
    run.record.requests.due += 600;
    run.record.requests.sent += 600;
    run.record.requests.failed += 600;
    run.record.series.intervals[6].errors = 600;
    run.record.connections.reconnects = 600;
    run.thresholds = vec![threshold("p99<5ms", Some(1_400.2), false), threshold("p99.999<1s", None, false)];
    run.judgement = judgement(
        Verdict::Suspect,
        vec![
            reason(
                ReasonCode::Censored,
                Verdict::Suspect,
                "600 times are only lower bounds: their requests were given up",
                600.0,
                0.0,
            ),
            reason(
                ReasonCode::Steal,
                Verdict::Suspect,
                "the hypervisor took 2.4% of the machine's time; measure on a quieter host",
                2.4,
                1.0,
            ),
        ],
    );
    run.judgement.notes = vec![Note::TargetErrors, Note::Reconnects];
    run
}

/// The generator did not keep its own schedule.
pub fn invalid() -> RunRecord {
    let mut run = open(50_000.0, 3);
    answer(&mut run, 3, |_, service| service);
    (0..1_500_u64).for_each(|i| run.record.lag.record(800_000 + i * 2_000, 100));
    run.record.requests.due += 9_000;
    run.record.requests.shed = 9_000;
    run.threads[0].awake_ns = run.threads[0].wall_ns;
    let text = "the schedule slipped: requests left 3.2 ms late at p99 although a connection was free; use more threads or a lower rate";
    let saturated = "the generator's thread was busy 99.8% of the time; use more threads (-t) or a lower rate";
    run.judgement = judgement(
        Verdict::Invalid,
        vec![
            reason(ReasonCode::BehindSchedule, Verdict::Invalid, text, 3_200.0, 1_000.0),
            reason(ReasonCode::GeneratorSaturated, Verdict::Invalid, saturated, 99.8, 97.0),
            reason(
                ReasonCode::SharedCore,
                Verdict::Suspect,
                "generator and target <b>shared</b> a core for 12% of the time",
                12.0,
                5.0,
            ),
        ],
    );
    run
}

/// A closed loop.
pub fn closed() -> RunRecord {
    let mut run = open(8_000.0, 5);
    run.setup.pace = Loop::Closed;
    answer(&mut run, 5, |_, service| service);
    run.judgement.notes = vec![Note::ClosedLoop];
    run
}

/// A ramp and a step.
pub fn staged() -> RunRecord {
    let mut run = open(3_000.0, 4);
    answer(&mut run, 11, |_, service| service);
    let stage = |text: &str, start_ns, count: u64| {
        let mut stage = Stage { text: text.to_owned(), start_ns, duration_ns: 2 * SECOND_NS, ..Stage::default() };
        (stage.due, stage.completed) = (count, count);
        (0..count).for_each(|i| stage.response.record(100_000 + i * 97 % 400_000, 1));
        stage
    };
    run.stages = vec![stage("2s@1000..5000", 0, 6_000), stage("2s@3000", 2 * SECOND_NS, 6_000)];
    run
}

/// Ctrl-C after 4.25 of 12 seconds.
pub fn interrupted() -> RunRecord {
    let mut run = open(1_000.0, 4);
    answer(&mut run, 13, |_, service| service);
    let mut series = Series::for_duration(12 * SECOND_NS);
    series.intervals[..4].clone_from_slice(&run.record.series.intervals);
    run.record.series = series;
    (run.measured_ns, run.setup.duration_ns, run.interrupted) = (4_250_000_000, 12 * SECOND_NS, true);
    let text = "Ctrl-C ended the measure phase after 35% of the plan";
    run.judgement =
        judgement(Verdict::Suspect, vec![reason(ReasonCode::Interrupted, Verdict::Suspect, text, 35.0, 100.0)]);
    run
}

/// Nobody listens.
pub fn refused() -> RunRecord {
    let mut run = open(100.0, 2);
    run.record.connections.opened = 0;
    run.record.connections.failed = 64;
    (0..64).for_each(|_| run.record.error(ErrorKind::Connect));
    run.record.requests.due = 200;
    run.record.requests.shed = 200;
    (run.answered, run.refusal, run.target) = (false, Some("connection refused".to_owned()), None);
    run.judgement.notes = vec![Note::ConnectionsShort];
    run
}

/// A run at this rate, in which nothing was answered yet.
pub fn open(rate: f64, seconds: u64) -> RunRecord {
    let duration_ns = seconds * SECOND_NS;
    let setup = Setup {
        url: "http://127.0.0.1:8000/plaintext".to_owned(),
        address: Some("127.0.0.1:8000".to_owned()),
        method: "GET".to_owned(),
        request_bytes: 58,
        connections: 64,
        threads: 1,
        pipeline: 1,
        warmup_ns: SECOND_NS,
        duration_ns,
        pace: Loop::Open { rate, poisson: false },
        seed: 4_242,
        options: vec![("--on-busy".to_owned(), "queue".to_owned()), ("--timeout".to_owned(), "5s".to_owned())],
        cores: vec![1],
        ..Setup::default()
    };
    let mut run =
        RunRecord { setup, started_s: 1_795_000_000, measured_ns: duration_ns, answered: true, ..RunRecord::default() };
    run.host = host();
    run.record.series = Series::for_duration(duration_ns);
    run.record.connections.asked = 64;
    run.record.connections.opened = 64;
    let (busy_ns, spun_ns) = (Some(duration_ns / 5), duration_ns / 20);
    run.threads = vec![ThreadCpu { busy_ns, spun_ns, awake_ns: duration_ns / 4, wall_ns: duration_ns }];
    run.setup.spin_ns = Some(50_000);
    run
}

/// Gives the answers of `whole`, a run of [`valid`]'s kind, to four runs in turn.
pub fn share_out(whole: &RunRecord, quarters: &mut [RunRecord; 4]) {
    let answers = answers(whole, 1, |_, service| service);
    for (i, answer) in answers.enumerate() {
        put(&mut quarters[i % 4], answer);
    }
    let count = whole.record.requests.due / 4;
    for (i, quarter) in quarters.iter_mut().enumerate() {
        count_all(quarter, count);
        (0..16).for_each(|j| quarter.record.connect.record(connect_ns(i as u64 * 16 + j), 1));
    }
}

/// Answers all of them: service times of a server with a long tail, response times as `respond` says from the due time.
fn answer(run: &mut RunRecord, seed: u64, respond: impl Fn(u64, u64) -> u64) {
    let all: Vec<_> = answers(run, seed, respond).collect();
    let count = all.len() as u64;
    for answer in all {
        put(run, answer);
    }
    count_all(run, count);
    (0..64).for_each(|i| run.record.connect.record(connect_ns(i), 1));
    local(run, count);
}

/// When a request was due, how late it left, what came.
type Answered = (u64, u64, Answer);

fn answers(run: &RunRecord, seed: u64, respond: impl Fn(u64, u64) -> u64) -> impl Iterator<Item = Answered> {
    let (rate, open) = match run.setup.pace {
        Loop::Open { rate, .. } => (rate, true),
        Loop::Closed => (8_000.0, false),
    };
    let count = (rate * run.measured_ns as f64 / 1e9) as u64;
    let mut draw = Draw(seed);
    (0..count).map(move |i| {
        let due_ns = (i as f64 * 1e9 / rate) as u64;
        let service_ns = draw.service_ns();
        let (response, lag) = (respond(due_ns, service_ns), 4_000 + draw.next() % 9_000);
        let answer = Answer {
            response_ns: open.then_some(response),
            service_ns,
            first_byte_ns: service_ns * 9 / 10,
            status: if draw.next().is_multiple_of(4_000) { 503 } else { 200 },
            ended_ns: due_ns + response,
            late: false,
        };
        (due_ns, lag, answer)
    })
}

fn put(run: &mut RunRecord, (due_ns, lag, answer): Answered) {
    run.record.answered(answer);
    run.record.lag.record(lag, 1);
    mark(run, due_ns, lag);
}

fn count_all(run: &mut RunRecord, count: u64) {
    run.record.settle();
    run.record.requests.due = count;
    run.record.requests.sent = count;
    run.record.bytes.wire = count * 182;
    run.record.bytes.body = count * 13;
    run.record.bytes.sent = count * 58;
}

fn connect_ns(i: u64) -> u64 {
    60_000 + i * 7_919 % 40_000
}

fn mark(run: &mut RunRecord, due_ns: u64, lag_ns: u64) {
    if let Some(interval) = run.record.series.at(due_ns) {
        interval.due += 1;
        interval.sent += 1;
        interval.lag_max_ns = interval.lag_max_ns.max(lag_ns);
    }
}

fn local(run: &mut RunRecord, count: u64) {
    let cpu = |us: u64| CpuUse { ns: count * us * 1_000, requests: count };
    run.target = Some(TargetUse {
        cpu: cpu(9),
        found_by: "listener".to_owned(),
        within_ns: Some(50_000),
        pids: vec![4_711, 4_712],
        resident_bytes: Some(18_400_000),
        shared_core: Some(0.002),
    });
    run.environment = Environment {
        machine: Some(cpu(31)),
        steal: Some(0.004),
        periods: Some((200, 0)),
        frequency_moved: Some(0.012),
    };
}

fn host() -> Host {
    Host {
        kernel: Some("6.18.0".to_owned()),
        cpu: Some("A processor @ 3.00GHz".to_owned()),
        cores: Some(2),
        congestion: Some("cubic".to_owned()),
        quota: None,
        governor: Some("performance".to_owned()),
        virt: Some("KVM".to_owned()),
    }
}

fn judgement(verdict: Verdict, reasons: Vec<Reason>) -> Judgement {
    Judgement { verdict, reasons, notes: Vec::new() }
}

fn reason(code: ReasonCode, level: Verdict, text: &str, value: f64, limit: f64) -> Reason {
    Reason { code, level, text: text.to_owned(), value, limit }
}

fn threshold(expression: &str, value: Option<f64>, pass: bool) -> ThresholdResult {
    ThresholdResult { expression: expression.to_owned(), value, pass }
}

/// A linear congruential generator with Knuth's constants: the same numbers everywhere.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// 80 us and more: exponential, and one in 500 takes twenty times as long.
    fn service_ns(&mut self) -> u64 {
        let uniform = (self.next() % 1_000_000) as f64 / 1e6 + 1e-6;
        let more = -uniform.ln() * 60_000.0;
        let slow = if self.next().is_multiple_of(500) { 20.0 } else { 1.0 };
        80_000 + (more * slow) as u64
    }
}
