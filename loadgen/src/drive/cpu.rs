//! What the scheduler says of the calling thread.

use std::fs;

/// How a thread spent its time so far, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ThreadTime {
    /// On a CPU.
    pub(super) busy_ns: u64,
    /// Ready to run, and kept waiting for a CPU.
    pub(super) kept_ns: u64,
}

impl ThreadTime {
    /// Of the calling thread; `None` where `/proc` does not say.
    pub(super) fn of_this() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/thread-self/schedstat").ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace().map(str::parse);
        Some(Self { busy_ns: words.next()?.ok()?, kept_ns: words.next()?.ok()? })
    }

    /// What passed since `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            busy_ns: self.busy_ns.saturating_sub(earlier.busy_ns),
            kept_ns: self.kept_ns.saturating_sub(earlier.kept_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_both_times() {
        assert_eq!(ThreadTime::parse("21 43 5\n"), Some(ThreadTime { busy_ns: 21, kept_ns: 43 }));
        assert_eq!(ThreadTime::parse(""), None);
        assert!(ThreadTime::of_this().is_some());
    }
}
