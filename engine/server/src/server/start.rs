//! Starting: ports are proved free, shards are started and become ready.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use slipring_ring::uring::{
    Launcher, LauncherOptions, ListenOptions, Listener, Sink, UringConfig, UringRing, Workers, hosts, process,
};

use super::error::explain;
use super::handle::Event;
use super::logs::OpenLogs;
use super::supervise::post;
use super::{Error, Server};
use crate::handler::Handler;
use crate::log::Resolver;
use crate::shard::{LogConfig, Mailbox, Message, ProgramLimits, ProgramPlaces, Shard, ShardConfig};

/// The share of descriptors that connections may use; files and logs need the rest.
const CONNECTIONS_PERCENT: u64 = 80;
/// Connections of a whole server by default, at most.
const CONNECTIONS_MAX: u64 = 64 * 1024;
/// Connections that wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: u32 = 4096;
/// How long a port in use may still be that of a server that just ended.
const PORT_PATIENCE: Duration = Duration::from_millis(500);

impl Server {
    /// Proves that every port is free: a second server would join a shared port in silence (decision 15).
    pub(super) fn probe(&self) -> Result<Vec<SocketAddr>, Error> {
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
    pub(super) fn start<H: Handler>(
        &self,
        cores: Vec<Option<usize>>,
        bound: &[SocketAddr],
        logs: &OpenLogs,
        mut launcher: Option<&mut Launcher>,
        factory: &Arc<impl Fn() -> H + Send + Sync + 'static>,
    ) -> Result<Vec<Mailbox>, Error> {
        let descriptors = process::raise_descriptor_limit().map_err(Error::Start)?;
        let connections = self.connections_max.map_or_else(
            || (descriptors * CONNECTIONS_PERCENT / 100).min(CONNECTIONS_MAX),
            |connections| connections as u64,
        );
        let count = cores.len();
        let workers = Workers::new(self.workers);
        let programs = self.programs.unwrap_or(ProgramLimits::SERVER);
        let places = ProgramPlaces::new(&programs);
        let unix = self.listen_unix()?;
        let resolver = self.start_resolver()?;
        for (number, core) in cores.into_iter().enumerate() {
            let connections_max = connections as usize / count;
            let logs_config = LogConfig { resolver: resolver.clone(), ..logs.config(count) };
            let mut config = ShardConfig { logs: logs_config, ..self.shard_config(bound, connections_max) };
            (config.limits.ring.sink_buffers, config.limits.ring.sink_buffer_bytes) = logs.sink_buffers(count);
            let config = ShardConfig { programs, places: Some(places.clone()), ..config };
            let plan = ShardPlan {
                core,
                addresses: bound.to_vec(),
                listen: ListenOptions { reuse_port: count > 1, backlog: BACKLOG, ..ListenOptions::default() },
                unix: unix.iter().map(Listener::share).collect::<Result<_, _>>().map_err(Error::Start)?,
                roots: self.roots.clone(),
                sinks: logs.sinks(),
                config,
                workers: workers.clone(),
                launcher: launcher.as_mut().and_then(|launcher| launcher.channel()),
            };
            let (events, factory) = (self.control.0.clone(), factory.clone());
            thread::Builder::new()
                .name(format!("slipring-{number}"))
                .spawn(move || plan.run(&events, factory))
                .map_err(Error::Start)?;
        }
        self.await_ready(count)
    }

    /// Binds each path once: shards share its queue.
    fn listen_unix(&self) -> Result<Vec<Listener>, Error> {
        let bind = |(path, mode): &(PathBuf, u32)| {
            Listener::bind_unix(path, *mode, BACKLOG).map_err(|source| Error::ListenUnix { path: path.clone(), source })
        };
        self.unix.iter().map(bind).collect()
    }

    /// Starts the threads that look peers' names up, if anybody wants to know them.
    fn start_resolver(&self) -> Result<Option<Resolver>, Error> {
        let start = || Resolver::start(|address| hosts::names_of(address).ok()).map_err(Error::Start);
        self.resolve.then(start).transpose()
    }

    /// Forks the process that starts programs, if any may be started: before anything else is open.
    pub(super) fn start_launcher(&self, shards: usize) -> Result<Option<Launcher>, Error> {
        let start = |_| Launcher::start(&LauncherOptions::for_strangers(), shards).map_err(Error::Start);
        self.programs.as_ref().map(start).transpose()
    }

    fn await_ready(&self, count: usize) -> Result<Vec<Mailbox>, Error> {
        let mut mailboxes = Vec::with_capacity(count);
        let mut later = Vec::new();
        while mailboxes.len() < count {
            match self.control.1.recv() {
                Ok(Event::Ready(mailbox)) => mailboxes.push(mailbox),
                Ok(Event::Failed(error)) => {
                    // Those that are not ready yet will find nobody to tell, and end too.
                    post(&mailboxes, Message::Stop);
                    return Err(error);
                }
                Ok(event) => later.push(event),
                Err(_) => {}
            }
        }
        for event in later {
            // Our own end of the channel is open.
            let _ = self.control.0.send(event);
        }
        Ok(mailboxes)
    }

    pub(super) fn choose_cores(&self) -> Result<Vec<Option<usize>>, Error> {
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

    fn shard_config(&self, bound: &[SocketAddr], connections_max: usize) -> ShardConfig {
        let mut site = self.site.clone();
        if let Some(first) = bound.first() {
            site.server_port = first.port();
            if site.server_name.is_empty() {
                site.server_name = first.ip().to_string();
            }
        } else if let Some((path, _)) = self.unix.first().filter(|_| site.server_name.is_empty()) {
            site.server_name = path.display().to_string();
        }
        ShardConfig {
            rules: self.rules.clone(),
            site,
            requests_max: self.requests_max,
            request_timeout: self.timeout.filter(|_| self.requests_max.is_some()),
            listeners: (bound.len() + self.unix.len()) as u16,
            drain_timeout: self.drain_timeout,
            ..ShardConfig::new(connections_max)
        }
    }
}

/// Everything that a shard's thread needs to make its shard.
struct ShardPlan {
    core: Option<usize>,
    addresses: Vec<SocketAddr>,
    listen: ListenOptions,
    /// This shard's shares of the listeners that have a path.
    unix: Vec<Listener>,
    roots: Vec<PathBuf>,
    sinks: Vec<Sink>,
    config: ShardConfig,
    workers: Workers,
    launcher: Option<OwnedFd>,
}

impl ShardPlan {
    /// The shard's whole life, on its own thread: pin, map memory, ring, listen, ready, serve (decision 15).
    fn run<H: Handler>(self, events: &Sender<Event>, factory: Arc<impl Fn() -> H + Send + Sync + 'static>) {
        // The server that waits for these events may be gone; then nobody needs them.
        let tell = |event| drop(events.send(event));
        let serve = || match self.make(factory) {
            Ok(mut shard) => {
                if events.send(Event::Ready(shard.mailbox())).is_err() {
                    // Another shard could not start, so the server does not.
                    return;
                }
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
        uring.sinks = self.sinks;
        uring.workers = Some(self.workers);
        uring.launcher = self.launcher;
        let bind = |address| Listener::bind(address, &self.listen).map_err(|source| explain(address, source));
        uring.listeners = self.addresses.into_iter().map(bind).collect::<Result<_, _>>()?;
        uring.listeners.extend(self.unix);
        let ring = UringRing::new(uring)?;
        Ok(Shard::new(ring, self.config, Box::new(move || factory())))
    }
}
