//! Targets that do what they must not: each ends in a clear line, the right exit status and counts that add up.
#![forbid(unsafe_code)]

mod bed;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bed::{Ended, load, run, undisturbed};
use slipring_load::plan::{Check, OnBusy, Plan};
use slipring_load::record::{ErrorKind, RunRecord};

/// A server that does the same with each request.
fn serve(act: fn(&mut TcpStream)) -> SocketAddr {
    let go_on = move |stream: &mut TcpStream, _| {
        act(stream);
        true
    };
    bed::serve(go_on).address
}

/// The peer may be gone, which is its right.
fn say(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

fn hello(stream: &mut TcpStream) {
    say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!");
}

/// A closed loop; with a rate it is an open one. It waits for answers as long as a busy machine may take.
fn plan(address: SocketAddr) -> Plan {
    Plan {
        connections: 4,
        warmup: Duration::from_millis(50),
        duration: Duration::from_millis(400),
        timeout: None,
        grace: Duration::from_mins(1),
        ..Plan::new(format!("http://{address}/").parse().expect("a URL"))
    }
}

/// For answers that do not come.
fn impatient(plan: Plan) -> Plan {
    Plan { timeout: Some(Duration::from_millis(100)), grace: Duration::from_millis(300), ..plan }
}

/// In both loops; what an open loop was due is known beforehand.
fn in_both_loops(address: SocketAddr, check: impl Fn(&RunRecord)) {
    let closed = impatient(plan(address));
    check(&run(&closed));
    let open = Plan { rate: Some(500.0), ..closed };
    let found = run(&open);
    assert_eq!(found.record.requests.due, 200);
    check(&found);
}

/// The program against it, and what it said beside its document.
fn program(address: SocketAddr) -> (Ended, String) {
    let mut said = String::new();
    let url = format!("http://{address}/");
    let ended = undisturbed(|| {
        let output = load(&["-c", "2", "-d", "200ms", "--warmup", "0", "--json", "-", &url]);
        said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked"), "{said}");
        Ended::run(&output)
    });
    (ended, said)
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
    let (ended, text) = program(address);
    assert_eq!(ended.status, Some(4), "{text}");
    assert!(text.contains("connection refused"), "{text}");
}

#[test]
fn a_reset_in_mid_body_is_an_error_and_no_fast_answer() {
    let cut = |stream: &mut TcpStream| {
        say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly so much");
        // Closing with a request unread would be a reset on the wire; shutting down is a clean end, and as wrong.
        let _ = stream.shutdown(std::net::Shutdown::Both);
    };
    in_both_loops(serve(cut), |found| {
        assert_eq!(found.record.requests.completed, 0);
        assert!(found.record.errors(ErrorKind::Reset) > 0, "{:?}", found.record);
        assert!(found.record.connections.reconnects > 0);
    });
    assert_eq!(program(serve(cut)).0.status, Some(4));
}

/// Answers so many requests of a connection, and ends it with a reset (RST) after half of the next one's body.
fn serve_reset(whole: u64) -> SocketAddr {
    let act = move |stream: &mut TcpStream, number: u64| {
        if number <= whole {
            hello(stream);
            return true;
        }
        say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        say(stream, &[b'x'; 500]);
        // Closing a socket that lingers for no time at all throws away what is not sent, and says so to the peer.
        rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).expect("it is a socket");
        false
    };
    bed::serve(act).address
}

