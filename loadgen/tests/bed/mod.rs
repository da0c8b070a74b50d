//! What the tests that run the program stand on: servers that are not ours, and runs that a busy machine may disturb.
#![allow(dead_code, unused_imports, reason = "each test file takes the part that it needs")]

mod apart;
mod ended;
mod server;

pub use apart::{Apart, cores, serve_apart};
pub use ended::{Ended, load, undisturbed};
pub use server::{Server, serve, serve_after, serve_answers};

use std::sync::mpsc;
use std::time::Duration;

/// Waits; a lint keeps `sleep` out of everything else.
pub fn pause(time: Duration) {
    let (_keep, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(time);
}
