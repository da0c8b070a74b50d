//! What only the kernel can show: what a program finds, how launchers end, the files of Unix sockets.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::time::Duration;

use slipring_ring::uring::{Launcher, LauncherOptions, Listener, UringConfig, UringRing};
use slipring_ring::{
    Batch, Child, ChildError, Deadline, Exit, Launch, ListenerId, Op, OpKind, OpToken, Outcome, PipeId, Ring,
    SendError, SpawnError,
};

use crate::uring_world::{comes_true, write_program};
use crate::world::LIMITS;

fn make() -> (UringRing, Launcher) {
    let mut launcher = Launcher::start(&LauncherOptions::default(), 1).expect("a process");
    let config = UringConfig { launcher: launcher.channel(), ..UringConfig::new(LIMITS) };
    (UringRing::new(config).expect("io_uring"), launcher)
}

fn outcome(ring: &mut UringRing, kind: OpKind, op: Op<'_>) -> Outcome {
    ring.submit(OpToken::new(kind, 1, 0), op);
    let mut batch = Batch::new();
    while batch.is_empty() {
        ring.wait(Some(Deadline::NEVER), &mut batch).expect("the ring is not lost");
    }
    batch.drain().next().expect("it is not empty").outcome
}

fn spawn(ring: &mut UringRing, words: &[&str]) -> Result<Child, SpawnError> {
    let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let launch = Launch {
        program: words[0].clone(),
        arguments: words[1..].to_vec(),
        environment: Vec::new(),
        directory: b"/".to_vec(),
    };
    let Outcome::Spawned(result) = outcome(ring, OpKind::Spawn, Op::Spawn { launch: &launch }) else {
        panic!("a spawn")
    };
    result
}

fn read_to_end(ring: &mut UringRing, pipe: PipeId) -> String {
    let mut bytes = Vec::new();
    loop {
        let transfer = ring.take_transfer().expect("a free transfer buffer");
        let op = Op::ReadPipe { pipe, len: LIMITS.transfer_bytes, transfer };
        let Outcome::PipeRead(result, transfer) = outcome(ring, OpKind::ReadPipe, op) else { panic!("a read") };
        let len = result.expect("the pipe is whole") as usize;
        bytes.extend(&ring.transfer_bytes(&transfer)[..len]);
        ring.return_transfer(transfer);
        if len == 0 {
            return String::from_utf8(bytes).expect("text");
        }
    }
}

/// Descriptors 0, 1, 2 and no other (`ls` itself opens 3); no signal ignored or blocked; a process group of its own.
#[test]
fn a_program_finds_a_clean_process() {
    let (mut ring, _launcher) = make();
    let child = spawn(&mut ring, &["/bin/ls", "/proc/self/fd"]).expect("it can be started");
    assert_eq!(read_to_end(&mut ring, child.output), "0\n1\n2\n3\n");
    let child = spawn(&mut ring, &["/bin/cat", "/proc/self/status", "/proc/self/stat"]).expect("it can be started");
    let status = read_to_end(&mut ring, child.output);
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).expect("it is there").trim();
    for signals in ["SigBlk:", "SigIgn:"] {
        // Signals 1 to 31; the C library keeps 32 and 33 to itself, and what the environment made of them stays.
        let set = u64::from_str_radix(field(signals), 16).expect("a set of signals");
        assert_eq!(set & 0x7fff_ffff, 0, "{signals} {set:x}");
    }
    let stat: Vec<&str> = status.lines().last().expect("the stat line").split(' ').collect();
    assert_eq!((stat[0], stat[4]), (field("Pid:"), field("Pid:")), "it leads its process group");
}

/// The limits of the launcher hold in the program.
#[test]
fn a_program_runs_within_limits() {
    let (mut ring, _launcher) = make();
    let child = spawn(&mut ring, &["/bin/cat", "/proc/self/limits"]).expect("it can be started");
    let limits = read_to_end(&mut ring, child.output);
    let of = |name: &str| -> Vec<String> {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
        line.split_whitespace().take(2).map(str::to_owned).collect()
    };
    assert_eq!(of("Max core file size"), ["0", "0"]);
    assert_eq!(of("Max cpu time"), ["600", "600"]);
    assert_eq!(of("Max open files"), ["1024", "1024"]);
}

