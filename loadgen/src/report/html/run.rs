//! The page of one run.

use askama::Template;

use super::{Doubt, Figure, Frame, Tile, capital, command_line, figures, footer};
use crate::report::Report;
use crate::report::document::{Run, Shown};
use crate::report::table::{self, Table};
use crate::report::{figure, words};

#[derive(Template)]
#[template(path = "run.html")]
struct Page<'a> {
    frame: Frame,
    run: &'a Run,
    pace: String,
    setting: String,
    tiles: Vec<Tile>,
    thresholds: Table,
    notes: Vec<String>,
    figures: Vec<Figure>,
    times: Table,
    stages: Table,
    requests: Table,
    outcomes: Table,
    cpu: Table,
    parts_of: Table,
    config: Table,
    host: Table,
    command: String,
}

/// The page of a report.
pub(in crate::report) fn page(report: &Report) -> String {
    let run = &report.run;
    let notes = run.target_notes.iter().filter(|note| *note != "closed_loop");
    let page = Page {
        frame: frame(run),
        run,
        pace: words::pace(run),
        setting: setting(run),
        tiles: tiles(run),
        thresholds: table::thresholds(run),
        notes: notes.map(|note| capital(words::note(note)) + ".").collect(),
        figures: figures::of(report),
        times: table::times(run),
        stages: table::stages(run),
        requests: table::requests(run),
        outcomes: table::outcomes(run),
        cpu: table::cpu(run),
        parts_of: table::parts(run),
        config: table::config(run),
        host: table::host(run),
        command: command_line(&run.command),
    };
    page.render().expect("a page is written into memory")
}

fn frame(run: &Run) -> Frame {
    let word = capital(&run.verdict);
    Frame {
        title: format!("{word}: {} {}", run.config.method, run.url),
        verdict: run.verdict.clone(),
        word,
        meaning: capital(words::verdict(&run.verdict)) + ".",
        reasons: run.reasons.iter().map(Doubt::of).collect(),
        footer: footer(&run.tool, &run.schema),
    }
}

fn setting(run: &Run) -> String {
    let opened = figure::grouped(run.connections.opened);
    let (asked, threads) =
        (figure::plural(run.connections.asked, "connection"), figure::plural(u64::from(run.threads), "thread"));
    let (measured, warmup) = (figure::seconds(run.duration_s), figure::seconds(run.config.warmup_s));
    let pipeline = match run.config.pipeline {
        0 | 1 => String::new(),
        depth => format!(", {depth} requests in flight on each"),
    };
    let cut = if run.interrupted { ", interrupted" } else { "" };
    format!(
        "{opened} of {asked}{pipeline}, {threads}, {measured} after {warmup} of warm-up{cut}; started {}",
        run.started_at
    )
}

fn tiles(run: &Run) -> Vec<Tile> {
    let (_, times) = run.times();
    let time = |name: &str| times.map_or(Shown::Withheld, |times| times.figure(name));
    let offered = run.rate.offered.map(|rate| format!("of {} offered", figure::rate(Some(rate))));
    let what = if run.is_closed() { "service time" } else { "response time" };
    let latency = |name, field| Tile::new(name, figure::shown(time(field)), what);
    let lost = run.requests.due - run.requests.ok.min(run.requests.due);
    let of_due = format!("of {} due", figure::grouped(run.requests.due));
    let lost_more = match lost {
        0 => of_due,
        _ => format!("{} {of_due}", figure::percent(lost as f64 / run.requests.due as f64)),
    };
    let mut all = vec![
        Tile::new("requests/s", figure::rate(run.rate.achieved), offered.unwrap_or_default()),
        latency("p50", "p50"),
        latency("p99", "p99"),
        latency("p99.9", "p99_9"),
        latency("max", "max"),
        Tile { failed: lost > 0, ..Tile::new("not ok", figure::grouped(lost), lost_more) },
    ];
    let target = run.target.as_ref().and_then(|target| target.cpu_us_per_request);
    if let Some(us) = target {
        all.push(Tile::new("target CPU", figure::time(us), "for each answer"));
    }
    if let Some(us) = run.generator.cpu_us_per_request {
        all.push(Tile::new("generator CPU", figure::time(us), "for each answer"));
    }
    all
}
