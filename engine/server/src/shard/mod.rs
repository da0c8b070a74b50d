//! The shard: one ring, its connections, and the loop that turns completions into answers.
//!
//! A tick: wait, which submits everything; route each completion by its kind; serve the ready list; fire timers; send
//! what the tick wrote. No handler runs while the completion queue is being read, and a connection's answers of one tick
//! leave in one send.

mod accept;
mod asks;
mod close;
mod config;
mod core;
mod drain;
mod followers;
mod limits;
mod log_writer;
mod logs;
mod mailbox;
mod receive;
mod route;
mod scripts;
mod send;
mod spool;
mod stream;
mod table;
mod versions;
mod wheel;
mod writer;

pub use config::ShardConfig;
pub use limits::{CONNECTIONS_MAX, LOG_BUFFERS, POOL_BYTES_MAX, RESERVED_TOKENS, ShardLimits};
pub(crate) use logs::loss_message;
pub use logs::{BUFFER_BYTES_MAX, LogConfig};
pub use mailbox::{Mailbox, Message};
pub use scripts::{PROGRAM_TOKENS, PROGRAMS_MAX, ProgramLimits, ProgramPlaces};

use std::collections::VecDeque;
use std::time::Duration;

use slipring_ring::{Batch, Deadline, Instant, ListenerId, Ring, RingLost, Socket};

use crate::handler::{Handler, Scratch};
use crate::log::{Moment, Names};
use crate::metrics::Metrics;
use core::Core;
use drain::Drain;
use followers::Followers;
use logs::Logs;
use mailbox::Inbox;
use scripts::Scripts;
use table::{End, Table};
use versions::Versions;
use wheel::Wheel;
use writer::Callers;

/// Connections, handler and ring of one core. It shares nothing.
pub struct Shard<R: Ring, H: Handler> {
    ring: R,
    core: Core<H>,
    table: Table,
    wheel: Wheel,
    logs: Logs,
    limits: ShardLimits,
    batch: Option<Batch>,
    /// Log records of the answers in each send slot, by its number.
    stages: Vec<Vec<u8>>,
    /// Connections whose slot is to be sent at the end of the tick.
    dirty: Vec<u32>,
    /// Connections with input left, in turn.
    ready: VecDeque<u32>,
    /// Connections that wait for a send slot, a transfer buffer, a receive buffer.
    slots_waiting: VecDeque<u32>,
    /// One of the first is being called.
    serving_slots: bool,
    streams_waiting: VecDeque<u32>,
    starved: VecDeque<u32>,
    scripts: Scripts,
    callers: Callers,
    followers: Followers,
    versions: Versions,
    /// Connections that have input, while the log has no room for their lines.
    logs_waiting: VecDeque<u32>,
    /// Memory of inbound buffers, for reuse.
    inbound_pool: Vec<Vec<u8>>,
    listeners: Vec<accept::Accepting>,
    /// Connections that were accepted beyond the table's limit.
    parked: VecDeque<Socket>,
    drain: Drain,
    drain_timeout: Duration,
    drain_idle: Duration,
    /// Until when the first request has to come.
    first_request: Deadline,
    inbox: Inbox,
    mailbox: Mailbox,
    second: u64,
    stopped: bool,
}

