//! Programs that answer: from a handler's ask to the last byte, and to the end of what was started.
//!
//! ```text
//!   waiting --(a place)--> spawning --> running --(ended, or let go)--> leaving --(nothing in flight)--> gone
//! ```
//!
//! A program has three pipes and a lane of token slots for each. None of them holds a transfer buffer while it waits: a
//! poll says when there is something to move. What a program says waits in bounded memory until its peer takes it, and is
//! not read meanwhile: so back-pressure reaches the program. No process of a program outlives it: behind its end its
//! process group is killed.

mod feed;
mod flow;
mod output;
mod places;

use std::collections::VecDeque;
use std::time::Duration;

use slab::Slab;
use slipring_ring::{
    Child, Deadline, Exit, FileId, Instant, Launch, Op, OpKind, OpToken, Peer, Ring, SpawnError, Waker,
};

use super::Shard;
use super::asks::Arrival;
use crate::handler::{Handler, ProgramError};
pub(super) use output::SharedOutput;
pub use places::ProgramPlaces;
use places::{Placed, Seat};

/// How many programs may run, in all shards of a server together, and how long they may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramLimits {
    /// Programs that run at the same time.
    pub running_max: usize,
    /// Further ones that wait for their turn; beyond, they are refused.
    pub waiting_max: usize,
    /// How long a program may say nothing while its peer waits for it; then it is killed.
    pub silence: Duration,
}

impl ProgramLimits {
    /// For the command.
    pub const SERVER: Self = Self { running_max: 16, waiting_max: 64, silence: Duration::from_mins(1) };
}

/// Programs that one shard ever has at the same time, those that wait for their turn among them.
pub const PROGRAMS_MAX: usize = 1024;
/// Lanes of a program: what it says (and its start and end), what it is fed, what it complains of.
const LANES: u32 = 3;
pub(super) const OUTPUT: u32 = 0;
pub(super) const INPUT: u32 = 1;
pub(super) const ERRORS: u32 = 2;
/// Token slots that all of them take.
pub const PROGRAM_TOKENS: usize = PROGRAMS_MAX * LANES as usize;
/// How long an end may be half known: its output has ended and it has not, or the other way round.
const HALF_END: Duration = Duration::from_secs(1);

/// All programs of a shard.
pub(super) struct Scripts {
    all: Slab<Script>,
    seat: Seat,
    waiting: VecDeque<u32>,
    limits: ProgramLimits,
    first_token: u32,
    generation: u32,
    /// Connections whose program was refused, to be told when nobody is in the middle of anything.
    refused: VecDeque<(u32, u32)>,
    /// Connections that asked for more where no more comes.
    told: VecDeque<(u32, u32)>,
    /// Programs that wait for a transfer buffer: the token of the poll behind which there was none.
    starved: VecDeque<OpToken>,
}

/// One program.
pub(super) struct Script {
    generation: u32,
    /// The connection that it answers, with its generation; nobody any more once it was let go.
    user: Option<(u32, u32)>,
    peer: Peer,
    state: State,
    /// What it is fed, and how many bytes of it were taken.
    input: Input,
    fed: u64,
    output: SharedOutput,
    /// A complaint without its line end.
    complaint: Vec<u8>,
    lanes: [Lane; LANES as usize],
    /// How it ended.
    exit: Option<Exit>,
    deadline: Deadline,
    /// Everything was killed.
    killed: bool,
}

/// The body of a request.
enum Input {
    Memory(Vec<u8>),
    /// A spool and its length; it belongs to the program and is closed with it.
    Spool(FileId, u64),
}

enum State {
    Waiting(Box<Launch>),
    Spawning,
    Running(Child),
    /// The launcher is told that it may be forgotten.
    Leaving,
}

/// One of its pipes.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    /// This side is open.
    open: bool,
    /// An operation of it is in flight.
    busy: bool,
    /// The operation is a poll, which a cancel ends.
    polling: bool,
}

impl Scripts {
    pub(super) fn new(limits: ProgramLimits, places: &ProgramPlaces, waker: Waker, first_token: u32) -> Self {
        Self {
            all: Slab::new(),
            seat: places.seat(waker),
            waiting: VecDeque::new(),
            limits,
            first_token,
            generation: 0,
            refused: VecDeque::new(),
            told: VecDeque::new(),
            starved: VecDeque::new(),
        }
    }

