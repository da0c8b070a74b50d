//! One run: from words to the exit status.

use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use clap::{ArgMatches, CommandFactory as _};

use super::options::{Options, Words};
use super::signals::Signals;
use super::start_at::{Moment, StartAt};
use super::{Failure, congestion, load, plan, progress, say};
use crate::drive::Phase;
use crate::judge::{ExitStatus, exit_status, judge};
use crate::plan::{Plan, Target};
use crate::record::RunRecord;
use crate::report::Report;
use crate::{drive, machine};

/// Bytes of a Unix socket's path at most: the kernel's UNIX_PATH_MAX, without the zero behind it.
const UNIX_PATH_BYTES_MAX: usize = 107;

/// Measures, judges, reports. `given` says which flags were typed.
pub(super) fn perform(options: &Options, given: &ArgMatches, words: &[String]) -> Result<u8, Failure> {
    options.check()?;
    let places = options.reports.open()?;
    let addresses = addresses(options)?;
    let plan = options.plan(&addresses, given)?;
    check(&plan)?;
    let signals = Signals::listen();
    let mut run = measure(options, &plan, &addresses, &signals)?;
    run.setup.options = plan::in_force(&Words::command(), given);
    run.thresholds = options.thresholds().map(|threshold| threshold.evaluate(&run)).collect();
    run.judgement = judge(&run);
    let status = match exit_status(&run, options.judging.strict) {
        ExitStatus::Interrupted => signals.status(),
        status => status,
    };
    let written = options.reports.write(places, &Report::new(&run, words, status.code()));
    if status != ExitStatus::NoAnswer {
        return written.map(|()| status.code());
    }
    if let Err(failure) = written {
        say(&failure.message);
    }
    Err(load::no_answer(&plan, &run))
}

/// Shows meanwhile how far it is.
fn measure(options: &Options, plan: &Plan, addresses: &[SocketAddr], signals: &Signals) -> Result<RunRecord, Failure> {
    let start_at = options.load.start_at.map(StartAt::moment).transpose();
    let start_at = start_at.map_err(|error| Failure::usage(error.to_string()))?;
    let mut was_opening = false;
    let work = |progress: &drive::Progress| {
        let hold = || {
            if let Some(moment) = start_at {
                moment.wait(&signals.stop);
                was_opening = progress.snapshot().phase == Phase::Opening;
            }
        };
        drive::run_watched(plan, addresses, &signals.stop, progress, hold)
    };
    let (run, waited_ns) = progress::shown(plan, options.reports.quiet, work);
    let run = run.map_err(|error| Failure::usage(error.to_string()))?;
    let named = start_at.filter(|_| !run.interrupted);
    let start_late_s = named.and_then(|moment| late_s(moment, was_opening, run.started_s));
    start_late_s.inspect(|late_s| say_late(*late_s));
    Ok(RunRecord { report_wait_ns: waited_ns, start_late_s, id: Some(super::identity()), ..run })
}

/// How far behind the moment the load may have begun, if it did not begin then.
fn late_s(moment: Moment, was_opening: bool, started_s: u64) -> Option<f64> {
    let late_s = moment.seconds_until(started_s);
    // It is known in whole seconds.
    (was_opening || late_s >= 1.0).then_some(late_s + 1.0)
}

/// Runs that are to begin together must know that this one did not.
fn say_late(late_s: f64) {
    say(&format!(
        "the connections were not open at --start-at, so the load began up to {late_s:.1} s behind the others; name a later \
         time, or open them faster (-c, --connect-rate)"
    ));
}

/// What this machine cannot do.
fn check(plan: &Plan) -> Result<(), Failure> {
    let descriptors = machine::raise_descriptors().unwrap_or(u64::MAX);
    plan.check(descriptors).map_err(|error| Failure::usage(error.to_string()))?;
    congestion::check(plan.congestion.as_deref())?;
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
    reachable(load::resolve(&target)?, options)
}

/// Those that every local address of --source reaches: a connection from another one would silently go without it.
fn reachable(addresses: Vec<SocketAddr>, options: &Options) -> Result<Vec<SocketAddr>, Failure> {
    let sources = &options.connecting.source;
    let reach = |to: &SocketAddr| sources.iter().all(|from| from.is_ipv4() == to.is_ipv4());
    let (reached, others): (Vec<_>, Vec<_>) = addresses.into_iter().partition(reach);
    match others.first().filter(|_| reached.is_empty()) {
        Some(to) => {
            let from = sources.iter().find(|from| from.is_ipv4() != to.is_ipv4()).map(ToString::to_string);
            let text = format!("--source {} cannot reach {to}: IPv4 and IPv6 do not mix", from.unwrap_or_default());
            Err(Failure::usage(text))
        }
        None => Ok(reached),
    }
}

fn check_unix(path: &Path) -> Result<(), Failure> {
    let bytes = path.as_os_str().as_bytes().len();
    if bytes <= UNIX_PATH_BYTES_MAX {
        return Ok(());
    }
    let text = format!("the path has {bytes} bytes, and that of a socket has {UNIX_PATH_BYTES_MAX} at most");
    Err(Failure::usage(format!("--unix {}: {text}", path.display())))
}

impl Options {
    /// What is wrong with the words alone.
    fn check(&self) -> Result<(), Failure> {
        if !self.judging.slo.is_empty() && self.load.rate.is_none() && self.load.stage.is_empty() {
            return Err(Failure::usage("--slo needs an open loop; give a rate with -R or stages with --stage"));
        }
        self.connecting.unix.as_deref().map_or(Ok(()), check_unix)
    }

    fn thresholds(&self) -> impl Iterator<Item = &crate::judge::Threshold> {
        self.judging.fail_if.iter().chain(&self.judging.slo)
    }
}
