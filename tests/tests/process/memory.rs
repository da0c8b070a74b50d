//! What many connections cost the server.

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use slipring::shard::POOL_BYTES_MAX;

use crate::client::{Client, get};
use crate::harness::{PATIENCE, Server, has, least_cpu, run, site, wait_for};

/// What a server that has pools of no size would have in memory, generously: code, tables, threads.
const PROGRAM_KIB: u64 = 16 << 10;

/// With fewer connections than these a test has nothing to measure and passes.
const CONNECTIONS_MIN: usize = 1000;

/// Descriptors that this process may open, after asking for more if there are fewer than `wanted`.
fn descriptors(wanted: usize) -> usize {
    let limit = |column: usize| {
        let limits = std::fs::read_to_string("/proc/self/limits").expect("the kernel tells them");
        let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit").to_owned();
        line.split_whitespace().nth(column).and_then(|number| number.parse().ok()).unwrap_or(usize::MAX)
    };
    let (soft, hard) = (limit(3), limit(4));
    if soft < wanted && hard > soft && has("prlimit") {
        let pid = std::process::id().to_string();
        run(Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={}:{hard}", wanted.min(hard))]));
    }
    limit(3)
}

/// How many connections a test can have that wants `wanted`: the rest of the descriptors is others'. None if they are too
/// few to tell anything.
fn connections(wanted: usize) -> Option<usize> {
    let possible = descriptors(wanted + 4000).saturating_sub(2000).min(wanted);
    if possible < wanted {
        println!("note: the descriptor limit allows {possible} connections instead of {wanted}");
    }
    (possible >= CONNECTIONS_MIN).then_some(possible)
}

/// Shards of a server by default.
fn shards() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Must show 5: 10,000 idle connections cost less than 1 KiB each, and one among them is served.
#[test]
fn idle_connections_are_cheap() {
    let Some(count) = connections(10_000) else { return };
    let home = site(&[("index.html", b"<p>home")]);
    let server = Server::serve(home.path());
    let open = |count: usize| -> Vec<Client> {
        let mut clients: Vec<Client> = (0..count).map(|_| server.client()).collect();
        // All at once, so that the last is answered before the first is idle for too long.
        for client in &mut clients {
            client.send(&get("/"));
        }
        for client in &mut clients {
            assert_eq!(client.response().map(|answer| answer.status), Some(200));
        }
        clients
    };
    drop(open(500));
    wait_for("the first to be forgotten", PATIENCE, || server.descriptors() < 100);
    let before = server.status("VmRSS");
    let mut idle = open(count);
    let after = server.status("VmRSS");
    let each = after.saturating_sub(before) as f64 * 1024.0 / count as f64;
    println!("{count} idle connections: {before} KiB before, {after} KiB with them, {each:.0} bytes each");
    assert!(server.descriptors() > count, "all of them are open");
    for client in idle.iter_mut().step_by(count / 100) {
        assert_eq!(client.ask(&get("/")).body, b"<p>home");
    }
    assert!(each < 1024.0, "{each} bytes each");
}

/// Must show 5: 2,000 peers that ask for a large file and never read cost the pools and the table, and nothing else.
#[test]
fn peers_that_do_not_read_are_bounded() {
    let Some(count) = connections(2_000) else { return };
    let home = site(&[("index.html", b"<p>home")]);
    let size = 100 << 20;
    File::create(home.path().join("large")).and_then(|file| file.set_len(size)).expect("a sparse file");
    let mut server = Server::serve(home.path());
    server.assert_serves();
    let before = server.status("VmRSS");
    let mut crowd: Vec<Client> = (0..count).map(|_| server.client()).collect();
    for client in &mut crowd {
        client.send(&get("/large"));
    }
    // Each has its first bytes, and then the server has nothing to do: every peer's window is full.
    for client in &mut crowd {
        assert!(client.stream().peek(&mut [0; 1]).is_ok_and(|len| len == 1));
    }
    let mut busy = server.cpu();
    wait_for("all windows to be full", PATIENCE, || {
        std::thread::sleep(Duration::from_millis(300));
        server.cpu().saturating_sub(std::mem::replace(&mut busy, server.cpu())) < Duration::from_millis(20)
    });
    let after = server.status("VmRSS");
    // The pools of every shard; for a connection its place in the table, its stream and its request; the program itself.
    let limit = (shards() * POOL_BYTES_MAX / 1024) as u64 + count as u64 + PROGRAM_KIB;
    println!("{count} peers that do not read: {before} KiB before, {after} KiB with them; the limit is {limit} KiB");
    assert!(after < limit, "{after} KiB");
    server.assert_serves();
    let spent_max = Duration::from_millis(200);
    let spent = least_cpu(&[&server], Duration::from_secs(1), spent_max)[0];
    assert!(spent < spent_max, "waiting for {count} peers is not work: {spent:?} in 1 s");
}
