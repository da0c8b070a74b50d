//! What the tests of several files share, and a whole comparison.

use super::*;
use crate::record::Judgement;

/// A quiet block with these figures.
pub(super) fn block(turn: Turn, target_cpu: f64, response_p99: f64) -> Block {
    let mut values = [None; Metric::ALL.len()];
    for (metric, us) in [(Metric::TargetCpu, target_cpu), (Metric::ResponseP99, response_p99)] {
        values[metric as usize] = Some(Value { us, is_bound: false });
    }
    Block {
        round: turn.round,
        attempt: turn.attempt,
        place: turn.place,
        side: turn.side,
        used: true,
        values,
        rate: 1_000.0,
        due: 2_000,
        ok: 2_000,
        judgement: Judgement::default(),
    }
}
