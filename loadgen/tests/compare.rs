//! `compare` and `sweep` as programs, against small servers of the test's own.
#![forbid(unsafe_code)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::{fs, thread};

use serde_json::Value;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello";

/// A server that answers every request with 200; its URL.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(thread::spawn(move || talk(stream)))));
    url
}

fn talk(mut stream: TcpStream) {
    let (mut held, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        held.extend_from_slice(&piece[..count]);
        while let Some(end) = held.windows(4).position(|window| window == b"\r\n\r\n") {
            held.drain(..end + 4);
            if stream.write_all(ANSWER).is_err() {
                return;
            }
        }
    }
}

fn load(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slipring-load")).args(words).output().expect("it starts")
}

/// The JSON that was printed, which is as its schema says.
fn document(output: &Output, schema: &str) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema").join(schema);
    let schema: Value = serde_json::from_str(&fs::read_to_string(file).expect("the schema")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
    document
}

const SHORT: [&str; 13] =
    ["compare", "--rounds", "10", "--block", "40ms", "--settle", "10ms", "-c", "2", "-R", "500", "--json", "-"];

#[test]
fn two_servers_are_compared_block_by_block() {
    let (a, b) = (serve(), serve());
    let output = load(&[&SHORT[..], &["--a", &a, "--b", &b, "--seed", "5"]].concat());
    let document = document(&output, "compare.json");
    // A busy machine makes blocks this short invalid.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
    let blocks = document["blocks"].as_array().expect("a list");
    let repeated = document["rounds_repeated"].as_u64().expect("a number");
    assert_eq!(blocks.len() as u64, 40 + 4 * repeated);
    assert_eq!(blocks.iter().filter(|block| block["used"] == true).count(), 40);
    for side in ["a", "b"] {
        assert_eq!(blocks.iter().filter(|block| block["used"] == true && block["side"] == side).count(), 20);
    }
    // Both are threads of this very process, so the CPU time is found by the sockets.
    assert_eq!(document["metrics"][0]["name"], "target_cpu_us_per_request");
    let pids = document["arms"]["b"]["pids"].as_array().expect("a list");
    assert!(pids.contains(&std::process::id().into()), "{pids:?}");
    assert_eq!(document["config"]["seed"], 5);
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("B AGAINST A"), "{output:?}");
}

#[test]
fn what_cannot_be_told_is_status_5_where_an_answer_is_required() {
    let (a, b) = (serve(), serve());
    // 20 answers of a block are too few for a p99, so there is no telling.
    let output = load(&[&SHORT[..], &["--a", &a, "--b", &b, "--require-answer"]].concat());
    let document = document(&output, "compare.json");
    assert_eq!(document["metrics"][1]["answer"], "cannot_tell");
    let expected = if document["verdict"] == "invalid" { 3 } else { 5 };
    assert_eq!(output.status.code(), Some(expected));
}

#[test]
fn servers_that_are_not_there_are_status_4_and_wrong_words_status_2() {
    let here = serve();
    let nowhere = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("it is bound").to_string();
    let rows: [(&[&str], i32, &str); 7] = [
        (&["compare", "--a", &here, "--b", &nowhere], 4, "never answered"),
        (&["compare", "--a-cmd", "exit 3", "--b", &here], 4, "exit status: 3"),
        (&["compare", "--a-cmd", "sleep 9", "--b", &here, "--ready-timeout", "50ms"], 4, "nobody answers"),
        (&["compare", "--a-cmd", "sleep 9", "--a", &here, "--b", &here], 2, "in use"),
        (&["compare", "--a", &here], 2, "--b"),
        (&["compare", "--a", &here, "--b", &here, "--rounds", "5"], 2, "10..=200"),
        (&["sweep", &here], 2, "--slo"),
    ];
    for (words, status, part) in rows {
        let output = load(words);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words:?}: {text}");
        assert!(text.contains(part), "{words:?}: {text}");
    }
}

#[test]
fn a_sweep_ends_at_the_limit_that_it_was_given() {
    let url = serve();
    let words = ["sweep", "--slo", "p50<5s", "--from", "200", "--to", "400", "--step", "200ms", "--settle", "50ms"];
    let output = load(&[&words[..], &["-c", "4", "--json", "-", &url]].concat());
    let document = document(&output, "sweep.json");
    let steps = document["steps"].as_array().expect("a list");
    // At most three tries of the first rate and of each of its ten halves, and the few beside them.
    assert!((1..=60).contains(&steps.len()), "{document:#}");
    // A disturbed machine may judge no step; what was judged must have met it.
    assert!(steps.iter().all(|step| step["outcome"] != "failed"), "{document:#}");
    let met = |rate: f64| steps.iter().filter(|step| step["outcome"] == "met" && step["rate"] == rate).count();
    if met(400.0) >= 3 {
        assert_eq!(
            document["answer"],
            serde_json::json!({"kind": "at_least", "met": 400.0, "failed": null, "why": "limit"})
        );
        assert_eq!(output.status.code(), Some(0));
    }
}
