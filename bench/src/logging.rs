//! What the access log costs: slipring without it, with it, and without it once more, one after the other in each round.
//!
//! The three servers are up all the time and one is loaded at a time. What is compared is the rate of requests of the
//! *same round*: with the log, divided by the mean of both runs without; and the ratio of those two (A/A) says how much a
//! ratio means. The server's own CPU time per request is compared as well: on a loopback the load generator hides a part
//! of what a server costs.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use slipring_load::plan::{Plan, Request, Target};
use slipring_load::{cli, drive};
use thiserror::Error;

use crate::facts;
use crate::server::{self, Server};
use crate::stats::{Verdict, estimate, median};

/// How `logging` is called.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 0.5)]
    seconds: f64,
    /// Rounds; 6 or more give an interval of at least 95%
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Pipeline depths, in the order of the tables
    #[arg(long, value_name = "DEPTH,...", value_delimiter = ',', default_value = "1,16",
        value_parser = clap::value_parser!(u32).range(1..=1024))]
    pipeline: Vec<u32>,
    /// Connections
    #[arg(short, long, default_value_t = 64)]
    connections: u32,
    /// Format of the log
    #[arg(long, default_value = "combined")]
    format: String,
    /// Core of the server
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..1024))]
    server_core: u16,
    /// Core of the load
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(..1024))]
    load_core: u16,
}

/// Load before each measurement.
const WARMUP: Duration = Duration::from_millis(150);
/// A server with its log on does at least this part of the requests of one without.
const RATE_MIN: f64 = 0.95;
/// What a browser sends that stands in a combined line.
const FIELDS: [&str; 3] = [
    "Host: bench",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Referer: http://bench/index.html",
];

