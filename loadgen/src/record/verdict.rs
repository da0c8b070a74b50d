//! What a run says of itself: whether its figures can be believed, and why not.
//!
//! The verdict judges the instrument alone. What the target did stands in the notes and the thresholds, and never makes
//! a run invalid.

use std::fmt;

/// How far a run can be believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing speaks against it.
    #[default]
    Valid,
    /// Read it with the reasons beside it.
    Suspect,
    /// The instrument did not measure what it was asked to.
    Invalid,
}

/// Why a run is doubted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonCode {
    /// A free connection stood ready, yet the request left late.
    BehindSchedule,
    /// The generator's thread had hardly any time left.
    GeneratorSaturated,
    /// Fewer requests left than the plan wants, by the generator's lag.
    RateShort,
    /// Ports, descriptors, memory or names of our own ran out.
    OwnErrors,
    /// A percentile was withheld.
    FewSamples,
    /// Some times are only lower bounds.
    Censored,
    /// Some times were above the histogram's end.
    Clamped,
    /// Generator and target ran on one core.
    SharedCore,
    /// The hypervisor took CPU time away.
    Steal,
    /// The cgroup's CPU quota throttled us.
    Throttled,
    /// The clock frequency moved.
    Frequency,
    /// The measure phase began with requests of the warm-up still due.
    BacklogAtStart,
    /// A report could not be written as fast as it came.
    ReportWriteWait,
    /// Ctrl-C ended the measure phase.
    Interrupted,
}

/// One doubt.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// Which.
    pub code: ReasonCode,
    /// How grave.
    pub level: Verdict,
    /// For people: what happened and what to do.
    pub text: String,
    /// What was measured, in the unit that the text names.
    pub value: f64,
    /// Where this level begins, in the same unit.
    pub limit: f64,
}

/// Something about the target or the run that is worth knowing and no doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Percentiles are service time; queueing is not seen.
    ClosedLoop,
    /// The target did not keep up with the offered rate.
    TargetOverloaded,
    /// More than 0.1% of the requests failed or were answered with an error.
    TargetErrors,
    /// The target did not take all connections.
    ConnectionsShort,
    /// Connections were opened again.
    Reconnects,
    /// Generator and target share cores on both arms alike (compare).
    SharedCore,
}

/// The verdict with its grounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// The gravest of the reasons.
    pub verdict: Verdict,
    /// The doubts, gravest first.
    pub reasons: Vec<Reason>,
    /// What is worth knowing.
    pub notes: Vec<Note>,
}

/// What `--fail-if` asked and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdResult {
    /// As the user wrote it.
    pub expression: String,
    /// What was measured, in the expression's unit; `None` if it was withheld.
    pub value: Option<f64>,
    /// Whether it held. A withheld value holds nothing.
    pub pass: bool,
}

impl Verdict {
    /// Every one, the gravest last.
    pub const ALL: [Self; 3] = [Self::Valid, Self::Suspect, Self::Invalid];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ReasonCode {
    /// Every one, in the order of the table.
    pub const ALL: [Self; 14] = [
        Self::BehindSchedule,
        Self::GeneratorSaturated,
        Self::RateShort,
        Self::OwnErrors,
        Self::FewSamples,
        Self::Censored,
        Self::Clamped,
        Self::SharedCore,
        Self::Steal,
        Self::Throttled,
        Self::Frequency,
        Self::BacklogAtStart,
        Self::ReportWriteWait,
        Self::Interrupted,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BehindSchedule => "behind_schedule",
            Self::GeneratorSaturated => "generator_saturated",
            Self::RateShort => "rate_short",
            Self::OwnErrors => "own_errors",
            Self::FewSamples => "few_samples",
            Self::Censored => "censored",
            Self::Clamped => "clamped",
            Self::SharedCore => "shared_core",
            Self::Steal => "steal",
            Self::Throttled => "throttled",
            Self::Frequency => "frequency",
            Self::BacklogAtStart => "backlog_at_start",
            Self::ReportWriteWait => "report_write_wait",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Note {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::ClosedLoop,
        Self::TargetOverloaded,
        Self::TargetErrors,
        Self::ConnectionsShort,
        Self::Reconnects,
        Self::SharedCore,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClosedLoop => "closed_loop",
            Self::TargetOverloaded => "target_overloaded",
            Self::TargetErrors => "target_errors",
            Self::ConnectionsShort => "connections_short",
            Self::Reconnects => "reconnects",
            Self::SharedCore => "shared_core",
        }
    }
}
