//! Against SciPy's exact test, and against the definition by hand.

use serde_json::Value;

use super::*;

/// How the vectors were made stands in the file itself.
const VECTORS: &str = include_str!("../../../tests/data/signed_rank.json");

fn cases() -> Vec<Value> {
    let vectors: Value = serde_json::from_str(VECTORS).expect("the vectors are JSON");
    vectors["cases"].as_array().expect("a list of cases").clone()
}

fn test_of(case: &Value) -> SignedRank {
    let list = case["differences"].as_array().expect("a list of differences");
    let differences: Vec<f64> = list.iter().map(|value| value.as_f64().expect("a number")).collect();
    SignedRank::new(&differences).expect("some differences")
}

fn close(found: f64, expected: &Value, infinite: f64) -> bool {
    let expected = expected.as_f64().unwrap_or(infinite);
    found.to_bits() == expected.to_bits() || (found - expected).abs() <= 1e-12 * expected.abs().max(1.0)
}

#[test]
fn p_values_estimates_and_intervals_are_those_of_scipy() {
    let cases = cases();
    assert!(cases.len() > 20);
    for case in &cases {
        let test = test_of(case);
        assert!(close(test.p(), &case["p"], f64::NAN), "p {}: {case}", test.p());
        assert!(close(test.estimate(), &case["estimate"], f64::NAN), "estimate {}: {case}", test.estimate());
        for expected in case["intervals"].as_array().expect("a list of intervals") {
            let found = test.interval(expected["level"].as_f64().expect("a level"));
            let ends = &expected["ends"];
            assert!(close(found.low, &ends[0], f64::NEG_INFINITY), "{found:?} for {expected} of {case}");
            assert!(close(found.high, &ends[1], f64::INFINITY), "{found:?} for {expected} of {case}");
        }
    }
}

#[test]
fn the_null_distribution_is_that_of_all_signs() {
    for count in 1..=12_usize {
        let mut ways = vec![0_u32; count * (count + 1) / 2 + 1];
        for signs in 0..1_usize << count {
            ways[(0..count).filter(|bit| signs >> bit & 1 == 1).map(|bit| bit + 1).sum::<usize>()] += 1;
        }
        let mut sum = 0;
        for (w, found) in cumulative(count).into_iter().enumerate() {
            sum += ways[w];
            let expected = f64::from(sum) / f64::from(1_u32 << count);
            assert!((found - expected).abs() < 1e-14, "{count} {w}: {found} for {expected}");
        }
    }
}

#[test]
fn a_long_distribution_keeps_its_tail() {
    // The largest that a comparison can ask for: 400 pairs. All signs alike has the chance 2^-400.
    let cumulative = cumulative(400);
    assert!((cumulative[0] / 0.5_f64.powi(400) - 1.0).abs() < 1e-12);
    assert!((cumulative.last().expect("a distribution") - 1.0).abs() < 1e-12);
}

#[test]
fn zero_lies_in_the_interval_exactly_if_the_test_does_not_reject() {
    // Coarse numbers, so that ties and zeros abound.
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % 21) as f64 / 4.0 - 1.5
    };
    for count in 1..=30 {
        for _ in 0..100 {
            let differences: Vec<f64> = (0..count).map(|_| next()).collect();
            let test = SignedRank::new(&differences).expect("some differences");
            for level in [0.05, 0.01, 0.005] {
                let interval = test.interval(level);
                assert_eq!(test.p() <= level, !interval.contains(0.0), "{level} {interval:?} {differences:?}");
                assert!(interval.contains(test.estimate()), "{differences:?}");
            }
        }
    }
}
