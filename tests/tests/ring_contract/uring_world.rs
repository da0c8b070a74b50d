//! The world of the kernel: sockets of the standard library on 127.0.0.1 and a temporary directory.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use slipring_ring::sim::Step;
use slipring_ring::uring::{
    Launcher, LauncherOptions, ListenOptions, Listener, UringConfig, UringRing, WorkerLimits, Workers,
};
use slipring_ring::{Exit, Launch};
use tempfile::TempDir;

use crate::world::{End, LIMITS, World};

/// Writes what can be executed. Another process does: a descriptor of this one may live on for a moment in a process that
/// another test has just forked, and what is open for writing is not executed (ETXTBSY).
pub fn write_program(path: &Path, text: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "cat > \"$0\" && chmod 755 \"$0\""]).arg(path).stdin(Stdio::piped());
    let mut shell = shell.spawn().expect("sh runs");
    shell.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("the shell reads");
    assert!(shell.wait().expect("it ends").success());
}

/// Whether it comes true within [`PATIENCE`]: what this process has closed may live on for a moment in a process that
/// another test has just forked.
pub fn comes_true(is_true: impl Fn() -> bool) -> bool {
    const STEP: Duration = Duration::from_millis(10);
    (0..PATIENCE.as_millis() / STEP.as_millis()).any(|_| is_true() || (pause(STEP), false).1)
}

#[expect(clippy::disallowed_methods, reason = "another process is waited for, not the ring")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A ring on io_uring.
pub struct UringWorld {
    ring: UringRing,
    listener: SocketAddr,
    remote: Option<TcpListener>,
    remote_unix: Option<UnixListener>,
    nobody: Option<TcpStream>,
    directory: TempDir,
}

/// The far end of a connection.
pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn tcp(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        Self::Tcp(stream)
    }

    fn unix(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        Self::Unix(stream)
    }

    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(bytes),
            Self::Unix(stream) => stream.read(bytes),
        }
    }
}

/// A peer waits so long before a case is failed: much longer than any loaded machine takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a connect without an answer is tried.
const REFUSAL: Duration = Duration::from_millis(300);
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

impl UringWorld {
    fn path(&self, path: &str) -> PathBuf {
        let path = self.directory.path().join("root").join(path);
        fs::create_dir_all(path.parent().expect("it is under the root")).expect("a directory");
        path
    }

    fn make(launcher: Option<&mut Launcher>) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let root = directory.path().join("root");
        fs::create_dir(&root).expect("a directory");
        let sink = OpenOptions::new().append(true).create(true).open(directory.path().join("sink")).expect("a file");
        let options = ListenOptions { backlog: 128, ..ListenOptions::default() };
        let listening = Listener::bind(ANY_PORT, &options).expect("a free port");
        let listener = listening.address().expect("it is bound to a port");
        let unix = Listener::bind_unix(&directory.path().join("listener"), 0o600, 128).expect("a free path");
        let mut config = UringConfig::new(LIMITS);
        config.roots = vec![root];
        config.sinks = vec![sink.into()];
        config.workers = Some(Workers::new(WorkerLimits { threads: 2, waiting: 1000 }));
        config.listeners = vec![listening, unix];
        config.launcher = launcher.and_then(Launcher::channel);
        let ring = UringRing::new(config).expect("io_uring");
        Self { ring, listener, remote: None, remote_unix: None, nobody: None, directory }
    }
}

/// What a program of steps is in the words of a shell.
fn script(steps: &[Step]) -> String {
    let octal = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:03o}")).collect::<Vec<_>>().concat();
    let line = |step: &Step| match step {
        Step::Say(bytes) => format!("printf '{}'", octal(bytes)),
        Step::Complain(bytes) => format!("printf '{}' >&2", octal(bytes)),
        Step::Take(bytes) => format!("taken=$((taken + $(head -c {bytes} | wc -c)))"),
        Step::Echo => "cat".to_owned(),
        Step::Count => "printf %s $taken".to_owned(),
        Step::Tell => "printf '%s\\n' \"$@\"; env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=".to_owned(),
        Step::Sleep(span) => format!("sleep {}", span.as_secs_f64()),
        Step::CloseInput => "exec 0<&-".to_owned(),
        Step::CloseOutput => "exec 1>&-".to_owned(),
        Step::Orphan => "sleep 1000 & exit 0".to_owned(),
        Step::End(Exit::Status(status)) => format!("exit {status}"),
        Step::End(Exit::Signal(signal)) => format!("kill -{signal} $$"),
    };
    let lines: Vec<String> = steps.iter().map(line).collect();
    format!("#!/bin/sh\nPATH=/usr/bin:/bin\ntaken=0\n{}\n", lines.join("\n"))
}

impl World for UringWorld {
    type Ring = UringRing;
    type Peer = Stream;

    fn new() -> Self {
        Self::make(None)
    }

    fn with_programs() -> Self {
        let mut launcher = Launcher::start(&LauncherOptions::default(), 1).expect("a process");
        Self::make(Some(&mut launcher))
    }

    fn ring(&mut self) -> &mut UringRing {
        &mut self.ring
    }

