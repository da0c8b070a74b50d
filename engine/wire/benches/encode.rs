//! Writing and reading response heads: the work that every exchange pays for.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use slipring_wire::body::chunked::{ChunkLimits, ChunkedDecoder};
use slipring_wire::date::{DateCache, DateStamp, imf_fixdate};
use slipring_wire::response::{
    EncodeError, Event, FieldLines, HeadMemo, HeadWriter, PreparedHead, ResponseMachine, Status, parse_response_head,
};

const NOW: u64 = 1_795_439_452;

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nServer: Slipring/0.1.0\r\nDate: Mon, 23 Nov 2026 13:10:52 GMT\r\n\
    Content-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

/// The head of a static file as the engine sends it, about 260 bytes.
fn file_head(buffer: &mut [u8], stamp: &DateStamp, bytes: u64) -> Result<usize, EncodeError> {
    let mut head = HeadWriter::new(buffer);
    head.status_line(false, Status::OK, None)?
        .field_static(b"Server: Slipring/0.1.0\r\n")?
        .date(stamp)?
        .field(b"Content-Type", b"text/html; charset=utf-8")?
        .content_length(bytes)?
        .field(b"Last-Modified", b"Mon, 23 Nov 2026 09:00:00 GMT")?
        .field(b"ETag", b"\"5f3a-61b2c8d4e9f00\"")?
        .field_static(b"Accept-Ranges: bytes\r\n")?;
    head.end()
}

fn encode(c: &mut Criterion) {
    let stamp = DateStamp::new(NOW);
    let mut buffer = [0; 1_024];
    let len = file_head(&mut buffer, &stamp, 12_345).expect("the buffer is large enough");
    let prepared = PreparedHead::new(&buffer[..len]);
    let mut lines = FieldLines::new();
    lines.push(b"Content-Type", b"text/plain").expect("a valid field");

    let mut group = c.benchmark_group("encode");
    group.bench_function("file_head", |b| b.iter(|| file_head(black_box(&mut buffer), &stamp, black_box(12_345))));
    group.bench_function("prepared_head", |b| b.iter(|| prepared.write(black_box(&mut buffer), &stamp)));
    group.bench_function("hello_head", |b| {
        b.iter(|| {
            let mut head = HeadWriter::new(black_box(&mut buffer));
            head.status_line(false, black_box(Status::OK), None)?
                .field_static(b"Server: Slipring/0.1.0\r\n")?
                .date(&stamp)?
                .field_lines(&lines)?
                .content_length(black_box(13))?;
            head.end()
        });
    });
    group.finish();
}

fn date(c: &mut Criterion) {
    let mut cache = DateCache::new(NOW);
    c.bench_function("date/imf_fixdate", |b| b.iter(|| imf_fixdate(black_box(NOW))));
    c.bench_function("date/update_same_second", |b| b.iter(|| cache.update(black_box(NOW))));
}

/// Follows every response in `input`; returns how many ended.
fn follow(machine: &mut ResponseMachine, memo: &mut HeadMemo, input: &[u8]) -> u32 {
    let (mut at, mut ended) = (0, 0);
    while let Ok((consumed, event)) = machine.advance(memo, &input[at..], false) {
        at += consumed;
        match event {
            Event::NeedMore => break,
            Event::End => ended += 1,
            _ => (),
        }
    }
    ended
}

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("response");
    group.throughput(Throughput::Bytes(HELLO.len() as u64));
    group.bench_function("head_parsed", |b| b.iter(|| parse_response_head(black_box(HELLO))));
    let mut memo = HeadMemo::new();
    let mut machine = ResponseMachine::new();
    group.bench_function("whole_remembered", |b| b.iter(|| follow(&mut machine, &mut memo, black_box(HELLO))));
    let later = String::from_utf8_lossy(HELLO).replace(":52", ":53").into_bytes();
    group.throughput(Throughput::Bytes(2 * HELLO.len() as u64));
    let pair = [HELLO, &later].concat();
    group.bench_function("two_with_new_dates", |b| b.iter(|| follow(&mut machine, &mut memo, black_box(&pair))));
    group.finish();
}

fn chunked(c: &mut Criterion) {
    let mut group = c.benchmark_group("chunked");
    for (name, chunk) in [("tiny", b"1\r\nx\r\n".to_vec()), ("4k", [b"1000\r\n", &[b'x'; 4_096][..], b"\r\n"].concat())]
    {
        let input = chunk.repeat(1_000);
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| ChunkedDecoder::new(ChunkLimits::RESPONSE).discard(black_box(&input)));
        });
    }
    group.finish();
}

criterion_group!(benches, encode, date, parse, chunked);
criterion_main!(benches);
