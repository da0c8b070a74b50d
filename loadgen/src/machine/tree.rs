//! The CPU time of a process with its threads and descendants, and of what of them ended on the way.
//!
//! The time of a tree at one moment is the sum over its living processes of their own time and of that of the children
//! that they waited for. A process that ends and is waited for moves from the first part to the second, so the difference
//! of two moments is what the tree used, whoever ended between them. Two things are lost: children of a parent that
//! ignores SIGCHLD, and processes whose parent ended first (daemons). A cgroup loses neither.

use std::collections::BTreeMap;

use super::process::{self, Id, Stat, TICK_NS};

/// Processes that one tree may have; a larger one is a runaway, and the rest is not counted.
const PROCESSES_MAX: usize = 4096;
/// How far the figure of a running thread may lag: one tick of the slowest common kernel (CONFIG_HZ=100).
const LAG_NS: u64 = 10_000_000;

/// A tree at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    processes: BTreeMap<Id, Process>,
}

#[derive(Clone, Debug)]
struct Process {
    threads: BTreeMap<u32, u64>,
    own_ticks: u64,
    waited_ticks: u64,
    running: u64,
    forgets: bool,
}

/// What a tree used between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) ns: u64,
    /// The truth is no further away than this; `None` when processes ended uncounted.
    pub(super) within_ns: Option<u64>,
}

/// CPU nanoseconds of the living threads of a process and of its living descendants; `None` if it is not there.
pub fn process_cpu_ns(pid: u32) -> Option<u64> {
    let tree = Tree::read(&[Id::of(pid)?]);
    (!tree.processes.is_empty()).then(|| tree.processes.values().map(Process::living_ns).sum())
}

impl Tree {
    /// The roots that are still there, and their descendants.
    pub(super) fn read(roots: &[Id]) -> Self {
        let mut tree = Self::default();
        let mut open: Vec<Id> = roots.iter().copied().filter(|root| root.is_there()).collect();
        while let Some(id) = open.pop()
            && tree.processes.len() < PROCESSES_MAX
        {
            let Some(process) = Process::read(id.pid) else { continue };
            if tree.processes.insert(id, process).is_none() {
                open.extend(process::children(id.pid).into_iter().filter_map(Id::of));
            }
        }
        tree
    }

    pub(super) fn pids(&self) -> Vec<u32> {
        self.processes.keys().map(|id| id.pid).collect()
    }

    /// Resident memory of all of them; shared pages count once for each process that maps them.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        self.processes.keys().map(|id| process::resident_bytes(id.pid)).sum()
    }

    /// What was used since `before`, an earlier moment of the same tree.
    pub(super) fn since(&self, before: &Self) -> Used {
        let (mut own_ns, mut waited_ns, mut within_ns) = (0, 0, 0);
        for (id, now) in &self.processes {
            let then = before.processes.get(id);
            let (own, own_within) = now.own_since(then);
            let waited = now.waited_ticks - then.map_or(0, |then| then.waited_ticks.min(now.waited_ticks));
            own_ns += own;
            waited_ns += waited * TICK_NS;
            within_ns += own_within + if waited > 0 { 2 * TICK_NS } else { 0 };
        }
        // The whole life of one that ended is now in the time of whoever waited for it; what came before goes off.
        let gone = before.processes.iter().filter(|(id, _)| !self.processes.contains_key(id));
        let earlier: Vec<u64> = gone.map(|(_, gone)| gone.past_ns()).collect();
        let earlier_ns: u64 = earlier.iter().sum();
        within_ns += 2 * TICK_NS * earlier.len() as u64;
        let nobody_waited = earlier_ns > waited_ns + within_ns;
        let lost = nobody_waited || self.processes.values().any(|process| process.forgets);
        let ns = own_ns + if nobody_waited { waited_ns } else { waited_ns.saturating_sub(earlier_ns) };
        Used { ns, within_ns: (!lost).then_some(within_ns) }
    }
}

impl Process {
    fn read(pid: u32) -> Option<Self> {
        let directory = process::directory(pid);
        let Stat { own_ticks, waited_ticks, .. } = process::stat(&directory)?;
        let (mut threads, mut running) = (BTreeMap::new(), 0);
        for thread in process::threads(pid) {
            let task = directory.join("task").join(thread.to_string());
            let Some(ns) = process::schedstat(&task) else { continue };
            running += u64::from(process::stat(&task).is_some_and(|stat| stat.state == 'R'));
            threads.insert(thread, ns);
        }
        Some(Self { threads, own_ticks, waited_ticks, running, forgets: process::forgets_children(pid) })
    }

