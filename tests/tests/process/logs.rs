//! Both logs from outside: what a line says, that none is lost or counted wrong, and that files can be taken away.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::client::get;
use crate::harness::{PATIENCE, Server, has, pattern, program, run, site, wait_for};

const LARGE_BYTES: usize = 32 << 20;

fn home() -> TempDir {
    site(&[("www/index.html", b"<p>home"), ("www/large", &pattern(LARGE_BYTES))])
}

/// `slipring` on the `www` of a home, with its logs as these flags say.
fn serve(home: &TempDir, flags: &[&str]) -> Server {
    Server::slipring(&home.path().join("www"), flags)
}

fn path(home: &TempDir, name: &str) -> String {
    home.path().join(name).display().to_string()
}

fn text(path: &str) -> String {
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
    wait_for("a new file", PATIENCE, || Path::new(&log).exists());
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

const CONNECTIONS: usize = 8;
const BATCH: usize = 50;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// Sends so many requests in pipelines over some connections and returns how many answers began. A server that ends
/// meanwhile leaves the rest unanswered.
fn hammer(address: SocketAddr, requests: usize) -> usize {
    let work = move || {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let mut counter = Counter::default();
        let batch = REQUEST.repeat(BATCH);
        for _ in 0..requests / CONNECTIONS / BATCH {
            let due = counter.answers + BATCH;
            if stream.write_all(&batch).is_err() || !counter.read(&mut stream, due) {
                // It may have answered before it closed.
                counter.read(&mut stream, usize::MAX);
                return counter.answers;
            }
        }
        let _ = stream.shutdown(Shutdown::Write);
        counter.read(&mut stream, usize::MAX);
        counter.answers
    };
    let workers: Vec<_> = (0..CONNECTIONS).map(|_| thread::spawn(work)).collect();
    workers.into_iter().map(|worker| worker.join().expect("no panic")).sum()
}

/// Counts the answers in a stream of bytes.
struct Counter {
    answers: usize,
    buffer: Vec<u8>,
    kept: usize,
}

impl Default for Counter {
    fn default() -> Self {
        Self { answers: 0, buffer: vec![0; 64 * 1024], kept: 0 }
    }
}

impl Counter {
    /// Reads until so many bodies came; false if the stream ended before.
    fn read(&mut self, stream: &mut TcpStream, until: usize) -> bool {
        const END: &[u8] = b"<p>home";
        while self.answers < until {
            let Ok(len @ 1..) = stream.read(&mut self.buffer[self.kept..]) else { return false };
            let bytes = &self.buffer[..self.kept + len];
            self.answers += bytes.windows(END.len()).filter(|window| *window == END).count();
            // What could be the start of another end; a whole one is not counted twice.
            let keep = bytes.len().min(END.len() - 1);
            let from = bytes.len() - keep;
            self.buffer.copy_within(from..from + keep, 0);
            self.kept = keep;
        }
        true
    }
}

const MILLION: usize = 1_000_000;

/// With `wait`, each of a million requests has its line, though the file is renamed and opened again meanwhile, and the
/// server is told to end as soon as the last answer is there.
#[test]
fn a_million_requests_have_a_million_lines() {
    let home = home();
    let log = path(&home, "log");
    let mut server = serve(&home, &["--access-log", &log, "--log-overflow", "wait", "--log-format", "combined"]);
    let address = server.address();
    let client = thread::spawn(move || hammer(address, MILLION));
    let mut rotated = 0;
    while !client.is_finished() {
        thread::sleep(Duration::from_millis(150));
        fs::rename(&log, path(&home, &format!("log.{rotated}"))).expect("it is there");
        rotated += 1;
        server.signal("USR1");
        wait_for("a new file", PATIENCE, || Path::new(&log).exists());
    }
    server.signal("TERM");
    assert_eq!((client.join().expect("no panic"), server.wait(PATIENCE).code()), (MILLION, Some(0)));
    let files = (0..rotated).map(|number| path(&home, &format!("log.{number}"))).chain([log]);
    let mut written = 0;
    for file in files {
        let text = text(&file);
        assert!(text.is_empty() || text.ends_with('\n'), "{file} ends in the middle of a line");
        let torn =
            text.lines().find(|line| !line.starts_with("127.0.0.1 - - [") || !line.ends_with("\" 200 7 \"-\" \"-\""));
        assert_eq!(torn, None, "{file}");
        written += text.lines().count();
    }
    println!("{written} lines in {} files", rotated + 1);
    assert_eq!(written, MILLION);
    assert!(!server.said().1.contains("dropped"));
}

/// With `wait`, a server that is told to end in the middle of the load has a line for each answer that it gave.
#[test]
fn sigterm_in_the_middle_loses_no_line() {
    let home = home();
    let log = path(&home, "log");
    let mut server = serve(&home, &["--access-log", &log, "--log-overflow", "wait"]);
    let address = server.address();
    let client = thread::spawn(move || hammer(address, 4 * MILLION));
    wait_for("some lines", PATIENCE, || fs::metadata(&log).is_ok_and(|log| log.len() > 1 << 20));
    server.signal("TERM");
    assert_eq!(server.wait(PATIENCE).code(), Some(0));
    let (answered, written) = (client.join().expect("no panic"), text(&log).lines().count());
    println!("{answered} answers, {written} lines");
    assert_eq!(answered, written);
}

/// With `wait`, a reader that is slower than the requests slows them down, and gets every line.
#[test]
fn a_slow_reader_is_waited_for() {
    if !has("mkfifo") {
        return;
    }
    let home = home();
    let pipe = path(&home, "pipe");
    run(Command::new("mkfifo").arg(&pipe));
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut pipe = File::open(pipe).expect("a pipe");
            let (mut lines, mut buffer) = (0, vec![0; 1 << 16]);
            // Long enough for 8 MiB to fill; then as fast as it goes.
            thread::sleep(Duration::from_secs(4));
            while let Ok(len @ 1..) = pipe.read(&mut buffer) {
                lines += buffer[..len].split(|byte| *byte == b'\n').count() - 1;
            }
            lines
        }
    });
    let mut server = serve(&home, &["--access-log", &pipe, "--log-overflow", "wait"]);
    let requests = 400_000;
    assert_eq!(hammer(server.address(), requests), requests);
    server.signal("TERM");
    assert_eq!(server.wait(PATIENCE).code(), Some(0));
    assert_eq!(reader.join().expect("no panic"), requests);
}

