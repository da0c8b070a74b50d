//! Ctrl-C and SIGTERM: the first ends the measure phase and the run reports, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::judge::ExitStatus;

/// What was heard so far.
#[derive(Clone, Debug)]
pub(super) struct Signals {
    /// Up from the first signal on.
    pub(super) stop: Arc<AtomicBool>,
    last: Arc<AtomicUsize>,
}

impl Signals {
    /// Listens from now on. Where a handler cannot be set, the signal just kills.
    pub(super) fn listen() -> Self {
        let signals = Self { stop: Arc::default(), last: Arc::default() };
        for (signal, status) in [(SIGINT, ExitStatus::Interrupted), (SIGTERM, ExitStatus::Terminated)] {
            // In this order: the first signal finds the flag down.
            let code = i32::from(status.code());
            let _ = flag::register_conditional_shutdown(signal, code, signals.stop.clone());
            let _ = flag::register_usize(signal, signals.last.clone(), signal as usize);
            let _ = flag::register(signal, signals.stop.clone());
        }
        signals
    }

    /// How an interrupted process ends.
    pub(super) fn status(&self) -> ExitStatus {
        if self.last.load(Ordering::Relaxed) == SIGTERM as usize {
            ExitStatus::Terminated
        } else {
            ExitStatus::Interrupted
        }
    }
}
