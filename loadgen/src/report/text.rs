//! The text report: what wrk prints, and what it leaves out.

use std::fmt::{self, Write as _};

use super::document::Run;
use super::table::{self, Table};
use super::{figure, words};

/// How text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paint {
    /// As it is: files and pipes.
    #[default]
    Plain,
    /// With the sixteen colours of a terminal, which follow its theme.
    Colour,
}

/// The report as text, lines of at most 100 characters but for what others wrote.
pub(super) fn text(run: &Run, paint: Paint) -> String {
    let mut out = String::new();
    write(run, paint, &mut out).expect("a String takes everything");
    out
}

fn write(run: &Run, paint: Paint, out: &mut String) -> fmt::Result {
    head(run, paint, out)?;
    throughput(run, out)?;
    times(run, out)?;
    outcomes(run, paint, out)?;
    writeln!(out)?;
    columns(&table::cpu(run), out)?;
    thresholds(run, paint, out)
}

fn head(run: &Run, paint: Paint, out: &mut String) -> fmt::Result {
    writeln!(out, "{}", words::pace(run))?;
    let style = verdict_style(&run.verdict);
    writeln!(out, "{}: {}", paint.styled(&run.verdict.to_uppercase(), style), words::verdict(&run.verdict))?;
    for reason in &run.reasons {
        let level = paint.styled(&reason.level, verdict_style(&reason.level));
        let (value, limit) = (figure::number(reason.value), figure::number(reason.limit));
        writeln!(out, "  {level} {}: {} ({value}, limit {limit})", reason.code, reason.text)?;
    }
    for note in run.target_notes.iter().filter(|note| *note != "closed_loop") {
        writeln!(out, "  note {note}: {}", words::note(note))?;
    }
    writeln!(out)?;
    setting(run, out)
}

fn setting(run: &Run, out: &mut String) -> fmt::Result {
    writeln!(out, "{} {}", run.config.method, run.urls.join(" "))?;
    let (opened, threads) = (figure::grouped(run.connections.opened), figure::plural(u64::from(run.threads), "thread"));
    let asked = figure::plural(run.connections.asked, "connection");
    let (measured, warmup) = (figure::seconds(run.duration_s), figure::seconds(run.config.warmup_s));
    write!(out, "  {opened} of {asked}, pipeline {}, {threads}, ", run.config.pipeline)?;
    writeln!(out, "{measured} after {warmup} of warm-up")?;
    if run.interrupted {
        writeln!(out, "  interrupted: the measure phase was cut short of {}", figure::seconds(run.config.duration_s))?;
    }
    if !run.merged.is_empty() {
        writeln!(out, "  merged from {}", figure::plural(run.merged.len() as u64, "run"))?;
    }
    writeln!(out)
}

fn throughput(run: &Run, out: &mut String) -> fmt::Result {
    let (rate, requests, bytes) = (&run.rate, &run.requests, &run.bytes);
    let [sent, achieved] = [rate.sent, rate.achieved].map(figure::rate);
    if rate.offered.is_some() {
        writeln!(out, "requests/s    {} offered, {sent} sent, {achieved} achieved", figure::rate(rate.offered))?;
    } else {
        writeln!(out, "requests/s    {achieved}")?;
    }
    let count = |count: u64, what: &str| format!("{} {what}", figure::grouped(count));
    let always = [count(requests.due, "due"), count(requests.sent, "sent"), count(requests.completed, "completed")];
    let lost = [
        (requests.failed, "failed"),
        (requests.unanswered, "unanswered"),
        (requests.shed, "shed"),
        (requests.dropped, "dropped"),
    ];
    let lost = lost.into_iter().filter(|&(n, _)| n > 0).map(|(n, what)| count(n, what));
    writeln!(out, "requests      {}", always.into_iter().chain(lost).collect::<Vec<_>>().join(", "))?;
    let per_second = if run.duration_s > 0.0 { bytes.wire as f64 / run.duration_s } else { 0.0 };
    let [wire, body, sent] = [bytes.wire, bytes.body, bytes.sent].map(|bytes| figure::bytes(bytes as f64));
    let per_second = figure::bytes(per_second);
    writeln!(out, "bytes         {wire} received ({per_second}/s), {body} of it content; {sent} sent")
}

