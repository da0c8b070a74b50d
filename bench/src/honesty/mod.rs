//! What a load generator says when the truth is known: a target that stalls, a schedule to keep, delays that were drawn.

mod delays;
mod stall;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;
use slipring_load::drive::{self, DriveError};
use slipring_load::plan::Plan;
use slipring_load::record::{Figure, RunRecord, Times};
use thiserror::Error;

/// How `honesty` is called.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Only this part: stall, schedule or delays
    #[arg(long, value_name = "PART")]
    only: Option<String>,
    /// Runs of the schedule
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Core of the target
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..1024))]
    server_core: u16,
    /// Core of the load
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(..1024))]
    load_core: u16,
}

/// Why nothing was measured.
#[derive(Debug, Error)]
pub(crate) enum HonestyError {
    /// The load generator.
    #[error("the load generator failed: {0}")]
    Load(#[from] DriveError),
    /// Files and processes.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), HonestyError> {
    let wanted = |part: &str| options.only.as_deref().is_none_or(|only| only == part);
    if wanted("stall") {
        stall::run(options)?;
    }
    if wanted("schedule") {
        schedule(options)?;
    }
    if wanted("delays") {
        delays::run(options)?;
    }
    Ok(())
}

fn plan(options: &Options, address: SocketAddr) -> Plan {
    Plan { cores: vec![usize::from(options.load_core)], ..Plan::new(target(address)) }
}

fn target(address: SocketAddr) -> slipring_load::plan::Target {
    slipring_load::plan::Target { host: address.ip().to_string(), port: address.port(), path: "/13.txt".to_owned() }
}

fn load(plan: &Plan, address: SocketAddr) -> Result<RunRecord, HonestyError> {
    Ok(drive::run(plan, &[address], &AtomicBool::new(false))?)
}

/// How well a rate is kept: 10,000 requests a second for 10 s, some times.
fn schedule(options: &Options) -> Result<(), HonestyError> {
    const RATE: f64 = 10_000.0;
    println!("\nschedule: {RATE}/s for 10 s against the null responder, 64 connections");
    println!(
        "| run | achieved/s | lag p50 us | lag p99 us | lag max us | not waiting |\n|---|---:|---:|---:|---:|---:|"
    );
    let plan = |address| Plan { rate: Some(RATE), ..plan(options, address) };
    let probe = plan(SocketAddr::from(([127, 0, 0, 1], 10_000)));
    let responder = stall::Responder::start(options, stall::request_bytes(&probe))?;
    for run in 1..=options.runs {
        let found = load(&plan(responder.address()), responder.address())?;
        let lag = &found.record.lag;
        println!(
            "| {run} | {:.1} | {} | {} | {} | {:.1}% |",
            found.rate(),
            us(lag.quantile(0.5)),
            us(lag.quantile(0.99)),
            us(lag.max()),
            100.0 * found.saturation(),
        );
    }
    Ok(())
}

/// Microseconds of a figure.
fn us(figure: Figure) -> String {
    match figure {
        Figure::Withheld => "-".to_owned(),
        Figure::Exact(ns) => format!("{:.1}", ns as f64 / 1e3),
        Figure::AtLeast(ns) => format!("> {:.1}", ns as f64 / 1e3),
    }
}

/// The usual quantiles, in milliseconds.
fn quantiles(times: &Times) -> String {
    let ms = |figure: Figure| figure.ns().map_or_else(|| "-".to_owned(), |ns| format!("{:.2}", ns as f64 / 1e6));
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|q| ms(times.quantile(q)));
    format!("{p50} | {p99} | {p999} | {}", ms(times.max()))
}

#[expect(clippy::disallowed_methods, reason = "there is no ring on this thread")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
