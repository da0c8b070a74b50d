//! Simulated programs and pipes: each program is a list of steps that the harness wrote.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use crate::launch::{Exit, Launch};

/// What a simulated program does next. Behind its last step it ends with status 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Writes to standard output, as the pipe has room.
    Say(Vec<u8>),
    /// Writes to standard error.
    Complain(Vec<u8>),
    /// Reads so many bytes from standard input, or to its end.
    Take(u64),
    /// Copies standard input to standard output until it ends.
    Echo,
    /// Writes to standard output how many bytes it has read so far, in decimal.
    Count,
    /// Writes its arguments and its environment to standard output, a line each.
    Tell,
    /// Does nothing for so long.
    Sleep(Duration),
    /// Closes its standard input.
    CloseInput,
    /// Closes its standard output.
    CloseOutput,
    /// Ends, but a child of it holds the pipes until it is killed.
    Orphan,
    /// Ends so.
    End(Exit),
}

/// One pipe between the ring and a program.
pub(super) struct Pipe {
    bytes: VecDeque<u8>,
    pub(super) reads: bool,
    pub(super) open: bool,
    /// The program's end is open.
    far_open: bool,
    pub(super) closing: bool,
    pub(super) in_flight: u32,
    pub(super) waiting: Option<u32>,
}

/// A program that runs or has ended and was not reaped.
pub(super) struct Process {
    steps: Rc<[Step]>,
    launch: Launch,
    at: usize,
    /// Bytes of the step done, or when its sleep ends.
    progress: u64,
    asleep_until: Option<u64>,
    taken: u64,
    held: VecDeque<u8>,
    input: u32,
    output: u32,
    errors: u32,
    pub(super) exit: Option<Exit>,
    /// Somebody of its group lives and holds the pipes.
    orphan: bool,
    pub(super) reaped: bool,
    pub(super) waiting: Option<u32>,
}

/// The programs that can be started, those that were, and their pipes. Indices stay for the whole run.
#[derive(Default)]
pub(super) struct Programs {
    known: BTreeMap<Vec<u8>, Rc<[Step]>>,
    pub(super) pipes: Vec<Pipe>,
    pub(super) processes: Vec<Process>,
    pub(super) changed_pipes: Vec<u32>,
    pub(super) changed_processes: Vec<u32>,
}

/// Unread bytes that a pipe takes, as on Linux.
const PIPE_BYTES: usize = 64 * 1024;

impl Pipe {
    fn new(reads: bool) -> Self {
        let (bytes, far_open) = (VecDeque::new(), true);
        Self { bytes, reads, open: true, far_open, closing: false, in_flight: 0, waiting: None }
    }

    fn room(&self) -> usize {
        PIPE_BYTES - self.bytes.len()
    }

    /// Whether a read or a write of the ring ends now.
    pub(super) fn is_ready(&self) -> bool {
        !self.far_open || if self.reads { !self.bytes.is_empty() } else { self.room() > 0 }
    }

    /// Bytes that the ring can read or write now; `None` when the far end is closed and nothing is left.
    pub(super) fn there(&self) -> Option<usize> {
        match (self.reads, self.far_open) {
            (true, far_open) => (far_open || !self.bytes.is_empty()).then_some(self.bytes.len()),
            (false, far_open) => far_open.then(|| self.room()),
        }
    }

    pub(super) fn read(&mut self, place: &mut [u8]) {
        let len = place.len();
        for (place, byte) in place.iter_mut().zip(self.bytes.drain(..len)) {
            *place = byte;
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }
}

impl Programs {
    pub(super) fn know(&mut self, path: &[u8], steps: Vec<Step>) {
        self.known.insert(path.to_vec(), steps.into());
    }

    /// Starts a program; its number and its pipes. `None` if there is none.
    pub(super) fn start(&mut self, launch: Launch) -> Option<(u32, [u32; 3])> {
        let steps = Rc::clone(self.known.get(&launch.program)?);
        let first = self.pipes.len() as u32;
        self.pipes.extend([false, true, true].map(Pipe::new));
        let (input, output, errors) = (first, first + 1, first + 2);
        self.processes.push(Process {
            steps,
            launch,
            at: 0,
            progress: 0,
            asleep_until: None,
            taken: 0,
            held: VecDeque::new(),
            input,
            output,
            errors,
            exit: None,
            orphan: false,
            reaped: false,
            waiting: None,
        });
        Some((self.processes.len() as u32 - 1, [input, output, errors]))
    }

    /// When the next sleep ends.
    pub(super) fn next_wake(&self) -> Option<u64> {
        let running = self.processes.iter().filter(|process| process.exit.is_none());
        running.filter_map(|process| process.asleep_until).min()
    }

