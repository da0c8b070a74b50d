//! The course of a comparison: servers up, a probe of each, rounds of blocks, servers down.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::place::Place;
use super::server::{Server, free_port, refuse_taken, with_port};
use crate::cli::Failure;
use crate::cli::load::{self, LoadOptions};
use crate::cli::output::{in_words, progress_line};
use crate::compare::{Arm, Block, Comparison, Design, Metric, Rounds, Side, Turn};
use crate::judge::Purpose;
use crate::plan::{Plan, Target};
use crate::record::{Host, RunRecord};

/// The closed-loop probe that finds what a server can do.
const PROBE: Duration = Duration::from_secs(1);
const PROBE_SETTLE: Duration = Duration::from_millis(300);
/// Share of the slower server's saturation that both are offered.
const RATE_SHARE: f64 = 0.5;

/// A server as it was named.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// Where it serves; `{port}` is the port that it was given.
    pub url: String,
    /// A command of the shell that starts it; `{port}` is a free port.
    pub command: Option<String>,
}

/// All that a comparison needs to know.
#[derive(Clone, Debug)]
pub struct Course {
    pub(super) contestants: [Contestant; 2],
    pub(super) design: Design,
    pub(super) place: Place,
    pub(super) ready_timeout: Duration,
    pub(super) load: LoadOptions,
    pub(super) quiet: bool,
}

/// A server that is up.
#[derive(Debug)]
struct Up {
    arm: Arm,
    target: Target,
    addresses: Vec<SocketAddr>,
    /// Ended when this is dropped.
    _server: Option<Server>,
}

/// Compares. `stop` ends it after the block that is being measured; what was measured is still reported.
pub fn compare(course: &Course, stop: &AtomicBool) -> Result<Comparison, Failure> {
    let line = progress_line(course.quiet);
    line.set_message("starting the servers");
    let [first, second] = &course.contestants;
    let mut up = [Up::start(first, course, stop)?, Up::start(second, course, stop)?];
    line.set_message("probing what each can do");
    let probes = [probe(&up[0], course, stop)?, probe(&up[1], course, stop)?];
    let design = settled_design(course, &mut up, &probes);
    load::check(&course.plan(&up[0], Some(design.rate), &design))?;
    let mut rounds = Rounds::new(design.clone());
    let mut first_run: Option<(u64, Host)> = None;
    let mut interrupted = stop.load(Ordering::Relaxed);
    while let Some(turn) = rounds.turn().filter(|_| !interrupted) {
        line.set_message(position(turn, &design, rounds.repeats()));
        let run = block(&up[turn.side as usize], turn, course, &design, stop)?;
        interrupted = run.interrupted || stop.load(Ordering::Relaxed);
        if !run.interrupted {
            rounds.handle_block(Block::new(turn.round, turn.attempt, turn.place, turn.side, &run));
        }
        first_run.get_or_insert((run.started_s, run.host));
    }
    line.finish_and_clear();
    let (started_s, host) = first_run.unwrap_or_default();
    let repeats = rounds.repeats();
    let comparison = Comparison {
        arms: up.map(|up| up.arm),
        options: course.load.named(),
        placement: course.place.text.clone(),
        host,
        started_s,
        blocks: rounds.into_blocks(),
        repeats,
        interrupted,
        design,
        ..Comparison::default()
    };
    Ok(comparison.conclude())
}

impl Up {
    fn start(contestant: &Contestant, course: &Course, stop: &AtomicBool) -> Result<Self, Failure> {
        let port = if contestant.command.is_some() { free_port()? } else { 0 };
        let url = with_port(&contestant.url, port);
        let target: Target = url.parse().map_err(|error| Failure::usage(format!("{url}: {error}")))?;
        let addresses = load::resolve(&target)?;
        let command = contestant.command.as_ref().map(|command| with_port(command, port));
        if let (Some(_), Some(address)) = (&command, addresses.first()) {
            refuse_taken(*address)?;
        }
        let mut server = command.as_ref().map(|command| Server::start(command, course.place.servers)).transpose()?;
        if let (Some(server), Some(address)) = (&mut server, addresses.first()) {
            server.wait_ready(*address, course.ready_timeout, stop)?;
        }
        let arm = Arm { url: target.to_string(), command, ..Arm::default() };
        Ok(Self { arm, target, addresses, _server: server })
    }
}

impl Course {
    fn plan(&self, up: &Up, rate: Option<f64>, design: &Design) -> Plan {
        let [settle, block] = [design.settle_ns, design.block_ns].map(Duration::from_nanos);
        let (warmup, duration) = if rate.is_some() { (settle, block) } else { (PROBE_SETTLE, PROBE) };
        let plan = self.load.plan(&up.target, rate, warmup, duration);
        Plan { cores: self.place.generator.clone(), ..plan }
    }
}

/// What a server can do, and whether its CPU time can be read.
fn probe(up: &Up, course: &Course, stop: &AtomicBool) -> Result<RunRecord, Failure> {
    let plan = course.plan(up, None, &course.design);
    load::check(&plan)?;
    load::measure(&plan, &up.addresses, &[], Purpose::Alone, stop)
}

/// The design with what only the probes know: the rate, and the primaries that can be measured.
fn settled_design(course: &Course, up: &mut [Up; 2], probes: &[RunRecord; 2]) -> Design {
    let mut design = course.design.clone();
    for (up, probe) in up.iter_mut().zip(probes) {
        up.arm.pids = probe.target.as_ref().map(|target| target.pids.clone()).unwrap_or_default();
    }
    if design.rate <= 0.0 {
        for (up, probe) in up.iter_mut().zip(probes) {
            up.arm.saturation = Some(probe.rate());
        }
        design.rate = rounded(RATE_SHARE * probes[0].rate().min(probes[1].rate())).max(1.0);
    }
    let is_read = probes.iter().all(|probe| Metric::TargetCpu.of(probe).is_some());
    design.primaries = if is_read { Metric::LOCAL } else { Metric::REMOTE };
    design
}

/// Two digits: a rate that people can remember, and the same in the next comparison.
fn rounded(rate: f64) -> f64 {
    let unit = 10_f64.powf(rate.max(1.0).log10().floor() - 1.0);
    (rate / unit).floor() * unit
}

fn block(up: &Up, turn: Turn, course: &Course, design: &Design, stop: &AtomicBool) -> Result<RunRecord, Failure> {
    let plan = course.plan(up, Some(design.rate), design);
    let seed = design.seed.wrapping_add(u64::from(turn.round));
    load::measure(&Plan { seed, ..plan }, &up.addresses, &[], Purpose::Compared, stop)
}

fn position(turn: Turn, design: &Design, repeats: u32) -> String {
    let block = (design.block_ns + design.settle_ns) as f64 / 1e9;
    let left = f64::from(4 * (design.rounds - turn.round) - turn.place) * block;
    let side = if turn.side == Side::A { "a" } else { "b" };
    let again = if repeats > 0 { format!(", {repeats} repeated") } else { String::new() };
    format!("round {} of {}, {side}, {} left{again}", turn.round + 1, design.rounds, in_words(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_two_digits_and_is_not_above_half() {
        for (rate, expected) in [(45_678.0, 45_000.0), (999.0, 990.0), (12.3, 12.0), (1.0, 1.0)] {
            assert!((rounded(rate) - expected).abs() < 1e-6, "{rate}: {}", rounded(rate));
        }
    }
}
