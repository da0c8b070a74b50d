//! What the target and the machine used during the measure phase.

use std::time::Instant;

use super::cgroup::{CpuGroup, OwnGroups, periods_between};
use super::cores::SharedCore;
use super::system::{Cores, Source};
use super::target::{Target, Who};
use super::tree::{Tree, Used};
use crate::record::{CpuUse, Environment, TargetUse};

/// A group's figure may lag by a tick of 10 ms on each core that runs one of its threads.
const GROUP_LAG_NS: u64 = 10_000_000;

/// Set at the start of the measure phase, read at its end. Reading `/proc` takes a millisecond or less.
#[derive(Debug)]
pub struct Watch {
    target: Option<Watched>,
    shared: SharedCore,
    groups: OwnGroups,
    periods: Vec<(u64, u64)>,
    source: Source,
    cores: Option<Cores>,
    began: Instant,
}

/// What was used, not yet divided by requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    target: Option<TargetUse>,
    environment: Environment,
}

#[derive(Debug)]
struct Watched {
    target: Target,
    before: Before,
}

#[derive(Debug)]
enum Before {
    Processes(Tree),
    Group(u64),
}

impl Watch {
    /// The measure phase begins.
    pub fn begin(target: Option<&Target>) -> Self {
        Self::begin_at(Source::here(), target)
    }

    fn begin_at(source: Source, target: Option<&Target>) -> Self {
        let shared = target.map_or(SharedCore::Unknown, |target| SharedCore::watch(&pids(target)));
        let groups = OwnGroups::find();
        Self {
            target: target.and_then(Watched::begin),
            shared,
            periods: groups.periods(),
            groups,
            cores: Cores::read(&source),
            source,
            began: now(),
        }
    }

    /// The measure phase is over.
    pub fn end(self) -> Seen {
        // In the order of `begin`, so that what reading takes stands on both sides.
        let target = self.target.and_then(Watched::end);
        let periods = periods_between(&self.periods, &self.groups.periods());
        let cores = Cores::read(&self.source);
        let wall_ns = now().duration_since(self.began).as_nanos() as u64;
        let mut environment = Environment { periods, ..Environment::default() };
        if let (Some(before), Some(after)) = (&self.cores, &cores) {
            environment.machine = Some(CpuUse { ns: after.busy_ns(before, wall_ns), requests: 0 });
            environment.steal = after.steal(before, wall_ns);
            environment.frequency_moved = after.frequency_moved(before, wall_ns);
        }
        let shared_core = self.shared.share();
        Seen { target: target.map(|target| TargetUse { shared_core, ..target }), environment }
    }
}

impl Seen {
    /// With the number of answers that it was spent on.
    pub fn spent_on(mut self, requests: u64) -> (Option<TargetUse>, Environment) {
        let uses = [self.target.as_mut().map(|target| &mut target.cpu), self.environment.machine.as_mut()];
        uses.into_iter().flatten().for_each(|cpu| cpu.requests = requests);
        (self.target, self.environment)
    }
}

impl Watched {
    fn begin(target: &Target) -> Option<Self> {
        let before = match &target.who {
            Who::Processes(roots) => Before::Processes(Tree::read(roots)),
            Who::Group(group) => Before::Group(group.cpu_ns()?),
        };
        Some(Self { target: target.clone(), before })
    }

    /// `None` if a process that was to be watched ended, or the group is gone: part of its time is not known.
    fn end(self) -> Option<TargetUse> {
        let (used, pids, resident_bytes) = match (&self.target.who, &self.before) {
            (Who::Processes(roots), Before::Processes(before)) => {
                let after = Tree::read(roots);
                let is_whole = roots.iter().all(|root| root.is_there());
                (is_whole.then(|| after.since(before))?, after.pids(), after.resident_bytes())
            }
            (Who::Group(group), Before::Group(before)) => group_end(group, *before)?,
            _ => return None,
        };
        Some(TargetUse {
            cpu: CpuUse { ns: used.ns, requests: 0 },
            within_ns: used.within_ns,
            found_by: self.target.found_by.to_owned(),
            pids,
            resident_bytes,
            shared_core: None,
        })
    }
}

fn group_end(group: &CpuGroup, before: u64) -> Option<(Used, Vec<u32>, Option<u64>)> {
    let ns = group.cpu_ns()?.saturating_sub(before);
    let pids = group.pids();
    let resident_bytes = pids.iter().map(|&pid| super::process::resident_bytes(pid)).sum();
    Some((Used { ns, within_ns: Some(2 * GROUP_LAG_NS) }, pids, resident_bytes))
}

fn pids(target: &Target) -> Vec<u32> {
    match &target.who {
        Who::Processes(roots) => Tree::read(roots).pids(),
        Who::Group(group) => group.pids(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the kernel's counters are set against the wall, outside of any ring")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
