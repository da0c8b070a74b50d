//! `compare-truth` on a small scale: that it runs, that the servers log and that none is left. What it finds is for
//! `docs/BENCHMARKING.md`; blocks this short on a busy machine find what they like.
#![forbid(unsafe_code)]

use std::fs;
use std::process::Command;

#[test]
fn servers_are_compared_and_none_is_left() {
    let words = ["compare-truth", "--same", "1", "--different", "1", "--percent", "50", "--rounds", "10"];
    let blocks = ["--block", "50ms", "--settle", "10ms", "--seed", "9"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipring-bench"));
    let output = command.args(words).args(blocks).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    assert!(text.contains("a/a  1   cpu "), "{output:?}");
    assert!(text.contains("logged +"), "{output:?}");
    let program = env!("CARGO_BIN_EXE_slipring-bench").as_bytes();
    let is_left = |line: Vec<u8>| {
        let mut words = line.split(|&byte| byte == 0);
        words.next() == Some(program) && words.next() == Some(b"burn")
    };
    let processes = fs::read_dir("/proc").expect("a list of processes").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    assert_eq!(lines.filter(|line| is_left(line.clone())).count(), 0);
}
