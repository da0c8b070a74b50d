//! From completion queue entries to completions.

use std::os::fd::IntoRawFd;

use io_uring::cqueue;

use super::children::LISTENING;
use super::memory::Owner;
use super::{HOLDS_CONNECT, HOLDS_OPEN, HOLDS_POLL, HOLDS_SLOT, HOLDS_TRANSFER, UringRing, errno, files};
use crate::buffer::{Lease, Transfer};
use crate::completion::{Batch, Completion, Outcome};
use crate::op::{FileId, Socket};
use crate::outcome::FileError;
use crate::token::{OpKind, OpToken};

impl UringRing {
    /// Moves completions into the batch until one of them is full or empty.
    pub(super) fn reap(&mut self, batch: &mut Batch) {
        while batch.room() > 0
            && let Some(completion) = self.ready.pop_front()
        {
            batch.push(completion);
        }
        while batch.room() > 0
            && let Some(entry) = self.queue.next()
        {
            if let Some(completion) = self.translate(&entry) {
                batch.push(completion);
            }
        }
        self.queue.reaped();
    }

    /// What an entry means; `None` if it is the ring's own affair.
    #[inline]
    fn translate(&mut self, entry: &cqueue::Entry) -> Option<Completion> {
        let token = OpToken::from_bits(entry.user_data())?;
        let (result, flags) = (entry.result(), entry.flags());
        let outcome = match token.kind() {
            OpKind::Recv => self.received(result, flags),
            OpKind::Send => return self.sent(token, result, cqueue::more(flags)),
            OpKind::Accept => Outcome::Accepted(number(result).map(Socket).map_err(errno::accept)),
            OpKind::Stream => {
                let transfer = self.landed(token);
                Outcome::Streamed(number(result).map_err(errno::send), transfer)
            }
            OpKind::Poll => return self.polled(token, result, cqueue::more(flags)),
            OpKind::Shutdown | OpKind::Close | OpKind::CloseFile | OpKind::ClosePipe => Outcome::Done,
            OpKind::Post => return self.posted(token, result),
            OpKind::Discard => Outcome::Discarded(number(result).map_err(errno::recv)),
            OpKind::Cancel => Outcome::Cancelled(result != -libc::ENOENT),
            OpKind::Open => return self.opened(token, result),
            OpKind::Read => {
                let transfer = self.landed(token);
                Outcome::Read(number(result).map_err(errno::file), transfer)
            }
            OpKind::Write => {
                let transfer = self.landed(token);
                Outcome::Written(number(result).map_err(errno::file), transfer)
            }
            OpKind::Connect => self.connected(token, result),
            OpKind::Spool => Outcome::Spooled(spooled(result)),
            OpKind::Store => {
                let transfer = self.landed(token);
                Outcome::Stored(number(result).map_err(errno::file), transfer)
            }
            OpKind::ReadPipe => {
                let transfer = self.landed(token);
                Outcome::PipeRead(number(result).map_err(errno::pipe), transfer)
            }
            OpKind::WritePipe => {
                let transfer = self.landed(token);
                Outcome::PipeWritten(number(result).map_err(errno::pipe), transfer)
            }
            OpKind::PollPipe => Outcome::PipeReady(number(result).map(drop).map_err(errno::pipe)),
            OpKind::Spawn => return self.launch_sent(token, result),
            OpKind::Reap => self.reap_sent(token),
            OpKind::Wake if token.slot() == LISTENING => return self.launcher_said(result),
            OpKind::Wake => return self.woken(token),
            // These never come from the queue: the threads of listings and tasks and the launcher's word end them.
            OpKind::List | OpKind::Run | OpKind::AwaitExit => return None,
        };
        Some(Completion { token, outcome, more: cqueue::more(flags) })
    }

    #[inline]
    fn received(&mut self, result: i32, flags: u32) -> Outcome {
        let buffer = cqueue::buffer_select(flags);
        if let Some(index) = buffer {
            self.provided.received(index);
        }
        match (number(result), buffer) {
            (Ok(len @ 1..), Some(index)) => Outcome::Received(Ok(Some(Lease::new(index, len)))),
            (other, buffer) => {
                if let Some(index) = buffer {
                    self.provided.offer(index);
                }
                Outcome::Received(other.map(|_| None).map_err(errno::recv))
            }
        }
    }

    /// A send ended, found no room, or waits for it.
    #[inline]
    fn sent(&mut self, token: OpToken, result: i32, more: bool) -> Option<Completion> {
        let held = self.holds[token.slot() as usize][HOLDS_SLOT];
        let index = held.checked_sub(1).expect("a send in flight holds its slot");
        let is_tried = self.slots.departed(index).wait.is_trying();
        let result = if is_tried && result != -libc::EAGAIN {
            result
        } else {
            self.await_send_room(token, index, result, more)?
        };
        self.released(token, HOLDS_SLOT);
        let slot = self.slots.landed(index, result.max(0) as u32);
        let outcome = Outcome::Sent(number(result).map_err(errno::send), slot);
        Some(Completion { token, outcome, more: false })
    }

