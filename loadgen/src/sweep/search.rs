//! The search for the highest rate that meets the objectives.
//!
//! ```text
//!             met: rate x 2                  gap > 5%: the middle
//!            +---------+                       +---------+
//!            v         |    failed             v         |    gap <= 5%
//!  from --> climb -----+-----------------> narrow -------+--------------> confirm --> done
//!            |              or no higher       ^                             |
//!            | failed at once: rate / 2        +-----------------------------+
//!            +---------> descend                     failed in a repeat: it is the new upper end
//! ```
//!
//! There is no state for these words: what comes next follows from the rates tried so far. A rate has *met* when it met
//! once and never failed, and is *confirmed* when it met three times; it has *failed* when it failed once.

use super::{Answer, Outcome};

/// Ratio of the lowest rate that failed to the highest that met at which the search is over.
pub const GAP_MAX: f64 = 1.05;
/// How often a rate must meet the objectives, of as many steps.
pub const REPEATS: u32 = 3;
/// Steps at one rate that said nothing about the target before that rate is given up.
pub const TRIES_MAX: u32 = 3;
/// How often the first rate is halved at most when it fails at once.
pub const HALVINGS_MAX: u32 = 10;
/// Requests a second that are tried at most.
pub const RATE_MAX: f64 = 100_000_000.0;

/// Why a search went no higher although nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The generator could not offer a higher rate.
    Generator,
    /// The machine did not let a higher rate be measured.
    Disturbed,
    /// The limit of rates.
    Limit,
    /// Ctrl-C, before a rate failed.
    Interrupted,
}

/// The step to make now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Try {
    /// Requests a second.
    pub rate: f64,
    /// The how manieth judged step at this rate, from 1.
    pub repeat: u32,
}

/// The course of a sweep: [`Search::turn`] says what to try, [`Search::handle_step`] takes what came of it, until there
/// is no turn left; then [`Search::answer`].
#[derive(Clone, Debug)]
pub struct Search {
    from: f64,
    max: f64,
    /// By rate, ascending.
    known: Vec<Known>,
}

/// What was tried of a rate.
#[derive(Clone, Copy, Debug)]
struct Known {
    rate: f64,
    met: u32,
    failed: u32,
    short: u32,
    disturbed: u32,
}

impl Known {
    fn new(rate: f64) -> Self {
        Self { rate, met: 0, failed: 0, short: 0, disturbed: 0 }
    }

    fn has_met(&self) -> bool {
        self.met > 0 && self.failed == 0 && !self.is_given_up()
    }

    fn is_given_up(&self) -> bool {
        self.failed == 0 && self.short + self.disturbed >= TRIES_MAX
    }

    /// Nothing at or above it can be the answer.
    fn is_ceiling(&self) -> bool {
        self.failed > 0 || self.is_given_up()
    }
}

impl Search {
    /// From a first rate, never above `max`; both are requests a second, positive, at most [`RATE_MAX`].
    pub fn new(from: f64, max: f64) -> Self {
        assert!(from > 0.0 && from <= max && max <= RATE_MAX, "0 < from <= max <= the limit");
        Self { from, max, known: Vec::new() }
    }

    /// What to try now; `None` when the answer stands.
    pub fn turn(&self) -> Option<Try> {
        let rate = self.next_rate()?;
        let judged = self.known.iter().find(|known| same(known.rate, rate)).map_or(0, |known| known.met + known.failed);
        Some(Try { rate, repeat: judged + 1 })
    }

    /// Takes what came of a step at this rate.
    pub fn handle_step(&mut self, rate: f64, outcome: Outcome) {
        let at = self.known.partition_point(|known| known.rate < rate);
        if self.known.get(at).is_none_or(|known| !same(known.rate, rate)) {
            self.known.insert(at, Known::new(rate));
        }
        let known = &mut self.known[at];
        match outcome {
            Outcome::Met => known.met += 1,
            Outcome::Failed => known.failed += 1,
            Outcome::GeneratorShort => known.short += 1,
            Outcome::Disturbed => known.disturbed += 1,
        }
    }

    /// What is known now. Only rates that met three times count as met.
    pub fn answer(&self) -> Answer {
        let failed = self.known.iter().find(|known| known.failed > 0).map(|known| known.rate);
        let below = |known: &&Known| failed.is_none_or(|failed| known.rate < failed);
        let confirmed = self.known.iter().rev().filter(below).find(|known| known.has_met() && known.met >= REPEATS);
        match (confirmed, failed) {
            (None, failed) => Answer::Never { failed },
            (Some(known), Some(failed)) => Answer::Between { met: known.rate, failed },
            (Some(known), None) => Answer::AtLeast { met: known.rate, why: self.stop(known.rate) },
        }
    }

    fn stop(&self, met: f64) -> Stop {
        let above = self.known.iter().find(|known| known.rate > met && known.is_given_up());
        match above {
            Some(known) if known.short >= known.disturbed => Stop::Generator,
            Some(_) => Stop::Disturbed,
            None if met >= self.max => Stop::Limit,
            None => Stop::Interrupted,
        }
    }

    fn next_rate(&self) -> Option<f64> {
        if self.known.is_empty() {
            return Some(self.from);
        }
        // A step that said nothing is made again at once.
        if let Some(open) = self.known.iter().find(|known| known.met == 0 && !known.is_ceiling()) {
            return Some(open.rate);
        }
        let ceiling = self.known.iter().find(|known| known.is_ceiling()).map(|known| known.rate);
        let below = |known: &&Known| ceiling.is_none_or(|ceiling| known.rate < ceiling);
        let floor = self.known.iter().rev().filter(below).find(|known| known.has_met());
        match (floor, ceiling) {
            (None, ceiling) => self.descend(ceiling?),
            (Some(floor), None) if floor.rate < self.max => Some((floor.rate * 2.0).min(self.max)),
            (Some(floor), Some(ceiling)) if ceiling > floor.rate * GAP_MAX => Some(middle(floor.rate, ceiling)),
            (Some(floor), _) => (floor.met < REPEATS).then_some(floor.rate),
        }
    }

    /// A machine that did not let the lowest rate be measured will not let a lower one.
    fn descend(&self, ceiling: f64) -> Option<f64> {
        let least = self.from / f64::from(1_u32 << HALVINGS_MAX);
        let is_disturbed =
            self.known.first().is_some_and(|lowest| lowest.failed == 0 && lowest.short < lowest.disturbed);
        (ceiling / 2.0 >= least && !is_disturbed).then_some(ceiling / 2.0)
    }
}

fn same(left: f64, right: f64) -> bool {
    left.to_bits() == right.to_bits()
}

/// The middle as rates are compared, by their ratio; a whole number where that is fine enough.
fn middle(low: f64, high: f64) -> f64 {
    let middle = (low * high).sqrt();
    if middle > 1_000.0 { middle.round() } else { middle }
}

impl Stop {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Generator, Self::Disturbed, Self::Limit, Self::Interrupted];

    /// Its name in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Disturbed => "disturbed",
            Self::Limit => "limit",
            Self::Interrupted => "interrupted",
        }
    }
}

#[cfg(test)]
mod tests;
