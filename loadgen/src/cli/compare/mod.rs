//! `slipring-load compare`: two servers, one question.

mod course;
mod place;
mod server;

pub use course::{Contestant, Course, compare};
pub use place::Place;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use super::load::LoadOptions;
use super::signals::Signals;
use super::typed::Typed;
use super::{EXIT_INVALID, EXIT_NO_ANSWER, EXIT_NOT_TOLD, EXIT_OK, Failure, Output, output};
use crate::compare::{Comparison, Design, MARGIN_DEFAULT, ROUNDS_DEFAULT, ROUNDS_MAX, ROUNDS_MIN};
use crate::plan::{Target, parse_duration, parse_rate};
use crate::record::Verdict;
use crate::report;

const EXAMPLES: &str = "\
Examples:
  slipring-load compare --a http://127.0.0.1:8001/ --b http://127.0.0.1:8002/
  slipring-load compare --a-cmd 'old/server --port {port}' --b-cmd 'new/server --port {port}'

Both servers stay up on the same core and one is loaded at a time, at the same
rate, in rounds of four blocks (ABBA or BAAB). Two metrics are judged, both
together with at most 1% false differences: the target's CPU per request and
the p99 response time (of a remote target p50 and p99). Each is lower, higher,
the same within the margin, or cannot be told yet.

Exit status: 0 any honest answer, 2 usage, 3 invalid (suspect with --strict),
4 a server never answered or stopped answering, 5 cannot tell with
--require-answer, 130, 143 interrupted.";

/// Compares two servers: which needs less CPU, which answers sooner, or that it cannot be told.
#[derive(Debug, Parser)]
#[command(name = "slipring-load compare", after_help = EXAMPLES, max_term_width = 120)]
struct Options {
    /// The server that the other is compared with; with --a-cmd: where that serves, {port} is the port it was given
    #[arg(long, value_name = "URL", required_unless_present = "a_cmd")]
    a: Option<String>,
    /// The other server
    #[arg(long, value_name = "URL", required_unless_present = "b_cmd")]
    b: Option<String>,
    /// Start A with this command of the shell and stop it at the end; {port} is a free port
    #[arg(long, value_name = "CMD")]
    a_cmd: Option<String>,
    /// Start B with this command
    #[arg(long, value_name = "CMD")]
    b_cmd: Option<String>,
    /// How long a server that we started may take until it accepts
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    ready_timeout: Duration,
    /// Core of the servers that we start [default: the first allowed, if we start both]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..1024))]
    server_core: Option<u16>,
    /// Requests a second to each [default: half of what the slower one can do]
    #[arg(short = 'R', long, value_name = "RATE", value_parser = parse_rate)]
    rate: Option<f64>,
    /// Rounds of four blocks
    #[arg(long, value_name = "N", default_value_t = ROUNDS_DEFAULT,
          value_parser = clap::value_parser!(u32).range(i64::from(ROUNDS_MIN)..=i64::from(ROUNDS_MAX)))]
    rounds: u32,
    /// How long a block measures
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse_duration)]
    block: Duration,
    /// What a block discards before it measures
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = parse_duration)]
    settle: Duration,
    /// Relative difference that does not matter: 2% or 0.02
    #[arg(long, value_name = "SHARE", default_value_t = MARGIN_DEFAULT, value_parser = parse_share)]
    margin: f64,
    /// Fixes the order of the rounds [default: another each time, and printed]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// End with status 5 if a metric cannot be told
    #[arg(long)]
    require_answer: bool,
    #[command(flatten)]
    load: LoadOptions,
    #[command(flatten)]
    output: Output,
}

/// Its words, for the shell's completion.
pub(super) fn command() -> clap::Command {
    <Options as clap::CommandFactory>::command()
}

/// The whole command.
pub(super) fn main(typed: &Typed) -> ExitCode {
    super::main_of(typed, perform)
}

fn perform(options: &Options, words: &[String]) -> Result<u8, Failure> {
    let course = options.course()?;
    let places = options.output.open()?;
    let signals = Signals::listen();
    let comparison = compare(&course, &signals.stop)?;
    let judged = || exit_status(&comparison, options.require_answer, options.output.strict);
    let status = signals.or(comparison.interrupted, judged);
    let text = |paint| report::compare::text(&comparison, paint);
    let json = || format!("{:#}\n", report::compare::json(&comparison, words, status));
    output::write(places, "compare.json", text, json, || report::compare::html(&comparison, words))?;
    Ok(status)
}

