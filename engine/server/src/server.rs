//! Starting shards, waiting for signals, draining. The only place that names a concrete ring.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub use slipring_ring::uring::process::Signal;
use slipring_ring::uring::process::{self, Signals};
use slipring_ring::uring::{ListenOptions, Listener, SetupError, UringConfig, UringRing};
use slipring_ring::{RingLost, RootId, SinkId};
use thiserror::Error;

use crate::conn::Rules;
use crate::handler::{Handler, Site};
use crate::metrics::Metrics;
use crate::shard::{Mailbox, Message, Shard, ShardConfig};

/// Why a server did not start, or did not go on.
#[derive(Debug, Error)]
pub enum Error {
    /// A name to listen on leads nowhere.
    #[error("cannot listen on {name}: {source}")]
    Address {
        /// As given.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The port is taken.
    #[error("cannot listen on {address}: the port is in use by another program; stop it, or choose another port")]
    PortInUse {
        /// Which.
        address: SocketAddr,
    },
    /// The port is below 1024 and this user may not.
    #[error(
        "cannot listen on {address}: no permission for this port; use one above 1023, or grant CAP_NET_BIND_SERVICE"
    )]
    PortForbidden {
        /// Which.
        address: SocketAddr,
    },
    /// Listening failed otherwise.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The access log cannot be opened.
    #[error("cannot open the access log {path}: {source}")]
    Log {
        /// As given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel refused a ring.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A core that was asked for is not there.
    #[error("core {core} is not one that this process may run on")]
    Core {
        /// Its number.
        core: usize,
    },
    /// Starting a thread or blocking signals failed.
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
    /// A ring was lost while serving.
    #[error(transparent)]
    Lost(#[from] RingLost),
}

impl Error {
    /// Whether the kernel refused a ring: a limit, a sysctl or a seccomp profile stands in the way.
    pub fn kernel_refused(&self) -> bool {
        matches!(self, Self::Setup(error) if !matches!(error, SetupError::Root { .. }))
    }

    /// Whether the server failed while it ran, not when it started.
    pub fn while_running(&self) -> bool {
        matches!(self, Self::Lost(_))
    }
}

/// Where access log lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// Nowhere.
    Off,
    /// To standard error, as Python's http.server.
    Stderr,
    /// To standard output.
    Stdout,
    /// To the end of a file.
    File(PathBuf),
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was begun was finished, or the drain's time was up.
    Drained,
    /// A second signal stopped it at once.
    Stopped(Signal),
}

/// An HTTP server: addresses, shards, and what they have in common. Made by [`Server::bind`], run by [`Server::serve`].
///
/// ```no_run
/// # use slipring::{Commands, Exchange, Handler, Reply, Server};
/// struct Hello;
///
/// impl Handler for Hello {
///     const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get);
/// }
///
/// impl Hello {
///     fn do_get(&mut self, x: &mut Exchange) -> Reply {
///         x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(b"Hello, World!")
///     }
/// }
///
/// fn main() -> Result<(), slipring::Error> {
///     Server::bind("127.0.0.1:8000")?.serve(|| Hello)
/// }
/// ```
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    /// Addresses that are served only where the machine has them.
    optional: Vec<SocketAddr>,
    roots: Vec<PathBuf>,
    shards: Option<usize>,
    cores: Vec<usize>,
    connections_max: Option<usize>,
    access_log: AccessLog,
    site: Site,
    rules: Rules,
    banner: bool,
    drain_timeout: Duration,
    control: (Sender<Event>, Receiver<Event>),
}

/// Reaches a running server from any thread.
#[derive(Clone, Debug)]
pub struct Handle(Sender<Event>);

impl Handle {
    /// Asks the server to finish what was begun and end. Never waits; asking twice is asking once.
    pub fn shutdown(&self) {
        // A server that is gone needs no shutdown.
        let _ = self.0.send(Event::Shutdown);
    }
}

#[derive(Debug)]
enum Event {
    Ready(Mailbox),
    Failed(Error),
    Ended(Metrics),
    Signal(Signal),
    Shutdown,
}

/// The share of descriptors that connections may use; files and logs need the rest.
const CONNECTIONS_PERCENT: u64 = 80;
/// Connections of a whole server by default, at most.
const CONNECTIONS_MAX: u64 = 64 * 1024;
/// Connections that wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: u32 = 4096;
/// How long a port in use may still be that of a server that just ended.
const PORT_PATIENCE: Duration = Duration::from_millis(500);
/// How long a log line waits for others, unless a person reads along.
const LOG_DELAY: Duration = Duration::from_millis(250);

