//! The null responder as a process: it counts bytes and answers, and it ends with whoever started it.
#![forbid(unsafe_code)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// Starts it; its process and its port.
fn start(answer: &tempfile::NamedTempFile) -> (Child, u16) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_slipring-bench"))
        .args(["null", "--port", "0", "--until-stdin-closes", "--request-bytes", &REQUEST.len().to_string()])
        .arg("--answer-file")
        .arg(answer.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("it is piped")).read_line(&mut line).expect("it prints");
    let port = line.trim().rsplit(' ').next().and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("{line:?}"));
    (child, port)
}

#[test]
fn as_many_answers_as_requests_however_they_arrive() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(ANSWER).expect("it is written");
    let (mut child, port) = start(&file);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("it is set");
    let five = REQUEST.repeat(5);
    let (first, rest) = five.split_at(REQUEST.len() * 2 + 3);
    let mut answers = vec![0; ANSWER.len() * 2];
    stream.write_all(first).expect("it is sent");
    stream.read_exact(&mut answers).expect("two answers");
    assert_eq!(answers, ANSWER.repeat(2));
    stream.write_all(rest).expect("it is sent");
    answers.resize(ANSWER.len() * 3, 0);
    stream.read_exact(&mut answers).expect("three more");
    assert_eq!(answers, ANSWER.repeat(3));

    drop(child.stdin.take());
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn cost_says_what_must_be_built() {
    // The tests' own directory holds the bench, but nothing that it could measure.
    let copy = tempfile::tempdir().expect("a directory");
    let program = copy.path().join("slipring-bench");
    std::fs::copy(env!("CARGO_BIN_EXE_slipring-bench"), &program).expect("it is copied");
    let output = Command::new(program).args(["cost", "--quick"]).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("cargo build --release --workspace"), "{text}");
}
