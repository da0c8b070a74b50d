//! One run: from words to the exit status.

use std::net::SocketAddr;

use clap::{ArgMatches, CommandFactory as _};

use super::options::{Options, Words};
use super::signals::Signals;
use super::start_at::StartAt;
use super::{Failure, load, plan, progress};
use crate::judge::{ExitStatus, exit_status, judge};
use crate::plan::{Plan, Target};
use crate::record::RunRecord;
use crate::report::Report;
use crate::{drive, machine};

/// Measures, judges, reports. `given` says which flags were typed.
pub(super) fn perform(options: &Options, given: &ArgMatches, words: &[String]) -> Result<u8, Failure> {
    options.check()?;
    let addresses = addresses(options)?;
    let plan = options.plan(&addresses, given)?;
    check(&plan)?;
    let signals = Signals::listen();
    let start_at = options.load.start_at.map(StartAt::moment).transpose();
    let start_at = start_at.map_err(|error| Failure::usage(error.to_string()))?;
    let hold = || {
        if let Some(moment) = start_at {
            moment.wait(&signals.stop);
        }
    };
    let work = |progress: &drive::Progress| drive::run_watched(&plan, &addresses, &signals.stop, progress, hold);
    let (run, waited_ns) = progress::shown(&plan, options.reports.quiet, work);
    let mut run = run.map_err(|error| Failure::usage(error.to_string()))?;
    run.report_wait_ns = waited_ns;
    run.setup.options = plan::in_force(&Words::command(), given);
    run.thresholds = options.thresholds().map(|threshold| threshold.evaluate(&run)).collect();
    run.judgement = judge(&run);
    let status = match exit_status(&run, options.judging.strict) {
        ExitStatus::Interrupted => signals.status(),
        status => status,
    };
    options.reports.write(&Report::new(&run, words, status.code()))?;
    if status == ExitStatus::NoAnswer {
        return Err(Failure { message: no_answer(&plan, &run), status: status.code() });
    }
    Ok(status.code())
}

/// What this machine cannot do.
fn check(plan: &Plan) -> Result<(), Failure> {
    let descriptors = machine::raise_descriptors().unwrap_or(u64::MAX);
    plan.check(descriptors).map_err(|error| Failure::usage(error.to_string()))?;
    let named = (plan.target_cgroup.as_deref(), plan.target_pid);
    if named != (None, None) {
        machine::Target::choose(named.0, named.1, &[]).map_err(|error| Failure::usage(error.to_string()))?;
    }
    Ok(())
}

/// Whom to dial; of a Unix socket nothing has to be looked up.
fn addresses(options: &Options) -> Result<Vec<SocketAddr>, Failure> {
    if options.connecting.unix.is_some() {
        return Ok(Vec::new());
    }
    let target = options.target()?;
    let target = match &options.connecting.connect_to {
        Some(place) => Target { host: place.host.clone(), port: place.port, ..target },
        None => target,
    };
    load::resolve(&target)
}

fn no_answer(plan: &Plan, run: &RunRecord) -> String {
    let why = run.refusal.as_deref().unwrap_or("it took connections and answered none of their requests");
    format!("{} never answered: {why}", plan.target())
}

impl Options {
    /// What is wrong with the words alone.
    fn check(&self) -> Result<(), Failure> {
        if !self.judging.slo.is_empty() && self.load.rate.is_none() && self.load.stage.is_empty() {
            return Err(Failure::usage("--slo needs an open loop; give a rate with -R or stages with --stage"));
        }
        self.reports.check()
    }

    fn thresholds(&self) -> impl Iterator<Item = &crate::judge::Threshold> {
        self.judging.fail_if.iter().chain(&self.judging.slo)
    }
}
