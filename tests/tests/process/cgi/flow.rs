//! Bytes through scripts, and how many run: bodies, back-pressure, places and the line before them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tempfile::TempDir;

use super::{Answer, ask, server_with};
use crate::client::{Client, End, request};
use crate::harness::{PATIENCE, Server, pattern, spawn, wait_for};

/// A peer that does not read holds its script up, in fixed memory.
#[test]
fn back_pressure_reaches_the_script() {
    let script = "#!/bin/sh\nprintf 'X: y\\n\\n'\nexec head -c 200000000 /dev/zero\n";
    let (_directory, server) = server_with(&[("big", script)], &[]);
    let mut client = server.client();
    client.send(b"GET /cgi-bin/big HTTP/1.0\r\n\r\n");
    assert_eq!(client.read_some(100).len(), 100);
    let before = server.status("VmRSS");
    std::thread::sleep(Duration::from_millis(500));
    assert!(server.status("VmRSS") < before + 4096, "it waits for its peer");
    let (bytes, end) = client.read_to_end();
    let body = 100 + bytes.len();
    assert!(end == End::Fin && body > 200_000_000 && body < 200_001_000, "{body} bytes");
    assert!(server.status("VmHWM") < before + 8192, "{} KiB before, at most {}", before, server.status("VmHWM"));
}

const COUNT: &str = "#!/bin/sh\nn=$(wc -c)\nprintf 'Content-Type: text/plain\\n\\n%s %s' \"$CONTENT_LENGTH\" $n\n";

#[test]
fn bodies_reach_their_script() {
    let echo = "#!/bin/sh\nprintf 'Content-Type: a/b\\n\\n'\nexec cat\n";
    let ignores = "#!/bin/sh\nprintf 'Content-Type: a/b\\n\\nignored'\n";
    let (_directory, server) = server_with(&[("count", COUNT), ("echo", echo), ("ignores", ignores)], &[]);
    let body = pattern(300_000);
    let mut client = server.client();
    client
        .send(format!("POST /cgi-bin/echo HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes())
        .send(&body);
    assert!(Answer::of(&mut client).body == body, "through the script and back");
    let chunked = request("POST", "/cgi-bin/count", "Transfer-Encoding: chunked\r\nConnection: close\r\n");
    let mut client = server.client();
    client.send(&chunked).send(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
    let (bytes, _) = client.read_to_end();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("11 11"), "the script knows the length: {text}");
    let mut client = server.client();
    client.send(b"POST /cgi-bin/ignores HTTP/1.0\r\nContent-Length: 300000\r\n\r\n").send(&body);
    assert_eq!(Answer::of(&mut client).text(), "ignored", "a script need not read");
}

/// Must-show: 100 MB through a script that counts them, while the server's memory stays flat.
#[test]
fn a_body_of_100_mb_takes_no_memory() {
    let (_directory, server) = server_with(&[("count", COUNT)], &[]);
    ask(&server, "POST /cgi-bin/count HTTP/1.0|Content-Length: 1||x");
    let before = server.status("VmHWM");
    let (piece, pieces) = (pattern(1 << 20), 100);
    let mut client = server.client();
    client.send(format!("POST /cgi-bin/count HTTP/1.0\r\nContent-Length: {}\r\n\r\n", pieces << 20).as_bytes());
    for _ in 0..pieces {
        client.send(&piece);
    }
    let answer = Answer::of(&mut client);
    let expected = format!("{0} {0}", pieces << 20);
    assert_eq!((answer.status, answer.text()), (200, expected));
    let after = server.status("VmHWM");
    println!("100 MiB through a script: at most {before} KiB before, {after} KiB behind");
    assert!(after < before + 8192, "{before} KiB before, {after} KiB behind");
}

/// Must-show: 200 at once with a cap of 16; none is lost, and never do more run.
#[test]
fn two_hundred_at_once_wait_for_sixteen_places() {
    let flags = ["--cgi-queue", "200", "--shards", "1"];
    let (directory, mut server) = server_with(&[("slow", &counting("0.1"))], &flags);
    let (statuses, most) = run_at_once(&directory, &server, 200);
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 200, "{statuses:?}");
    println!("200 at once: at most {most} ran at the same time");
    assert!((2..=16).contains(&most), "at most {most} at the same time");
    server.assert_serves();
}

/// The caps are the server's, not a shard's: with one place and two shards one script runs, and both shards come to it. (The
/// cap was divided and rounded up, so that two ran.)
#[test]
fn shards_share_the_places() {
    let (directory, mut server) =
        server_with(&[("slow", &counting("0.02"))], &["--cgi-running", "1", "--cgi-queue", "60", "--shards", "2"]);
    let (statuses, most) = run_at_once(&directory, &server, 40);
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 40, "{statuses:?}");
    assert_eq!(most, 1, "at the same time");
    server.assert_serves();
}

/// A script that notes its beginning and its end, so long apart.
fn counting(seconds: &str) -> String {
    format!(
        "#!/bin/sh\necho running >> \"$PATH_TRANSLATED\"\nsleep {seconds}\nprintf 'X: y\\n\\n%s' \
         \"$(grep -c running \"$PATH_TRANSLATED\")\"\necho ended >> \"$PATH_TRANSLATED\"\n"
    )
}

/// Asks for `slow` from so many clients at once; what each was answered, and how many scripts ran at the same time.
fn run_at_once(directory: &TempDir, server: &Server, clients: usize) -> (Vec<u16>, i32) {
    let log = directory.path().join("log");
    fs::write(&log, "").expect("a file");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o666)).expect("it is ours");
    let address = server.address();
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            spawn(move || {
                let mut client = Client::to(address);
                client.send(b"GET /cgi-bin/slow/log HTTP/1.0\r\n\r\n");
                Answer::of(&mut client).status
            })
        })
        .collect();
    let statuses = clients.into_iter().map(|client| client.recv().expect("an answer")).collect();
    let (mut now, mut most) = (0_i32, 0);
    for line in fs::read_to_string(&log).expect("it was written").lines() {
        now += if line == "running" { 1 } else { -1 };
        most = most.max(now);
    }
    (statuses, most)
}

/// Behind a full queue the answer is 503, and it says when to try again.
#[test]
fn a_full_queue_refuses() {
    let flags = ["--cgi-running", "1", "--cgi-queue", "1", "--shards", "1", "--cgi-timeout", "2"];
    let script = "#!/bin/sh\ncat > /dev/null\nprintf 'X: y\\n\\nok'\n";
    let wait = "#!/bin/sh\nsleep 1000\n";
    let (_directory, server) = server_with(&[("ok", script), ("wait", wait)], &flags);
    // One runs, one waits, the third is refused, unless one came to its time limit meanwhile.
    let (mut waiting, mut refused) = (Vec::new(), None);
    wait_for("a refusal", PATIENCE, || {
        let mut client = server.client();
        client.patience(Duration::from_millis(200)).send(b"GET /cgi-bin/wait HTTP/1.0\r\n\r\n");
        let answer = Answer::of(&mut client);
        waiting.push(client);
        refused = (answer.status == 503).then_some(answer);
        refused.is_some()
    });
    assert!(waiting.len() > 2, "two have a place");
    assert_eq!(refused.expect("it was refused").field("Retry-After"), Some("1"));
    drop(waiting);
    wait_for("a place", PATIENCE, || ask(&server, "GET /cgi-bin/ok HTTP/1.0||").status == 200);
}
