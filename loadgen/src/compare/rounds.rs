//! Which block comes next, and which rounds are measured again.

use super::{Block, Design, Side};

/// How often one round is measured again at most.
pub const REPEATS_MAX: u32 = 3;

/// The block to measure now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Which round, from 0.
    pub round: u32,
    /// 0, or which repetition of the round.
    pub attempt: u32,
    /// The place in the round, 0 to 3.
    pub place: u32,
    /// Who is loaded.
    pub side: Side,
}

/// The course of a comparison: [`Rounds::turn`] says what to measure, [`Rounds::handle_block`] takes what came of it,
/// until there is no turn left.
///
/// A round with a block that was disturbed ([`Block::was_disturbed`]) is measured again in the same order, at most
/// [`REPEATS_MAX`] times; what the servers did is never a ground, or the figures would choose their own rounds.
#[derive(Clone, Debug)]
pub struct Rounds {
    design: Design,
    round: u32,
    attempt: u32,
    /// Of this attempt.
    begun: usize,
    blocks: Vec<Block>,
    repeats: u32,
}

impl Rounds {
    /// Before the first block.
    pub fn new(design: Design) -> Self {
        Self { design, round: 0, attempt: 0, begun: 0, blocks: Vec::new(), repeats: 0 }
    }

    /// What to measure now; `None` when all is done.
    pub fn turn(&self) -> Option<Turn> {
        let place = self.blocks.len() - self.begun;
        let turn = || {
            let side = self.design.order(self.round).sides()[place];
            Turn { round: self.round, attempt: self.attempt, place: place as u32, side }
        };
        (self.round < self.design.rounds).then(turn)
    }

    /// Takes the block of this turn.
    pub fn handle_block(&mut self, block: Block) {
        self.blocks.push(block);
        let attempt = &mut self.blocks[self.begun..];
        if attempt.len() < 4 {
            return;
        }
        if attempt.iter().any(Block::was_disturbed) && self.attempt < REPEATS_MAX {
            discard(attempt);
            self.attempt += 1;
            self.repeats += 1;
        } else {
            self.round += 1;
            self.attempt = 0;
        }
        self.begun = self.blocks.len();
    }

    /// How often a round was measured again so far.
    pub fn repeats(&self) -> u32 {
        self.repeats
    }

    /// Every block. Those of a round that was not brought to its end do not count.
    pub fn into_blocks(mut self) -> Vec<Block> {
        discard(&mut self.blocks[self.begun..]);
        self.blocks
    }
}

fn discard(blocks: &mut [Block]) {
    for block in blocks {
        block.used = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::tests::block;
    use crate::record::{Reason, ReasonCode, Verdict};

    fn disturbed(turn: Turn, code: ReasonCode) -> Block {
        let reason = Reason { code, level: Verdict::Suspect, text: String::new(), value: 1.0, limit: 0.0 };
        let mut block = block(turn, 1.0, 1.0);
        block.judgement.reasons.push(reason);
        block
    }

    #[test]
    fn a_quiet_course_has_four_blocks_a_round() {
        let mut rounds = Rounds::new(Design { rounds: 3, ..Design::default() });
        let mut turns = 0;
        while let Some(turn) = rounds.turn() {
            assert_eq!((turn.round, turn.place, turn.attempt), (turns / 4, turns % 4, 0));
            rounds.handle_block(block(turn, 1.0, 1.0));
            turns += 1;
        }
        assert_eq!((turns, rounds.repeats()), (12, 0));
        assert!(rounds.into_blocks().iter().all(|block| block.used));
    }

    #[test]
    fn a_disturbed_round_is_measured_again_three_times_at_most() {
        let mut rounds = Rounds::new(Design { rounds: 2, ..Design::default() });
        while let Some(turn) = rounds.turn() {
            let is_bad = turn.round == 0 && turn.place == 2;
            rounds.handle_block(if is_bad { disturbed(turn, ReasonCode::Steal) } else { block(turn, 1.0, 1.0) });
        }
        assert_eq!(rounds.repeats(), REPEATS_MAX);
        let blocks = rounds.into_blocks();
        assert_eq!(blocks.len(), 4 * 5);
        let used: Vec<_> = blocks.iter().filter(|block| block.used).map(|block| (block.round, block.attempt)).collect();
        assert_eq!(used, [[(0, 3); 4], [(1, 0); 4]].concat());
    }

    #[test]
    fn what_the_server_does_is_no_ground_to_repeat() {
        let mut rounds = Rounds::new(Design { rounds: 1, ..Design::default() });
        while let Some(turn) = rounds.turn() {
            rounds.handle_block(disturbed(turn, ReasonCode::Censored));
        }
        assert_eq!(rounds.repeats(), 0);
    }

    #[test]
    fn a_round_cut_short_does_not_count() {
        let mut rounds = Rounds::new(Design { rounds: 2, ..Design::default() });
        for _ in 0..6 {
            let turn = rounds.turn().expect("eight blocks");
            rounds.handle_block(block(turn, 1.0, 1.0));
        }
        let used = rounds.into_blocks().iter().filter(|block| block.used).count();
        assert_eq!(used, 4);
    }
}
