//! Load generators side by side: requests a second against the null responder, and what each costs itself.
//!
//! Each generator is one process on one core, with one thread where it can be told so; the null responder stands on
//! another core. A *round* lets each run once, in an order that turns; what is compared is the ratio of two figures of the
//! same round: ours by each other's. Each has a responder of its own, because each sends a request of its own length:
//! before the rounds it is asked once by a listener of ours, which counts the bytes. The CPU time is that of the whole
//! process, as wait4(2) tells it, by the requests that the generator says it did: on loopback a send pays for the receive
//! of the other side, so the rate alone would reward whoever lets the server wait.

mod tool;

use std::fmt::Write as _;
use std::io;
use std::sync::atomic::Ordering;

use clap::Args;
use clap::builder::PossibleValuesParser;
use slipring_load::cli;
use thiserror::Error;

use crate::facts;
use crate::interleave::order;
use crate::stats::{Estimate, estimate, median};
use tool::{Sample, TOOLS, Tool};

/// How `generators` is called.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Whole seconds of each measurement
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Rounds; 6 or more give an interval of at least 95%
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Connections
    #[arg(short, long, default_value_t = 64)]
    connections: u32,
    /// Core of the null responder
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..1024))]
    server_core: u16,
    /// Core of the generators
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(..1024))]
    load_core: u16,
    /// Pipeline depth; repeatable
    #[arg(long, value_name = "N", default_values_t = [1, 16], value_parser = clap::value_parser!(u32).range(1..=64))]
    pipeline: Vec<u32>,
    /// Only these, by name; repeatable
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(TOOLS.map(|kind| kind.name)))]
    only: Vec<String>,
}

/// Why nothing was measured.
#[derive(Debug, Error)]
pub(crate) enum GeneratorsError {
    /// It ran and did not say its rate.
    #[error("{tool} did not say how many requests a second it did: {said}")]
    Silent {
        /// Which.
        tool: &'static str,
        /// What it said instead.
        said: String,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// Files and processes.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), GeneratorsError> {
    let stop = cli::stop_on_signals();
    print!("{}", head(options));
    for &depth in &options.pipeline {
        let mut tools = Vec::new();
        for kind in &TOOLS {
            if options.only.is_empty() || options.only.iter().any(|name| name == kind.name) {
                match Tool::start(kind, options, depth)? {
                    Some(tool) => tools.push(tool),
                    None => println!("not measured at pipeline {depth}: {}", kind.name),
                }
            }
        }
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); tools.len()];
        for round in 0..options.rounds as usize {
            for index in order(tools.len(), round) {
                samples[index].push(tools[index].measure()?);
                if stop.load(Ordering::Relaxed) {
                    return Err(GeneratorsError::Interrupted);
                }
            }
        }
        print!("{}", table(depth, &tools, &samples));
    }
    Ok(())
}

fn head(options: &Options) -> String {
    let Options { seconds, rounds, connections, server_core, load_core, .. } = options;
    format!(
        "{}, congestion control {}\n{rounds} interleaved rounds of {seconds} s, {connections} connections, \
         null responder on core {server_core}, generator on core {load_core}\nfigures are medians; ratios are \
         those of the same round, with their intervals; CPU is the generator's own\n",
        facts::kernel_and_cpu(),
        facts::congestion_control(),
    )
}

fn table(depth: u32, tools: &[Tool], samples: &[Vec<Sample>]) -> String {
    let mut out = format!(
        "\n| pipeline {depth} | requests/s | CPU us/request | requests/s, slipring-load's by its | CPU, slipring-load's by its |\n\
         |---|---:|---:|---:|---:|\n"
    );
    let ours = tools.iter().position(|tool| tool.name() == "slipring-load").map(|at| &samples[at]);
    for (tool, own) in tools.iter().zip(samples) {
        let median_of = |what: fn(&Sample) -> f64| median(own.iter().map(what));
        let by_its = |what: fn(&Sample) -> f64| ours.map(|ours| ratio(ours, own, what)).unwrap_or_default();
        // Writing into a String cannot fail.
        let _ = writeln!(
            out,
            "| {} | {:.0} | {:.3} | {} | {} |",
            tool.name(),
            median_of(|sample| sample.rate),
            median_of(|sample| sample.cpu_us),
            by_its(|sample| sample.rate),
            by_its(|sample| sample.cpu_us)
        );
    }
    out
}

/// A figure of one by that of another in the same round.
fn ratio(of: &[Sample], by: &[Sample], what: impl Fn(&Sample) -> f64) -> String {
    let ratios: Vec<f64> = of.iter().zip(by).map(|(of, by)| what(of) / what(by)).collect();
    estimate(&ratios)
        .map_or_else(String::new, |Estimate { median, low, high, .. }| format!("{median:.3} ({low:.3} to {high:.3})"))
}