/// Why nothing was measured.
#[derive(Debug, Error)]
pub(crate) enum LoggingError {
    /// The server did not come up.
    #[error("slipring did not start; build it with `cargo build --release --workspace`: {0}")]
    NotStarted(String),
    /// Not every request was answered with 200.
    #[error("{0}: not every request was answered with 200")]
    BadAnswers(&'static str),
    /// The log does not have a line for each request.
    #[error("the log holds nothing: this would measure nothing")]
    EmptyLog,
    /// The load generator.
    #[error("the load generator failed: {0}")]
    Load(#[from] drive::DriveError),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// Files and processes.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The arms, in the order of their indices.
const ARMS: [&str; 3] = ["log off", "log on", "log off again"];
const ON: usize = 1;

/// One measurement: requests a second, and CPU microseconds of the server per request.
#[derive(Clone, Copy, Debug)]
struct Sample {
    rate: f64,
    server_us: f64,
}

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), LoggingError> {
    let stop = cli::stop_on_signals();
    let files = tempfile::Builder::new().prefix("slipring-bench-").tempdir()?;
    fs::create_dir(files.path().join("root"))?;
    fs::write(files.path().join("root/13.txt"), "Hello, World!")?;
    let log = files.path().join("access.log");
    let on = [log.display().to_string(), options.format.clone()];
    let start = |flags: &[&str]| {
        let started = server::slipring(options.server_core, &files.path().join("root"), flags);
        started.map_err(|error| LoggingError::NotStarted(error.to_string()))
    };
    let servers = [
        start(&["--access-log", "off"])?,
        start(&["--access-log", &on[0], "--log-format", &on[1]])?,
        start(&["--access-log", "off"])?,
    ];
    let mut rounds: Vec<Vec<[Sample; ARMS.len()]>> = vec![Vec::new(); options.pipeline.len()];
    for round in 0..options.rounds {
        if io::stderr().is_terminal() {
            eprint!("\rround {} of {} \r", round + 1, options.rounds);
        }
        for (rounds, &pipeline) in rounds.iter_mut().zip(&options.pipeline) {
            rounds.push(one_round(options, &servers, &log, pipeline, &stop)?);
        }
    }
    print(options, &rounds);
    Ok(())
}

/// Each arm once. The log is emptied right before its own, on the disk too: no disk fills, no arm inherits the writing of
/// another, and the pages that come free are those that it fills. (Where a machine's host takes back free memory, pages that
/// wait for long are its own to fetch again, which costs more than writing to them.)
fn one_round(
    options: &Options,
    servers: &[Server; ARMS.len()],
    log: &Path,
    pipeline: u32,
    stop: &AtomicBool,
) -> Result<[Sample; ARMS.len()], LoggingError> {
    let mut samples = [Sample { rate: f64::NAN, server_us: f64::NAN }; ARMS.len()];
    for (arm, server) in servers.iter().enumerate() {
        if arm == ON {
            empty(log)?;
        }
        samples[arm] = measure(options, ARMS[arm], server, pipeline, stop)?;
        if stop.load(Ordering::Relaxed) {
            return Err(LoggingError::Interrupted);
        }
    }
    if fs::metadata(log)?.len() == 0 {
        return Err(LoggingError::EmptyLog);
    }
    Ok(samples)
}

fn empty(log: &Path) -> io::Result<()> {
    let file = File::options().write(true).open(log)?;
    file.set_len(0)?;
    file.sync_all()
}

fn measure(
    options: &Options,
    name: &'static str,
    server: &Server,
    pipeline: u32,
    stop: &AtomicBool,
) -> Result<Sample, LoggingError> {
    let address = server.address;
    let target = Target { host: address.ip().to_string(), port: address.port(), path: "/13.txt".to_owned() };
    let fields = FIELDS.iter().map(|field| field.parse().expect("a field line")).collect();
    let plan = Plan {
        requests: vec![Request { fields, ..Request::new(target.clone()) }],
        connections: options.connections,
        pipeline,
        warmup: WARMUP,
        duration: Duration::from_secs_f64(options.seconds),
        cores: vec![usize::from(options.load_core)],
        target_pid: Some(server.pid()),
        ..Plan::new(target)
    };
    let run = drive::run(&plan, &[address], stop)?;
    let only_200 = run.record.statuses().all(|(status, _)| status == 200);
    match run.target_us_per_request() {
        Some(server_us) if only_200 && run.rate() > 0.0 => Ok(Sample { rate: run.rate(), server_us }),
        _ => Err(LoggingError::BadAnswers(name)),
    }
}

fn print(options: &Options, rounds: &[Vec<[Sample; ARMS.len()]>]) {
    println!("{}", facts::kernel_and_cpu());
    println!(
        "format {}, {} connections, server on core {}, load on core {}, {} interleaved rounds of {} s; medians",
        options.format, options.connections, options.server_core, options.load_core, options.rounds, options.seconds
    );
    for (rounds, pipeline) in rounds.iter().zip(&options.pipeline) {
        let of = |arm: usize, what: fn(&Sample) -> f64| median(rounds.iter().map(|round| what(&round[arm])));
        println!("\npipeline {pipeline}");
        for (arm, name) in ARMS.into_iter().enumerate() {
            let (rate, us) = (of(arm, |sample| sample.rate), of(arm, |sample| sample.server_us));
            println!("  {name:14} {rate:>10.0} requests/s  {us:.3} us of server CPU per request");
        }
        ratio("requests/s, off again / off (A/A)", rounds, |[off, _, again]| again.rate / off.rate);
        ratio("requests/s, on / off", rounds, |round| round[ON].rate / mean(round, |sample| sample.rate));
        ratio("server CPU, on / off", rounds, |round| round[ON].server_us / mean(round, |sample| sample.server_us));
    }
}

/// Of the two runs without the log.
fn mean([off, _, again]: &[Sample; ARMS.len()], what: fn(&Sample) -> f64) -> f64 {
    (what(off) * what(again)).sqrt()
}

fn ratio(name: &str, rounds: &[[Sample; ARMS.len()]], of: impl Fn(&[Sample; ARMS.len()]) -> f64) {
    let ratios: Vec<f64> = rounds.iter().map(of).collect();
    let Some(found) = estimate(&ratios) else { return };
    print!("  {name:34} {:.3} ({:.3} to {:.3}", found.median, found.low, found.high);
    print!(", {:.1}% coverage)", found.coverage * 100.0);
    if name.ends_with("on / off") && name.starts_with("requests") {
        // The bound is one from below: the reciprocal has it from above.
        let cost = estimate(&ratios.iter().map(|ratio| 1.0 / ratio).collect::<Vec<_>>());
        let word = cost.map_or(Verdict::Open, |cost| cost.verdict(1.0 / RATE_MIN)).name();
        print!(" {word} (at least {RATE_MIN})");
    }
    println!();
}
