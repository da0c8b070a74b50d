//! Server CPU per request, side by side: null responder, slipring and nginx on one core, the load on another.
//!
//! On loopback the rate says little: a send pays for the other side's receive, and whichever side is slower hides what
//! the faster one costs. So the figure is the server's own CPU time, from the scheduler's nanosecond clock, divided by
//! the requests answered in that time. All servers are up at once and one is loaded at a time; a *round* loads
//! each once, in an order that turns from round to round, and the null responder before and after each. What is compared
//! is the ratio to these **two neighbours**: on a shared machine a core's speed moves by tens of per cent within seconds,
//! and blocks side by side share it. The null responder as an arm of its own (A/A) says how much a ratio means.

mod answer;
mod arm;
mod load;
mod server;
mod table;
mod wrk;

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use slipring_load::cli;
use slipring_load::drive::DriveError;
use thiserror::Error;

use crate::facts;
use crate::interleave::order;
use arm::Arms;
use load::{Load, Sample};
use wrk::Wrk;

/// How `cost` is called.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 0.4, value_parser = parse_seconds)]
    seconds: f64,
    /// Rounds; 6 or more give an interval of at least 95%
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// How often all servers are started anew: where a start puts their memory is a part of what they cost
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    starts: u32,
    /// 3 rounds of short blocks: to see that it works, not to know the figures
    #[arg(long)]
    quick: bool,
    /// Connections
    #[arg(short, long, default_value_t = 64)]
    connections: u32,
    /// Core of the server
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..1024))]
    server_core: u16,
    /// Core of the load
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(..1024))]
    load_core: u16,
    /// Measure only if this is the system's congestion control (nginx takes no other): reno
    #[arg(long, value_name = "NAME")]
    congestion: Option<String>,
    /// Print the tables in Markdown, as docs/BENCHMARKING.md has them
    #[arg(long)]
    markdown: bool,
    /// Load the null responder with wrk as well, and compare the rates
    #[arg(long)]
    with_wrk: bool,
    /// Leave slipring out and give the null responder an answer like its own
    #[arg(long, hide = true)]
    without_slipring: bool,
}

/// Shortest and longest measurement, in seconds.
const SECONDS: std::ops::RangeInclusive<f64> = 0.1..=600.0;
const QUICK_SECONDS: f64 = 0.2;
const QUICK_ROUNDS: u32 = 3;
/// Load before each measurement.
const WARMUP: Duration = Duration::from_millis(100);
/// Pipeline depths, in the order of the tables.
const DEPTHS: [u32; 2] = [1, 16];

/// Why nothing was measured.
#[derive(Debug, Error)]
pub(crate) enum CostError {
    /// The server's binary is not where this one is.
    #[error("{} is not there; build it with `cargo build --release --workspace`", .0.display())]
    NotBuilt(PathBuf),
    /// A server did not come up.
    #[error("{server} did not start: {why}")]
    NotStarted {
        /// Which.
        server: &'static str,
        /// What it did instead.
        why: String,
    },
    /// A server answered something else than 200, or not at all.
    #[error("{arm} at pipeline {pipeline} did not answer every request with 200: {what}")]
    BadAnswers {
        /// Whom.
        arm: &'static str,
        /// How deep.
        pipeline: u32,
        /// What it did.
        what: String,
    },
    /// The kernel does not tell CPU times.
    #[error("the CPU time of {0} cannot be read: /proc/PID/task/*/schedstat is needed")]
    NoCpuTime(&'static str),
    /// The system has another congestion control than was asked for.
    #[error(
        "the system's congestion control is {found}; `sysctl -w net.ipv4.tcp_congestion_control={asked}` sets it for all"
    )]
    Congestion {
        /// As asked.
        asked: String,
        /// As it is.
        found: String,
    },
    /// wrk was asked for.
    #[error("wrk failed: {0}")]
    Wrk(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// The load generator.
    #[error("the load generator failed: {0}")]
    Load(#[from] DriveError),
    /// Files and processes.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// All samples of a run, each list one a round; of the null responder more.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// By depth, then by arm.
    arms: [Vec<Vec<Sample>>; DEPTHS.len()],
    /// Requests a second of wrk against the null responder, by depth.
    wrk: [Vec<f64>; DEPTHS.len()],
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), CostError> {
    check_congestion(options)?;
    let stop = cli::stop_on_signals();
    let (seconds, rounds) =
        if options.quick { (QUICK_SECONDS, QUICK_ROUNDS) } else { (options.seconds, options.rounds) };
    let mut arms = Arms::start(options)?;
    let load = Load {
        connections: options.connections,
        core: usize::from(options.load_core),
        warmup: WARMUP,
        duration: Duration::from_secs_f64(seconds),
    };
    let wrk = if options.with_wrk { Some(Wrk::new(&load)?) } else { None };
    let mut samples = Samples::default();
    for lists in &mut samples.arms {
        lists.resize_with(arms.list.len(), Vec::new);
    }
    let starts = if options.quick { 1 } else { options.starts };
    let per_start = rounds.div_ceil(starts);
    for round in 0..rounds {
        progress(&format!("round {} of {rounds}", round + 1));
        if round > 0 && round % per_start == 0 {
            drop(arms);
            arms = Arms::start(options)?;
        }
        one_round(round as usize, &arms, &load, wrk.as_ref(), &mut samples, &stop)?;
    }
    progress("");
    print!("{}", table::render(options, seconds, rounds, &arms, &samples));
    Ok(())
}

/// One line that is written over; only for people.
fn progress(text: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r{text:20}\r");
    }
}

fn one_round(
    round: usize,
    arms: &Arms,
    load: &Load,
    wrk: Option<&Wrk>,
    samples: &mut Samples,
    stop: &AtomicBool,
) -> Result<(), CostError> {
    for (place, pipeline) in DEPTHS.into_iter().enumerate() {
        let measure = |index: usize| {
            if stop.load(Ordering::Relaxed) {
                return Err(CostError::Interrupted);
            }
            let arm = &arms.list[index];
            load.measure(arm, arms.address(arm), arms.pid(arm), pipeline, stop)
        };
        for base in arms.bases() {
            let path = arms.list[base].path;
            let mut before = measure(base)?;
            for index in order(arms.list.len(), round).filter(|&index| index != base && arms.list[index].path == path) {
                let mut sample = measure(index)?;
                let after = measure(base)?;
                // The geometric mean treats both neighbours alike whichever is the larger.
                sample.base_us = (before.server_us * after.server_us).sqrt();
                samples.arms[place][index].push(sample);
                samples.arms[place][base].push(after);
                before = after;
            }
            if let (Some(wrk), true) = (wrk, arms.list[base].is_first_null()) {
                samples.wrk[place].push(wrk.rate(arms.address(&arms.list[base]), path, pipeline)?);
            }
        }
    }
    Ok(())
}

fn check_congestion(options: &Options) -> Result<(), CostError> {
    let found = facts::congestion_control();
    match &options.congestion {
        Some(asked) if *asked != found => Err(CostError::Congestion { asked: asked.clone(), found }),
        _ => Ok(()),
    }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("'{text}' is not a number of seconds"))?;
    let bounds = || format!("from {} to {} seconds", SECONDS.start(), SECONDS.end());
    if SECONDS.contains(&seconds) { Ok(seconds) } else { Err(bounds()) }
}
