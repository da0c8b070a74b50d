//! A comparison back from its JSON: its blocks are read, and what they say is computed anew.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::compare::{Arm, Block, Comparison, Design, Metric, Side, Value};
use crate::report::document::{Host, Judged, UnknownName, by_name, nanoseconds, restored_host, seconds};

/// The fields of the document that are not computed from others.
#[derive(Debug, Deserialize)]
pub(in crate::report) struct Document {
    started_at: String,
    config: Config,
    host: Host,
    placement: String,
    arms: Arms,
    blocks: Vec<KeptBlock>,
    rounds_repeated: u32,
    interrupted: bool,
    gone: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Config {
    rounds: u32,
    seed: u64,
    block_s: f64,
    settle_s: f64,
    rate: f64,
    alpha: f64,
    margin: f64,
    primaries: [String; 2],
    options: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Arms {
    a: KeptArm,
    b: KeptArm,
}

#[derive(Debug, Deserialize)]
struct KeptArm {
    url: String,
    command: Option<String>,
    saturation_per_s: Option<f64>,
    pids: Vec<u32>,
}

#[derive(Debug, Deserialize)]
struct KeptBlock {
    round: u32,
    attempt: u32,
    place: u32,
    side: String,
    used: bool,
    rate: f64,
    due: u64,
    ok: u64,
    values: BTreeMap<String, Option<f64>>,
    lower_bounds: Vec<String>,
    #[serde(flatten)]
    judged: Judged,
}

impl Document {
    pub(in crate::report) fn restore(self) -> Result<Comparison, UnknownName> {
        let comparison = Comparison {
            started_s: seconds(&self.started_at).ok_or(UnknownName(self.started_at))?,
            design: self.config.design()?,
            options: self.config.options.into_iter().collect(),
            host: restored_host(self.host),
            placement: self.placement,
            arms: [self.arms.a.restore(), self.arms.b.restore()],
            blocks: self.blocks.iter().map(KeptBlock::restore).collect::<Result<_, _>>()?,
            repeats: self.rounds_repeated,
            interrupted: self.interrupted,
            gone: self.gone.map(|side| by_name(&Side::BOTH, Side::name, &side)).transpose()?,
            ..Comparison::default()
        };
        Ok(comparison.conclude())
    }
}

impl Config {
    fn design(&self) -> Result<Design, UnknownName> {
        let metric = |name: &String| by_name(&Metric::ALL, Metric::name, name);
        let [first, second] = &self.primaries;
        Ok(Design {
            rounds: self.rounds,
            seed: self.seed,
            block_ns: nanoseconds(self.block_s),
            settle_ns: nanoseconds(self.settle_s),
            rate: self.rate,
            alpha: self.alpha,
            margin: self.margin,
            primaries: [metric(first)?, metric(second)?],
        })
    }
}

impl KeptArm {
    fn restore(self) -> Arm {
        let Self { url, command, saturation_per_s, pids } = self;
        Arm { url, command, saturation: saturation_per_s, pids }
    }
}

impl KeptBlock {
    fn restore(&self) -> Result<Block, UnknownName> {
        let is_bound = |metric: Metric| self.lower_bounds.iter().any(|name| name == metric.name());
        let us = |metric: Metric| self.values.get(metric.name()).copied().flatten();
        Ok(Block {
            round: self.round,
            attempt: self.attempt,
            place: self.place,
            side: by_name(&Side::BOTH, Side::name, &self.side)?,
            used: self.used,
            values: Metric::ALL.map(|metric| us(metric).map(|us| Value { us, is_bound: is_bound(metric) })),
            rate: self.rate,
            due: self.due,
            ok: self.ok,
            judgement: self.judged.restore()?,
        })
    }
}
