//! How a program ends: by itself, late, killed, or half.

use slipring_ring::{ChildError, Deadline, Exit, Op, OpKind, OpToken, Ring};

use super::{ERRORS, HALF_END, INPUT, OUTPUT, State};
use crate::handler::{Handler, ProgramError};
use crate::shard::{Shard, moment};

impl<R: Ring, H: Handler> Shard<R, H> {
    /// A program said something, or will say nothing more. What nobody wants to hear gives it no more time.
    pub(super) fn output_changed(&mut self, id: u32) {
        let now = self.ring.now();
        let silence = self.scripts.limits.silence;
        let script = &mut self.scripts.all[id as usize];
        if script.user.is_some() {
            script.deadline = now.after(silence);
        }
        if !script.lanes[OUTPUT as usize].open || script.exit.is_some() {
            self.settle_output(id);
        }
        let user = self.scripts.all[id as usize].user;
        self.tell_user(user, Ok(()));
        self.end_script(id);
    }

    /// Its output has ended, or it has: with both known it is known whether what it said is whole.
    fn settle_output(&mut self, id: u32) {
        let now = self.ring.now();
        let script = &mut self.scripts.all[id as usize];
        match (script.lanes[OUTPUT as usize].open, script.exit) {
            (false, Some(exit)) => {
                script.output.end(matches!(exit, Exit::Status(_)) && !script.killed);
                script.deadline = Deadline::NEVER;
            }
            _ => script.deadline = now.after(HALF_END),
        }
    }

    pub(in crate::shard) fn on_exited(&mut self, token: OpToken, result: Result<Exit, ChildError>) {
        let Some((id, _)) = self.scripts.find(token) else { return };
        let exit = result.unwrap_or(Exit::Signal(SIGKILL));
        let script = &mut self.scripts.all[id as usize];
        script.exit = Some(exit);
        let (peer, killed) = (script.peer, script.killed);
        if !killed {
            self.log_exit(peer, exit);
        }
        self.settle_output(id);
        let script = &self.scripts.all[id as usize];
        if script.output.is_ended() {
            let user = script.user;
            self.tell_user(user, Ok(()));
        }
        self.end_script(id);
    }

    /// Row C7: what ended otherwise than well is worth a line.
    fn log_exit(&mut self, peer: slipring_ring::Peer, exit: Exit) {
        let text = match exit {
            Exit::Status(0) => return,
            Exit::Status(status) => format!("CGI script exit code {status}"),
            Exit::Signal(signal) => format!("CGI script ended by signal {signal}"),
        };
        let at = moment(&self.core.scratch);
        self.logs.message(&mut self.ring, peer, text.as_bytes(), at, &mut self.core.metrics);
    }

    /// Its time is up: it was silent for too long, or its end stayed half known.
    pub(super) fn script_is_late(&mut self, id: u32) {
        let now = self.ring.now();
        let script = &mut self.scripts.all[id as usize];
        let output = script.lanes[OUTPUT as usize];
        let half_ended = !output.open || script.exit.is_some();
        if script.exit.is_some() && output.open && !output.polling && script.user.is_some() {
            // What it said last waits for its peer, or for a buffer of ours.
            script.deadline = now.after(HALF_END);
            return;
        }
        if script.child().is_some() && half_ended && !script.output.is_ended() {
            // Its last word was said, or somebody else holds its output: what there is, is the whole answer.
            script.output.end(script.exit.is_none_or(|exit| matches!(exit, Exit::Status(_))));
            script.deadline = now.after(self.scripts.limits.silence);
            let user = script.user;
            self.tell_user(user, Ok(()));
            return self.end_script(id);
        }
        if script.user.is_some() && !script.output.is_empty() {
            // It waits for its peer, not the peer for it.
            script.deadline = now.after(self.scripts.limits.silence);
            return;
        }
        let (user, peer, waiting) = (script.user.take(), script.peer, script.is_waiting());
        script.output.end(false);
        if waiting {
            self.forget_waiting(id);
            return self.tell_user(user, Err(ProgramError::Full));
        }
        self.core.metrics.timeouts += 1;
        if user.is_some() {
            let at = moment(&self.core.scratch);
            let text = b"CGI script ran into its time limit and was killed";
            self.logs.message(&mut self.ring, peer, text, at, &mut self.core.metrics);
        }
        self.kill_script(id);
        self.tell_user(user, Err(ProgramError::Late));
    }

    /// Kills a program with its process group. One that is being started is killed when it runs.
    pub(super) fn kill_script(&mut self, id: u32) {
        let now = self.ring.now();
        let script = &mut self.scripts.all[id as usize];
        script.output.clear();
        script.deadline = now.after(self.scripts.limits.silence);
        if let Some(child) = script.child() {
            script.killed = true;
            self.ring.kill(child.id);
        }
        self.end_script(id);
    }

    /// Takes a program's last things away, when it has ended, nobody waits for it and nothing of it is in flight.
    pub(super) fn end_script(&mut self, id: u32) {
        let Some(script) = self.scripts.all.get_mut(id as usize) else { return };
        let (Some(child), Some(_), None) = (script.child(), script.exit, script.user) else { return };
        if !script.killed {
            // What it left running goes with it, and lets its pipes go.
            script.killed = true;
            self.ring.kill(child.id);
        }
        let lanes = script.lanes;
        for lane in [OUTPUT, INPUT, ERRORS] {
            if lanes[lane as usize].polling {
                // Somebody who left the process group may hold the other end for ever.
                let target = self.scripts.token(id, lane, OpKind::PollPipe);
                self.scripts.all[id as usize].lanes[lane as usize].polling = false;
                self.ring.submit(target.with_kind(OpKind::Cancel), Op::Cancel { target });
            }
            self.close_lane(id, lane);
        }
        let script = &self.scripts.all[id as usize];
        if script.lanes.iter().all(|lane| !lane.open && !lane.busy) {
            self.scripts.all[id as usize].state = State::Leaving;
            self.ring.submit(self.scripts.token(id, OUTPUT, OpKind::Reap), Op::Reap { child: child.id });
        }
    }

    /// Something was done for a program that tells nothing; when it may be forgotten, it is.
    pub(in crate::shard) fn on_script_done(&mut self, token: OpToken) {
        if token.kind() == OpKind::Reap
            && let Some((id, _)) = self.scripts.find(token)
        {
            self.forget_script(id);
        }
    }

    /// One runs no more: there is a place for another.
    pub(super) fn forget_script(&mut self, id: u32) {
        self.drop_input(id);
        self.scripts.all.remove(id as usize);
        self.scripts.seat.give_back();
        self.fill_program_places();
    }
}

/// Its number is the same on every Linux.
const SIGKILL: u8 = 9;
