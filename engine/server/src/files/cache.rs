//! Whole answers of small files, by path. A hit hashes, compares and copies; it allocates nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ahash::RandomState;
use slab::Slab;
use slipring_ring::{FileStat, Instant};
use slipring_wire::response::PreparedHead;

use super::facts::Facts;

/// A small file's answer.
#[derive(Debug)]
pub(super) struct Entry {
    /// The head of a 200.
    pub(super) head: PreparedHead,
    pub(super) body: Arc<[u8]>,
    /// What its fields say, for answers with other heads.
    pub(super) facts: Facts,
    /// What the file was.
    pub(super) stat: FileStat,
}

/// Answers within a budget of bytes. Room is made by a clock hand that spares what was used since it last came by.
#[derive(Debug)]
pub(super) struct Cache {
    by_path: HashMap<Box<[u8]>, usize, RandomState>,
    places: Slab<Place>,
    bytes: usize,
    bytes_max: usize,
    hand: usize,
}

#[derive(Debug)]
struct Place {
    path: Box<[u8]>,
    entry: Entry,
    checked: Instant,
    used: bool,
}

/// What an entry costs beside its path and body.
const ENTRY_BYTES: usize = 512;

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            // Keys are chosen by peers: seeded at random, so that collisions cannot be prepared.
            by_path: HashMap::with_hasher(RandomState::new()),
            places: Slab::new(),
            bytes: 0,
            bytes_max,
            hand: 0,
        }
    }

    /// The answer for a path, if its file was looked at within `trusted`.
    #[inline]
    pub(super) fn find(&mut self, path: &[u8], now: Instant, trusted: Duration) -> Option<&Entry> {
        let place = self.by_path.get(path).and_then(|&place| self.places.get_mut(place))?;
        place.used = true;
        (now.since(place.checked) < trusted).then_some(&place.entry)
    }

    /// The answer for a path if the file is still what it was; it is trusted anew.
    pub(super) fn confirm(&mut self, path: &[u8], stat: &FileStat, now: Instant) -> Option<&Entry> {
        let place = self.by_path.get(path).and_then(|&place| self.places.get_mut(place))?;
        if place.entry.stat != *stat {
            return None;
        }
        place.checked = now;
        Some(&place.entry)
    }

    pub(super) fn remove(&mut self, path: &[u8]) {
        if let Some(place) = self.by_path.remove(path) {
            self.bytes -= cost(&self.places.remove(place));
        }
    }

    /// Keeps an answer; gives it back if it is larger than the whole budget.
    pub(super) fn insert(&mut self, path: &[u8], entry: Entry, now: Instant) -> Result<&Entry, Box<Entry>> {
        self.remove(path);
        let place = Place { path: path.into(), entry, checked: now, used: true };
        let cost = cost(&place);
        if cost > self.bytes_max {
            return Err(Box::new(place.entry));
        }
        while self.bytes + cost > self.bytes_max {
            self.evict_one();
        }
        self.bytes += cost;
        let path = place.path.clone();
        let key = self.places.insert(place);
        self.by_path.insert(path, key);
        Ok(&self.places[key].entry)
    }

    /// Moves the hand to the next entry that was not used since it last came by, and drops that.
    fn evict_one(&mut self) {
        // Twice around finds one for certain: the first time clears every mark.
        for _ in 0..=2 * self.places.capacity() {
            self.hand = (self.hand + 1) % self.places.capacity().max(1);
            match self.places.get_mut(self.hand) {
                Some(place) if place.used => place.used = false,
                Some(place) => {
                    let path = place.path.clone();
                    return self.remove(&path);
                }
                None => {}
            }
        }
    }
}

fn cost(place: &Place) -> usize {
    ENTRY_BYTES + 2 * place.path.len() + place.entry.body.len() + place.entry.head.len()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap as Naive;

    use proptest::prelude::*;
    use slipring_ring::FileKind;

    use super::*;

    fn stat(inode: u64) -> FileStat {
        FileStat {
            kind: FileKind::Regular,
            size: 3,
            executable: false,
            modified_s: 0,
            modified_ns: 0,
            changed_s: 0,
            changed_ns: 0,
            device: 1,
            inode,
        }
    }

    fn entry(inode: u64, body: usize) -> Entry {
        Entry {
            head: PreparedHead::new(b"HTTP/1.1 200 OK\r\n\r\n"),
            body: vec![inode as u8; body].into(),
            facts: Facts::default(),
            stat: stat(inode),
        }
    }

    #[test]
    fn an_answer_is_trusted_for_its_time_and_then_confirmed() {
        let mut cache = Cache::new(1 << 20);
        let (start, second) = (Instant::ORIGIN, Duration::from_secs(1));
        cache.insert(b"a", entry(7, 3), start).expect("room");
        assert!(cache.find(b"a", start.plus(second / 2), second).is_some());
        assert!(cache.find(b"a", start.plus(second), second).is_none());
        assert!(cache.confirm(b"a", &stat(8), start.plus(second)).is_none(), "another file");
        assert!(cache.confirm(b"a", &stat(7), start.plus(second)).is_some());
        assert!(cache.find(b"a", start.plus(second), second).is_some());
    }

    proptest! {
        /// Against a map without a budget: what is found is what was put there last, and the budget holds.
        #[test]
        fn equals_a_naive_map_but_for_what_was_dropped(steps in prop::collection::vec((0u8..20, 0usize..2000, any::<bool>()), 1..300)) {
            let mut cache = Cache::new(16 * 1024);
            let mut naive = Naive::new();
            for (number, (path, body, remove)) in steps.into_iter().enumerate() {
                if remove {
                    cache.remove(&[path]);
                    naive.remove(&path);
                } else {
                    cache.insert(&[path], entry(number as u64, body), Instant::ORIGIN).expect("within the budget");
                    naive.insert(path, number as u64);
                }
                prop_assert!(cache.bytes <= cache.bytes_max);
                prop_assert_eq!(cache.bytes, cache.places.iter().map(|(_, place)| cost(place)).sum::<usize>());
                for path in 0..20u8 {
                    if let Some(entry) = cache.find(&[path], Instant::ORIGIN, Duration::from_secs(1)) {
                        prop_assert_eq!(Some(&entry.stat.inode), naive.get(&path));
                    }
                }
            }
        }
    }
}
