//! The simulated kernel: when operations are carried out, in which order, and how their completions are handed out.
//!
//! An operation either waits until its socket or listener is ready, or is due at an instant in the event queue. Only
//! there do faults delay and reorder; what it does when it is due (`perform`) happens at once, on the state of that
//! instant. A multishot is due again only after it was carried out, so one stream never overtakes itself.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::rc::Rc;

use super::buffers::{Ledger, Provided, count};
use super::conn::Arrival;
use super::ops::{Busy, Flying, Ops, Work};
use super::perform::digest;
use super::random::Random;
use super::slots::Slots;
use super::transfers::Transfers;
use super::world::World;
use crate::completion::{Batch, Completion, Outcome};
use crate::limits::{BATCH_MAX, RingLimits};
use crate::op::Socket;
use crate::time::Deadline;
use crate::token::{OpKind, OpToken};

/// Everything behind the ring's face but the world outside.
pub(super) struct Kernel {
    pub(super) ops: Ops,
    pub(super) provided: Provided,
    pub(super) slots: Slots,
    pub(super) transfers: Transfers,
    pub(super) random: Random,
    pub(super) limits: RingLimits,
    pub(super) ledger: Rc<Ledger>,
    submitted: Vec<u32>,
    events: BinaryHeap<Reverse<Event>>,
    events_made: u64,
    done: VecDeque<Done>,
}

/// An operation is due. The order of the fields is that of the queue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at_ns: u64,
    /// The same for all but those that a fault moves within their instant.
    place: u32,
    number: u64,
    op: u32,
    serial: u64,
}

/// The place of an event that no fault moves.
const MIDDLE: u32 = u32::MAX / 2;

/// A completion that waits to be handed out.
struct Done {
    completion: Completion,
    busy: Busy,
}

impl Kernel {
    pub(super) fn new(seed: u64, limits: &RingLimits, ledger: Rc<Ledger>) -> Self {
        Self {
            ops: Ops::default(),
            provided: Provided::new(limits.recv_buffers, limits.recv_buffer_bytes, Rc::clone(&ledger)),
            slots: Slots::new(limits, Rc::clone(&ledger)),
            transfers: Transfers::new(limits, Rc::clone(&ledger)),
            random: Random::new(seed),
            limits: limits.clone(),
            ledger,
            submitted: Vec::new(),
            events: BinaryHeap::new(),
            events_made: 0,
            done: VecDeque::new(),
        }
    }

    pub(super) fn submit(&mut self, token: OpToken, work: Work) {
        assert!(token.slot() < self.limits.token_slots, "token slot {} is above the limit", token.slot());
        let op = self.ops.insert(token, work);
        self.submitted.push(op);
        count(&self.ledger.operations, 1);
    }

    /// One `wait`; `woken` asks whether another thread woke the ring since it was last asked.
    pub(super) fn wait(
        &mut self,
        world: &mut World,
        until: Option<Deadline>,
        woken: impl Fn() -> bool,
        batch: &mut Batch,
    ) {
        self.provided.assert_all_given_back();
        self.start_submitted(world);
        self.look_at_changes(world);
        self.begin_tick(world);
        self.run(world, until, woken);
        self.hand_out(world, batch);
    }

    fn begin_tick(&mut self, world: &mut World) {
        let tick_ns = world.plan.tick_ns;
        world.clock.advance_to(world.clock.nanos() + tick_ns);
        if self.random.chance(world.plan.wall_jump) {
            let furthest = world.plan.wall_jump_s_max as i64;
            let seconds = self.random.below(2 * furthest as u64 + 1) as i64 - furthest;
            world.clock.jump_wall(seconds);
            world.note("wall jump", &[seconds as u64]);
        }
    }

    fn start_submitted(&mut self, world: &mut World) {
        for op in std::mem::take(&mut self.submitted) {
            self.start(world, op);
        }
    }

    /// The kernel looks at an operation for the first time.
    fn start(&mut self, world: &mut World, op: u32) {
        let network = &mut world.network;
        match self.ops.table[op as usize].work {
            Work::Accept { listener } => {
                let waiting = &mut network.listeners[usize::from(listener.0)].accept;
                assert!(waiting.is_none(), "a second accept on listener {}", listener.0);
                *waiting = Some(op);
            }
            Work::Recv { socket, .. } | Work::Discard { socket, .. } => {
                let waiting = &mut network.conns[socket.0 as usize].waiting.recv;
                assert!(waiting.is_none(), "a second receive on socket {}", socket.0);
                *waiting = Some(op);
            }
            Work::Send { socket, .. } => {
                let waiting = &mut network.conns[socket.0 as usize].waiting.send;
                assert!(waiting.is_none(), "a second send on socket {}", socket.0);
                *waiting = Some(op);
            }
            Work::Poll { socket } => {
                let waiting = &mut network.conns[socket.0 as usize].waiting.poll;
                assert!(waiting.is_none(), "a second poll on socket {}", socket.0);
                *waiting = Some(op);
            }
            Work::ReadPipe { pipe, .. } | Work::WritePipe { pipe, .. } | Work::PollPipe { pipe } => {
                let waiting = &mut world.programs.pipes[pipe.0 as usize].waiting;
                assert!(waiting.is_none(), "a second operation on pipe {}", pipe.0);
                *waiting = Some(op);
            }
            Work::AwaitExit { child } => {
                let waiting = &mut world.programs.processes[child.0 as usize].waiting;
                assert!(waiting.is_none(), "program {} is awaited twice", child.0);
                *waiting = Some(op);
            }
            _ => {}
        }
        self.schedule_if_ready(world, op);
    }

