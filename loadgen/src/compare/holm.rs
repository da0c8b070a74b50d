//! Several tests, one promise: Holm's step-down procedure.

/// The level at which each of several hypotheses is tested, so that the chance of any false rejection is at most
/// `alpha`, whatever their dependence (Holm 1979).
///
/// The smallest p-value is tested at alpha / m, the next at alpha / (m - 1) and so on, until one is not rejected; those
/// behind it are tested at its level, where they are not rejected either. So "p <= level" is the procedure's decision for
/// each of them, and an interval at that level agrees with it.
pub fn levels(p_values: &[f64], alpha: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|left, right| p_values[*left].total_cmp(&p_values[*right]));
    let mut levels = vec![0.0; p_values.len()];
    let mut left = p_values.len();
    for index in order {
        let level = alpha / left as f64;
        levels[index] = level;
        if p_values[index] <= level && left > 1 {
            left -= 1;
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_procedure_by_hand() {
        let rows: [(&[f64], &[f64]); 6] = [
            (&[0.001, 0.008], &[0.005, 0.01]),
            (&[0.008, 0.001], &[0.01, 0.005]),
            (&[0.006, 0.009], &[0.005, 0.005]),
            (&[0.001, 0.9], &[0.005, 0.01]),
            (&[0.002, 0.004, 0.02], &[0.01 / 3.0, 0.005, 0.01]),
            (&[], &[]),
        ];
        for (p_values, expected) in rows {
            assert_eq!(levels(p_values, 0.01), expected, "{p_values:?}");
        }
    }
}
