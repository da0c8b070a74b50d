//! Lines that were lost, counted over all shards, so that they are told of once and not by each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Lost lines of one log that nobody was told of yet. Touched only when a line is lost.
#[derive(Clone, Debug, Default)]
pub struct Losses(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    untold: AtomicU64,
    /// The second, plus one, in which it was told last.
    told: AtomicU64,
}

impl Losses {
    /// Counts lost lines.
    pub fn add(&self, lines: u64) {
        self.0.untold.fetch_add(lines, Ordering::Relaxed);
    }

    /// Lines to be told of in this second: at most one caller a second gets any, and then all of them.
    pub fn take(&self, second: u64) -> Option<u64> {
        if self.0.untold.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let told = self.0.told.load(Ordering::Relaxed);
        let ours = told <= second
            && self.0.told.compare_exchange(told, second + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        ours.then(|| self.take_all()).filter(|lines| *lines > 0)
    }

    /// All of them, whenever it was told last.
    pub fn take_all(&self) -> u64 {
        self.0.untold.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_told_once_a_second() {
        let (one, other) = (Losses::default(), Losses::default());
        assert_eq!(one.take(5), None);
        one.add(3);
        let shared = one.clone();
        shared.add(4);
        assert_eq!((one.take(5), other.take(5)), (Some(7), None));
        shared.add(1);
        assert_eq!((one.take(5), shared.take(5)), (None, None), "it was told in this second");
        assert_eq!((shared.take(6), one.take_all()), (Some(1), 0));
    }
}
