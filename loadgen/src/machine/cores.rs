//! Whether the target and the generator ran on the same core.
//!
//! Where their affinity masks have no core in common, they cannot have: nothing is sampled, nothing is disturbed, and the
//! share is exactly 0. Else a thread looks every [`PERIOD`]: a sample counts if a thread of each ran since the last look
//! and was last seen on the same core.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::process;

/// Between two looks. A look at three threads takes some 50 us, so this costs about 0.2% of one core.
const PERIOD: Duration = Duration::from_millis(25);
/// Threads of the target that are looked at.
const THREADS_MAX: usize = 64;
/// How the generator's threads are called.
const GENERATOR: &str = "load ";

/// Finds out, until it is asked.
#[derive(Debug)]
pub(super) enum SharedCore {
    /// The masks exclude it.
    Never,
    Sampled {
        stop: Sender<()>,
        sampler: JoinHandle<Option<f64>>,
    },
    Unknown,
}

impl SharedCore {
    /// Starts to look at the threads of these processes and at our own.
    pub(super) fn watch(pids: &[u32]) -> Self {
        let (target, own) = (tasks_of(pids), generator_tasks());
        if target.is_empty() || own.is_empty() {
            return Self::Unknown;
        }
        if allowed(&target).is_disjoint(&allowed(&own)) {
            return Self::Never;
        }
        let (stop, stopped) = mpsc::channel();
        let work = move || {
            let mut samples = Samples::default();
            samples.look(&target, &own);
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                samples.look(&target, &own);
            }
            samples.share()
        };
        let sampler = thread::Builder::new().name("core sampler".to_owned()).spawn(work);
        sampler.map_or(Self::Unknown, |sampler| Self::Sampled { stop, sampler })
    }

    /// Share of the time, 0 to 1.
    pub(super) fn share(self) -> Option<f64> {
        match self {
            Self::Never => Some(0.0),
            Self::Unknown => None,
            Self::Sampled { stop, sampler } => {
                drop(stop);
                sampler.join().expect("the sampler only reads files")
            }
        }
    }
}

#[derive(Debug, Default)]
struct Samples {
    cpu_ns: BTreeMap<PathBuf, u64>,
    looks: u64,
    shared: u64,
}

impl Samples {
    fn look(&mut self, target: &[PathBuf], own: &[PathBuf]) {
        let is_first = self.cpu_ns.is_empty();
        let (target, own) = (self.ran_on(target), self.ran_on(own));
        if !is_first {
            self.looks += 1;
            self.shared += u64::from(!target.is_disjoint(&own));
        }
    }

    /// The cores of the threads that used CPU time since the last look.
    fn ran_on(&mut self, tasks: &[PathBuf]) -> BTreeSet<usize> {
        let mut cores = BTreeSet::new();
        for task in tasks {
            let Some(now) = process::schedstat(task) else { continue };
            if self.cpu_ns.insert(task.clone(), now) != Some(now) {
                cores.extend(process::stat(task).map(|stat| stat.core));
            }
        }
        cores
    }

    fn share(&self) -> Option<f64> {
        (self.looks > 0).then(|| self.shared as f64 / self.looks as f64)
    }
}

fn tasks_of(pids: &[u32]) -> Vec<PathBuf> {
    pids.iter().flat_map(|&pid| tasks(pid)).take(THREADS_MAX).collect()
}

fn tasks(pid: u32) -> Vec<PathBuf> {
    let directory = process::directory(pid).join("task");
    process::threads(pid).into_iter().map(|thread| directory.join(thread.to_string())).collect()
}

/// The threads that send; all of ours, where none has the name.
fn generator_tasks() -> Vec<PathBuf> {
    let all = tasks(std::process::id());
    let is_named = |task: &&PathBuf| super::line(task.join("comm")).is_some_and(|name| name.starts_with(GENERATOR));
    let named: Vec<PathBuf> = all.iter().filter(is_named).cloned().collect();
    if named.is_empty() { all } else { named }
}

fn allowed(tasks: &[PathBuf]) -> BTreeSet<usize> {
    tasks.iter().filter_map(|task| process::allowed_cores(task)).flatten().collect()
}
