//! How scripts end: by themselves, badly, late, with their peers and with the server.

use std::fs;
use std::time::{Duration, Instant};

use super::{Answer, HELLO, ask, server_with};
use crate::client::{End, get, show};
use crate::harness::{PATIENCE, Server, has, pattern, wait_for};

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
    // Long enough that a shell says its first words on any loaded machine.
    let (_directory, mut server) = server_with(&[("never", script), ("midway", midway)], &["--cgi-timeout", "4"]);
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

/// A script that goes on saying what nobody wants to hear has its time and no more of it: the one place is the next one's.
fn assert_gives_its_place_back(method: &str, script: &str, status: u16) {
    let flags = ["--cgi-running", "1", "--cgi-timeout", "4"];
    let (_directory, server) = server_with(&[("talks", script), ("hello", HELLO)], &flags);
    let answer = ask(&server, &format!("{method} /cgi-bin/talks HTTP/1.0||"));
    assert_eq!(answer.status, status, "{}", answer.head);
    wait_for("its place", PATIENCE, || ask(&server, "GET /cgi-bin/hello HTTP/1.0||").status == 200);
    let [pid, _] = processes_in(&server.said().1).expect("it was said");
    wait_for("its end", PATIENCE, || !is_alive(&pid));
}

#[test]
fn an_endless_answer_to_a_head_ends() {
    let endless = "#!/bin/sh\necho $$ $$ >&2\nprintf 'X: y\\n\\n'\nexec yes\n";
    assert_gives_its_place_back("HEAD", endless, 200);
}

#[test]
fn an_endless_answer_without_a_head_ends() {
    assert_gives_its_place_back("GET", "#!/bin/sh\necho $$ $$ >&2\nexec yes\n", 502);
}

/// A child that left the process group of its script cannot be killed with it; nobody listens to it any more.
#[test]
fn a_child_that_left_its_group_holds_no_place() {
    if has("setsid") {
        let leaves = "#!/bin/sh\necho $$ $$ >&2\nprintf 'X: y\\n\\n'\nsetsid yes &\nsleep 0.5\n";
        assert_gives_its_place_back("HEAD", leaves, 200);
    }
}

/// A long body is given back to the disk when its script has read it, not when that ends.
#[test]
fn a_body_that_was_read_is_not_kept() {
    let script = "#!/bin/sh\ncat > /dev/null\necho fed >&2\nsleep 1000\n";
    let (_directory, server) = server_with(&[("reads", script)], &[]);
    let before = deleted_files(&server);
    let mut client = server.client();
    client.send(b"POST /cgi-bin/reads HTTP/1.0\r\nContent-Length: 10000000\r\n\r\n").send(&pattern(10_000_000));
    wait_for("the script to have read it", PATIENCE, || server.said().1.contains("fed"));
    wait_for("its file to be closed", PATIENCE, || deleted_files(&server) == before);
}

/// Files without a name that a server has open.
fn deleted_files(server: &Server) -> usize {
    let open = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("it runs");
    let names = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    names.filter(|name| name.to_string_lossy().ends_with("(deleted)")).count()
}
