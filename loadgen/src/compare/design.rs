//! What is fixed before the first block.

use std::time::Duration;

use super::Metric;

/// Rounds, unless told otherwise.
pub const ROUNDS_DEFAULT: u32 = 12;
/// Rounds at least: with fewer, the test at the smaller of Holm's levels has hardly any outcome that could tell.
pub const ROUNDS_MIN: u32 = 10;
/// Rounds at most.
pub const ROUNDS_MAX: u32 = 200;
/// A block's measure phase, unless told otherwise.
pub const BLOCK_DEFAULT: Duration = Duration::from_secs(2);
/// A shorter measure phase is doubted: schedulers, timers and p99 need their time.
pub const BLOCK_SHORT: Duration = Duration::from_secs(2);
/// What a block discards before it measures.
pub const SETTLE_DEFAULT: Duration = Duration::from_millis(500);
/// Probability of any false difference among the primaries, when there is none.
pub const ALPHA: f64 = 0.01;
/// Relative difference that does not matter, unless told otherwise.
pub const MARGIN_DEFAULT: f64 = 0.02;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first: what the other is compared with.
    A,
    /// The second.
    B,
}

/// The order of a round's blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// A, B, B, A.
    Abba,
    /// B, A, A, B.
    Baab,
}

/// What is fixed before the first block.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// Rounds of four blocks.
    pub rounds: u32,
    /// Of the rounds' orders.
    pub seed: u64,
    /// A block's measure phase, in nanoseconds.
    pub block_ns: u64,
    /// What a block discards before it, in nanoseconds.
    pub settle_ns: u64,
    /// Requests a second that each server is offered.
    pub rate: f64,
    /// Probability of any false difference among the primaries, when there is none.
    pub alpha: f64,
    /// Relative difference that does not matter: 0.02 is 2%.
    pub margin: f64,
    /// The metrics that get an answer.
    pub primaries: [Metric; 2],
}

impl Default for Design {
    fn default() -> Self {
        Self {
            rounds: ROUNDS_DEFAULT,
            seed: 0,
            block_ns: BLOCK_DEFAULT.as_nanos() as u64,
            settle_ns: SETTLE_DEFAULT.as_nanos() as u64,
            rate: 0.0,
            alpha: ALPHA,
            margin: MARGIN_DEFAULT,
            primaries: Metric::LOCAL,
        }
    }
}

impl Design {
    /// The order of a round: a coin for each, tossed by the seed alone.
    pub fn order(&self, round: u32) -> Order {
        let word = split_mix(self.seed.wrapping_add(u64::from(round).wrapping_mul(GOLDEN)));
        if word >> 63 == 0 { Order::Abba } else { Order::Baab }
    }
}

/// 2^64 divided by the golden ratio, odd.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of SplitMix64 (Steele, Lea and Flood 2014): neighbours in, strangers out.
fn split_mix(word: u64) -> u64 {
    let word = word.wrapping_add(GOLDEN);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Order {
    /// Who is loaded in each of the four blocks.
    pub const fn sides(self) -> [Side; 4] {
        match self {
            Self::Abba => [Side::A, Side::B, Side::B, Side::A],
            Self::Baab => [Side::B, Side::A, Side::A, Side::B],
        }
    }

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Abba => "ABBA",
            Self::Baab => "BAAB",
        }
    }
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_gives_the_published_numbers() {
        // The first outputs of the reference implementation for the seed 1234567.
        let expected = [6_457_827_717_110_365_317_u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        let found = [0_u64, 1, 2].map(|step| split_mix(1_234_567_u64.wrapping_add(step.wrapping_mul(GOLDEN))));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_seed_fixes_the_orders_and_both_are_as_likely() {
        let orders =
            |seed| (0..1000).map(|round| Design { seed, ..Design::default() }.order(round)).collect::<Vec<_>>();
        assert_eq!(orders(7), orders(7));
        assert_ne!(orders(7), orders(8));
        let abba = orders(7).iter().filter(|order| **order == Order::Abba).count();
        assert!((400..600).contains(&abba), "{abba}");
    }

    #[test]
    fn a_round_loads_each_server_twice_and_every_pair_has_both() {
        for order in [Order::Abba, Order::Baab] {
            let sides = order.sides();
            assert!(sides.chunks(2).all(|pair| pair[0] != pair[1]));
            assert_eq!(sides.map(Side::name).concat().to_uppercase(), order.name());
        }
    }
}
