//! A whole run: how it was set up, where, and the figures of all its threads.

use super::Record;

/// How requests are paced.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loop {
    /// The next request waits for an answer.
    #[default]
    Closed,
    /// Requests are due by a schedule whatever the answers do.
    Open {
        /// Requests a second over the measure phase, by the plan.
        rate: f64,
        /// Exponential gaps instead of equal ones.
        poisson: bool,
    },
}

/// How a run was set up: every option in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Setup {
    /// Of the target; the first of several.
    pub url: String,
    /// Every target with its weight, when there are several.
    pub urls: Vec<(String, u32)>,
    /// Where it was dialled, once a connection was open.
    pub address: Option<String>,
    /// Of the requests.
    pub method: String,
    /// Bytes of one request; of the largest, if they differ.
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
    /// Requests of the measure phase at most, if their number is limited.
    pub requests_max: Option<u64>,
    /// Closed or open loop.
    pub pace: Loop,
    /// Of everything random: arrivals, mixes, templates.
    pub seed: u64,
    /// Further options in force, name and value as typed, in the order of the help. For reports.
    pub options: Vec<(String, String)>,
    /// Cores of the threads, if pinned.
    pub cores: Vec<usize>,
    /// Congestion control that was asked for.
    pub congestion: Option<String>,
    /// How early waits of an open loop end at most, to be in time; `None` if no wait sleeps.
    pub spin_ns: Option<u64>,
}

/// The machine that ran it, as far as it says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    /// Release.
    pub kernel: Option<String>,
    /// Model name.
    pub cpu: Option<String>,
    /// Cores that this process may use.
    pub cores: Option<usize>,
    /// The system's congestion control.
    pub congestion: Option<String>,
    /// CPU quota of the cgroup, in cores.
    pub quota: Option<f64>,
    /// Frequency governor of the first core.
    pub governor: Option<String>,
    /// Hypervisor, if the CPU says that there is one.
    pub virt: Option<String>,
}

/// CPU time of a generator thread during the measure phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadCpu {
    /// On the CPU; `None` where `/proc` does not say.
    pub busy_ns: Option<u64>,
    /// Waiting for the time of a request by looking instead of sleeping: CPU time that nothing else asked for.
    pub spun_ns: u64,
    /// Not waiting in the ring: on the CPU, kept from it, or late for the phase.
    pub awake_ns: u64,
    /// The phase itself.
    pub wall_ns: u64,
}

/// CPU time and the requests that it was spent on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuUse {
    /// Nanoseconds on a CPU.
    pub ns: u64,
    /// Answers in that time.
    pub requests: u64,
}

/// What the target's processes used during the measure phase.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetUse {
    /// Of all of them together.
    pub cpu: CpuUse,
    /// The CPU time is right within this many nanoseconds; `None` if processes ended uncounted.
    pub within_ns: Option<u64>,
    /// How they were found: the listening socket, `--target-pid` or `--target-cgroup`.
    pub found_by: String,
    /// Their numbers at the end.
    pub pids: Vec<u32>,
    /// Resident memory at the end, bytes, all together.
    pub resident_bytes: Option<u64>,
    /// Share of the measure phase in which it ran on a core that a generator thread used, 0 to 1.
    pub shared_core: Option<f64>,
}

/// What the machine did during the measure phase, beside us and the target.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Environment {
    /// CPU time of the whole machine that was not idle.
    pub machine: Option<CpuUse>,
    /// Share of the machine's time that the hypervisor took, 0 to 1.
    pub steal: Option<f64>,
    /// Quota periods of our cgroup, and how many of them throttled it.
    pub periods: Option<(u64, u64)>,
    /// Largest relative change of a core's frequency between start and end, 0 to 1.
    pub frequency_moved: Option<f64>,
}