#[test]
fn what_cannot_be_executed_says_why() {
    let (mut ring, _launcher) = make();
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let plain = directory.path().join("plain");
    write_program(&plain, "no first line that names an interpreter");
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let plain = plain.to_str().expect("text");
    assert_eq!(spawn(&mut ring, &[plain]), Err(SpawnError::Denied));
    fs::set_permissions(plain, fs::Permissions::from_mode(0o755)).expect("it is ours");
    assert_eq!(spawn(&mut ring, &[plain]), Err(SpawnError::NotExecutable));
    assert_eq!(spawn(&mut ring, &[plain, &"x".repeat(200_000)]), Err(SpawnError::TooLong));
    assert_eq!(spawn(&mut ring, &["/no/such/program"]), Err(SpawnError::NotFound));
    let mut alone = UringRing::new(UringConfig::new(LIMITS)).expect("io_uring");
    assert_eq!(spawn(&mut alone, &["/bin/true"]), Err(SpawnError::NoLauncher));
}

/// A launcher that dies takes its programs along, and every operation on them ends.
#[test]
fn a_launcher_that_dies_is_noticed() {
    let (mut ring, launcher) = make();
    let child = spawn(&mut ring, &["/bin/sleep", "1000"]).expect("it can be started");
    let killed = Command::new("kill").args(["-9", &launcher.process().to_string()]).status();
    assert!(killed.expect("kill runs").success());
    let end = outcome(&mut ring, OpKind::AwaitExit, Op::AwaitExit { child: child.id });
    assert!(matches!(end, Outcome::Exited(Err(ChildError::NoLauncher))), "{end:?}");
    assert_eq!(read_to_end(&mut ring, child.output), "", "the program is gone, or nobody would have closed the pipe");
    assert_eq!(spawn(&mut ring, &["/bin/true"]), Err(SpawnError::NoLauncher));
    assert!(matches!(outcome(&mut ring, OpKind::Reap, Op::Reap { child: child.id }), Outcome::Done));
    launcher.wait();
}

/// When its rings are gone the launcher kills what they started and ends.
#[test]
fn a_launcher_ends_with_its_rings() {
    let (mut ring, launcher) = make();
    let mark = tempfile::TempDir::new().expect("a temporary directory");
    let pid = mark.path().join("pid");
    let script = format!("echo $$ > {}; echo ready; sleep 1000 & sleep 1000", pid.display());
    let child = spawn(&mut ring, &["/bin/sh", "-c", &script]).expect("it can be started");
    let transfer = ring.take_transfer().expect("a free transfer buffer");
    let read = outcome(&mut ring, OpKind::ReadPipe, Op::ReadPipe { pipe: child.output, len: 100, transfer });
    let Outcome::PipeRead(Ok(6), transfer) = read else { panic!("{read:?}") };
    ring.return_transfer(transfer);
    let pid = fs::read_to_string(&pid).expect("it was written");
    drop(ring);
    launcher.wait();
    assert!(!fs::exists(format!("/proc/{}/cwd", pid.trim())).unwrap_or(false), "the program went with the launcher");
}

/// Many programs at once, each with its own answer; ended ones are reaped.
#[test]
fn many_programs_run_side_by_side() {
    let (mut ring, _launcher) = make();
    let children: Vec<Child> = (0..50)
        .map(|n| spawn(&mut ring, &["/bin/sh", "-c", &format!("echo {n}; exit {n}")]).expect("a program"))
        .collect();
    for (n, child) in children.iter().enumerate() {
        assert_eq!(read_to_end(&mut ring, child.output), format!("{n}\n"));
        let end = outcome(&mut ring, OpKind::AwaitExit, Op::AwaitExit { child: child.id });
        assert!(matches!(end, Outcome::Exited(Ok(Exit::Status(status))) if usize::from(status) == n), "{end:?}");
        for pipe in [child.input, child.output, child.errors] {
            assert!(matches!(outcome(&mut ring, OpKind::ClosePipe, Op::ClosePipe { pipe }), Outcome::Done));
        }
        assert!(matches!(outcome(&mut ring, OpKind::Reap, Op::Reap { child: child.id }), Outcome::Done));
    }
}

fn ring_with(listener: Listener) -> UringRing {
    UringRing::new(UringConfig { listeners: vec![listener], ..UringConfig::new(LIMITS) }).expect("io_uring")
}

/// A file that a killed server left is replaced; a live one is not, nor is anything else.
#[test]
fn a_stale_socket_file_is_replaced() {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let path = directory.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a free path"));
    assert!(path.exists(), "the standard library leaves it behind, as a killed server does");
    assert!(comes_true(|| UnixStream::connect(&path).is_err()), "nobody holds it any more");
    let listener = Listener::bind_unix(&path, 0o640, 16).expect("nobody answers there");
    assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o640);
    assert_eq!(listener.address(), None);
    let second = Listener::bind_unix(&path, 0o600, 16).map_err(|error| error.kind());
    assert_eq!(second.err(), Some(ErrorKind::AddrInUse));
    let file = directory.path().join("file");
    fs::write(&file, "precious").expect("a file");
    assert_eq!(Listener::bind_unix(&file, 0o600, 16).map_err(|error| error.kind()).err(), Some(ErrorKind::AddrInUse));
    assert_eq!(fs::read(&file).expect("it is still there"), b"precious");
    let long = directory.path().join("x".repeat(120));
    assert_eq!(Listener::bind_unix(&long, 0o600, 16).map_err(|e| e.kind()).err(), Some(ErrorKind::InvalidInput));
    drop(listener);
    assert!(!path.exists(), "the file goes with its listener");
}

