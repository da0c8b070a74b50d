//! Carrying a plan out: threads, each with its own ring and its share of the connections.

mod checker;
mod connection;
mod core;
mod cpu;
mod dial;
mod driver;
mod flight;
mod gate;
mod line;
mod progress;
mod reader;
mod route;
mod tally;

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::thread::{self, Builder, ScopedJoinHandle};
use std::time::Duration;

use slipring_ring::uring::{SetupError, UringConfig, UringRing, process};
use slipring_ring::{RingLimits, RingLost};
use thiserror::Error;

use crate::machine;
use crate::plan::{Arrivals, Mix, Plan, Prepared, SPIN_DEFAULT};
use crate::record::{Loop, RunRecord, Setup, Stage};

pub use driver::{Driver, DriverRecord};
pub use gate::Gate;
pub use progress::{Phase, Progress, Snapshot};

/// Why a run did not come to its end. What the target does is never a reason: that stands in the record.
#[derive(Debug, Error)]
pub enum DriveError {
    /// The kernel made no ring.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The ring failed during the run.
    #[error(transparent)]
    Lost(#[from] RingLost),
    /// A thread could not be started.
    #[error("starting a thread failed: {0}")]
    Thread(std::io::Error),
    /// A core that this process may not use.
    #[error("core {0} is not there, or this process may not use it")]
    Core(usize),
}

/// Provided buffers of a thread's ring. The kernel goes through them in a circle, so small answers touch only the first
/// lines of each; large ones come in fewer pieces.
const RECV_BUFFERS: u16 = 128;
const RECV_BUFFER_BYTES: u32 = 32 * 1024;
const SUBMISSIONS: u32 = 256;
/// Completion queue entries: room for what multishot receives post unasked.
const COMPLETIONS_MIN: u32 = 512;
const COMPLETIONS_MAX: u32 = 65_536;

/// How many descriptors this process may open, now that the limit was raised as far as it goes: what [`Plan::check`] is
/// told.
pub fn descriptors_max() -> u64 {
    process::raise_descriptor_limit().ok().or_else(machine::descriptors_max).unwrap_or(u64::MAX)
}

/// Runs a plan that was checked ([`Plan::check`]) against the first of `addresses` that answers. `stop` ends the measure
/// phase early.
///
/// # Errors
/// [`DriveError`] when the generator itself could not work.
pub fn run(plan: &Plan, addresses: &[SocketAddr], stop: &AtomicBool) -> Result<RunRecord, DriveError> {
    run_watched(plan, addresses, stop, &Progress::default(), || ())
}

/// As [`run`]; `progress` says meanwhile how far it is. Connections are opened while `hold` is at work, and the load
/// begins when it has returned; once `stop` is up, it should return soon.
///
/// # Errors
/// [`DriveError`] when the generator itself could not work.
pub fn run_watched(
    plan: &Plan,
    addresses: &[SocketAddr],
    stop: &AtomicBool,
    progress: &Progress,
    hold: impl FnOnce(),
) -> Result<RunRecord, DriveError> {
    // One more than the threads: who holds them.
    let gate = Gate::new(plan.threads + 1);
    let parts: Vec<Result<DriverRecord, DriveError>> = thread::scope(|scope| {
        let spawn = |index| {
            let work = {
                let gate = &gate;
                move || one_thread(plan, addresses, index, gate, stop, progress)
            };
            let spawned = Builder::new().name(format!("load {index}")).spawn_scoped(scope, work);
            // Who never starts must not keep the others waiting.
            spawned.inspect_err(|_| gate.arrive())
        };
        let threads: Vec<_> = (0..plan.threads).map(spawn).collect();
        hold();
        gate.arrive();
        threads.into_iter().map(|thread| thread.map_err(DriveError::Thread).and_then(join)).collect()
    });
    let mut run = RunRecord { setup: setup(plan), host: machine::host(), ..RunRecord::default() };
    let mut seen = None;
    for part in parts {
        let mut part = part?;
        seen = seen.or(part.seen.take());
        add(&mut run, part);
    }
    let requests = run.record.requests.completed_in_time();
    (run.target, run.environment) = seen.unwrap_or_default().spent_on(requests);
    // What looking instead of sleeping took is no cost of any request.
    if let Some(machine) = &mut run.environment.machine {
        machine.ns = machine.ns.saturating_sub(run.threads.iter().map(|thread| thread.spun_ns).sum());
    }
    Ok(run)
}

fn one_thread(
    plan: &Plan,
    addresses: &[SocketAddr],
    index: u32,
    gate: &Gate,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<DriverRecord, DriveError> {
    let opened = prepare(plan, addresses, index, stop, progress);
    gate.arrive();
    Ok(opened?.run(gate)?)
}

/// Pins the thread, makes its ring and opens its connections.
fn prepare<'a>(
    plan: &'a Plan,
    addresses: &'a [SocketAddr],
    index: u32,
    stop: &'a AtomicBool,
    progress: &'a Progress,
) -> Result<Driver<'a, UringRing>, DriveError> {
    if let Some(id) = plan.core(index)
        && !core_affinity::set_for_current(core_affinity::CoreId { id })
    {
        return Err(DriveError::Core(id));
    }
    if plan.is_open() {
        process::wake_precisely();
    }
    let spin = spin(plan);
    let config =
        UringConfig { congestion: plan.congestion.clone(), spin, ..UringConfig::new(ring_limits(plan, index)) };
    let mut driver = Driver::new(UringRing::new(config)?, plan, addresses, index, stop, progress);
    if index == 0 {
        driver.watch(target(plan, addresses));
    }
    driver.open()?;
    Ok(driver)
}

