//! The world of the kernel: sockets of the standard library on 127.0.0.1 and a temporary directory.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use slipring_ring::uring::{ListenOptions, Listener, UringConfig, UringRing, WorkerLimits, Workers};
use tempfile::TempDir;

use crate::world::{End, LIMITS, World};

/// A ring on io_uring.
pub struct UringWorld {
    ring: UringRing,
    listener: SocketAddr,
    remote: Option<TcpListener>,
    nobody: Option<TcpStream>,
    directory: TempDir,
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
}

impl World for UringWorld {
    type Ring = UringRing;
    type Peer = TcpStream;

    fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let root = directory.path().join("root");
        fs::create_dir(&root).expect("a directory");
        let sink = OpenOptions::new().append(true).create(true).open(directory.path().join("sink")).expect("a file");
        let options = ListenOptions { backlog: 128, ..ListenOptions::default() };
        let listening = Listener::bind(ANY_PORT, &options).expect("a free port");
        let listener = listening.address();
        let mut config = UringConfig::new(LIMITS);
        config.roots = vec![root];
        config.sinks = vec![sink.into()];
        config.listeners = vec![listening];
        config.workers = Some(Workers::new(WorkerLimits { threads: 2, waiting: 1000 }));
        let ring = UringRing::new(config).expect("io_uring");
        Self { ring, listener, remote: None, nobody: None, directory }
    }

    fn ring(&mut self) -> &mut UringRing {
        &mut self.ring
    }

    fn connect(&mut self) -> TcpStream {
        let peer = TcpStream::connect(self.listener).expect("the listener listens");
        peer.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        peer.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        peer
    }

    fn is_refused(&mut self) -> bool {
        TcpStream::connect_timeout(&self.listener, REFUSAL).is_err()
    }

    fn address(&mut self, peer: &TcpStream) -> SocketAddr {
        peer.local_addr().expect("it is connected")
    }

    fn send(&mut self, peer: &mut TcpStream, bytes: &[u8]) {
        peer.write_all(bytes).expect("it fits into the socket");
    }

    fn recv(&mut self, peer: &mut TcpStream, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        peer.read_exact(&mut bytes).expect("it was sent before");
        bytes
    }

    fn shutdown(&mut self, peer: &mut TcpStream) {
        peer.shutdown(Shutdown::Write).expect("it is connected");
    }

    fn close_unread(&mut self, peer: TcpStream) {
        let mut byte = [0];
        assert_eq!(peer.peek(&mut byte).expect("it was sent before"), 1, "so that closing resets");
        drop(peer);
    }

    fn close(&mut self, peer: TcpStream) {
        drop(peer);
    }

    fn end(&mut self, peer: &mut TcpStream) -> End {
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

    fn accept(&mut self) -> TcpStream {
        let (peer, _) = self.remote.as_ref().expect("it listens").accept().expect("the ring connected");
        peer.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        peer
    }

    fn nobody(&mut self) -> SocketAddr {
        // The near end of a connection: its port is taken, and nobody listens there.
        let stream = TcpStream::connect(self.listener).expect("the listener listens");
        let address = stream.local_addr().expect("it is connected");
        self.nobody = Some(stream);
        address
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