/// A drain takes the path away first; who is in the queue is still accepted, and a successor's file is left alone.
#[test]
fn a_drained_unix_listener_gives_up_its_path() {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let path = directory.path().join("socket");
    let listener = Listener::bind_unix(&path, 0o600, 16).expect("a free path");
    let mut shared = ring_with(listener.share().expect("a descriptor"));
    let mut ring = ring_with(listener);
    let mut waiting = UnixStream::connect(&path).expect("it listens");
    ring.refuse_new(ListenerId(0));
    assert_eq!(UnixStream::connect(&path).map_err(|error| error.kind()).err(), Some(ErrorKind::NotFound));
    let successor = Listener::bind_unix(&path, 0o600, 16).expect("the path is free");
    let socket = ring.accept_now(ListenerId(0)).expect("it is in the queue").expect("it can be accepted");
    assert!(ring.accept_now(ListenerId(0)).is_none() && shared.accept_now(ListenerId(0)).is_none());
    ring.close_listener(ListenerId(0));
    shared.close_listener(ListenerId(0));
    assert!(matches!(outcome(&mut ring, OpKind::Close, Op::Close { socket }), Outcome::Done));
    assert_eq!(waiting.read(&mut [0]).expect("a clean end"), 0);
    assert!(path.exists(), "the successor's file");
    drop(successor);
}

/// A ring with nothing to do neither ends its wait at once nor loses what wakes it.
#[test]
fn waiting_keeps_the_deadline() {
    let mut ring = UringRing::new(UringConfig::new(LIMITS)).expect("io_uring");
    let mut batch = Batch::new();
    ring.wait(Some(Deadline::at(ring.now())), &mut batch).expect("the ring is not lost");
    let until = ring.now().after(Duration::from_millis(20));
    let mut waits = 0;
    while !until.passed(ring.now()) {
        ring.wait(Some(until), &mut batch).expect("the ring is not lost");
        assert!(batch.is_empty());
        waits += 1;
    }
    assert!(waits <= 10, "{waits} waits: it spins");
    ring.waker().wake();
    while batch.is_empty() {
        ring.wait(None, &mut batch).expect("the ring is not lost");
    }
    assert!(matches!(batch.drain().next().expect("it is not empty").outcome, Outcome::Woken));
}

/// Posts to a peer that goes away fail, the one of which a part has left among them: each has either arrived whole or
/// says so.
#[test]
fn a_post_that_is_cut_says_so() {
    const POSTS: u32 = 8;
    const LEN: u32 = 250_000;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let listener = UnixListener::bind(&path).expect("a socket's path");
    let mut ring = UringRing::new(UringConfig::new(LIMITS)).expect("io_uring");
    let connect = Op::ConnectUnix { path: path.as_os_str().as_bytes() };
    let Outcome::Connected(Ok(socket)) = outcome(&mut ring, OpKind::Connect, connect) else { panic!("it listens") };
    let (mut peer, _) = listener.accept().expect("a connection");
    let blob = ring.freeze(vec![b'x'; LEN as usize]).expect("there is room");
    for slot in 0..POSTS {
        ring.submit(OpToken::new(OpKind::Post, 1, slot), Op::Post { socket, blob, len: LEN });
    }
    let mut batch = Batch::new();
    ring.wait(Some(Deadline::at(ring.now())), &mut batch).expect("the ring is not lost");
    peer.set_nonblocking(true).expect("a socket");
    let mut arrived = Vec::new();
    let error = peer.read_to_end(&mut arrived).expect_err("nobody has closed it");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    drop(peer);
    let whole = arrived.len() / LEN as usize;
    assert!(whole < POSTS as usize && !arrived.len().is_multiple_of(LEN as usize), "{} bytes", arrived.len());
    let mut failed = 0;
    let until = ring.now().after(Duration::from_secs(10));
    while failed + whole < POSTS as usize {
        assert!(!until.passed(ring.now()), "{failed} of {POSTS} failed, {whole} arrived");
        ring.wait(Some(until), &mut batch).expect("the ring is not lost");
        for completion in batch.drain() {
            assert!(matches!(completion.outcome, Outcome::PostFailed(SendError::Broken(_))), "{completion:?}");
            failed += 1;
        }
    }
}
