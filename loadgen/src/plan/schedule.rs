//! When request *i* is due: a pure function for regular arrivals, a seeded iterator for random ones. No clock is here.
//!
//! The rate over time is a row of *segments*, each with a rate that moves evenly from one value to another. Their
//! integral, the number of requests due until a time, is inverted to give the time of a number: of *i* itself for
//! regular arrivals, of a sum of exponential gaps for a Poisson process. So a stage's length and rate hold whatever the
//! threads are, and no error adds up. A rate that never changes is computed in whole numbers.

use super::{Arrivals, Plan};

const SECOND_NS: f64 = 1e9;
/// A constant rate is taken in millionths of a request a second.
const MICRO: f64 = 1e6;
const MICROSECONDS_OF_NS: u128 = 1_000_000_000 * 1_000_000;

/// A rate that moves evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Segment {
    /// Behind the start of the load.
    start_ns: u64,
    seconds: f64,
    /// Requests a second at its start and at its end.
    from: f64,
    to: f64,
    /// Requests due before it.
    before: f64,
}

impl Segment {
    /// Requests due in it.
    fn count(&self) -> f64 {
        f64::midpoint(self.from, self.to) * self.seconds
    }

    /// When its `number`-th request is due, in seconds behind its start: the root of `from t + (to - from) t^2 / 2T`
    /// in the form that subtracts nothing.
    fn seconds_to(&self, number: f64) -> f64 {
        if number <= 0.0 {
            return 0.0;
        }
        let square = self.from * self.from + 2.0 * (self.to - self.from) * number / self.seconds;
        2.0 * number / (self.from + square.max(0.0).sqrt())
    }
}

/// The intended times of one thread's requests, in nanoseconds behind the start of the load, in order.
///
/// Request `i` of the plan belongs to thread `i` mod `threads`. Of random arrivals each thread has a process of its own
/// with its share of the rate, which together are the process of the plan. A clone goes on alone from where it is.
#[derive(Clone, Debug)]
pub struct Schedule {
    clock: Clock,
    /// The measure phase begins.
    measure_ns: u64,
    /// Nothing is due from here on.
    end_ns: u64,
    /// Requests of the measure phase still to come, if their number is limited.
    left: Option<u64>,
}

#[derive(Clone, Debug)]
enum Clock {
    Even(Even),
    Moving(Moving),
    Random(Random),
}

/// A constant rate: `floor(i * 10^9 / R)` by quotient and remainder, so that each step is an addition.
#[derive(Clone, Debug)]
struct Even {
    next_ns: u64,
    rest: u64,
    step_ns: u64,
    step_rest: u64,
    rate_micro: u64,
}

/// Stages: request `i` where the integral of the rate is `i`.
#[derive(Clone, Debug)]
struct Moving {
    segments: Box<[Segment]>,
    at: usize,
    next: u64,
    step: u64,
}

/// A Poisson process of rate one, bent by the integral of the rate.
#[derive(Clone, Debug)]
struct Random {
    segments: Box<[Segment]>,
    at: usize,
    source: fastrand::Rng,
    sum: f64,
    threads: f64,
}

impl Plan {
    /// The schedule of a thread; `None` in a closed loop.
    pub fn schedule(&self, thread: u32) -> Option<Schedule> {
        let segments = self.segments()?;
        let measure_ns = self.warmup.as_nanos() as u64;
        let clock = match (self.arrivals, self.constant_rate()) {
            (Arrivals::Constant, Some(rate)) => Clock::Even(Even::new(rate, thread, self.threads)),
            (Arrivals::Constant, None) => Clock::Moving(Moving::new(segments, thread, self.threads)),
            (Arrivals::Poisson, _) => Clock::Random(Random::new(segments, self.seed, thread, self.threads)),
        };
        let left = self.requests_max.map(|most| self.part_of(most, thread));
        Some(Schedule { clock, measure_ns, end_ns: measure_ns + self.measure().as_nanos() as u64, left })
    }

    fn constant_rate(&self) -> Option<f64> {
        if self.stages.is_empty() { self.rate } else { None }
    }

    /// The rate over time: the warm-up at the rate that the measure phase begins with, then the stages.
    fn segments(&self) -> Option<Box<[Segment]>> {
        let warmup = self.warmup.as_secs_f64();
        let mut rates: Vec<(f64, f64, f64)> = match (self.rate, self.stages.first()) {
            (_, Some(first)) => vec![(warmup, first.from, first.from)],
            (Some(rate), None) => vec![(warmup + self.duration.as_secs_f64(), rate, rate)],
            (None, None) => return None,
        };
        rates.extend(self.stages.iter().map(|stage| (stage.duration.as_secs_f64(), stage.from, stage.to)));
        let (mut start, mut before) = (0.0, 0.0);
        let segments = rates.into_iter().map(|(seconds, from, to)| {
            let segment = Segment { start_ns: (start * SECOND_NS).round() as u64, seconds, from, to, before };
            (start, before) = (start + seconds, before + segment.count());
            segment
        });
        Some(segments.collect())
    }

