//! Whether `compare` tells the truth: a server against itself, and against one that burns a known share more.
//!
//! Each run starts two servers and compares them by the very code of `slipring-load compare`, with short blocks. Against
//! itself it must find no difference: both are told the same number of turns, which is found once. Every server burns some CPU time for a request, as one with work to do does;
//! against one that burns a share more, the ratio that the two servers *logged* must lie in the interval of the target
//! CPU, and a share beyond the margin must never be called the same. They are loaded so little that a request seldom
//! finds another one before it: the busier a server is, the fewer of its requests pay for waking it, so that one that
//! burns 5% more would cost less than 5% more. A wrong run is printed as such; the command then ends with status 1.

use std::env;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use slipring_load::cli::compare::{Course, compare};
use slipring_load::cli::{self, Failure};
use slipring_load::compare::{Answer, Comparison, Metric, Row};
use tempfile::TempDir;
use thiserror::Error;

use crate::burn::{Burnt, turns_per_ns};

/// How `compare-truth` is called.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Comparisons of the server with itself
    #[arg(long, default_value_t = 20)]
    same: u32,
    /// Comparisons with each server that burns more
    #[arg(long, default_value_t = 10)]
    different: u32,
    /// How much more they burn, in percent
    #[arg(long, value_delimiter = ',', default_value = "3,5,10")]
    percent: Vec<f64>,
    /// CPU nanoseconds that every server burns for a request
    #[arg(long, default_value_t = 100_000)]
    base_ns: u64,
    /// Requests a second
    #[arg(short = 'R', long, default_value = "1000")]
    rate: String,
    /// How long a block measures
    #[arg(long, default_value = "250ms")]
    block: String,
    /// What it discards before it
    #[arg(long, default_value = "50ms")]
    settle: String,
    /// Rounds of a comparison
    #[arg(long, default_value = "36")]
    rounds: String,
    /// Seed of the first comparison; the others count on from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Why the truth was not found.
#[derive(Debug, Error)]
pub(crate) enum TruthError {
    /// The command line of a comparison, or its servers.
    #[error("{}", .0.message)]
    Compare(Failure),
    /// Files and processes.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A server wrote no log, or the CPU time could not be read.
    #[error("{0}")]
    Unknown(&'static str),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// More wrong answers than must be.
    #[error("wrong answers: {0}")]
    Wrong(String),
}

impl From<Failure> for TruthError {
    fn from(failure: Failure) -> Self {
        Self::Compare(failure)
    }
}

/// One comparison, and what the servers say of it.
struct Run {
    comparison: Comparison,
    /// What B burnt more than A for each request, nanoseconds, by their logs.
    more_ns: f64,
}

/// Whole rates of wrong runs that are let pass: one in 20 against itself, one in 10 outside its interval.
const FALSE_SHARE: u32 = 20;
const MISSED_SHARE: u32 = 10;

/// Compares, prints, judges.
pub(crate) fn run(options: &Options) -> Result<(), TruthError> {
    let stop = cli::stop_on_signals();
    let files = TempDir::new()?;
    let mut seed = options.seed;
    let bed = Bed { options, files: files.path(), turns_per_ns: turns_per_ns(), stop: &stop };
    let first = bed.compare(0, seed)?;
    let base_us =
        cpu_row(&first.comparison)?.a.map(|value| value.us).ok_or(TruthError::Unknown("no block of A was measured"))?;
    println!(
        "servers that burn {} ns: {base_us:.2} us of CPU per request at {} a second",
        options.base_ns, options.rate
    );
    let mut next = |more_ns: u64| {
        seed += 1;
        bed.compare(more_ns, seed)
    };
    let mut wrong = Vec::new();
    let mut count_false = 0;
    for number in 1..=options.same {
        let run = next(0)?;
        let is_false = run.comparison.primaries().any(|row| row.answer.is_some_and(Answer::is_difference));
        count_false += u32::from(is_false);
        let logged = change(1.0 + run.more_ns / 1e3 / base_us);
        let is_false = if is_false { "   FALSE" } else { "" };
        println!("a/a {number:>2}   {}   logged {logged}{is_false}", described(&run.comparison));
    }
    if options.same > 0 {
        println!("a/a      {count_false} of {} false", options.same);
    }
    if count_false > options.same.div_ceil(FALSE_SHARE) {
        wrong.push(format!("{count_false} of {} against itself", options.same));
    }
    for percent in &options.percent {
        if options.different == 0 {
            break;
        }
        wrong.extend(burning(options, *percent, base_us, &mut next)?);
    }
    if wrong.is_empty() { Ok(()) } else { Err(TruthError::Wrong(wrong.join("; "))) }
}

/// All comparisons with a server that burns this much more than `base_us`.
fn burning(
    options: &Options,
    percent: f64,
    base_us: f64,
    next: &mut impl FnMut(u64) -> Result<Run, TruthError>,
) -> Result<Option<String>, TruthError> {
    let (mut found, mut covered, mut same) = (0, 0, 0);
    for number in 1..=options.different {
        let run = next((base_us * 10.0 * percent).round() as u64)?;
        let row = cpu_row(&run.comparison)?;
        let finding = row.finding.as_ref().ok_or(TruthError::Unknown("no pair was measured"))?;
        let logged = 1.0
            + run.more_ns
                / 1e3
                / row.a.map(|value| value.us).ok_or(TruthError::Unknown("no block of A was measured"))?;
        let is_covered = finding.interval.contains(logged);
        found += u32::from(row.answer == Some(Answer::Higher));
        covered += u32::from(is_covered);
        same += u32::from(row.answer == Some(Answer::Same));
        let outside = if is_covered { "" } else { "   OUTSIDE" };
        println!("{percent:>3}% {number:>2}   {}   logged {}{outside}", described(&run.comparison), change(logged));
    }
    let all = options.different;
    println!("{percent:>3}%      {found} of {all} found, logged ratio in the interval {covered} times, same {same}");
    let is_wrong = all - covered > all.div_ceil(MISSED_SHARE) || same > 0;
    Ok(is_wrong.then(|| format!("{percent}%: in the interval {covered} of {all}, same {same}")))
}

fn cpu_row(comparison: &Comparison) -> Result<&Row, TruthError> {
    let row = comparison.primaries().find(|row| row.metric == Metric::TargetCpu);
    row.ok_or(TruthError::Unknown("the CPU time of the servers cannot be read"))
}

/// What every comparison stands on.
struct Bed<'a> {
    options: &'a Options,
    files: &'a Path,
    turns_per_ns: f64,
    stop: &'a AtomicBool,
}

