//! The simulation: the real shard on a simulated ring, random clients and faults, and a naive model of every answer.
//!
//! What is checked stands in `docs/SIMULATION.md`. `SLIPRING_SEEDS=n` plays n seeds instead of 2,000, `SLIPRING_FIRST=s`
//! begins with seed s, `SLIPRING_FAILURES=n` goes on until n have failed, `SLIPRING_SEED=s` replays one with its trace.
#![allow(
    clippy::format_collect,
    clippy::duration_suboptimal_units,
    clippy::if_not_else,
    reason = "a test says it as it reads best"
)]

#[path = "simulation/answers.rs"]
mod answers;
#[path = "simulation/client.rs"]
mod client;
#[path = "simulation/handler.rs"]
mod handler;
#[path = "simulation/held.rs"]
mod held;
#[path = "simulation/held_scripts.rs"]
mod held_scripts;
#[path = "simulation/pattern.rs"]
mod pattern;
#[path = "simulation/play.rs"]
mod play;
#[path = "simulation/requests/mod.rs"]
mod requests;
#[path = "simulation/rig.rs"]
mod rig;
#[path = "simulation/run.rs"]
mod run;
#[path = "simulation/sizes.rs"]
mod sizes;
#[path = "simulation/stories.rs"]
mod stories;
#[path = "simulation/suite.rs"]
mod suite;
#[path = "simulation/tree.rs"]
mod tree;
#[path = "simulation/verdict.rs"]
mod verdict;

use handler::Flaw;
use suite::{Failure, Seeds, Sum, play_all, play_caught};

/// Seeds of a plain run of this test.
const SEEDS: u64 = 2000;
/// Events of a replayed seed that are shown.
const TRACE_LINES: usize = 20_000;

#[test]
fn every_seed_holds() {
    let seeds = number("SLIPRING_SEEDS").unwrap_or(SEEDS);
    let first = number("SLIPRING_FIRST").unwrap_or(0);
    let twice_every = if seeds > SEEDS { 1 } else { 8 };
    let failures_max = number("SLIPRING_FAILURES").unwrap_or(1) as usize;
    let sum = measured(Seeds { first, count: seeds, twice_every, threads: 2, failures_max });
    assert!(
        sum.answers > 0 && sum.excused < sum.clients,
        "the faults neither spare everybody nor kill everybody: {sum:?}"
    );
}

#[test]
fn replay() {
    let Some(seed) = number("SLIPRING_SEED") else { return };
    match play_caught(seed, Flaw::Sound, TRACE_LINES) {
        Ok(run) => println!("seed {seed:#x} holds: {run:?}"),
        Err(error) => panic!("{}", Failure { seed, error }.text()),
    }
}

/// What the simulation is worth: it finds each of these in a few hundred seeds.
#[test]
fn flaws_are_found() {
    for (flaw, expected) in [
        (Flaw::WrongByte, "differs at byte 3"),
        (Flaw::WrongStatus, "status 201 instead of 200"),
        (Flaw::AsksForEver, "no end"),
        (Flaw::Unseeded, "two runs of one seed differ"),
    ] {
        let seeds = Seeds { first: 0, count: 300, twice_every: 1, threads: 1, failures_max: 1 };
        let failures = play_all(seeds, flaw).expect_err("it is found");
        assert!(failures[0].error.contains(expected), "{flaw:?}: {}", failures[0].text());
        assert!(failures[0].text().contains("SLIPRING_SEED=0x"));
    }
}

/// Plays seeds and says how fast.
fn measured(seeds: Seeds) -> Sum {
    #[expect(clippy::disallowed_methods, reason = "what is measured is the simulation itself, not what happens in it")]
    let start = std::time::Instant::now();
    let sum = play_all(seeds, Flaw::Sound).unwrap_or_else(|failures| fail(&failures));
    let seconds = start.elapsed().as_secs_f64();
    let rate = sum.plays as f64 / seconds;
    println!(
        "{} plays in {seconds:.1} s on {} threads: {rate:.0} a second, {:.0} a second and thread; {} events, {} of {} \
         clients excused, {} whole answers",
        sum.plays,
        seeds.threads,
        rate / seeds.threads as f64,
        sum.events,
        sum.excused,
        sum.clients,
        sum.answers
    );
    sum
}

fn fail(failures: &[Failure]) -> ! {
    for failure in failures {
        println!("seed {:#x} fails: {}", failure.seed, failure.error.replace('\n', " "));
    }
    panic!("{}", failures[0].text())
}

/// A number from the environment, decimal or with 0x.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let parsed = text.strip_prefix("0x").map_or_else(|| text.parse(), |hex| u64::from_str_radix(hex, 16));
    Some(parsed.unwrap_or_else(|_| panic!("{name}={text} is no number")))
}
