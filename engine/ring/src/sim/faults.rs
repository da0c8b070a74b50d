//! What may go wrong in a run, and how often.

use super::random::Random;

/// Chances and sizes of every injected fault. Chances are per million and independent of one another.
///
/// What a plan injects is only what Linux may do to a correct program; nothing here excuses a wrong byte above the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultPlan {
    /// A send or stream takes only some of the bytes that there is room for.
    pub short_send: u32,
    /// A receive delivers only some of the bytes that have arrived.
    pub short_recv: u32,
    /// A file read delivers only some of the bytes that are there.
    pub short_read: u32,
    /// A log write takes only some of its bytes.
    pub short_write: u32,
    /// An operation that could be carried out now is carried out up to [`Self::delay_ns_max`] later.
    pub delay: u32,
    /// The longest such delay, nanoseconds.
    pub delay_ns_max: u64,
    /// An operation changes its place among those that are due at the same instant.
    pub reorder: u32,
    /// A `wait` hands out fewer completions than are there.
    pub split_batch: u32,
    /// A cancel meets an operation that is just being carried out, which then ends with its true result.
    pub cancel_race: u32,
    /// A multishot ends after a good completion.
    pub multishot_end: u32,
    /// A receive finds no buffer, as when others took them all in the same batch.
    pub no_buffers: u32,
    /// An accept fails: no descriptor, no memory, or that peer was gone.
    pub accept_error: u32,
    /// A connect fails although somebody listens.
    pub connect_error: u32,
    /// The connection breaks as an operation on it is carried out.
    pub reset: u32,
    /// When a connection breaks or is reset, bytes that arrived and were not yet read are lost with it.
    pub reset_discards: u32,
    /// A poll reports room where there is none.
    pub false_ready: u32,
    /// An open fails although the file is there.
    pub open_error: u32,
    /// A read fails.
    pub read_error: u32,
    /// A listing fails.
    pub list_error: u32,
    /// Measuring fails.
    pub measure_error: u32,
    /// A log write fails.
    pub write_error: u32,
    /// A task finds the worker pool full, or no thread for it.
    pub run_error: u32,
    /// A program cannot be started.
    pub spawn_error: u32,
    /// A file operation goes to a slow disk, or a task to a slow worker, for up to [`Self::slow_ns_max`].
    pub slow_file: u32,
    /// The longest time on a slow disk, nanoseconds.
    pub slow_ns_max: u64,
    /// A `wait` returns early and empty.
    pub spurious_wake: u32,
    /// A `wait` returns up to [`Self::late_ns_max`] behind its deadline.
    pub late: u32,
    /// The longest such lateness, nanoseconds.
    pub late_ns_max: u64,
    /// The wall clock (never the monotonic one) is set forward or back by up to [`Self::wall_jump_s_max`].
    pub wall_jump: u32,
    /// The furthest such jump, seconds.
    pub wall_jump_s_max: u64,
    /// What one tick costs in time, nanoseconds: a `wait` finds the clock so much further than the last one left it.
    pub tick_ns: u64,
}

impl FaultPlan {
    /// No faults; a tick takes a microsecond.
    pub const fn none() -> Self {
        Self {
            short_send: 0,
            short_recv: 0,
            short_read: 0,
            short_write: 0,
            delay: 0,
            delay_ns_max: 0,
            reorder: 0,
            split_batch: 0,
            cancel_race: 0,
            multishot_end: 0,
            no_buffers: 0,
            accept_error: 0,
            connect_error: 0,
            reset: 0,
            reset_discards: 0,
            false_ready: 0,
            open_error: 0,
            read_error: 0,
            list_error: 0,
            measure_error: 0,
            write_error: 0,
            run_error: 0,
            spawn_error: 0,
            slow_file: 0,
            slow_ns_max: 0,
            spurious_wake: 0,
            late: 0,
            late_ns_max: 0,
            wall_jump: 0,
            wall_jump_s_max: 0,
            tick_ns: 1_000,
        }
    }

