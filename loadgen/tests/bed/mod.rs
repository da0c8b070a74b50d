//! What the tests that run the program stand on: servers that are not ours, and runs that a busy machine may disturb.
#![allow(dead_code, unused_imports, reason = "each test file takes the part that it needs")]

mod apart;
mod ended;
mod server;

pub use apart::{Apart, cores, serve_apart};
pub use ended::{Ended, load, undisturbed};
pub use server::{Server, serve, serve_after, serve_answers};

use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::Duration;

use slipring_load::drive;
use slipring_load::plan::Plan;
use slipring_load::record::RunRecord;

/// A plan carried out by the library, and counts that add up.
pub fn run(plan: &Plan) -> RunRecord {
    plan.check(1 << 20).expect("a good plan");
    let target = plan.target();
    let address = format!("{}:{}", target.host, target.port).parse().expect("an address");
    let run = drive::run(plan, &[address], &AtomicBool::new(false)).expect("the generator works");
    let r = run.record.requests;
    assert_eq!(r.due, r.sent + r.shed + r.dropped, "{r:?}");
    assert_eq!(r.sent, r.completed + r.failed + r.unanswered, "{r:?}");
    let statuses: u64 = run.record.statuses().map(|(_, count)| count).sum();
    assert_eq!(statuses, r.completed, "{r:?}");
    run
}

/// Waits; a lint keeps `sleep` out of everything else.
pub fn pause(time: Duration) {
    let (_keep, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(time);
}
