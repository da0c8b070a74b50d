//! The course of a comparison: servers up, a probe of each, rounds of blocks, servers down.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::place::Place;
use super::server::{Server, free_port, refuse_taken, with_port};
use crate::cli::load::{self, LoadOptions};
use crate::cli::output::{in_words, progress_line};
use crate::cli::{Failure, say};
use crate::compare::{Arm, Block, Comparison, Design, Metric, Rounds, Side, Turn};
use crate::judge::Purpose;
use crate::plan::{Plan, Target};
use crate::record::{Host, RunRecord};

/// The closed-loop probe that finds what a server can do.
const PROBE: Duration = Duration::from_secs(1);
const PROBE_SETTLE: Duration = Duration::from_millis(300);
/// Share of the slower server's saturation that both are offered.
const RATE_SHARE: f64 = 0.5;
/// Blocks in a row without an answer after which a server is not waited for any longer.
const SILENT_MAX: u32 = 3;

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
    /// As it was given; else the probes find one.
    pub(super) rate: Option<f64>,
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

/// What the rounds brought.
#[derive(Debug)]
struct Measured {
    rounds: Rounds,
    /// When it began, and where.
    first: Option<(u64, Host)>,
    interrupted: bool,
    /// Who did not answer any more.
    gone: Option<Side>,
}

/// Compares. `stop` ends it after the block that is being measured; what was measured is still reported.
pub fn compare(course: &Course, stop: &AtomicBool) -> Result<Comparison, Failure> {
    let line = progress_line(course.quiet);
    line.set_message("starting the servers");
    let [first, second] = &course.contestants;
    let mut up = [Up::start(first, course, stop)?, Up::start(second, course, stop)?];
    line.set_message("probing what each can do");
    let probes = probes(&up, course, stop)?;
    let design = settled_design(course, &mut up, probes.as_ref());
    let measured = match probes {
        Some(_) => measure(&up, course, &design, stop, |text| line.set_message(text))?,
        None => Measured { rounds: Rounds::new(design.clone()), first: None, interrupted: true, gone: None },
    };
    line.finish_and_clear();
    let Measured { rounds, first, interrupted, gone } = measured;
    if let Some(side) = gone {
        let name = side.name().to_uppercase();
        say(&format!("{name} let {SILENT_MAX} blocks in a row pass without an answer; the comparison ends there"));
    }
    let (started_s, host) = first.unwrap_or_default();
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
        gone,
        design,
        ..Comparison::default()
    };
    Ok(comparison.conclude())
}

/// Goes through the rounds, as long as both servers answer now and then.
fn measure(
    up: &[Up; 2],
    course: &Course,
    design: &Design,
    stop: &AtomicBool,
    tell: impl Fn(String),
) -> Result<Measured, Failure> {
    load::check(&course.plan(&up[0], Some(design.rate), design))?;
    let interrupted = stop.load(Ordering::Relaxed);
    let mut measured = Measured { rounds: Rounds::new(design.clone()), first: None, interrupted, gone: None };
    let mut silent = [0; 2];
    while let Some(turn) = measured.rounds.turn().filter(|_| !measured.interrupted) {
        tell(position(turn, design, measured.rounds.repeats()));
        let run = run(&up[turn.side as usize], turn, course, design, stop)?;
        measured.interrupted = run.interrupted || stop.load(Ordering::Relaxed);
        if !run.interrupted {
            measured.rounds.handle_block(block(turn, design, &run));
        }
        let silent = &mut silent[turn.side as usize];
        *silent = if load::was_silent(&run) { *silent + 1 } else { 0 };
        measured.first.get_or_insert((run.started_s, run.host));
        if *silent == SILENT_MAX {
            measured.gone = Some(turn.side);
            break;
        }
    }
    Ok(measured)
}

/// What a run was. Where no connection was opened nothing was due, and yet all of it went unanswered.
fn block(turn: Turn, design: &Design, run: &RunRecord) -> Block {
    let block = Block::new(turn.round, turn.attempt, turn.place, turn.side, run);
    let planned = (design.rate * design.block_ns as f64 / 1e9).ceil() as u64;
    Block { due: if load::was_silent(run) { block.due.max(planned) } else { block.due }, ..block }
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
        let wanted = command.as_ref().filter(|_| !stop.load(Ordering::Relaxed));
        let mut server = wanted.map(|command| Server::start(command, course.place.servers)).transpose()?;
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
        // Where two cores share one's units, a generator that spins takes from the CPU time that is measured.
        Plan { cores: self.place.generator.clone(), spin: plan.spin.or(Some(Duration::ZERO)), ..plan }
    }
}

/// What each can do; nothing if it was interrupted before that was known.
fn probes(up: &[Up; 2], course: &Course, stop: &AtomicBool) -> Result<Option<[RunRecord; 2]>, Failure> {
    let Some(first) = probe(&up[0], course, stop)? else { return Ok(None) };
    Ok(probe(&up[1], course, stop)?.map(|second| [first, second]))
}

/// What a server can do, and whether its CPU time can be read.
fn probe(up: &Up, course: &Course, stop: &AtomicBool) -> Result<Option<RunRecord>, Failure> {
    let plan = course.plan(up, None, &course.design);
    load::check(&plan)?;
    if stop.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let run = load::measure(&plan, &up.addresses, &[], Purpose::Alone, stop)?;
    if run.interrupted || stop.load(Ordering::Relaxed) {
        return Ok(None);
    }
    if load::was_silent(&run) { Err(load::no_answer(&plan, &run)) } else { Ok(Some(run)) }
}

/// The design with what only the probes know: the rate, and the primaries that can be measured.
fn settled_design(course: &Course, up: &mut [Up; 2], probes: Option<&[RunRecord; 2]>) -> Design {
    let mut design = Design { rate: course.rate.unwrap_or_default(), ..course.design.clone() };
    let Some(probes) = probes else { return design };
    for (up, probe) in up.iter_mut().zip(probes) {
        up.arm.pids = probe.target.as_ref().map(|target| target.pids.clone()).unwrap_or_default();
    }
    if course.rate.is_none() {
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

fn run(up: &Up, turn: Turn, course: &Course, design: &Design, stop: &AtomicBool) -> Result<RunRecord, Failure> {
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
    fn a_block_without_an_answer_is_one_of_which_nothing_was_answered() {
        let turn = Turn { round: 0, attempt: 0, place: 1, side: Side::B };
        let design = Design { rate: 100.0, block_ns: 2_000_000_000, ..Design::default() };
        let silent = RunRecord::default();
        assert_eq!((block(turn, &design, &silent).due, block(turn, &design, &silent).ok), (200, 0));
        let answered = RunRecord { answered: true, ..RunRecord::default() };
        assert_eq!(block(turn, &design, &answered).due, 0);
    }

    #[test]
    fn a_rate_has_two_digits_and_is_not_above_half() {
        for (rate, expected) in [(45_678.0, 45_000.0), (999.0, 990.0), (12.3, 12.0), (1.0, 1.0)] {
            assert!((rounded(rate) - expected).abs() < 1e-6, "{rate}: {}", rounded(rate));
        }
    }
}