impl<R: Ring, H: Handler> Shard<R, H> {
    /// A shard on this ring, whose handler comes from `factory`. It listens from its first tick on.
    pub fn new(mut ring: R, config: ShardConfig, factory: Box<dyn FnMut() -> H>) -> Self {
        let limits = config.limits;
        let (mailbox, inbox) = mailbox::mailbox(ring.waker());
        let first_reserved = limits.connections_max as u32;
        let slots = limits.ring.send_slots as usize;
        let format = config.logs.access.map(|_| config.logs.format.clone());
        let places = config.places.unwrap_or_else(|| ProgramPlaces::new(&config.programs));
        let waker = ring.waker();
        let mut shard = Self {
            core: Core::new(factory, config.site, config.rules, format),
            table: Table::new(limits.connections_max),
            wheel: Wheel::new(ring.now()),
            logs: Logs::new(&mut ring, &config.logs, first_reserved + LOG_TOKEN),
            batch: Some(Batch::new()),
            stages: (0..slots).map(|_| Vec::with_capacity(256)).collect(),
            dirty: Vec::with_capacity(limits.connections_max.min(4096)),
            ready: VecDeque::with_capacity(256),
            slots_waiting: VecDeque::new(),
            serving_slots: false,
            streams_waiting: VecDeque::new(),
            callers: Callers::default(),
            followers: Followers::default(),
            versions: Versions::default(),
            scripts: Scripts::new(config.programs, &places, waker, first_reserved + RESERVED_TOKENS as u32),
            starved: VecDeque::new(),
            logs_waiting: VecDeque::new(),
            inbound_pool: Vec::with_capacity(INBOUND_KEPT_MAX),
            listeners: (0..config.listeners).map(|_| accept::Accepting::default()).collect(),
            parked: VecDeque::new(),
            drain: Drain::No,
            drain_timeout: config.drain_timeout,
            drain_idle: config.drain_idle,
            first_request: config.request_timeout.map_or(Deadline::NEVER, |timeout| ring.now().after(timeout)),
            inbox,
            mailbox,
            second: u64::MAX,
            stopped: false,
            limits,
            ring,
        };
        shard.core.requests_left = config.requests_max;
        let waker = shard.ring.waker();
        shard.core.scratch.names = config.logs.resolver.map(|resolver| Names::new(resolver, move || waker.wake()));
        shard.read_time();
        for listener in 0..config.listeners {
            shard.arm_accept(ListenerId(listener));
        }
        shard
    }

    /// How to reach this shard from another thread.
    pub fn mailbox(&self) -> Mailbox {
        self.mailbox.clone()
    }

    /// What it counted so far.
    pub fn metrics(&self) -> &Metrics {
        &self.core.metrics
    }

    /// Connections at the moment.
    pub fn connections(&self) -> usize {
        self.table.len()
    }

    /// Its ring, for what stands around a simulated one.
    pub fn ring_mut(&mut self) -> &mut R {
        &mut self.ring
    }

    /// Its handler.
    pub fn handler(&self) -> &H {
        &self.core.handler
    }

    /// Serves until it was drained or stopped.
    ///
    /// # Errors
    /// When the ring is lost.
    pub fn run(&mut self) -> Result<(), RingLost> {
        while !self.is_done() {
            self.tick()?;
        }
        Ok(())
    }

    /// Whether [`Self::run`] would return.
    pub fn is_done(&self) -> bool {
        self.stopped || (matches!(self.drain, Drain::Closed { .. }) && self.table.len() == 0 && self.logs.is_quiet())
    }

    /// One turn of the loop.
    ///
    /// # Errors
    /// When the ring is lost.
    pub fn tick(&mut self) -> Result<(), RingLost> {
        let Some(mut batch) = self.batch.take() else { return Ok(()) };
        let until = self.next_deadline();
        let waited = self.ring.wait(until, &mut batch);
        self.read_time();
        for completion in batch.drain() {
            self.route(completion);
        }
        self.batch = Some(batch);
        waited?;
        self.serve_log_waiters();
        self.serve_ready();
        self.fire_timers();
        self.serve_starved();
        self.serve_scripts();
        self.serve_waiting_streams();
        self.serve_followers();
        self.serve_slot_waiters();
        self.flush();
        self.flush_log();
        self.count_requests();
        self.pursue_drain();
        Ok(())
    }

    fn next_deadline(&self) -> Option<Deadline> {
        if !self.ready.is_empty() || self.followers.any_due() {
            return Some(Deadline::at(Instant::ORIGIN));
        }
        let next = self
            .wheel
            .next()
            .min(self.logs.due())
            .min(self.drain.next())
            .min(self.scripts.next())
            .min(self.accept_retry())
            .min(self.first_request);
        (next != Deadline::NEVER).then_some(next)
    }

