//! The page of a comparison: the answers, a forest plot, and every pair.

use askama::Template;

use super::{Doubt, Figure, Frame, Tile, capital, command_line, footer};
use crate::compare::{Answer, Comparison, Row};
use crate::plot::{Axis, Chart, Layer, Role};
use crate::report::compare::text::{BOUNDS, between, in_words, levels, pairs, percent, saturation, signed};
use crate::report::document::Tool;
use crate::report::table::Table;
use crate::report::{figure, words};

/// Pixels for one metric.
const ROW_PX: u32 = 58;
/// Share of the pairs that the axis is made for; those farther out are counted instead.
const PAIRS_SHOWN: f64 = 0.95;

#[derive(Template)]
#[template(path = "compare.html")]
struct Page {
    frame: Frame,
    title: String,
    tiles: Vec<Tile>,
    figures: Vec<Figure>,
    setting: Table,
    command: String,
}

/// The page of a comparison.
pub(in crate::report) fn page(comparison: &Comparison, command: &[String]) -> String {
    let figures = [forest(comparison), course(comparison)];
    let page = Page {
        frame: frame(comparison),
        title: format!("B {} against A {}", comparison.arms[1].url, comparison.arms[0].url),
        tiles: comparison.primaries().map(|row| tile(row, comparison)).collect(),
        figures: figures.into_iter().flatten().collect(),
        setting: setting(comparison),
        command: command_line(command),
    };
    page.render().expect("a page is written into memory")
}

fn frame(comparison: &Comparison) -> Frame {
    let verdict = comparison.verdict.name();
    let doubt = |doubt: &crate::compare::Doubt| Doubt {
        code: doubt.code.name().to_owned(),
        level: doubt.level.name().to_owned(),
        text: doubt.text.clone(),
        value: figure::number(doubt.value),
        limit: figure::number(doubt.limit),
    };
    Frame {
        title: format!(
            "{} comparison: {} against {}",
            capital(verdict),
            comparison.arms[1].url,
            comparison.arms[0].url
        ),
        verdict: verdict.to_owned(),
        word: format!("{} comparison", capital(verdict)),
        meaning: capital(words::verdict(verdict)) + ".",
        reasons: comparison.doubts.iter().map(doubt).collect(),
        footer: footer(&Tool::this(), "slipring-load-compare/1"),
    }
}

fn tile(row: &Row, comparison: &Comparison) -> Tile {
    let (answer, _) = in_words(row, comparison.design.margin);
    let rounds = match row.answer {
        Some(Answer::CannotTell { rounds: Some(rounds) }) => {
            format!("; about {} rounds would tell", figure::grouped(u64::from(rounds)))
        }
        Some(Answer::CannotTell { rounds: None }) if row.bounds != (false, false) => format!("; {BOUNDS}"),
        _ => String::new(),
    };
    let interval = row.finding.as_ref().map_or_else(|| "not measured".to_owned(), between);
    Tile::new(row.metric.title(), answer.to_lowercase(), format!("interval {interval}{rounds}"))
}

