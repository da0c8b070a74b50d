//! Places for programs, shared by all shards of a server: each place is one program that runs, or one that waits.
//!
//! A cap that was divided among shards would let more run than it says, or none on some shard for ever. A program is rare
//! and costs a process, so a lock for each is nothing. Whoever waits stands in one line, whichever shard it is of: a place
//! that becomes free is granted to the first in line, whose shard is woken and claims it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slipring_ring::Waker;

use super::{PROGRAMS_MAX, ProgramLimits};

/// The places of a server; clones are the same ones.
#[derive(Clone)]
pub struct ProgramPlaces(Arc<Mutex<Places>>);

struct Places {
    /// Programs that may still be started.
    free: usize,
    /// Programs that may still wait.
    room: usize,
    /// Who waits, by the number of its seat.
    line: VecDeque<usize>,
    seats: Vec<SeatState>,
}

struct SeatState {
    waker: Waker,
    /// Places that it may claim.
    granted: usize,
}

/// What became of one who wants a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It has one.
    Taken,
    /// It stands in line.
    Waits,
    /// The line is as long as it may be.
    Full,
}

/// One shard's access to them.
pub(super) struct Seat {
    places: ProgramPlaces,
    number: usize,
    /// Places that it holds.
    held: usize,
}

impl ProgramPlaces {
    /// As many as these limits say.
    pub fn new(limits: &ProgramLimits) -> Self {
        let free = limits.running_max.clamp(1, PROGRAMS_MAX);
        Self(Arc::new(Mutex::new(Places { free, room: limits.waiting_max, line: VecDeque::new(), seats: Vec::new() })))
    }

