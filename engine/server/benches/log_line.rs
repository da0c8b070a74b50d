//! A request's line in the access log: staged with its answer, and finished when that has left.
#![allow(missing_docs, reason = "criterion's macros write undocumented functions")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use slipring::log::{AccessRecord, Asked, CacheUse, Format, Known, Left, Moment, Records, Sending, Staged};
use slipring_ring::{Instant, Peer, Wall};
use slipring_wire::date::DateCache;
use slipring_wire::limits::Limits;
use slipring_wire::request::{Parsed, RequestHead, Tolerance};

const REQUEST: &[u8] = b"GET /13.txt HTTP/1.1\r\nHost: bench\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Referer: http://bench/index.html\r\n\r\n";
const WALL: Wall = Wall { secs: 1_795_439_452, nanos: 7_900_000 };

fn log_line(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log line");
    let formats = [
        ("python", Format::python()),
        ("common", Format::common()),
        ("combined", Format::combined()),
        ("json", Format::json()),
    ];
    for (name, format) in formats {
        let mut head = RequestHead::new();
        assert_eq!(head.parse(REQUEST, &Limits::COMMAND, Tolerance::Lenient), Parsed::Complete);
        let date = DateCache::new(WALL.secs);
        let sending = Sending { begun: Instant::ORIGIN, first_byte: None, start: 0, head_bytes: 200, body_bytes: 13 };
        let peer = "127.0.0.1:40000".parse().map_or(Peer::Unknown, Peer::Ip);
        let record = AccessRecord { peer, status: 200, cache: CacheUse::Hit, sending };
        let (mut stage, mut memory, mut written) = (Vec::new(), Vec::new(), vec![0; 1024]);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                stage.clear();
                let request = black_box(REQUEST);
                let asked = Asked { line: head.request_line(request), head: Some((&head, request)) };
                record.stage(&format, asked, Known { date: &date, names: None }, &mut stage);
                let at = Moment { now: Instant::ORIGIN, wall: WALL, date: &date, names: None };
                for staged in Records(&stage) {
                    let Staged::Access(sending, begun) = staged else { continue };
                    let line = format.finish(&mut memory, begun, &sending, Left::Sent(213), at);
                    written[..line.len()].copy_from_slice(line);
                }
                black_box(written.as_ptr())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, log_line);
criterion_main!(benches);
