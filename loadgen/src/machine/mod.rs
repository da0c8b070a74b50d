//! What the kernel says about this machine, and about the CPU time of threads, processes and the whole of it.
//!
//! [`find`] looks for the processes behind an address, before the load. [`Watch`] is set at the start of the measure phase
//! and read at its end. CPU time comes from the scheduler's own nanosecond clock, never from sampled ticks alone; how
//! exact a figure is, the figure says itself ([`TargetUse::within_ns`](crate::record::TargetUse::within_ns)).

mod cgroup;
mod cores;
mod limits;
mod process;
mod system;
mod target;
mod tree;
mod watch;

pub use cgroup::CpuGroup;
pub use limits::{descriptors_max, has_cores_for, raise_descriptors};
pub use process::thread_cpu_ns;
pub use system::{congestion_control, cpu_model, governor, host, kernel, virt};
pub use target::{Address, FindError, Target, find};
pub use tree::process_cpu_ns;
pub use watch::{Seen, Watch};

use std::fs;
use std::path::Path;

/// The first line of a file of the kernel's, without its end.
fn line(path: impl AsRef<Path>) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// The number that follows a name in a file of `name value` lines.
fn keyed(text: &str, name: &str) -> Option<u64> {
    let value =
        |line: &str| line.strip_prefix(name)?.strip_prefix([' ', '\t', ':'])?.split_whitespace().next()?.parse().ok();
    text.lines().find_map(value)
}
