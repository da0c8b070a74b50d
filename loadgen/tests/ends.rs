//! How the program ends: by signals, in places that cannot be written, with targets that die on the way, with words that
//! cannot be meant.
#![forbid(unsafe_code)]

mod bed;

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bed::{Ended, Server, load, pause, serve, serve_after};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

fn program(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipring-load"));
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it is our child");
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn quick() -> Server {
    serve_after(|_| Some(Duration::ZERO))
}

/// Answers so many requests after a while each, and then closes every connection at the first request.
fn serve_until(requests: u64, delay: Duration) -> Server {
    let seen = AtomicU64::new(0);
    serve(move |stream, _| {
        pause(delay);
        let is_alive = seen.fetch_add(1, Ordering::Relaxed) < requests;
        is_alive && std::io::Write::write_all(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_ok()
    })
}

#[test]
fn a_target_that_dies_during_a_sweep_leaves_what_was_measured() {
    // A machine that disturbs every step ends a sweep before the target is found dead.
    assert!((0..3).any(|_| is_found_dead()), "the target is never found dead");
}

/// Whether a sweep found that its target had died; if so, whether all else is right.
fn is_found_dead() -> bool {
    let server = serve_until(150, Duration::ZERO);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_string_lossy();
    let url = server.url();
    let words = "sweep --slo p50<30s --from 200 --step 300ms --settle 60ms -c 4 --json - --out";
    let output = load(&words.split(' ').chain([&*out, &url]).collect::<Vec<_>>());
    let ended = Ended::document(&output);
    let steps = ended.json["steps"].as_array().expect("a list");
    let (silent, others): (Vec<_>, Vec<_>) = steps.iter().partition(|step| step["ok"] == 0);
    assert!(!others.is_empty() && silent.iter().all(|step| step["outcome"] != "met"), "{:#}", ended.json);
    let is_gone = said(&output).contains("passed without an answer");
    assert_eq!((ended.json["gone"] == true, ended.status == Some(4)), (is_gone, is_gone), "{:#}", ended.json);
    for name in ["sweep.json", "report.txt", "report.html"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    silent.len() >= 3 && is_gone
}

#[test]
fn a_server_that_dies_during_a_comparison_leaves_what_was_measured() {
    // The probe of 1.3 s gets 260 answers at most from 4 connections.
    let (a, b) = (serve_after(|_| Some(Duration::from_millis(20))), serve_until(280, Duration::from_millis(20)));
    let words = "compare --rounds 10 --block 60ms --settle 20ms -c 4 -R 170 --json - --a";
    let (a, b) = (a.url(), b.url());
    let words: Vec<&str> = words.split(' ').chain([a.as_str(), "--b", &b]).collect();
    let output = load(&words);
    let ended = Ended::document(&output);
    let blocks = ended.json["blocks"].as_array().expect("a list");
    let unanswered = |side: &str| blocks.iter().filter(|block| block["side"] == side && block["ok"] == 0).count();
    assert!(unanswered("b") >= 3 && unanswered("a") < blocks.len() / 2, "{:#}", ended.json);
    ended_with(&ended.json, "not_answered");
    assert_eq!((ended.status, &ended.json["gone"]), (Some(4), &Value::from("b")));
    assert!(said(&output).contains("B let 3 blocks in a row pass"), "{output:?}");
}

fn ended_with(json: &Value, code: &str) {
    let mut reasons = json["reasons"].as_array().into_iter().flatten();
    assert!(reasons.any(|reason| reason["code"] == code), "{code}: {json:#}");
}

#[test]
fn a_signal_ends_a_sweep_with_its_own_status() {
    for (signal, status) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let server = quick();
        let words = ["sweep", "--slo", "p50<30s", "--step", "60s", "-c", "4", "--json", "-", &server.url()];
        let child = program(&words).spawn().expect("it starts");
        server.await_first();
        send(&child, signal);
        let ended = Ended::document(&child.wait_with_output().expect("it ends"));
        assert_eq!((ended.status, &ended.json["interrupted"]), (Some(status), &Value::Bool(true)));
    }
}

/// A comparison whose first server never serves, nor ends when it is asked to; the second one's is never started.
fn starting(folder: &Path) -> (Child, Pid) {
    let path = folder.join("pid");
    let command = format!("trap '' TERM; sleep 1000 & echo $! > '{0}.new' && mv '{0}.new' '{0}'; wait", path.display());
    let words = ["compare", "--a-cmd", &command, "--b-cmd", "exit 3", "--ready-timeout", "1000s", "--json", "-"];
    let child = program(&words).spawn().expect("it starts");
    let pid = loop {
        match fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()) {
            Some(pid) => break pid,
            None => pause(Duration::from_millis(5)),
        }
    };
    (child, Pid::from_raw(pid).expect("the number of a process"))
}

/// Whether a process is gone, or waits to be: whoever adopted it may take its time.
fn is_gone(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    test_kill_process(pid).is_err() || stat.contains(") Z ") || stat.contains(") X ")
}

#[test]
fn a_signal_while_servers_start_is_an_interruption() {
    for (signal, status) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let folder = tempfile::tempdir().expect("a folder");
        let (child, server) = starting(folder.path());
        send(&child, signal);
        let ended = Ended::document(&child.wait_with_output().expect("it ends"));
        assert_eq!((ended.status, &ended.json["interrupted"]), (Some(status), &Value::Bool(true)));
        assert!(is_gone(server), "{server:?}");
    }
}

