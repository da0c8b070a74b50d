//! Whether a run can be believed, and whether it held what was asked of it. Pure: a record in, a judgement out.
//!
//! The verdict judges the instrument alone, by the table in `docs/INTERFACES.md`; each row is a function of `rules`.
//! What the target did (overloaded, errors, resets) stands in the notes and in the thresholds.

mod exit;
mod notes;
mod rules;
mod threshold;

pub use exit::{ExitStatus, Outcome, exit_status};
pub use threshold::{Threshold, ThresholdError};

use crate::record::{Judgement, RunRecord, Verdict};

/// What a run is for: it changes two rows of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Its own figures are read.
    #[default]
    Alone,
    /// It is a block of a comparison: a shared core is alike for both arms, a saturated generator is not.
    Compared,
}

/// Judges a finished run, its thresholds among it: evaluate them first.
pub fn judge(run: &RunRecord) -> Judgement {
    judge_for(run, Purpose::Alone)
}

/// Judges a finished run for a purpose.
pub fn judge_for(run: &RunRecord, purpose: Purpose) -> Judgement {
    let mut reasons = rules::reasons(run, purpose);
    // Stable: equals stay in the order of the table.
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.level));
    let verdict = reasons.first().map_or(Verdict::Valid, |reason| reason.level);
    Judgement { verdict, reasons, notes: notes::notes(run, purpose) }
}
