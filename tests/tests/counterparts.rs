//! What CPython's tests of its `http.server` check, asked of slipring: one test for each of the 76, with its name.
//!
//! docs/basehttp.md lists them with their rows. Where slipring differs on purpose the test says so, names the row, and
//! holds what slipring does instead. The fourteen of CGI stand in `counterparts/cgi.rs`.
#![allow(clippy::disallowed_methods, reason = "a process is watched from outside, by the clock on the wall")]
#![allow(clippy::pedantic, dead_code, reason = "a test says it as it reads best; the harness serves others too")]

#[path = "counterparts/base.rs"]
mod base;
#[path = "counterparts/cgi.rs"]
mod cgi;
#[path = "process/client.rs"]
mod client;
#[path = "counterparts/files.rs"]
mod files;
#[path = "process/harness.rs"]
mod harness;
#[path = "counterparts/logging.rs"]
mod logging;
#[path = "counterparts/messages.rs"]
mod messages;
#[path = "counterparts/paths.rs"]
mod paths;
#[path = "counterparts/program.rs"]
mod program;
#[path = "counterparts/simulated.rs"]
mod simulated;
#[path = "counterparts/writes.rs"]
mod writes;

use std::process::Command;

use harness::Server;

/// A handler of `tests/src/bin/handlers.rs`, served.
fn handler(name: &str) -> Server {
    Server::start(Command::new(env!("CARGO_BIN_EXE_handlers")).arg(name))
}