    /// Renews the dates, and once a second looks after what changes slowly.
    fn read_time(&mut self) {
        let wall = self.ring.wall();
        self.core.scratch.wall = wall;
        self.core.scratch.now = self.ring.now();
        self.core.scratch.date.update(wall.secs);
        if let Some(names) = &mut self.core.scratch.names {
            names.gather(self.core.scratch.now);
        }
        let second = self.ring.now().nanos() / 1_000_000_000;
        if second != self.second {
            self.second = second;
            self.ring.refresh_roots();
            self.core.guard(Handler::service_actions);
            self.logs.tell_losses(&mut self.ring, moment(&self.core.scratch), &mut self.core.metrics);
        }
    }

    /// The log has room again: who waited for it has its turn.
    fn serve_log_waiters(&mut self) {
        while !self.logs.is_full()
            && let Some(index) = self.logs_waiting.pop_front()
        {
            if let Some(entry) = self.table.get(index) {
                entry.awaits_log = false;
            }
            self.make_ready(index);
        }
    }

    /// The log has no room for another line: this connection waits, its input unread.
    #[cold]
    fn await_log(&mut self, index: u32) {
        if let Some(entry) = self.table.get(index)
            && !entry.awaits_log
        {
            entry.awaits_log = true;
            self.logs_waiting.push_back(index);
        }
    }

    fn flush_log(&mut self) {
        let now = self.ring.now();
        let ending = matches!(self.drain, Drain::Closed { .. }) && self.table.len() == 0;
        self.logs.flush(&mut self.ring, now, ending);
    }

    /// Puts a connection into the wheel if its deadline came nearer.
    #[inline]
    fn arm_timer(&mut self, index: u32) {
        if let Some(deadline) = self.table.get(index).and_then(|entry| entry.overdue_link()) {
            self.wheel.put(&mut self.table, index, deadline);
        }
    }

    fn fire_timers(&mut self) {
        let now = self.ring.now();
        while let Some(index) = self.wheel.fire(&mut self.table, now) {
            self.on_timer(index, now);
        }
    }

    /// Puts a connection on the ready list.
    fn make_ready(&mut self, index: u32) {
        if let Some(entry) = self.table.get(index)
            && !entry.ready
        {
            entry.ready = true;
            self.ready.push_back(index);
        }
    }

    /// Gives everything that is on the ready list now one turn.
    fn serve_ready(&mut self) {
        for _ in 0..self.ready.len() {
            let Some(index) = self.ready.pop_front() else { return };
            let Some(entry) = self.table.get(index) else { continue };
            entry.ready = false;
            if entry.end == End::Open {
                self.turn_inbound(index);
            }
        }
    }
}

impl<R: Ring, H: Handler> Drop for Shard<R, H> {
    /// What is not in flight goes back to the ring; what is, the ring has.
    fn drop(&mut self) {
        self.logs.end(&mut self.ring);
        for index in self.table.indices() {
            // A job that waits for its peer ends.
            self.let_writer_go(index);
            if let Some(slot) = self.table.get(index).and_then(|entry| entry.slot.take()) {
                self.ring.return_slot(slot);
            }
        }
    }
}

impl<R: Ring, H: Handler> std::fmt::Debug for Shard<R, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard").field("connections", &self.table.len()).finish_non_exhaustive()
    }
}

/// This moment, for a log line.
fn moment(scratch: &Scratch) -> Moment<'_> {
    Moment { now: scratch.now, wall: scratch.wall, date: &scratch.date, names: scratch.names.as_ref() }
}

/// The token slots of the logs, behind the listeners'.
const LOG_TOKEN: u32 = 32;

/// Inbound buffers kept for reuse.
const INBOUND_KEPT_MAX: usize = 256;
