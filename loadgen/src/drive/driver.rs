//! One thread's loop and the phases that it goes through.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use slipring_ring::{Batch, Deadline, Instant, Ring, RingLost};

use super::Gate;
use super::connection::State;
use super::core::Core;
use super::cpu::ThreadTime;
use super::progress::{Phase, Progress, Snapshot};
use crate::machine::{Seen, Target, Watch};
use crate::plan::Plan;
use crate::record::{Record, Stage, ThreadCpu};

/// How often a thread that waits looks whether it was stopped, and tells how far it is.
const STOP_LOOK: Duration = Duration::from_millis(100);
/// How often a thread looks whether the others are ready.
const GATE_LOOK: Duration = Duration::from_millis(1);
/// How long operations are given to come back at the end.
const FINISH: Duration = Duration::from_secs(1);
/// How long answers are awaited at most when the run was stopped.
const STOPPED_GRACE: Duration = Duration::from_secs(1);

/// What one thread brings home.
#[derive(Debug, Default)]
pub struct DriverRecord {
    /// Its figures.
    pub record: Record,
    /// Of the plan's schedule, if it has stages.
    pub stages: Vec<Stage>,
    /// Requests of the warm-up that were still due when the measure phase began.
    pub backlog_at_start: u64,
    /// When its load began, seconds since 1970-01-01.
    pub started_s: u64,
    /// Its CPU time in the measure phase, and how long that took.
    pub cpu: ThreadCpu,
    /// What target and machine used in the measure phase, if it watched them.
    pub seen: Option<Seen>,
    /// It got an answer, in any phase.
    pub answered: bool,
    /// Its first failure to connect.
    pub refusal: Option<String>,
    /// Where its first connection was opened.
    pub address: Option<SocketAddr>,
    /// It was stopped.
    pub interrupted: bool,
}

/// What a thread watches beside its connections.
#[derive(Debug)]
enum Watched {
    Nothing,
    Machine,
    Target(Target),
}

impl Watched {
    fn begin(&self) -> Option<Watch> {
        match self {
            Self::Nothing => None,
            Self::Machine => Some(Watch::begin(None)),
            Self::Target(target) => Some(Watch::begin(Some(target))),
        }
    }
}

/// Drives the connections of one thread on any ring: [`Driver::open`] once, then [`Driver::run`].
#[derive(Debug)]
pub struct Driver<'a, R: Ring> {
    batch: Batch,
    core: Core<'a, R>,
    index: u32,
    stop: &'a AtomicBool,
    progress: &'a Progress,
    /// What of it was told to `progress`.
    told: Snapshot,
    tell_at: u64,
    /// When to look next whether the target is gone.
    desert_look: u64,
    phase_began: u64,
    watched: Watched,
}

impl<'a, R: Ring> Driver<'a, R> {
    /// A driver for thread `index` of a plan that was checked. The ring has the limits of [`super::ring_limits`], or
    /// larger ones. `stop` ends the measure phase early.
    ///
    /// # Panics
    /// When the ring is smaller than that.
    pub fn new(
        ring: R,
        plan: &'a Plan,
        addresses: &'a [SocketAddr],
        index: u32,
        stop: &'a AtomicBool,
        progress: &'a Progress,
    ) -> Self {
        let core = Core::new(ring, plan, addresses, index);
        let told = Snapshot::default();
        Self {
            batch: Batch::new(),
            core,
            index,
            stop,
            progress,
            told,
            tell_at: 0,
            desert_look: 0,
            phase_began: 0,
            watched: Watched::Nothing,
        }
    }

    /// It is this thread that watches the machine during the measure phase, and the target if there is one to watch.
    pub fn watch(&mut self, target: Option<Target>) {
        self.watched = target.map_or(Watched::Machine, Watched::Target);
    }

    /// Opens the connections, as fast as the plan allows; afterwards each is open or has failed.
    ///
    /// # Errors
    /// When the ring is lost.
    pub fn open(&mut self) -> Result<(), RingLost> {
        self.tick(Some(Deadline::at(Instant::ORIGIN)))?;
        let start = self.core.now;
        let gap_ns = self.core.plan.connect_rate.map_or(0.0, |rate| f64::from(self.core.plan.threads) * 1e9 / rate);
        for index in 0..self.core.dial.share() {
            let due = start + (gap_ns * f64::from(index)) as u64;
            while self.core.now < due && !self.is_stopped() {
                self.tick(Some(self.core.look(due, STOP_LOOK)))?;
            }
            self.core.connect(index);
        }
        let until = self.core.now_plus(self.core.plan.connect_timeout);
        while self.core.count(State::Connecting) > 0 && self.core.now < until && !self.is_stopped() {
            self.tick(Some(self.core.look(until, STOP_LOOK)))?;
        }
        self.core.opening = false;
        self.core.cancel_connects();
        let until = self.core.now_plus(FINISH);
        while self.core.count(State::Connecting) > 0 && self.core.now < until {
            self.tick(Some(self.core.look(until, STOP_LOOK)))?;
        }
        self.core.note_opened();
        self.progress.opened(self.core.tally.record.connections.opened);
        Ok(())
    }

