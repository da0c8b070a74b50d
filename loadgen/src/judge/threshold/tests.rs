use super::*;

/// A closed loop of 2,000 answers of 1 us to 2 ms, 20 of them a 503, 5 requests lost.
fn run() -> RunRecord {
    let mut run = RunRecord { measured_ns: 1_000_000_000, ..RunRecord::default() };
    (1..=2_000_u64).for_each(|us| run.record.completed(us * 1_000, if us % 100 == 0 { 503 } else { 200 }));
    run.record.settle();
    (run.record.requests.due, run.record.requests.sent, run.record.requests.failed) = (2_005, 2_005, 5);
    run
}

#[test]
fn what_holds_and_what_does_not() {
    // Expression, value in its unit, whether --fail-if passes.
    let rows = [
        ("p50>1.1ms", Some(1.0), true),
        ("p50 > 900us", Some(1_000.0), false),
        ("service.p90<=1.9ms", Some(1.8), false),
        ("p99.9<1s", None, false),
        ("p99.9>1s", None, false),
        ("max>=1s", Some(0.002), true),
        ("mean>0.5ms", Some(1.0), false),
        ("rate<1000", Some(2_000.0), true),
        ("rate<1000/s", Some(2_000.0), true),
        ("error_rate>1%", Some(1.2469), false),
        ("error_rate>2%", Some(1.2469), true),
        ("errors>0", Some(25.0), false),
        ("target_cpu>20us", None, false),
        ("response.p50>1s", None, false),
    ];
    for (text, value, pass) in rows {
        let result = Threshold::fail_if(text).expect("a good expression").evaluate(&run());
        let is_near = match (result.value, value) {
            (Some(found), Some(value)) => (found / value - 1.0).abs() < 0.01,
            (found, value) => found == value,
        };
        assert!(is_near && result.pass == pass, "{text}: {result:?}");
    }
}

#[test]
fn an_objective_is_the_other_way_round() {
    for (text, pass) in [("p50<1.1ms", true), ("p50<0.9ms", false), ("p99.9<1s", false), ("error_rate<2%", true)] {
        assert_eq!(Threshold::slo(text).expect("a good expression").evaluate(&run()).pass, pass, "{text}");
    }
}

#[test]
fn a_bound_never_passes() {
    let mut run = run();
    (0..100).for_each(|_| run.record.service.record_at_least(5_000_000_000));
    for text in ["p99<1s", "p99>10s", "max>1000s", "mean>1000s"] {
        let result = Threshold::fail_if(text).expect("a good expression").evaluate(&run);
        assert!(!result.pass && result.value.is_some(), "{text}: {result:?}");
        assert!(!Threshold::slo(text).expect("a good expression").evaluate(&run).pass, "{text}");
    }
}

#[test]
fn what_is_no_expression_says_what_to_write() {
    let rows = [
        ("p99", "not an expression"),
        ("p99=5ms", "not an expression"),
        ("", "not an expression"),
        ("p99>5", "write it as 5ms"),
        ("p99>5parsecs", "write it as 5ms"),
        ("p99>", "write it as 5ms"),
        ("p99>-1ms", "write it as 5ms"),
        ("error_rate>0.01", "write it as 0.1%"),
        ("rate>5ms", "write it as 1000"),
        ("latency>5ms", "'latency' is not a metric"),
        ("foo.p99>5ms", "'foo.p99' is not a metric"),
        ("p100>5ms", "not a percentile"),
        ("p0>5ms", "not a percentile"),
        ("p99.9.9>5ms", "not a percentile"),
        ("target_cpu>1s", "write it as 20us"),
    ];
    for (text, part) in rows {
        let error = Threshold::fail_if(text).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn an_answer_that_the_check_refused_is_an_error() {
    let mut run = run();
    run.record.requests.wrong = 10;
    let result = Threshold::fail_if("errors>30").expect("a good expression").evaluate(&run);
    assert_eq!((result.value, result.pass), (Some(35.0), false));
}
