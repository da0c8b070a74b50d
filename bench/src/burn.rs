//! A server that burns a known amount of CPU time for each request and writes down how much it was.
//!
//! It is the engine with a handler that turns a loop round a fixed number of times. Each turn is timed by the thread's
//! own CPU clock, before and after, so that what the log says is what was burnt and not what was asked for; with
//! nothing to burn the clock is read as often, and what two reads cost is in the log as well.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io};

use clap::Args;
use rustix::time::{ClockId, clock_gettime};
use slipring::{AccessLog, Commands, Exchange, Handler, Reply, Server};

/// How the server is called.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Port on 127.0.0.1
    #[arg(long)]
    port: u16,
    /// CPU nanoseconds to burn for each request, about
    #[arg(long, default_value_t = 0)]
    burn_ns: u64,
    /// Written when the server ends: requests, and CPU nanoseconds burnt for all of them
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
}

/// What a server wrote down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Burnt {
    pub(crate) requests: u64,
    pub(crate) ns: u64,
}

/// Turns of the loop by which its length is found, and how often that is tried: the shortest is the undisturbed one.
const TRIAL_TURNS: u64 = 200_000;
const TRIALS: u32 = 10;

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    ns: AtomicU64,
}

struct Burner {
    turns: u64,
    counts: Arc<Counts>,
}

impl Handler for Burner {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get);
}

impl Burner {
    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        let before = cpu_ns();
        burn(self.turns);
        self.counts.ns.fetch_add(cpu_ns().saturating_sub(before), Ordering::Relaxed);
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(b"Hello, World!")
    }
}

/// Serves until it is told to end, then writes its log.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let counts = Arc::new(Counts::default());
    let turns = turns(options.burn_ns);
    let server = Server::bind(("127.0.0.1", options.port)).map_err(io::Error::other)?;
    let handler = {
        let counts = Arc::clone(&counts);
        move || Burner { turns, counts: Arc::clone(&counts) }
    };
    server.shards(1).access_log(AccessLog::Off).serve(handler).map_err(io::Error::other)?;
    let (requests, ns) = (counts.requests.load(Ordering::Relaxed), counts.ns.load(Ordering::Relaxed));
    fs::write(&options.log, format!("{requests} {ns}\n"))
}

impl Burnt {
    /// Reads a log; `None` if it is not there yet.
    pub(crate) fn read(log: &std::path::Path) -> Option<Self> {
        let text = fs::read_to_string(log).ok()?;
        let mut words = text.split_whitespace().map(str::parse);
        Some(Self { requests: words.next()?.ok()?, ns: words.next()?.ok()? })
    }

    /// For each request.
    pub(crate) fn ns_per_request(self) -> f64 {
        self.ns as f64 / self.requests.max(1) as f64
    }
}

fn turns(burn_ns: u64) -> u64 {
    let trial = |_| {
        let before = cpu_ns();
        burn(TRIAL_TURNS);
        cpu_ns() - before
    };
    let shortest = (0..TRIALS).map(trial).min().unwrap_or(1).max(1);
    (u128::from(burn_ns) * u128::from(TRIAL_TURNS) / u128::from(shortest)) as u64
}

fn burn(turns: u64) {
    let mut state = black_box(0x9e37_79b9_7f4a_7c15_u64);
    for _ in 0..turns {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    black_box(state);
}

/// Of the calling thread.
fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_burnt_is_about_what_was_asked_for() {
        let turns = turns(1_000_000);
        let times = (0..50).map(|_| {
            let before = cpu_ns();
            burn(turns);
            cpu_ns() - before
        });
        let shortest = times.min().expect("fifty times");
        assert!((500_000..2_000_000).contains(&shortest), "{shortest}");
    }
}
