//! Once a shard runs, a request for a cached file allocates nothing (decision 17): counted by a global allocator on the
//! shard's own thread, with the access log on.
#![allow(clippy::disallowed_methods, reason = "the client paces itself by the clock on the wall")]

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use slipring::files::{FileHandler, FileOptions};
use slipring::shard::{LogConfig, Shard, ShardConfig};
use slipring_ring::uring::{ListenOptions, Listener, UringConfig, UringRing};
use slipring_ring::{RootId, SinkId};
use tempfile::TempDir;

const BODY: &[u8] = b"Hello, World!";
/// Requests that warm up: buffers grow to their size, the file is trusted, the log is flushed.
const WARM_UP: u64 = 8_000;
/// Requests that are counted, in each of two parts.
const COUNTED: u64 = 10_000;
/// In the middle of the second part: longer than the cache trusts a file.
const PAUSE: Duration = Duration::from_millis(1300);
/// A server that is silent for so long is gone.
const GONE: Duration = Duration::from_mins(1);
/// How old a file has to be for the cache to trust its time stamps.
const SETTLED: Duration = Duration::from_millis(3100);

/// A shard on this thread, and what has to live as long.
struct Rig {
    shard: Shard<UringRing, FileHandler>,
    address: SocketAddr,
    directory: TempDir,
}

fn rig(format: &str) -> Rig {
    let directory = TempDir::new().expect("a temporary directory");
    let root = directory.path().join("root");
    fs::create_dir(&root).expect("a directory");
    fs::write(root.join("hello.txt"), BODY).expect("a file");
    thread::sleep(SETTLED);
    let log = OpenOptions::new().append(true).create(true).open(directory.path().join("access.log")).expect("a file");
    let anywhere = "127.0.0.1:0".parse().expect("an address");
    let listener =
        Listener::bind(anywhere, &ListenOptions { backlog: 16, ..ListenOptions::default() }).expect("a port");
    let address = listener.address().expect("it is bound to a port");
    let format = Arc::new(format.parse().expect("a format"));
    let logs = LogConfig { format, ..LogConfig::to(SinkId(0)) };
    let config = ShardConfig { logs, ..ShardConfig::new(64) };
    let mut uring = UringConfig::new(config.limits.ring.clone());
    (uring.roots, uring.sinks, uring.listeners) = (vec![root], vec![log.into()], vec![listener]);
    let ring = UringRing::new(uring).expect("io_uring");
    let shard = Shard::new(ring, config, Box::new(|| FileHandler::new(FileOptions::new(RootId(0)))));
    Rig { shard, address, directory }
}

/// Asks for the file over one connection, one request after the other, and counts the answers. It goes on until the
/// connection ends, so that a tick never waits for nothing.
fn ask_for_ever(mut stream: TcpStream, answered: &AtomicU64) {
    stream.set_nodelay(true).expect("a socket");
    stream.set_read_timeout(Some(GONE)).expect("a socket");
    let mut answer = [0; 4096];
    loop {
        if stream.write_all(b"GET /hello.txt HTTP/1.1\r\nHost: x\r\nUser-Agent: a\r\nAccept: */*\r\n\r\n").is_err() {
            return;
        }
        let Ok(len) = read_answer(&mut stream, &mut answer) else { return };
        assert!(answer[..len].starts_with(b"HTTP/1.1 200 ") && answer[..len].ends_with(BODY));
        if answered.fetch_add(1, Ordering::Release) + 1 == WARM_UP + COUNTED + COUNTED / 2 {
            thread::sleep(PAUSE);
        }
    }
}

fn read_answer(stream: &mut TcpStream, answer: &mut [u8]) -> std::io::Result<usize> {
    let mut len = 0;
    while !answer[..len].ends_with(BODY) {
        match stream.read(&mut answer[len..])? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            more => len += more,
        }
    }
    Ok(len)
}

#[test]
fn a_cached_file_is_served_without_allocating() {
    check("python");
}

#[test]
fn a_combined_line_allocates_nothing() {
    check("combined");
}

#[test]
fn a_json_line_allocates_nothing() {
    check("json");
}

#[test]
fn a_template_allocates_nothing() {
    check("{client} {path} {query} {field:accept} {cache} {wire_bytes} {first_byte_us} {ts}");
}

fn check(format: &str) {
    let Rig { mut shard, address, directory } = rig(format);
    let answered = Arc::new(AtomicU64::new(0));
    let stream = TcpStream::connect(address).expect("it listens");
    let client = thread::spawn({
        let (stream, answered) = (stream.try_clone().expect("a descriptor"), answered.clone());
        move || ask_for_ever(stream, &answered)
    });
    let mut until = |count: u64| {
        while answered.load(Ordering::Acquire) < count {
            shard.tick().expect("the ring lives");
            assert!(!client.is_finished(), "nobody asks any more, behind {answered:?} answers");
        }
    };
    until(WARM_UP);
    let hits = allocation_counter::measure(|| until(WARM_UP + COUNTED));
    // Half, a pause in which the file has to be looked at anew, and the other half.
    let revalidated = allocation_counter::measure(|| until(WARM_UP + 2 * COUNTED));
    drop(shard);
    // The kernel may hold the shard's end for a while.
    let _ = stream.shutdown(Shutdown::Both);
    let _ = client.join();
    let lines = fs::read_to_string(directory.path().join("access.log")).expect("the log").lines().count() as u64;
    println!(
        "{format}: {COUNTED} requests: {} allocations; {COUNTED} with a revalidation: {}",
        hits.count_total, revalidated.count_total
    );
    assert!(lines >= WARM_UP + COUNTED, "the access log is on: {lines} lines");
    assert_eq!((hits.count_total, revalidated.count_total), (0, 0));
}
