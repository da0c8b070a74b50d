//! One block, and the pairs that blocks make.

use super::{Metric, Side};
use crate::record::{Judgement, Note, ReasonCode, RunRecord, Verdict};

/// A metric's figure in one block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// Microseconds.
    pub us: f64,
    /// The true figure is this or more: its rank falls among requests that did not end.
    pub is_bound: bool,
}

/// One server loaded for a few seconds.
#[derive(Clone, Debug)]
pub struct Block {
    /// Which round, from 0.
    pub round: u32,
    /// 0, or which repetition of the round.
    pub attempt: u32,
    /// Its place in the round, 0 to 3.
    pub place: u32,
    /// Who was loaded.
    pub side: Side,
    /// Whether it counts: the blocks of a round that was measured again do not.
    pub used: bool,
    /// By the number of the metric.
    pub values: [Option<Value>; Metric::ALL.len()],
    /// Completed requests a second.
    pub rate: f64,
    /// Requests due.
    pub due: u64,
    /// Answers with a status below 400 that `--check`, if it was asked for, let pass.
    pub ok: u64,
    /// What the run says of itself, what both sides share left out.
    pub judgement: Judgement,
}

/// Two adjacent blocks of a round, one of each server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Which round, from 0.
    pub round: u32,
    /// Of A.
    pub a: Value,
    /// Of B.
    pub b: Value,
}

impl Block {
    /// What a run was, as a block. That both ran on the generator's core is no doubt here: it is so for both.
    pub fn new(round: u32, attempt: u32, place: u32, side: Side, run: &RunRecord) -> Self {
        Self {
            round,
            attempt,
            place,
            side,
            used: true,
            values: Metric::ALL.map(|metric| metric.of(run)),
            rate: run.rate(),
            due: run.record.requests.due,
            ok: run.record.good(),
            judgement: judgement(&run.judgement),
        }
    }

    /// A metric's figure.
    pub fn value(&self, metric: Metric) -> Option<Value> {
        self.values[metric as usize]
    }

    /// Whether the machine was taken away from us: the only grounds on which a round is measured again, because they
    /// do not depend on what was measured.
    pub fn was_disturbed(&self) -> bool {
        self.judgement.reasons.iter().any(|reason| matches!(reason.code, ReasonCode::Steal | ReasonCode::Throttled))
    }
}

fn judgement(run: &Judgement) -> Judgement {
    let mut judgement = run.clone();
    let before = judgement.reasons.len();
    judgement.reasons.retain(|reason| reason.code != ReasonCode::SharedCore);
    if judgement.reasons.len() < before && !judgement.notes.contains(&Note::SharedCore) {
        judgement.notes.push(Note::SharedCore);
    }
    judgement.verdict = judgement.reasons.iter().map(|reason| reason.level).max().unwrap_or(Verdict::Valid);
    judgement
}

/// The pairs of a metric in the order of measurement, from the blocks that count. A pair with a figure missing is left
/// out.
pub fn pairs(blocks: &[Block], metric: Metric) -> Vec<Pair> {
    let used: Vec<&Block> = blocks.iter().filter(|block| block.used).collect();
    let adjacent = used.chunks_exact(2).filter(|two| two[0].round == two[1].round && two[0].side != two[1].side);
    let pair = |two: &[&Block]| {
        let (a, b) = if two[0].side == Side::A { (two[0], two[1]) } else { (two[1], two[0]) };
        Some(Pair { round: a.round, a: a.value(metric)?, b: b.value(metric)? })
    };
    adjacent.filter_map(pair).collect()
}

impl Pair {
    /// The natural logarithm of b / a: the unit of the statistics.
    pub fn log_ratio(&self) -> f64 {
        (self.b.us / self.a.us).ln()
    }
}

/// Whether a figure of a side is only known to be no less than what was measured.
pub fn has_bounds(pairs: &[Pair], side: Side) -> bool {
    pairs.iter().any(|pair| if side == Side::A { pair.a.is_bound } else { pair.b.is_bound })
}

/// The median of a metric over a side's blocks that count; a bound, if one that is no higher is among them.
pub fn median(blocks: &[Block], side: Side, metric: Metric) -> Option<Value> {
    let of_side = blocks.iter().filter(|block| block.used && block.side == side);
    let mut values: Vec<Value> = of_side.filter_map(|block| block.value(metric)).collect();
    values.sort_by(|one, other| one.us.total_cmp(&other.us));
    let half = values.len() / 2;
    let us = match values.len() {
        0 => return None,
        odd if odd % 2 == 1 => values[half].us,
        _ => f64::midpoint(values[half - 1].us, values[half].us),
    };
    Some(Value { us, is_bound: values[..=half].iter().any(|value| value.is_bound) })
}
