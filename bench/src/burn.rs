//! A server that burns a known amount of CPU time for each request and writes down how much it was.
//!
//! It is the engine with a handler that goes round a loop a fixed number of times, which it is told: servers that are told the
//! same do the same, whatever the clock was when each began. Each time is taken by the thread's own
//! CPU clock, before and after, so that what the log says is what was burnt and not what was asked for; with nothing
//! to burn the clock is read as often, and what two reads cost is in the log as well. The log has the mean, as a reader
//! of the process's CPU time has it: on a core that is now fast and now slow a median is of one of the two speeds.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::{fs, io};

use clap::Args;
use rustix::time::{ClockId, clock_gettime};
use slipring::{Commands, Exchange, Handler, LogTarget, Reply, Server};

/// How the server is called.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Port on 127.0.0.1
    #[arg(long)]
    port: u16,
    /// How often to go round the loop for each request
    #[arg(long, default_value_t = 0)]
    turns: u64,
    /// Written when the server ends: requests, and the CPU nanoseconds burnt for one of them in the mean
    #[arg(long, value_name = "FILE")]
    log: PathBuf,
}

/// What a server wrote down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Burnt {
    /// For how many requests.
    pub(crate) requests: u64,
    /// CPU nanoseconds of one, the mean.
    pub(crate) mean_ns: f64,
}

/// Turns of the loop by which its length is found, and how often that is tried: the shortest is the undisturbed one.
const TRIAL_TURNS: u64 = 200_000;
const TRIALS: u32 = 10;

/// Requests, and the nanoseconds that were burnt for all of them.
type Sums = Arc<Mutex<(u64, u64)>>;

struct Burner {
    turns: u64,
    sums: Sums,
}

impl Handler for Burner {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get);
}

impl Burner {
    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        let before = cpu_ns();
        burn(self.turns);
        let ns = cpu_ns().saturating_sub(before);
        let mut sums = self.sums.lock().expect("no holder of the sums panics");
        *sums = (sums.0 + 1, sums.1 + ns);
        drop(sums);
        x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(b"Hello, World!")
    }
}

/// Serves until it is told to end, then writes its log.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let sums = Sums::default();
    let turns = options.turns;
    let server = Server::bind(("127.0.0.1", options.port)).map_err(io::Error::other)?;
    let handler = {
        let sums = Arc::clone(&sums);
        move || Burner { turns, sums: Arc::clone(&sums) }
    };
    server.shards(1).access_log(LogTarget::Off).serve(handler).map_err(io::Error::other)?;
    let (requests, ns) = *sums.lock().expect("no holder of the sums panics");
    fs::write(&options.log, format!("{requests} {}\n", ns as f64 / requests.max(1) as f64))
}

impl Burnt {
    /// Reads a log; `None` if it is not there yet.
    pub(crate) fn read(log: &Path) -> Option<Self> {
        let text = fs::read_to_string(log).ok()?;
        let mut words = text.split_whitespace();
        Some(Self { requests: words.next()?.parse().ok()?, mean_ns: words.next()?.parse().ok()? })
    }
}

/// How many turns of the loop use a nanosecond of CPU time here and now, about.
pub(crate) fn turns_per_ns() -> f64 {
    let trial = |_| {
        let before = cpu_ns();
        burn(TRIAL_TURNS);
        cpu_ns() - before
    };
    let shortest = (0..TRIALS).map(trial).min().unwrap_or(1).max(1);
    TRIAL_TURNS as f64 / shortest as f64
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
    fn a_log_is_read_as_it_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        assert_eq!(Burnt::read(&log), None);
        fs::write(&log, "7 100.5\n").expect("a file");
        assert_eq!(Burnt::read(&log), Some(Burnt { requests: 7, mean_ns: 100.5 }));
    }

    #[test]
    fn what_is_burnt_is_about_what_was_asked_for() {
        let turns = (1e6 * turns_per_ns()) as u64;
        let times = (0..50).map(|_| {
            let before = cpu_ns();
            burn(turns);
            cpu_ns() - before
        });
        let shortest = times.min().expect("fifty times");
        assert!((500_000..2_000_000).contains(&shortest), "{shortest}");
    }
}