    /// The plan of a seed. Swarm testing: about half of the classes are off in each run, so that a frequent fault does
    /// not hide what only shows without it; the others are rare or common, independently.
    pub fn from_seed(seed: u64) -> Self {
        let mut random = Random::new(seed ^ PLAN_STREAM);
        let mut plan = Self::none();
        for class in plan.benign_mut() {
            *class = draw(&mut random, &BENIGN_CHANCES);
        }
        for class in plan.harmful_mut() {
            *class = draw(&mut random, &HARMFUL_CHANCES);
        }
        plan.delay_ns_max = random.pick(&SPANS_NS);
        plan.slow_ns_max = random.pick(&SPANS_NS) * 100;
        plan.late_ns_max = random.pick(&SPANS_NS);
        plan.wall_jump_s_max = random.pick(&[1, 60, 86_400, 400 * 86_400]);
        plan.tick_ns = random.pick(&[100, 1_000, 20_000, 1_000_000]);
        // Drawn last: the older classes stay as their seeds drew them.
        plan.spawn_error = draw(&mut random, &HARMFUL_CHANCES);
        plan
    }

    /// This plan without the faults that end a connection or fail a request: every exchange must succeed under it.
    #[must_use]
    pub fn without_harm(mut self) -> Self {
        for class in self.harmful_mut() {
            *class = 0;
        }
        self.spawn_error = 0;
        self
    }

    /// Faults that a correct program works around without anybody noticing.
    fn benign_mut(&mut self) -> [&mut u32; 16] {
        [
            &mut self.short_send,
            &mut self.short_recv,
            &mut self.short_read,
            &mut self.short_write,
            &mut self.delay,
            &mut self.reorder,
            &mut self.split_batch,
            &mut self.cancel_race,
            &mut self.multishot_end,
            &mut self.no_buffers,
            &mut self.false_ready,
            &mut self.slow_file,
            &mut self.spurious_wake,
            &mut self.late,
            &mut self.wall_jump,
            &mut self.reset_discards,
        ]
    }

    /// Faults that somebody outside notices: a dead connection, an error answer, a lost log line.
    fn harmful_mut(&mut self) -> [&mut u32; 9] {
        [
            &mut self.accept_error,
            &mut self.connect_error,
            &mut self.reset,
            &mut self.open_error,
            &mut self.read_error,
            &mut self.list_error,
            &mut self.measure_error,
            &mut self.write_error,
            &mut self.run_error,
        ]
    }
}

/// Keeps the plan's draws apart from those of the run, which start from the same seed.
const PLAN_STREAM: u64 = 0x5eed_fa17_0000_0001;
const BENIGN_CHANCES: [u32; 8] = [0, 0, 0, 0, 1_000, 20_000, 100_000, 400_000];
const HARMFUL_CHANCES: [u32; 8] = [0, 0, 0, 0, 0, 200, 2_000, 20_000];
const SPANS_NS: [u64; 4] = [10_000, 200_000, 5_000_000, 100_000_000];

fn draw(random: &mut Random, chances: &[u32]) -> u32 {
    random.pick(chances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_fixed_by_their_seed_and_differ() {
        assert_eq!(FaultPlan::from_seed(3), FaultPlan::from_seed(3));
        assert_ne!(FaultPlan::from_seed(3), FaultPlan::from_seed(4));
    }

    #[test]
    fn every_class_is_on_in_some_plan_and_off_in_another() {
        let mut plans: Vec<FaultPlan> = (0..200).map(FaultPlan::from_seed).collect();
        for class in 0..16 {
            assert!(plans.iter_mut().any(|plan| *plan.benign_mut()[class] == 0));
            assert!(plans.iter_mut().any(|plan| *plan.benign_mut()[class] > 0));
        }
        for class in 0..8 {
            assert!(plans.iter_mut().any(|plan| *plan.harmful_mut()[class] == 0));
            assert!(plans.iter_mut().any(|plan| *plan.harmful_mut()[class] > 0));
        }
    }
}
