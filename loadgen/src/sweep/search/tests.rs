//! The search against targets that are nothing but a formula.

use super::*;

/// More steps than any search here may take.
const STEPS_MAX: usize = 100;

/// Drives a search to its end; the target says what comes of the step with this rate and number.
fn drive(mut search: Search, mut target: impl FnMut(f64, usize) -> Outcome) -> (Answer, Vec<f64>) {
    let mut rates = Vec::new();
    while let Some(turn) = search.turn() {
        assert!(rates.len() < STEPS_MAX, "no end: {rates:?}");
        search.handle_step(turn.rate, target(turn.rate, rates.len()));
        rates.push(turn.rate);
    }
    (search.answer(), rates)
}

fn limit(at: f64) -> impl Fn(f64, usize) -> Outcome {
    move |rate, _| if rate <= at { Outcome::Met } else { Outcome::Failed }
}

#[test]
fn a_sharp_limit_is_found_within_5_percent() {
    for at in [1_000.0, 1_001.0, 1_999.0, 12_345.6, 333_333.0, 2_000_000.0] {
        let (answer, rates) = drive(Search::new(1_000.0, RATE_MAX), limit(at));
        let Answer::Between { met, failed } = answer else { panic!("{at}: {answer:?}") };
        assert!(met <= at && at < failed && failed <= met * GAP_MAX, "{at}: {met} to {failed}");
        assert_eq!(rates.iter().filter(|rate| same(**rate, met)).count(), REPEATS as usize, "{rates:?}");
        assert!(rates.len() <= 12 + 5 + 2, "{at}: {rates:?}");
    }
}

#[test]
fn the_course_doubles_then_halves_the_gap_then_confirms() {
    let (_, rates) = drive(Search::new(1_000.0, RATE_MAX), limit(4_900.0));
    assert_eq!(rates[..4], [1_000.0, 2_000.0, 4_000.0, 8_000.0]);
    assert_eq!(rates[4..6], [5_657.0, 4_757.0]);
    let last = rates[rates.len() - 2..].to_vec();
    assert!(last.iter().all(|rate| same(*rate, last[0]) && *rate <= 4_900.0), "{rates:?}");
}

#[test]
fn a_first_rate_that_fails_is_halved() {
    let (answer, _) = drive(Search::new(1_000.0, RATE_MAX), limit(70.0));
    assert!(matches!(answer, Answer::Between { met, failed } if met <= 70.0 && failed > 70.0), "{answer:?}");
    let (answer, rates) = drive(Search::new(1_000.0, RATE_MAX), limit(0.0));
    assert_eq!((answer, rates.len()), (Answer::Never { failed: Some(1_000.0 / 1024.0) }, 11));
}

#[test]
fn a_rate_that_fails_in_a_repeat_is_the_new_upper_end() {
    // From 3,000 on every second step fails.
    let flaky = |rate: f64, step: usize| {
        if rate < 3_000.0 || (rate < 6_000.0 && step.is_multiple_of(2)) { Outcome::Met } else { Outcome::Failed }
    };
    let (answer, rates) = drive(Search::new(1_000.0, RATE_MAX), flaky);
    let Answer::Between { met, failed } = answer else { panic!("{answer:?}") };
    assert!(failed <= met * GAP_MAX, "{met} {failed}: {rates:?}");
    assert!(rates.iter().filter(|rate| same(**rate, met)).count() >= REPEATS as usize);
}

#[test]
fn whatever_a_random_target_does_the_search_ends_and_tells_no_lie() {
    for seed in 1..500_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut steps = Vec::new();
        let (answer, _) = drive(Search::new(100.0, 1e6), |rate, _| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let chance = 1.0 / (1.0 + (rate / 20_000.0).powi(4));
            let outcome = match (state >> 11) as f64 / (1_u64 << 53) as f64 {
                draw if draw < 0.05 => Outcome::Disturbed,
                draw if draw < 0.05 + 0.95 * chance => Outcome::Met,
                _ => Outcome::Failed,
            };
            steps.push((rate, outcome));
            outcome
        });
        let Answer::Between { met, failed } = answer else { continue };
        let at = |rate: f64| steps.iter().filter(move |step| same(step.0, rate));
        assert!(at(met).filter(|step| step.1 == Outcome::Met).count() >= REPEATS as usize);
        assert!(at(met).all(|step| step.1 != Outcome::Failed));
        assert!(met < failed && at(failed).any(|step| step.1 == Outcome::Failed));
    }
}

#[test]
fn a_generator_that_gives_out_first_leaves_a_lower_bound() {
    let weak = |rate: f64, _| if rate > 50_000.0 { Outcome::GeneratorShort } else { Outcome::Met };
    let (answer, rates) = drive(Search::new(1_000.0, RATE_MAX), weak);
    let Answer::AtLeast { met, why: Stop::Generator } = answer else { panic!("{answer:?}") };
    assert!(met <= 50_000.0 && met * GAP_MAX * GAP_MAX > 50_000.0, "{met}");
    assert_eq!(rates.iter().filter(|rate| same(**rate, 64_000.0)).count(), TRIES_MAX as usize);
}

#[test]
fn a_limit_of_rates_is_a_lower_bound_too() {
    let (answer, rates) = drive(Search::new(1_000.0, 3_000.0), |_, _| Outcome::Met);
    assert_eq!(answer, Answer::AtLeast { met: 3_000.0, why: Stop::Limit });
    assert_eq!(rates, [1_000.0, 2_000.0, 3_000.0, 3_000.0, 3_000.0]);
}

#[test]
fn a_disturbed_step_is_made_again() {
    let mut disturbed = 0;
    let (answer, rates) = drive(Search::new(1_000.0, RATE_MAX), |rate, step| {
        if step.is_multiple_of(3) {
            disturbed += 1;
            return Outcome::Disturbed;
        }
        limit(5_000.0)(rate, step)
    });
    assert!(matches!(answer, Answer::Between { met, failed } if met <= 5_000.0 && failed > 5_000.0), "{answer:?}");
    assert_eq!(rates[..2], [1_000.0, 1_000.0]);
    assert!(disturbed > 2);
}

#[test]
fn a_machine_that_is_always_disturbed_says_nothing() {
    let (answer, rates) = drive(Search::new(1_000.0, RATE_MAX), |_, _| Outcome::Disturbed);
    assert_eq!(answer, Answer::Never { failed: None });
    assert_eq!(rates.len(), TRIES_MAX as usize);
}
