//! Every line of the access log is there, or counted: under load, behind a slow reader, on a full disk.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::harness::{PATIENCE, Server, has, program, run, wait_for};
use crate::logs::{home, path, serve, text};

const CONNECTIONS: usize = 8;
const BATCH: usize = 50;
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// Sends so many requests in pipelines over some connections and returns how many answers began. A server that ends
/// meanwhile leaves the rest unanswered.
fn hammer(address: SocketAddr, requests: usize) -> usize {
    let work = move |mut stream: TcpStream| {
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
    // All before the first asks: a server that is told to end meanwhile takes no more.
    let connect = |_| TcpStream::connect(address).expect("it listens");
    let streams: Vec<TcpStream> = (0..CONNECTIONS).map(connect).collect();
    let workers: Vec<_> = streams.into_iter().map(|stream| thread::spawn(move || work(stream))).collect();
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
                lines += buffer[..len].split(|&byte| byte == b'\n').count() - 1;
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
    let written = text.split(|&byte| byte == b'\n').count() - 1;
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
