//! The JSON of a run, schema `slipring-load/1`, as types. Every report is drawn from it, so that a stored run reads like
//! a fresh one.
//!
//! Fields are added, never changed. A figure that was withheld or not measured is null, never 0; a figure that is only a
//! lower bound is named in [`Run::censored`]. `docs/schema/run.json` says what each field means.

mod assemble;
mod counts;
mod date;
mod restore;
mod sections;
mod times;

pub(super) use assemble::of_interval;
pub(in crate::report) use date::{rfc3339, seconds};
pub use restore::UnknownName;
pub(in crate::report) use restore::{Judged, by_name, nanoseconds, restored_host};
pub use sections::{
    Bytes, Config, ConfigOption, Connections, Environment, Errors, Generator, Host, Interval, Part, Rate, Reason,
    Requests, Stage, Target, Threshold, Tool,
};
pub use times::{Bounds, FIGURES, FigureName, Shown, Times};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::judge::{ExitStatus, Outcome};
use crate::record::Verdict;

/// What [`Run::schema`] says.
pub const SCHEMA: &str = "slipring-load/1";

/// A finished run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`SCHEMA`].
    pub schema: String,
    /// Who measured.
    pub tool: Tool,
    /// That of no other run; null of what was merged, and of older documents.
    #[serde(default)]
    pub run_id: Option<String>,
    /// When the load began, RFC 3339, UTC.
    pub started_at: String,
    /// The command line.
    pub command: Vec<String>,
    /// Every option in force.
    pub config: Config,
    /// Where it ran.
    pub host: Host,
    /// The first target.
    pub url: String,
    /// Every target.
    pub urls: Vec<String>,
    /// Over the whole run.
    pub connections: Connections,
    /// Of the generator.
    pub threads: u32,
    /// Of the measure phase, as it came out.
    pub duration_s: f64,
    /// Of the measure phase.
    pub requests: Requests,
    /// Answers by their status.
    pub status: BTreeMap<String, u64>,
    /// Of the measure phase.
    pub bytes: Bytes,
    /// Events by kind.
    pub errors: Errors,
    /// Requests a second.
    pub rate: Rate,
    /// From the intended send to the last byte; null in a closed loop, which intends nothing.
    pub response_time_us: Option<Times>,
    /// From the actual send to the last byte.
    pub service_time_us: Option<Times>,
    /// As the response time (closed loop: the service time), of answers with a status from 400 on.
    #[serde(default)]
    pub error_response_time_us: Option<Times>,
    /// From the connect to the open connection.
    pub connect_time_us: Option<Times>,
    /// Of each connection's first answer below 400: connecting and its service time together.
    #[serde(default)]
    pub first_use_us: Option<Times>,
    /// From the actual send to the first byte of the answer.
    pub first_byte_us: Option<Times>,
    /// From the intended send to the actual one, while a connection was free.
    pub schedule_lag_us: Option<Times>,
    /// Times in the distribution that the run is about: response, or in a closed loop service times.
    pub samples: u64,
    /// Of those, longer than the histogram holds.
    pub clamped: u64,
    /// Paths of the figures that are lower bounds, such as `response_time_us.p99_9`.
    pub censored: Vec<String>,
    /// Of the schedule, in order.
    pub stages: Vec<Stage>,
    /// What happened when.
    pub series: Vec<Interval>,
    /// What `--fail-if` and `--slo` asked.
    pub thresholds: Vec<Threshold>,
    /// The load generator's own use.
    pub generator: Generator,
    /// The target's use, where it is on this machine and was found.
    pub target: Option<Target>,
    /// CPU time of everything on the machine for each answer: on a loopback, cost moves between processes.
    pub machine_cpu_us_per_request: Option<f64>,
    /// What the machine did beside.
    #[serde(default)]
    pub environment: Environment,
    /// `valid`, `suspect` or `invalid`.
    pub verdict: String,
    /// The doubts, gravest first.
    pub reasons: Vec<Reason>,
    /// About the target and the run, never a doubt.
    pub target_notes: Vec<String>,
    /// Ctrl-C ended the measure phase.
    #[serde(default)]
    pub interrupted: bool,
    /// The first failure to connect.
    #[serde(default)]
    pub refusal: Option<String>,
    /// The runs that were merged into this one.
    #[serde(default)]
    pub merged: Vec<Part>,
    /// What the process ended with.
    pub exit_status: u8,
}

impl Run {
    /// The times that the run's percentiles are about, with their field's name.
    pub fn times(&self) -> (&'static str, Option<&Times>) {
        if self.is_closed() {
            ("service_time_us", self.service_time_us.as_ref())
        } else {
            ("response_time_us", self.response_time_us.as_ref())
        }
    }

    /// Whether a request waited for an answer to an earlier one.
    pub fn is_closed(&self) -> bool {
        self.config.pace == "closed"
    }

    /// When the load began, seconds since 1970-01-01; `None` if the text is no time.
    pub fn started_s(&self) -> Option<u64> {
        date::seconds(&self.started_at)
    }

    /// How a process that reports this ends: judged by its fields, whatever [`Self::exit_status`] says.
    pub fn status(&self, strict: bool) -> ExitStatus {
        let outcome = Outcome {
            interrupted: self.interrupted,
            answered: self.requests.completed > 0,
            verdict: verdict(&self.verdict),
            thresholds_hold: self.thresholds.iter().all(|threshold| threshold.pass),
        };
        outcome.exit_status(strict)
    }

    /// Every distribution by its field's name, in the order of the schema.
    pub fn all_times(&self) -> [(&'static str, Option<&Times>); 7] {
        [
            ("response_time_us", self.response_time_us.as_ref()),
            ("service_time_us", self.service_time_us.as_ref()),
            ("error_response_time_us", self.error_response_time_us.as_ref()),
            ("connect_time_us", self.connect_time_us.as_ref()),
            ("first_use_us", self.first_use_us.as_ref()),
            ("first_byte_us", self.first_byte_us.as_ref()),
            ("schedule_lag_us", self.schedule_lag_us.as_ref()),
        ]
    }
}

/// A verdict or a level by its name; one that nobody knows is the gravest.
pub(in crate::report) fn verdict(name: &str) -> Verdict {
    Verdict::ALL.into_iter().find(|verdict| verdict.name() == name).unwrap_or(Verdict::Invalid)
}
