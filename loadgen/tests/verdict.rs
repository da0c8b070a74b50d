//! Each doubt provoked in a real run, as far as a process can provoke it, and how the process ends.
//!
//! A time above a minute is provoked on a virtual clock (`tests/tests/load_sim.rs`); steal and a moving clock by the files
//! of a kernel that shows them (`loadgen/src/machine/watch/tests.rs`).
#![forbid(unsafe_code)]

mod bed;

use std::fs;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use bed::{Apart, Ended, Server, cores, pause, serve_after, serve_apart, undisturbed};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{self, OpenptFlags};
use rustix::termios::{Action, Winsize, tcflow, tcsetwinsize};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_slipring-load");

#[expect(clippy::unnecessary_wraps, reason = "what `serve_after` takes may also never answer")]
fn at_once(_: u64) -> Option<Duration> {
    Some(Duration::ZERO)
}

fn command(url: &str, words: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--json", "-", "--quiet"]).args(words.split_whitespace()).arg(url);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(server: &Server, words: &str) -> Ended {
    Ended::run(&command(&server.url(), words).output().expect("it starts"))
}

/// Starts a run and does something to it once its first request has come.
fn meanwhile(server: &Server, words: &str, act: impl FnOnce(Pid)) -> Ended {
    let child = command(&server.url(), words).spawn().expect("it starts");
    server.await_first();
    act(Pid::from_child(&child));
    Ended::run(&child.wait_with_output().expect("it ends"))
}

fn send(pid: Pid, signal: Signal) {
    kill_process(pid, signal).expect("it is our child");
}

