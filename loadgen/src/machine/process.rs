//! One process as `/proc` shows it: its CPU time, its threads, its children.
//!
//! The kernel counts a thread's time in nanoseconds and shows it in `schedstat`; the figure of a *running* thread is
//! brought up to date at the timer tick, so it lags by one tick at most. A thread that ended has left `schedstat`, but its
//! time stays in the process's `utime` and `stime`, which add up to the same clock, each cut to a tick of 10 ms. A child
//! that ended stays in its parent's `cutime` and `cstime` once the parent has waited for it.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::time::{ClockId, clock_gettime};

/// `utime` and its like are printed in ticks of 1/100 s on every Linux that we run on (USER_HZ).
pub(super) const TICK_NS: u64 = 10_000_000;
/// The bit of SIGCHLD in a signal mask of `status`.
const SIGCHLD_BIT: u64 = 1 << (17 - 1);

/// CPU nanoseconds of the calling thread so far, up to date.
pub fn thread_cpu_ns() -> Option<u64> {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Some(u64::try_from(time.tv_sec).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?)
}

/// A process by its number and its time of birth: numbers are given out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) pid: u32,
    pub(super) born: u64,
}

/// What `/proc/PID/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) state: char,
    pub(super) parent: u32,
    /// All threads, those that ended among them; at most two ticks less than the truth.
    pub(super) own_ticks: u64,
    /// Children that were waited for, with theirs; at most two ticks less than the truth.
    pub(super) waited_ticks: u64,
    born: u64,
    /// Where it ran last.
    pub(super) core: usize,
}

impl Id {
    pub(super) fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, born: stat(&directory(pid))?.born })
    }

    pub(super) fn is_there(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

pub(super) fn directory(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// The `stat` of a process or, in a directory of `task`, of one thread.
pub(super) fn stat(directory: &Path) -> Option<Stat> {
    parse_stat(&fs::read_to_string(directory.join("stat")).ok()?)
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The second field is a name in parentheses, which may hold spaces and parentheses of its own.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Numbered as in proc_pid_stat(5), where the state is field 3.
    let field = |number: usize| fields.get(number - 3).copied();
    let ticks = |number: usize| field(number)?.parse::<u64>().ok();
    Some(Stat {
        state: field(3)?.chars().next()?,
        parent: field(4)?.parse().ok()?,
        own_ticks: ticks(14)? + ticks(15)?,
        waited_ticks: ticks(16)? + ticks(17)?,
        born: ticks(22)?,
        core: field(39)?.parse().ok()?,
    })
}

/// The first figure of a task's `schedstat`: time on a CPU, in nanoseconds.
pub(super) fn schedstat(task: &Path) -> Option<u64> {
    fs::read_to_string(task.join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
}

/// Numbers of a process's living threads.
pub(super) fn threads(pid: u32) -> Vec<u32> {
    numbers(&directory(pid).join("task"))
}

/// Every process that this one may see.
pub(super) fn all() -> Vec<u32> {
    numbers(Path::new("/proc"))
}

fn numbers(directory: &Path) -> Vec<u32> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// Living children of all threads of a process.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let of_thread = |thread: u32| {
        let path = directory(pid).join("task").join(thread.to_string()).join("children");
        fs::read_to_string(path).unwrap_or_default()
    };
    let lists: Vec<String> = threads(pid).into_iter().map(of_thread).collect();
    lists.iter().flat_map(|list| list.split_whitespace()).filter_map(|pid| pid.parse().ok()).collect()
}

/// Whether the kernel throws its children's time away: SIGCHLD ignored, nobody waits.
pub(super) fn forgets_children(pid: u32) -> bool {
    let status = fs::read_to_string(directory(pid).join("status")).unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & SIGCHLD_BIT != 0)
}

/// Resident memory in bytes.
pub(super) fn resident_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(directory(pid).join("status")).ok()?;
    super::keyed(&status, "VmRSS").map(|kib| kib * 1024)
}

/// The cores that a thread may run on.
pub(super) fn allowed_cores(task: &Path) -> Option<Vec<usize>> {
    let status = fs::read_to_string(task.join("status")).ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    parse_cores(list.trim())
}

/// A list such as `0-2,7`.
pub(super) fn parse_cores(list: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cores.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_the_fields_behind_it() {
        let tail =
            "S 41 7 7 0 -1 4194560 1 2 3 4 11 22 33 44 20 0 9 0 5555 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 3 0 0";
        let stat = parse_stat(&format!("42 (a) R 1 (x)) {tail}\n")).expect("a whole line");
        assert_eq!((stat.state, stat.parent, stat.own_ticks, stat.waited_ticks), ('S', 41, 33, 77));
        assert_eq!((stat.born, stat.core), (5555, 3));
        assert_eq!(parse_stat("42 (cat"), None);
    }

    #[test]
    fn lists_of_cores() {
        assert_eq!(parse_cores("0-2,7"), Some(vec![0, 1, 2, 7]));
        assert_eq!(parse_cores(""), None);
    }

    #[test]
    fn our_own_process_is_there() {
        let pid = std::process::id();
        let id = Id::of(pid).expect("a readable /proc");
        assert!(id.is_there() && !Id { pid, born: id.born + 1 }.is_there());
        assert!(all().contains(&pid) && threads(pid).contains(&pid));
        assert!(resident_bytes(pid).is_some_and(|bytes| bytes > 100_000));
        assert!(allowed_cores(&directory(pid)).is_some_and(|cores| !cores.is_empty()));
        assert_eq!(Id::of(u32::MAX), None);
    }
}