impl Server {
    /// A server for this address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the name leads nowhere. The port is bound by [`Self::serve`].
    pub fn bind(address: impl ToSocketAddrs + std::fmt::Debug) -> Result<Self, Error> {
        let name = format!("{address:?}");
        let mut addresses =
            address.to_socket_addrs().map_err(|source| Error::Address { name: name.clone(), source })?;
        let nothing = || Error::Address { name, source: io::ErrorKind::AddrNotAvailable.into() };
        Ok(Self::on(vec![addresses.next().ok_or_else(nothing)?]))
    }

    /// A server for these addresses.
    pub fn on(addresses: Vec<SocketAddr>) -> Self {
        Self {
            addresses,
            optional: Vec::new(),
            roots: Vec::new(),
            shards: None,
            cores: Vec::new(),
            connections_max: None,
            access_log: AccessLog::Off,
            site: Site::new(),
            rules: Rules::COMMAND,
            banner: false,
            drain_timeout: Duration::from_secs(30),
            control: mpsc::channel(),
        }
    }

    /// Also listens here, if the machine has this address; its port 0 becomes that of the first address.
    #[must_use]
    pub fn also_if_there(mut self, address: SocketAddr) -> Self {
        self.optional.push(address);
        self
    }

    /// Adds a document root; handlers name it by the id.
    pub fn add_root(&mut self, path: PathBuf) -> RootId {
        self.roots.push(path);
        RootId(self.roots.len() as u16 - 1)
    }

