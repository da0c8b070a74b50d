//! The programs of a ring: what is asked of the launcher, and what it answers.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};

use io_uring::opcode;
use io_uring::squeue::Entry;
use io_uring::types::Fd;
use slab::Slab;

use super::launcher::{Answer, Received, encode_launch, encode_reap, receive_header};
use super::{HOLDS_CHILD, UringRing, errno};
use crate::completion::{Completion, Outcome};
use crate::launch::{Child, Exit, Launch};
use crate::op::{ChildId, PipeId};
use crate::outcome::{ChildError, SpawnError};
use crate::token::{OpKind, OpToken};

/// The token slot of [`OpKind::Wake`] under which the ring itself listens to the launcher.
pub(super) const LISTENING: u32 = 1;

/// All programs that were asked for and not reaped.
pub(super) struct Children {
    /// `None` once the launcher is gone.
    channel: Option<OwnedFd>,
    answer: Box<Received>,
    programs: Slab<Program>,
    serial: u32,
}

struct Program {
    token: OpToken,
    serial: u32,
    state: State,
    /// What the kernel reads while it is sent; it stands still.
    message: Vec<u8>,
}

enum State {
    /// The launch is on its way: it left, it was answered.
    Asked { left: bool, answer: Option<Result<Started, SpawnError>> },
    /// It runs, or has ended so.
    Running { process: libc::pid_t, exit: Option<Exit>, waits: Option<OpToken> },
    /// The launcher is being told that it may be forgotten.
    Reaping,
}

struct Started {
    process: libc::pid_t,
    pipes: [OwnedFd; 3],
    /// It has ended again before its start was told.
    exit: Option<Exit>,
}

impl Children {
    pub(super) fn new(channel: Option<OwnedFd>) -> Self {
        Self { channel, answer: receive_header(), programs: Slab::new(), serial: 0 }
    }

    fn fd(&self) -> Option<Fd> {
        self.channel.as_ref().map(|channel| Fd(channel.as_raw_fd()))
    }

    /// The program that an answer speaks of, unless it was forgotten meanwhile.
    fn find(&mut self, id: u64) -> Option<(u32, &mut Program)> {
        let (serial, index) = ((id >> 32) as u32, id as u32);
        self.programs.get_mut(index as usize).filter(|program| program.serial == serial).map(|program| (index, program))
    }

    /// The submission that sends a program's message.
    fn send(&self, index: u32) -> Option<Entry> {
        let message = &self.programs[index as usize].message;
        let send = opcode::Send::new(self.fd()?, message.as_ptr(), message.len() as u32);
        Some(send.flags(libc::MSG_NOSIGNAL).build())
    }
}

impl UringRing {
    /// Listens for the launcher's next word.
    pub(super) fn listen_to_launcher(&mut self) {
        if let Some(fd) = self.children.fd() {
            let header = self.children.answer.reset();
            let flags = libc::MSG_CMSG_CLOEXEC as u32;
            self.push(OpToken::new(OpKind::Wake, 0, LISTENING), opcode::RecvMsg::new(fd, header).flags(flags).build());
        }
    }

    pub(super) fn spawn(&mut self, token: OpToken, launch: &Launch) {
        self.children.serial = self.children.serial.wrapping_add(1);
        let serial = self.children.serial;
        let place = self.children.programs.vacant_entry();
        let index = place.key() as u32;
        let id = u64::from(serial) << 32 | u64::from(index);
        let Some(message) = encode_launch(id, launch) else { return self.not_spawned(token, SpawnError::TooLong) };
        let state = State::Asked { left: false, answer: None };
        place.insert(Program { token, serial, state, message });
        let Some(entry) = self.children.send(index) else {
            self.children.programs.remove(index as usize);
            return self.not_spawned(token, SpawnError::NoLauncher);
        };
        self.hold(token, HOLDS_CHILD, index);
        self.push(token, entry);
    }

    fn not_spawned(&mut self, token: OpToken, error: SpawnError) {
        self.ready.push_back(Completion { token, outcome: Outcome::Spawned(Err(error)), more: false });
    }

    /// The launch has left, or has not. The answer may be there already.
    pub(super) fn launch_sent(&mut self, token: OpToken, result: i32) -> Option<Completion> {
        let index = self.released(token, HOLDS_CHILD);
        let program = &mut self.children.programs[index as usize];
        if let State::Asked { left, answer } = &mut program.state {
            *left = true;
            if result < 0 {
                *answer = Some(Err(errno::launch_sent(-result)));
            }
        }
        self.spawned(index)
    }

    /// The end of a launch, once it has left and was answered.
    fn spawned(&mut self, index: u32) -> Option<Completion> {
        let program = &mut self.children.programs[index as usize];
        let State::Asked { left: true, answer } = &mut program.state else { return None };
        let answer = answer.take()?;
        let token = program.token;
        let result = match answer {
            Ok(Started { process, pipes, exit }) => {
                program.state = State::Running { process, exit, waits: None };
                program.message = Vec::new();
                let [input, output, errors] = pipes.map(|pipe| PipeId(pipe.into_raw_fd() as u32));
                Ok(Child { id: ChildId(index), input, output, errors })
            }
            Err(error) => {
                self.children.programs.remove(index as usize);
                Err(error)
            }
        };
        Some(Completion { token, outcome: Outcome::Spawned(result), more: false })
    }

