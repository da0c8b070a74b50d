//! What this process may use.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{line, process, system};

/// How many descriptors this process may open: the soft RLIMIT_NOFILE. `None` if there is no limit.
pub fn descriptors_max() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Raises the soft RLIMIT_NOFILE to the hard one and says what is allowed now.
pub fn raise_descriptors() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    // A refusal leaves the soft limit as it was, and that is what is said.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    descriptors_max()
}

/// Whether that many threads may keep a core each to themselves: one more is there for the rest of the machine, and no quota
/// of ours would run out.
pub fn has_cores_for(threads: u32) -> bool {
    let online = line("/sys/devices/system/cpu/online").and_then(|list| process::parse_cores(&list));
    let quota = system::host().quota;
    let threads = threads as usize;
    online.is_some_and(|cores| cores.len() > threads) && quota.is_none_or(|quota| quota > threads as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_machine_has_so_many_cores() {
        assert!(!has_cores_for(u32::MAX));
    }

    #[test]
    fn raising_reaches_the_hard_limit() {
        let hard = getrlimit(Resource::Nofile).maximum;
        assert_eq!(raise_descriptors(), hard);
        assert!(descriptors_max().is_none_or(|most| most > 0));
    }
}
