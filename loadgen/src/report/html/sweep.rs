//! The page of a sweep: the answer, and the curve of latency over load.

use askama::Template;

use super::{Figure, Frame, Tile, capital, command_line, footer};
use crate::plot::{Axis, Chart, Layer, Role};
use crate::report::document::Tool;
use crate::report::figure;
use crate::report::sweep::text::{early_end, headline, met, reason, shown};
use crate::report::table::Table;
use crate::sweep::{Answer, Point, Sweep};

/// Points of the fitted curve.
const FIT_STEPS: u32 = 100;

#[derive(Template)]
#[template(path = "sweep.html")]
struct Page {
    frame: Frame,
    title: String,
    lede: String,
    tiles: Vec<Tile>,
    figure: Option<Figure>,
    steps: Table,
    setting: Table,
    command: String,
}

/// The page of a sweep.
pub(in crate::report) fn page(sweep: &Sweep, command: &[String]) -> String {
    let setup = &sweep.setup;
    let [step, settle] = [setup.duration_ns, setup.warmup_ns].map(|ns| figure::seconds(ns as f64 / 1e9));
    let steps = figure::plural(sweep.steps.len() as u64, "step");
    let page = Page {
        frame: frame(sweep),
        title: format!("{} {}", setup.method, setup.url),
        lede: format!("Open loop, {steps} of {step} after {settle}; objective {}.", sweep.objectives.join(" and ")),
        tiles: tiles(sweep),
        figure: curve(sweep),
        steps: steps_table(sweep),
        setting: setting(sweep),
        command: command_line(command),
    };
    page.render().expect("a page is written into memory")
}

/// A sweep's answer stands where other pages have their verdict: each step that counts was valid.
fn frame(sweep: &Sweep) -> Frame {
    let verdict = match sweep.answer {
        _ if sweep.interrupted || sweep.gone => "suspect",
        Answer::Between { .. } => "valid",
        Answer::AtLeast { .. } => "suspect",
        Answer::Never { .. } => "invalid",
    };
    let word = capital(&headline(&sweep.answer, &sweep.objectives.join(" and ")));
    let end = early_end(sweep).map(|end| format!(" {}: the search was not brought to its end.", capital(end)));
    Frame {
        title: format!("Sweep: {word}"),
        verdict: verdict.to_owned(),
        meaning: format!("{}.{}", capital(&reason(&sweep.answer)), end.unwrap_or_default()),
        word,
        reasons: Vec::new(),
        footer: footer(&Tool::this(), "slipring-load-sweep/1"),
    }
}

fn tiles(sweep: &Sweep) -> Vec<Tile> {
    let rate = |rate: f64| figure::rate(Some(rate));
    let (met, failed) = match sweep.answer {
        Answer::Between { met, failed } => (Some(met), Some(failed)),
        Answer::AtLeast { met, .. } => (Some(met), None),
        Answer::Never { failed } => (None, failed),
    };
    let at = |wanted: f64| sweep.points.iter().find(|point| point.rate.to_bits() == wanted.to_bits());
    let at =
        |rate: Option<f64>| rate.and_then(at).map(|point| format!("{} {}", sweep.figure, shown(sweep, point.value)));
    let mut all = Vec::new();
    all.extend(
        met.map(|met| Tile::new("highest that met it", format!("{}/s", rate(met)), at(Some(met)).unwrap_or_default())),
    );
    all.extend(
        failed
            .map(|low| Tile::new("lowest that failed", format!("{}/s", rate(low)), at(Some(low)).unwrap_or_default())),
    );
    if let Some(fit) = sweep.fit {
        all.push(Tile::new("idle, by the curve", shown(sweep, fit.idle), sweep.figure.clone()));
    }
    all
}