#[test]
fn a_reset_on_the_wire_in_mid_body_is_counted_as_one() {
    // That it is one, as another client sees it.
    let mut stream = TcpStream::connect(serve_reset(0)).expect("it listens");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
    let error = stream.read_to_end(&mut Vec::new()).expect_err("a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);

    let only_resets = |found: &RunRecord| {
        let r = found.record.requests;
        assert_eq!((r.completed, r.unanswered), (0, 0), "{r:?}");
        assert!(r.failed > 0 && found.record.connections.reconnects > 0, "{:?}", found.record);
        let resets = found.record.errors(ErrorKind::Reset);
        // Those of the warm-up are errors, too, and no requests.
        assert!(resets >= r.failed && resets == found.record.errors_total(), "{resets} {:?}", found.record);
    };
    only_resets(&run(&plan(serve_reset(0))));
    let open = run(&Plan { rate: Some(500.0), ..plan(serve_reset(0)) });
    assert_eq!((open.record.requests.due, open.record.requests.failed), (200, 200));
    only_resets(&open);
    let (ended, text) = program(serve_reset(0));
    assert_eq!((ended.status, ended.number("/requests/completed")), (Some(4), 0), "{text}");
    assert!(ended.number("/errors/reset") > 0, "{text}");
}

#[test]
fn whole_answers_count_beside_resets() {
    let counted = Plan {
        requests_max: Some(100),
        duration: Duration::from_mins(2),
        warmup: Duration::ZERO,
        ..plan(serve_reset(1))
    };
    let found = run(&counted);
    let r = found.record.requests;
    // Each connection is answered once and reset once; the four of the end may lack the second.
    assert_eq!((r.sent, r.completed + r.failed), (100, 100), "{r:?}");
    assert!(r.completed.abs_diff(r.failed) <= 2 * 4, "{r:?}");
    assert!(found.record.errors(ErrorKind::Reset) >= r.failed && found.record.ok() == r.completed, "{r:?}");
    let (ended, text) = program(serve_reset(1));
    ended.check_status(0);
    let of = |path| ended.number(path);
    assert!(of("/requests/completed") > 0 && of("/requests/failed") > 0, "{text}");
    assert!(of("/errors/reset") >= of("/requests/failed"), "{text}");
    assert!(ended.has_note("target_errors") && ended.has_note("reconnects"), "{text}");
}

#[test]
fn an_answer_longer_than_it_said_is_a_protocol_error() {
    let lie = |stream: &mut TcpStream| say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello, World!");
    in_both_loops(serve(lie), |found| assert!(found.record.errors(ErrorKind::Protocol) > 0, "{:?}", found.record));
    let (ended, text) = program(serve(lie));
    ended.check_status(0);
    assert!(ended.number("/errors/protocol") > 0 && text.contains("protocol"), "{text}");
}

#[test]
fn an_answer_shorter_than_it_said_times_out() {
    let lie = |stream: &mut TcpStream| say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nHello, World!");
    in_both_loops(serve(lie), |found| {
        assert_eq!(found.record.requests.completed, 0);
        assert!(found.record.errors(ErrorKind::Timeout) > 0, "{:?}", found.record);
        assert!(found.times().censored() > 0 && found.times().max().is_bound());
    });
}

#[test]
fn a_body_without_an_end_in_sight_is_swallowed_and_cut_off() {
    // A terabyte: no machine takes it in before the run is over.
    let flood = |stream: &mut TcpStream| {
        say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n");
        let piece = vec![b'x'; 1 << 20];
        let _ = (0..1 << 20).try_for_each(|_| stream.write_all(&piece));
    };
    let mut flooded = impatient(plan(serve(flood)));
    flooded.connections = 1;
    flooded.timeout = Some(Duration::from_secs(5));
    flooded.warmup = Duration::ZERO;
    let found = run(&flooded);
    assert_eq!((found.record.requests.completed, found.record.requests.unanswered), (0, 0), "it left in the warm-up");
    assert!(found.record.bytes.body > 10_000_000, "{:?}", found.record.bytes);
    let found = run(&Plan { rate: Some(100.0), ..flooded });
    assert_eq!((found.record.requests.unanswered, found.record.requests.shed), (1, 39));
    assert_eq!(found.record.response.censored(), 40);
    assert_eq!(program(serve(flood)).0.status, Some(4));
}

#[test]
fn a_large_body_is_discarded_to_its_last_byte() {
    let large = |stream: &mut TcpStream| {
        say(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n");
        say(stream, &vec![b'x'; 3_000_000]);
        // What stands behind a discarded body is read as ever.
    };
    let few = Plan { requests_max: Some(20), duration: Duration::from_mins(2), ..plan(serve(large)) };
    let few = Plan { warmup: Duration::ZERO, ..few };
    let check = |plan: &Plan| {
        let record = run(plan).record;
        assert_eq!((record.requests.completed, record.errors_total(), record.requests.failed), (20, 0, 0));
        // Those that left before the phase are in the bytes, too.
        assert!(record.bytes.body >= 20 * 3_000_000, "{:?}", record.bytes);
    };
    check(&Plan { pipeline: 2, ..few.clone() });
    // All that is looked at is looked at whole.
    check(&Plan { check: Some(Check { length: Some(3_000_000), ..Check::ALL }), ..few });
}

#[test]
fn a_target_that_never_answers_is_only_lower_bounds() {
    in_both_loops(serve(|_| ()), |found| {
        assert_eq!(found.record.requests.completed, 0);
        assert!(!found.answered);
        assert!(found.record.errors(ErrorKind::Timeout) > 0, "{:?}", found.record);
        assert_eq!(found.times().censored(), found.times().len());
        assert!(found.times().max().is_bound());
    });
}

#[test]
fn a_wrong_answer_fails_the_check_and_counts_as_an_answer() {
    let checked = Plan { check: Some("status=204".parse().expect("a check")), ..plan(serve(hello)) };
    let found = run(&checked);
    // The warm-up's answers are checked as well.
    assert!(found.record.errors(ErrorKind::Check) >= found.record.requests.completed);
    let r = found.record.requests;
    assert!(r.completed > 0 && r.failed == 0);
    assert_eq!((r.wrong, found.record.ok(), found.record.good()), (r.completed, r.completed, 0));
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
    let found = run(&Plan { duration: Duration::from_mins(1), ..counted.clone() });
    assert_eq!(found.record.requests.completed, 101);
    let found = run(&Plan { rate: Some(2000.0), duration: Duration::from_mins(1), ..counted });
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
