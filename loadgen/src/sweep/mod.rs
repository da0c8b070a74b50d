//! Sweeping: the highest rate at which a target still meets a service-level objective.
//!
//! [`Search`] is the whole course as a state machine: it says which rate to try and takes what came of it, so it is
//! tested against targets that are nothing but a formula. It doubles the rate until the objective fails, halves the gap
//! between the highest rate that met it and the lowest that failed until they are within 5%, and then wants the former
//! to meet it in three of three repeats: a rate that failed once has failed.

mod fit;
mod search;
mod step;

pub use fit::{FIT_POINTS_MIN, Fit, fit};
pub use search::{GAP_MAX, HALVINGS_MAX, RATE_MAX, REPEATS, Search, Stop, TRIES_MAX, Try};
pub use step::{Outcome, Point, SERVED_MIN, Step, points};

use crate::record::{Host, Setup};

/// What a sweep found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    /// The target's limit lies between.
    Between {
        /// The highest rate that met the objective in every repeat.
        met: f64,
        /// The lowest that failed.
        failed: f64,
    },
    /// The target met it up to here; beyond, the generator or the machine gave out first, or the sweep was told to stop.
    AtLeast {
        /// The highest rate that met the objective in every repeat.
        met: f64,
        /// Why it went no higher.
        why: Stop,
    },
    /// No rate met it.
    Never {
        /// The lowest that failed, if any could be judged.
        failed: Option<f64>,
    },
}

/// A finished sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Of the runs: target, connections, the length of a step. Its rate is that of the first step.
    pub setup: Setup,
    /// The machine.
    pub host: Host,
    /// When the first step began, whole seconds since 1970-01-01, UTC.
    pub started_s: u64,
    /// The objectives as the user wrote them; a step meets them together.
    pub objectives: Vec<String>,
    /// What the curve shows: the figure of the first objective, `p99`.
    pub figure: String,
    /// Its unit: `us`.
    pub unit: String,
    /// Its bound in that unit, for the line across the curve; `None` if it is not an upper bound.
    pub bound: Option<f64>,
    /// Every step in the order of measurement, those that were not judged among them.
    pub steps: Vec<Step>,
    /// What it found.
    pub answer: Answer,
    /// The judged steps by rate: what the curve shows.
    pub points: Vec<Point>,
    /// A smooth curve, only where it stays within the points' ranges.
    pub fit: Option<Fit>,
    /// Ctrl-C ended it before its answer was confirmed.
    pub interrupted: bool,
    /// The target stopped answering, which ended it.
    pub gone: bool,
}

impl Answer {
    /// Its name in the JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Between { .. } => "between",
            Self::AtLeast { .. } => "at_least",
            Self::Never { .. } => "never",
        }
    }
}
