//! A comparison as text: the answers first, then what they rest on.

use std::fmt::{self, Write as _};

use crate::compare::{Answer, Comparison, Finding, Interval, Row};
use crate::report::text::{Paint, Style, verdict_style};
use crate::report::{figure, words};

/// Why there is no answer where figures are bounds.
pub(in crate::report) const BOUNDS: &str = "requests that did not end are among these figures, which may be any longer";

/// The report as text, lines of at most 120 characters but for what others wrote.
pub fn text(comparison: &Comparison, paint: Paint) -> String {
    let mut out = String::new();
    write(comparison, paint, &mut out).expect("a String takes everything");
    out
}

fn write(comparison: &Comparison, paint: Paint, out: &mut String) -> fmt::Result {
    writeln!(out, "B AGAINST A")?;
    for row in comparison.primaries() {
        answer(row, comparison, paint, out)?;
    }
    writeln!(out)?;
    verdict(comparison, paint, out)?;
    setting(comparison, out)?;
    exploratory(comparison, out)
}

fn answer(row: &Row, comparison: &Comparison, paint: Paint, out: &mut String) -> fmt::Result {
    let (words, style) = in_words(row, comparison.design.margin);
    let padded = format!("{words:<20}");
    writeln!(out, "  {:<24}{}{}", row.metric.title(), paint.styled(&padded, style), figures(row))?;
    let why = match row.answer {
        Some(Answer::CannotTell { rounds: None }) if row.finding.is_none() => "it was not measured".to_owned(),
        Some(Answer::CannotTell { rounds: None }) if row.bounds != (false, false) => BOUNDS.to_owned(),
        Some(Answer::CannotTell { rounds: None }) => "too few rounds for any interval at this level".to_owned(),
        Some(Answer::CannotTell { rounds: Some(rounds) }) => {
            let more = if rounds > crate::compare::ROUNDS_MAX { "; longer blocks may do it with fewer" } else { "" };
            format!("about {} rounds would tell (--rounds){more}", figure::grouped(u64::from(rounds)))
        }
        Some(answer) if answer.is_difference() && is_within(row, comparison.design.margin) => {
            format!("a true difference, and smaller than {} either way", percent(comparison.design.margin))
        }
        _ => return Ok(()),
    };
    writeln!(out, "  {:24}{why}", "")
}

/// The answer, and how grave it is.
pub(in crate::report) fn in_words(row: &Row, margin: f64) -> (String, Style) {
    let change = row.finding.as_ref().map_or(0.0, |finding| finding.ratio - 1.0);
    match row.answer {
        Some(Answer::Lower) => (format!("{} LOWER", percent(-change)), Style::Green),
        Some(Answer::Higher) => (format!("{} HIGHER", percent(change)), Style::Red),
        Some(Answer::Same) => (format!("same within ±{}", percent(margin)), Style::Green),
        Some(Answer::CannotTell { .. }) => ("cannot tell".to_owned(), Style::Yellow),
        None => (row.finding.as_ref().map_or("-".to_owned(), |finding| signed(finding.ratio)), Style::None),
    }
}

fn is_within(row: &Row, margin: f64) -> bool {
    let inside = |interval: Interval| 1.0 / (1.0 + margin) <= interval.low && interval.high <= 1.0 + margin;
    row.finding.as_ref().is_some_and(|finding| inside(finding.interval))
}

/// Interval and medians.
fn figures(row: &Row) -> String {
    let between = row.finding.as_ref().map_or_else(|| "-".to_owned(), between);
    let [a, b] = [row.a, row.b].map(figure::value_or_dash);
    format!("{between:<22}a {a:>9}   b {b:>9}")
}

pub(in crate::report) fn between(finding: &Finding) -> String {
    let Interval { low, high } = finding.interval;
    if low > 0.0 && high.is_finite() { format!("{} to {}", signed(low), signed(high)) } else { "anything".to_owned() }
}

/// A ratio as a change: 1.031 is `+3.1%`.
pub(in crate::report) fn signed(ratio: f64) -> String {
    let change = 100.0 * (ratio - 1.0);
    if change.abs() < 1.0 { format!("{change:+.2}%") } else { format!("{change:+.1}%") }
}

pub(in crate::report) fn percent(share: f64) -> String {
    let text = if share < 0.01 { format!("{:.2}", 100.0 * share) } else { format!("{:.1}", 100.0 * share) };
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

fn verdict(comparison: &Comparison, paint: Paint, out: &mut String) -> fmt::Result {
    let name = comparison.verdict.name();
    writeln!(out, "{}: {}", paint.styled(&name.to_uppercase(), verdict_style(name)), words::verdict(name))?;
    for doubt in &comparison.doubts {
        let level = paint.styled(doubt.level.name(), verdict_style(doubt.level.name()));
        writeln!(out, "  {level} {}: {}", doubt.code.name(), doubt.text)?;
    }
    writeln!(out)
}

fn setting(comparison: &Comparison, out: &mut String) -> fmt::Result {
    let design = &comparison.design;
    for (name, arm) in ["a", "b"].iter().zip(&comparison.arms) {
        let command = arm.command.as_ref().map(|command| format!("   {command}")).unwrap_or_default();
        writeln!(out, "{name}  {}{command}", arm.url)?;
    }
    let rounds = comparison.blocks.iter().filter(|block| block.used).count() / 4;
    let [block, settle] = [design.block_ns, design.settle_ns].map(|ns| figure::seconds(ns as f64 / 1e9));
    let rate = figure::rate(Some(design.rate));
    writeln!(out, "   {rate} requests/s to one at a time, an open loop; {}", saturation(comparison))?;
    write!(out, "   {} of ABBA or BAAB (seed {}), ", figure::plural(rounds as u64, "round"), design.seed)?;
    writeln!(out, "blocks of {block} after {settle}; {} repeated", comparison.repeats)?;
    writeln!(out, "   {}", comparison.placement)?;
    let (alpha, levels) = (design.alpha, levels(comparison));
    writeln!(out, "   exact signed-rank test on ln(b/a) of {}", pairs(comparison))?;
    writeln!(out, "   family-wise alpha {alpha}, so intervals of {levels} (Holm), by Hodges and Lehmann")?;
    writeln!(out)
}

pub(in crate::report) fn saturation(comparison: &Comparison) -> String {
    match &comparison.arms {
        [a, b] if a.saturation.is_some() && b.saturation.is_some() => {
            let [a, b] = [a, b].map(|arm| figure::rate(arm.saturation));
            format!("saturated at {a} (a) and {b} (b)")
        }
        _ => "as given with -R".to_owned(),
    }
}

pub(in crate::report) fn pairs(comparison: &Comparison) -> String {
    let counts = comparison.primaries().map(|row| row.log_ratios.len() as u64);
    figure::plural(counts.max().unwrap_or(0), "adjacent pair")
}

pub(in crate::report) fn levels(comparison: &Comparison) -> String {
    let levels = comparison.primaries().filter_map(|row| Some(percent(1.0 - row.finding.as_ref()?.level)));
    let mut levels: Vec<String> = levels.collect();
    levels.dedup();
    levels.join(" and ")
}

fn exploratory(comparison: &Comparison, out: &mut String) -> fmt::Result {
    let mut rows = comparison.rows.iter().filter(|row| row.answer.is_none()).peekable();
    if rows.peek().is_some() {
        writeln!(out, "exploratory: 95% intervals and no answers, for among so many one is always unusual")?;
    }
    rows.try_for_each(|row| {
        let (words, _) = in_words(row, comparison.design.margin);
        writeln!(out, "  {:<24}{words:<20}{}", row.metric.title(), figures(row))
    })
}
