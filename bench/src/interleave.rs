//! In which order a round measures its arms.

/// It begins one further each time, and every second round runs backwards, so that no arm always follows the same
/// neighbour.
pub(crate) fn order(arms: usize, round: usize) -> impl Iterator<Item = usize> {
    let forward = round.is_multiple_of(2);
    (0..arms).map(move |place| {
        let place = (place + round) % arms;
        if forward { place } else { arms - 1 - place }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_measures_every_arm_once_and_rounds_differ() {
        let orders: Vec<Vec<usize>> = (0..8).map(|round| order(8, round).collect()).collect();
        for order in &orders {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..8).collect::<Vec<_>>());
        }
        assert!(orders.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
