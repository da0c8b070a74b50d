//! The samples as tables, for a terminal or for Markdown.

use std::fmt::Write as _;

use super::arm::{Arms, Role};
use super::load::Sample;
use super::{DEPTHS, Options, Samples};
use crate::facts;
use crate::stats::{self, Estimate, estimate};

/// Server CPU per request in units of the null responder's, at each depth: what slipring is held to.
const BOUNDS: [f64; DEPTHS.len()] = [1.10, 1.5];

const COLUMNS: [&str; 7] =
    ["server", "requests/s", "server us/req", "load us/req", "ratio to null", "interval", "verdict"];

/// Everything that is printed at the end.
pub(super) fn render(options: &Options, seconds: f64, rounds: u32, arms: &Arms, samples: &Samples) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = head(&mut out, options, seconds, rounds, arms);
    for (place, pipeline) in DEPTHS.into_iter().enumerate() {
        let mark = if options.markdown { "**" } else { "" };
        let _ = writeln!(out, "\n{mark}pipeline {pipeline}{mark}\n");
        let rows: Vec<_> = (0..arms.list.len()).map(|index| row(arms, &samples.arms[place], index, place)).collect();
        out += &if options.markdown { markdown(&rows) } else { plain(&rows) };
        let _ = compare_with_wrk(&mut out, &samples.arms[place][0], &samples.wrk[place]);
    }
    out
}

fn head(out: &mut String, options: &Options, seconds: f64, rounds: u32, arms: &Arms) -> std::fmt::Result {
    writeln!(out, "{}", facts::kernel_and_cpu())?;
    writeln!(out, "congestion control {} (the system's, for all)", facts::congestion_control())?;
    let Options { server_core, load_core, connections, .. } = options;
    writeln!(out, "server on core {server_core}, load on core {load_core}, {connections} connections")?;
    let coverage = estimate(&vec![0.0; rounds as usize]).map_or(0.0, |estimate| estimate.coverage);
    let starts = match (options.quick, options.starts) {
        (true, _) | (_, 1) => "once".to_owned(),
        (_, starts) => format!("{starts} times"),
    };
    writeln!(
        out,
        "{rounds} interleaved rounds of {seconds} s for each, servers started {starts}; figures are medians over the rounds"
    )?;
    writeln!(out, "ratio: server CPU per request by that of the null runs before and after it; interval: order")?;
    writeln!(out, "statistics of the round ratios, distribution-free, {:.1}% coverage", coverage * 100.0)?;
    for missing in &arms.missing {
        writeln!(out, "not measured: {missing}")?;
    }
    Ok(())
}

fn row(arms: &Arms, samples: &[Vec<Sample>], index: usize, place: usize) -> [String; COLUMNS.len()] {
    let arm = &arms.list[index];
    let median = |of: fn(&Sample) -> f64| stats::median(samples[index].iter().map(of));
    let ratio = ratios(arms, samples, index).and_then(|ratios| estimate(&ratios));
    let text = |of: fn(&Estimate) -> String| ratio.as_ref().map(of).unwrap_or_default();
    let verdict = ratio.filter(|_| arm.role == Role::Ours).map(|ratio| verdict(&ratio, BOUNDS[place]));
    [
        arm.name.to_owned(),
        format!("{:.0}", median(|sample| sample.rate)),
        format!("{:.3}", median(|sample| sample.server_us)),
        format!("{:.3}", median(|sample| sample.load_us)),
        text(|ratio| format!("{:.3}", ratio.median)),
        text(|ratio| format!("{:.3} to {:.3}", ratio.low, ratio.high)),
        verdict.unwrap_or_default(),
    ]
}

/// The ratios of an arm to its neighbours, one a round. The first null run is the neighbour and has none.
fn ratios(arms: &Arms, samples: &[Vec<Sample>], index: usize) -> Option<Vec<f64>> {
    let ratio = |sample: &Sample| sample.server_us / sample.base_us;
    (arms.list[index].role != Role::Base).then(|| samples[index].iter().map(ratio).collect())
}

fn verdict(ratio: &Estimate, bound: f64) -> String {
    format!("{} (at most {bound:.2})", ratio.verdict(bound).name())
}

fn compare_with_wrk(out: &mut String, ours: &[Sample], wrk: &[f64]) -> std::fmt::Result {
    let ratios: Vec<f64> = ours.iter().zip(wrk).map(|(ours, wrk)| ours.rate / wrk).collect();
    let (Some(rate), Some(ratio)) = (estimate(wrk), estimate(&ratios)) else { return Ok(()) };
    let Estimate { median, low, high, .. } = ratio;
    writeln!(out, "\nwrk -t1 on the same null responder: {:.0} requests/s;", rate.median)?;
    writeln!(out, "slipring-load does {median:.3} times as many ({low:.3} to {high:.3})")
}

fn plain(rows: &[[String; COLUMNS.len()]]) -> String {
    let header = COLUMNS.map(str::to_owned);
    let width = |column: usize| rows.iter().chain([&header]).map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; COLUMNS.len()] = std::array::from_fn(width);
    let line = |row: &[String; COLUMNS.len()]| {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            if is_number(column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let cells: Vec<_> = cells.collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    std::iter::once(&header).chain(rows).map(line).collect()
}

fn markdown(rows: &[[String; COLUMNS.len()]]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = std::array::from_fn::<_, { COLUMNS.len() }, _>(|column| if is_number(column) { "---:" } else { "---" });
    let head = line(&COLUMNS.map(str::to_owned)) + &line(&rule.map(str::to_owned));
    head + &rows.iter().map(|row| line(row)).collect::<String>()
}

/// Whether a column is set to the right.
fn is_number(column: usize) -> bool {
    (1..=5).contains(&column)
}
