//! Coordinated omission: the target's process is stopped for a second in the middle of a run.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use slipring_load::plan::Plan;
use tempfile::TempDir;

use super::{HonestyError, Options, load, pause, plan, quantiles};
use crate::probe;
use crate::server::{self, Server};

/// How long the target stands still, how long the run is, and its rate.
const STALL: Duration = Duration::from_secs(1);
const RUN: Duration = Duration::from_secs(10);
const RATE: f64 = 1_000.0;
const CONNECTIONS: u32 = 8;

/// A null responder in a process of its own. Dropping it ends it.
pub(super) struct Responder {
    server: Server,
    _files: TempDir,
}

impl Responder {
    /// For requests of this length.
    pub(super) fn start(options: &Options, request_bytes: usize) -> io::Result<Self> {
        let files = tempfile::tempdir()?;
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!";
        let server = server::null(options.server_core, request_bytes, answer, &files.path().join("answer"))?;
        Ok(Self { server, _files: files })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Stops the process for a second, so long from now.
    fn stall(&self, after: Duration) -> JoinHandle<io::Result<()>> {
        let pid = self.server.pid().to_string();
        thread::spawn(move || {
            let signal = |name: &str| Command::new("kill").args([name, &pid]).status().map(drop);
            pause(after);
            signal("-STOP")?;
            pause(STALL);
            signal("-CONT")
        })
    }
}

/// Bytes of the plan's one request; ports of five digits are alike.
pub(super) fn request_bytes(plan: &Plan) -> usize {
    plan.mix(0).map_or(0, |mix| mix.len_max())
}

/// Lets ours and others meet the stall, one after the other.
pub(super) fn run(options: &Options) -> Result<(), HonestyError> {
    println!("stall: the target is stopped for {STALL:?} of {RUN:?} at {RATE}/s, {CONNECTIONS} connections");
    println!(
        "true response times, for a share q of the requests: S - (1 - q) T, so p99 900 ms, p99.9 990 ms, max 1000 ms"
    );
    println!("| times in ms | p50 | p99 | p99.9 | max |\n|---|---:|---:|---:|---:|");
    let plan = |address| Plan { rate: Some(RATE), connections: CONNECTIONS, duration: RUN, ..plan(options, address) };
    let probe = plan(SocketAddr::from(([127, 0, 0, 1], 10_000)));
    let responder = Responder::start(options, request_bytes(&probe))?;
    let plan = plan(responder.address());
    let stalled = responder.stall(plan.warmup + RUN / 2);
    let found = load(&plan, responder.address())?;
    stalled.join().expect("it only sleeps and signals")?;
    println!("| response time, slipring-load | {} |", quantiles(&found.record.response));
    println!("| service time, slipring-load | {} |", quantiles(&found.record.service));
    others(options)
}

/// What they print, for who reads it: each has its own words. Their requests have other lengths.
fn others(options: &Options) -> Result<(), HonestyError> {
    let (seconds, each) = (RUN.as_secs(), RATE / f64::from(CONNECTIONS));
    let calls = [
        ("hey", format!("-c {CONNECTIONS} -q {each} -z {seconds}s"), "99% in|Slowest|Average"),
        (
            "h2load",
            format!("--h1 -t 1 -c {CONNECTIONS} --rps {each} -D {seconds}"),
            "request  :|time for request|finished",
        ),
        ("wrk", format!("-t1 -c{CONNECTIONS} -d{seconds}s --latency"), "Latency|99%|Requests/sec"),
    ];
    for (tool, words, wanted) in calls {
        let Some(bytes) = probe(tool, &words)? else {
            println!("{tool}: not installed");
            continue;
        };
        let responder = Responder::start(options, bytes)?;
        let stalled = responder.stall(RUN / 2);
        let url = format!("http://{}/13.txt", responder.address());
        let output = Command::new(tool).args(words.split_whitespace()).arg(url).stdin(Stdio::null()).output()?;
        stalled.join().expect("it only sleeps and signals")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("{tool} {words}");
        let lines = text.lines().filter(|line| wanted.split('|').any(|word| line.contains(word)));
        lines.for_each(|line| println!("    {}", line.trim()));
    }
    Ok(())
}

/// Bytes of the request that a tool sends; `None` if it is not there.
fn probe(tool: &str, words: &str) -> io::Result<Option<usize>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/13.txt", listener.local_addr()?);
    match probe::request_bytes(&listener, Command::new(tool).args(words.split_whitespace()).arg(url)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}
