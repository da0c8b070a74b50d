//! What a run is to do, as plain values: no clock, no socket, no thread.

mod answer;
mod check;
mod duration;
mod field;
mod mix;
mod pace;
mod request;
mod schedule;
mod template;
mod url;

pub use answer::{Check, CheckError, SAMPLE_EVERY};
pub use check::PlanError;
pub use duration::{DurationError, parse_duration};
pub use field::{FieldError, FieldLine, Method, MethodError};
pub use mix::Mix;
pub use pace::{Arrivals, OnBusy, RATE_MAX, RateError, Stage, StageError, WordError, parse_rate};
pub use request::{Body, INLINE_BODY_BYTES_MAX, Prepared, Request, UrlsError};
pub use schedule::Schedule;
pub use template::{NUMBERS_MAX, TemplateError, Values};
pub use url::{Target, UrlError};

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Requests in flight on one connection at most; the histogram of a deeper pipeline would show its own queue.
pub const PIPELINE_MAX: u32 = 1024;
/// [`Plan::spin`] at most, if it is not [`SPIN_ALWAYS`].
pub const SPIN_MAX: Duration = Duration::from_millis(1);
/// [`Plan::spin`] of threads that never sleep: no waking is part of any time that they measure.
pub const SPIN_ALWAYS: Duration = Duration::MAX;
/// [`Plan::spin`] where there are cores for it: a little more than it takes to be back from sleep on most machines.
pub const SPIN_DEFAULT: Duration = Duration::from_micros(50);
/// Bytes of one request at most, a body that is sent from where it stands not counted.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a body at most.
pub const BODY_BYTES_MAX: usize = 1 << 30;
/// Bytes that a whole pipeline of requests may take, per connection.
pub const PIPELINE_BYTES_MAX: usize = 1 << 20;
/// Connections of a run at most.
pub const CONNECTIONS_MAX: u32 = 60_000;
/// Threads of a run at most.
pub const THREADS_MAX: u32 = 1024;
/// Kinds of requests in a mix at most.
pub const REQUESTS_MAX: usize = 10_000;

/// Descriptors that a thread needs besides its connections: ring, wake-up, a file of `/proc` at a time.
const OWN_DESCRIPTORS: u64 = 8;

/// A run: whom to ask what, how often, and until when. [`Plan::new`] has the defaults of the command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What is asked, by weight; one at least. All of them are asked of the first one's host and port.
    pub requests: Vec<Request>,
    /// Dial this Unix socket instead; the URLs still name the host in `Host`.
    pub unix: Option<PathBuf>,
    /// Dial this host and port instead of the URL's.
    pub connect_to: Option<(String, u16)>,
    /// Local addresses of the connections, in turn; empty lets the kernel choose.
    pub sources: Vec<IpAddr>,
    /// Connections of all threads together.
    pub connections: u32,
    /// Connections of all threads together that [`OnBusy::Open`] may reach, which needs it; no less than
    /// `connections`.
    pub max_connections: Option<u32>,
    /// Threads, each with its own ring and its share of the connections.
    pub threads: u32,
    /// Requests in flight on a connection.
    pub pipeline: u32,
    /// Whether connections stay open; `false` asks for the end of each with every request.
    pub keep_alive: bool,
    /// Requests after which a connection is closed and opened anew; 0 is never.
    pub requests_per_connection: u32,
    /// Requests a second, all threads together: an open loop. `None`, without stages, is a closed one.
    pub rate: Option<f64>,
    /// Rates by time instead of one rate; together they are the measure phase.
    pub stages: Vec<Stage>,
    /// How the intended times of an open loop are spread.
    pub arrivals: Arrivals,
    /// What becomes of a request that is due while every connection is busy.
    pub on_busy: OnBusy,
    /// From the actual send: a request that is not answered by then fails and its connection is closed.
    pub timeout: Option<Duration>,
    /// From the intended time: a request that is not sent by then is given up.
    pub deadline: Option<Duration>,
    /// Load before the measurement, not recorded.
    pub warmup: Duration,
    /// Load that is measured; with stages, see [`Plan::measure`].
    pub duration: Duration,
    /// Requests of the measure phase at most, all threads together; it ends with them or with `duration`.
    pub requests_max: Option<u64>,
    /// How long answers to requests of the measure phase are awaited when it is over.
    pub grace: Duration,
    /// How long opening a connection may take; also how long the run waits for all of them, `connect_rate` apart.
    pub connect_timeout: Duration,
    /// Connections opened a second before the run, all threads together; `None` opens them at once.
    pub connect_rate: Option<f64>,
    /// What is compared in the answers.
    pub check: Option<Check>,
    /// Of everything random: arrivals, mix, numbers in requests.
    pub seed: u64,
    /// Core of each thread, in turn; empty leaves the threads where the kernel puts them.
    pub cores: Vec<usize>,
    /// Congestion control of our sockets; the system's own if `None`.
    pub congestion: Option<String>,
    /// How early before its time a thread of an open loop stops sleeping at most, to look again and again until then; `None`
    /// leaves it to the machine ([`SPIN_DEFAULT`], or nothing where threads have no core of their own). A closed loop has no
    /// such time, and takes only [`SPIN_ALWAYS`] and zero.
    pub spin: Option<Duration>,
    /// A process whose CPU time, with its threads and children, is divided by the answered requests.
    pub target_pid: Option<u32>,
    /// The control group whose CPU time is divided by the answered requests. Without either: that of who listens.
    pub target_cgroup: Option<String>,
}