    /// How many shards; by default one per core that the process may use.
    #[must_use]
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards.max(1));
        self
    }

    /// Pins the shards to these cores, in order.
    #[must_use]
    pub fn cores(mut self, cores: Vec<usize>) -> Self {
        self.cores = cores;
        self
    }

    /// Connections at the same time, of all shards.
    #[must_use]
    pub fn connections_max(mut self, connections: usize) -> Self {
        self.connections_max = Some(connections);
        self
    }

    /// Where access log lines go; nowhere by default.
    #[must_use]
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.access_log = log;
        self
    }

    /// What all answers have in common.
    #[must_use]
    pub fn site(mut self, site: Site) -> Self {
        self.site = site;
        self
    }

    /// What a connection may do and how long.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Prints Python's line for each address when every shard is ready.
    #[must_use]
    pub fn banner(mut self, banner: bool) -> Self {
        self.banner = banner;
        self
    }

    /// How long a drain may take.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Reaches the server while it runs.
    pub fn handle(&self) -> Handle {
        Handle(self.control.0.clone())
    }

    /// Serves until a signal or [`Handle::shutdown`] ends it. `factory` makes one handler per shard.
    ///
    /// SIGINT and SIGTERM drain; a second one stops at once.
    ///
    /// # Errors
    /// When it cannot start, or a ring is lost.
    pub fn serve<H: Handler>(self, factory: impl Fn() -> H + Send + Sync + 'static) -> Result<(), Error> {
        self.run(factory).map(drop)
    }

    /// As [`Self::serve`], and says how it ended.
    ///
    /// # Errors
    /// When it cannot start, or a ring is lost.
    pub fn run<H: Handler>(self, factory: impl Fn() -> H + Send + Sync + 'static) -> Result<Ended, Error> {
        let signals = Signals::block().map_err(Error::Start)?;
        let bound = self.probe()?;
        let shards = self.start(&bound, &Arc::new(factory))?;
        if self.banner {
            print_banner(&bound);
        }
        watch_signals(signals, self.control.0.clone())?;
        self.supervise(&shards)
    }

    /// Proves that every port is free: a second server would join a shared port in silence (decision 15).
    fn probe(&self) -> Result<Vec<SocketAddr>, Error> {
        let alone = ListenOptions { backlog: 1, ..ListenOptions::default() };
        let mut probes = Vec::new();
        for &address in &self.addresses {
            probes.push(
                Listener::bind_within(address, &alone, PORT_PATIENCE).map_err(|source| explain(address, source))?,
            );
        }
        for &(mut address) in &self.optional {
            if address.port() == 0 {
                address.set_port(probes.first().and_then(Listener::address).map_or(0, |first| first.port()));
            }
            match Listener::bind_within(address, &alone, PORT_PATIENCE) {
                Ok(probe) => probes.push(probe),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(explain(address, error)),
                // This machine has no such address.
                Err(_) => {}
            }
        }
        Ok(probes.iter().filter_map(Listener::address).collect())
    }

    /// Starts every shard and waits until all are ready.
    fn start<H: Handler>(
        &self,
        bound: &[SocketAddr],
        factory: &Arc<impl Fn() -> H + Send + Sync + 'static>,
    ) -> Result<Vec<Mailbox>, Error> {
        let cores = self.choose_cores()?;
        let descriptors = process::raise_descriptor_limit().map_err(Error::Start)?;
        let connections = self.connections_max.map_or_else(
            || (descriptors * CONNECTIONS_PERCENT / 100).min(CONNECTIONS_MAX),
            |connections| connections as u64,
        );
        let count = cores.len();
        for (number, core) in cores.into_iter().enumerate() {
            let plan = self.shard_plan(bound, core, connections as usize / count, count > 1)?;
            let (events, factory) = (self.control.0.clone(), factory.clone());
            thread::Builder::new()
                .name(format!("slipring-{number}"))
                .spawn(move || plan.run(&events, factory))
                .map_err(Error::Start)?;
        }
        self.await_ready(count)
    }

    fn await_ready(&self, count: usize) -> Result<Vec<Mailbox>, Error> {
        let mut mailboxes = Vec::with_capacity(count);
        while mailboxes.len() < count {
            match self.control.1.recv() {
                Ok(Event::Ready(mailbox)) => mailboxes.push(mailbox),
                Ok(Event::Failed(error)) => return Err(error),
                Ok(Event::Shutdown) => {
                    let _ = self.control.0.send(Event::Shutdown);
                }
                _ => {}
            }
        }
        Ok(mailboxes)
    }

    fn choose_cores(&self) -> Result<Vec<Option<usize>>, Error> {
        let there: Vec<usize> = core_affinity::get_core_ids().unwrap_or_default().iter().map(|core| core.id).collect();
        if let Some(&core) = self.cores.iter().find(|core| !there.contains(core)) {
            return Err(Error::Core { core });
        }
        if !self.cores.is_empty() {
            let shards = self.shards.unwrap_or(self.cores.len());
            return Ok(self.cores.iter().cycle().take(shards).map(|&core| Some(core)).collect());
        }
        // Counts the affinity mask and the cgroup's quota.
        let usable = thread::available_parallelism().map_or(1, usize::from);
        let shards = self.shards.unwrap_or(usable);
        // With a quota below the cores, or another number than theirs, pinning would only fight the scheduler.
        let pinned = shards == there.len() && usable == there.len();
        Ok((0..shards).map(|shard| pinned.then(|| there[shard])).collect())
    }

    fn shard_plan(
        &self,
        bound: &[SocketAddr],
        core: Option<usize>,
        connections_max: usize,
        reuse_port: bool,
    ) -> Result<ShardPlan, Error> {
        let sink = self.open_log()?;
        let delay = match &sink {
            Some((_, true)) => Duration::ZERO,
            _ => LOG_DELAY,
        };
        let config = ShardConfig {
            rules: self.rules.clone(),
            site: self.site.clone(),
            listeners: bound.len() as u16,
            log: sink.as_ref().map(|_| SinkId(0)),
            log_delay: delay,
            drain_timeout: self.drain_timeout,
            ..ShardConfig::new(connections_max)
        };
        Ok(ShardPlan {
            core,
            addresses: bound.to_vec(),
            listen: ListenOptions { reuse_port, backlog: BACKLOG, ..ListenOptions::default() },
            roots: self.roots.clone(),
            sink: sink.map(|(fd, _)| fd),
            config,
        })
    }

    /// The access log's descriptor, and whether a person reads along.
    fn open_log(&self) -> Result<Option<(OwnedFd, bool)>, Error> {
        let (fd, terminal) = match &self.access_log {
            AccessLog::Off => return Ok(None),
            AccessLog::Stderr => (io::stderr().as_fd().try_clone_to_owned(), io::stderr().is_terminal()),
            AccessLog::Stdout => (io::stdout().as_fd().try_clone_to_owned(), io::stdout().is_terminal()),
            AccessLog::File(path) => {
                let file = OpenOptions::new().append(true).create(true).open(path);
                (file.map(OwnedFd::from), false)
            }
        };
        let path = || match &self.access_log {
            AccessLog::File(path) => path.clone(),
            _ => PathBuf::from("-"),
        };
        fd.map(|fd| Some((fd, terminal))).map_err(|source| Error::Log { path: path(), source })
    }

    /// Waits for what ends the server, and for its end.
    fn supervise(&self, shards: &[Mailbox]) -> Result<Ended, Error> {
        let mut draining = false;
        let mut left = shards.len();
        let mut total = Metrics::default();
        while left > 0 {
            match self.control.1.recv() {
                Ok(Event::Ended(metrics)) => {
                    total.add(&metrics);
                    left -= 1;
                }
                Ok(Event::Failed(error)) => return Err(error),
                Ok(Event::Signal(signal)) if draining => return Ok(Ended::Stopped(signal)),
                Ok(Event::Signal(signal)) => {
                    draining = true;
                    if self.banner && signal == Signal::Interrupt {
                        // Python's line (row X3). A closed standard output must not end the drain.
                        let _ = writeln!(io::stdout(), "\nKeyboard interrupt received, exiting.");
                    }
                    drain(shards);
                }
                Ok(Event::Shutdown) => {
                    draining = true;
                    drain(shards);
                }
                Ok(Event::Ready(_)) | Err(_) => {}
            }
        }
        if total.log_dropped_lines > 0 {
            let _ = writeln!(io::stderr(), "slipring: {} log lines were dropped", total.log_dropped_lines);
        }
        Ok(Ended::Drained)
    }
}

