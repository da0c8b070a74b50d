//! What speaks against believing a comparison.

use super::{BLOCK_SHORT, Block, Comparison, ROUNDS_MIN, Row, Side};
use crate::record::{ReasonCode, Verdict};

/// Lag-1 autocorrelation of a primary's log ratios above which neighbouring pairs do not count as two.
pub const AUTOCORRELATION_MAX: f64 = 0.5;
/// Share of the blocks with the same doubt from which the comparison shares it.
const BLOCKS_SUSPECT: f64 = 0.1;
/// Share of the due requests that may go unanswered or be answered with an error before it is said.
const NOT_OK_SHARE: f64 = 0.001;

/// Why a comparison is doubted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoubtCode {
    /// Blocks have this doubt of their own.
    Blocks(ReasonCode),
    /// Neighbouring pairs resemble one another: the test thinks it has more values than it has.
    Autocorrelation,
    /// A primary metric lacks pairs.
    MissingPairs,
    /// Fewer rounds than it takes.
    FewRounds,
    /// Blocks are shorter than 2 s.
    ShortBlocks,
    /// A server did not answer all requests well, and a failing server's cost is another thing.
    NotAnswered,
    /// Ctrl-C.
    Interrupted,
}

/// One doubt.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// Which.
    pub code: DoubtCode,
    /// How grave.
    pub level: Verdict,
    /// For people.
    pub text: String,
    /// What was measured.
    pub value: f64,
    /// Where this level begins.
    pub limit: f64,
}

/// Every doubt, gravest first.
pub fn doubts(comparison: &Comparison) -> Vec<Doubt> {
    let used: Vec<&Block> = comparison.blocks.iter().filter(|block| block.used).collect();
    let mut doubts: Vec<Doubt> = codes(&used).into_iter().filter_map(|code| of_blocks(code, &used)).collect();
    doubts.extend(comparison.primaries().filter_map(autocorrelation));
    doubts.extend(comparison.primaries().filter_map(|row| missing(row, used.len())));
    doubts.extend(few_rounds(used.len()));
    doubts.extend(short_blocks(comparison.design.block_ns));
    // Of a server that is gone every block counts, also those of rounds that were to be made again.
    let all: Vec<&Block> = comparison.blocks.iter().collect();
    let of = |side| if comparison.gone == Some(side) { &all } else { &used };
    doubts.extend(Side::BOTH.into_iter().filter_map(|side| not_answered(side, of(side))));
    doubts.extend(comparison.interrupted.then(interrupted));
    doubts.sort_by_key(|doubt| std::cmp::Reverse(doubt.level));
    doubts
}

/// Every reason that some block has, once.
fn codes(used: &[&Block]) -> Vec<ReasonCode> {
    let mut codes = Vec::new();
    for reason in used.iter().flat_map(|block| &block.judgement.reasons) {
        if !codes.contains(&reason.code) {
            codes.push(reason.code);
        }
    }
    codes
}

/// A rank test bears a few bad blocks; it does not bear many.
fn of_blocks(code: ReasonCode, used: &[&Block]) -> Option<Doubt> {
    let has = |block: &Block, level| block.judgement.reasons.iter().any(|reason| is(reason, code, level));
    let with = |level| used.iter().filter(|block| has(block, level)).count();
    let (suspect, invalid) = (with(Verdict::Suspect), with(Verdict::Invalid));
    let share = |count: usize| count as f64 / used.len().max(1) as f64;
    let (level, count) = match (share(invalid) > BLOCKS_SUSPECT, invalid > 0, share(suspect) > BLOCKS_SUSPECT) {
        (true, ..) => (Verdict::Invalid, invalid),
        (_, true, _) => (Verdict::Suspect, invalid),
        (.., true) => (Verdict::Suspect, suspect),
        _ => return None,
    };
    let text = format!("{count} of {} blocks: {}", used.len(), code.name());
    Some(Doubt { code: DoubtCode::Blocks(code), level, text, value: share(count), limit: BLOCKS_SUSPECT })
}

fn is(reason: &crate::record::Reason, code: ReasonCode, level: Verdict) -> bool {
    reason.code == code && reason.level >= level
}

fn autocorrelation(row: &Row) -> Option<Doubt> {
    let value = row.finding.as_ref()?.autocorrelation;
    let text = || {
        let title = row.metric.title();
        format!(
            "{title}: neighbouring pairs resemble one another (lag-1 autocorrelation {value:.2}); take longer blocks"
        )
    };
    let doubt = |text| suspect(DoubtCode::Autocorrelation, text, value, AUTOCORRELATION_MAX);
    (value > AUTOCORRELATION_MAX).then(|| doubt(text()))
}

fn missing(row: &Row, blocks: usize) -> Option<Doubt> {
    let (expected, found) = (blocks / 2, row.log_ratios.len());
    let text = || format!("{}: {} of {expected} pairs lack a figure", row.metric.title(), expected - found);
    let doubt = |text| suspect(DoubtCode::MissingPairs, text, (expected - found) as f64, 0.0);
    (found < expected).then(|| doubt(text()))
}

fn few_rounds(blocks: usize) -> Option<Doubt> {
    let rounds = blocks / 4;
    let text = || format!("{rounds} whole rounds; an answer takes at least {ROUNDS_MIN}");
    (rounds < ROUNDS_MIN as usize).then(|| suspect(DoubtCode::FewRounds, text(), rounds as f64, f64::from(ROUNDS_MIN)))
}

fn short_blocks(block_ns: u64) -> Option<Doubt> {
    let (seconds, limit) = (block_ns as f64 / 1e9, BLOCK_SHORT.as_secs_f64());
    let text = || format!("blocks of {seconds} s; below {limit} s, timers and schedulers show more than servers do");
    (seconds < limit).then(|| suspect(DoubtCode::ShortBlocks, text(), seconds, limit))
}

fn not_answered(side: Side, blocks: &[&Block]) -> Option<Doubt> {
    let of_side = blocks.iter().filter(|block| block.side == side);
    let (due, ok) = of_side.fold((0, 0), |(due, ok), block| (due + block.due, ok + block.ok));
    let share = due.saturating_sub(ok) as f64 / due.max(1) as f64;
    let text = || {
        let percent = 100.0 * share;
        format!(
            "{} did not answer {percent:.1}% of its requests well; what failing costs is another question",
            side.name()
        )
    };
    (share > NOT_OK_SHARE).then(|| suspect(DoubtCode::NotAnswered, text(), share, NOT_OK_SHARE))
}

fn interrupted() -> Doubt {
    suspect(DoubtCode::Interrupted, "interrupted before the last round".to_owned(), 1.0, 0.0)
}

fn suspect(code: DoubtCode, text: String, value: f64, limit: f64) -> Doubt {
    Doubt { code, level: Verdict::Suspect, text, value, limit }
}

/// The lag-1 autocorrelation of a series; 0 of one that does not vary.
pub fn lag_1(series: &[f64]) -> f64 {
    let mean = series.iter().sum::<f64>() / series.len().max(1) as f64;
    let square: f64 = series.iter().map(|value| (value - mean).powi(2)).sum();
    let product: f64 = series.windows(2).map(|two| (two[0] - mean) * (two[1] - mean)).sum();
    if square > 0.0 { product / square } else { 0.0 }
}

impl DoubtCode {
    /// Its name in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocks(code) => code.name(),
            Self::Autocorrelation => "autocorrelation",
            Self::MissingPairs => "missing_pairs",
            Self::FewRounds => "few_rounds",
            Self::ShortBlocks => "short_blocks",
            Self::NotAnswered => "not_answered",
            Self::Interrupted => "interrupted",
        }
    }
}
