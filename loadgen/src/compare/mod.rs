//! Comparing two servers: which blocks to measure, and what they say.
//!
//! A *block* loads one server for a few seconds. A *round* is four blocks in the order ABBA or BAAB, drawn by the seed,
//! so that a machine that drifts hurts both servers alike. Two adjacent blocks of a round are a *pair*, and the natural
//! logarithm of b / a within a pair is the unit of everything that is computed; there are two pairs in a round.
//!
//! What will be judged is fixed before the first block: two *primary* metrics. Each is tested with the exact signed-rank
//! test ([`SignedRank`]), both together by Holm's procedure, and its interval is that of the same test at the same
//! level, so the answer and the interval cannot disagree. Every other metric is *exploratory*: an estimate with a 95%
//! interval and no answer, because among a dozen of them one is always unusual.
//!
//! (A bootstrap over so few rounds finds a difference in one of eight comparisons of a server with itself, and the
//! Mann-Whitney test throws the pairing away.)

mod answer;
mod block;
mod design;
mod holm;
mod judge;
mod metric;
mod rank;
mod rounds;

pub use answer::{Answer, Finding, Row, rows};
pub use block::{Block, Pair, Value, has_bounds, median, pairs};
pub use design::{
    ALPHA, BLOCK_DEFAULT, BLOCK_SHORT, Design, MARGIN_DEFAULT, Order, ROUNDS_DEFAULT, ROUNDS_MAX, ROUNDS_MIN,
    SETTLE_DEFAULT, Side,
};
pub use holm::levels;
pub use judge::{AUTOCORRELATION_MAX, Doubt, DoubtCode, doubts, lag_1};
pub use metric::Metric;
pub use rank::{Interval, SignedRank};
pub use rounds::{REPEATS_MAX, Rounds, Turn};

use crate::record::{Host, Verdict};

/// One of the two servers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arm {
    /// Where it is loaded.
    pub url: String,
    /// How we started it, if we did.
    pub command: Option<String>,
    /// Requests a second of the closed-loop probe; `None` if the rate was given.
    pub saturation: Option<f64>,
    /// Its processes, as far as they are known.
    pub pids: Vec<u32>,
}

/// A finished comparison. Everything in it but the blocks is computed from the blocks.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// A and B.
    pub arms: [Arm; 2],
    /// What was fixed before the first block.
    pub design: Design,
    /// Every option in force that is not in the design, name and value. For reports.
    pub options: Vec<(String, String)>,
    /// Where servers and generator ran, for people: "both servers on core 0, the generator on core 1".
    pub placement: String,
    /// The machine.
    pub host: Host,
    /// When the first block began, whole seconds since 1970-01-01, UTC.
    pub started_s: u64,
    /// Every block in the order of measurement, those of repeated rounds among them.
    pub blocks: Vec<Block>,
    /// Every metric that was measured: the primaries first, in the order of the design.
    pub rows: Vec<Row>,
    /// How often a round was measured again, for steal or throttling.
    pub repeats: u32,
    /// Ctrl-C ended it before its last round.
    pub interrupted: bool,
    /// Who stopped answering, which ended it.
    pub gone: Option<Side>,
    /// The gravest of the doubts.
    pub verdict: Verdict,
    /// Why it is doubted, gravest first.
    pub doubts: Vec<Doubt>,
}

impl Comparison {
    /// Fills in what the blocks say: rows, doubts, verdict.
    pub fn conclude(mut self) -> Self {
        self.rows = rows(&self.design, &self.blocks);
        self.doubts = doubts(&self);
        self.verdict = self.doubts.iter().map(|doubt| doubt.level).max().unwrap_or_default();
        self
    }

    /// The rows that carry an answer.
    pub fn primaries(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.answer.is_some())
    }

    /// Whether every primary metric got an answer other than "cannot tell".
    pub fn is_answered(&self) -> bool {
        let told = |row: &Row| !matches!(row.answer, Some(Answer::CannotTell { .. }));
        self.primaries().count() > 0 && self.primaries().all(told)
    }
}

#[cfg(test)]
mod tests;
