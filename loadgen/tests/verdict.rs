//! Each doubt provoked in a real run, as far as a process can provoke it, and how the process ends.
//!
//! Steal and a moving clock are the machine's, a clamped time takes a minute, and a terminal that holds the progress line
//! up takes a terminal: those stand in the unit tests of `judge`, on records.
#![forbid(unsafe_code)]

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const PROGRAM: &str = env!("CARGO_BIN_EXE_slipring-load");
/// Set for the one ignored test that is a server of its own process.
const SERVER: &str = "SLIPRING_TEST_SERVER";

/// Waits; a lint keeps `sleep` out of everything else.
fn pause(time: Duration) {
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    let _ = never.recv_timeout(time);
}

/// A server that answers the n-th request of each connection after `delay(n)`; `None` never answers it.
fn serve(delay: fn(u64) -> Option<Duration>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
    thread::spawn(move || accept(&listener, delay));
    url
}

fn accept(listener: &TcpListener, delay: fn(u64) -> Option<Duration>) {
    for stream in listener.incoming().flatten() {
        thread::spawn(move || talk(stream, delay));
    }
}

fn talk(mut stream: TcpStream, delay: fn(u64) -> Option<Duration>) {
    let (mut piece, mut number) = ([0; 4096], 0);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        for _ in piece[..count].windows(4).filter(|window| window == b"\r\n\r\n") {
            number += 1;
            match delay(number) {
                Some(Duration::ZERO) => {}
                Some(delay) => pause(delay),
                None => continue,
            }
            if stream.write_all(ANSWER).is_err() {
                return;
            }
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what `serve` takes may also never answer")]
fn at_once(_: u64) -> Option<Duration> {
    Some(Duration::ZERO)
}

fn command(url: &str, words: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--json", "-", "--quiet"]).args(words.split_whitespace()).arg(url);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

struct Ended {
    json: Value,
    status: Option<i32>,
}

impl Ended {
    fn of(output: &Output) -> Self {
        let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let ended = Self { json, status: output.status.code() };
        assert_eq!(ended.json["exit_status"].as_i64(), ended.status.map(i64::from), "{:#}", ended.json);
        ended.check_sums();
        ended
    }

    fn check_sums(&self) {
        let of = |name: &str| self.json["requests"][name].as_u64().unwrap_or_else(|| panic!("{name}: {:#}", self.json));
        assert_eq!(of("due"), of("sent") + of("shed") + of("dropped"), "{:#}", self.json);
        assert_eq!(of("sent"), of("completed") + of("failed") + of("unanswered"), "{:#}", self.json);
    }

    /// The level of a reason.
    fn level(&self, code: &str) -> Option<&str> {
        let reasons = self.json["reasons"].as_array()?;
        reasons.iter().find(|reason| reason["code"] == code)?["level"].as_str()
    }

    fn check(&self, code: &str, level: Option<&str>) {
        assert_eq!(self.level(code), level, "{code}: {:#}", self.json["reasons"]);
    }

    fn has_note(&self, note: &str) -> bool {
        self.json["target_notes"].as_array().is_some_and(|notes| notes.iter().any(|found| found == note))
    }
}

fn run(url: &str, words: &str) -> Ended {
    Ended::of(&command(url, words).output().expect("it starts"))
}

/// Starts a run and does something to it meanwhile.
fn meanwhile(url: &str, words: &str, act: impl FnOnce(Pid)) -> Ended {
    let child = command(url, words).spawn().expect("it starts");
    act(Pid::from_child(&child));
    Ended::of(&child.wait_with_output().expect("it ends"))
}

fn send(pid: Pid, signal: Signal) {
    kill_process(pid, signal).expect("it is our child");
}

#[test]
fn a_generator_that_was_stopped_is_behind_schedule() {
    // As many requests leave late as connections were free meanwhile: enough of them for the 99th percentile.
    let ended = meanwhile(&serve(at_once), "-R 500 -c 64 -d 3s --warmup 0", |pid| {
        pause(Duration::from_secs(1));
        send(pid, Signal::STOP);
        pause(Duration::from_millis(700));
        send(pid, Signal::CONT);
    });
    ended.check("behind_schedule", Some("invalid"));
    assert_eq!((ended.status, ended.json["verdict"].as_str()), (Some(3), Some("invalid")));
}

#[test]
fn a_generator_that_is_stopped_at_the_end_sends_too_little() {
    let ended = meanwhile(&serve(at_once), "-R 500 -c 8 -d 3s --warmup 0", |pid| {
        pause(Duration::from_secs(1));
        send(pid, Signal::STOP);
        pause(Duration::from_secs(4));
        send(pid, Signal::CONT);
    });
    ended.check("rate_short", Some("invalid"));
}

#[test]
fn a_rate_beyond_the_generator_saturates_it() {
    let ended = run(&serve(at_once), "-R 20000000 --on-busy drop -c 1 -d 1s --warmup 0");
    assert!(ended.level("generator_saturated").is_some(), "{:#}", ended.json);
    assert!(ended.has_note("target_overloaded"), "{:#}", ended.json);
}

#[test]
fn a_source_that_is_not_ours_is_our_error() {
    let ended = run(&serve(at_once), "-c 8 -d 500ms --warmup 0 --source 127.0.0.1,192.0.2.1");
    assert!(ended.level("own_errors").is_some(), "{:#}", ended.json);
}

/// A run of answers that take so long that a late start of some milliseconds is no doubt, beside a target that uses no
/// core: only what is asked for decides.
fn calm(words: &str) -> Ended {
    let mut idle = Command::new("sleep").arg("60").spawn().expect("a program that waits");
    let url = serve(|_| Some(Duration::from_millis(100)));
    let ended = run(&url, &format!("-R 100 -c 40 -d 2s --warmup 0 --target-pid {} {words}", idle.id()));
    idle.kill().and_then(|()| idle.wait()).expect("it is our child");
    ended
}

#[test]
fn few_samples_are_suspect_and_in_a_threshold_invalid() {
    let few = calm("");
    few.check("few_samples", Some("suspect"));
    assert_eq!((few.status, &few.json["response_time_us"]["p99"]), (Some(0), &Value::Null));
    assert_eq!(calm("--strict").status, Some(3));
    let used = calm("--fail-if p99>5s");
    used.check("few_samples", Some("invalid"));
    assert_eq!((used.status, used.json["thresholds"][0]["pass"].as_bool()), (Some(3), Some(false)));
}

#[test]
fn thresholds_decide_the_status() {
    // A mean needs no tail; all answers are far from what any machine does.
    let rows = [("--fail-if mean>30s", 0), ("--fail-if mean<30s", 1), ("--slo mean<30s --slo mean<1ns", 1)];
    for (words, status) in rows {
        let ended = calm(words);
        assert_eq!(ended.status, Some(status), "{words}: {:#}", ended.json);
    }
}

#[test]
fn what_never_ends_is_a_lower_bound() {
    let url = serve(|number| (number % 50 != 0).then_some(Duration::ZERO));
    let ended = run(&url, "-R 400 -c 4 -d 3s --warmup 0 --timeout 200ms");
    ended.check("censored", Some("suspect"));
    assert!(ended.has_note("target_errors"), "{:#}", ended.json);
    let used = run(&url, "-R 400 -c 4 -d 3s --warmup 0 --timeout 200ms --fail-if p99>100s");
    used.check("censored", Some("invalid"));
    assert_eq!(used.json["thresholds"][0]["pass"], false);
}

#[test]
fn a_backlog_of_the_warm_up_is_said() {
    let url = serve(|_| Some(Duration::from_millis(20)));
    let ended = run(&url, "-R 500 -c 1 -d 1s --warmup 1s --grace 0");
    ended.check("backlog_at_start", Some("suspect"));
    assert!(ended.has_note("target_overloaded"), "{:#}", ended.json);
}

#[test]
fn signals_end_the_phase_and_the_report_is_written() {
    let url = serve(at_once);
    let after = |time: Duration, signal: Signal| {
        move |pid: Pid| {
            pause(time);
            send(pid, signal);
        }
    };
    let early = meanwhile(&url, "-R 100 -d 600s --warmup 0", after(Duration::from_secs(1), Signal::INT));
    early.check("interrupted", Some("invalid"));
    assert_eq!(early.status, Some(130));
    let late = meanwhile(&url, "-c 1 -d 4s --warmup 0", after(Duration::from_secs(2), Signal::TERM));
    late.check("interrupted", Some("suspect"));
    assert_eq!(late.status, Some(143));
}

#[test]
fn a_second_signal_quits() {
    // Nothing is answered, so that the first signal leaves the run awaiting answers.
    let mut child = command(&serve(|_| None), "-c 1 -d 60s --warmup 0 --timeout 60").spawn().expect("it starts");
    let pid = Pid::from_child(&child);
    pause(Duration::from_secs(1));
    send(pid, Signal::INT);
    pause(Duration::from_millis(200));
    send(pid, Signal::INT);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

#[test]
fn notes_of_the_target_are_no_doubt() {
    let closed = run(&serve(at_once), "-c 2 -d 500ms --warmup 0 --requests-per-connection 5");
    assert!(closed.has_note("closed_loop") && closed.has_note("reconnects"), "{:#}", closed.json);
}

#[test]
#[ignore = "the server that a test pins to a core"]
fn the_server() {
    if env::var_os(SERVER).is_some() {
        let listener = std::io::stdin().as_fd().try_clone_to_owned().expect("the parent gave a socket");
        accept(&TcpListener::from(listener), at_once);
    }
}

/// A server in a process of its own, on one core; `None`, said aloud, where there is no `taskset`.
fn pinned_server(core: &str) -> Option<(Child, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(env::current_exe().expect("a file"));
    command.args(["--exact", "the_server", "--ignored", "--test-threads", "1"]).env(SERVER, "1");
    command.stdin(Stdio::from(OwnedFd::from(listener))).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        Ok(child) => Some((child, address)),
        Err(error) => {
            println!("skipped: no taskset here ({error})");
            None
        }
    }
}

#[test]
fn one_core_for_both_is_invalid_and_two_are_not() {
    let Some((mut server, address)) = pinned_server("0") else { return };
    let url = format!("http://{address}/");
    let shared = run(&url, "-c 4 -d 1s --warmup 200ms --cores 0");
    let apart = thread::available_parallelism()
        .is_ok_and(|cores| cores.get() > 1)
        .then(|| run(&url, "-c 4 -d 1s --warmup 200ms --cores 1"));
    server.kill().and_then(|()| server.wait()).expect("it is our child");
    shared.check("shared_core", Some("invalid"));
    assert!(shared.json["target"]["cpu_us_per_request"].as_f64().is_some_and(|us| us > 0.0), "{:#}", shared.json);
    if let Some(apart) = apart {
        apart.check("shared_core", None);
    }
}

#[test]
fn a_throttled_generator_says_so() {
    let url = serve(at_once);
    let Some(group) = Group::new() else { return };
    let script = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", group.directory);
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, "sh", PROGRAM, "--json", "-", "--quiet", "-c", "8", "-d", "2s", "--warmup", "0", &url]);
    let ended = Ended::of(&shell.output().expect("a shell"));
    ended.check("throttled", Some("invalid"));
    assert!(ended.json["host"]["quota"].as_f64().is_some_and(|cores| (cores - 0.05).abs() < 1e-9));
}

/// A control group with a twentieth of a core, where this process may make one.
struct Group {
    directory: String,
}

impl Group {
    fn new() -> Option<Self> {
        let name = format!("slipring-test-{}", std::process::id());
        let made = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"].iter().find_map(|mount| {
            let group = Self { directory: format!("{mount}/{name}") };
            fs::create_dir(&group.directory).ok()?;
            let put = |file: &str, text: &str| fs::write(format!("{}/{file}", group.directory), text).is_ok();
            let limited = put("cpu.max", "5000 100000")
                || (put("cpu.cfs_period_us", "100000") && put("cpu.cfs_quota_us", "5000"));
            limited.then_some(group)
        });
        if made.is_none() {
            println!("skipped: this process may not make a control group");
        }
        made
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It is empty once the run has ended.
        let _ = fs::remove_dir(&self.directory);
    }
}
