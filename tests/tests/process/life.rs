//! From the command line to the last byte: starting, refusing to start, draining, stopping.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::{Client, End, Response, get, show};
use crate::drains::begin_drain;
use crate::harness::{PATIENCE, Server, has, pattern, program, run, site, spawn, wait_for};

const ONCE: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn home() -> TempDir {
    site(&[("index.html", b"<p>home"), ("large", &pattern(32 << 20))])
}

/// Runs `slipring` to its end, which has to come by itself.
fn ends(flags: &[&str]) -> Output {
    let mut command = Command::new(program("slipring"));
    command.args(flags).stdin(Stdio::null());
    let shown = format!("{flags:?}");
    spawn(move || command.output().expect("it starts"))
        .recv_timeout(PATIENCE)
        .unwrap_or_else(|_| panic!("{shown} goes on"))
}

/// Status 2, nothing on standard output, one line on standard error that holds these words.
fn check_refused(flags: &[&str], words: &[&str]) {
    let Output { status, stdout, stderr } = ends(flags);
    let said = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(2), "{flags:?}: {said}");
    assert!(stdout.is_empty(), "{flags:?}: {}", show(&stdout));
    assert_eq!(said.trim_end().lines().count(), 1, "{flags:?}: one line, not: {said}");
    assert!(words.iter().all(|word| said.contains(word)), "{flags:?}: {words:?} in: {said}");
}

/// What is wrong with a command line is said in one line that says what to do.
#[test]
fn wrong_flags() {
    let home = home();
    let file = home.path().join("index.html").display().to_string();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("a port").port().to_string();
    let cases: &[(&[&str], &[&str])] = &[
        (&["70000"], &["70000", "port"]),
        (&["no-such-thing"], &["no-such-thing", "directory"]),
        (&["0", "-d", "/no/such/directory"], &["/no/such/directory", "-d"]),
        (&["0", "-d", &file], &["not a directory"]),
        (&["-p", "8080"], &["slipring 8080"]),
        (&["0", "-p", "HTTP/2"], &["HTTP/1.1"]),
        (&["0", "-b", "256.1.1.1"], &["256.1.1.1"]),
        (&["0", "-b", "192.0.2.1"], &["192.0.2.1"]),
        (&["0", "--shards", "0"], &["--shards"]),
        (&["0", "--shards", "many"], &["--shards"]),
        (&["0", "--cores", "x"], &["--cores"]),
        (&["0", "--cores", "4000"], &["core"]),
        (&["0", "--no-such-flag"], &["--no-such-flag", "--help"]),
        (&["0", "--cgi=yes"], &["--cgi"]),
        (&["0", "-d"], &["-d"]),
        (&["0", "8000"], &["8000"]),
        (&["0", "--access-log", "/no/such/directory/log"], &["/no/such/directory/log"]),
        (&["0", "--strict=yes"], &["--strict"]),
        (&[&port, "-b", "127.0.0.1"], &[&port, "in use"]),
    ];
    let check = |(flags, words): &(&[&str], &[&str])| {
        std::panic::catch_unwind(|| check_refused(flags, words)).err().map(|_| format!("{flags:?}"))
    };
    let failures: Vec<String> = cases.iter().filter_map(check).collect();
    assert!(failures.is_empty(), "{} of {} fail: {failures:?}", failures.len(), cases.len());
}

/// Help and version go to standard output; the help has examples and says how to serve other machines.
#[test]
fn help_and_version() {
    for (flag, words) in [
        ("--help", &["Examples", "--bind", "--directory", "--access-log", "--strict", "0.0.0.0", "8000"][..]),
        ("-h", &["--bind"]),
        ("--version", &["slipring", env!("CARGO_PKG_VERSION")]),
    ] {
        let Output { status, stdout, stderr } = ends(&[flag]);
        let said = String::from_utf8_lossy(&stdout);
        assert_eq!((status.code(), stderr.is_empty()), (Some(0), true), "{flag}");
        assert!(words.iter().all(|word| said.contains(word)), "{flag}: {words:?} in {said}");
    }
}

