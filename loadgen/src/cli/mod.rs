//! The command line: words in, a plan, a run, a report, an exit status.

pub mod compare;
mod congestion;
mod destinations;
mod files;
mod groups;
mod hints;
mod load;
mod options;
mod output;
mod plan;
mod progress;
mod run;
mod signals;
mod start_at;
mod stored;
pub mod sweep;
mod typed;
mod values;

use std::env;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};

use options::{Command, Words};
use output::Output;
use signals::Signals;
use typed::Typed;

/// The run is valid.
const EXIT_OK: u8 = 0;
/// Usage, a bad URL, a limit that is too low.
const EXIT_USAGE: u8 = 2;
/// The result is invalid, or suspect with `--strict`.
const EXIT_INVALID: u8 = 3;
/// The target never answered.
const EXIT_NO_ANSWER: u8 = 4;
/// A comparison cannot tell, with `--require-answer`.
const EXIT_NOT_TOLD: u8 = 5;

/// Where a report goes to standard output instead of a file.
const STANDARD_OUTPUT: &str = "-";

/// The whole program.
pub fn main() -> ExitCode {
    let typed = Typed::new(env::args_os());
    // These two read their own words. A host of that name is `http://compare`.
    match typed.text.get(1).map(String::as_str) {
        Some("compare") => return compare::main(&typed),
        Some("sweep") => return sweep::main(&typed),
        _ => {}
    }
    if let Some((word, hint)) = hints::refused(&typed.text) {
        say(&format!("'{word}' is not a flag of this program\n\nhint: {hint}"));
        return ExitCode::from(EXIT_USAGE);
    }
    match Words::command().try_get_matches_from(&typed.raw) {
        Ok(given) => finish(perform(&given, &typed.text)),
        Err(error) => explain(&error, &typed.text),
    }
}

fn perform(given: &clap::ArgMatches, words: &[String]) -> Result<u8, Failure> {
    let parsed = Words::from_arg_matches(given).map_err(|error| Failure::usage(error.to_string()))?;
    match parsed.command {
        None => run::perform(&parsed.run, given, words),
        Some(Command::Report(again)) => again.perform(),
        Some(Command::Merge(merge)) => merge.perform(words),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut whole(), "slipring-load", &mut script);
            print_bytes(&script)?;
            Ok(EXIT_OK)
        }
        Some(Command::Compare | Command::Sweep) => Err(Failure::usage(
            "compare and sweep come first: slipring-load compare --help, slipring-load sweep --help",
        )),
    }
}

/// The command with all words of its other commands.
fn whole() -> clap::Command {
    let command = Words::command().mut_subcommand("compare", |_| compare::command().name("compare"));
    command.mut_subcommand("sweep", |_| sweep::command().name("sweep"))
}

/// A whole command whose words are its own.
fn main_of<T: Parser>(typed: &Typed, perform: impl FnOnce(&T, &[String]) -> Result<u8, Failure>) -> ExitCode {
    match T::try_parse_from(typed.of_command()) {
        Ok(options) => finish(perform(&options, &typed.text)),
        Err(error) => explain(&error, &typed.text),
    }
}

/// The end of the process: what failed is said, the status is returned.
fn finish(performed: Result<u8, Failure>) -> ExitCode {
    match performed {
        Ok(status) => ExitCode::from(status),
        Err(Failure { message, status }) => {
            say(&message);
            ExitCode::from(status)
        }
    }
}

/// A line on standard error, beginning with whose it is.
fn say(text: &str) {
    // There is nowhere left to say that it cannot be said.
    let _ = writeln!(io::stderr().lock(), "slipring-load: {text}");
}

/// One line for the user, and how the process ends.
#[derive(Clone, Debug)]
pub struct Failure {
    /// For the user.
    pub message: String,
    /// See `docs/INTERFACES.md`.
    pub status: u8,
}

impl Failure {
    fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: EXIT_USAGE }
    }
}

/// A seed that differs from run to run; it is printed, so that a run can be had again.
fn seed() -> u64 {
    // Six digits can be typed.
    u64::from(start_at::now().subsec_micros())
}

/// A number that no other run has, here or on another machine: the library's keys come from the system's randomness.
fn identity() -> u64 {
    RandomState::new().hash_one(start_at::now())
}

/// A wrong word, with a hint where another tool's habit is behind it; also `--help` and `--version`.
fn explain(error: &clap::Error, words: &[String]) -> ExitCode {
    if !error.use_stderr() {
        return finish(print(&error.to_string()).map(|()| EXIT_OK));
    }
    let hint = hints::refused(words).map(|refused| refused.1).or_else(|| hints::hint(error));
    let hint = hint.map(|hint| format!("\nhint: {hint}\n")).unwrap_or_default();
    // There is nowhere left to say that it cannot be said.
    let _ = write!(io::stderr().lock(), "{error}{hint}");
    ExitCode::from(EXIT_USAGE)
}

/// A flag that SIGINT and SIGTERM raise; the second of them ends the process at once.
pub fn stop_on_signals() -> Arc<AtomicBool> {
    Signals::listen().stop
}

fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        // Whoever read it has had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::usage(format!("writing to standard output failed: {error}"))),
    }
}