    /// Whether a completion is one of theirs.
    #[inline]
    pub(super) fn owns(&self, token: OpToken) -> bool {
        token.slot() >= self.first_token
    }

    /// The program and lane of a token; `None` if it is gone.
    fn find(&self, token: OpToken) -> Option<(u32, u32)> {
        let (id, lane) = ((token.slot() - self.first_token) / LANES, (token.slot() - self.first_token) % LANES);
        let script = self.all.get(id as usize).filter(|script| script.generation == token.generation())?;
        debug_assert!(lane != OUTPUT || !script.is_waiting(), "a program that waits has nothing in flight");
        Some((id, lane))
    }

    fn token(&self, id: u32, lane: u32, kind: OpKind) -> OpToken {
        OpToken::new(kind, self.all[id as usize].generation, self.first_token + id * LANES + lane)
    }

    /// When the next one runs out of time.
    pub(super) fn next(&self) -> Deadline {
        if !self.refused.is_empty() || !self.told.is_empty() {
            return Deadline::at(Instant::ORIGIN);
        }
        self.all.iter().map(|(_, script)| script.deadline).min().unwrap_or(Deadline::NEVER)
    }

    pub(super) fn limits(&self) -> &ProgramLimits {
        &self.limits
    }

    fn place(&mut self, script: Script) -> u32 {
        self.all.insert(script) as u32
    }
}

impl Input {
    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Spool(_, len) => *len,
        }
    }
}

impl Script {
    fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    fn child(&self) -> Option<Child> {
        match self.state {
            State::Running(child) => Some(child),
            State::Waiting(_) | State::Spawning | State::Leaving => None,
        }
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    /// A handler asks for a program. It starts at once, waits for its turn, or is refused.
    pub(super) fn start_program(&mut self, index: u32) {
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return };
        let (Some(launch), Some(open)) = (self.core.scratch.launch.take(), &mut entry.ask) else { return };
        let user = (index, entry.generation);
        let scripts = &mut self.scripts;
        let place = if scripts.all.len() < PROGRAMS_MAX { scripts.seat.take_or_wait() } else { Placed::Full };
        if place == Placed::Full {
            return scripts.refused.push_back(user);
        }
        scripts.generation = (scripts.generation + 1) & OpToken::GENERATION_MAX;
        let script = Script {
            generation: scripts.generation,
            user: Some(user),
            peer: entry.peer,
            state: State::Waiting(Box::new(launch)),
            input: match entry.spool.take().and_then(|spool| spool.into_whole()) {
                Some((file, len)) => Input::Spool(file, len),
                None => Input::Memory(std::mem::take(&mut open.held.body)),
            },
            fed: 0,
            output: SharedOutput::default(),
            complaint: Vec::new(),
            lanes: [Lane::default(); LANES as usize],
            exit: None,
            deadline: now.after(scripts.limits.silence),
            killed: false,
        };
        let id = scripts.place(script);
        entry.script = Some(id);
        entry.conn.await_program(now, &self.scripts.limits.silence);
        self.arm_timer(index);
        if place == Placed::Taken {
            self.spawn_script(id);
        } else {
            self.scripts.waiting.push_back(id);
        }
    }

    /// Starts those whose turn it is.
    pub(super) fn fill_program_places(&mut self) {
        while !self.scripts.waiting.is_empty() && self.scripts.seat.claim() {
            if let Some(id) = self.scripts.waiting.pop_front() {
                self.spawn_script(id);
            }
        }
    }

    /// Starts one that has a place.
    fn spawn_script(&mut self, id: u32) {
        let now = self.ring.now();
        let script = &mut self.scripts.all[id as usize];
        let State::Waiting(launch) = std::mem::replace(&mut script.state, State::Spawning) else { return };
        script.deadline = now.after(self.scripts.limits.silence);
        script.lanes[OUTPUT as usize].busy = true;
        self.core.metrics.programs += 1;
        self.ring.submit(self.scripts.token(id, OUTPUT, OpKind::Spawn), Op::Spawn { launch: &launch });
    }

    /// One that waits will never run.
    fn forget_waiting(&mut self, id: u32) {
        self.scripts.waiting.retain(|&waiting| waiting != id);
        self.scripts.seat.leave();
        self.drop_input(id);
        self.scripts.all.remove(id as usize);
    }

