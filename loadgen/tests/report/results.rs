//! A comparison and sweeps that nobody measured.

use slipring_load::compare::{Arm, Block, Comparison, Design, Metric, Rounds, Side, Turn, Value};
use slipring_load::record::{Host, Judgement, Setup};
use slipring_load::sweep::{Answer, Outcome, Step, Stop, Sweep, fit, points};

/// B needs 5% less CPU; its p99 differs by noise alone, its p50 not at all.
pub fn comparison() -> Comparison {
    let design = Design { seed: 7, rate: 45_000.0, ..Design::default() };
    let mut rounds = Rounds::new(design.clone());
    while let Some(turn) = rounds.turn() {
        rounds.handle_block(block(turn));
    }
    let arm = |port: u16, command: &str| Arm {
        url: format!("http://127.0.0.1:{port}/"),
        command: Some(command.to_owned()),
        saturation: Some(90_000.0),
        pids: vec![4711],
    };
    let comparison = Comparison {
        arms: [arm(8001, "before --port 8001"), arm(8002, "after --port 8002")],
        placement: "both servers on core 0, the generator on core 1".to_owned(),
        host: Host { kernel: Some("6.18.0".to_owned()), ..Host::default() },
        started_s: 1_795_000_000,
        blocks: rounds.into_blocks(),
        design,
        ..Comparison::default()
    };
    comparison.conclude()
}

fn block(turn: Turn) -> Block {
    let count = f64::from(turn.round * 4 + turn.place);
    let (noise, other) = ((count * 12.9898).sin(), (count * 78.233).sin());
    let cpu = if turn.side == Side::B { 4.75 } else { 5.0 };
    let mut values = [None; Metric::ALL.len()];
    for (metric, us) in [
        (Metric::TargetCpu, cpu * (1.0 + 0.01 * noise)),
        (Metric::ResponseP99, 800.0 * (1.0 + 0.06 * other)),
        (Metric::ResponseP50, 200.0 * (1.0 + 0.004 * noise)),
        (Metric::ServiceP50, 180.0 * (1.0 + 0.006 * other)),
        (Metric::MachineCpu, (cpu + 20.0) * (1.0 + 0.008 * noise)),
    ] {
        values[metric as usize] = Some(Value { us, is_bound: false });
    }
    Block {
        round: turn.round,
        attempt: turn.attempt,
        place: turn.place,
        side: turn.side,
        used: true,
        values,
        rate: 45_000.0,
        due: 90_000,
        ok: 90_000,
        judgement: Judgement::default(),
    }
}

/// A server like a queue, whose p99 stays below 2 ms up to about 43,000/s.
pub fn sweep() -> Sweep {
    let rates = [
        1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0, 32_000.0, 64_000.0, 45_255.0, 38_055.0, 41_499.0, 43_336.0,
        41_499.0, 41_499.0,
    ];
    let steps: Vec<Step> = rates.iter().enumerate().map(|(i, &rate)| step(i, rate)).collect();
    let points = points(&steps);
    Sweep {
        setup: Setup {
            url: "http://127.0.0.1:8000/".to_owned(),
            method: "GET".to_owned(),
            connections: 64,
            threads: 1,
            warmup_ns: 2_000_000_000,
            duration_ns: 10_000_000_000,
            ..Setup::default()
        },
        host: Host::default(),
        started_s: 1_795_000_000,
        objectives: vec!["p99<2ms".to_owned()],
        figure: "p99".to_owned(),
        unit: "us".to_owned(),
        bound: Some(2_000.0),
        answer: Answer::Between { met: 41_499.0, failed: 43_336.0 },
        fit: fit(&points),
        points,
        steps,
        interrupted: false,
        gone: false,
    }
}

/// The generator gave out first.
pub fn short_sweep() -> Sweep {
    let whole = sweep();
    let mut steps = whole.steps[..6].to_vec();
    steps.extend([Step { outcome: Outcome::GeneratorShort, value: None, range: None, ..step(7, 64_000.0) }]);
    let points = points(&steps);
    Sweep { answer: Answer::AtLeast { met: 32_000.0, why: Stop::Generator }, fit: None, points, steps, ..whole }
}

fn step(number: usize, rate: f64) -> Step {
    let queue = 240.0 / (1.0 - (rate / 49_000.0).min(0.985));
    let value = queue * (1.0 + 0.03 * (number as f64 * 1.7).sin());
    Step {
        rate,
        achieved: rate * 0.9996,
        outcome: if value < 2_000.0 { Outcome::Met } else { Outcome::Failed },
        value: Some(value),
        is_bound: false,
        range: Some((value * 0.86, value * 1.18)),
        due: (rate * 10.0) as u64,
        ok: (rate * 10.0) as u64,
        judgement: Judgement::default(),
    }
}
