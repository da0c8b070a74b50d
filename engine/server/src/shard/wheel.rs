//! One timer wheel for all connections of a shard.
//!
//! A connection stands in one bucket; a deadline that moves later only changes the connection's own field, and the entry
//! moves when its bucket fires. So a busy connection never touches the wheel.

use std::time::Duration;

use slipring_ring::{Deadline, Instant};

/// Where a connection stands in the wheel; part of its table entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    next: u32,
    previous: u32,
    /// The bucket's tick, or `NOWHERE`.
    tick: u64,
}

impl Link {
    pub(super) const NONE: Link = Link { next: END, previous: END, tick: NOWHERE };

    /// Whether the wheel looks at this entry no later than `deadline`.
    #[inline]
    pub(super) fn is_in_time(&self, deadline: Deadline) -> bool {
        self.tick <= tick_of(deadline)
    }
}

/// The table that holds the links.
pub(super) trait Links {
    fn link(&mut self, index: u32) -> &mut Link;
}

pub(super) struct Wheel {
    heads: Box<[u32; BUCKETS]>,
    occupied: [u64; BUCKETS / 64],
    /// Every tick before this one has fired.
    current: u64,
}

const BUCKETS: usize = 512;
const TICK: Duration = Duration::from_millis(128);
const END: u32 = u32::MAX;
const NOWHERE: u64 = u64::MAX;

/// The tick in which a deadline has passed for certain.
fn tick_of(deadline: Deadline) -> u64 {
    (deadline.nanos() / TICK.as_nanos() as u64).saturating_add(1)
}

impl Wheel {
    pub(super) fn new(now: Instant) -> Self {
        let current = now.nanos() / TICK.as_nanos() as u64;
        Self { heads: Box::new([END; BUCKETS]), occupied: [0; BUCKETS / 64], current }
    }

    /// Puts an entry where it fires when `deadline` has passed; one that is beyond the wheel's turn fires early and is
    /// put again.
    pub(super) fn put(&mut self, links: &mut impl Links, index: u32, deadline: Deadline) {
        self.remove(links, index);
        let furthest = self.current + BUCKETS as u64 - 1;
        let tick = tick_of(deadline).clamp(self.current, furthest);
        let bucket = tick as usize % BUCKETS;
        let next = self.heads[bucket];
        *links.link(index) = Link { next, previous: END, tick };
        if next != END {
            links.link(next).previous = index;
        }
        self.heads[bucket] = index;
        self.occupied[bucket / 64] |= 1 << (bucket % 64);
    }

    /// Takes an entry out, wherever it stands.
    pub(super) fn remove(&mut self, links: &mut impl Links, index: u32) {
        let Link { next, previous, tick } = *links.link(index);
        if tick == NOWHERE {
            return;
        }
        let bucket = tick as usize % BUCKETS;
        match previous {
            END => self.heads[bucket] = next,
            previous => links.link(previous).next = next,
        }
        if next != END {
            links.link(next).previous = previous;
        }
        if self.heads[bucket] == END {
            self.occupied[bucket / 64] &= !(1 << (bucket % 64));
        }
        *links.link(index) = Link::NONE;
    }

    /// Takes out one entry whose bucket has passed, if there is one.
    pub(super) fn fire(&mut self, links: &mut impl Links, now: Instant) -> Option<u32> {
        let passed = now.nanos() / TICK.as_nanos() as u64;
        while self.current <= passed {
            let first = self.heads[self.current as usize % BUCKETS];
            if first != END {
                self.remove(links, first);
                return Some(first);
            }
            self.current = self.next_tick().min(passed + 1);
        }
        None
    }

    /// When the next bucket fires.
    pub(super) fn next(&self) -> Deadline {
        match self.next_tick() {
            NOWHERE => Deadline::NEVER,
            tick => {
                Instant::ORIGIN.plus(TICK.saturating_mul(u32::try_from(tick).unwrap_or(u32::MAX))).after(Duration::ZERO)
            }
        }
    }

    /// The first tick from the current one on whose bucket holds an entry.
    fn next_tick(&self) -> u64 {
        let start = self.current as usize % BUCKETS;
        let words = self.occupied.len();
        for step in 0..=words {
            let word = (start / 64 + step) % words;
            let mut bits = self.occupied[word];
            if step == 0 {
                bits &= u64::MAX << (start % 64);
            } else if step == words {
                bits &= !(u64::MAX << (start % 64));
            }
            if bits != 0 {
                let bucket = word * 64 + bits.trailing_zeros() as usize;
                return self.current + ((bucket + BUCKETS - start) % BUCKETS) as u64;
            }
        }
        NOWHERE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Links for Vec<Link> {
        fn link(&mut self, index: u32) -> &mut Link {
            &mut self[index as usize]
        }
    }

    fn after(ms: u64) -> Instant {
        Instant::ORIGIN.plus(Duration::from_millis(ms))
    }

    #[test]
    fn fires_each_entry_once_and_never_early() {
        let mut links = vec![Link::NONE; 6];
        let mut wheel = Wheel::new(Instant::ORIGIN);
        let deadlines = [5u64, 5, 1000, 20_000, 60_000, 1000];
        for (index, ms) in deadlines.into_iter().enumerate() {
            wheel.put(&mut links, index as u32, after(ms).after(Duration::ZERO));
        }
        wheel.remove(&mut links, 5);
        let mut fired = Vec::new();
        for ms in (0..70_000).step_by(50) {
            while let Some(index) = wheel.fire(&mut links, after(ms)) {
                assert!(ms >= deadlines[index as usize], "entry {index} at {ms}");
                assert!(ms <= deadlines[index as usize] + 300, "entry {index} at {ms}");
                fired.push(index);
            }
        }
        fired.sort_unstable();
        assert_eq!(fired, [0, 1, 2, 3, 4]);
        assert_eq!(wheel.next(), Deadline::NEVER);
    }

    #[test]
    fn a_deadline_beyond_the_turn_fires_early_to_be_put_again() {
        let mut links = vec![Link::NONE; 1];
        let mut wheel = Wheel::new(after(1_000_000));
        wheel.put(&mut links, 0, after(1_000_000).after(Duration::from_hours(1)));
        assert!(wheel.next() < after(1_000_000).after(Duration::from_secs(70)));
        assert_eq!(wheel.fire(&mut links, after(1_070_000)), Some(0));
    }

    #[test]
    fn moving_an_entry_keeps_its_neighbours() {
        let mut links = vec![Link::NONE; 3];
        let mut wheel = Wheel::new(Instant::ORIGIN);
        for index in 0..3 {
            wheel.put(&mut links, index, after(500).after(Duration::ZERO));
        }
        wheel.put(&mut links, 1, after(5000).after(Duration::ZERO));
        let mut early: Vec<_> = std::iter::from_fn(|| wheel.fire(&mut links, after(1000))).collect();
        early.sort_unstable();
        assert_eq!(early, [0, 2]);
        assert_eq!(wheel.fire(&mut links, after(6000)), Some(1));
    }
}
