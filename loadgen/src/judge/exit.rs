//! How the process ends.

use crate::record::{RunRecord, Verdict};

/// The exit status of a run, see `docs/INTERFACES.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Valid or suspect, and the thresholds hold.
    Good,
    /// A threshold does not hold.
    ThresholdFailed,
    /// Wrong words, a bad URL, limits too low.
    Usage,
    /// Invalid, or suspect with `--strict`.
    Doubtful,
    /// The target never answered.
    NoAnswer,
    /// SIGINT ended it; the report is written all the same.
    Interrupted,
    /// SIGTERM ended it; the report is written all the same.
    Terminated,
}

impl ExitStatus {
    /// What the process returns.
    pub const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::ThresholdFailed => 1,
            Self::Usage => 2,
            Self::Doubtful => 3,
            Self::NoAnswer => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// What decides how the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// A signal ended the measurement.
    pub interrupted: bool,
    /// The target answered at all.
    pub answered: bool,
    /// How far the figures can be believed.
    pub verdict: Verdict,
    /// Every threshold that was asked holds.
    pub thresholds_hold: bool,
}

impl Outcome {
    /// Figures that cannot be believed win over a threshold: they say nothing about it. With `strict`, a suspicion is
    /// enough.
    pub fn exit_status(self, strict: bool) -> ExitStatus {
        let doubted_from = if strict { Verdict::Suspect } else { Verdict::Invalid };
        match self {
            Self { interrupted: true, .. } => ExitStatus::Interrupted,
            Self { answered: false, .. } => ExitStatus::NoAnswer,
            Self { verdict, .. } if verdict >= doubted_from => ExitStatus::Doubtful,
            Self { thresholds_hold: false, .. } => ExitStatus::ThresholdFailed,
            _ => ExitStatus::Good,
        }
    }
}

/// Of a judged run.
pub fn exit_status(run: &RunRecord, strict: bool) -> ExitStatus {
    let outcome = Outcome {
        interrupted: run.interrupted,
        answered: run.answered,
        verdict: run.judgement.verdict,
        thresholds_hold: run.thresholds.iter().all(|threshold| threshold.pass),
    };
    outcome.exit_status(strict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Judgement, ThresholdResult};

    #[test]
    fn the_table_of_exit_status() {
        use Verdict::{Invalid, Suspect, Valid};
        let rows = [
            // answered, interrupted, verdict, threshold holds, strict
            ((true, false, Valid, true, false), 0),
            ((true, false, Suspect, true, false), 0),
            ((true, false, Suspect, true, true), 3),
            ((true, false, Valid, true, true), 0),
            ((true, false, Valid, false, false), 1),
            ((true, false, Invalid, false, false), 3),
            ((true, false, Suspect, false, true), 3),
            ((false, false, Invalid, false, true), 4),
            ((true, true, Invalid, false, true), 130),
            ((false, true, Valid, true, false), 130),
        ];
        for ((answered, interrupted, verdict, pass, strict), status) in rows {
            let judgement = Judgement { verdict, ..Judgement::default() };
            let thresholds = vec![ThresholdResult { expression: "p99>5ms".to_owned(), value: None, pass }];
            let run = RunRecord { answered, interrupted, thresholds, judgement, ..RunRecord::default() };
            assert_eq!(exit_status(&run, strict).code(), status, "{verdict} {pass} {strict}");
        }
    }
}
