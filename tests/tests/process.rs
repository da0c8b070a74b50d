//! The programs from outside: real processes, real sockets, real files, and clients that are not ours.
//!
//! Every test starts its own server on a port that the kernel chose, in a temporary directory, and ends it by its id. A
//! test waits for an event with a deadline that is generous, and fails with what it was waiting for. Where a program to
//! compare with is missing (curl, Python, nginx, prlimit), a test prints so and passes.
#![allow(clippy::disallowed_methods, reason = "a process is watched from outside, by the clock on the wall")]

#[path = "process/added.rs"]
mod added;
#[path = "process/cgi.rs"]
mod cgi;
#[path = "process/client.rs"]
mod client;
#[path = "process/crowded.rs"]
mod crowded;
#[path = "process/drains.rs"]
mod drains;
#[path = "process/examples.rs"]
mod examples;
#[path = "process/faults.rs"]
mod faults;
#[path = "process/files.rs"]
mod files;
#[path = "process/full_disk.rs"]
mod full_disk;
#[path = "process/harness.rs"]
mod harness;
#[path = "process/held.rs"]
mod held;
#[path = "process/leaving.rs"]
mod leaving;
#[path = "process/life.rs"]
mod life;
#[path = "process/log_counts.rs"]
mod log_counts;
#[path = "process/logs.rs"]
mod logs;
#[path = "process/memory.rs"]
mod memory;
#[path = "process/mixed.rs"]
mod mixed;
#[path = "process/names.rs"]
mod names;
#[path = "process/nginx.rs"]
mod nginx;
#[path = "process/odd_roots.rs"]
mod odd_roots;
#[path = "process/paths/mod.rs"]
mod paths;
#[path = "process/quiet.rs"]
mod quiet;
#[path = "process/rfc.rs"]
mod rfc;
#[path = "process/rfc_rows.rs"]
mod rfc_rows;
#[path = "process/slow.rs"]
mod slow;
#[path = "process/smuggling.rs"]
mod smuggling;
#[path = "process/suspended.rs"]
mod suspended;
#[path = "process/tree.rs"]
mod tree;
#[path = "process/unread.rs"]
mod unread;