#[test]
fn a_generator_that_was_stopped_is_behind_schedule() {
    // As many requests leave late as connections were free meanwhile: enough of them for the 99th percentile.
    let ended = meanwhile(&serve_after(at_once), "-R 500 -c 64 -d 3s --warmup 0", |pid| {
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
    let ended = meanwhile(&serve_after(at_once), "-R 500 -c 8 -d 3s --warmup 0", |pid| {
        pause(Duration::from_secs(1));
        send(pid, Signal::STOP);
        pause(Duration::from_secs(4));
        send(pid, Signal::CONT);
    });
    ended.check("rate_short", Some("invalid"));
}

#[test]
fn a_rate_beyond_the_generator_saturates_it() {
    let ended = run(&serve_after(at_once), "-R 20000000 --on-busy drop -c 1 -d 1s --warmup 0");
    assert!(ended.level("generator_saturated").is_some(), "{:#}", ended.json);
    assert!(ended.has_note("target_overloaded"), "{:#}", ended.json);
}

/// On a busy machine one of twenty such runs passed as unsaturated: the part of the phase before the thread got there
/// counted as spent in the ring.
#[test]
fn a_generator_that_begins_the_phase_late_is_saturated_all_the_same() {
    // Stopped behind the start and into the phase, of which enough is left however late the signals come.
    let words = "-R 20000000 --on-busy drop -c 1 -d 4s --warmup 3s";
    let ended = meanwhile(&serve_after(at_once), words, |pid| {
        pause(Duration::from_secs(2));
        send(pid, Signal::STOP);
        pause(Duration::from_millis(1_500));
        send(pid, Signal::CONT);
    });
    assert!(ended.level("generator_saturated").is_some(), "{:#}", ended.json);
}

#[test]
fn a_source_that_is_not_ours_is_our_error() {
    let ended = run(&serve_after(at_once), "-c 8 -d 500ms --warmup 0 --source 127.0.0.1,192.0.2.1");
    assert!(ended.level("own_errors").is_some(), "{:#}", ended.json);
}

/// A run of answers that take so long that a late start of some milliseconds is no doubt, beside a target that uses no
/// core: only what is asked for decides.
fn calm(words: &str) -> Ended {
    let mut idle = Command::new("sleep").arg("600").spawn().expect("a program that waits");
    let server = serve_after(|_| Some(Duration::from_millis(100)));
    let words = format!("-R 100 -c 40 -d 2s --warmup 0 --target-pid {} {words}", idle.id());
    let ended = undisturbed(|| run(&server, &words));
    idle.kill().and_then(|()| idle.wait()).expect("it is our child");
    ended
}

#[test]
fn few_samples_are_suspect_and_in_a_threshold_invalid() {
    let few = calm("");
    few.check("few_samples", Some("suspect"));
    few.check_status(0);
    assert_eq!(few.json["response_time_us"]["p99"], Value::Null);
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
        calm(words).check_status(status);
    }
}

#[test]
fn what_never_ends_is_a_lower_bound() {
    let server = serve_after(|number| (number % 50 != 0).then_some(Duration::ZERO));
    let ended = run(&server, "-R 400 -c 4 -d 3s --warmup 0 --timeout 200ms");
    ended.check("censored", Some("suspect"));
    assert!(ended.has_note("target_errors"), "{:#}", ended.json);
    let used = run(&server, "-R 400 -c 4 -d 3s --warmup 0 --timeout 200ms --fail-if p99>100s");
    used.check("censored", Some("invalid"));
    assert_eq!(used.json["thresholds"][0]["pass"], false);
}

#[test]
fn a_backlog_of_the_warm_up_is_said() {
    let server = serve_after(|_| Some(Duration::from_millis(20)));
    let ended = run(&server, "-R 500 -c 1 -d 1s --warmup 1s --grace 0");
    ended.check("backlog_at_start", Some("suspect"));
    assert!(ended.has_note("target_overloaded"), "{:#}", ended.json);
}

#[test]
fn signals_end_the_phase_and_the_report_is_written() {
    let after = |time: Duration, signal: Signal| {
        move |pid: Pid| {
            pause(time);
            send(pid, signal);
        }
    };
    // Before a tenth of the plan, and behind it; both times with room for a signal that comes much too late.
    let early = "-R 100 -d 600s --warmup 0";
    let early = meanwhile(&serve_after(at_once), early, after(Duration::from_secs(1), Signal::INT));
    early.check("interrupted", Some("invalid"));
    assert_eq!(early.status, Some(130));
    let late = "-c 1 -d 20s --warmup 0";
    let late = meanwhile(&serve_after(at_once), late, after(Duration::from_millis(2_500), Signal::TERM));
    late.check("interrupted", Some("suspect"));
    assert_eq!(late.status, Some(143));
}

#[test]
fn a_second_signal_quits() {
    // Nothing is answered, so that the first signal leaves the run awaiting answers.
    let server = serve_after(|_| None);
    let mut child = command(&server.url(), "-c 1 -d 60s --warmup 0 --timeout 60").spawn().expect("it starts");
    let pid = Pid::from_child(&child);
    server.await_first();
    send(pid, Signal::INT);
    pause(Duration::from_millis(200));
    send(pid, Signal::INT);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
}

#[test]
fn notes_of_the_target_are_no_doubt() {
    let closed = run(&serve_after(at_once), "-c 2 -d 500ms --warmup 0 --requests-per-connection 5");
    assert!(closed.has_note("closed_loop") && closed.has_note("reconnects"), "{:#}", closed.json);
}

#[test]
#[ignore = "the server that a test starts in a process of its own"]
fn the_server() {
    serve_apart(Duration::ZERO);
}

#[test]
fn one_core_for_both_is_invalid_and_two_are_not() {
    let cores = cores();
    let server = Apart::start(Some(cores[0]));
    let run = |core| {
        let words = format!("-c 4 -d 1s --warmup 200ms --cores {core}");
        Ended::run(&command(&server.url(), &words).output().expect("it starts"))
    };
    let shared = run(cores[0]);
    shared.check("shared_core", Some("invalid"));
    assert!(shared.json["target"]["cpu_us_per_request"].as_f64().is_some_and(|us| us > 0.0), "{:#}", shared.json);
    if let Some(other) = cores.get(1) {
        run(*other).check("shared_core", None);
    }
}

#[test]
fn a_terminal_that_somebody_holds_is_said() {
    let server = serve_after(at_once);
    let terminal = Terminal::open();
    let mut command = Command::new(PROGRAM);
    command.args(["--json", "-", "-R", "100", "-c", "2", "-d", "2s", "--warmup", "0", &server.url()]);
    command.env("TERM", "xterm").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(terminal.stderr());
    let child = command.spawn().expect("it starts");
    drop(command);
    server.await_first();
    // Ctrl-S, and after a while Ctrl-Q.
    terminal.flow(Action::OOff);
    pause(Duration::from_secs(1));
    terminal.flow(Action::OOn);
    let text = terminal.read_to_end();
    let ended = Ended::run(&child.wait_with_output().expect("it ends"));
    ended.check("report_write_wait", Some("suspect"));
    // A line is drawn four times a second, so the first of them waited for most of it.
    let waited = ended.json["environment"]["report_wait_s"].as_f64();
    assert!(waited.is_some_and(|seconds| seconds > 0.5), "{:#}", ended.json["environment"]);
    assert!(text.contains("measuring") && text.contains("writing the progress line waited"), "{text}");
}

/// A pseudo terminal of our own.
struct Terminal {
    keyboard: OwnedFd,
    screen: OwnedFd,
}

impl Terminal {
    fn open() -> Self {
        let keyboard = pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal is free");
        pty::grantpt(&keyboard).and_then(|()| pty::unlockpt(&keyboard)).expect("it is ours");
        let name = pty::ptsname(&keyboard, Vec::new()).expect("it has a name").into_string().expect("text");
        let screen = fs::File::options().read(true).write(true).open(name).expect("it is there").into();
        let size = Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&screen, size).expect("it is a terminal");
        Self { keyboard, screen }
    }

    fn stderr(&self) -> Stdio {
        self.screen.try_clone().expect("a descriptor is free").into()
    }

    fn flow(&self, action: Action) {
        tcflow(&self.screen, action).expect("it is a terminal");
    }

    /// All that was written, once every writer has gone.
    fn read_to_end(self) -> String {
        drop(self.screen);
        let (mut text, mut keyboard) = (Vec::new(), fs::File::from(self.keyboard));
        // Reading fails where a terminal has no other end any more; what came before is in the text.
        let _ = keyboard.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[test]
fn a_throttled_generator_says_so() {
    let url = serve_after(at_once).url();
    let Some(group) = Group::new() else { return };
    let script = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", group.directory);
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, "sh", PROGRAM, "--json", "-", "--quiet", "-c", "8", "-d", "2s", "--warmup", "0", &url]);
    let ended = Ended::run(&shell.output().expect("a shell"));
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
