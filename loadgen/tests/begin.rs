//! How a run begins: connections are opened first, and the load waits until it is let go.
#![forbid(unsafe_code)]

mod bed;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use bed::{Ended, pause, serve_after};
use rustix::process::{Pid, Signal, kill_process};
use slipring_load::drive::{self, Progress};
use slipring_load::plan::Plan;
use slipring_load::record::RunRecord;

/// A short closed loop that begins when `hold` has returned.
fn run(address: SocketAddr, connections: u32, hold: impl FnOnce()) -> RunRecord {
    let url = format!("http://{address}/").parse().expect("a URL");
    let (warmup, duration) = (Duration::from_millis(50), Duration::from_millis(300));
    let plan = Plan { connections, warmup, duration, timeout: None, ..Plan::new(url) };
    plan.check(1 << 20).expect("a good plan");
    let (stop, progress) = (AtomicBool::new(false), Progress::default());
    drive::run_watched(&plan, &[address], &stop, &progress, hold).expect("the generator works")
}

/// Whether it comes true, within a minute.
fn comes_true(is_true: impl Fn() -> bool) -> bool {
    (0..60_000).any(|_| is_true() || (pause(Duration::from_millis(1)), false).1)
}

#[test]
fn connections_are_open_before_the_load_is_let_go() {
    let server = serve_after(|_| Some(Duration::ZERO));
    let mut before = (0, u64::MAX);
    let found = run(server.address, 3, || {
        comes_true(|| server.connections() == 3);
        before = (server.connections(), server.asked());
    });
    assert_eq!(before, (3, 0), "connections and requests");
    assert_eq!((found.record.connections.opened, found.record.connections.reconnects), (3, 0));
    assert!(found.record.requests.completed > 0 && found.record.errors_total() == 0, "{:?}", found.record);
}

/// Ends the first connections at once, as a server ends those on which nothing was asked for a while; answers on all others.
fn serve_behind(ended: u64) -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let taken = Arc::<AtomicU64>::default();
    let counter = taken.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if counter.fetch_add(1, Ordering::Relaxed) >= ended {
                thread::spawn(move || answer(stream));
            }
        }
    });
    (address, taken)
}

fn answer(mut stream: TcpStream) {
    let mut piece = [0; 4096];
    while let Ok(1..) = stream.read(&mut piece) {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

#[test]
fn connections_that_end_while_the_load_waits_are_opened_again() {
    // Both are ended twice and stay the third time.
    let (address, taken) = serve_behind(4);
    let mut all_back = false;
    let found = run(address, 2, || all_back = comes_true(|| taken.load(Ordering::Relaxed) == 6));
    assert!(all_back, "{} connections", taken.load(Ordering::Relaxed));
    assert_eq!((found.record.connections.opened, found.record.connections.reconnects), (2, 0));
    assert!(found.record.requests.completed > 0 && found.record.errors_total() == 0, "{:?}", found.record);
}

/// The program with a clock time so far ahead.
fn command(url: &str, ahead: Duration) -> (Command, Duration) {
    let at = now() + ahead;
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipring-load"));
    command.args(["-c", "2", "-d", "200ms", "--warmup", "0", "--json", "-", "--quiet"]);
    command.args(["--start-at", &format!("@{:.3}", at.as_secs_f64()), url]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    (command, at)
}

#[expect(clippy::disallowed_methods, reason = "the clock time at which a program is to begin")]
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970")
}

#[test]
fn a_clock_time_is_awaited_with_open_connections() {
    // On a busy machine a program may take longer to start than the clock takes to get there.
    let is_told = [3, 15, 60].into_iter().any(|seconds| begins_at(Duration::from_secs(seconds)));
    assert!(is_told, "the connections are never open before the time to begin");
}

/// Whether its connections were open before then, and if so, whether all else is right.
fn begins_at(ahead: Duration) -> bool {
    let server = serve_after(|_| Some(Duration::ZERO));
    let (mut command, at) = command(&server.url(), ahead);
    let child = command.spawn().expect("it starts");
    comes_true(|| server.connections() == 2);
    let is_open_before = now() < at && server.connections() == 2;
    let output = child.wait_with_output().expect("it ends");
    if is_open_before {
        let ended = Ended::run(&output);
        ended.check_status(0);
        assert_eq!((ended.number("/connections/opened"), ended.number("/connections/reconnects")), (2, 0));
        // A document says when the load began in whole seconds.
        assert!(server.asked() > 0 && now() >= at, "{:#}", ended.json);
    }
    is_open_before
}

#[test]
fn a_signal_ends_the_waiting_and_the_report_is_written() {
    let server = serve_after(|_| Some(Duration::ZERO));
    let (mut command, _) = command(&server.url(), Duration::from_hours(1));
    let child = command.spawn().expect("it starts");
    assert!(comes_true(|| server.connections() == 2), "{} connections", server.connections());
    kill_process(Pid::from_child(&child), Signal::INT).expect("it is our child");
    let ended = Ended::run(&child.wait_with_output().expect("it ends"));
    assert_eq!(ended.status, Some(130));
    ended.check("interrupted", Some("invalid"));
}
