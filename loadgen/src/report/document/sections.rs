//! The parts of a run's document.

use serde::{Deserialize, Serialize};

use super::Times;

/// The program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Of the package.
    pub version: String,
    /// Of the source tree; null where the build did not know it.
    pub commit: Option<String>,
}

/// How the run was set up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// `closed` or `open`.
    #[serde(rename = "loop")]
    pub pace: String,
    /// Requests a second by the plan; null in a closed loop.
    pub rate: Option<f64>,
    /// `constant` or `poisson`; null in a closed loop.
    pub arrivals: Option<String>,
    /// Of the requests.
    pub method: String,
    /// Where the target was dialled; null if no connection opened.
    pub address: Option<String>,
    /// Of the largest request.
    pub request_bytes: usize,
    /// All threads together.
    pub connections: u32,
    /// Each with its ring.
    pub threads: u32,
    /// Requests in flight on a connection.
    pub pipeline: u32,
    /// As planned.
    pub warmup_s: f64,
    /// As planned.
    pub duration_s: f64,
    /// Of the pinned threads.
    pub cores: Vec<usize>,
    /// As asked for.
    pub congestion: Option<String>,
    /// How early waits for the schedule end at most, to be in time; 0 where they only sleep, `None` where no wait does.
    #[serde(default = "asleep")]
    pub spin_us: Option<f64>,
    /// Of everything random.
    pub seed: u64,
    /// Weights of `urls` of the run, when there are several.
    pub weights: Vec<u32>,
    /// Everything else in force, in the order of the help.
    pub options: Vec<ConfigOption>,
}

/// One more option in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfigOption {
    /// Of the flag.
    pub name: String,
    /// As typed.
    pub value: String,
}

/// The machine that ran it, as far as it says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Release.
    pub kernel: Option<String>,
    /// Model name.
    pub cpu: Option<String>,
    /// That the process may use.
    pub cores: Option<usize>,
    /// Of the cgroup, in cores.
    pub quota: Option<f64>,
    /// Frequency governor.
    pub governor: Option<String>,
    /// Hypervisor.
    pub virt: Option<String>,
    /// The system's congestion control.
    pub congestion: Option<String>,
}

/// See [`crate::record::Connections`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// As the plan wants.
    pub asked: u64,
    /// Open when the load began.
    pub opened: u64,
    /// Not open when the load began.
    pub failed: u64,
    /// Opened again later.
    pub reconnects: u64,
    /// Opened beyond those asked for.
    #[serde(default)]
    pub extra: u64,
}

/// `due = sent + shed + dropped`, `sent = completed + failed + unanswered`, `completed = ok + errors.status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// By the plan; in a closed loop, those that left and those that a target that was gone could not be asked any more.
    pub due: u64,
    /// Handed to the kernel.
    pub sent: u64,
    /// Answered whole.
    pub completed: u64,
    /// Answered whole with a status below 400.
    pub ok: u64,
    /// Lost with their connection, timed out among them.
    pub failed: u64,
    /// Open when the grace period was over.
    pub unanswered: u64,
    /// Given up unsent.
    pub shed: u64,
    /// Not sent because no connection was free.
    pub dropped: u64,
    /// Of those sent, those that left when the measure phase was over.
    #[serde(default)]
    pub sent_late: u64,
    /// Of those completed, those whose answer ended when the measure phase was over.
    #[serde(default)]
    pub completed_late: u64,
    /// Of those with a status below 400, those that `--check` refused.
    #[serde(default)]
    pub wrong: u64,
}

impl Requests {
    /// Answered whole within the measure phase.
    pub fn completed_in_time(&self) -> u64 {
        self.completed.saturating_sub(self.completed_late)
    }
}

/// Bytes of the measure phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// Received, heads and framing included.
    pub wire: u64,
    /// Received content.
    pub body: u64,
    /// Sent.
    pub sent: u64,
}

/// Events by kind; one that takes many requests along counts once. `status` counts answers from 400 on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// Connecting failed.
    pub connect: u64,
    /// Connecting or an answer took too long.
    pub timeout: u64,
    /// The connection ended before an answer was whole.
    pub reset: u64,
    /// What came was no HTTP answer.
    pub protocol: u64,
    /// Answers with a status from 400 on.
    pub status: u64,
    /// Answers that were not what `--check` expects.
    pub check: u64,
    /// We ran out of local ports.
    pub address_unavailable: u64,
    /// We ran out of descriptors.
    #[serde(default)]
    pub descriptor_limit: u64,
    /// A name was not found.
    pub dns: u64,
}

/// Requests a second, within the measure phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// By the plan; null in a closed loop.
    pub offered: Option<f64>,
    /// That left; null if nothing was measured.
    #[serde(default)]
    pub sent: Option<f64>,
    /// That were answered; null if nothing was measured.
    pub achieved: Option<f64>,
}

