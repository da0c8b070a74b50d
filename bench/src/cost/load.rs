//! One measurement: the load generator, in this process, on a core of its own.

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use slipring_load::drive;
use slipring_load::plan::{Plan, Request, Target};
use slipring_load::record::RunRecord;

use super::CostError;
use super::arm::Arm;

/// What all measurements have in common.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) connections: u32,
    pub(super) core: usize,
    pub(super) warmup: Duration,
    pub(super) duration: Duration,
}

/// The figures of one measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Requests a second.
    pub(super) rate: f64,
    /// CPU microseconds of the server per request.
    pub(super) server_us: f64,
    /// The same of the null responder, before and after.
    pub(super) base_us: f64,
    /// CPU microseconds of the load generator per request.
    pub(super) load_us: f64,
}

/// `Host` of every request, so that the requests for all servers are the same bytes whatever their ports.
pub(super) const HOST: &str = "bench";

/// The bytes of one request.
pub(super) fn request(path: &str) -> Vec<u8> {
    let plan = plan(SocketAddr::from(([127, 0, 0, 1], 80)), path);
    plan.mix(0).ok().and_then(|mix| mix.only().map(<[u8]>::to_vec)).expect("one request that never changes")
}

fn plan(address: SocketAddr, path: &str) -> Plan {
    let host = format!("Host: {HOST}").parse().expect("a field line");
    let target = Target { host: address.ip().to_string(), port: address.port(), path: path.to_owned() };
    let request = Request { fields: vec![host], ..Request::new(target.clone()) };
    Plan { requests: vec![request], ..Plan::new(target) }
}

impl Load {
    /// Loads an arm's server and takes its figures.
    pub(super) fn measure(
        &self,
        arm: &Arm,
        address: SocketAddr,
        pid: u32,
        pipeline: u32,
        stop: &AtomicBool,
    ) -> Result<Sample, CostError> {
        let plan = Plan {
            connections: self.connections,
            pipeline,
            warmup: self.warmup,
            duration: self.duration,
            cores: vec![self.core],
            target_pid: Some(pid),
            ..plan(address, arm.path)
        };
        let run = drive::run(&plan, &[address], stop)?;
        if run.interrupted {
            return Err(CostError::Interrupted);
        }
        check(arm, pipeline, &run)?;
        let server_us = run.target_us_per_request().ok_or(CostError::NoCpuTime(arm.name))?;
        Ok(Sample {
            rate: run.rate(),
            server_us,
            base_us: server_us,
            load_us: run.generator_us_per_request().ok_or(CostError::NoCpuTime("the load generator"))?,
        })
    }
}

/// Only a run in which every request was answered with 200 says what a request costs.
fn check(arm: &Arm, pipeline: u32, run: &RunRecord) -> Result<(), CostError> {
    let record = &run.record;
    let lost = record.requests.failed + record.requests.unanswered + record.errors_total();
    if lost == 0 && record.requests.completed > 0 && record.statuses().all(|(status, _)| status == 200) {
        return Ok(());
    }
    let statuses: Vec<_> = record.statuses().map(|(status, count)| format!("{count} with {status}")).collect();
    let what = format!("{}; {lost} requests lost, errors included", statuses.join(", "));
    Err(CostError::BadAnswers { arm: arm.name, pipeline, what })
}
