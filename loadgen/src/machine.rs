//! What the kernel's `/proc` says about this machine and about the CPU time of threads and processes.
//!
//! CPU time comes from the scheduler's own nanosecond clock (`schedstat`), never from the 10 ms ticks of `stat`. The
//! kernel brings a running thread's figure up to date at its timer tick, so a figure lags by 4 ms at most.

use std::fs;
use std::path::Path;

/// Processes that one tree may have before counting them is given up as a runaway.
const TREE_PROCESSES_MAX: usize = 4096;

/// CPU nanoseconds of the calling thread so far.
pub fn thread_cpu_ns() -> Option<u64> {
    schedstat(Path::new("/proc/thread-self"))
}

/// CPU nanoseconds of all threads of a process and of its living descendants; `None` if it is not there.
///
/// A thread that ended has left the sum, so a process that starts a thread for each request reads too low.
pub fn process_cpu_ns(pid: u32) -> Option<u64> {
    let mut sum = None;
    let mut open = vec![pid];
    let mut seen = 0;
    while let Some(pid) = open.pop()
        && seen < TREE_PROCESSES_MAX
    {
        seen += 1;
        let Some(threads) = threads_of(pid) else { continue };
        for thread in threads {
            let directory = Path::new("/proc").join(pid.to_string()).join("task").join(&thread);
            sum = schedstat(&directory).map(|ns| sum.unwrap_or(0) + ns).or(sum);
            open.extend(children_of(&directory));
        }
    }
    sum
}

/// The kernel's release.
pub fn kernel() -> Option<String> {
    line("/proc/sys/kernel/osrelease")
}

/// The model name of the first core.
pub fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim().to_owned())
}

/// The congestion control that sockets get unless they name one.
pub fn congestion_control() -> Option<String> {
    line("/proc/sys/net/ipv4/tcp_congestion_control")
}

/// How many descriptors this process may open: the soft RLIMIT_NOFILE.
pub fn descriptors_max() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    soft_limit(&text, "Max open files")
}

fn soft_limit(limits: &str, name: &str) -> Option<u64> {
    let value = limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?;
    if value == "unlimited" { Some(u64::MAX) } else { value.parse().ok() }
}

fn line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// The first figure of a task's `schedstat`: time on a CPU, in nanoseconds.
fn schedstat(task: &Path) -> Option<u64> {
    fs::read_to_string(task.join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
}

fn threads_of(pid: u32) -> Option<Vec<String>> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    Some(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
}

fn children_of(task: &Path) -> Vec<u32> {
    let text = fs::read_to_string(task.join("children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_has_used_cpu_time() {
        // The scheduler's figure may be 0 for a thread that has not seen a tick yet: burn through some.
        let mut sum = 0_u64;
        while thread_cpu_ns().expect("a readable /proc") == 0 {
            sum = (0..1_000_000).fold(sum, |sum, next| std::hint::black_box(sum ^ next));
        }
        assert!(process_cpu_ns(std::process::id()).is_some_and(|ns| ns > 0));
        assert_eq!(process_cpu_ns(u32::MAX), None);
    }

    #[test]
    fn limits_are_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\n\
                    Max open files            1024                 524288               files\n\
                    Max cpu time              unlimited            unlimited            seconds\n";
        assert_eq!(soft_limit(text, "Max open files"), Some(1024));
        assert_eq!(soft_limit(text, "Max cpu time"), Some(u64::MAX));
        assert_eq!(soft_limit(text, "Max stack"), None);
        assert!(descriptors_max().is_some_and(|most| most > 0));
        assert!(kernel().is_some_and(|release| !release.is_empty()));
    }
}
