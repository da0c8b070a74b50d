//! Servers as child processes: built once, started on port 0, watched, and ended by their id.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::{Client, get};

/// How long anything may take before a test fails: much longer than it takes on any loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub struct Server {
    child: Child,
    address: SocketAddr,
    out: Said,
    err: Said,
}

/// What a process wrote to a stream so far.
type Said = Arc<Mutex<String>>;

impl Server {
    /// `slipring` on a directory, without an access log.
    pub fn serve(directory: &Path) -> Self {
        Self::slipring(directory, &[])
    }

    /// The same with further flags.
    pub fn slipring(directory: &Path, flags: &[&str]) -> Self {
        let mut command = Command::new(program("slipring"));
        Self::start(command.args(flags_for(directory, flags)))
    }

    /// The same with so many descriptors; none if `prlimit` is missing.
    pub fn limited(directory: &Path, descriptors: u32, flags: &[&str]) -> Option<Self> {
        has("prlimit").then(|| {
            let mut command = Command::new("prlimit");
            command.arg(format!("--nofile={descriptors}:{descriptors}")).arg(program("slipring"));
            Self::start(command.args(flags_for(directory, flags)))
        })
    }

    /// The `echo` example.
    pub fn echo() -> Self {
        Self::start(Command::new(program("examples/echo")).arg("0"))
    }

    /// One of the other examples, with further arguments.
    pub fn example(name: &str, arguments: &[&str]) -> Self {
        Self::start(Command::new(program(&format!("examples/{name}"))).arg("127.0.0.1:0").args(arguments))
    }

    /// Starts any of them and waits for its first line, which tells the port.
    pub fn start(command: &mut Command) -> Self {
        Self::try_start(command).unwrap_or_else(|said| panic!("no server, but {said}"))
    }

    /// The same; what it said instead, if it does not tell a port.
    pub fn try_start(command: &mut Command) -> Result<Self, String> {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let err = listen(child.stderr.take().expect("it is piped"), None);
        let (tell, told) = mpsc::channel();
        let out = listen(child.stdout.take().expect("it is piped"), Some(tell));
        let banner = told.recv_timeout(PATIENCE).unwrap_or_default();
        let Some(port) = port_of(&banner) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{banner:?}; it said: {}", err.lock().expect("no panic").as_str()));
        };
        Ok(Self { child, address: (Ipv4Addr::LOCALHOST, port).into(), out, err })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new connection.
    pub fn client(&self) -> Client {
        Client::to(self.address)
    }

    /// What it wrote to standard output and to standard error so far.
    pub fn said(&self) -> (String, String) {
        (self.out.lock().expect("no panic").clone(), self.err.lock().expect("no panic").clone())
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().expect("kill");
        assert!(sent.success(), "it is there to be signalled");
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let mut ended = None;
        wait_for("the server's end", limit, || {
            ended = self.child.try_wait().expect("a child");
            ended.is_some()
        });
        ended.expect("it ended")
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// It lives and answers. What it answers is another test's affair.
    pub fn assert_serves(&mut self) {
        assert!(self.is_running(), "the server died; it said: {}", self.said().1);
        let mut client = self.client();
        client.send(&get("/"));
        assert!(client.response().is_some_and(|answer| answer.status == 200), "the server answers");
    }

    /// A number from `/proc/PID/status`, such as `VmRSS` in KiB.
    pub fn status(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let text = std::fs::read_to_string(path).expect("it runs");
        let line = text.lines().find(|line| line.starts_with(name)).expect("the kernel tells it");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    }

    /// How much processor time it took: user and system, to a tick of 10 ms.
    pub fn cpu(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("it runs");
        let behind_name = &text[text.rfind(')').expect("a name in parentheses") + 2..];
        let ticks: u64 =
            behind_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum();
        Duration::from_millis(ticks * 10)
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it runs").count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the server said: {}", self.said().1.chars().take(2000).collect::<String>());
        }
    }
}

/// Port 0, one address, no access log unless `flags` name one.
fn flags_for(directory: &Path, flags: &[&str]) -> Vec<OsString> {
    let quiet: &[&str] = if flags.contains(&"--access-log") { &[] } else { &["--access-log", "off"] };
    let first = ["0", "-b", "127.0.0.1", "-d"].iter().map(OsString::from).chain([directory.into()]);
    first.chain(quiet.iter().chain(flags).map(OsString::from)).collect()
}

/// Reads a stream to its end on a thread of its own; `first` gets the first line.
fn listen(stream: impl Read + Send + 'static, mut first: Option<mpsc::Sender<String>>) -> Said {
    let said = Said::default();
    let kept = said.clone();
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            kept.lock().expect("no panic").push_str(&text);
            if let Some(first) = first.take() {
                let _ = first.send(text);
            }
            line.clear();
        }
    });
    said
}

/// The port in `Serving HTTP on 127.0.0.1 port 8000 (http://127.0.0.1:8000/) ...`.
fn port_of(banner: &str) -> Option<u16> {
    banner.split(" port ").nth(1)?.split(' ').next()?.parse().ok()
}

/// Where a program of the workspace is, such as `slipring` or `examples/echo`.
///
/// Cargo tells the tests of one package nothing about the binaries of another. So this asks it to build them, with the
/// profile and into the directory of the tests; where they are fresh that costs a moment. Without it a test could run
/// yesterday's server.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build).join(name)
}

fn build() -> PathBuf {
    // TARGET/PROFILE/deps/process-0123456789abcdef
    let test = std::env::current_exe().expect("a test has a path");
    let directory = test.ancestors().nth(2).expect("a test stands in a target directory").to_path_buf();
    let target = directory.parent().expect("a profile's directory stands in another");
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "test",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "-p", "slipring", "--bin", "slipring", "--examples", "--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the programs under test build");
    directory
}

/// Whether a command is installed; says so when it is not.
pub fn has(command: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&paths).chain([PathBuf::from("/usr/sbin")]).any(|path| path.join(command).exists());
    if !found {
        println!("note: {command} is not installed; this test has nothing to compare with and passes");
    }
    found
}

/// Runs a command to its end, or fails with what it said.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().expect("the command starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Waits until `done`, and fails with what was waited for when it takes too long.
pub fn wait_for(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < limit, "waited {limit:?} for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// How much processor time each server took while it was watched for so long, of the best of three watches: a host that
/// takes time away may have it counted as a server's, but not again and again. Who spins spins in every watch.
pub fn least_cpu(servers: &[&Server], watched: Duration, enough: Duration) -> Vec<Duration> {
    let times = || servers.iter().map(|server| server.cpu());
    let mut least = vec![Duration::MAX; servers.len()];
    for _ in 0..3 {
        let before: Vec<Duration> = times().collect();
        thread::sleep(watched);
        let spent = times().zip(before).map(|(after, before)| after.saturating_sub(before));
        least = spent.zip(least).map(|(spent, least)| spent.min(least)).collect();
        if least.iter().all(|&spent| spent < enough) {
            break;
        }
    }
    least
}

/// Runs `work` on a thread; the receiver gets what it returns, and ends empty if it panics.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || drop(tell.send(work())));
    told
}

/// A directory with these files in it, each with its path as content if none is given.
pub fn site(files: &[(&str, &[u8])]) -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    for (path, bytes) in files {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().expect("it is in the directory")).expect("a directory");
        std::fs::write(path, bytes).expect("a file");
    }
    directory
}

/// Bytes that differ at every place within a page and from page to page, and are never NUL.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| ((at ^ (at >> 8) ^ (at >> 16)) % 251 + 1) as u8).collect()
}
