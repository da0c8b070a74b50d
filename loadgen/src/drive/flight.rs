//! The requests in flight on one connection.

/// One request on its way, or several alike that left together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ask {
    /// When it was due; in a closed loop, when it left.
    pub(super) intended: u64,
    /// When it left.
    pub(super) sent: u64,
    /// Which request of the mix.
    pub(super) kind: u32,
}

/// Oldest first; requests alike that left together are one entry.
#[derive(Debug)]
pub(super) struct Flight {
    runs: Box<[(Ask, u32)]>,
    first: usize,
    used: usize,
    len: u32,
}

impl Flight {
    /// For `depth` requests at most.
    pub(super) fn new(depth: u32) -> Self {
        let runs = vec![(Ask::default(), 0); depth.max(1) as usize].into_boxed_slice();
        Self { runs, first: 0, used: 0, len: 0 }
    }

    /// Requests in flight.
    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// `count` requests left; never more in all than the depth.
    #[inline]
    pub(super) fn push(&mut self, ask: Ask, count: u32) {
        self.len += count;
        assert!(self.len as usize <= self.runs.len(), "a connection never has more requests in flight than its depth");
        if self.used > 0 {
            let last = self.index(self.used - 1);
            if self.runs[last].0 == ask {
                self.runs[last].1 += count;
                return;
            }
        }
        let next = self.index(self.used);
        self.runs[next] = (ask, count);
        self.used += 1;
    }

    /// The oldest.
    #[inline]
    pub(super) fn front(&self) -> Option<&Ask> {
        (self.used > 0).then(|| &self.runs[self.first].0)
    }

    /// The oldest is over.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Ask> {
        if self.used == 0 {
            return None;
        }
        let (ask, count) = &mut self.runs[self.first];
        *count -= 1;
        self.len -= 1;
        let ask = *ask;
        if *count == 0 {
            self.first = self.index(1);
            self.used -= 1;
        }
        Some(ask)
    }

    #[inline]
    fn index(&self, behind: usize) -> usize {
        let index = self.first + behind;
        if index >= self.runs.len() { index - self.runs.len() } else { index }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flight_gives_back_what_went_in() {
        let mut flight = Flight::new(4);
        let mut naive = std::collections::VecDeque::new();
        // Any order of sends and answers that keeps within the depth.
        for step in 0..1000_u64 {
            let free = 4 - flight.len();
            let count = (step * 7 % 5) as u32;
            if count > 0 && count <= free {
                let ask = Ask { intended: step / 3, sent: step / 2, kind: (step % 2) as u32 };
                flight.push(ask, count);
                naive.extend(std::iter::repeat_n(ask, count as usize));
            } else {
                assert_eq!(flight.front(), naive.front());
                assert_eq!(flight.pop(), naive.pop_front());
            }
            assert_eq!(flight.len() as usize, naive.len());
        }
    }
}
