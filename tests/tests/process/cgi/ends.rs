//! How scripts end: by themselves, badly, late, with their peers and with the server.

use std::fs;
use std::time::{Duration, Instant};

use super::{Answer, ask, server_with};
use crate::client::{End, get, show};
use crate::harness::{PATIENCE, wait_for};

/// What a script does wrong becomes an answer of the gateway's, and a line in the log.
#[test]
fn scripts_that_fail_are_told_of() {
    let scripts = [
        ("silent", "#!/bin/sh\nexit 3\n"),
        ("headless", "#!/bin/sh\necho '<html>no head</html>'\n"),
        ("half", "#!/bin/sh\nprintf 'Content-Type: a/b\\n'\n"),
        ("nothing", "#!/no/such/interpreter\n"),
        ("complains", "#!/bin/sh\necho 'first line' >&2\nprintf 'second' >&2\nprintf 'X: y\\n\\nfine'\nexit 7\n"),
    ];
    let (_directory, mut server) = server_with(&scripts, &[]);
    for (name, status) in [("silent", 502), ("headless", 502), ("half", 502), ("nothing", 500), ("complains", 200)] {
        let answer = ask(&server, &format!("GET /cgi-bin/{name} HTTP/1.0||"));
        assert_eq!(answer.status, status, "{name}: {} {}", answer.head, answer.text());
    }
    for line in ["CGI script exit code 3", "CGI script exit code 7", "first line", "second", "no such program"] {
        wait_for(line, PATIENCE, || server.said().1.contains(line));
    }
    server.assert_serves();
}

/// A script that never says anything is killed with everything that it started.
#[test]
fn a_script_that_never_ends_is_killed() {
    let script = "#!/bin/sh\nsleep 1000 &\necho $! $$ >&2\nsleep 1000\n";
    let midway = "#!/bin/sh\nprintf 'X: y\\n\\nsome'\nsleep 1000\n";
    let (_directory, mut server) = server_with(&[("never", script), ("midway", midway)], &["--cgi-timeout", "1"]);
    let answer = ask(&server, "GET /cgi-bin/never HTTP/1.0||");
    assert_eq!(answer.status, 504, "{}", answer.head);
    wait_for("the numbers of its processes", PATIENCE, || processes_in(&server.said().1).is_some());
    let said = server.said().1;
    for pid in processes_in(&said).expect("it was said") {
        wait_for("its end", PATIENCE, || !is_alive(&pid));
    }
    // The head has left: nothing but a cut connection can say that the rest is missing.
    let mut client = server.client();
    client.send(&get("/cgi-bin/midway"));
    let (bytes, _) = client.read_to_end();
    assert!(bytes.ends_with(b"\r\n4\r\nsome\r\n"), "no last chunk: {}", show(&bytes));
    wait_for("the log's line", PATIENCE, || server.said().1.contains("time limit"));
    server.assert_serves();
}

/// The two numbers at the end of a line.
fn processes_in(said: &str) -> Option<[String; 2]> {
    let line = said.lines().find(|line| line.split(' ').rev().take(2).all(|word| word.parse::<u32>().is_ok()))?;
    let mut words = line.split(' ').rev();
    Some([words.next()?.to_owned(), words.next()?.to_owned()])
}

fn is_alive(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

/// A child that holds the output of a script that has ended does not hold up its answer, and does not survive it.
#[test]
fn a_child_that_holds_the_pipe_is_not_waited_for() {
    let script = "#!/bin/sh\nprintf 'X: y\\n\\ndone'\nsleep 1000 &\necho $! $$ >&2\n";
    let (_directory, server) = server_with(&[("fork", script)], &[]);
    let began = Instant::now();
    let answer = ask(&server, "GET /cgi-bin/fork HTTP/1.0||");
    assert_eq!((answer.text().as_str(), answer.end), ("done", End::Fin));
    assert!(began.elapsed() < Duration::from_secs(30), "long before the time limit");
    wait_for("the numbers of its processes", PATIENCE, || processes_in(&server.said().1).is_some());
    for pid in processes_in(&server.said().1).expect("it was said") {
        wait_for("its end", PATIENCE, || !is_alive(&pid));
    }
}

/// A script killed in the middle of its answer: its peer must not take the half for the whole.
#[test]
fn a_script_killed_in_mid_answer_cuts_the_connection() {
    let script = "#!/bin/sh\nprintf 'X: y\\n\\nhalf'\nkill -9 $$\n";
    let (_directory, server) = server_with(&[("dies", script)], &[]);
    let mut client = server.client();
    client.send(&get("/cgi-bin/dies"));
    let (bytes, _) = client.read_to_end();
    assert!(!bytes.ends_with(b"0\r\n\r\n"), "no last chunk: {}", show(&bytes));
    wait_for("the log's line", PATIENCE, || server.said().1.contains("ended by signal 9"));
}

/// The peer leaves with a reset: nobody wants the answer, so the script goes too. (A peer that only ends its own sending is
/// still answered, decision 8.)
#[test]
fn a_client_that_goes_away_takes_its_script_along() {
    let script = "#!/bin/sh\necho 1 $$ >&2\nprintf 'X: y\\n\\nsome'\nsleep 1000\n";
    let endless = "#!/bin/sh\necho 2 $$ >&2\nprintf 'X: y\\n\\n'\nexec yes\n";
    let (_directory, mut server) = server_with(&[("waits", script), ("endless", endless)], &[]);
    for (name, first) in [("waits", "1"), ("endless", "2")] {
        let mut client = server.client();
        client.send(&get(&format!("/cgi-bin/{name}")));
        let number = || {
            let said = server.said().1;
            let line =
                said.lines().find_map(|line| line.rsplit_once(&format!(" {first} ")).map(|(_, pid)| pid.to_owned()));
            line.filter(|pid| pid.parse::<u32>().is_ok())
        };
        wait_for("its number", PATIENCE, || number().is_some());
        if name == "endless" {
            assert!(client.read_some(1 << 20).len() == 1 << 20);
        }
        // What is not read when the socket is closed makes it a reset.
        let mut byte = [0];
        assert_eq!(client.stream().peek(&mut byte).expect("it answers"), 1);
        let pid = number().expect("it was said");
        assert!(is_alive(&pid));
        drop(client);
        wait_for("its end", PATIENCE, || !is_alive(&pid));
    }
    server.assert_serves();
}

/// The server ends with its scripts, and within its drain lets them finish.
#[test]
fn a_drain_lets_scripts_finish() {
    let script = "#!/bin/sh\necho began >&2\nsleep 1\nprintf 'X: y\\n\\nfinished'\n";
    let (_directory, mut server) = server_with(&[("slow", script)], &[]);
    let mut client = server.client();
    client.send(b"GET /cgi-bin/slow HTTP/1.0\r\n\r\n");
    wait_for("its beginning", PATIENCE, || server.said().1.contains("began"));
    server.signal("TERM");
    assert_eq!(Answer::of(&mut client).text(), "finished");
    assert!(server.wait(PATIENCE).success());
}
