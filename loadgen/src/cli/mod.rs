//! The command line: words in, a plan, a run, a report, an exit status.

mod hints;
mod options;

use std::io::{self, Write as _};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::{env, fs};

use clap::Parser;

use crate::plan::Plan;
use crate::record::RunRecord;
use crate::{drive, machine, report};
use options::Options;

/// The run is valid.
const EXIT_OK: u8 = 0;
/// Usage, a bad URL, a limit that is too low.
const EXIT_USAGE: u8 = 2;
/// The target never answered.
const EXIT_NO_ANSWER: u8 = 4;
/// Ctrl-C ended the run; its report is still written.
const EXIT_INTERRUPTED: u8 = 130;

/// Where the JSON goes to standard output instead of a file.
const STANDARD_OUTPUT: &str = "-";

/// The whole program.
pub fn main() -> ExitCode {
    let words: Vec<String> = env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let options = match Options::try_parse_from(&words) {
        Ok(options) => options,
        Err(error) => return explain(&error, &words),
    };
    match perform(&options, &words) {
        Ok(status) => ExitCode::from(status),
        Err(Failure { message, status }) => {
            eprintln!("slipring-load: {message}");
            ExitCode::from(status)
        }
    }
}

/// One line for the user, and how the process ends.
struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), status: EXIT_USAGE }
    }
}

/// A wrong word, with a hint where another tool's habit is behind it; also `--help` and `--version`.
fn explain(error: &clap::Error, words: &[String]) -> ExitCode {
    // Nothing can be done about a closed standard error.
    let _ = error.print();
    if error.use_stderr()
        && let Some(hint) = hints::hint(words)
    {
        eprintln!("\nhint: {hint}");
    }
    ExitCode::from(if error.use_stderr() { EXIT_USAGE } else { EXIT_OK })
}

fn perform(options: &Options, words: &[String]) -> Result<u8, Failure> {
    let addresses = resolve(options)?;
    let plan = options.plan(&addresses);
    plan.check(drive::descriptors_max()).map_err(|error| Failure::usage(error.to_string()))?;
    if plan.target_pid.is_some_and(|pid| machine::process_cpu_ns(pid).is_none()) {
        return Err(Failure::usage("--target-pid names no process whose CPU time can be read"));
    }
    let run = drive::run(&plan, &addresses, &stop_on_signals());
    let run = run.map_err(|error| Failure::usage(error.to_string()))?;
    let status = exit_status(&run);
    write_reports(options, &run, words, status)?;
    if status == EXIT_NO_ANSWER {
        return Err(Failure { message: no_answer(&plan, &run), status });
    }
    Ok(status)
}

fn resolve(options: &Options) -> Result<Vec<SocketAddr>, Failure> {
    let target = &options.url;
    let unknown = |what: String| Failure { message: format!("{}: {what}", target.host), status: EXIT_NO_ANSWER };
    let found = (target.host.as_str(), target.port).to_socket_addrs().map_err(|error| unknown(error.to_string()))?;
    let addresses: Vec<SocketAddr> = found.collect();
    if addresses.is_empty() { Err(unknown("the name has no address".to_owned())) } else { Ok(addresses) }
}

/// A flag that SIGINT and SIGTERM raise; the second of them ends the process at once.
pub fn stop_on_signals() -> Arc<AtomicBool> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag down. Where a handler cannot be set, the signal just kills.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, i32::from(EXIT_INTERRUPTED), stop.clone());
        let _ = signal_hook::flag::register(signal, stop.clone());
    }
    stop
}

fn exit_status(run: &RunRecord) -> u8 {
    match (run.interrupted, run.answered) {
        (true, _) => EXIT_INTERRUPTED,
        (false, true) => EXIT_OK,
        (false, false) => EXIT_NO_ANSWER,
    }
}

/// Standard output carries what was asked for: the JSON if it goes there, else the text.
fn write_reports(options: &Options, run: &RunRecord, words: &[String], status: u8) -> Result<(), Failure> {
    let text = report::text(run);
    let Some(path) = &options.json else { return print(&text) };
    let json = format!("{:#}\n", report::json(run, words, status));
    if path == STANDARD_OUTPUT {
        eprint!("{text}");
        return print(&json);
    }
    fs::write(path, json).map_err(|error| Failure::usage(format!("writing {path} failed: {error}")))?;
    print(&text)
}

fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever read it has had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::usage(format!("writing the report failed: {error}"))),
    }
}

fn no_answer(plan: &Plan, run: &RunRecord) -> String {
    let why = run.refusal.as_deref().unwrap_or("it took connections and answered none of their requests");
    format!("{} never answered: {why}", plan.target())
}
