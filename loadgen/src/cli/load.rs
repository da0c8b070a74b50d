//! The flags that comparing and sweeping share with a single run, and how one of their runs is made.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;

use super::values::{Cores, parse_spin};
use super::{EXIT_NO_ANSWER, Failure, congestion};
use crate::judge::{Purpose, Threshold, judge_for};
use crate::plan::{FieldLine, Method, Plan, Request, Target, parse_duration};
use crate::record::RunRecord;
use crate::{drive, machine};

/// What is sent, over how many connections, from where.
#[derive(Args, Clone, Debug)]
pub(super) struct LoadOptions {
    /// Connections, all threads together
    #[arg(short, long, value_name = "N", default_value_t = 64)]
    pub(super) connections: u32,
    /// Threads, each with its own ring
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    pub(super) threads: u32,
    /// Requests in flight on each connection
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) pipeline: u32,
    /// A field line of every request; repeatable. A Host replaces ours
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(super) fields: Vec<FieldLine>,
    /// Method of every request
    #[arg(short, long, value_name = "METHOD", default_value = "GET", visible_short_alias = 'X')]
    pub(super) method: Method,
    /// How long opening the connections may take
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = parse_duration)]
    pub(super) connect_timeout: Duration,
    /// A request that is not answered within this time fails; 0 is never
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    pub(super) timeout: Duration,
    /// Pin the generator's threads to these cores in turn: 1 or 1,3 or 2-5
    #[arg(long, value_name = "LIST")]
    pub(super) cores: Option<Cores>,
    /// Congestion control of our sockets, such as reno [default: the system's]
    #[arg(long, value_name = "NAME")]
    pub(super) congestion: Option<String>,
    /// Wake so much earlier than a request is due, at most, and look for the rest; 0 only sleeps, always never does [default:
    /// sweep 50us, if the threads have cores of their own, compare 0]
    #[arg(long, value_name = "TIME|always", value_parser = parse_spin)]
    pub(super) spin: Option<Duration>,
}

impl LoadOptions {
    /// The plan of a run; without a rate a closed loop.
    pub(super) fn plan(&self, url: &Target, rate: Option<f64>, warmup: Duration, duration: Duration) -> Plan {
        let request = Request { method: self.method.clone(), fields: self.fields.clone(), ..Request::new(url.clone()) };
        Plan {
            requests: vec![request],
            connections: self.connections,
            threads: self.threads,
            pipeline: self.pipeline,
            rate,
            warmup,
            duration,
            timeout: (!self.timeout.is_zero()).then_some(self.timeout),
            connect_timeout: self.connect_timeout,
            cores: self.cores.clone().map_or_else(Vec::new, |cores| cores.0),
            congestion: self.congestion.clone(),
            // The closed-loop probe of a comparison has no schedule.
            spin: self.spin.filter(|_| rate.is_some()),
            ..Plan::new(url.clone())
        }
    }

    /// For reports: options in force that stand nowhere else.
    pub(super) fn named(&self) -> Vec<(String, String)> {
        let fields: Vec<String> = self.fields.iter().map(ToString::to_string).collect();
        // By name, as the JSON has them, so that a page that is drawn again is the same page.
        let named = [
            ("connections", self.connections.to_string()),
            ("header", fields.join("; ")),
            ("method", self.method.to_string()),
            ("pipeline", self.pipeline.to_string()),
            ("threads", self.threads.to_string()),
        ];
        let named = named.into_iter().filter(|(_, value)| !value.is_empty());
        named.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Whether the plan can be carried out here.
pub(super) fn check(plan: &Plan) -> Result<(), Failure> {
    let descriptors = machine::raise_descriptors().unwrap_or(u64::MAX);
    plan.check(descriptors).map_err(|error| Failure::usage(error.to_string()))?;
    congestion::check(plan.congestion.as_deref())
}

/// Every address of a target.
pub(super) fn resolve(target: &Target) -> Result<Vec<SocketAddr>, Failure> {
    let unknown = |what: String| Failure { message: format!("{}: {what}", target.host), status: EXIT_NO_ANSWER };
    let found = (target.host.as_str(), target.port).to_socket_addrs().map_err(|error| unknown(error.to_string()))?;
    let addresses: Vec<SocketAddr> = found.collect();
    if addresses.is_empty() { Err(unknown("the name has no address".to_owned())) } else { Ok(addresses) }
}

/// Carries a plan out and judges the run, its objectives first.
pub(super) fn measure(
    plan: &Plan,
    addresses: &[SocketAddr],
    objectives: &[Threshold],
    purpose: Purpose,
    stop: &AtomicBool,
) -> Result<RunRecord, Failure> {
    let mut run = drive::run(plan, addresses, stop).map_err(|error| Failure::usage(error.to_string()))?;
    run.thresholds = objectives.iter().map(|objective| objective.evaluate(&run)).collect();
    run.judgement = judge_for(&run, purpose);
    Ok(run)
}

/// Whether a target let a whole run pass without an answer.
pub(super) fn was_silent(run: &RunRecord) -> bool {
    !run.answered && !run.interrupted
}

/// Nothing is known of a target that never answered.
pub(super) fn no_answer(plan: &Plan, run: &RunRecord) -> Failure {
    let why = run.refusal.as_deref().unwrap_or("it took connections and answered none of their requests");
    Failure { message: format!("{} never answered: {why}", plan.target()), status: EXIT_NO_ANSWER }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        load: LoadOptions,
    }

    #[test]
    fn a_timeout_of_nothing_is_none() {
        let second = Duration::from_secs(1);
        for (words, expected) in [("0", None), ("0s", None), ("1", Some(second))] {
            let load = Words::parse_from(["load", "--timeout", words]).load;
            assert_eq!(load.plan(&"x".parse().expect("a URL"), None, second, second).timeout, expected, "{words}");
        }
    }
}