/// Python's line, with the real port.
#[test]
fn the_banner_is_pythons() {
    let home = home();
    let server = Server::serve(home.path());
    let port = server.address().port();
    assert_ne!(port, 0);
    assert_eq!(server.said().0, format!("Serving HTTP on 127.0.0.1 port {port} (http://127.0.0.1:{port}/) ...\n"));
    drop(server);
    // By default both families of loopback, with one port.
    let mut both = Command::new(program("slipring"));
    let mut server = Server::start(both.arg("0").arg("-d").arg(home.path()).args(["--access-log", "off"]));
    let port = server.address().port();
    server.assert_serves();
    if let Ok(stream) = TcpStream::connect(("::1", port)) {
        assert_eq!(Client::from(stream).ask(ONCE).status, 200);
        let second = format!("Serving HTTP on ::1 port {port} (http://[::1]:{port}/) ...");
        assert!(server.said().0.contains(&second), "{}", server.said().0);
    } else {
        println!("note: no IPv6 here");
    }
}

/// `-p HTTP/1.0` answers so and closes; `-d` names what is served; a positional directory too.
#[test]
fn flags_of_python() {
    let home = home();
    let server = Server::slipring(home.path(), &["-p", "HTTP/1.0"]);
    for _ in 0..2 {
        let (bytes, end) = server.client().send(&get("/")).send(&get("/")).read_to_end();
        assert!(bytes.starts_with(b"HTTP/1.0 200 OK\r\n") && bytes.ends_with(b"\r\n\r\n<p>home"), "{}", show(&bytes));
        assert_eq!((Response::parse_all(&bytes).map(|all| all.len()), end), (Ok(1), End::Fin));
    }
    let mut here = Command::new(program("slipring"));
    let mut server =
        Server::start(here.args(["0", "--bind", "127.0.0.1", "--access-log", "off"]).current_dir(home.path()));
    server.assert_serves();
}

