//! How far a run is, for whoever watches it.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Counters that the threads of a run bring up to date some times a second, and that anyone may read meanwhile.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU8,
    opened: AtomicU64,
    elapsed_ns: AtomicU64,
    sent: AtomicU64,
    answered: AtomicU64,
    errors: AtomicU64,
    late_ns: AtomicU64,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Connections are being opened.
    #[default]
    Opening,
    /// They are open, and the load has not begun.
    Ready,
    /// Load that is not recorded.
    Warmup,
    /// Load that is.
    Measure,
    /// Answers are awaited.
    Grace,
    /// It is over.
    Over,
}

/// One look at a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Where it stands.
    pub phase: Phase,
    /// How long it has been in this phase.
    pub elapsed_ns: u64,
    /// Requests sent so far, the warm-up's among them.
    pub sent: u64,
    /// Answers so far, the warm-up's among them.
    pub answered: u64,
    /// Errors so far.
    pub errors: u64,
    /// How long the oldest request that is due has been waiting to be sent; 0 in a closed loop.
    pub late_ns: u64,
}

const PHASES: [Phase; 6] = [Phase::Opening, Phase::Ready, Phase::Warmup, Phase::Measure, Phase::Grace, Phase::Over];

impl Progress {
    /// How far it is. The figures are a tenth of a second old at most, and not of one moment.
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            phase: PHASES[usize::from(self.phase.load(Ordering::Relaxed)).min(PHASES.len() - 1)],
            elapsed_ns: read(&self.elapsed_ns),
            sent: read(&self.sent),
            answered: read(&self.answered),
            errors: read(&self.errors),
            late_ns: read(&self.late_ns),
        }
    }

    /// A thread is ready and has opened so many connections.
    pub(super) fn opened(&self, connections: u64) {
        self.opened.fetch_add(connections, Ordering::Relaxed);
    }

    /// Whether any of the threads that are ready has a connection.
    pub(super) fn is_connected(&self) -> bool {
        self.opened.load(Ordering::Relaxed) > 0
    }

    /// The first thread to enter a phase moves the run there.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::Relaxed);
    }

    /// What happened on one thread between two of its looks.
    pub(super) fn add(&self, before: &Snapshot, now: &Snapshot) {
        let add = |counter: &AtomicU64, before: u64, now: u64| counter.fetch_add(now - before, Ordering::Relaxed);
        add(&self.sent, before.sent, now.sent);
        add(&self.answered, before.answered, now.answered);
        add(&self.errors, before.errors, now.errors);
        self.elapsed_ns.store(now.elapsed_ns, Ordering::Relaxed);
        self.late_ns.store(now.late_ns, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_add_up_and_the_phase_never_goes_back() {
        let progress = Progress::default();
        let none = Snapshot::default();
        let (one, two) = (Snapshot { sent: 3, answered: 2, ..none }, Snapshot { sent: 5, errors: 1, ..none });
        progress.enter(Phase::Measure);
        progress.add(&none, &one);
        progress.add(&none, &two);
        progress.enter(Phase::Warmup);
        progress.add(&one, &Snapshot { sent: 4, answered: 4, elapsed_ns: 9, ..none });
        let expected = Snapshot { phase: Phase::Measure, elapsed_ns: 9, sent: 9, answered: 4, errors: 1, late_ns: 0 };
        assert_eq!(progress.snapshot(), expected);
    }
}
