//! The charts of a run.

use super::Figure;
use crate::plot::{Axis, Chart, Layer, Role};
use crate::record::{TAIL_SAMPLES_MIN, Times};
use crate::report::document::{Interval, Run};
use crate::report::table::{self, Table};
use crate::report::{Report, figure};

const HEIGHT_PX: u32 = 300;
/// Points of a curve for each nine.
const STEPS_PER_NINE: f64 = 40.0;
/// Intervals shorter than this share of the others say nothing of a rate.
const SHORT_SHARE: f64 = 0.2;

/// A figure of an interval: its name, its colour, itself.
type Curve = (&'static str, Role, fn(&Interval) -> Option<f64>);

/// Those that have something to show.
pub(super) fn of(report: &Report) -> Vec<Figure> {
    let run = &report.run;
    let all = [by_percentile(report), rates(run), latency(run), lag(run)];
    all.into_iter().flatten().collect()
}

fn by_percentile(report: &Report) -> Option<Figure> {
    let all = &report.distributions;
    // Where the two agree, the response time is seen.
    let named = [("service time", Role::Second, &all.service), ("response time", Role::First, &all.response)];
    let curves: Vec<_> = named.into_iter().map(|(name, role, times)| (name, role, curve(times))).collect();
    let values: Vec<f64> =
        curves.iter().flat_map(|(.., [exact, bound])| exact.iter().chain(bound)).map(|p| p[1]).collect();
    let last = curves.iter().flat_map(|(.., [exact, bound])| exact.last().into_iter().chain(bound.last()));
    let last = last.map(|point| point[0]).fold(0.0, f64::max);
    let (low, high) = ends(&values)?;
    let (mut layers, mut keys) = (Vec::new(), Vec::new());
    for (name, role, [exact, bound]) in curves {
        if !exact.is_empty() || !bound.is_empty() {
            keys.push((role, name.to_owned()));
        }
        if !bound.is_empty() {
            keys.push((Role::Bad, format!("{name}, at least: requests were given up")));
        }
        layers.push(Layer::Line(role, exact));
        layers.push(Layer::Line(Role::Bad, bound));
    }
    let chart = Chart {
        title: "Latency by percentile",
        x: Axis::tail(1.0 - 10_f64.powf(-last)),
        y: Axis::logarithmic(low..high, figure::tick),
        layers,
        height: HEIGHT_PX,
    };
    let about = "Each nine has the same room. A curve ends where fewer than 10 samples are left above it.";
    Some(Figure::new("Latency by percentile", about, &chart, keys, table::times(&report.run)))
}

/// Times by their place on the tail's axis, in microseconds: those that are exact, then those that are bounds.
fn curve(times: &Times) -> [Vec<[f64; 2]>; 2] {
    let mut curve = [Vec::new(), Vec::new()];
    let trusted = times.len() as f64 / TAIL_SAMPLES_MIN;
    if trusted < 1.0 {
        return curve;
    }
    let steps = (trusted.log10() * STEPS_PER_NINE).floor() as u32;
    for place in (0..=steps).map(|step| f64::from(step) / STEPS_PER_NINE) {
        let figure = times.quantile(1.0 - 10_f64.powf(-place));
        let Some(ns) = figure.ns() else { break };
        let point = [place, ns as f64 / 1e3];
        if figure.is_bound() && curve[1].is_empty() {
            // The two lines meet.
            curve[1].extend(curve[0].last().copied());
        }
        curve[usize::from(figure.is_bound())].push(point);
    }
    curve
}

fn rates(run: &Run) -> Option<Figure> {
    let whole = whole_intervals(run)?;
    let per_second = |count: fn(&Interval) -> u64| stairs(&whole, |one| Some(count(one) as f64 / one.duration_s));
    let (offered, achieved, errors) = (per_second(|i| i.due), per_second(|i| i.completed), per_second(|i| i.errors));
    let high = offered.iter().chain(&achieved).chain(&errors).flatten().map(|p| p[1]).fold(0.0, f64::max);
    let (mut layers, mut keys) = (Vec::new(), Vec::new());
    let mut add = |role, name: &str, lines: Vec<Vec<[f64; 2]>>| {
        keys.push((role, name.to_owned()));
        layers.extend(lines.into_iter().map(|line| Layer::Steps(role, line)));
    };
    if whole.iter().any(|one| one.errors > 0) {
        add(Role::Bad, "errors", errors);
    }
    add(Role::First, "answered", achieved);
    if !run.is_closed() {
        add(Role::Wanted, "due", offered);
    }
    let chart = Chart {
        title: "Requests a second over time",
        x: time_axis(run),
        y: Axis::linear(0.0..high.max(1.0), |rate| figure::grouped(rate as u64)),
        layers,
        height: HEIGHT_PX,
    };
    let about = interval_text(run, "Requests a second");
    Some(Figure::new("Rate over time", about, &chart, keys, table::rates(run)))
}

fn latency(run: &Run) -> Option<Figure> {
    let whole = whole_intervals(run)?;
    let named: [Curve; 4] = [
        ("max", Role::Bad, |one| one.max_us),
        ("p99", Role::Second, |one| one.p99_us),
        ("p90", Role::Third, |one| one.p90_us),
        ("p50", Role::First, |one| one.p50_us),
    ];
    over_time(
        run,
        &whole,
        &named,
        Words {
            title: "Latency over time",
            about: interval_text(run, if run.is_closed() { "Service times" } else { "Response times" }),
            table: table::latencies(run),
        },
    )
}

fn lag(run: &Run) -> Option<Figure> {
    let whole = whole_intervals(run)?;
    let named: [Curve; 1] = [("longest", Role::Fourth, |one| one.schedule_lag_max_us)];
    let about = "How late the generator itself was: a free connection stood ready, yet the request left late.";
    over_time(run, &whole, &named, Words { title: "Schedule lag", about: about.to_owned(), table: table::lags(run) })
}

struct Words {
    title: &'static str,
    about: String,
    table: Table,
}

/// Times over time, on a logarithmic axis.
fn over_time(run: &Run, whole: &[Interval], named: &[Curve], words: Words) -> Option<Figure> {
    let (mut layers, mut keys, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for &(name, role, value) in named {
        let lines = stairs(whole, value);
        if lines.is_empty() {
            continue;
        }
        keys.push((role, name.to_owned()));
        values.extend(lines.iter().flatten().map(|point| point[1]).filter(|us| *us > 0.0));
        layers.extend(lines.into_iter().map(|line| Layer::Steps(role, line)));
    }
    let (low, high) = ends(&values)?;
    let y = Axis::logarithmic(low..high, figure::tick);
    let chart = Chart { title: words.title, x: time_axis(run), y, layers, height: HEIGHT_PX };
    Some(Figure::new(words.title, words.about, &chart, keys, words.table))
}

/// The intervals that are long enough to have a rate; `None` if no two of them make a line.
fn whole_intervals(run: &Run) -> Option<Vec<Interval>> {
    let length = run.series.first()?.duration_s;
    let whole: Vec<_> = run.series.iter().filter(|one| one.duration_s > length * SHORT_SHARE).copied().collect();
    (whole.len() > 1).then_some(whole)
}

/// The values over time; where there is none, the line is broken.
fn stairs(whole: &[Interval], value: impl Fn(&Interval) -> Option<f64>) -> Vec<Vec<[f64; 2]>> {
    let runs = whole.chunk_by(|left, right| value(left).is_some() == value(right).is_some());
    let line = |run: &[Interval]| {
        let mut points: Vec<_> = run.iter().filter_map(|one| Some([one.start_s, value(one)?])).collect();
        // The last value holds to the end of its interval.
        let last = run.last().and_then(|one| Some([one.start_s + one.duration_s, value(one)?]));
        points.extend(last);
        points
    };
    runs.map(line).filter(|points| !points.is_empty()).collect()
}

fn time_axis(run: &Run) -> Axis {
    let end = run.series.last().map_or(1.0, |one| one.start_s + one.duration_s);
    Axis::exact(0.0..end, figure::seconds)
}

fn interval_text(run: &Run, what: &str) -> String {
    let length = run.series.first().map_or(1.0, |one| one.duration_s);
    format!("{what}, by intervals of {}.", figure::seconds(length))
}

fn ends(values: &[f64]) -> Option<(f64, f64)> {
    let low = values.iter().copied().reduce(f64::min)?;
    Some((low, values.iter().copied().fold(low, f64::max)))
}