    /// Access for the shard that this wakes.
    pub(super) fn seat(&self, waker: Waker) -> Seat {
        let mut places = self.lock();
        places.seats.push(SeatState { waker, granted: 0 });
        Seat { places: self.clone(), number: places.seats.len() - 1, held: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// A place is free: the first in line gets it, and the waker of its shard is returned, unless that is `own`.
    fn grant(&mut self, own: usize) -> Option<Waker> {
        let Some(next) = self.line.pop_front() else {
            self.free += 1;
            return None;
        };
        self.room += 1;
        let seat = &mut self.seats[next];
        seat.granted += 1;
        (next != own).then(|| seat.waker.clone())
    }
}

impl Seat {
    /// Takes a place if one is free, which none is while anybody waits; else stands in line, if that is not as long as it may
    /// be. One look for both: a place that became free between two would go to nobody.
    pub(super) fn take_or_wait(&mut self) -> Placed {
        let mut places = self.places.lock();
        if places.free > 0 {
            places.free -= 1;
            self.held += 1;
            return Placed::Taken;
        }
        if places.room == 0 {
            return Placed::Full;
        }
        places.room -= 1;
        places.line.push_back(self.number);
        Placed::Waits
    }

    /// Takes a place that was granted to who waits here.
    pub(super) fn claim(&mut self) -> bool {
        let mut places = self.places.lock();
        let granted = &mut places.seats[self.number].granted;
        let claimed = *granted > 0;
        *granted -= usize::from(claimed);
        self.held += usize::from(claimed);
        claimed
    }

    /// One that waits here waits no more: it leaves the line, or hands on what it was granted.
    pub(super) fn leave(&mut self) {
        let mut places = self.places.lock();
        // The last of them: those before it are nearer to their turn, and any of them may have it.
        if let Some(at) = places.line.iter().rposition(|&number| number == self.number) {
            places.line.remove(at);
            places.room += 1;
            return;
        }
        drop(places);
        if self.claim() {
            self.give_back();
        }
    }

    /// A program has ended.
    pub(super) fn give_back(&mut self) {
        self.held -= 1;
        let woken = self.places.lock().grant(self.number);
        if let Some(waker) = woken {
            waker.wake();
        }
    }
}

impl Drop for Seat {
    /// A shard that is gone leaves nothing behind that others wait for.
    fn drop(&mut self) {
        let number = self.number;
        let mut places = self.places.lock();
        let waited = places.line.len();
        places.line.retain(|&waiting| waiting != number);
        places.room += waited - places.line.len();
        self.held += std::mem::take(&mut places.seats[number].granted);
        let woken: Vec<Waker> = (0..self.held).filter_map(|_| places.grant(number)).collect();
        drop(places);
        for waker in woken {
            waker.wake();
        }
    }
}

impl fmt::Debug for ProgramPlaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgramPlaces").field("free", &self.lock().free).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use slipring_ring::Wake;

    use super::*;

    #[derive(Default)]
    struct Bell(AtomicU32);

    impl Wake for Bell {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn places(running_max: usize, waiting_max: usize) -> ProgramPlaces {
        ProgramPlaces::new(&ProgramLimits { running_max, waiting_max, silence: Duration::from_secs(1) })
    }

    fn seat(places: &ProgramPlaces) -> (Seat, Arc<Bell>) {
        let bell = Arc::new(Bell::default());
        (places.seat(Waker::new(bell.clone())), bell)
    }

    fn takes(seat: &mut Seat) -> bool {
        seat.take_or_wait() == Placed::Taken
    }

    fn waits(seat: &mut Seat) -> bool {
        seat.take_or_wait() == Placed::Waits
    }

    /// One place and two shards: one runs, the other is woken when it has ended, and nobody overtakes it.
    #[test]
    fn one_place_goes_round() {
        let places = places(1, 2);
        let ((mut one, bell_one), (mut two, bell_two)) = (seat(&places), seat(&places));
        assert!(takes(&mut one));
        assert!(waits(&mut two) && waits(&mut one), "two may wait");
        assert!(two.take_or_wait() == Placed::Full && !two.claim());
        one.give_back();
        assert_eq!((bell_one.0.load(Ordering::SeqCst), bell_two.0.load(Ordering::SeqCst)), (0, 1));
        assert!(!one.claim() && two.claim());
        two.give_back();
        assert_eq!(bell_one.0.load(Ordering::SeqCst), 1);
        assert!(!two.claim() && one.claim());
        one.give_back();
        assert!(takes(&mut two));
    }

    /// Who leaves the line makes room in it, and passes on what was granted meanwhile.
    #[test]
    fn who_leaves_the_line_holds_nobody_up() {
        let places = places(1, 2);
        let ((mut one, _), (mut two, _), (mut three, bell)) = (seat(&places), seat(&places), seat(&places));
        assert!(takes(&mut one) && waits(&mut two));
        two.leave();
        assert!(waits(&mut two) && waits(&mut three));
        one.give_back();
        two.leave();
        assert_eq!(bell.0.load(Ordering::SeqCst), 1);
        assert!(!two.claim() && three.claim());
        assert!(waits(&mut one) && waits(&mut two) && three.take_or_wait() == Placed::Full);
    }

    /// A shard that ends gives up what it held, was granted and waited for.
    #[test]
    fn a_shard_that_ends_holds_nobody_up() {
        let places = places(2, 3);
        let ((mut one, _), (mut two, bell)) = (seat(&places), seat(&places));
        assert!(takes(&mut one) && takes(&mut one) && waits(&mut one) && waits(&mut two) && waits(&mut two));
        one.give_back();
        drop(one);
        assert_eq!(bell.0.load(Ordering::SeqCst), 2);
        assert!(two.claim() && two.claim() && !two.claim());
        assert!(waits(&mut two) && waits(&mut two) && waits(&mut two) && two.take_or_wait() == Placed::Full);
    }

    /// A place that one shard gives back while another looks for one is seen by it or granted to it. Two threads meet there
    /// as closely as they can, a little earlier or later each time.
    #[test]
    fn a_place_is_never_lost_between_two_looks() {
        const ROUNDS: u32 = 20_000;
        let places = places(1, 1);
        let ((mut one, _), (mut two, _)) = (seat(&places), seat(&places));
        let (given, ended) = (AtomicU32::new(0), AtomicU32::new(0));
        let mut lost = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    assert!(takes(&mut one));
                    given.store(round, Ordering::SeqCst);
                    (0..round % 50).for_each(|_| std::hint::spin_loop());
                    one.give_back();
                    given.store(round | GIVEN, Ordering::SeqCst);
                    wait_until(|| ended.load(Ordering::SeqCst) == round);
                }
            });
            for round in 1..=ROUNDS {
                wait_until(|| given.load(Ordering::SeqCst) & !GIVEN == round);
                let taken = takes(&mut two);
                wait_until(|| given.load(Ordering::SeqCst) == round | GIVEN);
                if taken || two.claim() {
                    two.give_back();
                } else {
                    two.leave();
                    lost += 1;
                }
                ended.store(round, Ordering::SeqCst);
            }
        });
        assert_eq!(lost, 0, "of {ROUNDS} places");
    }

    /// The place of the round was given back.
    const GIVEN: u32 = 1 << 31;

    /// Looks closely for a moment, then lets others run.
    fn wait_until(done: impl Fn() -> bool) {
        let mut looks = 0;
        while !done() {
            looks += 1;
            if looks < 1000 {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}