    /// Requests a second over the measure phase; `None` in a closed loop.
    pub fn offered(&self) -> Option<f64> {
        if self.stages.is_empty() {
            return self.rate;
        }
        let count: f64 =
            self.stages.iter().map(|stage| f64::midpoint(stage.from, stage.to) * stage.duration.as_secs_f64()).sum();
        Some(count / self.measure().as_secs_f64())
    }
}

impl Schedule {
    /// When the measure phase begins, and from when on nothing is due; behind the start of the load. With a limited number of
    /// requests the end comes closer once the last of them was taken.
    pub fn phase_ns(&self) -> (u64, u64) {
        (self.measure_ns, self.end_ns)
    }

    /// Nothing is due from `end_ns` on, if it was to be later: the run was cut short.
    pub fn cut(&mut self, end_ns: u64) {
        self.end_ns = self.end_ns.min(end_ns);
    }

    /// How many are due before `ns`; this schedule itself stays where it is.
    pub fn due_before(&self, ns: u64) -> u64 {
        self.clone().take_while(|&due| due < ns).count() as u64
    }
}

impl Iterator for Schedule {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        let due = match &mut self.clock {
            Clock::Even(even) => even.next(),
            Clock::Moving(moving) => moving.next()?,
            Clock::Random(random) => random.next()?,
        };
        if due >= self.end_ns {
            return None;
        }
        if let Some(left) = &mut self.left
            && due >= self.measure_ns
        {
            if *left == 0 {
                // The phase ends where one more would be due, so that its rate is that of the plan.
                self.end_ns = due;
                return None;
            }
            *left -= 1;
        }
        Some(due)
    }
}

impl Even {
    fn new(rate: f64, thread: u32, threads: u32) -> Self {
        let rate_micro = ((rate * MICRO).round() as u64).max(1);
        let split = |requests: u32| {
            let ns_micro = u128::from(requests) * MICROSECONDS_OF_NS;
            ((ns_micro / u128::from(rate_micro)) as u64, (ns_micro % u128::from(rate_micro)) as u64)
        };
        let ((next_ns, rest), (step_ns, step_rest)) = (split(thread), split(threads));
        Self { next_ns, rest, step_ns, step_rest, rate_micro }
    }

    #[inline]
    fn next(&mut self) -> u64 {
        let due = self.next_ns;
        self.next_ns = self.next_ns.saturating_add(self.step_ns);
        // Both are below the rate, so that this is the one carry that there can be.
        self.rest += self.step_rest;
        if self.rest >= self.rate_micro {
            self.rest -= self.rate_micro;
            self.next_ns = self.next_ns.saturating_add(1);
        }
        due
    }
}

impl Moving {
    fn new(segments: Box<[Segment]>, thread: u32, threads: u32) -> Self {
        Self { segments, at: 0, next: u64::from(thread), step: u64::from(threads) }
    }

    fn next(&mut self) -> Option<u64> {
        let due = due_at(&self.segments, &mut self.at, self.next as f64)?;
        self.next += self.step;
        Some(due)
    }
}

