//! In which order a round measures its arms.

/// It begins one further each time, and backwards once every arm has begun: in two such cycles each arm stands at each
/// place twice, and follows each of its neighbours as often as it goes before it.
pub(crate) fn order(arms: usize, round: usize) -> impl Iterator<Item = usize> {
    let forward = (round / arms.max(1)).is_multiple_of(2);
    (0..arms).map(move |place| {
        let place = (place + round) % arms;
        if forward { place } else { arms - 1 - place }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_take_turns_at_every_place_and_with_every_neighbour() {
        for arms in 1..=8 {
            let mut at = vec![vec![0; arms]; arms];
            let mut behind = vec![vec![0; arms]; arms];
            for round in 0..2 * arms {
                let order: Vec<usize> = order(arms, round).collect();
                order.iter().enumerate().for_each(|(place, &arm)| at[arm][place] += 1);
                order.windows(2).for_each(|pair| behind[pair[1]][pair[0]] += 1);
            }
            assert!(at.iter().flatten().all(|&times| times == 2), "{arms} arms: {at:?}");
            for (arm, times) in behind.iter().enumerate() {
                assert!((0..arms).all(|other| times[other] == behind[other][arm]), "{arms} arms: {behind:?}");
            }
        }
    }
}