impl Bed<'_> {
    /// Two servers up, compared, down, and what they logged.
    fn compare(&self, more_ns: u64, seed: u64) -> Result<Run, TruthError> {
        let options = self.options;
        let logs = [self.files.join(format!("a-{seed}")), self.files.join(format!("b-{seed}"))];
        let (a, b) = (self.command(options.base_ns, &logs[0])?, self.command(options.base_ns + more_ns, &logs[1])?);
        let mut flags: Vec<String> =
            ["--a-cmd", &a, "--b-cmd", &b, "--rounds", &options.rounds].map(String::from).into();
        flags.extend(
            ["--block", &options.block, "--settle", &options.settle, "--rate", &options.rate].map(String::from),
        );
        flags.extend(["--seed".to_owned(), seed.to_string(), "--quiet".to_owned()]);
        let course = Course::from_flags(flags)?;
        let comparison = compare(&course, self.stop)?;
        if comparison.interrupted || self.stop.load(Ordering::Relaxed) {
            return Err(TruthError::Interrupted);
        }
        let burnt = |log: &Path| Burnt::read(log).ok_or(TruthError::Unknown("a server ended without its log"));
        let more_ns = burnt(&logs[1])?.mean_ns - burnt(&logs[0])?.mean_ns;
        Ok(Run { comparison, more_ns })
    }

    /// Starts a server that burns so much for each request, about.
    fn command(&self, burn_ns: u64, log: &Path) -> Result<String, TruthError> {
        let (program, turns) = (env::current_exe()?, (burn_ns as f64 * self.turns_per_ns) as u64);
        let (program, log) = (program.display(), log.display());
        Ok(format!("exec '{program}' burn --port {{port}} --turns {turns} --log '{log}'"))
    }
}

/// Every primary in one line, and whether the comparison can be believed.
fn described(comparison: &Comparison) -> String {
    let described = |row: &Row| {
        let answer = row.answer.map_or("-", Answer::name);
        let between = row.finding.as_ref().map_or_else(String::new, |finding| {
            format!("{} ({} to {})", change(finding.ratio), change(finding.interval.low), change(finding.interval.high))
        });
        format!("{} {answer:<11} {between}", name(row.metric))
    };
    let rows: Vec<_> = comparison.primaries().map(described).collect();
    format!("{}   {}", rows.join("   "), comparison.verdict)
}

fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::TargetCpu => "cpu",
        Metric::ResponseP50 => "p50",
        _ => "p99",
    }
}

fn change(ratio: f64) -> String {
    format!("{:+.2}%", 100.0 * (ratio - 1.0))
}
