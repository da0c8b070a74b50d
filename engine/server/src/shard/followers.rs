//! Exchanges that wait for another exchange's ask ([`Ask::After`](crate::handler::Ask::After)): a file is read once for
//! all who want it.
//!
//! ```text
//!   waits --(the ask followed is over)--> due --(a send slot is there)--> resumed
//! ```

use std::collections::VecDeque;

/// Who waits for which ask. As many as there are connections at most, since each waits for one.
#[derive(Debug, Default)]
pub(super) struct Followers {
    /// The tag waited for, and the connection with its generation.
    waiting: Vec<(u32, Follower)>,
    due: VecDeque<Follower>,
}

/// A connection, and which tenant of its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Follower {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl Followers {
    /// One more waits for the ask with this tag.
    pub(super) fn add(&mut self, tag: u32, follower: Follower) {
        self.waiting.push((tag, follower));
    }

    /// The ask with this tag is over.
    #[inline]
    pub(super) fn over(&mut self, tag: u32) {
        if !self.waiting.is_empty() {
            let due = self.waiting.extract_if(.., |(waits_for, _)| *waits_for == tag);
            self.due.extend(due.map(|(_, follower)| follower));
        }
    }

    /// The next whose wait is over, in the order in which they came. It may be gone by now.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Follower> {
        self.due.pop_front()
    }

    /// Whether somebody's wait is over.
    #[inline]
    pub(super) fn any_due(&self) -> bool {
        !self.due.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_goes_on_in_order_and_once() {
        let mut followers = Followers::default();
        for index in 0..4 {
            followers.add(7 + index % 2, Follower { index, generation: 1 });
        }
        followers.over(9);
        assert!(!followers.any_due());
        followers.over(7);
        followers.over(7);
        let due: Vec<u32> = std::iter::from_fn(|| followers.next()).map(|follower| follower.index).collect();
        assert_eq!(due, [0, 2]);
        followers.over(8);
        assert!(followers.any_due());
    }
}
