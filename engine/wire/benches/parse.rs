//! Request heads: this parser against httparse, on the same bytes in the same run.
//!
//! Ours also recognises and judges Host, Content-Length, Transfer-Encoding, Connection and Expect, and checks the
//! target; httparse leaves all that to its caller. Read the ratio, not the times.

use std::hint::black_box;
use std::mem::MaybeUninit;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use slipring_scan::Kernel;
use slipring_wire::limits::Limits;
use slipring_wire::request::{Parsed, RequestHead, Tolerance};

const HEADS: [(&str, &[u8]); 3] = [
    ("short", include_bytes!("heads/short.http")),
    ("browser", include_bytes!("heads/browser.http")),
    ("twenty", include_bytes!("heads/twenty.http")),
];

fn heads(c: &mut Criterion) {
    for (name, bytes) in HEADS {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("httparse", |b| b.iter(|| httparse_len(black_box(bytes))));
        for kernel in Kernel::all() {
            let mut head = RequestHead::with_kernel(kernel);
            group.bench_function(kernel.name(), |b| b.iter(|| our_len(&mut head, black_box(bytes))));
        }
        group.finish();
    }
}

/// In its fastest use: with fields that are not written before they are found.
#[inline(never)]
fn httparse_len(bytes: &[u8]) -> usize {
    let mut fields = [const { MaybeUninit::uninit() }; 24];
    let mut request = httparse::Request::new(&mut []);
    let status = request.parse_with_uninit_headers(bytes, &mut fields).expect("a well-formed head");
    black_box(&request);
    status.unwrap()
}

#[inline(never)]
fn our_len(head: &mut RequestHead, bytes: &[u8]) -> usize {
    assert_eq!(head.parse(bytes, &Limits::SITE, Tolerance::Strict), Parsed::Complete);
    black_box(&head);
    head.head_len()
}

criterion_group!(benches, heads);
criterion_main!(benches);
