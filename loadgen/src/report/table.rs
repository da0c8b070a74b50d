//! The tables that more than one kind of report shows: a head, and rows of cells, all text.

use super::document::{FIGURES, Run};
use super::{figure, words};

/// Cells by rows; the first column names the row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// Names of the columns.
    pub(super) head: Vec<String>,
    /// Each as long as the head.
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub(super) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { head: head.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    /// One more row.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
}

/// Every distribution that has times, side by side.
pub(super) fn times(run: &Run) -> Table {
    let columns: Vec<_> = run.all_times().into_iter().filter_map(|(name, times)| Some((name, *times?))).collect();
    let mut head = vec![String::new()];
    head.extend(columns.iter().map(|(name, _)| words::times(name).to_owned()));
    let labels = [("mean", "mean"), ("stdev", "stdev"), ("min", "min")].into_iter();
    let labels = labels.chain(FIGURES.map(|(name, label, _)| (name, label))).chain([("max", "max")]);
    let row = |(name, label): (&str, &str)| {
        let cells = columns.iter().map(|(_, times)| figure::shown(times.figure(name)));
        [label.to_owned()].into_iter().chain(cells).collect()
    };
    let mut rows: Vec<Vec<String>> = labels.map(row).collect();
    let counts = columns.iter().map(|(_, times)| figure::grouped(times.samples));
    rows.push(["samples".to_owned()].into_iter().chain(counts).collect());
    if columns.iter().any(|(_, times)| times.lower_bounds.is_some()) {
        let counts = columns.iter().map(|(_, times)| times.lower_bounds.map_or(0, |bounds| bounds.count));
        rows.push(["given up".to_owned()].into_iter().chain(counts.map(figure::grouped)).collect());
    }
    if columns.is_empty() { Table::default() } else { Table { head, rows } }
}

/// What was due, left and was answered, by intervals.
pub(super) fn rates(run: &Run) -> Table {
    let mut table = Table::new(["from", "due", "sent", "answered", "errors", "answered/s"]);
    for interval in &run.series {
        let [due, sent, completed, errors] =
            [interval.due, interval.sent, interval.completed, interval.errors].map(figure::grouped);
        let rate = (interval.duration_s > 0.0).then(|| interval.completed as f64 / interval.duration_s);
        table.row([figure::seconds(interval.start_s), due, sent, completed, errors, figure::rate(rate)]);
    }
    table
}

/// Times by intervals.
pub(super) fn latencies(run: &Run) -> Table {
    let mut table = Table::new(["from", "p50", "p90", "p99", "max"]);
    for interval in &run.series {
        let times = [interval.p50_us, interval.p90_us, interval.p99_us, interval.max_us];
        let [p50, p90, p99, max] = times.map(figure::time_or_dash);
        table.row([figure::seconds(interval.start_s), p50, p90, p99, max]);
    }
    table
}

/// Schedule lag by intervals.
pub(super) fn lags(run: &Run) -> Table {
    let mut table = Table::new(["from", "longest lag"]);
    for interval in &run.series {
        table.row([figure::seconds(interval.start_s), figure::time_or_dash(interval.schedule_lag_max_us)]);
    }
    table
}

/// Where the requests went.
pub(super) fn requests(run: &Run) -> Table {
    let requests = &run.requests;
    let mut table = Table::new(["requests", "count", ""]);
    let rows = [
        ("due", requests.due, "by the plan"),
        ("sent", requests.sent, "handed to the kernel"),
        ("completed", requests.completed, "answered whole"),
        ("ok", requests.ok, "with a status below 400"),
        ("failed", requests.failed, "lost with their connection"),
        ("unanswered", requests.unanswered, "open when the grace was over"),
        ("shed", requests.shed, "given up unsent"),
        ("dropped", requests.dropped, "no connection was free"),
    ];
    for (name, count, what) in rows {
        table.row([name.to_owned(), figure::grouped(count), what.to_owned()]);
    }
    table
}

/// Statuses, errors and what became of connections.
pub(super) fn outcomes(run: &Run) -> Table {
    let mut table = Table::new(["what", "count"]);
    run.status.iter().for_each(|(status, &count)| table.row([format!("status {status}"), figure::grouped(count)]));
    let seen = run.errors.kinds().into_iter().filter(|&(kind, count)| count > 0 && kind != "status");
    seen.for_each(|(kind, count)| table.row([kind.replace('_', " "), figure::grouped(count)]));
    let connections = &run.connections;
    let rows = [
        ("connections asked", connections.asked),
        ("opened", connections.opened),
        ("not opened", connections.failed),
        ("opened again", connections.reconnects),
        ("opened beyond", connections.extra),
    ];
    let rows = rows.into_iter().enumerate().filter(|(i, (_, count))| *i < 2 || *count > 0);
    rows.for_each(|(_, (name, count))| table.row([name.to_owned(), figure::grouped(count)]));
    let bytes = [("received", run.bytes.wire), ("of it content", run.bytes.body), ("sent", run.bytes.sent)];
    for (name, bytes) in bytes {
        table.row([name.to_owned(), figure::bytes(bytes as f64)]);
    }
    table
}

/// What `--fail-if` asked and what came of it.
pub(super) fn thresholds(run: &Run) -> Table {
    let mut table = Table::new(["threshold", "measured", "result"]);
    for threshold in &run.thresholds {
        let value = threshold.value.map_or("withheld".to_owned(), figure::number);
        let result = if threshold.pass { "passed" } else { "FAILED" };
        table.row([threshold.expr.clone(), value, result.to_owned()]);
    }
    table
}

