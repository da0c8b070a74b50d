//! What this process may use.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_reaches_the_hard_limit() {
        let hard = getrlimit(Resource::Nofile).maximum;
        assert_eq!(raise_descriptors(), hard);
        assert!(descriptors_max().is_none_or(|most| most > 0));
    }
}
