//! A sweep as text: the answer first, then the curve as a table.

use std::fmt::{self, Write as _};

use crate::record::Verdict;
use crate::report::figure;
use crate::report::text::{Paint, Style};
use crate::sweep::{Answer, GAP_MAX, Outcome, Point, REPEATS, Step, Stop, Sweep};

/// The report as text, lines of at most 120 characters but for what others wrote.
pub fn text(sweep: &Sweep, paint: Paint) -> String {
    let mut out = String::new();
    write(sweep, paint, &mut out).expect("a String takes everything");
    out
}

fn write(sweep: &Sweep, paint: Paint, out: &mut String) -> fmt::Result {
    let objectives = sweep.objectives.join(" and ");
    writeln!(out, "{}", paint.styled(&headline(&sweep.answer, &objectives), style(&sweep.answer)))?;
    writeln!(out, "  {}", reason(&sweep.answer))?;
    if let Some(end) = early_end(sweep) {
        writeln!(out, "  {end}: the search was not brought to its end")?;
    }
    writeln!(out)?;
    setting(sweep, out)?;
    curve(sweep, out)?;
    unjudged(sweep, out)?;
    silent(sweep, out)?;
    tolerated(sweep, out)
}

/// What ended the search before its answer was confirmed, if anything did.
pub(in crate::report) fn early_end(sweep: &Sweep) -> Option<&'static str> {
    match (sweep.interrupted, sweep.gone) {
        (true, _) => Some("interrupted"),
        (_, true) => Some("the target stopped answering"),
        _ => None,
    }
}

pub(in crate::report) fn headline(answer: &Answer, objectives: &str) -> String {
    let rate = |rate: f64| figure::rate(Some(rate));
    match *answer {
        Answer::Between { met, failed } => {
            format!("{} requests/s meet {objectives}; {} do not", rate(met), rate(failed))
        }
        Answer::AtLeast { met, .. } => format!("at least {} requests/s meet {objectives}", rate(met)),
        Answer::Never { failed: Some(failed) } => {
            format!("no rate was found that meets {objectives}; {} requests/s do not", rate(failed))
        }
        Answer::Never { failed: None } => format!("nothing can be said of {objectives}: no step was valid"),
    }
}

fn style(answer: &Answer) -> Style {
    match answer {
        Answer::Between { .. } => Style::Green,
        Answer::AtLeast { .. } => Style::Yellow,
        Answer::Never { .. } => Style::Red,
    }
}

/// What an answer rests on.
pub(in crate::report) fn reason(answer: &Answer) -> String {
    let why = match answer {
        Answer::Between { .. } => {
            let gap = 100.0 * (GAP_MAX - 1.0);
            return format!(
                "met {REPEATS} times of {REPEATS}; the ends are within {gap:.0}% if all between could be judged"
            );
        }
        Answer::Never { failed: Some(_) } => return format!("no rate met them {REPEATS} times of {REPEATS}"),
        Answer::Never { failed: None } => return "the reasons stand beside the steps below".to_owned(),
        Answer::AtLeast { why, .. } => why,
    };
    let why = match why {
        Stop::Generator => "the generator gave out first: give it more threads or cores, or more machines",
        Stop::Disturbed => "the machine did not let a higher rate be measured",
        Stop::Limit => "no higher rate was asked for (--to)",
        Stop::Interrupted => "it was interrupted before a rate failed",
    };
    why.to_owned()
}

fn setting(sweep: &Sweep, out: &mut String) -> fmt::Result {
    let setup = &sweep.setup;
    let [step, settle] = [setup.duration_ns, setup.warmup_ns].map(|ns| figure::seconds(ns as f64 / 1e9));
    let connections = figure::plural(u64::from(setup.connections), "connection");
    writeln!(out, "{} {}", setup.method, setup.url)?;
    let steps = figure::plural(sweep.steps.len() as u64, "step");
    writeln!(out, "  open loop, {connections}; {steps} of {step} after {settle}")?;
    writeln!(out)
}

fn curve(sweep: &Sweep, out: &mut String) -> fmt::Result {
    let figure = &sweep.figure;
    writeln!(out, "{:>12}   {figure:>12}   {:<27}{:<8}fit", "requests/s", "range", "met")?;
    for point in &sweep.points {
        let fit = sweep.fit.and_then(|fit| fit.at(point.rate)).map(|value| shown(sweep, value)).unwrap_or_default();
        let bound = if point.is_bound { "> " } else { "" };
        let value = format!("{bound}{}", shown(sweep, point.value));
        let range = format!("{} to {}", shown(sweep, point.low), shown(sweep, point.high));
        let (rate, met) = (figure::rate(Some(point.rate)), met(point));
        writeln!(out, "{}", format!("{rate:>12}   {value:>12}   {range:<27}{met:<8}{fit}").trim_end())?;
    }
    Ok(())
}

pub(in crate::report) fn met(point: &Point) -> String {
    format!("{} of {}", point.met, point.steps)
}

pub(in crate::report) fn shown(sweep: &Sweep, value: f64) -> String {
    if sweep.unit == "us" { figure::time(value) } else { format!("{} {}", figure::number(value), sweep.unit) }
}

fn unjudged(sweep: &Sweep, out: &mut String) -> fmt::Result {
    let steps = sweep.steps.iter().filter(|step| !step.outcome.is_judged());
    for step in steps {
        let what = match step.outcome {
            Outcome::GeneratorShort => "the generator gave out",
            _ => "the machine was disturbed",
        };
        let reasons: Vec<_> = step.judgement.reasons.iter().map(|reason| reason.code.name()).collect();
        let rate = figure::rate(Some(step.rate));
        writeln!(out, "{rate:>12}   not judged: {what} ({})", reasons.join(", "))?;
    }
    Ok(())
}

/// Rates at which nothing at all was answered: that is another failure than being slow.
fn silent(sweep: &Sweep, out: &mut String) -> fmt::Result {
    let is_silent = |step: &&Step| step.outcome == Outcome::Failed && step.ok == 0 && step.achieved <= 0.0;
    sweep.steps.iter().filter(is_silent).try_for_each(|step| {
        let rate = figure::rate(Some(step.rate));
        writeln!(out, "{rate:>12}   failed: the target answered nothing")
    })
}

/// Suspicions under which a step still counts as having met its objectives.
fn tolerated(sweep: &Sweep, out: &mut String) -> fmt::Result {
    let met = sweep.steps.iter().filter(|step| step.outcome == Outcome::Met);
    let doubted: Vec<&Step> = met.filter(|step| step.judgement.verdict > Verdict::Valid).collect();
    let mut codes: Vec<_> =
        doubted.iter().flat_map(|step| &step.judgement.reasons).map(|one| one.code.name()).collect();
    codes.sort_unstable();
    codes.dedup();
    if codes.is_empty() {
        return Ok(());
    }
    let steps = figure::plural(doubted.len() as u64, "step");
    writeln!(out, "{steps} met all under a suspicion and count: none of these makes a figure better than it was")?;
    writeln!(out, "  ({})", codes.join(", "))
}
