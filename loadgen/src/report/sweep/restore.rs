//! A sweep back from its JSON: its steps, its answer and the curve are read, the points are computed anew.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::record::Setup;
use crate::report::document::{Host, Judged, UnknownName, by_name, nanoseconds, restored_host, seconds};
use crate::sweep::{Answer, Fit, Outcome, Step, Stop, Sweep, points};

/// The fields of the document that are not computed from others.
#[derive(Debug, Deserialize)]
pub(in crate::report) struct Document {
    started_at: String,
    config: Config,
    host: Host,
    url: String,
    objectives: Vec<String>,
    figure: KeptFigure,
    answer: KeptAnswer,
    fit: Option<KeptFit>,
    steps: Vec<KeptStep>,
    interrupted: bool,
    #[serde(default)]
    gone: bool,
}

#[derive(Debug, Deserialize)]
struct Config {
    method: String,
    connections: u32,
    threads: u32,
    pipeline: u32,
    cores: Vec<usize>,
    seed: u64,
    step_s: f64,
    settle_s: f64,
    options: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct KeptFigure {
    name: String,
    unit: String,
    bound: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct KeptAnswer {
    kind: String,
    met: Option<f64>,
    failed: Option<f64>,
    why: Option<String>,
}

#[derive(Debug, Deserialize)]
struct KeptFit {
    idle: f64,
    capacity: f64,
    from: f64,
    to: f64,
}

#[derive(Debug, Deserialize)]
struct KeptStep {
    rate: f64,
    achieved: f64,
    outcome: String,
    value: Option<f64>,
    is_lower_bound: bool,
    range: Option<(f64, f64)>,
    due: u64,
    ok: u64,
    #[serde(flatten)]
    judged: Judged,
}

impl Document {
    pub(in crate::report) fn restore(self) -> Result<Sweep, UnknownName> {
        let steps = self.steps.iter().map(KeptStep::restore).collect::<Result<Vec<_>, _>>()?;
        Ok(Sweep {
            started_s: seconds(&self.started_at).ok_or(UnknownName(self.started_at))?,
            setup: self.config.setup(self.url),
            host: restored_host(self.host),
            objectives: self.objectives,
            figure: self.figure.name,
            unit: self.figure.unit,
            bound: self.figure.bound,
            answer: self.answer.restore()?,
            fit: self.fit.map(|KeptFit { idle, capacity, from, to }| Fit { idle, capacity, from, to }),
            points: points(&steps),
            steps,
            interrupted: self.interrupted,
            gone: self.gone,
        })
    }
}

impl Config {
    fn setup(self, url: String) -> Setup {
        Setup {
            url,
            method: self.method,
            connections: self.connections,
            threads: self.threads,
            pipeline: self.pipeline,
            cores: self.cores,
            seed: self.seed,
            duration_ns: nanoseconds(self.step_s),
            warmup_ns: nanoseconds(self.settle_s),
            options: self.options.into_iter().collect(),
            ..Setup::default()
        }
    }
}

impl KeptAnswer {
    fn restore(&self) -> Result<Answer, UnknownName> {
        match (self.kind.as_str(), self.met, self.failed, &self.why) {
            ("between", Some(met), Some(failed), _) => Ok(Answer::Between { met, failed }),
            ("at_least", Some(met), _, Some(why)) => {
                Ok(Answer::AtLeast { met, why: by_name(&Stop::ALL, Stop::name, why)? })
            }
            ("never", _, failed, _) => Ok(Answer::Never { failed }),
            (kind, ..) => Err(UnknownName(kind.to_owned())),
        }
    }
}

impl KeptStep {
    fn restore(&self) -> Result<Step, UnknownName> {
        Ok(Step {
            rate: self.rate,
            achieved: self.achieved,
            outcome: by_name(&Outcome::ALL, Outcome::name, &self.outcome)?,
            value: self.value,
            is_bound: self.is_lower_bound,
            range: self.range,
            due: self.due,
            ok: self.ok,
            judgement: self.judged.restore()?,
        })
    }
}