/// One stage of an open loop's schedule and what came of it, by intended time.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// As the user wrote it, such as `30s@1000..5000`.
    pub text: String,
    /// Behind the start of the measure phase.
    pub start_ns: u64,
    /// How long.
    pub duration_ns: u64,
    /// Requests due in it.
    pub due: u64,
    /// Answers to requests due in it.
    pub completed: u64,
    /// Their response times.
    pub response: super::Times,
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
    /// What the target used, if it is on this machine and was found.
    pub target: Option<TargetUse>,
    /// What the machine did.
    pub environment: Environment,
    /// Of the plan's schedule, if it has stages.
    pub stages: Vec<Stage>,
    /// Requests of the warm-up that were still due when the measure phase began.
    pub backlog_at_start: u64,
    /// How long writing the progress line waited for whoever reads it.
    pub report_wait_ns: u64,
    /// How far behind `--start-at` its load may have begun, if it did not begin in time.
    pub start_late_s: Option<f64>,
    /// A number that no other run has; `None` if it was not drawn.
    pub id: Option<u64>,
    /// Any answer at all, the warm-up's included.
    pub answered: bool,
    /// The first failure to connect, for the message when nothing was answered.
    pub refusal: Option<String>,
    /// Ctrl-C ended the measure phase before its time.
    pub interrupted: bool,
    /// What was asked with `--fail-if` and `--slo`.
    pub thresholds: Vec<super::ThresholdResult>,
    /// What the run says of itself.
    pub judgement: super::Judgement,
}

impl RunRecord {
    /// Requests a second that were completed within the measure phase.
    pub fn rate(&self) -> f64 {
        per_second(self.record.requests.completed_in_time(), self.measured_ns)
    }

    /// Received bytes a second, heads included.
    pub fn bytes_per_second(&self) -> f64 {
        per_second(self.record.bytes.wire, self.measured_ns)
    }

    /// Generator CPU per request that was completed within the measure phase, in microseconds; what it spun is no part of it.
    pub fn generator_us_per_request(&self) -> Option<f64> {
        let busy: Option<u64> =
            self.threads.iter().map(|thread| Some(thread.busy_ns?.saturating_sub(thread.spun_ns))).sum();
        self.us_per_request(busy?)
    }

    /// Target CPU per completed request, in microseconds.
    pub fn target_us_per_request(&self) -> Option<f64> {
        self.target.as_ref()?.cpu.us_per_request()
    }

    /// The whole machine's CPU per completed request, in microseconds: on a loopback, cost moves between processes.
    pub fn machine_us_per_request(&self) -> Option<f64> {
        self.environment.machine?.us_per_request()
    }

    /// The times that this run's percentiles are about: response times, or in a closed loop service times.
    pub fn times(&self) -> &super::Times {
        match self.setup.pace {
            Loop::Closed => &self.record.service,
            Loop::Open { .. } => &self.record.response,
        }
    }

    /// Share of the phase in which the busiest thread did not wait in the ring, 0 to 1.
    pub fn saturation(&self) -> f64 {
        self.threads.iter().map(ThreadCpu::saturation).fold(0.0, f64::max)
    }

    fn us_per_request(&self, ns: u64) -> Option<f64> {
        CpuUse { ns, requests: self.record.requests.completed_in_time() }.us_per_request()
    }
}

fn per_second(count: u64, ns: u64) -> f64 {
    if ns == 0 { 0.0 } else { count as f64 * 1e9 / ns as f64 }
}

impl CpuUse {
    /// Microseconds for each request; `None` without one.
    pub fn us_per_request(self) -> Option<f64> {
        (self.requests > 0).then(|| self.ns as f64 / self.requests as f64 / 1e3)
    }
}

impl ThreadCpu {
    /// Share of the phase in which it did not wait in the ring, 0 to 1.
    pub fn saturation(&self) -> f64 {
        if self.wall_ns == 0 { 0.0 } else { (self.awake_ns as f64 / self.wall_ns as f64).min(1.0) }
    }

    /// Share of the phase that it spun, 0 to 1.
    pub fn spun(&self) -> f64 {
        if self.wall_ns == 0 { 0.0 } else { self.spun_ns as f64 / self.wall_ns as f64 }
    }

    /// Share of a core, in percent.
    pub fn percent(&self) -> Option<f64> {
        (self.wall_ns > 0).then_some(())?;
        self.busy_ns.map(|busy| 100.0 * busy as f64 / self.wall_ns as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers that came when the phase was over cost the phase nothing.
    #[test]
    fn the_cost_of_a_request_is_that_of_the_phase() {
        let cpu = ThreadCpu { busy_ns: Some(8_000_000), ..ThreadCpu::default() };
        let mut run = RunRecord { threads: vec![cpu], ..RunRecord::default() };
        (run.record.requests.completed, run.record.requests.completed_late) = (380, 300);
        assert_eq!(run.generator_us_per_request(), Some(100.0));
        // Nor does looking for the time of the next one.
        run.threads[0].spun_ns = 2_000_000;
        assert_eq!(run.generator_us_per_request(), Some(75.0));
    }
}
