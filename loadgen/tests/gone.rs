//! Targets that are not there, go away or let nobody in: no part of the plan is lost, and no run waits for ever.
#![forbid(unsafe_code)]

mod bed;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bed::run;
use slipring_load::judge::judge;
use slipring_load::plan::{Arrivals, Plan};
use slipring_load::record::{ErrorKind, Note};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn plan(address: SocketAddr) -> Plan {
    Plan {
        connections: 1,
        warmup: Duration::ZERO,
        duration: Duration::from_millis(400),
        grace: Duration::from_mins(1),
        ..Plan::new(format!("http://{address}/").parse().expect("a URL"))
    }
}

/// Answers every request.
fn serve() -> SocketAddr {
    bed::serve(|stream, _| stream.write_all(ANSWER).is_ok()).address
}

/// Answers so many requests, one connection after the other, and is gone then.
fn serve_and_leave(requests: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        answer(&mut stream, requests);
    });
    address
}

fn answer(stream: &mut TcpStream, requests: usize) {
    let mut piece = [0; 4096];
    for _ in 0..requests {
        if !stream.read(&mut piece).is_ok_and(|bytes| bytes > 0) || stream.write_all(ANSWER).is_err() {
            return;
        }
    }
}

/// Each thread has its part of the schedule, whatever becomes of its connections: of one that never had any it is given up,
/// and does not vanish from what was due.
#[test]
fn a_thread_without_a_connection_keeps_its_part_of_the_schedule() {
    // The first connection of the first thread gets the one local address that is ours.
    let place = |index| if index == 1 { "127.0.0.1" } else { "192.0.2.1" };
    let sources = (0..100).map(|index| place(index).parse().expect("an address")).collect();
    let grace = Duration::from_millis(100);
    let half = Plan { threads: 2, connections: 2, sources, rate: Some(500.0), grace, ..plan(serve()) };
    let found = run(&half);
    let r = found.record.requests;
    assert_eq!((r.due, r.shed, r.completed), (200, 100, 100), "{r:?}");
    assert_eq!((found.record.connections.opened, found.record.connections.failed), (1, 1));
    // It went on trying.
    assert!(found.record.errors(ErrorKind::AddressUnavailable) > 1, "{:?}", found.record);
    assert!(judge(&found).notes.contains(&Note::TargetOverloaded));
}

#[test]
fn without_any_connection_a_run_ends_at_once() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it is bound");
    let found = run(&Plan { threads: 2, connections: 2, duration: Duration::from_hours(1), ..plan(nobody) });
    assert!(!found.answered && found.refusal.is_some() && found.record.requests.due == 0);
}

#[test]
fn a_number_of_requests_ends_when_the_target_is_gone() {
    let gone = Plan {
        requests_max: Some(100),
        duration: Duration::from_hours(1),
        timeout: Some(Duration::from_millis(300)),
        connect_timeout: Duration::from_millis(200),
        ..plan(serve_and_leave(10))
    };
    let found = run(&gone);
    let r = found.record.requests;
    // The first may have left before the phase began.
    assert!(r.due == 100 && (9..=10).contains(&r.sent) && r.completed >= 8, "{r:?}");
    assert!(judge(&found).notes.contains(&Note::TargetErrors), "{r:?}");
}

/// Of a schedule, too, all was due, and none of it vanishes.
#[test]
fn a_number_of_requests_at_a_rate_stays_due_when_the_target_is_gone() {
    let limit = Duration::from_millis(100);
    let gone = Plan {
        requests_max: Some(100),
        rate: Some(100.0),
        duration: Duration::from_mins(5),
        timeout: Some(limit),
        connect_timeout: limit,
        grace: limit,
        ..plan(serve_and_leave(10))
    };
    let r = run(&gone).record.requests;
    assert!(r.due == 100 && r.completed <= 10 && r.shed >= 80, "{r:?}");
}

/// A connect that nobody answers is given up and tried again, also where requests may take as long as they like.
#[test]
fn connects_have_a_limit_of_their_own() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        // The queue is filled up, so that the kernel lets no further connection in.
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
        let queue: Vec<_> = std::iter::from_fn(connect).collect();
        answer(&mut stream, 1);
        drop(stream);
        (listener, queue)
    });
    let limit = Duration::from_millis(200);
    let shut = Plan { timeout: None, connect_timeout: limit, grace: limit, ..plan(address) };
    let found = run(&Plan { duration: Duration::from_secs(3), ..shut });
    assert!(found.record.errors(ErrorKind::Timeout) >= 2, "{:?}", found.record);
    drop(serving.join().expect("it served"));
}

/// As many requests as were asked for, in the time that the rate needs for them: the rate comes out as it was offered.
#[test]
fn a_number_of_requests_at_a_rate_takes_as_long_as_the_rate_says() {
    let counted = Plan { requests_max: Some(20), rate: Some(40.0), duration: Duration::from_mins(5), ..plan(serve()) };
    let found = run(&counted);
    assert_eq!(found.record.requests.completed, 20);
    // 20 of them are due within 475 ms, and the 21st would be at 500.
    assert!((490_000_000..60_000_000_000).contains(&found.measured_ns), "{}", found.measured_ns);
    for seed in 1..=4 {
        let found = run(&Plan { arrivals: Arrivals::Poisson, rate: Some(400.0), seed, ..counted.clone() });
        assert_eq!((found.record.requests.due, found.record.requests.completed), (20, 20), "seed {seed}");
        assert!(found.measured_ns < 60_000_000_000, "seed {seed}");
    }
}
