//! A whole run: how it was set up, where, and the figures of all its threads.

use super::Record;

/// How a run was set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Of the target.
    pub url: String,
    /// Where it was dialled, once a connection was open.
    pub address: Option<String>,
    /// Of the requests.
    pub method: String,
    /// Bytes of one request.
    pub request_bytes: usize,
    /// Connections, all threads together.
    pub connections: u32,
    /// Threads.
    pub threads: u32,
    /// Requests in flight on a connection.
    pub pipeline: u32,
    /// Warm-up, as planned.
    pub warmup_ns: u64,
    /// Measure phase, as planned.
    pub duration_ns: u64,
    /// Cores of the threads, if pinned.
    pub cores: Vec<usize>,
    /// Congestion control that was asked for.
    pub congestion: Option<String>,
}

/// The machine that ran it, as far as it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Release.
    pub kernel: Option<String>,
    /// Model name.
    pub cpu: Option<String>,
    /// Cores that this process may use.
    pub cores: Option<usize>,
    /// The system's congestion control.
    pub congestion: Option<String>,
}

/// CPU time of a generator thread during the measure phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadCpu {
    /// On the CPU; `None` where `/proc` does not say.
    pub busy_ns: Option<u64>,
    /// The phase itself.
    pub wall_ns: u64,
}

/// A finished run.
#[derive(Clone, Debug, Default)]
pub struct RunRecord {
    /// How it was set up.
    pub setup: Setup,
    /// Where it ran.
    pub host: Host,
    /// When the load began, whole seconds since 1970-01-01, UTC.
    pub started_s: u64,
    /// How long the measure phase took.
    pub measured_ns: u64,
    /// All threads together.
    pub record: Record,
    /// Each thread's CPU time.
    pub threads: Vec<ThreadCpu>,
    /// CPU time of the target during the measure phase, if it was watched.
    pub target_cpu_ns: Option<u64>,
    /// Any answer at all, the warm-up's included.
    pub answered: bool,
    /// The first failure to connect, for the message when nothing was answered.
    pub refusal: Option<String>,
    /// Ctrl-C ended the measure phase.
    pub interrupted: bool,
}

impl RunRecord {
    /// Completed requests a second.
    pub fn rate(&self) -> f64 {
        per_second(self.record.requests.completed, self.measured_ns)
    }

    /// Received bytes a second, heads included.
    pub fn bytes_per_second(&self) -> f64 {
        per_second(self.record.bytes.wire, self.measured_ns)
    }

    /// Generator CPU per completed request, in microseconds.
    pub fn generator_us_per_request(&self) -> Option<f64> {
        let busy: Option<u64> = self.threads.iter().map(|thread| thread.busy_ns).sum();
        self.us_per_request(busy?)
    }

    /// Target CPU per completed request, in microseconds.
    pub fn target_us_per_request(&self) -> Option<f64> {
        self.us_per_request(self.target_cpu_ns?)
    }

    fn us_per_request(&self, ns: u64) -> Option<f64> {
        let completed = self.record.requests.completed;
        (completed > 0).then(|| ns as f64 / completed as f64 / 1e3)
    }
}

fn per_second(count: u64, ns: u64) -> f64 {
    if ns == 0 { 0.0 } else { count as f64 * 1e9 / ns as f64 }
}

impl ThreadCpu {
    /// Share of a core, in percent.
    pub fn percent(&self) -> Option<f64> {
        (self.wall_ns > 0).then_some(())?;
        self.busy_ns.map(|busy| 100.0 * busy as f64 / self.wall_ns as f64)
    }
}
