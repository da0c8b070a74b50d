//! Targets that do what they must not: each ends in a clear line, the right exit status and counts that add up.
#![forbid(unsafe_code)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use slipring_load::drive;
use slipring_load::plan::{Check, OnBusy, Plan};
use slipring_load::record::{ErrorKind, RunRecord};

/// A server that does the same with every connection once it has read a request.
fn serve(act: fn(&mut TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                while read_request(&mut stream) {
                    act(&mut stream);
                }
            });
        }
    });
    address
}

fn read_request(stream: &mut TcpStream) -> bool {
    let (mut held, mut byte) = (Vec::new(), [0]);
    while !held.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return false;
        }
        held.push(byte[0]);
    }
    true
}

/// The peer may be gone, which is its right.
fn say(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

fn hello(stream: &mut TcpStream) {
    say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!");
}

/// A closed loop; with a rate it is an open one.
fn plan(address: SocketAddr) -> Plan {
    Plan {
        connections: 4,
        warmup: Duration::from_millis(50),
        duration: Duration::from_millis(400),
        timeout: Some(Duration::from_millis(100)),
        grace: Duration::from_millis(300),
        ..Plan::new(format!("http://{address}/").parse().expect("a URL"))
    }
}

fn run(plan: &Plan) -> RunRecord {
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

/// In both loops; what an open loop was due is known beforehand.
fn in_both_loops(act: fn(&mut TcpStream), check: impl Fn(&RunRecord)) {
    let closed = plan(serve(act));
    check(&run(&closed));
    let open = Plan { rate: Some(500.0), ..closed };
    let found = run(&open);
    assert_eq!(found.record.requests.due, 200);
    check(&found);
}

/// The binary's exit status and what it said.
fn status(address: SocketAddr) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipring-load"));
    let words = ["-c", "2", "-d", "200ms", "--warmup", "0", &format!("http://{address}/")].map(str::to_owned);
    let output = command.args(words).output().expect("it starts");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code(), text)
}

#[test]
fn a_good_target_answers_what_was_due() {
    let found = run(&Plan { rate: Some(1000.0), threads: 2, ..plan(serve(hello)) });
    let r = found.record.requests;
    assert_eq!((r.due, r.completed, r.failed), (400, 400, 0));
    assert_eq!(found.record.response.len(), 400);
    assert_eq!(found.record.first_byte.len(), 400);
    let series: u64 = found.record.series.intervals.iter().map(|interval| interval.due).sum();
    assert_eq!(series, 400);
    assert!(found.threads.len() == 2 && found.threads.iter().all(|thread| thread.wall_ns >= 400_000_000));
}

#[test]
fn nobody_there_is_no_load_and_status_4() {
    let address = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it is bound");
    let found = run(&plan(address));
    assert_eq!((found.record.requests.sent, found.record.errors(ErrorKind::Connect)), (0, 4));
    assert_eq!(found.refusal.as_deref(), Some("connection refused"));
    let (status, text) = status(address);
    assert_eq!(status, Some(4), "{text}");
    assert!(text.contains("connection refused"), "{text}");
}

#[test]
fn a_reset_in_mid_body_is_an_error_and_no_fast_answer() {
    let cut = |stream: &mut TcpStream| {
        say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly so much");
        // Closing with a request unread would be a reset on the wire; shutting down is a clean end, and as wrong.
        let _ = stream.shutdown(std::net::Shutdown::Both);
    };
    in_both_loops(cut, |found| {
        assert_eq!(found.record.requests.completed, 0);
        assert!(found.record.errors(ErrorKind::Reset) > 0, "{:?}", found.record);
        assert!(found.record.connections.reconnects > 0);
    });
    let (status, text) = status(serve(cut));
    assert_eq!(status, Some(4), "{text}");
}

#[test]
fn an_answer_longer_than_it_said_is_a_protocol_error() {
    let lie = |stream: &mut TcpStream| say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello, World!");
    in_both_loops(lie, |found| assert!(found.record.errors(ErrorKind::Protocol) > 0, "{:?}", found.record));
    let (status, text) = status(serve(lie));
    assert!(matches!(status, Some(0 | 3)), "{text}");
    assert!(text.contains("protocol"), "{text}");
}

#[test]
fn an_answer_shorter_than_it_said_times_out() {
    let lie = |stream: &mut TcpStream| say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nHello, World!");
    in_both_loops(lie, |found| {
        assert_eq!(found.record.requests.completed, 0);
        assert!(found.record.errors(ErrorKind::Timeout) > 0, "{:?}", found.record);
        assert!(found.times().censored() > 0 && found.times().max().is_bound());
    });
}

#[test]
fn a_body_of_ten_gigabytes_is_swallowed_and_cut_off() {
    let flood = |stream: &mut TcpStream| {
        say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n");
        let piece = vec![b'x'; 1 << 20];
        let _ = (0..10 << 10).try_for_each(|_| stream.write_all(&piece));
    };
    let mut flooded = plan(serve(flood));
    flooded.connections = 1;
    flooded.timeout = Some(Duration::from_secs(5));
    flooded.warmup = Duration::ZERO;
    let found = run(&flooded);
    assert_eq!((found.record.requests.completed, found.record.requests.unanswered), (0, 0), "it left in the warm-up");
    assert!(found.record.bytes.body > 10_000_000, "{:?}", found.record.bytes);
    let found = run(&Plan { rate: Some(100.0), ..flooded });
    assert_eq!((found.record.requests.unanswered, found.record.requests.shed), (1, 39));
    assert_eq!(found.record.response.censored(), 40);
    // Some machines swallow it within the grace period, which is a whole answer then.
    let (status, text) = status(serve(flood));
    assert!(matches!(status, Some(0 | 3 | 4)), "{text}");
}

