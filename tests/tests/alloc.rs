//! Once warm, a shard answers keep-alive requests for a cached file without allocating, its access log on.
//!
//! The shard runs on this test's own thread, so that an allocator that counts per thread sees all it does and nothing
//! else; the client runs on another.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use slipring::files::{FileHandler, FileOptions};
use slipring::shard::{Shard, ShardConfig};
use slipring_ring::uring::{ListenOptions, Listener, UringConfig, UringRing};
use slipring_ring::{RootId, SinkId};

const WARM: u64 = 5_000;
const COUNTED: u64 = 10_000;
const REQUEST: &[u8] = b"GET /hello.txt HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\n\r\n";

#[test]
fn ten_thousand_requests_allocate_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("hello.txt");
    fs::write(&file, "Hello, World!").expect("a file");
    // Old enough to be trusted by the cache.
    let old = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&file).and_then(|f| f.set_modified(old)).expect("a time");
    wait_until_settled();

    let (mut shard, address) = shard(directory.path());
    let answered = Arc::new(AtomicU64::new(0));
    let client = thread::spawn({
        let answered = answered.clone();
        move || ask(address, &answered)
    });
    while answered.load(Ordering::Relaxed) < WARM {
        shard.tick().expect("a ring");
    }
    let counted = allocation_counter::measure(|| {
        while answered.load(Ordering::Relaxed) < WARM + COUNTED {
            shard.tick().expect("a ring");
        }
    });
    println!("{counted:?} in {COUNTED} requests, {} lines logged", shard.metrics().log_lines);
    assert_eq!(counted.count_total, 0, "{counted:?}");
    assert!(shard.metrics().log_lines >= COUNTED);
    while !client.is_finished() {
        shard.tick().expect("a ring");
    }
    let body = client.join().expect("the client ends well");
    assert!(body.ends_with(b"Hello, World!"));
}

/// Ten of these are longer than a cached answer is trusted: it is confirmed on the way, by an open and a measurement.
#[expect(clippy::disallowed_methods, reason = "a test of a real ring lives in real time")]
fn pause() {
    thread::sleep(std::time::Duration::from_millis(150));
}

/// The cache trusts a file two seconds after its last change, of which setting a time is one.
#[expect(clippy::disallowed_methods, reason = "a test of a real ring lives in real time")]
fn wait_until_settled() {
    thread::sleep(std::time::Duration::from_millis(3100));
}

fn shard(root: &std::path::Path) -> (Shard<UringRing, FileHandler>, SocketAddr) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::bind(any, &ListenOptions { backlog: 16, ..ListenOptions::default() }).expect("a port");
    let address = listener.address();
    let mut config = ShardConfig::new(64);
    config.log = Some(SinkId(0));
    let log = OpenOptions::new().append(true).create(true).open(root.join("access.log")).expect("a log");
    let mut uring = UringConfig::new(config.limits.ring.clone());
    uring.roots = vec![root.to_path_buf()];
    uring.sinks = vec![log.into()];
    uring.listeners = vec![listener];
    let ring = UringRing::new(uring).expect("a ring");
    let handler = || FileHandler::new(FileOptions::new(RootId(0)));
    (Shard::new(ring, config, Box::new(handler)), address)
}

/// Asks one request after another on one connection; the last answer. The pace is slow enough that the cached answer
/// is confirmed a few times on the way.
fn ask(address: SocketAddr, answered: &AtomicU64) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let mut answer = vec![0; 4096];
    let mut last = 0;
    for number in 0..WARM + COUNTED + 100 {
        if number % 1000 == 999 {
            pause();
        }
        stream.write_all(REQUEST).expect("sent");
        last = stream.read(&mut answer).expect("an answer");
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", answer[..last].escape_ascii());
        answered.fetch_add(1, Ordering::Relaxed);
    }
    answer.truncate(last);
    answer
}
