//! Many seeds, on as many threads as asked for; how a failing one is told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use slipring_ring::sim::FaultPlan;

use crate::handler::Flaw;
use crate::run::{Run, play};

/// What many seeds came to.
#[derive(Debug, Default)]
pub struct Sum {
    /// Seeds played; those played twice count twice.
    pub plays: u64,
    /// Connections.
    pub clients: usize,
    /// Answers that came whole.
    pub answers: usize,
    /// Clients that left with an excuse or by themselves.
    pub excused: usize,
    /// Submissions, completions and acts of the outside.
    pub events: u64,
}

/// Which seeds to play.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// Every so many are played twice and have to be the same run.
    pub twice_every: u64,
    /// Threads.
    pub threads: usize,
    /// So many seeds may fail before the others are left out.
    pub failures_max: usize,
}

/// A seed that failed, and how.
#[derive(Debug)]
pub struct Failure {
    /// Which.
    pub seed: u64,
    /// What went wrong.
    pub error: String,
}

/// Plays seeds until too many fail.
pub fn play_all(seeds: Seeds, flaw: Flaw) -> Result<Sum, Vec<Failure>> {
    let next = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    let sum = Mutex::new(Sum::default());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= seeds.count || failures.lock().expect("not poisoned").len() >= seeds.failures_max {
                return;
            }
            let seed = seeds.first + number;
            let plays = if number.is_multiple_of(seeds.twice_every) { 2 } else { 1 };
            match attempt(seed, flaw, plays) {
                Ok(run) => sum.lock().expect("not poisoned").add(&run, plays),
                Err(error) => failures.lock().expect("not poisoned").push(Failure { seed, error }),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..seeds.threads {
            scope.spawn(work);
        }
        work();
    });
    let failures = failures.into_inner().expect("not poisoned");
    if failures.is_empty() { Ok(sum.into_inner().expect("not poisoned")) } else { Err(failures) }
}

/// Plays one seed so many times; all have to be the same run.
fn attempt(seed: u64, flaw: Flaw, plays: u64) -> Result<Run, String> {
    let first = play_caught(seed, flaw, 0)?;
    for _ in 1..plays {
        let again = play_caught(seed, flaw, 0)?;
        if again != first {
            return Err(format!("two runs of one seed differ: {first:?}, {again:?}"));
        }
    }
    Ok(first)
}

/// Plays one seed; a panic is an error like any other.
pub fn play_caught(seed: u64, flaw: Flaw, trace_lines: usize) -> Result<Run, String> {
    catch_unwind(AssertUnwindSafe(|| play(seed, flaw, trace_lines))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(format!("a panic: {}", text.unwrap_or("without words")))
    })
}

impl Sum {
    fn add(&mut self, run: &Run, plays: u64) {
        self.plays += plays;
        self.clients += run.clients;
        self.answers += run.answers;
        self.excused += run.excused;
        self.events += run.events * plays;
    }
}

impl Failure {
    /// What went wrong, and the command that shows it again.
    pub fn text(&self) -> String {
        format!(
            "seed {:#x} fails: {}\n\n{:?}\n\nto see it again:\n    SLIPRING_SEED={:#x} cargo test -p slipring-tests --test \
             simulation replay -- --nocapture\n",
            self.seed,
            self.error,
            FaultPlan::from_seed(self.seed),
            self.seed
        )
    }
}