#[test]
fn a_second_signal_ends_the_servers_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut child, server) = starting(folder.path());
    // The first asks the server to end, which it does not.
    send(&child, Signal::INT);
    pause(Duration::from_millis(300));
    send(&child, Signal::INT);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    // It was killed before; that it is dead shows a moment later.
    let is_dead = (0..1_000).any(|_| is_gone(server) || (pause(Duration::from_millis(1)), false).1);
    assert!(is_dead, "{server:?}");
}

#[test]
fn places_that_cannot_be_written_are_refused_before_any_load() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "older").expect("a file");
    let (file, below) = (file.to_string_lossy(), file.join("sub"));
    let below = below.to_string_lossy();
    let server = quick();
    let url = server.url();
    let run = [url.as_str()];
    let sweep = ["sweep", "--slo", "p50<30s", &url];
    let compare = ["compare", "--a", &url, "--b", &url];
    for words in [&run[..], &sweep, &compare] {
        for place in [["--out", &*below], ["--out", &*file], ["--json", "/proc/no-such-file"], ["--html", &*below]] {
            let output = load(&[words, &place].concat());
            assert_eq!(output.status.code(), Some(2), "{words:?} {place:?}: {output:?}");
            assert!(said(&output).contains(place[0]), "{output:?}");
        }
    }
    assert_eq!(server.connections(), 0);
    assert_eq!(fs::read_to_string(&*file).expect("it stays"), "older");
}