    /// The launcher said something, or is gone.
    pub(super) fn launcher_said(&mut self, result: i32) -> Option<Completion> {
        let said = if result > 0 { self.children.answer.take(result as usize) } else { None };
        if said.is_none() && !matches!(-result, libc::EINTR | libc::EAGAIN) {
            self.launcher_gone();
            return None;
        }
        let completion = said.and_then(|(id, answer)| self.answered(id, answer));
        self.listen_to_launcher();
        completion
    }

    fn answered(&mut self, id: u64, answer: Answer) -> Option<Completion> {
        let (index, program) = self.children.find(id)?;
        match (&mut program.state, answer) {
            (State::Asked { answer, .. }, Answer::Started(process, Some(pipes))) => {
                *answer = Some(Ok(Started { process, pipes, exit: None }));
            }
            (State::Asked { answer: Some(Ok(started)), .. }, Answer::Ended(how)) => started.exit = Some(how),
            (State::Asked { answer, .. }, Answer::Started(process, None)) => {
                *answer = Some(Err(SpawnError::Exhausted));
                self.dismiss(process, id);
            }
            (State::Asked { answer, .. }, Answer::Failed(errno)) => *answer = Some(Err(errno::spawn(errno))),
            (State::Running { exit, waits, .. }, Answer::Ended(how)) => {
                *exit = Some(how);
                let token = waits.take()?;
                return Some(Completion { token, outcome: Outcome::Exited(Ok(how)), more: false });
            }
            _ => return None,
        }
        self.spawned(index)
    }

    /// It runs, but its pipes did not come through: nobody can use it.
    fn dismiss(&self, process: libc::pid_t, id: u64) {
        let Some(Fd(fd)) = self.children.fd() else { return };
        let message = encode_reap(id);
        // SAFETY: the group was made by the launcher and is not reaped yet; the kernel reads the message during the call. A
        // full channel leaves a zombie until this process ends, which is the launcher's end as well.
        unsafe {
            libc::kill(-process, libc::SIGKILL);
            libc::send(fd, message.as_ptr().cast(), message.len(), libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
        }
    }

    fn launcher_gone(&mut self) {
        self.children.channel = None;
        let indices: Vec<u32> = self.children.programs.iter().map(|(index, _)| index as u32).collect();
        for index in indices {
            let completion = match &mut self.children.programs[index as usize].state {
                State::Asked { answer, .. } => {
                    answer.get_or_insert(Err(SpawnError::NoLauncher));
                    self.spawned(index)
                }
                State::Running { waits, .. } => waits.take().map(|token| {
                    let outcome = Outcome::Exited(Err(ChildError::NoLauncher));
                    Completion { token, outcome, more: false }
                }),
                State::Reaping => None,
            };
            self.ready.extend(completion);
        }
    }

    pub(super) fn await_exit(&mut self, token: OpToken, child: ChildId) {
        let gone = self.children.channel.is_none();
        let State::Running { exit, waits, .. } = &mut self.children.programs[child.0 as usize].state else {
            panic!("a program is awaited before it is reaped")
        };
        assert!(waits.is_none(), "one operation awaits the end of a program");
        let result = match exit {
            Some(exit) => Ok(*exit),
            None if gone => Err(ChildError::NoLauncher),
            None => {
                *waits = Some(token);
                return;
            }
        };
        self.ready.push_back(Completion { token, outcome: Outcome::Exited(result), more: false });
    }

    /// Cancels the waiting for a program's end, which the kernel knows nothing of.
    pub(super) fn cancel_await(&mut self, token: OpToken, target: OpToken) {
        let mut states = self.children.programs.iter_mut().map(|(_, program)| &mut program.state);
        let found = states.any(|state| match state {
            State::Running { waits, .. } if *waits == Some(target) => waits.take().is_some(),
            _ => false,
        });
        if found {
            let outcome = Outcome::Exited(Err(ChildError::Cancelled));
            self.ready.push_back(Completion { token: target, outcome, more: false });
        }
        self.ready.push_back(Completion { token, outcome: Outcome::Cancelled(found), more: false });
    }

    pub(super) fn reap_child(&mut self, token: OpToken, child: ChildId) {
        let program = &mut self.children.programs[child.0 as usize];
        assert!(
            matches!(program.state, State::Running { waits: None, .. }),
            "a program is reaped once, awaited by nobody"
        );
        program.state = State::Reaping;
        program.message = encode_reap(u64::from(program.serial) << 32 | u64::from(child.0));
        let Some(entry) = self.children.send(child.0) else {
            self.children.programs.remove(child.0 as usize);
            return self.ready.push_back(Completion { token, outcome: Outcome::Done, more: false });
        };
        self.hold(token, HOLDS_CHILD, child.0);
        self.push(token, entry);
    }

    /// The launcher knows that a program may be forgotten.
    pub(super) fn reap_sent(&mut self, token: OpToken) -> Outcome {
        let index = self.released(token, HOLDS_CHILD);
        self.children.programs.remove(index as usize);
        Outcome::Done
    }

    pub(super) fn kill_child(&mut self, child: ChildId) {
        let State::Running { process, .. } = self.children.programs[child.0 as usize].state else {
            panic!("a program is killed before it is reaped")
        };
        if self.children.channel.is_some() {
            // SAFETY: no memory is passed. The launcher keeps the group's leader until it is told to reap it, so the number
            // stands for no other group; of a launcher that is gone nobody knows, and its programs died with it.
            unsafe { libc::kill(-process, libc::SIGKILL) };
        }
    }
}