    /// Warm-up, measure phase, grace, close. Without one open connection on any thread it ends at once; a thread that has
    /// none while others do goes through its part of the plan and tries again meanwhile.
    ///
    /// # Errors
    /// When the ring is lost.
    pub fn run(mut self, gate: &Gate) -> Result<DriverRecord, RingLost> {
        self.enter(Phase::Ready);
        self.core.waiting = true;
        while !gate.is_open() && !self.is_stopped() {
            self.tick(Some(self.core.look(u64::MAX, GATE_LOOK)))?;
        }
        // All threads count from one moment, which lies far enough ahead for each to see it come.
        let start = gate.start(self.core.now_plus(2 * GATE_LOOK));
        let mut home = DriverRecord { started_s: self.core.ring.wall().secs, ..DriverRecord::default() };
        if self.progress.is_connected() {
            self.load(&mut home, start)?;
        } else {
            home.interrupted = self.is_stopped();
        }
        self.finish()?;
        home.answered = self.core.tally.answered > 0;
        home.refusal = self.core.refusal.take();
        home.address = self.core.address;
        self.core.tally.settle();
        home.record = std::mem::take(&mut self.core.tally.record);
        home.stages = std::mem::take(&mut self.core.tally.stages);
        Ok(home)
    }

    fn load(&mut self, home: &mut DriverRecord, start: u64) -> Result<(), RingLost> {
        self.drive(start)?;
        self.enter(Phase::Warmup);
        self.core.begin(start);
        self.core.serve();
        let measure = start + self.core.plan.warmup.as_nanos() as u64;
        self.drive(measure)?;
        home.interrupted = self.is_stopped();
        self.measure(home, measure)?;
        self.enter(Phase::Grace);
        let grace = self.core.plan.grace;
        self.await_answers(if self.is_stopped() { grace.min(STOPPED_GRACE) } else { grace })
    }

    fn measure(&mut self, home: &mut DriverRecord, planned: u64) -> Result<(), RingLost> {
        self.enter(Phase::Measure);
        let watch = self.watched.begin();
        // What reading takes is not part of the phase.
        self.tick(Some(Deadline::at(Instant::ORIGIN)))?;
        let (thread, spun) = (ThreadTime::of_this(), self.core.ring.spun());
        home.backlog_at_start = self.core.begin_measure(self.index);
        let began = self.core.now;
        // The schedule's own end, not one that the lateness of this tick has moved.
        let start = if self.core.line.is_some() { planned.min(began) } else { began };
        let until = start.saturating_add(self.core.plan.measure().as_nanos() as u64);
        home.interrupted |= !self.drive(until)?;
        self.core.end_measure();
        home.cpu.wall_ns = self.core.now - start;
        if let (Some(before), Some(after)) = (thread, ThreadTime::of_this()) {
            let spent = after.since(before);
            home.cpu.busy_ns = Some(spent.busy_ns);
            home.cpu.spun_ns = self.core.ring.spun().saturating_sub(spun).as_nanos() as u64;
            let awake_ns = (spent.busy_ns + spent.kept_ns).saturating_sub(home.cpu.spun_ns);
            // Who begins late has not waited in the ring.
            home.cpu.awake_ns = awake_ns + (began - start);
        }
        home.seen = watch.map(Watch::end);
        Ok(())
    }

    /// Goes on until then, until it was stopped, or until a limited number of requests is done; `false` if it was stopped.
    fn drive(&mut self, until: u64) -> Result<bool, RingLost> {
        let limited = self.core.plan.requests_max.is_some();
        while self.core.now < until {
            if self.is_stopped() {
                return Ok(false);
            }
            self.tick(Some(self.core.look(until, STOP_LOOK)))?;
            if limited && self.core.measuring && (self.core.is_through() || self.is_deserted()) {
                break;
            }
        }
        Ok(true)
    }

    /// Whether the target has been gone for so long that the rest of the requests is given up. Looked at some times a second.
    fn is_deserted(&mut self) -> bool {
        if self.core.now < self.desert_look {
            return false;
        }
        self.desert_look = self.core.now_plus(STOP_LOOK);
        let deserted = self.core.is_deserted();
        if deserted {
            self.core.desert();
        }
        deserted
    }

    fn await_answers(&mut self, grace: Duration) -> Result<(), RingLost> {
        let until = self.core.now_plus(grace);
        while self.core.is_waiting() && self.core.now < until {
            self.tick(Some(self.core.look(until, STOP_LOOK)))?;
        }
        self.core.give_up();
        Ok(())
    }

    fn finish(&mut self) -> Result<(), RingLost> {
        self.enter(Phase::Over);
        self.core.finish();
        let until = self.core.now_plus(FINISH);
        while self.core.count(State::Vacant) < self.core.connections.len() && self.core.now < until {
            self.tick(Some(self.core.look(until, STOP_LOOK)))?;
        }
        Ok(())
    }

    /// One turn: wait, route what came, send what is due.
    #[inline]
    fn tick(&mut self, until: Option<Deadline>) -> Result<(), RingLost> {
        self.core.ring.wait(until, &mut self.batch)?;
        self.core.now = self.core.ring.now().nanos();
        for completion in self.batch.drain() {
            self.core.route(completion);
        }
        if !self.core.retries.is_empty() {
            self.core.retry();
        }
        self.core.serve();
        self.core.sweep();
        if self.core.now >= self.tell_at {
            self.tell();
        }
        Ok(())
    }

    fn enter(&mut self, phase: Phase) {
        self.phase_began = self.core.now;
        self.progress.enter(phase);
        self.tell();
    }

    fn tell(&mut self) {
        let core = &self.core;
        self.tell_at = core.now_plus(STOP_LOOK);
        let now = Snapshot {
            elapsed_ns: core.now.saturating_sub(self.phase_began),
            sent: core.tally.sent,
            answered: core.tally.answered,
            errors: core.tally.record.errors_total(),
            late_ns: core.line.as_ref().map_or(0, |line| core.now.saturating_sub(line.next())),
            ..Snapshot::default()
        };
        self.progress.add(&self.told, &now);
        self.told = now;
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
