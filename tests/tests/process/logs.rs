//! Both logs from outside: what a line says, and that files can be taken away.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::client::get;
use crate::harness::{PATIENCE, Server, has, pattern, program, run, site, wait_for};

const LARGE_BYTES: usize = 32 << 20;

pub fn home() -> TempDir {
    site(&[("www/index.html", b"<p>home"), ("www/large", &pattern(LARGE_BYTES))])
}

/// `slipring` on the `www` of a home, with its logs as these flags say.
pub fn serve(home: &TempDir, flags: &[&str]) -> Server {
    Server::slipring(&home.path().join("www"), flags)
}

pub fn path(home: &TempDir, name: &str) -> String {
    home.path().join(name).display().to_string()
}

pub fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Waits until the file has so many lines, and returns them.
fn lines(path: &str, count: usize) -> Vec<String> {
    wait_for(&format!("{count} lines in {path}"), PATIENCE, || text(path).lines().count() >= count);
    text(path).lines().map(str::to_owned).collect()
}

const BROWSER: &[u8] =
    b"GET /?q=1 HTTP/1.1\r\nHost: here\r\nUser-Agent: Mozilla/5.0 \"x\"\r\nReferer: http://a/b?c\r\n\
    X-Request-ID: id-7\r\n\r\n";

/// What the formats say of one and the same request.
#[test]
fn formats() {
    let home = home();
    for (name, format, ends) in [
        ("a", "common", "] \"GET /?q=1 HTTP/1.1\" 200 7"),
        ("b", "combined", "] \"GET /?q=1 HTTP/1.1\" 200 7 \"http://a/b?c\" \"Mozilla/5.0 \\\"x\\\"\""),
        ("c", "{method} {path} {query} {status} {body_bytes} {aborted} {field:host}", "GET / q=1 200 7 false here"),
        ("d", "python", "] \"GET /?q=1 HTTP/1.1\" 200 -"),
    ] {
        let log = path(&home, name);
        let server = serve(&home, &["--access-log", &log, "--log-format", format]);
        assert_eq!(server.client().ask(BROWSER).status, 200);
        let line = lines(&log, 1).remove(0);
        assert!(line.ends_with(ends), "{format}: {line}");
    }
    let log = path(&home, "e");
    let server =
        serve(&home, &["--access-log", &log, "--log-format", "combined", "--log-query", "off", "--log-client", "off"]);
    server.client().ask(BROWSER);
    let line = lines(&log, 1).remove(0);
    assert!(line.starts_with("- - - [") && line.contains("\"GET / HTTP/1.1\" 200 7 \"http://a/b\""), "{line}");
}