/// The runs that were merged.
pub(super) fn parts(run: &Run) -> Table {
    let mut table = Table::new(["run", "started", "measured", "answers", "verdict"]);
    for (part, number) in run.merged.iter().zip(1_u64..) {
        let (measured, answers) = (figure::seconds(part.duration_s), figure::grouped(part.completed));
        table.row([number.to_string(), part.started_at.clone(), measured, answers, part.verdict.clone()]);
    }
    table
}

/// Every option in force.
pub(super) fn config(run: &Run) -> Table {
    let config = &run.config;
    let mut table = Table::new(["option", "value"]);
    let some = |value: &Option<String>| value.clone().unwrap_or_default();
    let cores: Vec<_> = config.cores.iter().map(ToString::to_string).collect();
    let rate = config.rate.map(|rate| figure::rate(Some(rate)) + "/s").unwrap_or_default();
    let rows = [
        ("loop", config.pace.clone()),
        ("rate", rate),
        ("arrivals", some(&config.arrivals)),
        ("address", some(&config.address)),
        ("request", figure::bytes(config.request_bytes as f64)),
        ("connections", figure::grouped(u64::from(config.connections))),
        ("threads", config.threads.to_string()),
        ("pipeline", config.pipeline.to_string()),
        ("warm-up", figure::seconds(config.warmup_s)),
        ("duration", figure::seconds(config.duration_s)),
        ("cores", cores.join(", ")),
        ("congestion", some(&config.congestion)),
        ("seed", config.seed.to_string()),
    ];
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    rows.into_iter().filter(|(_, value)| !value.is_empty()).for_each(|(name, value)| row(name, value));
    let weights = config.weights.iter().map(|weight| format!(" ({weight})")).chain(std::iter::repeat(String::new()));
    run.urls.iter().zip(weights).for_each(|(url, weight)| row("URL", format!("{url}{weight}")));
    config.options.iter().for_each(|option| row(&option.name, option.value.clone()));
    table
}

/// The machine, and what it did beside.
pub(super) fn host(run: &Run) -> Table {
    let (host, environment) = (&run.host, &run.environment);
    let mut table = Table::new(["machine", "value"]);
    let throttled = environment.periods.zip(environment.throttled);
    let rows = [
        ("kernel", host.kernel.clone()),
        ("processor", host.cpu.clone()),
        ("cores", host.cores.map(|cores| cores.to_string())),
        ("CPU quota", host.quota.map(|cores| format!("{} cores", figure::number(cores)))),
        ("governor", host.governor.clone()),
        ("hypervisor", host.virt.clone()),
        ("congestion", host.congestion.clone()),
        ("taken by the hypervisor", environment.steal.map(figure::percent)),
        ("throttled", throttled.map(|(periods, throttled)| format!("{throttled} of {periods} periods"))),
        ("frequency moved", environment.frequency_moved.map(figure::percent)),
        ("core shared with the target", run.target.as_ref().and_then(|target| target.shared_core).map(figure::percent)),
    ];
    for (name, value) in rows {
        table.row([name.to_owned(), value.unwrap_or_else(|| "not known".to_owned())]);
    }
    table
}

/// The stages of the schedule.
pub(super) fn stages(run: &Run) -> Table {
    let mut table = Table::new(["stage", "from", "due", "answered", "p50", "p99", "p99.9", "max"]);
    for stage in &run.stages {
        let time = |name| stage.response_time_us.map_or("-".to_owned(), |times| figure::shown(times.figure(name)));
        let [due, completed] = [stage.due, stage.completed].map(figure::grouped);
        let start = figure::seconds(stage.start_s);
        table.row([stage.text.clone(), start, due, completed, time("p50"), time("p99"), time("p99_9"), time("max")]);
    }
    table
}

/// CPU time for each answer.
pub(super) fn cpu(run: &Run) -> Table {
    let mut table = Table::new(["CPU", "per request", ""]);
    let mut row = |who: &str, us: Option<f64>, more: String| table.row([who.to_owned(), cpu_time(us), more]);
    if let Some(target) = &run.target {
        row("target", target.cpu_us_per_request, target_more(target));
    }
    row("generator", run.generator.cpu_us_per_request, generator_more(&run.generator));
    row("machine", run.machine_cpu_us_per_request, "everything that ran, these among it".to_owned());
    table
}

/// Of a thread that spun, how much of its core that was: it is in its share and in no request's cost.
fn generator_more(generator: &super::document::Generator) -> String {
    let percents = |shares: &mut dyn Iterator<Item = f64>| {
        let texts: Vec<_> = shares.map(|share| format!("{share:.0}%")).collect();
        texts.join(", ")
    };
    let shares = percents(&mut generator.cpu_percent_per_thread.iter().flatten().copied());
    let spun = &generator.spin_percent_per_thread;
    match (shares.is_empty(), spun.iter().any(|share| *share > 0.0)) {
        (true, _) => String::new(),
        (_, true) => {
            format!("{shares} of a core, by thread, of it {} spinning", percents(&mut spun.iter().copied()))
        }
        _ => format!("{shares} of a core, by thread"),
    }
}

fn target_more(target: &super::document::Target) -> String {
    let processes = figure::plural(target.pids.len() as u64, "process");
    let memory = target.resident_bytes.map(|bytes| format!(", {} resident", figure::bytes(bytes as f64)));
    format!("{processes}, found by {}{}", target.found_by, memory.unwrap_or_default())
}

fn cpu_time(us: Option<f64>) -> String {
    us.map_or_else(|| "-".to_owned(), |us| format!("{us:.3} us"))
}
