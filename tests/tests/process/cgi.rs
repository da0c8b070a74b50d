//! Scripts: real programs behind `--cgi`, good ones and bad ones (rows C1 to C8).

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::{Client, End, get, request, show};
use crate::harness::{PATIENCE, Server, has, pattern, run, spawn, wait_for};

/// A server with scripts, each with its name in `cgi-bin`. When the tests run as root the scripts run as `nobody`, who
/// has to be let in.
fn server_with(scripts: &[(&str, &str)], flags: &[&str]) -> (TempDir, Server) {
    let directory = TempDir::new().expect("a temporary directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    fs::create_dir(directory.path().join("cgi-bin")).expect("a directory");
    for (name, text) in scripts {
        put_script(directory.path(), name, text);
    }
    let flags: Vec<&str> = ["--cgi"].iter().chain(flags).copied().collect();
    let server = Server::slipring(directory.path(), &flags);
    (directory, server)
}

fn put_script(directory: &Path, name: &str, text: &str) {
    let path = directory.join("cgi-bin").join(name);
    fs::create_dir_all(path.parent().expect("it is in the directory")).expect("a directory");
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

/// An answer in pieces: status, head, body, and how the connection ended.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
    end: End,
}

impl Answer {
    fn of(client: &mut Client) -> Self {
        let (bytes, end) = client.read_to_end();
        let behind = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        let head = String::from_utf8_lossy(&bytes[..behind]).into_owned();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Self { status, head, body: bytes[behind..].to_vec(), end }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// HTTP/1.0: the body ends with the connection.
fn ask(server: &Server, request: &str) -> Answer {
    let mut client = server.client();
    client.send(request.replace('|', "\r\n").as_bytes());
    Answer::of(&mut client)
}

const HELLO: &str = "#!/bin/sh\necho 'Content-Type: text/plain'\necho\necho hello\n";

#[test]
fn a_shell_script_answers() {
    let (_directory, server) = server_with(&[("hello", HELLO)], &[]);
    let answer = ask(&server, "GET /cgi-bin/hello HTTP/1.0||");
    assert_eq!((answer.status, answer.text().as_str(), answer.end), (200, "hello\n", End::Fin), "{}", answer.head);
    assert_eq!(answer.field("Content-Type"), Some("text/plain"));
    assert!(answer.field("Server").is_some() && answer.field("Date").is_some());
    let answer = ask(&server, "HEAD /cgi-bin/hello HTTP/1.0||");
    assert_eq!((answer.status, answer.body.len()), (200, 0), "HEAD has no body");
}

/// Kept connections get chunks, and Python's client agrees with what they hold.
#[test]
fn connections_are_kept_behind_scripts() {
    let counting = "#!/bin/sh\nprintf 'Content-Type: a/b\\n\\n'\nfor i in 1 2 3; do echo $i; sleep 0.05; done\n";
    let sized = "#!/bin/sh\nprintf 'Content-Length: 5\\r\\n\\r\\n12345'\n";
    let (_directory, server) = server_with(&[("count", counting), ("sized", sized), ("hello", HELLO)], &[]);
    if !has("python3") {
        return;
    }
    let fetch = r"
import http.client, sys
c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=30)
c.connect(); first = c.sock
for path in ['count', 'sized', 'hello', 'count']:
    c.request('GET', '/cgi-bin/' + path)
    r = c.getresponse()
    print(r.status, r.getheader('Transfer-Encoding'), r.read())
    assert c.sock is first, 'the connection was closed'
";
    let port = server.address().port().to_string();
    let said = run(Command::new("python3").args(["-c", fetch, &port])).stdout;
    let count = "200 chunked b'1\\n2\\n3\\n'\n";
    let expected = format!("{count}200 None b'12345'\n200 chunked b'hello\\n'\n{count}");
    assert_eq!(String::from_utf8_lossy(&said), expected);
}

/// The whole environment of a script, as Python's `os.environ` shows it (row C4).
#[test]
fn a_python_script_sees_its_environment() {
    if !has("python3") {
        return;
    }
    let script = "#!/usr/bin/env python3\nimport os, sys\nprint('Content-Type: text/plain')\nprint()\n\
                  for name in sorted(os.environ): print(name + '=' + os.environ[name])\n\
                  print('argv', sys.argv[1:], 'cwd', os.getcwd())\n\
                  print('uid', os.getuid())\nprint('fds', sorted(os.listdir('/proc/self/fd'))[:3])\n";
    let (directory, server) = server_with(&[("env.py", script)], &["--server-token", "Token"]);
    let answer = ask(
        &server,
        "GET /cgi-bin/env.py/extra%20path/x?a=b?c=d HTTP/1.0|Host: example|Proxy: http://evil/|\
         Authorization: Basic eDp5|Cookie: a=1|Cookie: b=2|X-Many: 1|x-many: 2|X_Under: no|User-Agent: test||",
    );
    let text = answer.text();
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let root = directory.path().to_str().expect("text");
    for (name, expected) in [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_PROTOCOL", "HTTP/1.0"),
        ("SERVER_SOFTWARE", "Token"),
        ("SERVER_NAME", "127.0.0.1"),
        ("SERVER_PORT", &server.address().port().to_string()),
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", "/cgi-bin/env.py"),
        ("PATH_INFO", "/extra path/x"),
        ("PATH_TRANSLATED", &format!("{root}/extra path/x")),
        ("QUERY_STRING", "a=b?c=d"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("HTTP_HOST", "example"),
        ("HTTP_COOKIE", "a=1; b=2"),
        ("HTTP_X_MANY", "1, 2"),
        ("HTTP_USER_AGENT", "test"),
    ] {
        assert_eq!(value(name), Some(expected), "{name} in {text}");
    }
    for name in ["HTTP_PROXY", "HTTP_AUTHORIZATION", "HTTP_X_UNDER", "CONTENT_LENGTH", "CONTENT_TYPE", "CARGO", "HOME"]
    {
        assert_eq!(value(name), None, "{name}");
    }
    assert!(text.contains(&format!("argv [] cwd '{root}/cgi-bin'")) || text.contains(&format!("cwd {root}/cgi-bin")));
    let uid = fs::metadata("/proc/self").map(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata)).expect("Linux");
    let expected = if uid == 0 { 65_534 } else { uid };
    assert!(text.contains(&format!("uid {expected}\n")), "{text}");
}

/// Rows C1 and C2: what is no script is refused with Python's words, and no source is ever served.
#[test]
fn what_is_no_script_is_refused_and_never_shown() {
    let (directory, server) = server_with(&[("hello", HELLO), ("sub/deep", HELLO)], &[]);
    fs::write(directory.path().join("cgi-bin/plain"), "the source").expect("a file");
    fs::write(directory.path().join("page"), "a page").expect("a file");
    for (target, status, message) in [
        ("/cgi-bin/nope", 404, "No such CGI script ('/cgi-bin/nope')"),
        ("/cgi-bin/sub/nope/x", 404, "No such CGI script ('/cgi-bin/sub/nope')"),
        ("/cgi-bin/plain", 403, "CGI script is not executable ('/cgi-bin/plain')"),
        ("/cgi-bin/./plain", 403, "CGI script is not executable ('/cgi-bin/plain')"),
        ("/cgi-bin/%70lain", 403, "CGI script is not executable ('/cgi-bin/plain')"),
        ("/x/../cgi-bin//plain", 403, "CGI script is not executable ('/cgi-bin/plain')"),
        ("/cgi-bin/sub", 403, "CGI script is not a plain file ('/cgi-bin/sub')"),
        ("/cgi-bin", 403, "CGI script is not a plain file ('/cgi-bin')"),
        ("/cgi-bin/", 403, "CGI script is not a plain file ('/cgi-bin')"),
    ] {
        let answer = ask(&server, &format!("GET {target} HTTP/1.0||"));
        assert_eq!(answer.status, status, "{target}: {}", answer.head);
        let line = answer.head.lines().next().unwrap_or_default();
        assert!(line.ends_with(message), "{target}: {line}");
        assert!(!answer.text().contains("the source"), "{target}");
    }
    for target in ["/cgi-bin%2fplain", "/cgi-bin/..%2fcgi-bin/plain"] {
        assert!(!ask(&server, &format!("GET {target} HTTP/1.0||")).text().contains("the source"), "{target}");
    }
    assert_eq!(ask(&server, "GET /cgi-bin/sub/deep/info HTTP/1.0||").text(), "hello\n");
    assert_eq!(ask(&server, "GET /page HTTP/1.0||").text(), "a page");
    let answer = ask(&server, "POST /page HTTP/1.0|Content-Length: 0||");
    assert_eq!(answer.status, 501);
    assert!(answer.head.starts_with("HTTP/1.1 501 Can only POST to CGI scripts"), "{}", answer.head);
}

/// Without the flag a script is a file like any other, as with Python.
#[test]
fn scripts_are_off_by_default() {
    let directory = crate::harness::site(&[("cgi-bin/hello", HELLO.as_bytes())]);
    let server = Server::serve(directory.path());
    assert_eq!(ask(&server, "GET /cgi-bin/hello HTTP/1.0||").text(), HELLO);
}

/// Row C3, and what a script may say of its answer.
#[test]
fn heads_of_scripts_are_obeyed() {
    let scripts = [
        ("status", "#!/bin/sh\nprintf 'Status: 404 Gone Fishing\\nX-Own: 1\\nServer: mine\\n\\nnot here'\n"),
        ("moved", "#!/bin/sh\nprintf 'Location: http://example/\\n\\n'\n"),
        ("nph-raw", "#!/bin/sh\nprintf 'HTTP/1.0 299 Mine\\r\\nX: y\\r\\n\\r\\nraw'\n"),
        ("empty", "#!/bin/sh\nprintf 'Status: 204 No Content\\n\\n'\n"),
    ];
    let (_directory, server) = server_with(&scripts, &[]);
    let answer = ask(&server, "GET /cgi-bin/status HTTP/1.0||");
    assert!(answer.head.starts_with("HTTP/1.1 404 Gone Fishing\r\n"), "{}", answer.head);
    assert_eq!((answer.text().as_str(), answer.field("X-Own")), ("not here", Some("1")));
    assert_eq!(answer.head.matches("\r\nServer: ").count(), 1, "one server answers");
    let answer = ask(&server, "GET /cgi-bin/moved HTTP/1.0||");
    assert_eq!((answer.status, answer.field("Location")), (302, Some("http://example/")));
    let answer = ask(&server, "GET /cgi-bin/nph-raw HTTP/1.1|Host: x||");
    assert_eq!(answer.head, "HTTP/1.0 299 Mine\r\nX: y\r\n\r\n");
    assert_eq!((answer.text().as_str(), answer.end), ("raw", End::Fin), "a script that speaks for itself ends it too");
    assert_eq!(ask(&server, "GET /cgi-bin/empty HTTP/1.0||").status, 204);
}

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
    let script = "#!/bin/sh\necho running >> \"$PATH_TRANSLATED\"\nsleep 0.1\nprintf 'X: y\\n\\n%s' \
                  \"$(grep -c running \"$PATH_TRANSLATED\")\"\necho ended >> \"$PATH_TRANSLATED\"\n";
    let (directory, mut server) = server_with(&[("slow", script)], &["--cgi-queue", "200", "--shards", "1"]);
    let log = directory.path().join("log");
    fs::write(&log, "").expect("a file");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o666)).expect("it is ours");
    let address = server.address();
    let clients: Vec<_> = (0..200)
        .map(|_| {
            spawn(move || {
                let mut client = Client::to(address);
                client.send(b"GET /cgi-bin/slow/log HTTP/1.0\r\n\r\n");
                Answer::of(&mut client).status
            })
        })
        .collect();
    let statuses: Vec<u16> = clients.into_iter().map(|client| client.recv().expect("an answer")).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 200, "{statuses:?}");
    let text = fs::read_to_string(&log).expect("it was written");
    let (mut now, mut most) = (0_i32, 0);
    for line in text.lines() {
        now += if line == "running" { 1 } else { -1 };
        most = most.max(now);
    }
    println!("200 at once: at most {most} ran at the same time");
    assert!((2..=16).contains(&most), "at most {most} at the same time");
    server.assert_serves();
}

