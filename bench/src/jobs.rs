//! Blocking work beside fast work: what requests at once cost while others sleep in the worker pool.
//!
//! One server, the example `blocking`, on one core. In each round the fast requests are measured twice: alone, and while
//! sleepers keep as many requests of a second each in the pool. What is compared is the 99th percentile of the *same
//! round*.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use clap::Args;
use core_affinity::CoreId;
use slipring_load::plan::{Plan, Target};
use slipring_load::{cli, drive};
use thiserror::Error;

use crate::facts;
use crate::server::{self, Server};
use crate::stats::{estimate, median};

/// How `jobs` is called.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Rounds; 6 or more give an interval of at least 95%
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Connections that ask for what is answered at once
    #[arg(short, long, default_value_t = 8)]
    connections: u32,
    /// Requests that sleep in the pool
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    sleepers: u32,
    /// Core of the server
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..1024))]
    server_core: u16,
    /// Core of the load
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(..1024))]
    load_core: u16,
}

/// Load before each measurement.
const WARMUP: Duration = Duration::from_millis(200);
/// A fast request's 99th percentile beside the sleepers is at most so many times what it is without them.
const RATIO_MAX: f64 = 2.0;
/// Percentiles that are printed.
const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
/// Which of them is compared.
const COMPARED: usize = 1;
const SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nHost: bench\r\n\r\n";

/// Why nothing was measured.
#[derive(Debug, Error)]
pub(crate) enum JobsError {
    /// The server did not come up.
    #[error("the example `blocking` did not start; build it with `cargo build --release --workspace --examples`: {0}")]
    NotStarted(String),
    /// Not every request was answered with 200.
    #[error("not every request was answered with 200")]
    BadAnswers,
    /// The sleepers were not there.
    #[error("the sleepers had {0} answers where there must be some: this would measure nothing")]
    Awake(u64),
    /// The load generator.
    #[error("the load generator failed: {0}")]
    Load(#[from] drive::DriveError),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// Processes and sockets.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Microseconds at each of [`QUANTILES`].
type Sample = [f64; QUANTILES.len()];

/// Measures and prints.
pub(crate) fn run(options: &Options) -> Result<(), JobsError> {
    let stop = cli::stop_on_signals();
    let server = start(options.server_core)?;
    let mut rounds: Vec<[Sample; 2]> = Vec::new();
    for _ in 0..options.rounds {
        let alone = measure(options, &server, &stop)?;
        let sleepers = Sleepers::start(server.address, options.sleepers)?;
        let beside = measure(options, &server, &stop)?;
        let answers = sleepers.end();
        if answers == 0 {
            return Err(JobsError::Awake(answers));
        }
        if stop.load(Ordering::Relaxed) {
            return Err(JobsError::Interrupted);
        }
        rounds.push([alone, beside]);
    }
    print(options, &rounds);
    Ok(())
}

fn measure(options: &Options, server: &Server, stop: &AtomicBool) -> Result<Sample, JobsError> {
    let address = server.address;
    let target = Target { host: address.ip().to_string(), port: address.port(), path: "/".to_owned() };
    let plan = Plan {
        connections: options.connections,
        warmup: WARMUP,
        duration: Duration::from_secs_f64(options.seconds),
        cores: vec![usize::from(options.load_core)],
        target_pid: Some(server.pid()),
        ..Plan::new(target)
    };
    let run = drive::run(&plan, &[address], stop)?;
    let only_200 = run.record.statuses().all(|(status, _)| status == 200);
    if !only_200 || run.times().is_empty() {
        return Err(JobsError::BadAnswers);
    }
    let us = |q| run.times().quantile(q).ns().map_or(f64::NAN, |ns| ns as f64 / 1000.0);
    Ok(QUANTILES.map(|(_, q)| us(q)))
}

fn print(options: &Options, rounds: &[[Sample; 2]]) {
    println!("{}", facts::kernel_and_cpu());
    println!(
        "{} connections ask at once, {} requests sleep one second each; server on core {}, load on core {}, {} interleaved \
         rounds of {} s; medians",
        options.connections, options.sleepers, options.server_core, options.load_core, options.rounds, options.seconds
    );
    for (place, (name, _)) in QUANTILES.into_iter().enumerate() {
        let of = |arm: usize| median(rounds.iter().map(|round| round[arm][place]));
        println!("  {name:6} alone {:>8.1} us   beside the sleepers {:>8.1} us", of(0), of(1));
    }
    let ratios: Vec<f64> = rounds.iter().map(|[alone, beside]| beside[COMPARED] / alone[COMPARED]).collect();
    let Some(found) = estimate(&ratios) else { return };
    let word = found.verdict(RATIO_MAX).name();
    println!(
        "  p99 beside / alone {:.2} ({:.2} to {:.2}, {:.1}% coverage) {word} (at most {RATIO_MAX})",
        found.median,
        found.low,
        found.high,
        found.coverage * 100.0
    );
}

/// Connections that always have a slow request in the pool.
struct Sleepers {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Sleepers {
    fn start(address: SocketAddr, number: u32) -> Result<Self, JobsError> {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut threads = Vec::new();
        for _ in 0..number {
            let mut stream = TcpStream::connect(address)?;
            let (stop, answers) = (stop.clone(), answers.clone());
            threads.push(thread::spawn(move || {
                let mut answer = [0; 4096];
                while !stop.load(Ordering::Relaxed) && stream.write_all(SLOW).is_ok() {
                    if !stream.read(&mut answer).is_ok_and(|len| answer[..len].starts_with(b"HTTP/1.1 200 ")) {
                        return;
                    }
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        Ok(Self { stop, answers, threads })
    }

    /// Lets them sleep out; the answers that they had.
    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // One that panicked had no answer.
            let _ = thread.join();
        }
        self.answers.load(Ordering::Relaxed)
    }
}

/// The example, on one core: it has as many shards as it may use cores, and what this thread is pinned to it inherits.
fn start(core: u16) -> Result<Server, JobsError> {
    let program = server::beside_us("examples")?.join("blocking");
    let starting = thread::spawn(move || {
        core_affinity::set_for_current(CoreId { id: usize::from(core) });
        Server::start(Command::new(program).arg("127.0.0.1:0").stdin(Stdio::null()))
    });
    let started = starting.join().map_err(|_| JobsError::NotStarted("a thread fell".to_owned()))?;
    started.map_err(|error| JobsError::NotStarted(error.to_string()))
}