/// How many lines a server says that it dropped.
fn dropped(said: &str) -> usize {
    let tells = said.lines().filter(|line| line.contains("lines of the access log were dropped"));
    let number = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let at = words.iter().position(|word| *word == "lines").expect("the word");
        words[at - 1].parse::<usize>().expect("a number")
    };
    tells.map(number).sum()
}

/// With `drop`, a disk that fills up under the log stops nobody, and each request has either its line or its place in the
/// count (in a mount namespace of its own, on a file system of 1 MiB).
#[test]
fn a_full_disk_is_counted() {
    let home = home();
    let disk = path(&home, "disk");
    fs::create_dir(&disk).expect("a directory");
    let mounted = "mount -t tmpfs -o size=1m tmpfs \"$1\" || exit 99; shift; exec \"$@\"";
    let may = Command::new("unshare")
        .args(["-m", "sh", "-c", mounted, "sh", &disk, "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !may {
        return println!("note: no mount namespace here; /dev/full stands for it in another test");
    }
    let log = format!("{disk}/log");
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", mounted, "sh", &disk]).arg(program("slipring"));
    command.args(["0", "-b", "127.0.0.1", "--access-log", &log, "-d", &path(&home, "www")]);
    let mut server = Server::start(&mut command);
    // Open, it can be read when the name space is gone.
    let seen = format!("/proc/{}/root{log}", server.pid());
    let mut file = File::open(&seen).expect("the log, as the server sees it");
    let requests = 400_000;
    assert_eq!(hammer(server.address(), requests), requests);
    server.assert_serves();
    wait_for("a word of it", PATIENCE, || dropped(&server.said().1) > 0);
    server.signal("TERM");
    assert_eq!(server.wait(PATIENCE).code(), Some(0));
    let mut text = Vec::new();
    file.read_to_end(&mut text).expect("the log");
    let written = text.split(|byte| *byte == b'\n').count() - 1;
    let all = requests + 1;
    wait_for("the last word", PATIENCE, || written + dropped(&server.said().1) >= all);
    let said = server.said().1;
    println!("{written} lines written, {} dropped in {} messages", dropped(&said), said.lines().count());
    assert!(written > 5000 && text.len() <= 1 << 20, "{written} lines in {} bytes", text.len());
    assert_eq!(written + dropped(&said), all, "{said}");
}

/// The same where not one byte can be written.
#[test]
fn a_sink_that_takes_nothing_is_counted() {
    if File::open("/dev/full").is_err() {
        return println!("note: no /dev/full here");
    }
    let home = home();
    let mut server = serve(&home, &["--access-log", "/dev/full"]);
    let requests = 200_000;
    assert_eq!(hammer(server.address(), requests), requests);
    server.assert_serves();
    server.signal("TERM");
    assert_eq!(server.wait(PATIENCE).code(), Some(0));
    wait_for("the last word", PATIENCE, || dropped(&server.said().1) > requests);
    assert_eq!(dropped(&server.said().1), requests + 1);
}