/// Behind a full queue the answer is 503, and it says when to try again.
#[test]
fn a_full_queue_refuses() {
    let flags = ["--cgi-running", "1", "--cgi-queue", "1", "--shards", "1", "--cgi-timeout", "2"];
    let script = "#!/bin/sh\ncat > /dev/null\nprintf 'X: y\\n\\nok'\n";
    let wait = "#!/bin/sh\nsleep 1000\n";
    let (_directory, server) = server_with(&[("ok", script), ("wait", wait)], &flags);
    let mut running = server.client();
    running.send(&get("/cgi-bin/wait"));
    let mut waiting = server.client();
    waiting.send(&get("/cgi-bin/wait"));
    let mut refused = None;
    wait_for("a refusal", PATIENCE, || {
        let mut client = server.client();
        client.patience(Duration::from_millis(200)).send(b"GET /cgi-bin/ok HTTP/1.0\r\n\r\n");
        let answer = Answer::of(&mut client);
        refused = (answer.status == 503).then_some(answer);
        refused.is_some()
    });
    assert_eq!(refused.expect("it was refused").field("Retry-After"), Some("1"));
    drop((running, waiting));
    wait_for("a place", PATIENCE, || ask(&server, "GET /cgi-bin/ok HTTP/1.0||").status == 200);
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

/// What Python's own CGI server says of the same scripts, as far as it is right (rows C2 to C4).
#[test]
fn scripts_say_the_same_behind_python() {
    if !has("python3") {
        return;
    }
    let script = "#!/bin/sh\necho 'Content-Type: text/plain'\necho\nfor v in REQUEST_METHOD SCRIPT_NAME PATH_INFO \
                  QUERY_STRING GATEWAY_INTERFACE REMOTE_ADDR CONTENT_LENGTH CONTENT_TYPE HTTP_USER_AGENT; do\n\
                  eval echo \"$v=\\$$v\"\ndone\ncat\n";
    let (directory, server) = server_with(&[("vars", script)], &[]);
    let program = "import http.server, os, sys\nos.chdir(sys.argv[1])\n\
                   s = http.server.HTTPServer(('127.0.0.1', 0), http.server.CGIHTTPRequestHandler)\n\
                   print('serving port', s.server_address[1], 'x', flush=True)\ns.serve_forever()\n";
    let mut python = Command::new("python3")
        .args(["-W", "ignore", "-c", program])
        .arg(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut out = python.stdout.take().expect("piped");
    let first = spawn(move || {
        let mut line = [0; 64];
        let len = out.read(&mut line).unwrap_or(0);
        String::from_utf8_lossy(&line[..len]).into_owned()
    });
    let banner = first.recv_timeout(PATIENCE);
    let port = banner.as_ref().ok().and_then(|line| line.split(' ').nth(2)).and_then(|port| port.parse::<u16>().ok());
    let Some(port) = port else {
        let _ = python.kill();
        let _ = python.wait();
        assert!(banner.is_ok(), "Python did not start in {PATIENCE:?}");
        return println!("note: this Python has no CGI server; nothing to compare with");
    };
    for request in [
        "GET /cgi-bin/vars/info?x=1 HTTP/1.0|User-Agent: me||",
        "POST /cgi-bin/vars HTTP/1.0|Content-Type: a/b|Content-Length: 4|User-Agent: me||body",
    ] {
        let ours = ask(&server, request).text();
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.write_all(request.replace('|', "\r\n").as_bytes()).expect("it reads");
        // Behind Python a script reads from the socket itself, and so never finds an end before the peer makes one (row C6).
        stream.shutdown(std::net::Shutdown::Write).expect("it is connected");
        let mut theirs = Vec::new();
        stream.read_to_end(&mut theirs).expect("it answers");
        let theirs = String::from_utf8_lossy(&theirs).into_owned();
        let theirs = theirs.split_once("\n\n").map_or("", |(_, body)| body);
        // Python says text/plain where a request has no type; RFC 3875 section 4.1.3 wants nothing there.
        assert_eq!(ours, theirs.replace("CONTENT_TYPE=text/plain", "CONTENT_TYPE="), "{request}");
    }
    let _ = python.kill();
    let _ = python.wait();
}