/// One line for each request, as Python writes it; nothing of a peer's bytes gets out of its quotes.
#[test]
fn the_access_log() {
    let home = home();
    let log = home.path().join("access.log");
    let server = Server::slipring(home.path(), &["--access-log", &log.display().to_string()]);
    let mut client = server.client();
    for asked in [
        get("/"),
        get("/none?x=\"y\\"),
        b"SPAM / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"GET /\x1b[2J HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
    ] {
        client.send(&asked).response();
    }
    let lines = || fs::read_to_string(&log).unwrap_or_default();
    wait_for("four lines and three messages", PATIENCE, || {
        lines().lines().filter(|line| line.contains(" HTTP/1.1\" ")).count() == 4
    });
    let text = lines();
    assert!(text.lines().all(|line| line.starts_with("127.0.0.1 - - [")), "{text}");
    for end in [
        "\"GET / HTTP/1.1\" 200 -",
        "\"GET /none?x=\\\"y\\\\ HTTP/1.1\" 404 -",
        "\"SPAM / HTTP/1.1\" 501 -",
        "\\x1b[2J HTTP/1.1\" 400 -",
    ] {
        assert!(text.lines().any(|line| line.ends_with(end)), "{end} in:\n{text}");
    }
    assert!(!text.contains('\x1b'));
    let server = Server::slipring(home.path(), &["--access-log", "-"]);
    server.client().ask(ONCE);
    wait_for("a line on standard output", PATIENCE, || server.said().0.contains("\"GET / HTTP/1.1\" 200 -\n"));
}

/// A second server would join a shared port in silence; it is refused, and the first serves on.
#[test]
fn a_second_server_is_refused() {
    let home = home();
    let mut first = Server::serve(home.path());
    let port = first.address().port().to_string();
    for _ in 0..3 {
        check_refused(
            &[&port, "-b", "127.0.0.1", "-d", &home.path().display().to_string()],
            &[&port, "in use", "another port"],
        );
    }
    check_refused(&[&port, "-b", "0.0.0.0", "-d", &home.path().display().to_string()], &[&port, "in use"]);
    first.assert_serves();
}

/// 200 connections wait in the queue, half with their request and half without, when SIGTERM comes: each is answered.
#[test]
fn sigterm_resets_none_of_the_queued() {
    let home = home();
    for round in 0..3 {
        let mut server = Server::serve(home.path());
        server.assert_serves();
        // Stopped, it accepts nothing: what connects now waits.
        server.signal("STOP");
        let mut queued: Vec<Client> = (0..200).map(|_| server.client()).collect();
        for client in queued.iter_mut().step_by(2) {
            client.send(ONCE);
        }
        server.signal("TERM");
        server.signal("CONT");
        for client in queued.iter_mut().skip(1).step_by(2) {
            client.send(ONCE);
        }
        for (number, client) in queued.iter_mut().enumerate() {
            let (bytes, end) = client.read_to_end();
            assert!(bytes.ends_with(b"<p>home"), "round {round}, connection {number}: {end:?} {}", show(&bytes));
            assert_eq!(end, End::Fin, "round {round}, connection {number}");
        }
        assert_eq!(server.wait(PATIENCE).code(), Some(0), "round {round}");
    }
}

/// SIGTERM while clients connect as fast as they can: whoever got a connection gets a whole answer.
#[test]
fn sigterm_under_load_resets_nobody() {
    let home = home();
    let mut server = Server::serve(home.path());
    let address = server.address();
    let (stop, heard) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..8 {
            let (tell, stop, heard) = (tell.clone(), &stop, &heard);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let outcome = match TcpStream::connect_timeout(&address, Duration::from_secs(5)) {
                        Ok(stream) => Some(Client::from(stream).send(ONCE).read_to_end()),
                        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::TimedOut) => {
                            None
                        }
                        Err(error) => panic!("connect: {error}"),
                    };
                    let refused = outcome.is_none();
                    let _ = tell.send(outcome);
                    heard.fetch_add(1, Ordering::Relaxed);
                    if refused {
                        return;
                    }
                }
            });
        }
        // It is the end that ends the clients, so nothing fails before.
        let start = Instant::now();
        while heard.load(Ordering::Relaxed) <= 100 && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        server.signal("TERM");
        assert_eq!(server.wait(PATIENCE).code(), Some(0));
        stop.store(true, Ordering::Relaxed);
    });
    drop(tell);
    let (mut answered, mut refused) = (0, 0);
    for outcome in told {
        match outcome {
            None => refused += 1,
            Some((bytes, End::Fin)) if bytes.ends_with(b"\r\n\r\n<p>home") => answered += 1,
            Some((bytes, end)) => panic!("{end:?} after {answered} answers: {}", show(&bytes)),
        }
    }
    assert!(answered > 100);
    println!("{answered} answered, {refused} refused at connect, none reset");
}

/// A drain finishes what was begun: a large answer, a request half sent; idle connections end with FIN, at once.
#[test]
fn a_drain_finishes_what_was_begun() {
    let home = home();
    let mut server = Server::serve(home.path());
    let (mut idle, mut silent, mut half, mut large) =
        (server.client(), server.client(), server.client(), server.client());
    idle.ask(&get("/"));
    half.send(b"GET / HTTP/1.1\r\nHo");
    let start = large.send(&get("/large")).read_some(1000);
    thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    server.signal("TERM");
    assert_eq!(idle.read_to_end(), (vec![], End::Fin));
    // One that has said nothing yet is waited for, for 5 s.
    assert!(begun.elapsed() < Duration::from_millis(4500), "an idle connection is not waited for");
    let answer = half.send(b"st: x\r\n\r\n").response().expect("an answer to what was begun");
    assert_eq!((answer.status, answer.field("Connection")), (200, Some("close")));
    assert_eq!(half.read_to_end(), (vec![], End::Fin));
    let (rest, end) = large.read_to_end();
    let body = [start, rest].concat();
    assert!(
        end == End::Fin && body.ends_with(&pattern(32 << 20)),
        "the large answer is whole: {end:?}, {} bytes",
        body.len()
    );
    assert_eq!(silent.read_to_end(), (vec![], End::Fin));
    assert_eq!(server.wait(PATIENCE).code(), Some(0));
    assert_eq!(
        TcpStream::connect(server.address()).err().map(|error| error.kind()),
        Some(ErrorKind::ConnectionRefused)
    );
}

