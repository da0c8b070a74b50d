//! The text report: what wrk prints, and what it leaves out.

use std::fmt::Write as _;

use super::{quantile_us, us};
use crate::record::{ErrorKind, RunRecord, ThreadCpu};

const PERCENTILES: [(f64, &str); 5] = [(0.5, "p50"), (0.75, "p75"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")];

/// The report as text, lines of at most 100 characters but for the URL.
pub fn text(run: &RunRecord) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write(run, &mut out);
    out
}

fn write(run: &RunRecord, out: &mut String) -> std::fmt::Result {
    head(run, out)?;
    throughput(run, out)?;
    service_time(run, out)?;
    statuses(run, out)?;
    errors(run, out)?;
    cpu(run, out)
}

fn head(run: &RunRecord, out: &mut String) -> std::fmt::Result {
    let setup = &run.setup;
    writeln!(out, "{} {}", setup.method, setup.url)?;
    let (connections, threads) =
        (plural(u64::from(setup.connections), "connection"), plural(u64::from(setup.threads), "thread"));
    let (measured, warmup) = (seconds(run.measured_ns), seconds(setup.warmup_ns));
    writeln!(out, "  {connections}, pipeline {}, {threads}, {measured} after {warmup} of warm-up", setup.pipeline)?;
    writeln!(out, "  closed loop: percentiles are service time; queueing is not seen")?;
    if run.interrupted {
        writeln!(out, "  interrupted: the measure phase was cut short")?;
    }
    writeln!(out)
}

fn throughput(run: &RunRecord, out: &mut String) -> std::fmt::Result {
    let record = &run.record;
    let requests = &record.requests;
    writeln!(out, "requests/s    {:>12}   {} completed", rate(run.rate()), grouped(requests.completed))?;
    if requests.failed + requests.unanswered > 0 {
        let (failed, unanswered) = (grouped(requests.failed), grouped(requests.unanswered));
        writeln!(out, "              {:>12}   {failed} failed, {unanswered} unanswered", "")?;
    }
    let (wire, body) = (bytes(record.bytes.wire as f64), bytes(record.bytes.body as f64));
    writeln!(out, "bytes/s       {:>12}   {wire} received, {body} of it content", bytes(run.bytes_per_second()))
}

fn service_time(run: &RunRecord, out: &mut String) -> std::fmt::Result {
    let times = run.record.service.histogram();
    if times.is_empty() {
        return writeln!(out, "service time             -   no answer was measured");
    }
    let (mean, stdev) = (time(times.mean() / 1e3), time(times.stdev() / 1e3));
    writeln!(out, "service time  {:>12}   mean, {stdev} standard deviation, {} min", mean, time(us(times.min())))?;
    for (quantile, name) in PERCENTILES {
        match quantile_us(times, quantile) {
            Some(value) => writeln!(out, "              {:>12}   {name}", time(value))?,
            None => writeln!(out, "              {:>12}   {name}, withheld: too few samples", "-")?,
        }
    }
    writeln!(out, "              {:>12}   max", time(us(times.max())))?;
    if run.times().clamped() > 0 {
        writeln!(out, "              {:>12}   longer than 60 s, counted as 60 s", run.times().clamped())?;
    }
    Ok(())
}

fn statuses(run: &RunRecord, out: &mut String) -> std::fmt::Result {
    let list: Vec<_> = run.record.statuses().map(|(status, count)| format!("{status}: {}", grouped(count))).collect();
    writeln!(out, "status        {}", if list.is_empty() { "none".to_owned() } else { list.join(", ") })
}

fn errors(run: &RunRecord, out: &mut String) -> std::fmt::Result {
    let connections = &run.record.connections;
    let seen = ErrorKind::ALL.into_iter().filter(|&kind| run.record.errors(kind) > 0);
    let list: Vec<_> = seen.map(|kind| format!("{} {}", kind.name(), grouped(run.record.errors(kind)))).collect();
    writeln!(out, "errors        {}", if list.is_empty() { "none".to_owned() } else { list.join(", ") })?;
    if connections.failed + connections.reconnects > 0 {
        let (failed, again) = (grouped(connections.failed), grouped(connections.reconnects));
        writeln!(out, "connections   {} asked, {failed} not opened, {again} opened again", connections.asked)?;
    }
    Ok(())
}

fn cpu(run: &RunRecord, out: &mut String) -> std::fmt::Result {
    if let Some(us) = run.generator_us_per_request() {
        let shares: Vec<_> = run.threads.iter().filter_map(ThreadCpu::percent).map(|p| format!("{p:.0}%")).collect();
        writeln!(out, "generator     {:>9.3} us   CPU per request; {} of its core", us, shares.join(", "))?;
    }
    if let Some(us) = run.target_us_per_request() {
        writeln!(out, "target        {us:>9.3} us   CPU per request")?;
    }
    Ok(())
}

fn plural(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

fn seconds(ns: u64) -> String {
    format!("{:.3} s", ns as f64 / 1e9)
}

/// Microseconds with the unit that reads best.
fn time(us: f64) -> String {
    match us {
        us if us < 1e3 => format!("{us:.1} us"),
        us if us < 1e6 => format!("{:.2} ms", us / 1e3),
        us => format!("{:.3} s", us / 1e6),
    }
}

fn bytes(bytes: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match UNITS.iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{:.2} {unit}", bytes / size),
        None => format!("{bytes:.0} B"),
    }
}

fn rate(rate: f64) -> String {
    if rate < 1e3 { format!("{rate:.2}") } else { grouped(rate.round() as u64) }
}

/// Thousands apart by commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Setup;

    fn run() -> RunRecord {
        let setup = Setup {
            url: "http://127.0.0.1:8000/".to_owned(),
            method: "GET".to_owned(),
            connections: 64,
            threads: 1,
            pipeline: 1,
            warmup_ns: 1_000_000_000,
            ..Setup::default()
        };
        let threads = vec![ThreadCpu { busy_ns: Some(5_000_000), awake_ns: 5_000_000, wall_ns: 10_000_000 }];
        RunRecord { setup, threads, measured_ns: 10_000_000, ..RunRecord::default() }
    }

    #[test]
    fn a_run_reads_like_this() {
        let mut run = run();
        (1..=2_000_u64).for_each(|i| run.record.completed(i * 1_000, if i % 1_000 == 0 { 404 } else { 200 }));
        run.record.error(ErrorKind::Reset);
        run.record.settle();
        run.record.requests.failed = 3;
        let text = text(&run);
        let lines = [
            "GET http://127.0.0.1:8000/",
            "  64 connections, pipeline 1, 1 thread, 0.010 s after 1.000 s of warm-up",
            "requests/s         200,000   2,000 completed",
            "                             3 failed, 0 unanswered",
            "status        200: 1,998, 404: 2",
            "errors        reset 1",
            "generator         2.500 us   CPU per request; 50% of its core",
            "                         -   p99.9, withheld: too few samples",
        ];
        for line in lines {
            assert!(text.lines().any(|found| found.trim_end() == line), "{line:?} in\n{text}");
        }
        assert!(text.contains("p99\n") && text.contains("max"), "{text}");
    }

    #[test]
    fn a_run_without_an_answer_says_so() {
        assert!(text(&run()).contains("no answer was measured"));
    }

    #[test]
    fn numbers_with_units() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1.0, 12_345.0, 2_500_000.0].map(time), ["1.0 us", "12.35 ms", "2.500 s"]);
        assert_eq!([5.0, 1_500.0, 2.5e9].map(bytes), ["5 B", "1.50 kB", "2.50 GB"]);
    }
}
