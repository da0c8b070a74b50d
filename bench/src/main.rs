//! Benches of Slipring: `null` is the limit to measure against, `cost` measures servers side by side, `logging` what the
//! access log costs, `jobs` what blocking work costs those who do not block, `generators` and `honesty` load generators,
//! `compare-truth` the comparing.
#![forbid(unsafe_code)]

mod burn;
mod cost;
mod facts;
mod generators;
mod honesty;
mod interleave;
mod jobs;
mod logging;
mod null;
mod probe;
mod server;
mod stats;
mod truth;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Benches of Slipring.
#[derive(Debug, Parser)]
#[command(name = "slipring-bench", version, max_term_width = 120)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer every request with fixed bytes and parse nothing: the least that a server can cost
    Null(null::Options),
    /// Measure server CPU per request of null responder, slipring and nginx, one core each for server and load
    Cost(cost::Options),
    /// Serve and burn a known amount of CPU time for each request: what compare-truth compares
    Burn(burn::Options),
    /// Compare a server with itself, and with one that burns a known share more: does compare tell the truth?
    CompareTruth(truth::Options),
    /// Measure what the access log costs: slipring without it and with it, interleaved
    Logging(logging::Options),
    /// Measure load generators beside one another against the null responder: rate and own CPU per request
    Generators(generators::Options),
    /// Show what load generators say of a target that stalls, keep a schedule, and measure a known delay
    Honesty(honesty::Options),
    /// Measure fast requests while others sleep in the worker pool, and without them
    Jobs(jobs::Options),
}

/// A bench that could not be carried out; wrong words are clap's, with status 2.
const EXIT_FAILED: u8 = 1;

fn main() -> ExitCode {
    let failed = match Options::parse().command {
        Command::Null(options) => null::run(&options).err().map(|error| error.to_string()),
        Command::Cost(options) => cost::run(&options).err().map(|error| error.to_string()),
        Command::Burn(options) => burn::run(&options).err().map(|error| error.to_string()),
        Command::CompareTruth(options) => truth::run(&options).err().map(|error| error.to_string()),
        Command::Jobs(options) => jobs::run(&options).err().map(|error| error.to_string()),
        Command::Logging(options) => logging::run(&options).err().map(|error| error.to_string()),
        Command::Generators(options) => generators::run(&options).err().map(|error| error.to_string()),
        Command::Honesty(options) => honesty::run(&options).err().map(|error| error.to_string()),
    };
    let Some(message) = failed else { return ExitCode::SUCCESS };
    eprintln!("slipring-bench: {message}");
    ExitCode::from(EXIT_FAILED)
}
