//! The load generator's loop allocates nothing: a run four times as long, with as many more requests, allocates as often.
#![forbid(unsafe_code)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use slipring_load::drive::{Driver, Gate, Progress, ring_limits};
use slipring_load::plan::{Body, Plan};
use slipring_ring::uring::{UringConfig, UringRing};

fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
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
    address
}

/// Allocations of the phases behind the opening of the connections, and answers.
fn allocations(plan: &Plan, address: SocketAddr) -> (u64, u64) {
    plan.check(1 << 20).expect("a good plan");
    let (stop, progress, gate) = (AtomicBool::new(false), Progress::default(), Gate::new(1));
    let ring = UringRing::new(UringConfig::new(ring_limits(plan, 0))).expect("a ring");
    let addresses = [address];
    let mut driver = Driver::new(ring, plan, &addresses, 0, &stop, &progress);
    driver.open().expect("the ring is not lost");
    gate.arrive();
    let mut answers = 0;
    let counted = allocation_counter::measure(|| {
        answers = driver.run(&gate).expect("the ring is not lost").record.requests.completed;
    });
    (counted.count_total, answers)
}

fn check(plan: impl Fn(Duration) -> Plan, address: SocketAddr) {
    /// Runs of both, where a machine stands still so long that the longer one answers no more.
    const TRIES: usize = 5;
    let both = || {
        let of = |ms| allocations(&plan(Duration::from_millis(ms)), address);
        (of(200), of(800))
    };
    let mut tries = (0..TRIES).map(|_| both()).skip_while(|((_, short), (_, long))| *long <= short + 100);
    let ((few, short), (many, long)) = tries.next().expect("a longer run answers more");
    assert!(long > short + 100, "{short} and {long} answers");
    assert_eq!(few, many, "allocations for {short} and {long} answers");
}

#[test]
fn neither_loop_allocates() {
    let address = serve();
    let base = Plan {
        connections: 4,
        warmup: Duration::from_millis(50),
        ..Plan::new(format!("http://{address}/").parse().expect("a URL"))
    };
    check(|duration| Plan { duration, ..base.clone() }, address);
    check(|duration| Plan { duration, rate: Some(2_000.0), ..base.clone() }, address);
    // Numbers and bodies are written in place.
    let mut mixed = base;
    mixed.requests[0].target.path = "/{seq}".to_owned();
    let mut post = mixed.requests[0].clone();
    (post.body, post.weight) = (Body::Text("n={rand:1-1000}".to_owned()), 3);
    mixed.requests.push(post);
    check(|duration| Plan { duration, rate: Some(2_000.0), ..mixed.clone() }, address);
}
