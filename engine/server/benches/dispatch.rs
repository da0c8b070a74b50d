//! From a parsed head to a written answer: the command table, the exchange, the handler's words.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use slipring::handler::{Output, Scratch};
use slipring::{Commands, Exchange, Handler, Reply, Request, Site};
use slipring_ring::Peer;
use slipring_wire::limits::Limits;
use slipring_wire::request::{Parsed, RequestHead, Tolerance};

struct Hello;

impl Handler for Hello {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get).on("SPAM", Self::do_get);
}

impl Hello {
    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(b"Hello, World!")
    }
}

fn dispatch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dispatch");
    for (name, request) in [
        ("GET", &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..]),
        ("SPAM", b"SPAM / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ] {
        let mut head = RequestHead::new();
        let parsed = head.parse(request, &Limits::COMMAND, Tolerance::Lenient);
        assert_eq!(parsed, Parsed::Complete);
        let (site, mut scratch, mut handler) = (Site::new(), Scratch::new(), Hello);
        let mut slot = vec![0; 40 * 1024];
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut filled = 0;
                let request = Request { head: &head, bytes: black_box(request), body: &[], peer: Peer::Unknown };
                let out = Output::new(&mut slot, &mut filled);
                let mut x = Exchange::new(request, &site, &mut scratch, out, true);
                let function = Hello::COMMANDS.function(head.command(), head.method(request.bytes));
                let answered = function.map(|function| function(&mut handler, &mut x));
                black_box(answered.is_some_and(|reply| reply.is_ok()))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, dispatch);
criterion_main!(benches);
