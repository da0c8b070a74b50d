//! `slipring-load sweep`: the highest rate that meets an objective.

mod course;
mod objective;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use super::load::LoadOptions;
use super::signals::Signals;
use super::typed::Typed;
use super::{EXIT_INVALID, EXIT_NO_ANSWER, EXIT_OK, Failure, Output, output};
use crate::plan::{Target, parse_duration, parse_rate};
use crate::report;
use crate::sweep::{Answer, RATE_MAX, Sweep};
use objective::Objective;

const EXAMPLES: &str = "\
Examples:
  slipring-load sweep --slo 'p99<2ms' http://127.0.0.1:8000/
  slipring-load sweep --slo 'p99<2ms' --slo 'error_rate<0.1%' --from 500 localhost:8000

The rate is doubled until an objective fails, then the gap between what met and
what failed is halved until it is 5%; the answer met the objectives 3 times of 3.
A rate of which less than 99% was answered well meets no objective.

Exit status: 0 an answer, 2 usage, 3 no step could be judged (with --strict also
if the generator gave out first), 4 the target never answered or stopped
answering, 130, 143 interrupted.";

/// Finds the highest rate at which a target still meets its objectives.
#[derive(Debug, Parser)]
#[command(name = "slipring-load sweep", after_help = EXAMPLES, max_term_width = 120)]
struct Options {
    /// http://host:port/path?query
    url: Target,
    /// What must hold, such as 'p99<2ms'; repeatable. The first is what the curve shows
    #[arg(long = "slo", value_name = "EXPRESSION", required = true)]
    objectives: Vec<Objective>,
    /// Requests a second to begin with
    #[arg(long, value_name = "RATE", default_value = "1000", value_parser = parse_rate)]
    from: f64,
    /// Requests a second to try at most
    #[arg(long, value_name = "RATE", default_value_t = RATE_MAX, hide_default_value = true, value_parser = parse_rate)]
    to: f64,
    /// How long a step measures
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    step: Duration,
    /// What a step discards before it measures
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse_duration)]
    settle: Duration,
    /// Of everything random
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
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
    options.check()?;
    let places = options.output.open()?;
    let signals = Signals::listen();
    let sweep = course::sweep(options, &signals.stop)?;
    let status = signals.or(sweep.interrupted, || exit_status(&sweep, options.output.strict));
    let text = |paint| report::sweep::text(&sweep, paint);
    let json = || format!("{:#}\n", report::sweep::json(&sweep, words, status));
    output::write(places, "sweep.json", text, json, || report::sweep::html(&sweep, words))?;
    Ok(status)
}

/// Of a sweep that came to its end.
fn exit_status(sweep: &Sweep, is_strict: bool) -> u8 {
    match sweep.answer {
        _ if sweep.gone => EXIT_NO_ANSWER,
        Answer::Never { failed: None } => EXIT_INVALID,
        Answer::AtLeast { .. } if is_strict => EXIT_INVALID,
        _ => EXIT_OK,
    }
}

impl Options {
    fn check(&self) -> Result<(), Failure> {
        if self.from <= 0.0 || self.from > self.to {
            return Err(Failure::usage("--from must be above 0 and not above --to"));
        }
        let needed = self.objectives.iter().filter_map(Objective::samples_needed).max().unwrap_or(0);
        let samples = self.from * self.step.as_secs_f64();
        if samples < needed as f64 {
            let seconds = (needed as f64 / self.from).ceil();
            let text = format!(
                "{} answers of a step are too few for this percentile; it takes --step {seconds}s or a higher --from",
                samples.floor()
            );
            return Err(Failure::usage(text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn check(text: &str) -> Result<(), String> {
        let words = std::iter::once("slipring-load").chain(text.split(' '));
        let options = Options::try_parse_from(words).map_err(|error| error.to_string())?;
        options.check().map_err(|failure| failure.message)
    }

    #[test]
    fn the_flags_do_not_clash() {
        Options::command().debug_assert();
    }

    #[test]
    fn what_cannot_be_swept_is_refused() {
        assert_eq!(check("--slo p99<2ms localhost"), Ok(()));
        assert_eq!(check("--slo p99<2ms --slo error_rate<1% --from 50 --step 20s localhost"), Ok(()));
        let rows = [
            ("localhost", "--slo"),
            ("--slo p99 localhost", "expression"),
            ("--slo p99<2ms --from 0 localhost", "above 0"),
            ("--slo p99<2ms --from 10 --to 5 localhost", "--to"),
            ("--slo p99.99<2ms localhost", "--step 100s"),
        ];
        for (words, part) in rows {
            assert!(check(words).is_err_and(|message| message.contains(part)), "{words}: {:?}", check(words));
        }
    }
}
