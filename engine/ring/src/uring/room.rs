//! Waiting until a socket has room, whatever its peer still sends.
//!
//! A poll of io_uring ends for EPOLLRDHUP too, asked for or not, so on a socket whose peer has ended its sending it ends at
//! once, room or none; and a send that waits inside the kernel polls in the same way, goes round some times, and then blocks
//! one of the kernel's few workers until the peer reads. So no send waits in the kernel. What finds no room polls, and where
//! that told of nothing but the peer's end, it *watches*: a multishot poll tells of changes alone, and the next one is room.
//!
//! ```text
//!            no room              only the peer's end              room
//!  Trying ------------> Polling ----------------------> Watching -------> Leaving
//!     ^                    |                                                 |
//!     |                    | room                           the watch's end  |
//!     +--------------------+-------------------------------------------------+
//! ```

use std::os::fd::RawFd;

use io_uring::opcode;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::Fd;

use super::UringRing;
use crate::token::OpToken;

/// One operation's wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    state: State,
    /// Somebody wants its end: it may be between two operations, where the kernel does not find it.
    cancelled: bool,
}

/// A poll of a socket.
pub(super) struct Poll {
    pub(super) token: OpToken,
    pub(super) socket: RawFd,
    pub(super) wait: Wait,
}

/// How far a wait is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing waits: a send is being tried.
    Trying,
    /// A poll is armed.
    Polling,
    /// A watch is armed.
    Watching,
    /// There was room, and the watch is being cancelled.
    Leaving,
}

/// What a completion of a wait asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: another one will come.
    Stay,
    /// Arm a poll.
    Poll,
    /// Arm a watch.
    Watch,
    /// Cancel the watch.
    Leave,
    /// There is room, or the connection is broken, which the next send will say.
    Go,
    /// The wait failed or was cancelled.
    Failed(i32),
}

/// What ends a wait: room, or a connection that is no more.
const ROOM: i32 = (libc::POLLOUT | libc::POLLERR | libc::POLLHUP) as i32;

/// `user_data` of no operation.
const NOBODY: u64 = u64::MAX;

impl Wait {
    /// Of a send that is tried.
    pub(super) const TRYING: Self = Self { state: State::Trying, cancelled: false };
    /// Of a poll that is armed.
    pub(super) const POLLING: Self = Self { state: State::Polling, cancelled: false };

    /// Whether a send is being tried.
    pub(super) fn is_trying(self) -> bool {
        self.state == State::Trying
    }

    /// It is to end as soon as it can.
    pub(super) fn cancel(&mut self) {
        self.cancelled = true;
    }

    /// A send found no room.
    pub(super) fn begin(&mut self) -> Step {
        self.go_to(State::Polling, Step::Poll)
    }

    /// The wait goes on behind a completion with this result; `more`: what was armed still is.
    pub(super) fn step(&mut self, result: i32, more: bool) -> Step {
        let has_room = result > 0 && result & ROOM != 0;
        match self.state {
            State::Leaving if more => Step::Stay,
            State::Leaving => self.go_to(State::Trying, Step::Go),
            _ if result < 0 => Step::Failed(-result),
            _ if has_room && more => self.go_to(State::Leaving, Step::Leave),
            _ if has_room => self.go_to(State::Trying, Step::Go),
            _ if more => Step::Stay,
            _ => self.go_to(State::Watching, Step::Watch),
        }
    }

    /// What was cancelled starts nothing new.
    fn go_to(&mut self, state: State, step: Step) -> Step {
        if self.cancelled && step != Step::Leave {
            return Step::Failed(libc::ECANCELED);
        }
        self.state = state;
        step
    }
}

impl UringRing {
    /// Does what a step asks for, as long as that is the ring's own affair. `Some(0)`: there is room; else an errno.
    pub(super) fn pursue(&mut self, token: OpToken, socket: RawFd, step: Step) -> Option<i32> {
        match step {
            Step::Stay => None,
            Step::Poll | Step::Watch => {
                self.push(token, poll(socket, step == Step::Watch));
                None
            }
            Step::Leave => {
                self.cancel_unheard(token);
                None
            }
            Step::Go => Some(0),
            Step::Failed(errno) => Some(errno),
        }
    }

    /// Cancels what the kernel has of an operation; its own end is what is heard of that.
    pub(super) fn cancel_unheard(&mut self, target: OpToken) {
        let cancel = opcode::AsyncCancel::new(target.to_bits()).build();
        self.queue.push(cancel.flags(Flags::SKIP_SUCCESS).user_data(NOBODY));
    }
}

fn poll(socket: RawFd, watches: bool) -> Entry {
    // An unsigned 16-bit mask in the kernel; the constant is a signed one in C.
    opcode::PollAdd::new(Fd(socket), libc::POLLOUT as u32).multi(watches).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: i32 = libc::POLLOUT as i32;
    const RDHUP: i32 = libc::POLLRDHUP as i32;

    /// The completions of a wait, each with what it asks for.
    fn check(story: &[(i32, bool, Step)]) {
        let mut wait = Wait::POLLING;
        for &(result, more, step) in story {
            assert_eq!(wait.step(result, more), step, "{result:#x} {more} of {story:?}");
        }
    }

    #[test]
    fn stories() {
        use Step::{Failed, Go, Leave, Stay, Watch};
        check(&[(OUT, false, Go)]);
        check(&[(OUT | RDHUP, false, Go)]);
        check(&[(libc::POLLERR as i32 | RDHUP, false, Go)]);
        check(&[(-libc::ECANCELED, false, Failed(libc::ECANCELED))]);
        check(&[(RDHUP, false, Watch), (RDHUP, true, Stay), (OUT | RDHUP, true, Leave), (-libc::ECANCELED, false, Go)]);
        // More happens while it leaves.
        check(&[(RDHUP, false, Watch), (OUT, true, Leave), (OUT | libc::POLLHUP as i32, true, Stay), (OUT, false, Go)]);
        // A watch that ends by itself.
        check(&[(RDHUP, false, Watch), (RDHUP, false, Watch), (OUT | RDHUP, false, Go)]);
        check(&[(RDHUP, false, Watch), (-libc::ECANCELED, false, Failed(libc::ECANCELED))]);
    }

    /// A cancel that the kernel does not find ends the wait where it would go on.
    #[test]
    fn what_is_cancelled_begins_nothing() {
        const CANCELLED: Step = Step::Failed(libc::ECANCELED);
        let mut sent = Wait::TRYING;
        sent.cancel();
        assert_eq!(sent.begin(), CANCELLED);
        for result in [OUT, RDHUP, -libc::ECANCELED] {
            let mut polled = Wait::POLLING;
            polled.cancel();
            assert_eq!(polled.step(result, false), CANCELLED, "{result:#x}");
        }
        let mut watched = Wait::POLLING;
        assert_eq!(watched.step(RDHUP, false), Step::Watch);
        watched.cancel();
        assert_eq!((watched.step(OUT, true), watched.step(OUT, true)), (Step::Leave, Step::Stay));
        assert_eq!(watched.step(-libc::ECANCELED, false), CANCELLED);
    }
}