/// A JSON line is JSON to Python, with the keys of docs/INTERFACES.md, whatever a peer sends.
#[test]
fn json_lines_are_json() {
    let home = home();
    let log = path(&home, "log");
    let server = serve(&home, &["--access-log", &log, "--log-format", "json"]);
    let mut client = server.client();
    client.ask(BROWSER);
    client.ask(b"GET /none HTTP/1.1\r\nHost: x\r\nUser-Agent: \xff\xfe\t\\u\"\r\n\r\n");
    client.send(b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n").response();
    let all = lines(&log, 3);
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/INTERFACES.md")).expect("the page");
    let (_, section) = page.split_once("## JSON of the access log").expect("its section");
    for key in ["ts", "client", "method", "target", "status", "body_bytes", "wire_bytes", "us", "first_byte_us"]
        .into_iter()
        .chain(["aborted", "referer", "user_agent", "host", "request_id", "encoding", "cache"])
    {
        assert!(all.iter().all(|line| line.contains(&format!("\"{key}\":"))), "{key}: {all:?}");
        assert!(section.contains(key), "{key} stands on the page");
    }
    assert!(all[0].contains("\"request_id\":\"id-7\"") && all[0].contains("\"body_bytes\":7,"), "{}", all[0]);
    assert!(all[1].contains("\"status\":404"), "{}", all[1]);
    if has("python3") {
        let parse = "import json,sys\nfor line in open(sys.argv[1]): d=json.loads(line); assert len(d)==16, d";
        run(Command::new("python3").args(["-c", parse, &log]));
    }
}

/// The line comes when the answer has left, and says what really left (rows S6, L4): a peer that hangs up in the middle
/// is seen to have done so.
#[test]
fn an_answer_that_does_not_reach_its_end() {
    let home = home();
    let (log, errors) = (path(&home, "log"), path(&home, "errors"));
    let server = serve(
        &home,
        &[
            "--access-log",
            &log,
            "--error-log",
            &errors,
            "-v",
            "--log-format",
            "{target} {body_bytes} {aborted} {us} {first_byte_us}",
        ],
    );
    let mut client = server.client();
    client.send(&get("/large")).read_some(1000);
    thread::sleep(Duration::from_millis(600));
    assert_eq!(text(&log), "", "nothing is logged before the answer has left");
    drop(client);
    // Each shard writes its lines when it sees fit: the first has to be there before the second is asked for.
    lines(&log, 1);
    let whole = server.client().ask(&get("/large")).body.len();
    let all = lines(&log, 2);
    let field = |line: &str, number: usize| line.split(' ').nth(number).expect("a field").to_owned();
    let number = |line: &str, nth: usize| field(line, nth).parse::<usize>().expect("a number");
    assert_eq!(whole, LARGE_BYTES);
    assert!(
        all[0].starts_with("/large ") && number(&all[0], 1) < LARGE_BYTES && field(&all[0], 2) == "true",
        "{all:?}"
    );
    assert!(number(&all[0], 3) > 500_000, "it took its time: {all:?}");
    assert_eq!((number(&all[1], 1), field(&all[1], 2).as_str()), (LARGE_BYTES, "false"), "{all:?}");
    assert!(all.iter().all(|line| number(line, 4) <= number(line, 3)), "the first byte left before the last: {all:?}");
}

/// Requests in one file, errors in the other (row S8); by default both go to standard error, in Python's order (row L2).
#[test]
fn errors_have_their_own_file() {
    let home = home();
    let (log, errors) = (path(&home, "log"), path(&home, "errors"));
    let server = serve(&home, &["--access-log", &log, "--error-log", &errors]);
    server.client().ask(&get("/none"));
    let access = lines(&log, 1);
    assert!(access.len() == 1 && access[0].ends_with("\"GET /none HTTP/1.1\" 404 -"), "{access:?}");
    let said = lines(&errors, 1);
    assert!(said.len() == 1 && said[0].ends_with("] code 404, message File not found"), "{said:?}");
    drop(server);
    let start = |flags: &[&str]| {
        let mut command = Command::new(program("slipring"));
        Server::start(command.args(["0", "-b", "127.0.0.1", "-d", &path(&home, "www")]).args(flags))
    };
    let server = start(&[]);
    server.client().ask(&get("/none"));
    wait_for("two lines", PATIENCE, || server.said().1.lines().count() == 2);
    let said = server.said().1;
    assert!(said.find("code 404, message File not found") < said.find("\"GET /none HTTP/1.1\" 404 -"), "{said}");
    // -q silences the access log only.
    let server = start(&["-q"]);
    server.client().ask(&get("/"));
    server.client().ask(&get("/none"));
    wait_for("one line", PATIENCE, || !server.said().1.is_empty());
    thread::sleep(Duration::from_millis(500));
    assert!(server.said().1.ends_with("] code 404, message File not found\n") && server.said().1.lines().count() == 1);
}

fn has_open(server: &Server, path: &str) -> bool {
    let mut files = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("it runs").flatten();
    files.any(|file| fs::read_link(file.path()).is_ok_and(|to| to == Path::new(path)))
}

/// What whoever rotates logs does: rename and SIGUSR1, or copy and truncate.
#[test]
fn files_that_are_taken_away() {
    let home = home();
    let (log, errors) = (path(&home, "logs/log"), path(&home, "logs/errors"));
    fs::create_dir(home.path().join("logs")).expect("a directory");
    let mut server = serve(&home, &["--access-log", &log, "--error-log", &errors]);
    let ask = |server: &Server, target: &str| assert!(server.client().ask(&get(target)).status > 0);
    ask(&server, "/?1");
    lines(&log, 1);
    fs::rename(&log, path(&home, "logs/log.1")).expect("it is there");
    server.signal("USR1");
    wait_for("the old file to be let go", PATIENCE, || !has_open(&server, &path(&home, "logs/log.1")));
    ask(&server, "/?2");
    assert!(lines(&log, 1)[0].contains("/?2"));
    assert_eq!(text(&path(&home, "logs/log.1")).lines().count(), 1);
    // Truncated, it goes on at its start.
    File::options().write(true).open(&log).and_then(|file| file.set_len(0)).expect("it is there");
    ask(&server, "/?3");
    assert!(lines(&log, 1)[0].contains("/?3") && !text(&log).contains('\0'));
    // A reopening that fails keeps the old file and says so. Root may do everything but open a file without its directory.
    fs::rename(home.path().join("logs"), home.path().join("gone")).expect("it is there");
    server.signal("USR1");
    let (log, errors) = (path(&home, "gone/log"), path(&home, "gone/errors"));
    wait_for("two complaints", PATIENCE, || text(&errors).matches("the old file goes on").count() == 2);
    ask(&server, "/?4");
    assert!(lines(&log, 2)[1].contains("/?4"));
    server.signal("TERM");
    assert_eq!(server.wait(PATIENCE).code(), Some(0));
}

/// What a format does not know is refused before anything is served.
#[test]
fn formats_that_are_none() {
    for (format, words) in
        [("{stauts}", "there is no placeholder {stauts}"), ("clf", "'clf' is no log format"), ("{client", "a brace")]
    {
        let output = Command::new(program("slipring")).args(["0", "--log-format", format]).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words) && said.trim_end().lines().count() == 1, "{said}");
    }
}
