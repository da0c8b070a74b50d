//! The worker pool: threads that carry out tasks, so that no ring's thread waits for them.
//!
//! One pool serves any number of rings. Threads are started as they are needed, up to a limit, and end after a while
//! without work; what finds no free thread waits in one bounded queue, and what finds the queue full is refused at once.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError};
#[cfg(not(loom))]
use std::sync::{Condvar, Mutex, MutexGuard};
#[cfg(not(loom))]
use std::thread;
use std::time::Duration;

#[cfg(loom)]
use loom::sync::{Condvar, Mutex, MutexGuard};
#[cfg(loom)]
use loom::thread;

use super::process::Affinity;
use super::wake::WakeState;
use crate::op::Task;
use crate::outcome::RunError;
use crate::token::OpToken;

/// A pool of worker threads; clones are the same pool. It ends with its last clone: what is running is finished, what
/// waits is forgotten.
#[derive(Clone)]
pub struct Workers(Arc<Owner>);

/// How large a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerLimits {
    /// Threads at most.
    pub threads: usize,
    /// Tasks that wait for a thread at most; more are refused.
    pub waiting: usize,
}

impl WorkerLimits {
    /// Room for what a server's handlers usually block on: 64 threads, 1,024 tasks that wait.
    pub const SERVER: Self = Self { threads: 64, waiting: 1024 };
}

/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);

/// Ends the pool when the last who can submit is gone; the threads themselves hold only what they share.
struct Owner(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    limits: WorkerLimits,
    /// Where the threads may run: a shard that starts one is pinned to its core, which the worker must leave to it.
    cores: Option<Affinity>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    threads: usize,
    /// Threads that carry nothing out, one that is just starting among them.
    idle: usize,
    ended: bool,
}

struct Waiting {
    token: OpToken,
    task: Task,
    home: Arc<Home>,
}

/// What came of a task, on its way back to the ring's thread.
pub(super) type Ran = (OpToken, Result<(), RunError>);

/// Where the tasks of one ring report.
pub(super) struct Home {
    ran: Mutex<Vec<Ran>>,
    wake: Arc<WakeState>,
}

impl Workers {
    /// A pool without threads yet. They will run on the cores that the calling thread may use.
    pub fn new(limits: WorkerLimits) -> Self {
        let state = Mutex::new(State::default());
        let shared = Shared { state, work: Condvar::new(), limits, cores: Affinity::of_this_thread() };
        Self(Arc::new(Owner(Arc::new(shared))))
    }

    /// Hands a task over; a refusal comes back at once.
    pub(super) fn submit(&self, token: OpToken, task: Task, home: &Arc<Home>) -> Result<(), RunError> {
        let shared = &self.0.0;
        let mut state = shared.lock();
        if state.waiting.len() >= state.idle && state.threads < shared.limits.threads {
            match start(shared.clone()) {
                Ok(()) => (state.threads, state.idle) = (state.threads + 1, state.idle + 1),
                Err(_) if state.threads == 0 => return Err(RunError::NoThread),
                // Those that are there will come to it.
                Err(_) => {}
            }
        }
        if state.waiting.len() >= state.idle + shared.limits.waiting {
            return Err(RunError::Full);
        }
        state.waiting.push_back(Waiting { token, task, home: home.clone() });
        shared.work.notify_one();
        Ok(())
    }

    /// Takes a task back that no thread has begun; whether there was one.
    pub(super) fn cancel(&self, token: OpToken, home: &Arc<Home>) -> bool {
        let mut state = self.0.0.lock();
        let at = state.waiting.iter().position(|waiting| waiting.token == token && Arc::ptr_eq(&waiting.home, home));
        at.and_then(|at| state.waiting.remove(at)).is_some()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let forgotten = {
            let mut state = self.0.lock();
            state.ended = true;
            std::mem::take(&mut state.waiting)
        };
        self.0.work.notify_all();
        drop(forgotten);
    }
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers").field("limits", &self.0.0.limits).finish_non_exhaustive()
    }
}

impl State {
    /// The thread that calls goes. Under the lock that told it so: no task can count on it in between.
    fn leave<T>(&mut self) -> Option<T> {
        self.threads -= 1;
        self.idle -= 1;
        None
    }
}

impl Shared {
    /// A task never runs under this lock, so nothing panics under it either.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next task; `None` when this thread is no longer needed.
    fn next(&self) -> Option<Waiting> {
        let mut state = self.lock();
        loop {
            if let Some(waiting) = state.waiting.pop_front() {
                state.idle -= 1;
                return Some(waiting);
            }
            if state.ended {
                return state.leave();
            }
            let (back, waited) = self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = back;
            if waited.timed_out() && state.waiting.is_empty() {
                return state.leave();
            }
        }
    }
}

impl Home {
    pub(super) fn new(wake: Arc<WakeState>) -> Self {
        Self { ran: Mutex::new(Vec::new()), wake }
    }

    fn report(&self, token: OpToken, result: Result<(), RunError>) {
        self.ran.lock().unwrap_or_else(PoisonError::into_inner).push((token, result));
        self.wake.signal();
    }

    /// What was finished since the last call.
    pub(super) fn take(&self) -> Vec<Ran> {
        std::mem::take(&mut *self.ran.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn start(shared: Arc<Shared>) -> io::Result<()> {
    let work = move || {
        if let Some(cores) = &shared.cores {
            cores.apply();
        }
        while let Some(Waiting { token, task, home }) = shared.next() {
            let finished = task.run();
            // Idle again before it is told: who hears of the end may count on this thread.
            shared.lock().idle += 1;
            home.report(token, if finished { Ok(()) } else { Err(RunError::Panicked) });
        }
    };
    thread::Builder::new().name("slipring-worker".into()).spawn(work).map(drop)
}

#[cfg(all(test, loom))]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::token::OpKind;

    /// Submits so many tasks to a pool and waits for them all: each is carried out once and told once, in whatever order the
    /// threads come, and the pool ends with its last holder (loom finds a thread that does not).
    fn check(limits: WorkerLimits, tasks: u32) {
        let mut model = loom::model::Builder::new();
        // Every order with so many switches in the middle of things; without a bound there are too many.
        model.preemption_bound = Some(3);
        model.check(move || {
            let home = Arc::new(Home::new(Arc::new(WakeState::new().expect("an eventfd"))));
            let pool = Workers::new(limits);
            let carried_out = Arc::new(AtomicU32::new(0));
            for slot in 0..tasks {
                let carried_out = carried_out.clone();
                let task = Task::new(move || _ = carried_out.fetch_add(1, Ordering::Relaxed));
                pool.submit(OpToken::new(OpKind::Run, 0, slot), task, &home).expect("there is room");
            }
            let mut told = Vec::new();
            while told.len() < tasks as usize {
                told.extend(home.take().into_iter().map(|(token, result)| (token.slot(), result)));
                thread::yield_now();
            }
            told.sort_unstable_by_key(|&(slot, _)| slot);
            assert_eq!(told, (0..tasks).map(|slot| (slot, Ok(()))).collect::<Vec<_>>());
            assert_eq!(carried_out.load(Ordering::Relaxed), tasks);
        });
    }

    #[test]
    fn every_task_is_told_once() {
        check(WorkerLimits { threads: 1, waiting: 2 }, 2);
        check(WorkerLimits { threads: 2, waiting: 1 }, 2);
    }
}