/// How early the waits of an open loop end: a closed one has nothing to be late for.
fn spin(plan: &Plan) -> Duration {
    let has_cores = || machine::has_cores_for(plan.threads);
    let by_machine = || if plan.is_open() && has_cores() { SPIN_DEFAULT } else { Duration::ZERO };
    plan.spin.unwrap_or_else(by_machine)
}

/// Whom to watch. A target that cannot be is no reason not to run: then the record has no figure of it.
fn target(plan: &Plan, addresses: &[SocketAddr]) -> Option<machine::Target> {
    let unix = plan.unix.iter().cloned().map(machine::Address::Unix);
    let listening: Vec<_> = addresses.iter().copied().map(machine::Address::Tcp).chain(unix).collect();
    machine::Target::choose(plan.target_cgroup.as_deref(), plan.target_pid, &listening).ok()
}

/// What the ring of a thread must have: one token slot, one send slot with the whole pipeline and a little of both queues
/// per connection, and the large bodies of the mix.
pub fn ring_limits(plan: &Plan, index: u32) -> RingLimits {
    let connections = plan.share_most(index);
    let mix = plan.mix(index).ok();
    let bodies = mix.iter().flat_map(Mix::requests).filter_map(Prepared::body_apart);
    let posted = mix.as_ref().and_then(|mix| core::posted_bytes(plan, mix));
    let blobs = bodies.map(|body| body.len()).chain(posted.iter().map(Vec::len));
    let blobs: Vec<u64> = blobs.map(|bytes| bytes as u64).collect();
    RingLimits {
        submissions: SUBMISSIONS,
        completions: (4 * connections).next_power_of_two().clamp(COMPLETIONS_MIN, COMPLETIONS_MAX),
        recv_buffers: RECV_BUFFERS,
        recv_buffer_bytes: RECV_BUFFER_BYTES,
        // Who posts needs none; a ring has one at least.
        send_slots: if posted.is_some() { 1 } else { connections },
        send_slot_bytes: request_bytes(plan) as u32 * plan.pipeline,
        transfers: 0,
        transfer_bytes: 0,
        sink_buffers: 0,
        sink_buffer_bytes: 0,
        blobs: blobs.len() as u32,
        blob_bytes: blobs.iter().sum(),
        opens: 0,
        token_slots: connections,
    }
}

fn request_bytes(plan: &Plan) -> usize {
    plan.mix(0).map_or(0, |mix| mix.len_max())
}

fn join<T>(handle: ScopedJoinHandle<'_, Result<T, DriveError>>) -> Result<T, DriveError> {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn setup(plan: &Plan) -> Setup {
    let urls = plan.requests.iter().map(|request| (request.target.to_string(), request.weight));
    Setup {
        url: plan.target().to_string(),
        urls: if plan.requests.len() > 1 { urls.collect() } else { Vec::new() },
        address: plan.unix.as_ref().map(|path| format!("unix:{}", path.display())),
        method: plan.requests[0].method.to_string(),
        request_bytes: request_bytes(plan),
        connections: plan.connections,
        threads: plan.threads,
        pipeline: plan.pipeline,
        warmup_ns: plan.warmup.as_nanos() as u64,
        duration_ns: plan.measure().as_nanos() as u64,
        requests_max: plan.requests_max,
        pace: plan
            .offered()
            .map_or(Loop::Closed, |rate| Loop::Open { rate, poisson: plan.arrivals == Arrivals::Poisson }),
        seed: plan.seed,
        cores: plan.cores.clone(),
        congestion: plan.congestion.clone(),
        spin_ns: u64::try_from(spin(plan).as_nanos()).ok(),
        ..Setup::default()
    }
}

fn add(run: &mut RunRecord, part: DriverRecord) {
    run.setup.address = run.setup.address.take().or(part.address.map(|address| address.to_string()));
    run.started_s = run.started_s.max(part.started_s);
    run.measured_ns = run.measured_ns.max(part.cpu.wall_ns);
    run.threads.push(part.cpu);
    run.answered |= part.answered;
    run.refusal = run.refusal.take().or(part.refusal);
    run.interrupted |= part.interrupted;
    run.backlog_at_start += part.backlog_at_start;
    add_stages(&mut run.stages, part.stages);
    run.record.merge(part.record);
}

fn add_stages(all: &mut Vec<Stage>, part: Vec<Stage>) {
    if all.is_empty() {
        *all = part;
        return;
    }
    for (sum, more) in all.iter_mut().zip(part) {
        sum.due += more.due;
        sum.completed += more.completed;
        sum.response.merge(&more.response);
    }
}