    fn is_ready(&self, world: &World, op: u32) -> bool {
        let conn = |socket: Socket| &world.network.conns[socket.0 as usize];
        match self.ops.table[op as usize].work {
            Work::Accept { listener } => !world.network.listeners[usize::from(listener.0)].queue.is_empty(),
            // A multishot that finds the pool empty says so at once, a single receive only when bytes are there.
            Work::Recv { socket, multishot } => {
                conn(socket).arrival() != Arrival::Nothing || (multishot && !self.provided.has_free())
            }
            Work::Discard { socket, .. } => conn(socket).arrival() != Arrival::Nothing,
            Work::Send { socket, .. } | Work::Poll { socket } => conn(socket).is_writable(),
            Work::ReadPipe { pipe, .. } | Work::WritePipe { pipe, .. } | Work::PollPipe { pipe } => {
                world.programs.pipes[pipe.0 as usize].is_ready()
            }
            Work::AwaitExit { child } => world.programs.processes[child.0 as usize].exit.is_some(),
            _ => true,
        }
    }

    pub(super) fn schedule_if_ready(&mut self, world: &World, op: u32) {
        let flying = &self.ops.table[op as usize];
        if flying.scheduled {
            return;
        }
        let is_poll = matches!(flying.work, Work::Poll { .. });
        if self.is_ready(world, op) || (is_poll && self.random.chance(world.plan.false_ready)) {
            self.schedule(world, op);
        }
    }

    /// Makes an operation due, now or as the faults will have it.
    pub(super) fn schedule(&mut self, world: &World, op: u32) {
        let plan = &world.plan;
        let mut at_ns = world.clock.nanos();
        if self.random.chance(plan.delay) {
            at_ns += self.random.below(plan.delay_ns_max + 1);
        }
        let flying = &mut self.ops.table[op as usize];
        if flying.work.may_be_slow() && self.random.chance(plan.slow_file) {
            at_ns += self.random.below(plan.slow_ns_max + 1);
        }
        let moved = self.random.chance(plan.reorder);
        let place = if moved { self.random.bits() as u32 } else { MIDDLE };
        flying.scheduled = true;
        self.events_made += 1;
        let event = Event { at_ns, place, number: self.events_made, op, serial: flying.serial };
        self.events.push(Reverse(event));
    }

    /// Schedules what waited for something that the outside or an operation did.
    fn look_at_changes(&mut self, world: &mut World) {
        for at in 0..world.network.changed_listeners.len() {
            let listener = world.network.changed_listeners[at];
            if let Some(op) = world.network.listeners[usize::from(listener)].accept {
                self.schedule_if_ready(world, op);
            }
        }
        world.network.changed_listeners.clear();
        for at in 0..world.network.changed_conns.len() {
            let waiting = world.network.conns[world.network.changed_conns[at] as usize].waiting;
            for op in [waiting.recv, waiting.send, waiting.poll].into_iter().flatten() {
                self.schedule_if_ready(world, op);
            }
        }
        world.network.changed_conns.clear();
        self.look_at_programs(world);
    }

    /// Lets programs go on, and schedules what waited for them.
    fn look_at_programs(&mut self, world: &mut World) {
        world.programs.run(world.clock.nanos());
        for pipe in std::mem::take(&mut world.programs.changed_pipes) {
            if let Some(op) = world.programs.pipes[pipe as usize].waiting {
                self.schedule_if_ready(world, op);
            }
        }
        for process in std::mem::take(&mut world.programs.changed_processes) {
            if let Some(op) = world.programs.processes[process as usize].waiting {
                self.schedule_if_ready(world, op);
            }
        }
    }

