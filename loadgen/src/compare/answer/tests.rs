//! Answers from intervals, and rows from blocks.

use super::*;
use crate::compare::tests::{block, synthetic};
use crate::compare::{Comparison, Rounds, Value};

fn finding(low: f64, ratio: f64, high: f64) -> Finding {
    let interval = Interval { low, high };
    Finding { ratio, interval, level: 0.01, interval_95: interval, p: 0.5, autocorrelation: 0.0 }
}

#[test]
fn the_interval_decides() {
    let rows = [
        (0.93, 0.95, 0.97, Answer::Lower),
        (0.985, 0.99, 0.995, Answer::Lower),
        (1.01, 1.02, 1.03, Answer::Higher),
        (0.985, 1.0, 1.015, Answer::Same),
        (1.0, 1.01, 1.02, Answer::Same),
        // 0.98 is further away than 1.02, and the answer must not depend on who is called A.
        (0.9801, 1.0, 1.019, Answer::CannotTell { rounds: Some(13) }),
        (0.96, 1.0, 1.04, Answer::CannotTell { rounds: Some(50) }),
        (0.99, 1.05, 1.11, Answer::CannotTell { rounds: Some(17) }),
        (0.0, 1.0, f64::INFINITY, Answer::CannotTell { rounds: None }),
    ];
    for (low, ratio, high, expected) in rows {
        assert_eq!(answer(&finding(low, ratio, high), 0.02, 12), expected, "{low} {ratio} {high}");
    }
}

#[test]
fn primaries_come_first_and_only_they_are_answered() {
    let comparison = synthetic(1, 12, 1.0, 0.01);
    let metrics: Vec<_> = comparison.rows.iter().map(|row| (row.metric, row.answer.is_some())).collect();
    assert_eq!(metrics, [(Metric::TargetCpu, true), (Metric::ResponseP99, true)]);

    let design = Design { primaries: Metric::REMOTE, ..comparison.design.clone() };
    let remote = Comparison { design, blocks: comparison.blocks, ..Comparison::default() }.conclude();
    let metrics: Vec<_> = remote.rows.iter().map(|row| (row.metric, row.answer.is_some())).collect();
    assert_eq!(metrics, [(Metric::ResponseP50, true), (Metric::ResponseP99, true), (Metric::TargetCpu, false)]);
    assert_eq!(remote.rows[0].answer, Some(Answer::CannotTell { rounds: None }), "nothing was measured of it");
    assert!(!remote.is_answered());
}

#[test]
fn a_row_holds_one_log_ratio_for_each_pair_and_leaves_gaps_out() {
    let mut rounds = Rounds::new(Design { rounds: 10, ..Design::default() });
    while let Some(turn) = rounds.turn() {
        let mut block = block(turn, if turn.side == Side::A { 4.0 } else { 5.0 }, 100.0);
        if turn.round == 3 && turn.place == 0 {
            block.values[Metric::ResponseP99 as usize] = None;
        }
        rounds.handle_block(block);
    }
    let rows = rows(&Design { rounds: 10, ..Design::default() }, &rounds.into_blocks());
    assert_eq!((rows[0].log_ratios.len(), rows[1].log_ratios.len()), (20, 19));
    assert!(rows[0].log_ratios.iter().all(|log_ratio| (log_ratio - 1.25_f64.ln()).abs() < 1e-12));
    let exact = |us| Some(Value { us, is_bound: false });
    assert_eq!((rows[0].a, rows[0].b), (exact(4.0), exact(5.0)));
    assert_eq!((rows[0].answer, rows[1].answer), (Some(Answer::Higher), Some(Answer::Same)));
}

#[test]
fn bounds_count_as_the_least_that_they_can_be() {
    let mut rounds = Rounds::new(Design { rounds: 10, ..Design::default() });
    while let Some(turn) = rounds.turn() {
        let mut block = block(turn, 4.0, 100.0);
        if turn.side == Side::B {
            block.values[Metric::ResponseP99 as usize] = Some(Value { us: 5_000_000.0, is_bound: true });
        }
        rounds.handle_block(block);
    }
    let rows = rows(&Design { rounds: 10, ..Design::default() }, &rounds.into_blocks());
    assert_eq!(rows[1].answer, Some(Answer::Higher));
    assert_eq!((rows[1].bounds, rows[1].b.map(|value| value.is_bound)), ((false, true), Some(true)));
}

/// Figures of both are the timeout, or the one that is lower is: nobody knows which server is slower.
#[test]
fn bounds_that_say_nothing_are_no_answer() {
    let answer_of = |a: Value, b: Value| {
        let mut rounds = Rounds::new(Design { rounds: 10, ..Design::default() });
        while let Some(turn) = rounds.turn() {
            let mut block = block(turn, 4.0, 100.0);
            let noise = if turn.round % 2 == 0 { 1.001 } else { 0.999 };
            let b = Value { us: b.us * noise, ..b };
            block.values[Metric::ResponseP99 as usize] = Some(if turn.side == Side::A { a } else { b });
            rounds.handle_block(block);
        }
        rows(&Design { rounds: 10, ..Design::default() }, &rounds.into_blocks())[1].answer
    };
    let (exact, bound) = (|us| Value { us, is_bound: false }, |us| Value { us, is_bound: true });
    let cannot_tell = Some(Answer::CannotTell { rounds: None });
    assert_eq!(answer_of(bound(50.0), bound(50.0)), cannot_tell);
    assert_eq!(answer_of(bound(50.0), bound(90.0)), cannot_tell);
    assert_eq!(answer_of(exact(50.0), bound(40.0)), cannot_tell);
    assert_eq!(answer_of(exact(50.0), bound(50.0)), cannot_tell, "it may be far more");
    assert_eq!(answer_of(exact(50.0), bound(60.0)), Some(Answer::Higher));
    assert_eq!(answer_of(bound(60.0), exact(50.0)), Some(Answer::Lower));
    assert_eq!(answer_of(exact(50.0), exact(50.0)), Some(Answer::Same));
}
