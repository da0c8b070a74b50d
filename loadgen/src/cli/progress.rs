//! The line that says how far a run is, for people at a terminal.

use std::fmt::Write as _;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::output::progress_line;
use crate::drive::{Phase, Progress, Snapshot};
use crate::plan::Plan;

/// Between two drawings.
const PERIOD: Duration = Duration::from_millis(250);
/// Drawing a line takes microseconds. From here on whoever reads it holds it up.
const SLOW: Duration = Duration::from_millis(100);

/// Does `work` and shows how far it is meanwhile; how long drawing waited for the terminal.
pub(super) fn shown<T>(plan: &Plan, quiet: bool, work: impl FnOnce(&Progress) -> T) -> (T, u64) {
    let (progress, line) = (Progress::default(), progress_line(quiet));
    if line.is_hidden() {
        return (work(&progress), 0);
    }
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let (progress, line) = (&progress, &line);
        let drawer = scope.spawn(move || {
            let (mut before, mut waited) = (Snapshot::default(), Duration::ZERO);
            while is_done.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                let now = progress.snapshot();
                waited += draw(line, text(plan, &before, &now));
                before = now;
            }
            line.finish_and_clear();
            waited
        });
        let out = work(progress);
        drop(done);
        let waited = drawer.join().expect("drawing only formats");
        (out, waited.as_nanos() as u64)
    })
}

/// How long it was held up.
#[expect(clippy::disallowed_methods, reason = "how long the terminal takes is what is measured")]
fn draw(line: &ProgressBar, text: String) -> Duration {
    let began = Instant::now();
    line.set_message(text);
    line.tick();
    let took = began.elapsed();
    if took > SLOW { took } else { Duration::ZERO }
}

fn text(plan: &Plan, before: &Snapshot, now: &Snapshot) -> String {
    let whole = match now.phase {
        Phase::Opening => return format!("opening {} connections", plan.connections),
        Phase::Ready => return "connections are open, waiting to begin".to_owned(),
        Phase::Over => return "closing connections".to_owned(),
        Phase::Warmup => plan.warmup,
        Phase::Measure => plan.measure(),
        Phase::Grace => plan.grace,
    };
    let name = match now.phase {
        Phase::Warmup => "warm-up",
        Phase::Measure => "measuring",
        _ => "awaiting answers",
    };
    let rate = now.answered.saturating_sub(before.answered) as f64 / PERIOD.as_secs_f64();
    let elapsed = Duration::from_nanos(now.elapsed_ns).min(whole);
    let mut text = format!("{name} {:.0} of {:.0} s, {rate:.0} answers/s", elapsed.as_secs_f64(), whole.as_secs_f64());
    // Writing into a String cannot fail.
    if now.errors > 0 {
        let _ = write!(text, ", {} errors", now.errors);
    }
    if now.late_ns > PERIOD.as_nanos() as u64 {
        let _ = write!(text, ", {:.1} s behind schedule", now.late_ns as f64 / 1e9);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_phase_rate_and_trouble() {
        let plan = Plan::new("http://x/".parse().expect("a good URL"));
        let now = |phase, errors, late_ns| Snapshot {
            phase,
            elapsed_ns: 3_000_000_000,
            sent: 500,
            answered: 250,
            errors,
            late_ns,
        };
        let before = Snapshot::default();
        let rows = [
            (now(Phase::Opening, 0, 0), "opening 64 connections"),
            (now(Phase::Ready, 0, 0), "connections are open, waiting to begin"),
            (now(Phase::Warmup, 0, 0), "warm-up 1 of 1 s, 1000 answers/s"),
            (now(Phase::Measure, 0, 0), "measuring 3 of 10 s, 1000 answers/s"),
            (
                now(Phase::Measure, 2, 1_500_000_000),
                "measuring 3 of 10 s, 1000 answers/s, 2 errors, 1.5 s behind schedule",
            ),
            (now(Phase::Grace, 0, 0), "awaiting answers 3 of 5 s, 1000 answers/s"),
        ];
        for (snapshot, expected) in rows {
            assert_eq!(text(&plan, &before, &snapshot), expected);
        }
    }
}