/// Metrics from the top down, each with its interval, its estimate and its pairs.
fn forest(comparison: &Comparison) -> Option<Figure> {
    let rows: Vec<_> = comparison.rows.iter().filter_map(|row| Some((row, row.finding.as_ref()?))).collect();
    let margin = comparison.design.margin;
    let limit = limit(comparison, &rows);
    let count = rows.len() as f64;
    let mut layers = vec![
        Layer::Area(Role::Band, [change(1.0 / (1.0 + margin)), 0.0], [100.0 * margin, count]),
        Layer::Line(Role::Frame, vec![[0.0, 0.0], [0.0, count]]),
    ];
    for (place, (row, finding)) in rows.iter().enumerate() {
        let top = count - place as f64;
        let (role, y) = (role(row), top - 0.5);
        let dots = row.log_ratios.iter().map(|log| [change(log.exp()), top - 0.78]);
        layers.push(Layer::Points(role, dots.filter(|dot| dot[0].abs() <= limit).collect()));
        layers.push(Layer::Range(role, [change(finding.interval.low), y], [change(finding.interval.high), y]));
        layers.push(Layer::Marks(role, vec![[change(finding.ratio), y]]));
        layers.push(Layer::Label([-limit, top - 0.12], row.metric.title().to_owned()));
    }
    let chart = Chart {
        title: "Change from A to B by metric, with intervals",
        x: Axis::exact(-limit..limit, |at| change_name(at, limit < 3.0)),
        y: Axis::bare(0.0..count.max(1.0)),
        layers,
        height: ROW_PX * rows.len() as u32 + 44,
    };
    let shown: Vec<Role> = rows.iter().map(|(row, _)| role(row)).collect();
    let keys = [
        (Role::Third, "lower".to_owned()),
        (Role::Bad, "higher".to_owned()),
        (Role::First, "same".to_owned()),
        (Role::Second, "cannot tell".to_owned()),
        (Role::Wanted, "exploratory, no answer".to_owned()),
        (Role::Band, format!("within ±{}", percent(margin))),
    ];
    let keys = keys.into_iter().filter(|(role, _)| *role == Role::Band || shown.contains(role)).collect();
    let about = "Left is lower, and lower is better. The disc is the estimate, the line its interval, the dots below are the pairs.";
    (!rows.is_empty()).then(|| Figure::new("Change from A to B", about, &chart, keys, findings(comparison)))
}

/// Half the axis in percent: all intervals, the margin, and most pairs.
fn limit(comparison: &Comparison, rows: &[(&Row, &crate::compare::Finding)]) -> f64 {
    let ends = rows.iter().flat_map(|(_, finding)| [finding.interval.low, finding.interval.high]);
    let ends = ends.map(|ratio| change(ratio).abs()).filter(|end| end.is_finite());
    let mut dots: Vec<f64> =
        rows.iter().flat_map(|(row, _)| &row.log_ratios).map(|log| change(log.exp()).abs()).collect();
    dots.sort_by(f64::total_cmp);
    let most = dots.get((dots.len() as f64 * PAIRS_SHOWN) as usize).copied().unwrap_or(0.0);
    ends.fold(150.0 * comparison.design.margin, f64::max).max(most) * 1.05
}

fn role(row: &Row) -> Role {
    match row.answer {
        Some(Answer::Lower) => Role::Third,
        Some(Answer::Higher) => Role::Bad,
        Some(Answer::Same) => Role::First,
        Some(Answer::CannotTell { .. }) => Role::Second,
        None => Role::Wanted,
    }
}

fn findings(comparison: &Comparison) -> Table {
    let mut table = Table::new(["metric", "answer", "estimate", "from", "to", "confidence", "p", "a", "b"]);
    for row in &comparison.rows {
        let Some(finding) = &row.finding else { continue };
        let answer = row.answer.map_or("exploratory", |answer| answer.name()).replace('_', " ");
        let [a, b] = [row.a, row.b].map(figure::value_or_dash);
        table.row([
            row.metric.title().to_owned(),
            answer,
            signed(finding.ratio),
            signed(finding.interval.low),
            signed(finding.interval.high),
            percent(1.0 - finding.level),
            format!("{:.2e}", finding.p),
            a,
            b,
        ]);
    }
    table
}

