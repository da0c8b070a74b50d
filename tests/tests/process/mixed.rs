//! Many requests of every kind on one connection, and many connections of every kind at once: each answer is the right
//! one, in order, whoever else is there.

use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::client::{Client, Response, get, request};
use crate::harness::{Server, pattern, site};

/// Marsaglia's xorshift: the same requests in every run of a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }
}

/// A request, and what its answer has to be.
struct Asked {
    bytes: Vec<u8>,
    head: bool,
    status: u16,
    body: Option<Vec<u8>>,
}

/// Files of every size class, each with bytes of its own.
const SIZES: [usize; 7] = [0, 13, 5_000, 16_384, 60_000, 200_000, 1_000_000];

fn content(name: usize) -> Vec<u8> {
    pattern(SIZES[name % SIZES.len()] + name).split_off(name)
}

fn home(files: usize) -> TempDir {
    let contents: Vec<_> = (0..files).map(|name| (format!("f{name}"), content(name))).collect();
    let files: Vec<(&str, &[u8])> = contents.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let home = site(&files);
    std::fs::create_dir(home.path().join("d")).expect("a directory");
    home
}

/// Some request for one of the files, or for something else.
fn anything(random: &mut Random, files: usize) -> Asked {
    let name = random.below(files);
    let (target, whole) = (format!("/f{name}"), content(name));
    let asked = |bytes, head, status, body| Asked { bytes, head, status, body };
    match random.below(10) {
        0 => asked(get("/none"), false, 404, None),
        1 => asked(get("/d"), false, 301, Some(vec![])),
        2 => asked(request("HEAD", &target, ""), true, 200, Some(vec![])),
        3 => asked(
            request("POST", &target, "Content-Length: 9\r\n").into_iter().chain(*b"GET / HTT").collect(),
            false,
            405,
            None,
        ),
        4 => {
            let since = "If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT\r\n";
            asked(request("GET", &target, since), false, 304, Some(vec![]))
        }
        5 if whole.len() > 20 => {
            let range = request("GET", &target, "Range: bytes=10-19\r\n");
            asked(range, false, 206, Some(whole[10..20].to_vec()))
        }
        6 => asked(get("/d/"), false, 200, None),
        _ => asked(get(&target), false, 200, Some(whole)),
    }
}

fn check(number: usize, asked: &Asked, answer: Option<Response>) {
    let shown = String::from_utf8_lossy(&asked.bytes);
    let answer = answer.unwrap_or_else(|| panic!("an answer to request {number}: {shown}"));
    assert_eq!(answer.status, asked.status, "request {number}: {shown}");
    let right = asked.body.as_ref().is_none_or(|body| *body == answer.body);
    assert!(right, "request {number}, {} bytes: {shown}", answer.body.len());
}

/// Hundreds of requests in one write; the answers come in order, whatever each of them takes.
#[test]
fn a_pipeline_of_everything() {
    const FILES: usize = 14;
    let home = home(FILES);
    let server = Server::serve(home.path());
    for seed in 1..=12 {
        let mut random = Random(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let all: Vec<Asked> = (0..200).map(|_| anything(&mut random, FILES)).collect();
        let bytes: Vec<u8> = all.iter().flat_map(|asked| asked.bytes.clone()).collect();
        let mut client = server.client();
        if random.below(2) == 0 {
            client.send(&bytes);
        } else {
            for part in bytes.chunks(1 + random.below(3000)) {
                client.send(part);
            }
        }
        if random.below(2) == 0 {
            client.half_close();
        }
        for (number, asked) in all.iter().enumerate() {
            let answer = client.response_to(if asked.head { b"HEAD" } else { b"GET" });
            check(number, asked, answer);
        }
    }
}

/// Connections that ask, pipeline, stop, reset and come again, all at once: nobody gets what is another's (attack 36).
#[test]
fn nobody_gets_the_answer_of_another() {
    const FILES: usize = 42;
    let home = home(FILES);
    let mut server = Server::serve(home.path());
    server.client().ask(&get("/d/"));
    let before = server.descriptors();
    let address = server.address();
    thread::scope(|scope| {
        for seed in 1..=8 {
            scope.spawn(move || {
                let mut random = Random(u64::wrapping_mul(seed, 0xd134_2543_de82_ef95));
                (0..150).for_each(|_| visit(Client::to(address), &mut random, FILES));
            });
        }
    });
    assert!(server.is_running(), "it lives: {}", server.said().1);
    crate::harness::wait_for("every descriptor to be closed", Duration::from_secs(30), || {
        server.descriptors() <= before
    });
}

/// One connection: some requests, then a good end or a bad one.
fn visit(mut client: Client, random: &mut Random, files: usize) {
    let all: Vec<Asked> = (0..=random.below(6)).map(|_| anything(random, files)).collect();
    let pipelined = random.below(2) == 0;
    if pipelined {
        for asked in &all {
            client.send(&asked.bytes);
        }
    }
    // A connection that ends here is reset if answers are on their way.
    let until = if random.below(3) == 0 { random.below(all.len() + 1) } else { all.len() };
    for (number, asked) in all.iter().enumerate().take(until) {
        if !pipelined {
            client.send(&asked.bytes);
        }
        check(number, asked, client.response_to(if asked.head { b"HEAD" } else { b"GET" }));
    }
    if until < all.len() && random.below(2) == 0 {
        client.send(b"GET /f1 HTT").half_close();
    }
}