fn drain(shards: &[Mailbox]) {
    for shard in shards {
        shard.post(Message::Drain);
    }
}

/// Everything that a shard's thread needs to make its shard.
struct ShardPlan {
    core: Option<usize>,
    addresses: Vec<SocketAddr>,
    listen: ListenOptions,
    roots: Vec<PathBuf>,
    sink: Option<OwnedFd>,
    config: ShardConfig,
}

impl ShardPlan {
    /// The shard's whole life, on its own thread: pin, map memory, ring, listen, ready, serve (decision 15).
    fn run<H: Handler>(self, events: &Sender<Event>, factory: Arc<impl Fn() -> H + Send + Sync + 'static>) {
        // The server that waits for these events may be gone; then nobody needs them.
        let tell = |event| drop(events.send(event));
        let serve = || match self.make(factory) {
            Ok(mut shard) => {
                tell(Event::Ready(shard.mailbox()));
                match shard.run() {
                    Ok(()) => tell(Event::Ended(shard.metrics().clone())),
                    Err(lost) => tell(Event::Failed(lost.into())),
                }
            }
            Err(error) => tell(Event::Failed(error)),
        };
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(serve)).is_err() {
            // Decision 11: a restart is safer than a shard that unwinds over memory that the kernel owns.
            let _ = writeln!(io::stderr(), "slipring: a shard failed by a bug; the process ends");
            std::process::abort();
        }
    }

    fn make<H: Handler>(
        self,
        factory: Arc<impl Fn() -> H + Send + Sync + 'static>,
    ) -> Result<Shard<UringRing, H>, Error> {
        if let Some(core) = self.core {
            // Best effort: a mask that changed meanwhile costs speed, nothing else.
            core_affinity::set_for_current(core_affinity::CoreId { id: core });
        }
        let mut uring = UringConfig::new(self.config.limits.ring.clone());
        uring.roots = self.roots;
        uring.sinks = self.sink.into_iter().collect();
        let bind = |address| Listener::bind(address, &self.listen).map_err(|source| explain(address, source));
        uring.listeners = self.addresses.into_iter().map(bind).collect::<Result<_, _>>()?;
        let ring = UringRing::new(uring)?;
        Ok(Shard::new(ring, self.config, Box::new(move || factory())))
    }
}

fn explain(address: SocketAddr, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::AddrInUse => Error::PortInUse { address },
        io::ErrorKind::PermissionDenied => Error::PortForbidden { address },
        _ => Error::Listen { address, source },
    }
}

/// Python's line for each address (row X2).
fn print_banner(bound: &[SocketAddr]) {
    let mut out = io::stdout().lock();
    for address in bound {
        let (ip, port) = (address.ip(), address.port());
        let host = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
        // A closed standard output is no reason not to serve.
        let _ = writeln!(out, "Serving HTTP on {ip} port {port} (http://{host}:{port}/) ...");
    }
    let _ = out.flush();
}

/// Waits for signals on a thread of its own, for as long as the process lives.
fn watch_signals(signals: Signals, events: Sender<Event>) -> Result<(), Error> {
    let signals = Mutex::new(signals);
    let watch = move || {
        let Ok(signals) = signals.into_inner() else { return };
        while events.send(Event::Signal(signals.wait())).is_ok() {}
    };
    thread::Builder::new().name("slipring-signals".into()).spawn(watch).map(drop).map_err(Error::Start)
}
