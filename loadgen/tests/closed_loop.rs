//! The binary against small servers that are not ours: threads over `std::net`.
#![forbid(unsafe_code)]

mod bed;

use std::net::TcpListener;

use bed::{Ended, Server, load, serve_answers, undisturbed};
use serde_json::Value;

/// A short run against the server, made again as long as the machine disturbs it.
fn run(server: &Server, words: &[&str]) -> Ended {
    let (url, common) = (server.url(), ["--json", "-", "-d", "300ms", "--warmup", "50ms"]);
    undisturbed(|| Ended::run(&load(&[&common, words, &[&url]].concat())))
}

#[expect(clippy::unnecessary_wraps, reason = "what `serve_answers` takes may also close")]
fn hello(_: u64) -> Option<Vec<u8>> {
    Some(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, World!".to_vec())
}

#[test]
fn a_plain_run_counts_what_the_server_served() {
    let server = serve_answers(hello);
    let ended = run(&server, &["-c", "3"]);
    ended.check_status(0);
    let completed = ended.number("/requests/completed");
    assert!(completed > 0 && completed <= server.asked());
    assert_eq!(ended.number("/connections/opened"), 3);
    assert_eq!(ended.number("/bytes/wire") % 52, 0);
    assert_eq!(ended.json["schema"], "slipring-load/1");
    // Each connection has one request under way at a time, from the first that counts to the last that was awaited.
    let times = &ended.json["service_time_us"];
    let us = |name: &str| times[name].as_f64().unwrap_or_else(|| panic!("{name}: {:#}", ended.json));
    let whole_us = ended.json["duration_s"].as_f64().expect("a number") * 1e6 + us("max");
    assert!(us("mean") * completed as f64 <= 3.0 * whole_us * 1.001, "{:#}", ended.json);
    assert!(us("min") > 1.0 && us("min") <= us("mean") && us("mean") <= us("max"), "{times:#}");
}

#[test]
fn every_answer_of_a_pipeline_counts() {
    let server = serve_answers(|number| {
        Some(if number % 2 == 0 {
            b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec()
        } else {
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n".to_vec()
        })
    });
    let ended = run(&server, &["-c", "2", "--pipeline", "7", "-t", "2"]);
    ended.check_status(0);
    let (found, missing) = (ended.number("/status/204"), ended.number("/status/404"));
    assert!(found.abs_diff(missing) <= 16, "{found} {missing}");
    assert!(found + missing <= server.asked());
    assert_eq!(ended.number("/errors/status"), missing);
    assert_eq!(ended.number("/requests/unanswered"), 0);
}

#[test]
fn a_connection_that_the_server_ends_is_opened_again() {
    let server = serve_answers(|number| match number {
        1..5 => hello(number),
        5 => Some(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_vec()),
        _ => None,
    });
    let ended = run(&server, &["-c", "2"]);
    ended.check_status(0);
    assert!(ended.number("/connections/reconnects") > 2);
    assert_eq!(ended.number("/errors/reset"), 0);
}

#[test]
fn a_body_until_close_ends_with_the_connection() {
    let server = serve_answers(|number| (number == 1).then(|| b"HTTP/1.0 200 OK\r\n\r\nall of it".to_vec()));
    // The server closes only when a second request comes; over a pipeline it does.
    let ended = run(&server, &["-c", "2", "--pipeline", "2"]);
    ended.check_status(0);
    assert!(ended.number("/connections/reconnects") > 0, "{:#}", ended.json);
}

#[test]
fn a_cut_answer_is_a_reset_and_garbage_a_protocol_error() {
    let server = serve_answers(|number| match number {
        1 => hello(number),
        2 => Some(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHel".to_vec()),
        _ => None,
    });
    let cut = run(&server, &["-c", "2", "--pipeline", "3"]);
    cut.check_status(0);
    assert!(cut.number("/errors/reset") > 0 && cut.number("/requests/failed") > 0);

    let garbage = run(&serve_answers(|_| Some(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec())), &["-c", "2"]);
    assert_eq!((garbage.status, garbage.number("/requests/completed")), (Some(4), 0));
    assert!(garbage.number("/errors/protocol") > 0);
}

#[test]
fn a_server_that_never_answers_ends_the_run_in_time() {
    let ended = run(&serve_answers(|_| Some(Vec::new())), &["-c", "2"]);
    assert_eq!((ended.status, ended.number("/requests/completed")), (Some(4), 0));
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
        (&["--spin", "50us", "127.0.0.1"], "open loop"),
        (&["--spin", "ever", "127.0.0.1"], "or always"),
        (&["-R", "9", "--spin", "2ms", "127.0.0.1"], "limited to 1000"),
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
        (&["--congestion", "nosuch", "-c", "1", "127.0.0.1:1"], "this kernel offers"),
        (&[], "<URL>"),
    ];
    for (words, part) in rows {
        let output = load(words);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {text}");
        assert!(text.contains(part), "{words:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
}

/// What looking for the time of a request takes is said; so is that a thread never slept.
#[test]
fn a_schedule_is_waited_for_awake_or_asleep() {
    let server = serve_answers(hello);
    let rows: [(&[&str], Option<f64>); 4] = [
        (&["-R", "200", "--spin", "0"], Some(0.0)),
        (&["-R", "200", "--spin", "1ms"], Some(1000.0)),
        (&["-R", "200", "--spin", "always"], None),
        (&["--spin", "always"], None),
    ];
    for (words, spin_us) in rows {
        let usual = ["-c", "4", "-d", "1s", "--warmup", "100ms", "--json", "-", &server.url()];
        let ended = Ended::document(&load(&[words, &usual].concat()));
        let number = |pointer: &str| ended.json.pointer(pointer).and_then(Value::as_f64);
        assert_eq!(number("/config/spin_us"), spin_us);
        let spun = number("/generator/spin_percent_per_thread/0");
        assert_eq!(spun.map(|spun| spun > 0.0), Some(spin_us != Some(0.0)), "{words:?}: {spun:?}");
    }
}

#[test]
fn the_text_report_goes_to_standard_output() {
    let output = load(&["-c", "1", "-d", "100ms", "--warmup", "0", &serve_answers(hello).url()]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("closed loop: percentiles are service time"), "{text}");
    assert!(text.contains("requests/s"), "{text}");
    assert!(output.stderr.is_empty(), "{output:?}");
}
