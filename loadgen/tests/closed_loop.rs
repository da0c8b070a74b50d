//! The binary against small servers that are not ours: threads over `std::net`.
#![forbid(unsafe_code)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::Value;

/// A server that answers the n-th request of a connection as `answer` says; `None` closes the connection instead.
fn serve(answer: fn(u64) -> Option<Vec<u8>>) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    let served = Arc::new(AtomicU64::new(0));
    let counter = served.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let counter = counter.clone();
            thread::spawn(move || talk(stream, answer, &counter));
        }
    });
    (url, served)
}

fn talk(mut stream: TcpStream, answer: fn(u64) -> Option<Vec<u8>>, counter: &AtomicU64) {
    let (mut held, mut piece, mut number) = (Vec::new(), [0; 4096], 0);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        held.extend_from_slice(&piece[..count]);
        while let Some(end) = held.windows(4).position(|window| window == b"\r\n\r\n") {
            held.drain(..end + 4);
            number += 1;
            let Some(bytes) = answer(number) else { return };
            counter.fetch_add(1, Ordering::Relaxed);
            if stream.write_all(&bytes).is_err() {
                return;
            }
        }
    }
}

fn load(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slipring-load")).args(words).output().expect("it starts")
}

fn json(url: &str, words: &[&str]) -> (Value, Option<i32>) {
    let common = ["--json", "-", "-d", "300ms", "--warmup", "50ms"];
    let output = load(&[&common, words, &[url]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{output:?}"));
    (value, output.status.code())
}

fn number(json: &Value, path: &str) -> u64 {
    json.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} in {json:#}"))
}

/// What must hold in every report.
fn check_sums(json: &Value) {
    let of = |name: &str| number(json, &format!("/requests/{name}"));
    assert_eq!(of("sent"), of("completed") + of("failed") + of("unanswered"), "{json:#}");
    let statuses: u64 = json["status"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
    assert_eq!(statuses, of("completed"));
    // What had no answer in time is a lower bound among the samples; answers from 400 on have times of their own.
    assert!(number(json, "/samples") >= of("ok"), "{json:#}");
}

#[expect(clippy::unnecessary_wraps, reason = "what `serve` takes may also close")]
fn hello(_: u64) -> Option<Vec<u8>> {
    Some(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!".to_vec())
}

#[test]
fn a_plain_run_counts_what_the_server_served() {
    let (url, served) = serve(hello);
    let (json, status) = json(&url, &["-c", "3"]);
    check_sums(&json);
    let completed = number(&json, "/requests/completed");
    assert_eq!(status, Some(0));
    assert!(completed > 0 && completed <= served.load(Ordering::Relaxed));
    assert_eq!(number(&json, "/connections/opened"), 3);
    assert_eq!(number(&json, "/bytes/wire") % 52, 0);
    assert!(json["service_time_us"]["p50"].as_f64().is_some_and(|p50| p50 > 1.0 && p50 < 100_000.0));
    assert_eq!(json["schema"], "slipring-load/1");
}

#[test]
fn every_answer_of_a_pipeline_counts() {
    let (url, served) = serve(|number| {
        Some(if number % 2 == 0 {
            b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec()
        } else {
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n".to_vec()
        })
    });
    let (json, _) = json(&url, &["-c", "2", "--pipeline", "7", "-t", "2"]);
    check_sums(&json);
    let (found, missing) = (number(&json, "/status/204"), number(&json, "/status/404"));
    assert!(found.abs_diff(missing) <= 16, "{found} {missing}");
    assert!(found + missing <= served.load(Ordering::Relaxed));
    assert_eq!(number(&json, "/errors/status"), missing);
    assert_eq!(number(&json, "/requests/unanswered"), 0);
}

#[test]
fn a_connection_that_the_server_ends_is_opened_again() {
    let (url, _) = serve(|number| match number {
        1..5 => hello(number),
        5 => Some(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_vec()),
        _ => None,
    });
    let (json, status) = json(&url, &["-c", "2"]);
    check_sums(&json);
    assert_eq!(status, Some(0));
    assert!(number(&json, "/connections/reconnects") > 2);
    assert_eq!(number(&json, "/errors/reset"), 0);
}

#[test]
fn a_body_until_close_ends_with_the_connection() {
    let (url, _) = serve(|number| (number == 1).then(|| b"HTTP/1.0 200 OK\r\n\r\nall of it".to_vec()));
    // The server closes only when a second request comes; over a pipeline it does.
    let (json, _) = json(&url, &["-c", "2", "--pipeline", "2"]);
    check_sums(&json);
    assert!(number(&json, "/connections/reconnects") > 0, "{json:#}");
}

#[test]
fn a_cut_answer_is_a_reset_and_garbage_a_protocol_error() {
    let (url, _) = serve(|number| match number {
        1 => hello(number),
        2 => Some(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHel".to_vec()),
        _ => None,
    });
    let (cut, status) = json(&url, &["-c", "2", "--pipeline", "3"]);
    check_sums(&cut);
    assert_eq!(status, Some(0));
    assert!(number(&cut, "/errors/reset") > 0 && number(&cut, "/requests/failed") > 0);

    let (url, _) = serve(|_| Some(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()));
    let (garbage, status) = json(&url, &["-c", "2"]);
    check_sums(&garbage);
    assert_eq!((status, number(&garbage, "/requests/completed")), (Some(4), 0));
    assert!(number(&garbage, "/errors/protocol") > 0);
}

#[test]
fn a_server_that_never_answers_ends_the_run_in_time() {
    let (url, _) = serve(|_| Some(Vec::new()));
    let (json, status) = json(&url, &["-c", "2"]);
    check_sums(&json);
    assert_eq!(status, Some(4));
    assert_eq!(number(&json, "/requests/completed"), 0);
}

#[test]
fn nobody_there_is_status_4_and_says_so() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it is bound").port();
    let output = load(&["-d", "1s", &format!("127.0.0.1:{port}")]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("never answered: connection refused"), "{text}");
}

#[test]
fn wrong_words_are_status_2_with_a_hint() {
    let rows = [
        (&["https://127.0.0.1/"][..], "https is not supported"),
        (&["-d", "{\"a\":1}", "x"], "duration"),
        (&["-q", "100", "x"], "hint: a rate is -R"),
        (&["-R", "0", "127.0.0.1"], "must be above 0"),
        (&["-R", "fast", "127.0.0.1"], "hint: -R is requests a second"),
        (&["--stage", "1s@0", "127.0.0.1"], "above 0"),
        (&["8000"], "localhost:8000"),
        (&["http://"], "names no host"),
        (&["ftp://127.0.0.1/"], "is not http"),
        (&["http://127.0.0.1:99999/"], "not a port"),
        (&["-host", "a", "127.0.0.1"], "hint: this is a server's flag"),
        (&["-h2", "127.0.0.1"], "hint: HTTP/1.1"),
        (&["--fail-if", "p99", "127.0.0.1"], "p99>5ms"),
        (&["--slo", "p99<5ms", "127.0.0.1"], "open loop"),
        (&["--deadline", "1s", "127.0.0.1"], "open loop"),
        (&["--json", "-", "--csv", "-", "127.0.0.1"], "takes one of them"),
        (&["--json", "/nowhere/at/all", "127.0.0.1"], "--json"),
        (&["--body-file", "/nowhere", "127.0.0.1"], "/nowhere"),
        (&["--urls", "/nowhere"], "/nowhere"),
        (&["--target-cgroup", "/nowhere", "127.0.0.1"], "--target-cgroup"),
        (&["--start-at", "@1", "127.0.0.1"], "past"),
        (&["report", "/nowhere"], "/nowhere"),
        (&["merge"], "<RUN>"),
        (&["merge", "/nowhere"], "/nowhere"),
        (&["-c", "0", "127.0.0.1"], "at least 1"),
        (&["-c", "2", "-t", "3", "127.0.0.1"], "cannot share"),
        (&["-H", "no colon", "127.0.0.1"], "Name: value"),
        (&["--target-pid", "4294967295", "127.0.0.1"], "--target-pid"),
        (&["--cores", "1023", "127.0.0.1"], "core 1023"),
        (&["--congestion", "nosuch", "-c", "1", "127.0.0.1:1"], ""),
        (&[], "<URL>"),
    ];
    for (words, part) in rows {
        let output = load(words);
        let text = String::from_utf8_lossy(&output.stderr);
        let expected = if part.is_empty() { 4 } else { 2 };
        assert_eq!(output.status.code(), Some(expected), "{words:?}: {text}");
        assert!(text.contains(part), "{words:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
}

#[test]
fn the_text_report_goes_to_standard_output() {
    let (url, _) = serve(hello);
    let output = load(&["-c", "1", "-d", "100ms", "--warmup", "0", &url]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("closed loop: percentiles are service time"), "{text}");
    assert!(text.contains("requests/s"), "{text}");
    assert!(output.stderr.is_empty(), "{output:?}");
}