/// One stage of the schedule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// As typed.
    pub text: String,
    /// Behind the start of the measure phase.
    pub start_s: f64,
    /// How long.
    pub duration_s: f64,
    /// Requests due in it.
    pub due: u64,
    /// Of those, answered.
    pub completed: u64,
    /// Their response times.
    pub response_time_us: Option<Times>,
}

/// One interval of the measure phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Behind the start of the measure phase.
    pub start_s: f64,
    /// How long; the last may be cut short.
    pub duration_s: f64,
    /// Requests due in it.
    pub due: u64,
    /// Requests that left in it.
    pub sent: u64,
    /// Answers that ended in it.
    pub completed: u64,
    /// Errors in it.
    pub errors: u64,
    /// Median of the times that ended in it, two digits, microseconds.
    pub p50_us: Option<f64>,
    /// Their 90th percentile.
    pub p90_us: Option<f64>,
    /// Their 99th percentile.
    pub p99_us: Option<f64>,
    /// The longest.
    pub max_us: Option<f64>,
    /// The longest schedule lag; null in a closed loop.
    pub schedule_lag_max_us: Option<f64>,
}

/// What `--fail-if` asked and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// As typed.
    pub expr: String,
    /// As measured, in the expression's unit; null if withheld.
    pub value: Option<f64>,
    /// Whether it held.
    pub pass: bool,
}

/// The load generator's own use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// Share of a core, by thread.
    pub cpu_percent_per_thread: Vec<Option<f64>>,
    /// Share of the time not spent waiting in the ring, by thread.
    #[serde(default)]
    pub busy_percent_per_thread: Vec<f64>,
    /// Share of a core that waiting took by looking instead of sleeping, by thread; part of `cpu_percent_per_thread`.
    #[serde(default)]
    pub spin_percent_per_thread: Vec<f64>,
    /// For each answer, without what was spun.
    pub cpu_us_per_request: Option<f64>,
}

/// The target's use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// For each answer.
    pub cpu_us_per_request: Option<f64>,
    /// In the measure phase.
    pub cpu_s: f64,
    /// It is right within this; null if processes ended uncounted.
    #[serde(default)]
    pub cpu_within_s: Option<f64>,
    /// `listener`, `pid` or `cgroup`, in the words of whoever looked.
    pub found_by: String,
    /// At the end.
    pub pids: Vec<u32>,
    /// At the end.
    pub resident_bytes: Option<u64>,
    /// Share of the time on a core that the generator used, 0 to 1.
    pub shared_core: Option<f64>,
}

/// What the machine did during the measure phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Share of the time that the hypervisor took, 0 to 1.
    pub steal: Option<f64>,
    /// Quota periods of the cgroup.
    pub periods: Option<u64>,
    /// Of those, throttled.
    pub throttled: Option<u64>,
    /// Largest relative change of a core's frequency, 0 to 1.
    pub frequency_moved: Option<f64>,
    /// Requests of the warm-up that were still due when the measure phase began.
    pub backlog_at_start: u64,
    /// How long the progress line waited for whoever reads it.
    #[serde(default)]
    pub report_wait_s: f64,
    /// How far behind `--start-at` the load may have begun; null if it began in time.
    #[serde(default)]
    pub start_late_s: Option<f64>,
}

/// One doubt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Which, for programs.
    pub code: String,
    /// `suspect` or `invalid`.
    pub level: String,
    /// For people.
    pub text: String,
    /// As measured, in the unit that the text names.
    pub value: f64,
    /// Where this level begins.
    pub limit: f64,
}

/// A run that was merged into another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its identity.
    #[serde(default)]
    pub run_id: Option<String>,
    /// Its start.
    pub started_at: String,
    /// Its measure phase.
    pub duration_s: f64,
    /// Its target.
    pub url: String,
    /// Its answers.
    pub completed: u64,
    /// Its verdict.
    pub verdict: String,
    /// Where it ran.
    pub host: Host,
}

/// `spin_us` of documents that do not have it yet.
#[expect(clippy::unnecessary_wraps, reason = "the type of the field")]
fn asleep() -> Option<f64> {
    Some(0.0)
}

impl Errors {
    /// Every kind by its field's name, in the order of the schema.
    pub fn kinds(&self) -> [(&'static str, u64); 9] {
        [
            ("connect", self.connect),
            ("timeout", self.timeout),
            ("reset", self.reset),
            ("protocol", self.protocol),
            ("status", self.status),
            ("check", self.check),
            ("address_unavailable", self.address_unavailable),
            ("descriptor_limit", self.descriptor_limit),
            ("dns", self.dns),
        ]
    }
}