#[test]
fn a_report_that_cannot_be_written_costs_no_other() {
    let server = quick();
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("sweep.json");
    let json = json.to_string_lossy();
    let sweep = "sweep --slo p50<30s --from 200 --to 200 --step 150ms --settle 20ms -c 4 --html /dev/full --json";
    let url = server.url();
    let output = load(&sweep.split(' ').chain([&*json, &url]).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(said(&output).contains("writing /dev/full failed"), "{output:?}");
    assert!(!output.stdout.is_empty() && fs::read_to_string(&*json).is_ok_and(|text| text.starts_with('{')));
    let output = load(&["-d", "100ms", "--warmup", "0", "--csv", "/dev/full", "--json", &json, &url]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = fs::read_to_string(&*json).expect("the JSON was kept");
    assert!(!output.stdout.is_empty() && text.contains("\"slipring-load/1\""), "{text}");
}

#[test]
fn a_folder_that_cannot_take_a_new_run_keeps_the_older_one() {
    let server = quick();
    let folder = tempfile::tempdir().expect("a folder");
    let (out, url) = (folder.path().to_string_lossy(), server.url());
    let words = ["-c", "1", "-d", "100ms", "--warmup", "0", "--out", &*out, &url];
    let _ = load(&words);
    let document = || fs::read(folder.path().join("run.json")).expect("the first run");
    let first = document();
    // One of the files cannot be written.
    fs::create_dir(folder.path().join(".figures.csv.new")).expect("a folder");
    let second = load(&words);
    assert!(second.status.code() == Some(2) && !second.stdout.is_empty(), "{second:?}");
    assert_eq!(document(), first);
    let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").flatten().map(|file| file.file_name()).collect();
    let new = left.iter().filter(|name| name.to_string_lossy().ends_with(".new")).count();
    assert_eq!(new, 1, "{left:?}");
}

#[test]
fn a_standard_error_that_takes_nothing_changes_no_status() {
    let full = || Stdio::from(OpenOptions::new().write(true).open("/dev/full").expect("a device"));
    let nobody = "127.0.0.1:1";
    for (words, status) in [
        (&["-q", "5", "localhost"][..], 2),
        (&["-host", "x", "localhost"], 2),
        (&["--slo", "p99<1ms", "localhost"], 2),
        (&["-c", "1", "-d", "100ms", nobody], 4),
        (&["sweep", "--slo", "p50<30s", nobody], 4),
    ] {
        let found = program(words).stderr(full()).output().expect("it starts").status.code();
        assert_eq!(found, Some(status), "{words:?}");
    }
}

#[test]
fn whoever_stops_reading_a_script_is_no_failure_and_a_full_disk_is() {
    let closed = || {
        let (_, ours) = UnixStream::pair().expect("a pair");
        Stdio::from(OwnedFd::from(ours))
    };
    let full = || Stdio::from(File::options().write(true).open("/dev/full").expect("a device"));
    for words in [&["completions", "bash"][..], &["--help"], &["compare", "--help"]] {
        let output = program(words).stdout(closed()).output().expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
    }
    for words in [&["completions", "bash"][..], &["--help"], &["--version"]] {
        let output = program(words).stdout(full()).output().expect("it starts");
        assert!(output.status.code() == Some(2) && said(&output).contains("standard output"), "{words:?}: {output:?}");
    }
}

#[test]
fn what_cannot_be_meant_is_status_2_and_says_why() {
    let server = quick();
    let url = server.url();
    let long = format!("/tmp/{}", "x".repeat(200));
    let rows: [(&[&str], &str); 10] = [
        (&["--congestion", "nope", &url], "this kernel offers"),
        (&["--congestion", "", &url], "--congestion"),
        (&["sweep", "--slo", "p50<1s", "--congestion", "nope", &url], "this kernel offers"),
        (&["compare", "--a", &url, "--b", &url, "--congestion", "nope"], "this kernel offers"),
        (&["--unix", &long, "localhost"], "107 at most"),
        (&["--source", "::1", &url], "--source ::1 cannot reach"),
        (&["--source", "127.0.0.1,::1", &url], "--source ::1 cannot reach"),
        (&["compare", "--a", &url, "--b", &url, "-R", "0"], "above 0"),
        (&["compare", "--a", &url, "--b", &url, "--server-core", "0"], "--server-core"),
        (&["compare", "--a", &url, "--b-cmd", "sleep 9", "--server-core", "999"], "core 999 is not there"),
    ];
    for (words, part) in rows {
        let output = load(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(said(&output).contains(part), "{words:?}: {output:?}");
    }
    assert_eq!(server.asked(), 0);
}

#[test]
fn paths_may_be_any_bytes() {
    let server = quick();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &[u8]| folder.path().join(OsStr::from_bytes(name));
    let (out, json) = (path(b"r\xffn"), path(b"\xfe.json"));
    let run = program(&["-d", "100ms", "--warmup", "0", &server.url(), "--out"]).arg(&out).output();
    assert!(run.expect("it starts").status.code().is_some_and(|code| code != 2));
    let again = program(&["report"]).arg(&out).arg("--json").arg(&json).output().expect("it starts");
    assert!(out.join("run.json").exists() && json.exists(), "{again:?}");
    let words = ["sweep", "--slo", "p50<30s", "--from", "200", "--to", "200", "--step", "150ms", "--settle", "0"];
    let html = path(b"\xfd.html");
    let sweep = program(&words).arg(server.url()).arg("--html").arg(&html).output().expect("it starts");
    assert!(html.exists(), "{sweep:?}");
}

#[expect(clippy::disallowed_methods, reason = "the clock time at which a program is to begin")]
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970")
}

#[test]
fn a_load_that_begins_behind_its_clock_time_says_so() {
    let server = quick();
    // On a busy machine a program may take longer to start than the clock takes to get there.
    let is_told = [2, 10, 40].into_iter().any(|ahead| {
        let at = format!("@{:.3}", (now() + Duration::from_secs(ahead)).as_secs_f64());
        // The last of six connections is opened two seconds behind then.
        let rate = (5.0 / (ahead as f64 + 2.0)).to_string();
        let words =
            ["-c", "6", "-d", "100ms", "--warmup", "0", "--connect-rate", &rate, "--json", "-", "--start-at", &at];
        let output = load(&[&words[..], &[&server.url()]].concat());
        if output.status.code() == Some(2) {
            // The program started behind that time.
            assert!(said(&output).contains("lies in the past"), "{output:?}");
            return false;
        }
        let is_said = said(&output).contains("behind the others; name a later time");
        let late_s = Ended::document(&output).json.pointer("/environment/start_late_s").and_then(Value::as_f64);
        assert_eq!(is_said, late_s.is_some_and(|late_s| late_s >= 1.0), "{output:?}");
        is_said
    });
    assert!(is_told, "nothing was said");
}

#[test]
fn a_timeout_of_nothing_is_none_in_a_sweep() {
    let server = serve_after(|_| Some(Duration::from_millis(5)));
    let words = "sweep --slo p50<30s --from 200 --to 200 --step 150ms --settle 20ms --timeout 0 -c 8 --json -";
    let url = server.url();
    let ended = Ended::document(&load(&words.split(' ').chain([url.as_str()]).collect::<Vec<_>>()));
    let steps = ended.json["steps"].as_array().expect("a list");
    assert!(steps.iter().all(|step| step["ok"].as_u64() > Some(0)), "{:#}", ended.json);
}