    fn living_ns(&self) -> u64 {
        self.threads.values().sum()
    }

    /// All that it and those it waited for have used.
    fn past_ns(&self) -> u64 {
        self.living_ns().max(self.own_ticks * TICK_NS) + self.waited_ticks * TICK_NS
    }

    /// What its threads used, and within what. Exact to the nanosecond if none of them ended and none is running;
    /// otherwise the process's ticks say what the ended ones used.
    fn own_since(&self, then: Option<&Self>) -> (u64, u64) {
        let empty = BTreeMap::new();
        let before = then.map_or(&empty, |then| &then.threads);
        let living: u64 =
            self.threads.iter().map(|(id, ns)| ns.saturating_sub(before.get(id).copied().unwrap_or(0))).sum();
        let ticks = (self.own_ticks - then.map_or(0, |then| then.own_ticks.min(self.own_ticks))) * TICK_NS;
        let lag = (self.running + then.map_or(0, |then| then.running)) * LAG_NS;
        // Two figures cut to a tick stand at each end, so the ticks alone are off by less than two of them.
        if ticks > living + 2 * TICK_NS { (ticks, 2 * TICK_NS + lag) } else { (living, lag) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn process(threads: &[(u32, u64)], own_ticks: u64, waited_ticks: u64) -> Process {
        Process { threads: threads.iter().copied().collect(), own_ticks, waited_ticks, running: 0, forgets: false }
    }

    fn id(pid: u32) -> Id {
        Id { pid, born: 1 }
    }

    fn tree(processes: &[(u32, Process)]) -> Tree {
        Tree { processes: processes.iter().map(|(pid, process)| (id(*pid), process.clone())).collect() }
    }

    #[test]
    fn living_threads_are_exact() {
        let before = tree(&[(1, process(&[(1, 5), (2, 100)], 0, 0))]);
        let after = tree(&[(1, process(&[(1, 12), (2, 150), (3, 7)], 0, 0))]);
        assert_eq!(after.since(&before), Used { ns: 64, within_ns: Some(0) });
    }

    #[test]
    fn a_thread_that_ended_is_in_the_ticks() {
        let before = tree(&[(1, process(&[(1, 5 * MS), (2, 100 * MS)], 10, 0))]);
        let after = tree(&[(1, process(&[(1, 7 * MS)], 60, 0))]);
        assert_eq!(after.since(&before), Used { ns: 500 * MS, within_ns: Some(20 * MS) });
    }

    #[test]
    fn a_child_that_ended_counts_once() {
        // The child had used 100 ms before the first moment and 300 ms when it ended; another came and went.
        let before = tree(&[(1, process(&[(1, 0)], 0, 0)), (2, process(&[(2, 100 * MS)], 10, 0))]);
        let after = tree(&[(1, process(&[(1, 0)], 0, 30 + 20))]);
        assert_eq!(after.since(&before), Used { ns: 400 * MS, within_ns: Some(40 * MS) });
    }

    #[test]
    fn a_child_that_nobody_waited_for_is_said_to_be_lost() {
        let before = tree(&[(1, process(&[(1, 0)], 0, 0)), (2, process(&[(2, 900 * MS)], 90, 0))]);
        let after = tree(&[(1, process(&[(1, 50 * MS)], 5, 0))]);
        assert_eq!(after.since(&before), Used { ns: 50 * MS, within_ns: None });
    }

    #[test]
    fn a_parent_that_forgets_its_children_makes_the_figure_a_guess() {
        let before = tree(&[(1, process(&[(1, 5)], 0, 0))]);
        let mut after = before.clone();
        after.processes.values_mut().for_each(|process| process.forgets = true);
        assert_eq!(after.since(&before).within_ns, None);
    }

    #[test]
    fn our_own_process_has_used_cpu_time() {
        // The scheduler's figure may be 0 for a thread that has not seen a tick yet: burn through some.
        let mut sum = 0_u64;
        while process_cpu_ns(std::process::id()).expect("a readable /proc") == 0 {
            sum = (0..1_000_000).fold(sum, |sum, next| std::hint::black_box(sum ^ next));
        }
        assert_eq!(process_cpu_ns(u32::MAX), None);
    }
}
