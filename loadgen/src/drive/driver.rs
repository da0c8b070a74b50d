//! One thread's loop and the phases that it goes through.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use slipring_ring::{Batch, Deadline, Instant, Ring, RingLost};

use super::Gate;
use super::connection::State;
use super::core::Core;
use crate::machine;
use crate::plan::Plan;
use crate::record::{Record, ThreadCpu};

/// How often a thread that waits looks whether it was stopped.
const STOP_LOOK: Duration = Duration::from_millis(100);
/// How often a thread looks whether the others are ready.
const GATE_LOOK: Duration = Duration::from_millis(1);
/// How long operations are given to come back at the end.
const FINISH: Duration = Duration::from_secs(1);

/// What one thread brings home.
#[derive(Debug, Default)]
pub struct DriverRecord {
    /// Its figures.
    pub record: Record,
    /// When its load began, seconds since 1970-01-01.
    pub started_s: u64,
    /// Its CPU time in the measure phase, and how long that took.
    pub cpu: ThreadCpu,
    /// CPU time of the watched process in the measure phase; thread 0 watches.
    pub target_cpu_ns: Option<u64>,
    /// It got an answer, in any phase.
    pub answered: bool,
    /// Its first failure to connect.
    pub refusal: Option<String>,
    /// Where its first connection was opened.
    pub address: Option<SocketAddr>,
    /// It was stopped.
    pub interrupted: bool,
}

/// Drives the connections of one thread on any ring: [`Driver::open`] once, then [`Driver::run`].
#[derive(Debug)]
pub struct Driver<'a, R: Ring> {
    batch: Batch,
    core: Core<'a, R>,
}

impl<'a, R: Ring> Driver<'a, R> {
    /// A driver for thread `index` of the plan. The ring has a token slot and a send slot for each of its connections,
    /// and each send slot has room for a whole pipeline of requests.
    ///
    /// # Panics
    /// When the ring is smaller than that.
    pub fn new(ring: R, plan: &'a Plan, addresses: &'a [SocketAddr], index: u32) -> Self {
        Self { batch: Batch::new(), core: Core::new(ring, plan, addresses, index) }
    }

    /// Opens the connections; afterwards each is open or has failed.
    ///
    /// # Errors
    /// When the ring is lost.
    pub fn open(&mut self, stop: &AtomicBool) -> Result<(), RingLost> {
        self.tick(Some(Deadline::at(Instant::ORIGIN)))?;
        (0..self.core.connections.len() as u32).for_each(|index| self.core.connect(index));
        let until = self.core.now_plus(self.core.plan.connect_timeout);
        while self.core.count(State::Connecting) > 0 && self.core.now < until && !stop.load(Ordering::Relaxed) {
            self.tick(Some(self.core.look(until, STOP_LOOK)))?;
        }
        self.core.opening = false;
        self.core.cancel_connects();
        let until = self.core.now_plus(FINISH);
        while self.core.count(State::Connecting) > 0 && self.core.now < until {
            self.tick(Some(self.core.look(until, STOP_LOOK)))?;
        }
        self.core.note_opened();
        Ok(())
    }

    /// Warm-up, measure phase, grace, close. Without one open connection it ends at once.
    ///
    /// # Errors
    /// When the ring is lost.
    pub fn run(mut self, gate: &Gate, stop: &AtomicBool) -> Result<DriverRecord, RingLost> {
        while !gate.is_open() && !stop.load(Ordering::Relaxed) {
            self.tick(Some(self.core.look(u64::MAX, GATE_LOOK)))?;
        }
        let mut home = DriverRecord { started_s: self.core.ring.wall().secs, ..DriverRecord::default() };
        if self.core.record.connections.opened > 0 {
            self.load(&mut home, stop)?;
        }
        self.finish()?;
        home.interrupted = stop.load(Ordering::Relaxed);
        home.answered = self.core.answered;
        home.refusal = self.core.refusal.take();
        home.address = self.core.address;
        home.record = std::mem::take(&mut self.core.record);
        home.record.settle();
        Ok(home)
    }

    fn load(&mut self, home: &mut DriverRecord, stop: &AtomicBool) -> Result<(), RingLost> {
        let (warmup, duration, grace) = (self.core.plan.warmup, self.core.plan.duration, self.core.plan.grace);
        self.core.begin();
        self.drive(self.core.now_plus(warmup), stop)?;
        let target = self.core.target_cpu_ns();
        let busy = machine::thread_cpu_ns();
        self.core.begin_measure();
        let start = self.core.now;
        self.drive(self.core.now_plus(duration), stop)?;
        self.core.end_measure();
        home.cpu.wall_ns = self.core.now - start;
        home.cpu.busy_ns = difference(busy, machine::thread_cpu_ns());
        self.await_answers(self.core.now_plus(grace))?;
        // The answers still awaited were work of the measured requests.
        home.target_cpu_ns = difference(target, self.core.target_cpu_ns());
        Ok(())
    }

    fn drive(&mut self, until: u64, stop: &AtomicBool) -> Result<(), RingLost> {
        while self.core.now < until && !stop.load(Ordering::Relaxed) {
            self.tick(Some(self.core.look(until, STOP_LOOK)))?;
        }
        Ok(())
    }

    fn await_answers(&mut self, until: u64) -> Result<(), RingLost> {
        while self.core.in_flight() > 0 && self.core.now < until {
            self.tick(Some(self.core.look(until, STOP_LOOK)))?;
        }
        self.core.give_up_unanswered();
        Ok(())
    }

    fn finish(&mut self) -> Result<(), RingLost> {
        self.core.finish();
        let until = self.core.now_plus(FINISH);
        while self.core.count(State::Vacant) < self.core.connections.len() && self.core.now < until {
            self.tick(Some(self.core.look(until, STOP_LOOK)))?;
        }
        Ok(())
    }

    /// One turn: wait, then route what came.
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
        Ok(())
    }
}

fn difference(before: Option<u64>, after: Option<u64>) -> Option<u64> {
    Some(after?.saturating_sub(before?))
}
