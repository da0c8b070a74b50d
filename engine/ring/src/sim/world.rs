//! Everything outside the ring, shared between the ring and the harness that plays the outside.

use std::rc::Rc;

use super::SimConfig;
use super::buffers::Ledger;
use super::clock::Clock;
use super::faults::FaultPlan;
use super::files::Files;
use super::network::Network;
use super::programs::Programs;
use super::random::Random;
use super::trace::Trace;

/// The simulated world around one ring.
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) network: Network,
    pub(super) files: Files,
    pub(super) programs: Programs,
    /// What each sink has taken.
    pub(super) sinks: Vec<Vec<u8>>,
    pub(super) plan: FaultPlan,
    /// For what the outside leaves to chance.
    pub(super) random: Random,
    pub(super) trace: Trace,
    pub(super) ledger: Rc<Ledger>,
    /// Sockets and open files of the ring.
    pub(super) descriptors: usize,
    pub(super) descriptors_max: usize,
    /// The last `wait` handed nothing out and no operation is due.
    pub(super) idle: bool,
}

impl World {
    pub(super) fn new(config: SimConfig, random: Random, ledger: Rc<Ledger>) -> Self {
        let clock = Clock::new();
        let mut files = Files::new(clock.wall());
        for root in &config.roots {
            files.make_directory(root, clock.wall());
            files.add_root(root);
        }
        Self {
            network: Network::new(&config.listeners, config.receive_window_bytes, config.peer_window_bytes),
            clock,
            files,
            programs: Programs::default(),
            sinks: vec![Vec::new(); usize::from(config.sinks)],
            plan: config.plan,
            random,
            trace: Trace::new(),
            ledger,
            descriptors: 0,
            descriptors_max: config.descriptors_max,
            idle: false,
        }
    }

    /// Enters an event into the trace.
    pub(super) fn note(&mut self, what: &'static str, numbers: &[u64]) {
        self.trace.note(self.clock.nanos(), what, numbers);
    }

    pub(super) fn has_descriptor(&self) -> bool {
        self.descriptors < self.descriptors_max
    }

    /// What has not come home, in words.
    pub(super) fn leaks(&self) -> Vec<String> {
        let ledger = &self.ledger;
        let mut leaks = Vec::new();
        for (count, what) in [
            (ledger.leases.get(), "leases not given back"),
            (ledger.send_slots.get(), "send slots not returned"),
            (ledger.transfers.get(), "transfer buffers not returned"),
            (ledger.operations.get(), "operations in flight"),
        ] {
            if count > 0 {
                leaks.push(format!("{count} {what}"));
            }
        }
        let conns = self.network.conns.iter().enumerate().filter(|(_, conn)| conn.is_socket());
        leaks.extend(conns.map(|(index, conn)| format!("socket {index} from {} is open", conn.remote)));
        let files = self.files.open.iter().enumerate().filter(|(_, file)| file.open);
        leaks.extend(files.map(|(index, _)| format!("file {index} is open")));
        let pipes = self.programs.pipes.iter().enumerate().filter(|(_, pipe)| pipe.open);
        leaks.extend(pipes.map(|(index, _)| format!("pipe {index} is open")));
        let processes = self.programs.processes.iter().enumerate().filter(|(_, process)| !process.reaped);
        leaks.extend(processes.map(|(index, _)| format!("program {index} is not reaped")));
        leaks
    }
}