    /// Carries out what is due, letting time pass until a completion is there or the wait is over.
    fn run(&mut self, world: &mut World, until: Option<Deadline>, woken: impl Fn() -> bool) {
        let limit = world.clock.limit(until);
        loop {
            if woken() {
                let token = OpToken::new(OpKind::Wake, 0, 0);
                self.post(Completion { token, outcome: Outcome::Woken, more: false }, Busy::Nothing);
            }
            self.look_at_programs(world);
            self.run_due(world);
            if !self.done.is_empty() || self.random.chance(world.plan.spurious_wake) {
                return;
            }
            match (self.next_event_ns(world), limit) {
                (Some(next), Some(limit)) if next > limit => return self.time_out(world, limit),
                (Some(next), _) => world.clock.advance_to(next),
                (None, Some(limit)) => return self.time_out(world, limit),
                // Nothing will ever happen by itself: back to whoever plays the outside.
                (None, None) => return,
            }
        }
    }

    fn time_out(&mut self, world: &mut World, limit: u64) {
        let late = self.random.chance(world.plan.late);
        let late_ns = if late { self.random.below(world.plan.late_ns_max + 1) } else { 0 };
        world.clock.advance_to(limit + late_ns);
    }

    /// When the next operation is due or the next program goes on.
    fn next_event_ns(&self, world: &World) -> Option<u64> {
        let due = self.events.peek().map(|Reverse(event)| event.at_ns);
        due.into_iter().chain(world.programs.next_wake()).min()
    }

    fn run_due(&mut self, world: &mut World) {
        while let Some(Reverse(event)) = self.events.peek().copied() {
            if event.at_ns > world.clock.nanos() {
                return;
            }
            self.events.pop();
            let flying = self.ops.table.get_mut(event.op as usize);
            if let Some(flying) = flying.filter(|flying| flying.serial == event.serial && flying.scheduled) {
                flying.scheduled = false;
                self.perform(world, event.op);
                self.look_at_changes(world);
            }
        }
    }

    pub(super) fn queue_is_full(&self) -> bool {
        self.done.len() >= self.limits.completions as usize
    }

    pub(super) fn post(&mut self, completion: Completion, busy: Busy) {
        self.done.push_back(Done { completion, busy });
    }

    /// Ends an operation: takes it out of the table and from whatever it waited for.
    pub(super) fn take_out(&mut self, world: &mut World, op: u32) -> Flying {
        let flying = self.ops.table.remove(op as usize);
        let network = &mut world.network;
        match flying.work {
            Work::Accept { listener } => network.listeners[usize::from(listener.0)].accept = None,
            Work::Recv { socket, .. } | Work::Discard { socket, .. } => {
                network.conns[socket.0 as usize].waiting.recv = None;
            }
            Work::Send { socket, .. } => network.conns[socket.0 as usize].waiting.send = None,
            Work::Poll { socket } => network.conns[socket.0 as usize].waiting.poll = None,
            Work::ReadPipe { pipe, .. } | Work::WritePipe { pipe, .. } | Work::PollPipe { pipe } => {
                world.programs.pipes[pipe.0 as usize].waiting = None;
            }
            Work::AwaitExit { child } => world.programs.processes[child.0 as usize].waiting = None,
            _ => {}
        }
        flying
    }

    fn hand_out(&mut self, world: &mut World, batch: &mut Batch) {
        world.idle = self.done.is_empty() && self.next_event_ns(world).is_none();
        let mut number = batch.room().min(BATCH_MAX).min(self.done.len());
        if number > 1 && self.random.chance(world.plan.split_batch) {
            number = self.random.between(1, number as u64) as usize;
        }
        for Done { completion, busy } in self.done.drain(..number) {
            world.note("completion", &[completion.token.to_bits(), digest(&completion)]);
            if let Outcome::Received(Ok(Some(_))) = completion.outcome {
                self.provided.handed_out();
            }
            let submitted = completion.token.kind() != OpKind::Wake;
            if submitted && !completion.more {
                self.ops.retire(completion.token);
                count(&self.ledger.operations, -1);
                release(world, busy);
            }
            batch.push(completion);
        }
    }
}

/// A descriptor has one operation less.
fn release(world: &mut World, busy: Busy) {
    match busy {
        Busy::Nothing => {}
        Busy::Socket(socket) => world.network.conns[socket as usize].in_flight -= 1,
        Busy::File(file) => world.files.open[file as usize].in_flight -= 1,
        Busy::Pipe(pipe) => world.programs.pipes[pipe as usize].in_flight -= 1,
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        for Done { completion, .. } in self.done.drain(..) {
            match completion.outcome {
                Outcome::Received(Ok(Some(lease))) => _ = lease.into_index(),
                Outcome::Sent(_, slot) => _ = slot.into_index(),
                Outcome::Streamed(_, transfer)
                | Outcome::Read(_, transfer)
                | Outcome::Written(_, transfer)
                | Outcome::Stored(_, transfer)
                | Outcome::PipeRead(_, transfer)
                | Outcome::PipeWritten(_, transfer) => {
                    _ = transfer.into_index();
                }
                _ => {}
            }
        }
    }
}