    pub(super) fn on_spawned(&mut self, token: OpToken, result: Result<Child, SpawnError>) {
        let Some((id, _)) = self.scripts.find(token) else { return };
        let script = &mut self.scripts.all[id as usize];
        script.lanes[OUTPUT as usize].busy = false;
        let child = match result {
            Ok(child) => child,
            Err(error) => {
                let user = script.user.take();
                self.forget_script(id);
                return self.tell_user(user, Err(ProgramError::Spawn(error)));
            }
        };
        script.state = State::Running(child);
        for lane in &mut script.lanes {
            lane.open = true;
        }
        self.ring.submit(self.scripts.token(id, OUTPUT, OpKind::AwaitExit), Op::AwaitExit { child: child.id });
        if self.scripts.all[id as usize].user.is_none() {
            return self.kill_script(id);
        }
        self.feed(id);
        self.listen_to(id, OUTPUT);
        self.listen_to(id, ERRORS);
    }

    /// The connection that this program answers is told what there is.
    fn tell_user(&mut self, user: Option<(u32, u32)>, result: Result<(), ProgramError>) {
        let Some((index, generation)) = user else { return };
        let Some(entry) = self.table.get(index).filter(|entry| entry.generation == generation) else { return };
        if result.is_err() {
            entry.script = None;
        }
        let output = entry.script.and_then(|id| self.scripts.all.get(id as usize)).map(|script| script.output.clone());
        match &entry.ask {
            // A handler that has not been told anything yet, or asked for more.
            Some(open) if open.listens => {
                let spoke = result.and_then(|()| output.ok_or(ProgramError::Late));
                self.resume(index, Arrival::Spoke(spoke));
            }
            Some(_) => {}
            None => self.wake_stream(index),
        }
    }

    /// A handler asks for more of what its program says.
    pub(super) fn await_output(&mut self, index: u32) {
        let Some(entry) = self.table.get(index) else { return };
        let user = (index, entry.generation);
        match entry.script {
            Some(id) if !self.scripts.all[id as usize].output.is_ended() => self.listen_on(id),
            // There is no more to come, which is told as an ask's answer is: not in the middle of it.
            _ => self.scripts.told.push_back(user),
        }
    }

    /// What a stream took makes room for more.
    pub(super) fn output_taken(&mut self, index: u32) {
        if let Some(id) = self.table.get(index).and_then(|entry| entry.script) {
            self.listen_to(id, OUTPUT);
        }
    }

    /// A program's first words are the answer's head: the rest is its body, sent as the peer takes it.
    pub(super) fn program_output(&mut self, index: u32, from: usize) -> Option<SharedOutput> {
        let id = self.table.get(index)?.script?;
        let output = self.scripts.all.get(id as usize)?.output.clone();
        output.skip(from);
        self.listen_to(id, OUTPUT);
        Some(output)
    }

    /// Programs that were refused or ran out of time, and ends that stayed half known.
    pub(super) fn serve_scripts(&mut self) {
        while let Some(user) = self.scripts.refused.pop_front() {
            self.tell_user(Some(user), Err(ProgramError::Full));
        }
        while let Some(user) = self.scripts.told.pop_front() {
            self.tell_user(Some(user), Ok(()));
        }
        self.serve_starved_lanes();
        let now = self.ring.now();
        let late: Vec<u32> =
            self.scripts.all.iter().filter(|(_, s)| s.deadline.passed(now)).map(|(id, _)| id as u32).collect();
        for id in late {
            if self.scripts.all.contains(id as usize) {
                self.script_is_late(id);
            }
        }
    }

    /// A connection ends, or its answer is complete. `kill`: nobody wants what is still to come.
    pub(super) fn let_script_go(&mut self, index: u32, kill: bool) {
        let now = self.ring.now();
        let Some(id) = self.table.get(index).and_then(|entry| entry.script.take()) else { return };
        let Some(script) = self.scripts.all.get_mut(id as usize) else { return };
        script.user = None;
        if script.is_waiting() {
            return self.forget_waiting(id);
        }
        self.drop_input(id);
        let Some(script) = self.scripts.all.get_mut(id as usize) else { return };
        if kill {
            return self.kill_script(id);
        }
        script.output.clear();
        if script.exit.is_none() {
            // So long it may go on, whatever it says.
            script.deadline = now.after(self.scripts.limits.silence);
        }
        self.feed(id);
        self.listen_to(id, OUTPUT);
        self.end_script(id);
    }
}
