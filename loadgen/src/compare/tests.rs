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

/// Noise for synthetic comparisons, from a seed.
pub(super) struct Noise(u64);

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Above 0, below 1 (xorshift64*, Vigna 2016).
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Normal, by Box and Muller.
    pub(super) fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Student's t: the fewer degrees of freedom, the heavier the tails; with 2 there is no variance.
    pub(super) fn student(&mut self, freedom: u32) -> f64 {
        let square: f64 = (0..freedom).map(|_| self.normal().powi(2)).sum();
        self.normal() / (square / f64::from(freedom)).sqrt()
    }
}

/// A comparison on a machine that drifts: a slope and a random walk that both servers share, and heavy-tailed noise of
/// each block. B's figures are `ratio` times A's.
pub(super) fn synthetic(seed: u64, rounds: u32, ratio: f64, scale: f64) -> Comparison {
    let mut noise = Noise::new(seed + 1);
    let mut rounds = Rounds::new(Design { rounds, seed, ..Design::default() });
    let (slope, mut walk) = (0.5 * scale * noise.normal(), [0.0_f64; 2]);
    let mut count = 0.0;
    while let Some(turn) = rounds.turn() {
        count += 1.0;
        for level in &mut walk {
            *level += 0.3 * scale * noise.normal();
        }
        let side = if turn.side == Side::B { ratio.ln() } else { 0.0 };
        let cpu = side + slope * count + walk[0] + scale * noise.student(3);
        let p99 = side + slope * count + walk[1] + 4.0 * scale * noise.student(2);
        rounds.handle_block(block(turn, 5.0 * cpu.exp(), 800.0 * p99.exp()));
    }
    let design = Design { rounds: 12, seed, ..Design::default() };
    Comparison { design, blocks: rounds.into_blocks(), ..Comparison::default() }.conclude()
}

/// Must show: of 2,000 comparisons of a server with itself at most 1.5% find a difference, and the 95% interval holds
/// the truth in 94 to 97% of them.
#[test]
fn a_server_does_not_differ_from_itself() {
    const SERIES: u64 = 2_000;
    let (mut false_answers, mut covered) = (0, [0; 2]);
    for seed in 0..SERIES {
        let comparison = synthetic(seed, 12, 1.0, 0.01);
        false_answers += u64::from(comparison.primaries().any(|row| row.answer.is_some_and(Answer::is_difference)));
        for (row, covered) in comparison.primaries().zip(&mut covered) {
            let finding = row.finding.as_ref().expect("24 pairs");
            *covered += u64::from(finding.interval_95.contains(1.0));
        }
    }
    println!("{false_answers} of {SERIES} false, 95% intervals covered {covered:?}");
    assert!(false_answers * 1000 <= SERIES * 15, "{false_answers} of {SERIES} are false");
    for covered in covered {
        assert!((940..=970).contains(&(covered * 1000 / SERIES)), "covered {covered} of {SERIES}");
    }
}

#[test]
fn a_known_difference_lies_in_the_interval() {
    let (mut covered, mut found, mut same) = (0, 0, 0);
    for seed in 0..500 {
        let comparison = synthetic(seed, 12, 1.05, 0.01);
        let row = &comparison.rows[0];
        let finding = row.finding.as_ref().expect("24 pairs");
        covered += u32::from(finding.interval.contains(1.05));
        found += u32::from(row.answer == Some(Answer::Higher));
        same += u32::from(row.answer == Some(Answer::Same));
    }
    assert!(covered >= 490 && found >= 490 && same == 0, "covered {covered}, found {found}, same {same} of 500");
}

#[test]
fn what_lies_beyond_the_margin_is_never_the_same() {
    for scale in [0.002, 0.01, 0.03] {
        let same = (0..300).filter(|seed| synthetic(*seed, 12, 1.03, scale).rows[0].answer == Some(Answer::Same));
        assert_eq!(same.count(), 0, "{scale}");
    }
}

#[test]
fn the_rounds_that_it_would_take_are_about_right() {
    // At this noise 12 rounds leave most comparisons of a server with itself open.
    let first = (0..200).map(|seed| synthetic(seed, 12, 1.0, 0.03));
    let mut asked: Vec<u32> = first
        .filter_map(|comparison| match comparison.rows[0].answer {
            Some(Answer::CannotTell { rounds }) => rounds,
            _ => None,
        })
        .collect();
    assert!(asked.len() > 150, "{}", asked.len());
    asked.sort_unstable();
    let median = asked[asked.len() / 2];
    let told = (0..100).filter(|seed| {
        let comparison = synthetic(*seed, median, 1.0, 0.03);
        comparison.rows[0].answer == Some(Answer::Same)
    });
    let told = told.count();
    assert!((25..=95).contains(&told), "{told} of 100 with {median} rounds");
}

#[test]
fn exchanging_the_servers_turns_the_answer_round() {
    let comparison = synthetic(3, 12, 1.08, 0.01);
    let mut blocks = comparison.blocks.clone();
    for block in &mut blocks {
        block.side = if block.side == Side::A { Side::B } else { Side::A };
    }
    let turned = Comparison { design: comparison.design.clone(), blocks, ..Comparison::default() }.conclude();
    let answers = [&comparison, &turned].map(|comparison| comparison.rows[0].answer);
    assert_eq!(answers, [Some(Answer::Higher), Some(Answer::Lower)]);
    let ratio = |comparison: &Comparison| comparison.rows[0].finding.as_ref().expect("24 pairs").ratio;
    assert!((ratio(&comparison) * ratio(&turned) - 1.0).abs() < 1e-12);
}

/// Also where the machine disturbed every round in which that shows, so that none of them counts.
#[test]
fn a_server_that_is_gone_is_a_doubt_whatever_rounds_count() {
    let silent = |place| {
        let side = if place == 1 { Side::B } else { Side::A };
        let whole = block(Turn { round: 0, attempt: 0, place, side }, 1.0, 1.0);
        Block { used: false, ok: if side == Side::B { 0 } else { whole.due }, ..whole }
    };
    let blocks = vec![silent(0), silent(1)];
    for (gone, doubted) in [(None, false), (Some(Side::A), false), (Some(Side::B), true)] {
        let comparison = Comparison { blocks: blocks.clone(), gone, ..Comparison::default() }.conclude();
        assert_eq!(comparison.doubts.iter().any(|doubt| doubt.code == DoubtCode::NotAnswered), doubted, "{gone:?}");
    }
}