/// Of a comparison that came to its end.
fn exit_status(comparison: &Comparison, requires_answer: bool, is_strict: bool) -> u8 {
    match comparison.verdict {
        _ if comparison.gone.is_some() => EXIT_NO_ANSWER,
        Verdict::Invalid => EXIT_INVALID,
        Verdict::Suspect if is_strict => EXIT_INVALID,
        _ if requires_answer && !comparison.is_answered() => EXIT_NOT_TOLD,
        _ => EXIT_OK,
    }
}

impl Course {
    /// From the flags of the command line, without the program's name: for programs that compare many times.
    ///
    /// # Errors
    /// What the command line would say.
    pub fn from_flags(flags: impl IntoIterator<Item = String>) -> Result<Self, Failure> {
        let options = Options::try_parse_from(std::iter::once("compare".to_owned()).chain(flags));
        options.map_err(|error| Failure::usage(error.to_string()))?.course()
    }
}

impl Options {
    fn course(&self) -> Result<Course, Failure> {
        if self.rate.is_some_and(|rate| rate <= 0.0) {
            return Err(Failure::usage(
                "the rate (-R) must be above 0; without it, half of what the slower one can do",
            ));
        }
        if self.block.is_zero() {
            return Err(Failure::usage("--block must last longer than nothing"));
        }
        let design = Design {
            rounds: self.rounds,
            seed: self.seed.unwrap_or_else(super::seed),
            block_ns: self.block.as_nanos() as u64,
            settle_ns: self.settle.as_nanos() as u64,
            margin: self.margin,
            ..Design::default()
        };
        let are_started = [self.a_cmd.is_some(), self.b_cmd.is_some()];
        let server_core = self.server_core.map(usize::from);
        let contestants = [
            Contestant::new(self.a.as_deref(), self.a_cmd.as_deref())?,
            Contestant::new(self.b.as_deref(), self.b_cmd.as_deref())?,
        ];
        Ok(Course {
            contestants,
            design,
            rate: self.rate,
            place: Place::choose(are_started, server_core, self.load.cores.as_ref())?,
            ready_timeout: self.ready_timeout,
            load: self.load.clone(),
            quiet: self.output.quiet,
        })
    }
}

/// `2%` or `0.02`, above 0 and at most 1.
fn parse_share(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let share = match text.strip_suffix('%') {
        Some(percent) => number(percent).map(|percent| percent / 100.0),
        None => number(text),
    };
    share.filter(|share| *share > 0.0 && *share <= 1.0).ok_or_else(|| format!("'{text}' is no share; write 2% or 0.02"))
}

impl Contestant {
    fn new(url: Option<&str>, command: Option<&str>) -> Result<Self, Failure> {
        let url = url.unwrap_or("http://127.0.0.1:{port}/").to_owned();
        if command.is_none() {
            url.parse::<Target>().map_err(|error| Failure::usage(format!("{url}: {error}")))?;
        }
        Ok(Self { url, command: command.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(text: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(std::iter::once("slipring-load").chain(text.split(' ')))
    }

    #[test]
    fn the_flags_do_not_clash() {
        Options::command().debug_assert();
    }

    #[test]
    fn flags_become_a_course() {
        let options = parse("--a x:1 --b x:2 --rounds 20 --block 3s --settle 1s --margin 5% --seed 9 -R 500 -c 8");
        let course = options.expect("good flags").course().expect("good URLs");
        let design = &course.design;
        assert_eq!((design.rounds, design.seed, design.block_ns), (20, 9, 3_000_000_000));
        assert!((design.margin - 0.05).abs() < 1e-12 && course.rate == Some(500.0));
        assert_eq!((course.load.connections, course.contestants[1].url.as_str()), (8, "x:2"));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let rows = ["--a x:1", "--a x:1 --b x:2 --rounds 9", "--a x:1 --b x:2 --margin 0", "--a-cmd one", "x:1 x:2"];
        for row in rows {
            assert!(parse(row).is_err(), "{row}");
        }
        assert!(parse("--a x:1 --b https://x").expect("good flags").course().is_err());
        assert!(parse("--a x:1 --b x:2 --block 0").expect("good flags").course().is_err());
        assert!(parse("--a x:1 --b x:2 -R 0").expect("good flags").course().is_err());
        assert!(parse("--a x:1 --b x:2 --server-core 0").expect("good flags").course().is_err());
        assert!(parse("--a-cmd one --b-cmd two").expect("good flags").course().is_ok());
    }

    #[test]
    fn the_exit_status_follows_the_verdict_then_the_answers() {
        let suspect = Comparison { verdict: Verdict::Suspect, ..Comparison::default() };
        let rows = [(false, false, EXIT_OK), (true, false, EXIT_NOT_TOLD), (false, true, EXIT_INVALID)];
        for (requires_answer, is_strict, expected) in rows {
            assert_eq!(exit_status(&suspect, requires_answer, is_strict), expected);
        }
    }
}