    /// Lets every program go on as far as it can.
    pub(super) fn run(&mut self, now_ns: u64) {
        for index in 0..self.processes.len() {
            while self.processes[index].exit.is_none() && self.step(index, now_ns) {}
        }
    }

    /// One step further; `false` if the program has to wait.
    fn step(&mut self, index: usize, now_ns: u64) -> bool {
        let process = &mut self.processes[index];
        let (input, output, errors) = (process.input, process.output, process.errors);
        let step = process.steps.get(process.at).cloned().unwrap_or(Step::End(Exit::Status(0)));
        let done = match step {
            Step::Say(bytes) => self.say(index, output, &bytes),
            Step::Complain(bytes) => self.say(index, errors, &bytes),
            Step::Count => {
                let count = process.taken.to_string();
                self.say(index, output, count.as_bytes())
            }
            Step::Tell => {
                let lines = process.launch.arguments.iter().chain(&process.launch.environment);
                let told: Vec<u8> = lines.flat_map(|line| [line, &b"\n"[..]].concat()).collect();
                self.say(index, output, &told)
            }
            Step::Take(bytes) => self.take(index, bytes),
            Step::Echo => self.echo(index),
            Step::Sleep(span) => sleep(&mut self.processes[index], now_ns, span),
            Step::CloseInput => self.close_far(input),
            Step::CloseOutput => self.close_far(output),
            Step::Orphan => {
                self.processes[index].orphan = true;
                self.end(index, Exit::Status(0))
            }
            Step::End(exit) => self.end(index, exit),
        };
        if done {
            let process = &mut self.processes[index];
            process.at += 1;
            process.progress = 0;
        }
        done
    }

    /// Writes what is left of a step's bytes. A program that nobody listens to dies of SIGPIPE.
    fn say(&mut self, index: usize, pipe: u32, bytes: &[u8]) -> bool {
        let process = &mut self.processes[index];
        let into = &mut self.pipes[pipe as usize];
        if !into.open || !into.far_open {
            return self.end(index, Exit::Signal(libc::SIGPIPE as u8));
        }
        let rest = &bytes[process.progress as usize..];
        let now = &rest[..rest.len().min(into.room())];
        into.write(now);
        process.progress += now.len() as u64;
        if !now.is_empty() {
            self.changed_pipes.push(pipe);
        }
        now.len() == rest.len()
    }

    fn take(&mut self, index: usize, bytes: u64) -> bool {
        let process = &mut self.processes[index];
        let from = &mut self.pipes[process.input as usize];
        let now = (bytes - process.progress).min(from.bytes.len() as u64);
        from.bytes.drain(..now as usize);
        process.progress += now;
        process.taken += now;
        if now > 0 {
            self.changed_pipes.push(process.input);
        }
        process.progress == bytes || (!from.open && from.bytes.is_empty())
    }

    fn echo(&mut self, index: usize) -> bool {
        let process = &mut self.processes[index];
        let from = &mut self.pipes[process.input as usize];
        process.taken += from.bytes.len() as u64;
        if !from.bytes.is_empty() {
            self.changed_pipes.push(process.input);
        }
        process.held.append(&mut from.bytes);
        let ended = !from.open;
        let held: Vec<u8> = process.held.drain(..).collect();
        let (output, progress) = (process.output, std::mem::take(&mut process.progress));
        let said = self.say(index, output, &held);
        let process = &mut self.processes[index];
        let written = std::mem::replace(&mut process.progress, progress);
        process.held.extend(&held[written as usize..]);
        said && ended
    }

    /// The program closes its end of a pipe.
    fn close_far(&mut self, pipe: u32) -> bool {
        self.pipes[pipe as usize].far_open = false;
        self.changed_pipes.push(pipe);
        true
    }

    /// The program ends; its pipes with it, unless somebody else holds them. Never a step done: nothing comes behind.
    fn end(&mut self, index: usize, exit: Exit) -> bool {
        let process = &mut self.processes[index];
        process.exit.get_or_insert(exit);
        self.changed_processes.push(index as u32);
        if !process.orphan {
            for pipe in [process.input, process.output, process.errors] {
                self.close_far(pipe);
            }
        }
        false
    }

    /// Kills a program and all of its group.
    pub(super) fn kill(&mut self, index: u32) {
        let process = &mut self.processes[index as usize];
        assert!(!process.reaped, "program {index} is killed behind its reaping");
        process.orphan = false;
        self.end(index as usize, Exit::Signal(libc::SIGKILL as u8));
    }
}

fn sleep(process: &mut Process, now_ns: u64, span: Duration) -> bool {
    let until = *process.asleep_until.get_or_insert(now_ns + span.as_nanos() as u64);
    let over = until <= now_ns;
    if over {
        process.asleep_until = None;
    }
    over
}