/// The primaries' pairs in the order of measurement: drift would show.
fn course(comparison: &Comparison) -> Option<Figure> {
    let primaries: Vec<&Row> = comparison.primaries().filter(|row| !row.log_ratios.is_empty()).collect();
    let roles = [Role::First, Role::Second];
    let percents = |row: &Row| row.log_ratios.iter().map(|log| change(log.exp())).collect::<Vec<_>>();
    let all: Vec<f64> = primaries.iter().flat_map(|row| percents(row)).collect();
    let low = all.iter().copied().fold(0.0, f64::min);
    let high = all.iter().copied().fold(0.0, f64::max);
    let length = primaries.iter().map(|row| row.log_ratios.len()).max()?;
    let mut layers = vec![Layer::Line(Role::Frame, vec![[0.0, 0.0], [length as f64 + 1.0, 0.0]])];
    for (row, role) in primaries.iter().zip(roles) {
        let points: Vec<_> = percents(row).into_iter().zip(1_u32..).map(|(y, x)| [f64::from(x), y]).collect();
        layers.push(Layer::Line(role, points.clone()));
        layers.push(Layer::Points(role, points));
    }
    let chart = Chart {
        title: "Change from A to B by pair, in the order of measurement",
        x: Axis::exact(0.0..length as f64 + 1.0, |at| {
            if at == 0.0 || at.fract() != 0.0 { String::new() } else { format!("{at:.0}") }
        }),
        y: Axis::linear(low..high.max(low + 0.1), |at| change_name(at, high - low < 6.0)),
        layers,
        height: 260,
    };
    let keys = primaries.iter().zip(roles).map(|(row, role)| (role, row.metric.title().to_owned())).collect();
    Some(Figure::new(
        "Pairs in their order",
        "Every pair of adjacent blocks. A drift that hurts one server alone would show here.",
        &chart,
        keys,
        course_table(&primaries),
    ))
}

fn course_table(primaries: &[&Row]) -> Table {
    let titles = primaries.iter().map(|row| row.metric.title().to_owned());
    let head = ["pair".to_owned()].into_iter().chain(titles).collect();
    let length = primaries.iter().map(|row| row.log_ratios.len()).max().unwrap_or(0);
    let cell = |row: &&Row, i: usize| row.log_ratios.get(i).map_or("-".to_owned(), |log| signed(log.exp()));
    let rows = (0..length)
        .map(|i| [(i + 1).to_string()].into_iter().chain(primaries.iter().map(|row| cell(row, i))).collect());
    Table { head, rows: rows.collect() }
}

fn setting(comparison: &Comparison) -> Table {
    let design = &comparison.design;
    let mut table = Table::new(["option", "value"]);
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    for (name, arm) in ["A", "B"].iter().zip(&comparison.arms) {
        row(name, arm.url.clone());
        if let Some(command) = &arm.command {
            row(&format!("{name}'s command"), command.clone());
        }
    }
    let used = comparison.blocks.iter().filter(|block| block.used).count() / 4;
    row("rate", format!("{} requests/s to one at a time; {}", figure::rate(Some(design.rate)), saturation(comparison)));
    row(
        "rounds",
        format!(
            "{used} of {}, ABBA or BAAB by the seed {}; {} repeated",
            design.rounds, design.seed, comparison.repeats
        ),
    );
    let [block, settle] = [design.block_ns, design.settle_ns].map(|ns| figure::seconds(ns as f64 / 1e9));
    row("block", format!("{block} after {settle}"));
    row("test", format!("exact signed-rank on ln(b/a) of {}", pairs(comparison)));
    row("intervals", format!("Hodges and Lehmann, {} (Holm, family-wise alpha {})", levels(comparison), design.alpha));
    row("placement", comparison.placement.clone());
    comparison.options.iter().for_each(|(name, value)| row(name, value.clone()));
    for (name, value) in [("kernel", &comparison.host.kernel), ("processor", &comparison.host.cpu)] {
        row(name, value.clone().unwrap_or_else(|| "not known".to_owned()));
    }
    table
}

/// What stands at a tick.
fn change_name(percent: f64, is_fine: bool) -> String {
    if percent.abs() < 1e-9 { "0%".to_owned() } else { format!("{percent:+.*}%", usize::from(is_fine)) }
}

/// A ratio as a change in percent.
fn change(ratio: f64) -> f64 {
    100.0 * (ratio - 1.0)
}