#[test]
fn a_large_body_is_discarded_to_its_last_byte() {
    let large = |stream: &mut TcpStream| {
        say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n");
        say(stream, &vec![b'x'; 3_000_000]);
        // What stands behind a discarded body is read as ever.
    };
    let found = run(&Plan { pipeline: 2, timeout: None, ..plan(serve(large)) });
    assert!(found.record.requests.completed > 2, "{:?}", found.record);
    assert_eq!((found.record.errors_total(), found.record.requests.failed), (0, 0));
    // All that is looked at is looked at whole.
    let checked =
        Plan { check: Some(Check { length: Some(3_000_000), ..Check::ALL }), timeout: None, ..plan(serve(large)) };
    let found = run(&checked);
    assert!(found.record.requests.completed > 2 && found.record.errors_total() == 0, "{:?}", found.record);
}

#[test]
fn a_target_that_never_answers_is_only_lower_bounds() {
    in_both_loops(
        |_| (),
        |found| {
            assert_eq!(found.record.requests.completed, 0);
            assert!(!found.answered);
            assert!(found.record.errors(ErrorKind::Timeout) > 0, "{:?}", found.record);
            assert_eq!(found.times().censored(), found.times().len());
            assert!(found.times().max().is_bound());
        },
    );
}

#[test]
fn a_wrong_answer_fails_the_check_and_counts_as_an_answer() {
    let checked = Plan { check: Some("status=204".parse().expect("a check")), ..plan(serve(hello)) };
    let found = run(&checked);
    // The warm-up's answers are checked as well.
    assert!(found.record.errors(ErrorKind::Check) >= found.record.requests.completed);
    assert!(found.record.requests.completed > 0 && found.record.requests.failed == 0);
}

#[test]
fn errors_of_status_have_a_distribution_of_their_own() {
    let busy = |stream: &mut TcpStream| say(stream, b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    let found = run(&Plan { rate: Some(500.0), ..plan(serve(busy)) });
    assert_eq!((found.record.error_response.len(), found.record.response.len()), (200, 0));
    assert_eq!(found.record.ok(), 0);
}

#[test]
fn without_keep_alive_each_request_has_its_connection() {
    let close = |stream: &mut TcpStream| {
        say(stream, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
        let _ = stream.shutdown(std::net::Shutdown::Both);
    };
    let found = run(&Plan { keep_alive: false, rate: Some(200.0), connections: 8, ..plan(serve(close)) });
    let record = &found.record;
    assert_eq!((record.requests.completed, record.errors_total()), (80, 0), "{record:?}");
    assert_eq!(record.first_use.len(), 80);
    assert!(record.connect.len() >= 90, "{}", record.connect.len());
}

#[test]
fn a_number_of_requests_is_exact() {
    let counted = Plan { requests_max: Some(101), threads: 3, warmup: Duration::ZERO, ..plan(serve(hello)) };
    let found = run(&Plan { duration: Duration::from_secs(60), ..counted.clone() });
    assert_eq!(found.record.requests.completed, 101);
    let found = run(&Plan { rate: Some(2000.0), duration: Duration::from_secs(60), ..counted });
    assert_eq!((found.record.requests.due, found.record.requests.completed), (101, 101));
    assert!(found.measured_ns < 30_000_000_000);
}

#[test]
fn stages_are_told_apart_by_intended_time() {
    let stages = ["200ms@500", "200ms@100..300"].map(|text| text.parse().expect("a stage")).to_vec();
    let found = run(&Plan { stages, on_busy: OnBusy::Queue, ..plan(serve(hello)) });
    let stages: Vec<_> = found.stages.iter().map(|stage| (stage.due, stage.completed, stage.response.len())).collect();
    assert_eq!(stages, [(100, 100, 100), (40, 40, 40)]);
}

#[test]
fn a_unix_socket_is_a_target_like_any_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a free path");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(1..) = stream.read(&mut piece) {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
                }
            });
        }
    });
    let plan = Plan { unix: Some(path), rate: Some(500.0), ..plan(SocketAddr::from(([127, 0, 0, 1], 1))) };
    let found = run(&plan);
    assert_eq!((found.record.requests.completed, found.record.errors_total()), (200, 0));
}

#[test]
fn connections_are_opened_no_faster_than_asked() {
    let slow = Plan { connect_rate: Some(50.0), connections: 11, ..plan(serve(hello)) };
    #[expect(clippy::disallowed_methods, reason = "the time that opening takes is what is tested")]
    let start = std::time::Instant::now();
    let found = run(&slow);
    // Ten gaps of 20 ms, then warm-up and measure phase.
    assert!(start.elapsed() >= Duration::from_millis(200 + 450), "{:?}", start.elapsed());
    assert_eq!(found.record.connections.opened, 11);
}
