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

/// Of a judged run. A run that cannot be believed wins over a threshold: its figures say nothing about it.
pub fn exit_status(run: &RunRecord, strict: bool) -> ExitStatus {
    let doubted_from = if strict { Verdict::Suspect } else { Verdict::Invalid };
    match run {
        run if run.interrupted => ExitStatus::Interrupted,
        run if !run.answered => ExitStatus::NoAnswer,
        run if run.judgement.verdict >= doubted_from => ExitStatus::Doubtful,
        run if run.thresholds.iter().any(|threshold| !threshold.pass) => ExitStatus::ThresholdFailed,
        _ => ExitStatus::Good,
    }
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
