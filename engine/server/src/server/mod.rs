//! Starting shards, waiting for signals, draining. The only place that names a concrete ring.

mod error;
mod handle;
mod logs;
mod start;
mod supervise;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use slipring_ring::RootId;
use slipring_ring::uring::WorkerLimits;
pub use slipring_ring::uring::process::Signal;
use slipring_ring::uring::process::Signals;

use crate::conn::Rules;
use crate::handler::{Handler, Site};
use crate::log::{LogTarget, Logging};
use crate::shard::ProgramLimits;
pub use error::Error;
pub use handle::Handle;
use handle::{Bound, Event};
use logs::OpenLogs;
use supervise::{print_banner, watch_signals};

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
    /// Paths of Unix stream sockets, with their modes.
    unix: Vec<(PathBuf, u32)>,
    roots: Vec<PathBuf>,
    shards: Option<usize>,
    cores: Vec<usize>,
    connections_max: Option<usize>,
    workers: WorkerLimits,
    programs: Option<ProgramLimits>,
    logging: Logging,
    resolve: bool,
    site: Site,
    rules: Rules,
    banner: bool,
    drain_timeout: Duration,
    signals: bool,
    requests_max: Option<u64>,
    timeout: Option<Duration>,
    bound: Arc<Bound>,
    control: (Sender<Event>, Receiver<Event>),
}

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
            unix: Vec::new(),
            roots: Vec::new(),
            shards: None,
            cores: Vec::new(),
            connections_max: None,
            workers: WorkerLimits::SERVER,
            programs: None,
            logging: Logging::default(),
            resolve: false,
            site: Site::new(),
            rules: Rules::COMMAND,
            banner: false,
            drain_timeout: Duration::from_secs(30),
            signals: true,
            requests_max: None,
            timeout: None,
            bound: Arc::default(),
            control: mpsc::channel(),
        }
    }

    /// A server for a Unix stream socket at this path (row V16), open to whom `mode` allows, as of a file: 0o600 for the
    /// owner alone. Its peers are [`crate::Peer::Unix`].
    ///
    /// What a server that is gone left there is replaced; a server that still answers, or anything that is no socket, is an
    /// error of [`Self::serve`]. All shards share the one queue of the path.
    pub fn bind_unix(path: impl Into<PathBuf>, mode: u32) -> Self {
        Self::on(Vec::new()).also_unix(path, mode)
    }

    /// Also listens on a Unix stream socket, as [`Self::bind_unix`].
    #[must_use]
    pub fn also_unix(mut self, path: impl Into<PathBuf>, mode: u32) -> Self {
        self.unix.push((path.into(), mode));
        self
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

    /// Threads of the worker pool that carry out jobs, for all shards together, and how many jobs may wait for one;
    /// further ones are refused (503). By default 64 and 1,024. Threads are started as they are needed.
    #[must_use]
    pub fn workers(mut self, threads: usize, waiting: usize) -> Self {
        self.workers = WorkerLimits { threads: threads.max(1), waiting };
        self
    }

    /// Where a line for each request goes; nowhere by default.
    #[must_use]
    pub fn access_log(mut self, target: LogTarget) -> Self {
        self.logging.access = target;
        self
    }

    /// Handlers may start programs ([`crate::Exchange::ask_program`]), within these limits for all shards together; by
    /// default every program is refused. They run as `nobody` when this process is root. The process that starts them is
    /// forked by [`Self::serve`], which is best called before the program has other threads.
    #[must_use]
    pub fn programs(mut self, limits: ProgramLimits) -> Self {
        self.programs = Some(limits);
        self
    }

    /// What is logged where, and how; by default messages and errors go to standard error, requests nowhere.
    #[must_use]
    pub fn logging(mut self, logging: Logging) -> Self {
        self.logging = logging;
        self
    }

    /// Whether peers are called by their names in both logs and by [`crate::Exchange::address_string`] (rows S47, S48); by
    /// default they are their addresses, and nobody is asked.
    ///
    /// Names are asked for when a connection is accepted, on four threads of their own, and nothing waits for them: a line
    /// shows the address until the name is known. Of the host name and its aliases it is the first with a dot, else the
    /// host name. Names are kept for 10 minutes, up to 4,096 a shard; a lookup that fails or takes more than 5 s is not
    /// tried again for a minute. They are whatever the peer's reverse zone says, so they prove nothing. Where the log's
    /// format shows less of a client than its address, it shows no name either.
    #[must_use]
    pub fn resolve(mut self, resolve: bool) -> Self {
        self.resolve = resolve;
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

    /// Whether SIGINT, SIGTERM and SIGUSR1 are the server's affair, as they are by default. A program that has other use
    /// for them, or runs several servers, says `false` and ends each by its [`Handle`].
    #[must_use]
    pub fn signals(mut self, signals: bool) -> Self {
        self.signals = signals;
        self
    }

    /// How long [`Self::handle_request`] and [`Self::serve_n`] wait for the first request (row V9); by default without
    /// end. Then [`Handler::handle_timeout`] is called, and they return.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
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
        Handle { events: self.control.0.clone(), bound: self.bound.clone() }
    }

    /// Serves until a signal or [`Handle::shutdown`] ends it. `factory` makes one handler per shard.
    ///
    /// SIGINT and SIGTERM drain; a second one stops at once. SIGUSR1 opens the logs again.
    ///
    /// # Errors
    /// When it cannot start, or a ring is lost.
    pub fn serve<H: Handler>(self, factory: impl Fn() -> H + Send + Sync + 'static) -> Result<(), Error> {
        self.run(factory).map(drop)
    }

    /// Answers one request and returns (row V9).
    ///
    /// # Errors
    /// When it cannot start, or the ring is lost.
    pub fn handle_request<H: Handler>(self, factory: impl Fn() -> H + Send + Sync + 'static) -> Result<(), Error> {
        self.serve_n(1, factory)
    }

    /// Answers so many requests, on one shard, and returns. Connections that were accepted by then are answered once more
    /// where they already ask: nobody is reset.
    ///
    /// # Errors
    /// When it cannot start, or the ring is lost.
    pub fn serve_n<H: Handler>(
        mut self,
        requests: u64,
        factory: impl Fn() -> H + Send + Sync + 'static,
    ) -> Result<(), Error> {
        (self.shards, self.requests_max) = (Some(1), Some(requests));
        self.serve(factory)
    }

    /// As [`Self::serve`], and says how it ended.
    ///
    /// # Errors
    /// When it cannot start, or a ring is lost.
    pub fn run<H: Handler>(self, factory: impl Fn() -> H + Send + Sync + 'static) -> Result<Ended, Error> {
        let signals = if self.signals { Some(Signals::block().map_err(Error::Start)?) } else { None };
        let cores = self.choose_cores()?;
        let mut launcher = self.start_launcher(cores.len())?;
        let bound = self.probe()?;
        let logs = OpenLogs::open(&self.logging)?;
        let shards = self.start(cores, &bound, &logs, launcher.as_mut(), &Arc::new(factory))?;
        if self.banner {
            print_banner(&bound, &self.unix);
        }
        self.bound.set(&bound);
        if let Some(signals) = signals {
            watch_signals(signals, self.control.0.clone())?;
        }
        let ended = self.supervise(&shards, &logs)?;
        if let (Some(launcher), Ended::Drained) = (launcher, ended) {
            // Every ring is gone or going, and with the last the launcher.
            launcher.wait();
        }
        Ok(ended)
    }
}