/// Python's line for SIGINT; status 0 when everything was finished.
#[test]
fn sigint_says_pythons_line() {
    let home = home();
    let mut server = Server::serve(home.path());
    server.client().ask(ONCE);
    server.signal("INT");
    assert_eq!(server.wait(PATIENCE).code(), Some(0));
    wait_for("its line", PATIENCE, || server.said().0.ends_with("\nKeyboard interrupt received, exiting.\n"));
    assert_eq!(server.said().1, "");
}

/// A second signal stops at once, with the status that a shell would tell.
#[test]
fn a_second_signal_stops() {
    let home = home();
    for (first, second, status) in
        [("TERM", "TERM", 143), ("INT", "INT", 130), ("TERM", "INT", 130), ("INT", "TERM", 143)]
    {
        let mut server = Server::serve(home.path());
        let mut busy = server.client();
        assert!(!busy.send(&get("/large")).read_some(1).is_empty());
        begin_drain(&server, first);
        assert!(server.is_running(), "{first}: it waits for the answer that nobody reads");
        server.signal(second);
        // By itself it would end with status 0, behind the drain's time.
        assert_eq!(server.wait(PATIENCE).code(), Some(status), "{first}, {second}");
    }
}

/// Killed with connections open, its port is free as soon as the kernel has taken its sockets down, and a server that is
/// started meanwhile waits for that.
#[test]
fn a_killed_server_leaves_its_port() {
    let home = home();
    let mut server = Server::serve(home.path());
    let port = server.address().port();
    for _ in 0..5 {
        let mut clients: Vec<Client> = (0..20).map(|_| server.client()).collect();
        for client in &mut clients {
            client.ask(&get("/"));
        }
        server.signal("KILL");
        server.wait(PATIENCE);
        server = start_again(port, home.path());
        assert_eq!(server.address().port(), port);
        server.assert_serves();
    }
}

/// Starts a server on the port of one that was killed. On a loaded machine the kernel may take longer than a server waits
/// for its port: then it is started again.
fn start_again(port: u16, home: &Path) -> Server {
    let mut command = Command::new(program("slipring"));
    command.arg(port.to_string()).args(["-b", "127.0.0.1", "--access-log", "off", "-d"]).arg(home);
    for _ in 0..5 {
        let start = Instant::now();
        match Server::try_start(&mut command) {
            Ok(server) => return server,
            Err(said) => {
                assert!(said.contains("in use") && start.elapsed() >= PORT_PATIENCE, "it does not wait: {said}");
                println!("note: port {port} was not free within {PORT_PATIENCE:?}");
            }
        }
    }
    panic!("port {port} does not become free");
}

/// How long a server waits for a port in use.
const PORT_PATIENCE: Duration = Duration::from_millis(500);

/// Where the kernel refuses io_uring, one line says so and what to do.
#[test]
fn a_kernel_that_refuses_the_ring() {
    let refuse = |errno: &str, words: &[&str]| {
        let output = Command::new("strace")
            .args(["-qq", "-f", "-o", "/dev/null", "-e", &format!("inject=io_uring_setup:error={errno}")])
            .arg(program("slipring"))
            .args(["0", "-b", "127.0.0.1"])
            .output()
            .expect("strace");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{errno}: {said}");
        assert!(
            said.trim_end().lines().count() == 1 && words.iter().all(|word| said.contains(word)),
            "{errno}: {said}"
        );
    };
    let can_inject = has("strace") && run_quietly(Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]));
    if !can_inject {
        return println!("note: strace cannot trace here");
    }
    refuse("EPERM", &["io_uring"]);
    refuse("ENOSYS", &["io_uring"]);
    refuse("ENOMEM", &["ring", "ulimit -l"]);
}

fn run_quietly(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A user without the right to a low port is told what to do. Root may bind it.
#[test]
fn a_low_port_is_forbidden() {
    let is_root = run(Command::new("id").arg("-u")).stdout == b"0\n";
    let lowest = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    if is_root || lowest.trim().parse::<u32>().is_ok_and(|lowest| lowest < 81) || !Path::new("/proc").exists() {
        return println!("note: this user may bind every port");
    }
    check_refused(&["81", "-b", "127.0.0.1"], &["81", "permission"]);
}
