//! Each completion goes to what it is of.

use slipring_ring::{Completion, Outcome, Ring};

use super::Shard;
use super::mailbox::Message;
use crate::handler::Handler;

impl<R: Ring, H: Handler> Shard<R, H> {
    #[inline]
    pub(super) fn route(&mut self, completion: Completion) {
        let Completion { token, outcome, more } = completion;
        let index = token.slot();
        match outcome {
            Outcome::Received(result) => self.on_received(token, result, more),
            Outcome::Sent(result, slot) => self.on_sent(token, result, slot),
            Outcome::Accepted(result) => self.on_accepted(token, result, more),
            Outcome::Streamed(result, transfer) => {
                self.landed(index);
                self.on_streamed(index, result, transfer);
            }
            Outcome::Ready(result) => {
                self.landed(index);
                self.on_room(index, result.is_ok());
            }
            Outcome::Read(result, transfer) if self.scripts.owns(token) => self.on_input_read(token, result, transfer),
            Outcome::Read(result, transfer) => {
                self.landed(index);
                self.on_read(index, result, transfer);
            }
            Outcome::Opened(result) => {
                self.landed(index);
                self.on_opened(index, result);
            }
            Outcome::Listed(result) => {
                self.landed(index);
                self.on_listed(index, result);
            }
            Outcome::Spooled(result) => {
                self.landed(index);
                self.on_spooled(index, result);
            }
            Outcome::Stored(result, transfer) => {
                self.landed(index);
                self.on_stored(index, result, transfer);
            }
            Outcome::Ran(result) => {
                self.landed(index);
                self.on_ran(index, result);
            }
            Outcome::Written(result, transfer) => {
                let now = self.ring.now();
                self.logs.written(&mut self.ring, now, token, result, transfer, &mut self.core.metrics);
            }
            Outcome::Done => self.on_done(token),
            Outcome::Woken => self.on_woken(),
            // A server never connects; a cancelled operation tells its own end.
            Outcome::Cancelled(_) | Outcome::Connected(_) => {}
            Outcome::Discarded(_) | Outcome::PostFailed(_) => {
                unreachable!("a server looks at what it receives, and at how its sends end")
            }
            Outcome::Spawned(result) => self.on_spawned(token, result),
            Outcome::Exited(result) => self.on_exited(token, result),
            Outcome::PipeReady(result) => self.on_pipe_ready(token, result),
            Outcome::PipeRead(result, transfer) => self.on_pipe_read(token, result, transfer),
            Outcome::PipeWritten(result, transfer) => self.on_pipe_written(token, result, transfer),
        }
    }

    /// One of a connection's operations ended.
    #[inline]
    pub(super) fn landed(&mut self, index: u32) {
        if let Some(entry) = self.table.get(index) {
            entry.in_flight -= 1;
        }
    }

    fn on_woken(&mut self) {
        let mut drain = false;
        let mut stop = false;
        let mut reopened = false;
        self.inbox.take(|message| match message {
            Message::Drain => drain = true,
            Message::Stop => stop = true,
            Message::Reopened => reopened = true,
        });
        self.stopped |= stop;
        if reopened {
            let now = self.ring.now();
            self.logs.reopened(&mut self.ring, now, &mut self.core.metrics);
        }
        if drain {
            self.begin_drain();
        }
        self.serve_callers();
        self.fill_program_places();
    }
}