    fn connect(&mut self) -> Stream {
        Stream::tcp(TcpStream::connect(self.listener).expect("the listener listens"))
    }

    fn is_refused(&mut self) -> bool {
        comes_true(|| TcpStream::connect_timeout(&self.listener, REFUSAL).is_err())
    }

    fn address(&mut self, peer: &Stream) -> SocketAddr {
        let Stream::Tcp(peer) = peer else { panic!("a Unix socket has no address") };
        peer.local_addr().expect("it is connected")
    }

    fn send(&mut self, peer: &mut Stream, bytes: &[u8]) {
        let sent = match peer {
            Stream::Tcp(peer) => peer.write_all(bytes),
            Stream::Unix(peer) => peer.write_all(bytes),
        };
        sent.expect("it fits into the socket");
    }

    fn recv(&mut self, peer: &mut Stream, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let read = match peer {
            Stream::Tcp(peer) => peer.read_exact(&mut bytes),
            Stream::Unix(peer) => peer.read_exact(&mut bytes),
        };
        read.expect("it was sent before");
        bytes
    }

    fn shutdown(&mut self, peer: &mut Stream) {
        let shut = match peer {
            Stream::Tcp(peer) => peer.shutdown(Shutdown::Write),
            Stream::Unix(peer) => peer.shutdown(Shutdown::Write),
        };
        shut.expect("it is connected");
    }

    fn close_unread(&mut self, peer: Stream) {
        let Stream::Tcp(peer) = peer else { panic!("only TCP is reset here") };
        let mut byte = [0];
        assert_eq!(peer.peek(&mut byte).expect("it was sent before"), 1, "so that closing resets");
        drop(peer);
    }

    fn close(&mut self, peer: Stream) {
        drop(peer);
    }

    fn end(&mut self, peer: &mut Stream) -> End {
        let mut byte = [0];
        match peer.read(&mut byte) {
            Ok(0) => End::Finished,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
            other => panic!("the connection has {other:?}"),
        }
    }

    fn listen(&mut self) -> SocketAddr {
        let remote = TcpListener::bind(ANY_PORT).expect("a free port");
        let address = remote.local_addr().expect("it is bound");
        self.remote = Some(remote);
        address
    }

    fn accept(&mut self) -> Stream {
        let (peer, _) = self.remote.as_ref().expect("it listens").accept().expect("the ring connected");
        Stream::tcp(peer)
    }

    fn nobody(&mut self) -> SocketAddr {
        // The near end of a connection: its port is taken, and nobody listens there.
        let stream = TcpStream::connect(self.listener).expect("the listener listens");
        let address = stream.local_addr().expect("it is connected");
        self.nobody = Some(stream);
        address
    }

    fn connect_unix(&mut self) -> Stream {
        Stream::unix(UnixStream::connect(self.directory.path().join("listener")).expect("the listener listens"))
    }

    fn listen_unix(&mut self) -> Vec<u8> {
        let path = self.directory.path().join("remote");
        self.remote_unix = Some(UnixListener::bind(&path).expect("a free path"));
        path.as_os_str().as_bytes().to_vec()
    }

    fn accept_unix(&mut self) -> Stream {
        let (peer, _) = self.remote_unix.as_ref().expect("it listens").accept().expect("the ring connected");
        Stream::unix(peer)
    }

    fn nobody_unix(&mut self) -> Vec<u8> {
        self.directory.path().join("nobody").as_os_str().as_bytes().to_vec()
    }

    fn put_program(&mut self, steps: Vec<Step>) -> Launch {
        let path = self.path("program");
        write_program(&path, &script(&steps));
        let bytes = |path: &std::path::Path| path.as_os_str().as_bytes().to_vec();
        Launch { program: bytes(&path), directory: bytes(self.directory.path()), ..Launch::default() }
    }

    fn put_file(&mut self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        let fresh = self.directory.path().join("fresh");
        fs::write(&fresh, bytes).expect("a file");
        fs::rename(fresh, path).expect("in place of what stood there");
    }

    fn put_link(&mut self, path: &str, target: &str) {
        symlink(target, self.path(path)).expect("a link");
    }

    fn put_fifo(&mut self, path: &str) {
        assert!(Command::new("mkfifo").arg(self.path(path)).status().expect("mkfifo runs").success());
    }

    fn put_socket(&mut self, path: &str) {
        drop(UnixListener::bind(self.path(path)).expect("a socket"));
    }

    fn put_secret(&mut self) {
        fs::write(self.directory.path().join("secret"), b"secret").expect("a file");
    }

    fn resize(&mut self, path: &str, len: u64) {
        let file = File::options().write(true).open(self.path(path)).expect("it is there");
        file.set_len(len).expect("it can be cut");
    }

    fn move_root(&mut self) {
        let base = self.directory.path();
        fs::create_dir(base.join("other")).expect("a directory");
        fs::write(base.join("other/new"), b"new").expect("a file");
        fs::rename(base.join("root"), base.join("old")).expect("renamed");
        symlink(base.join("other"), base.join("root")).expect("a link");
    }

    fn sink(&mut self) -> Vec<u8> {
        fs::read(self.directory.path().join("sink")).expect("it is there")
    }
}