fn curve(sweep: &Sweep) -> Option<Figure> {
    let highest = sweep.points.last()?.rate;
    let values = sweep.points.iter().flat_map(|point| [point.low, point.value, point.high]).chain(sweep.bound);
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    let name = |value: f64| {
        if sweep.unit == "us" { figure::tick(value) } else { format!("{} {}", figure::number(value), sweep.unit) }
    };
    let x = Axis::linear(0.0..highest, |rate| figure::grouped(rate as u64));
    let y = Axis::logarithmic(low..high, name);
    let (bottom, top) = (10_f64.powf(y.range.start), 10_f64.powf(y.range.end));
    let (mut layers, mut keys) = (Vec::new(), Vec::new());
    if let Answer::Between { met, failed } = sweep.answer {
        layers.push(Layer::Area(Role::Band, [met, bottom], [failed, top]));
        keys.push((Role::Band, "the limit lies here".to_owned()));
    }
    if let Some(bound) = sweep.bound {
        layers.push(Layer::Line(Role::Wanted, vec![[0.0, bound], [x.range.end, bound]]));
        keys.push((Role::Wanted, sweep.objectives.first().cloned().unwrap_or_default()));
    }
    if let Some(fit) = sweep.fit {
        let rates = (0..=FIT_STEPS).map(|i| fit.from + (fit.to - fit.from) * f64::from(i) / f64::from(FIT_STEPS));
        layers.push(Layer::Line(Role::First, rates.filter_map(|rate| Some([rate, fit.at(rate)?])).collect()));
        keys.push((Role::First, "fitted curve".to_owned()));
    }
    for point in &sweep.points {
        let role = role(point);
        layers.push(Layer::Range(role, [point.rate, point.low], [point.rate, point.high]));
        layers.push(Layer::Marks(role, vec![[point.rate, point.value]]));
    }
    keys.extend([(Role::Third, "met in every step".to_owned()), (Role::Bad, "failed".to_owned())]);
    let chart = Chart { title: "Latency over load", x, y, layers, height: 380 };
    let about = format!(
        "The {} by requests a second offered. The disc is the median of the steps at a rate, the line the range within them.",
        sweep.figure
    );
    Some(Figure::new("Latency over load", about, &chart, keys, points_table(sweep)))
}

fn role(point: &Point) -> Role {
    if point.met == point.steps { Role::Third } else { Role::Bad }
}

fn points_table(sweep: &Sweep) -> Table {
    let mut table = Table::new(["requests/s", "value", "lowest", "highest", "met", "fit"]);
    for point in &sweep.points {
        let bound = if point.is_bound { "> " } else { "" };
        let [value, low, high] = [point.value, point.low, point.high].map(|value| shown(sweep, value));
        let fit = sweep.fit.and_then(|fit| fit.at(point.rate)).map_or("-".to_owned(), |value| shown(sweep, value));
        table.row([figure::rate(Some(point.rate)), format!("{bound}{value}"), low, high, met(point), fit]);
    }
    table
}

fn steps_table(sweep: &Sweep) -> Table {
    let mut table = Table::new(["step", "offered/s", "achieved/s", "value", "due", "ok", "outcome", "verdict"]);
    for (step, number) in sweep.steps.iter().zip(1_u64..) {
        let [rate, achieved] = [step.rate, step.achieved].map(|rate| figure::rate(Some(rate)));
        let value = step.value.map_or("-".to_owned(), |value| shown(sweep, value));
        let [due, ok] = [step.due, step.ok].map(figure::grouped);
        let bound = if step.is_bound { "> " } else { "" };
        let (outcome, verdict) = (step.outcome.name().replace('_', " "), step.judgement.verdict.name().to_owned());
        table.row([number.to_string(), rate, achieved, format!("{bound}{value}"), due, ok, outcome, verdict]);
    }
    table
}

fn setting(sweep: &Sweep) -> Table {
    let setup = &sweep.setup;
    let mut table = Table::new(["option", "value"]);
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("objectives", sweep.objectives.join(", "));
    row("connections", figure::grouped(u64::from(setup.connections)));
    row("threads", setup.threads.to_string());
    row("seed", setup.seed.to_string());
    setup.options.iter().for_each(|(name, value)| row(name, value.clone()));
    for (name, value) in [("kernel", &sweep.host.kernel), ("processor", &sweep.host.cpu)] {
        row(name, value.clone().unwrap_or_else(|| "not known".to_owned()));
    }
    table
}