impl Plan {
    /// A plan with the defaults of the command line.
    pub fn new(target: Target) -> Self {
        Self {
            requests: vec![Request::new(target)],
            unix: None,
            connect_to: None,
            sources: Vec::new(),
            connections: 64,
            max_connections: None,
            threads: 1,
            pipeline: 1,
            keep_alive: true,
            requests_per_connection: 0,
            rate: None,
            stages: Vec::new(),
            arrivals: Arrivals::Constant,
            on_busy: OnBusy::Queue,
            timeout: Some(Duration::from_secs(5)),
            deadline: None,
            warmup: Duration::from_secs(1),
            duration: Duration::from_secs(10),
            requests_max: None,
            // As long as the timeout: then every request that left has come to an end of its own.
            grace: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(3),
            connect_rate: None,
            check: None,
            seed: 1,
            cores: Vec::new(),
            congestion: None,
            spin: None,
            target_pid: None,
            target_cgroup: None,
        }
    }

    /// Where the first request goes.
    pub fn target(&self) -> &Target {
        &self.requests.first().expect("a plan has a request").target
    }

    /// Whether requests are due by a schedule whatever the answers do.
    pub fn is_open(&self) -> bool {
        self.rate.is_some() || !self.stages.is_empty()
    }

    /// How long the measure phase is: the stages together, or `duration`.
    pub fn measure(&self) -> Duration {
        if self.stages.is_empty() { self.duration } else { self.stages.iter().map(|stage| stage.duration).sum() }
    }

    /// Requests after which a connection ends; `None` is never.
    pub fn connection_requests(&self) -> Option<u32> {
        match self.requests_per_connection {
            0 => (!self.keep_alive).then_some(1),
            most => Some(if self.keep_alive { most } else { 1 }),
        }
    }

    /// Connections of all threads together that there may ever be.
    pub fn connections_most(&self) -> u32 {
        let most = self.max_connections.filter(|_| self.on_busy == OnBusy::Open);
        most.unwrap_or(self.connections).max(self.connections)
    }

    /// Thread `index`'s part of a number that all threads share.
    pub fn part_of(&self, all: u64, index: u32) -> u64 {
        let threads = u64::from(self.threads.max(1));
        all / threads + u64::from(u64::from(index) < all % threads)
    }

    /// How many of the connections belong to thread `index`.
    pub fn share(&self, index: u32) -> u32 {
        self.part_of(u64::from(self.connections), index) as u32
    }

    /// How many connections thread `index` may ever have.
    pub fn share_most(&self, index: u32) -> u32 {
        self.part_of(u64::from(self.connections_most()), index) as u32
    }

    /// The core of thread `index`.
    pub fn core(&self, index: u32) -> Option<usize> {
        self.cores.get(index as usize % self.cores.len().max(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(url: &str) -> Plan {
        Plan::new(url.parse().expect("a good URL"))
    }

    #[test]
    fn shares_add_up_and_differ_by_at_most_one() {
        for (connections, threads) in [(64, 1), (64, 3), (7, 7), (1000, 17)] {
            let plan = Plan { connections, threads, ..plan("http://x/") };
            let shares: Vec<u32> = (0..threads).map(|index| plan.share(index)).collect();
            assert_eq!(shares.iter().sum::<u32>(), connections);
            assert!(shares.iter().max().expect("some") - shares.iter().min().expect("some") <= 1);
        }
    }

    #[test]
    fn cores_go_round() {
        let plan = Plan { cores: vec![4, 6], ..plan("http://x/") };
        assert_eq!([0, 1, 2].map(|index| plan.core(index)), [Some(4), Some(6), Some(4)]);
        assert_eq!(self::plan("http://x/").core(3), None);
    }
}