impl Random {
    fn new(segments: Box<[Segment]>, seed: u64, thread: u32, threads: u32) -> Self {
        // Neighbouring seeds would give related streams: the thread's is drawn from one that is far from the seed's own.
        let source = fastrand::Rng::with_seed(seed ^ (u64::from(thread) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut first = Self { segments, at: 0, source, sum: 0.0, threads: f64::from(threads) };
        first.step();
        first
    }

    /// One exponential gap of mean one.
    fn step(&mut self) {
        self.sum -= (1.0 - self.source.f64()).ln();
    }

    fn next(&mut self) -> Option<u64> {
        // A share of the rate is a stretch of the count.
        let due = due_at(&self.segments, &mut self.at, self.sum * self.threads)?;
        self.step();
        Some(due)
    }
}

/// When the integral of the rate is `number`; `at` moves on with it. `None` behind the last segment.
fn due_at(segments: &[Segment], at: &mut usize, number: f64) -> Option<u64> {
    while let Some(segment) = segments.get(*at) {
        let inside = number - segment.before;
        if inside < segment.count() {
            return Some(segment.start_ns + (segment.seconds_to(inside) * SECOND_NS) as u64);
        }
        *at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn plan(rate: f64, threads: u32) -> Plan {
        Plan {
            rate: Some(rate),
            threads,
            warmup: Duration::from_secs(1),
            duration: Duration::from_secs(4),
            ..Plan::new("http://x/".parse().expect("a URL"))
        }
    }

    /// The due times of all threads together.
    fn all(plan: &Plan) -> Vec<u64> {
        let mut due: Vec<u64> =
            (0..plan.threads).flat_map(|thread| plan.schedule(thread).expect("an open loop")).collect();
        due.sort_unstable();
        due
    }

    #[test]
    fn a_constant_rate_is_the_closed_form_whatever_the_threads() {
        for (rate, threads) in [(1000.0, 1), (997.0, 3), (0.75, 4), (1.5, 2), (333_333.333, 7), (3.0, 64)] {
            let found = all(&plan(rate, threads));
            // The closed form in whole numbers, rate in millionths.
            let micro = (rate * 1e6_f64).round() as u128;
            let expected: Vec<u64> = (0..10_000_000_u128)
                .map(|i| (i * 1_000_000_000_000_000 / micro) as u64)
                .take_while(|&ns| ns < 5_000_000_000)
                .collect();
            assert_eq!(found, expected, "{rate} on {threads}");
        }
    }

    #[test]
    fn a_constant_rate_does_not_drift() {
        let mut schedule = Plan { duration: Duration::from_hours(100), ..plan(7.0, 1) }.schedule(0).expect("open");
        assert_eq!(schedule.nth(7 * 3600 * 99), Some(3600 * 99 * 1_000_000_000));
    }

    #[test]
    fn request_i_belongs_to_thread_i_mod_t() {
        let plan = plan(10.0, 4);
        let second: Vec<u64> = plan.schedule(1).expect("open").take(3).collect();
        assert_eq!(second, [100_000_000, 500_000_000, 900_000_000]);
    }

    #[test]
    fn stages_ramp_and_step() {
        let mut plan = plan(1.0, 3);
        plan.rate = None;
        plan.stages = ["2s@100..300", "2s@50"].map(|text| text.parse().expect("a stage")).to_vec();
        let due = all(&plan);
        let between = |from: u64, to: u64| {
            due.iter().filter(|&&ns| (from * 1_000_000..to * 1_000_000).contains(&ns)).count() as i64
        };
        // The integral of the rate: 100 in the warm-up, 2 s at 200 on average, 2 s at 50.
        for (from, to, expected) in
            [(0, 1000, 100), (1000, 3000, 400), (3000, 5000, 100), (1000, 2000, 150), (2000, 3000, 250)]
        {
            assert!((between(from, to) - expected).abs() <= 1, "{from} to {to}: {}", between(from, to));
        }
        assert_eq!(due.len(), 600);
        assert!((plan.offered().expect("open") - 125.0).abs() < 1e-9);
    }

    #[test]
    fn a_stage_of_rate_zero_is_a_pause() {
        let mut plan = plan(1.0, 1);
        plan.rate = None;
        plan.stages = ["1s@10", "1s@0", "1s@10..0"].map(|text| text.parse().expect("a stage")).to_vec();
        let due = all(&plan);
        assert!(due.iter().all(|ns| !(2_000_000_001..3_000_000_000).contains(ns)), "{due:?}");
        assert_eq!(due.len(), 25);
    }

    #[test]
    fn random_arrivals_are_a_poisson_process_of_the_rate() {
        let plan = Plan { arrivals: Arrivals::Poisson, duration: Duration::from_secs(99), ..plan(1000.0, 3) };
        let due = all(&plan);
        // 100,000 expected, standard deviation 316.
        assert!(due.len().abs_diff(100_000) < 1600, "{}", due.len());
        let gaps: Vec<f64> = due.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // Exponential gaps: the standard deviation is the mean, and 1/e of them are longer than it.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.02, "{mean} {variance}");
        let longer = gaps.iter().filter(|&&gap| gap > mean).count() as f64 / gaps.len() as f64;
        assert!((longer - (-1_f64).exp()).abs() < 0.01, "{longer}");
        assert_eq!(due, all(&plan), "same seed, same times");
        assert_ne!(due, all(&Plan { seed: plan.seed + 1, ..plan }));
    }

    #[test]
    fn a_number_of_requests_ends_the_measure_phase() {
        let plan = Plan { requests_max: Some(100), ..plan(1000.0, 3) };
        let due = all(&plan);
        assert_eq!(due.iter().filter(|&&ns| ns >= 1_000_000_000).count(), 100);
        assert_eq!(due.len(), 1100);
        let mut alone = Plan { threads: 1, ..plan }.schedule(0).expect("open");
        assert_eq!(alone.phase_ns(), (1_000_000_000, 5_000_000_000));
        assert_eq!(alone.by_ref().count(), 1100);
        assert_eq!(alone.phase_ns(), (1_000_000_000, 1_100_000_000), "as long as 100 requests take at the rate");
    }

    #[test]
    fn a_closed_loop_has_no_schedule() {
        assert!(Plan { rate: None, ..plan(1.0, 1) }.schedule(0).is_none());
    }
}