    /// A send has no room: what it ends with, if it does.
    #[cold]
    fn await_send_room(&mut self, token: OpToken, index: u32, result: i32, more: bool) -> Option<i32> {
        let departed = self.slots.departed(index);
        let (socket, wait) = (departed.socket, &mut departed.wait);
        let step = if wait.is_trying() { wait.begin() } else { wait.step(result, more) };
        match self.pursue(token, socket, step)? {
            0 => {
                self.send_again(token, index);
                None
            }
            errno => Some(-errno),
        }
    }

    /// A poll of a socket ended, or goes on.
    fn polled(&mut self, token: OpToken, result: i32, more: bool) -> Option<Completion> {
        let held = self.holds[token.slot() as usize][HOLDS_POLL];
        let index = held.checked_sub(1).expect("a poll in flight is known");
        let poll = &mut self.polls[index as usize];
        let (step, socket) = (poll.wait.step(result, more), poll.socket);
        let ready = match self.pursue(token, socket, step)? {
            0 => Ok(()),
            errno => Err(errno::send(errno)),
        };
        self.released(token, HOLDS_POLL);
        self.polls.remove(index as usize);
        Some(Completion { token, outcome: Outcome::Ready(ready), more: false })
    }

    /// The transfer buffer of a finished operation, ours again.
    fn landed(&mut self, token: OpToken) -> Transfer {
        let index = self.released(token, HOLDS_TRANSFER);
        self.transfers.change(index, Owner::Kernel, Owner::Ours);
        Transfer::new(index)
    }

    /// The index that a finished operation held.
    #[inline]
    pub(super) fn released(&mut self, token: OpToken, what: usize) -> u32 {
        let held = std::mem::take(&mut self.holds[token.slot() as usize][what]);
        held.checked_sub(1).expect("an operation in flight holds its resource")
    }

    fn opened(&mut self, token: OpToken, result: i32) -> Option<Completion> {
        let place = self.released(token, HOLDS_OPEN);
        let path = &mut self.opens[place as usize];
        if result == -libc::EAGAIN && path.tries > 0 {
            // A rename raced the lookup beneath the root: look again.
            path.tries -= 1;
            self.holds[token.slot() as usize][HOLDS_OPEN] = place + 1;
            self.submit_open(token, place);
            return None;
        }
        self.opens_free.push(place);
        self.submit_waiting_open();
        let outcome = Outcome::Opened(number(result).map(FileId).map_err(|errno| match errno {
            libc::EAGAIN => FileError::NotFound,
            other => errno::file(other),
        }));
        Some(Completion { token, outcome, more: false })
    }

    fn connected(&mut self, token: OpToken, result: i32) -> Outcome {
        let index = self.released(token, HOLDS_CONNECT);
        let connecting = self.connects.remove(index as usize);
        // Dropping the socket of a failed connect closes it.
        let socket = number(result).map(|_| Socket(connecting.socket.into_raw_fd() as u32));
        Outcome::Connected(socket.map_err(errno::connect))
    }

    /// The eventfd fired: for a waker, for finished listings or tasks, or for several of them.
    fn woken(&mut self, token: OpToken) -> Option<Completion> {
        self.arm_wake();
        let mut listed = self.listed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let listings = listed.drain(..).map(|(token, listing)| Completion {
            token,
            outcome: Outcome::Listed(listing),
            more: false,
        });
        self.ready.extend(listings);
        drop(listed);
        let ran = self.home.take().into_iter();
        self.ready.extend(ran.map(|(token, result)| Completion { token, outcome: Outcome::Ran(result), more: false }));
        self.wake.take().then_some(Completion { token, outcome: Outcome::Woken, more: false })
    }
}

/// The spool that was opened; one in memory where the file system has none.
fn spooled(result: i32) -> Result<FileId, FileError> {
    match number(result) {
        Ok(fd) => Ok(FileId(fd)),
        Err(errno @ (libc::EMFILE | libc::ENFILE | libc::ECANCELED)) => Err(errno::file(errno)),
        Err(_) => match files::memory_spool() {
            Ok(spool) => Ok(FileId(spool.into_raw_fd() as u32)),
            Err(error) => Err(errno::file(error.raw_os_error().unwrap_or(libc::EIO))),
        },
    }
}

/// A result as the kernel gives it: a number, or errno below zero.
#[inline]
fn number(result: i32) -> Result<u32, i32> {
    u32::try_from(result).map_err(|_| -result)
}
