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
        self.rows.push(cells.to_vec());
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

/// The measure phase by intervals.
pub(super) fn series(run: &Run) -> Table {
    let mut table = Table::new(["from", "due", "sent", "answered", "errors", "p50", "p90", "p99", "max", "lag, max"]);
    for interval in &run.series {
        let counts = [interval.due, interval.sent, interval.completed, interval.errors].map(figure::grouped);
        let times = [interval.p50_us, interval.p90_us, interval.p99_us, interval.max_us, interval.schedule_lag_max_us];
        let mut cells = vec![figure::seconds(interval.start_s)];
        cells.extend(counts);
        cells.extend(times.map(figure::time_or_dash));
        table.rows.push(cells);
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
    let shares = run.generator.cpu_percent_per_thread.iter().flatten().map(|percent| format!("{percent:.0}%"));
    let shares: Vec<_> = shares.collect();
    let more = if shares.is_empty() { String::new() } else { format!("{} of a core, by thread", shares.join(", ")) };
    row("generator", run.generator.cpu_us_per_request, more);
    row("machine", run.machine_cpu_us_per_request, "everything that ran, these among it".to_owned());
    table
}

fn target_more(target: &super::document::Target) -> String {
    let processes = figure::plural(target.pids.len() as u64, "process");
    let memory = target.resident_bytes.map(|bytes| format!(", {} resident", figure::bytes(bytes as f64)));
    format!("{processes}, found by {}{}", target.found_by, memory.unwrap_or_default())
}

fn cpu_time(us: Option<f64>) -> String {
    us.map_or_else(|| "-".to_owned(), |us| format!("{us:.3} us"))
}