fn times(run: &Run, out: &mut String) -> fmt::Result {
    writeln!(out)?;
    let mut table = table::times(run);
    if table.rows.is_empty() {
        return writeln!(out, "time          no answer was measured");
    }
    "time".clone_into(&mut table.head[0]);
    columns(&table, out)?;
    if run.clamped > 0 {
        writeln!(out, "  {} longer than 60 s, counted as 60 s", figure::grouped(run.clamped))?;
    }
    if !run.stages.is_empty() {
        writeln!(out)?;
        columns(&table::stages(run), out)?;
    }
    writeln!(out)
}

fn outcomes(run: &Run, paint: Paint, out: &mut String) -> fmt::Result {
    let statuses = run.status.iter().map(|(status, &count)| format!("{status}: {}", figure::grouped(count)));
    let statuses: Vec<_> = statuses.collect();
    writeln!(out, "status        {}", list_or_none(&statuses))?;
    let seen = run.errors.kinds().into_iter().filter(|&(_, count)| count > 0);
    let errors: Vec<_> = seen.map(|(kind, count)| format!("{kind} {}", figure::grouped(count))).collect();
    let style = if errors.is_empty() { Style::None } else { Style::Red };
    writeln!(out, "errors        {}", paint.styled(&list_or_none(&errors), style))?;
    let connections = &run.connections;
    let events = [
        (connections.failed, "not opened"),
        (connections.reconnects, "opened again"),
        (connections.extra, "opened beyond those asked for"),
    ];
    let events = events.into_iter().filter(|&(count, _)| count > 0);
    let events: Vec<_> = events.map(|(count, what)| format!("{} {what}", figure::grouped(count))).collect();
    if !events.is_empty() {
        writeln!(out, "connections   {}", events.join(", "))?;
    }
    run.refusal.iter().try_for_each(|refusal| writeln!(out, "refused       {refusal}"))
}

fn thresholds(run: &Run, paint: Paint, out: &mut String) -> fmt::Result {
    if !run.thresholds.is_empty() {
        writeln!(out)?;
    }
    for threshold in &run.thresholds {
        let (word, style) = if threshold.pass { ("passed", Style::Green) } else { ("FAILED", Style::Red) };
        let value =
            threshold.value.map_or("withheld".to_owned(), |value| format!("measured {}", figure::number(value)));
        writeln!(out, "threshold     {} {}, {value}", threshold.expr, paint.styled(word, style))?;
    }
    Ok(())
}

fn list_or_none(list: &[String]) -> String {
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}

/// Cells of figures stand on the right of their column, the first and the last, where it has no head, on the left.
fn columns(table: &Table, out: &mut String) -> fmt::Result {
    const FIRST: usize = 13;
    let widths: Vec<usize> = (0..table.head.len())
        .map(|i| table.rows.iter().chain([&table.head]).map(|row| row[i].chars().count()).max().unwrap_or(0))
        .collect();
    for row in [&table.head].into_iter().chain(&table.rows) {
        let mut line = format!("{:<width$}", row[0], width = widths[0].max(FIRST));
        for (i, cell) in row.iter().enumerate().skip(1) {
            match table.head[i].as_str() {
                "" => write!(line, "   {cell}")?,
                _ => write!(line, "{cell:>width$}", width = widths[i].max(9) + 3)?,
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// What a word says by its colour, beside saying it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    None,
    Green,
    Yellow,
    Red,
}

pub(super) fn verdict_style(verdict: &str) -> Style {
    match verdict {
        "valid" => Style::Green,
        "suspect" => Style::Yellow,
        _ => Style::Red,
    }
}

impl Paint {
    pub(super) fn styled(self, text: &str, style: Style) -> String {
        let code = match style {
            Style::None => return text.to_owned(),
            Style::Green => 32,
            Style::Yellow => 33,
            Style::Red => 31,
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\x1b[1;{code}m{text}\x1b[0m"),
        }
    }
}
