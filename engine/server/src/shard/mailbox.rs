//! The one way into a shard from another thread: a word of requests and a coalesced wake-up.

use std::sync::Arc;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};

use slipring_ring::Waker;

/// What can be asked of a shard from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Message {
    /// Stop accepting, finish what was begun, then end.
    Drain = 1,
    /// End now.
    Stop = 2,
    /// The logs lead to other files now.
    Reopened = 4,
}

/// The sender's end; may be cloned and sent to any thread.
#[derive(Clone, Debug)]
pub struct Mailbox {
    asked: Arc<AtomicU32>,
    waker: Waker,
}

/// The shard's end.
#[derive(Debug)]
pub(super) struct Inbox {
    asked: Arc<AtomicU32>,
}

/// A mailbox for the shard whose ring has this waker. It is bounded: a message that is there already is not there twice.
pub(super) fn mailbox(waker: Waker) -> (Mailbox, Inbox) {
    let asked = Arc::new(AtomicU32::new(0));
    (Mailbox { asked: asked.clone(), waker }, Inbox { asked })
}

impl Mailbox {
    /// Leaves a message; the shard reads it in its next tick.
    pub fn post(&self, message: Message) {
        self.asked.fetch_or(message as u32, Ordering::AcqRel);
        self.waker.wake();
    }
}

impl Inbox {
    /// Takes what was posted since the last call.
    pub(super) fn take(&self, mut each: impl FnMut(Message)) {
        let asked = self.asked.swap(0, Ordering::AcqRel);
        for message in [Message::Drain, Message::Stop, Message::Reopened] {
            if asked & message as u32 != 0 {
                each(message);
            }
        }
    }
}

#[cfg(all(test, loom))]
mod tests {
    use loom::sync::{Condvar, Mutex};
    use loom::thread;
    use slipring_ring::{Asked, Wake};

    use super::*;

    /// What the kernel's ring has below it: an eventfd that the ring always reads, and the wakes that are one.
    #[derive(Default)]
    struct Event {
        count: Mutex<u64>,
        written: Condvar,
        asked: Asked,
    }

    impl Wake for Event {
        fn wake(&self) {
            if self.asked.ask() {
                *self.count.lock().expect("no panic") += 1;
                self.written.notify_one();
            }
        }
    }

    impl Event {
        /// One `wait` of a ring that has nothing else to do; whether it was woken.
        fn wait(&self) -> bool {
            let mut count = self.count.lock().expect("no panic");
            while *count == 0 {
                count = self.written.wait(count).expect("no panic");
            }
            *count = 0;
            drop(count);
            self.asked.take()
        }
    }

    /// A shard that sleeps until it was told everything that was posted; a wake that is lost is a deadlock, which loom finds.
    fn check(posts: &'static [&'static [Message]], wanted: usize) {
        let mut model = loom::model::Builder::new();
        // Every order with so many switches in the middle of things; without a bound it takes a minute.
        model.preemption_bound = Some(3);
        model.check(move || {
            let event = Arc::new(Event::default());
            let (mailbox, inbox) = mailbox(Waker::new(event.clone()));
            let posting = posts.iter().map(|&messages| {
                let mailbox = mailbox.clone();
                thread::spawn(move || messages.iter().for_each(|&message| mailbox.post(message)))
            });
            let posting: Vec<_> = posting.collect();
            let mut told = Vec::new();
            while told.len() < wanted {
                if event.wait() {
                    inbox.take(|message| {
                        if !told.contains(&message) {
                            told.push(message);
                        }
                    });
                }
            }
            posting.into_iter().for_each(|thread| thread.join().expect("no panic"));
        });
    }

    #[test]
    fn no_message_is_lost() {
        check(&[&[Message::Drain], &[Message::Stop]], 2);
        check(&[&[Message::Reopened, Message::Drain]], 2);
        check(&[&[Message::Reopened, Message::Drain], &[Message::Stop]], 3);
    }

    /// The same message again, as SIGUSR1 twice: behind the last of them it is told at least once.
    #[test]
    fn a_message_that_comes_again_is_told_again() {
        loom::model(|| {
            let event = Arc::new(Event::default());
            let (mailbox, inbox) = mailbox(Waker::new(event.clone()));
            let done = Arc::new(AtomicU32::new(0));
            let posting = thread::spawn({
                let done = done.clone();
                move || {
                    for round in 1..=2 {
                        done.store(round, Ordering::Release);
                        mailbox.post(Message::Reopened);
                    }
                }
            });
            let mut seen = 0;
            while seen < 2 {
                if event.wait() {
                    inbox.take(|_| seen = done.load(Ordering::Acquire));
                }
            }
            posting.join().expect("no panic");
        });
    }
}
