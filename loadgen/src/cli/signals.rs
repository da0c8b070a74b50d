//! Ctrl-C and SIGTERM: the first ends the measure phase and the run reports, the second ends the process at once, and with
//! it the servers that it started.
//!
//! A handler may not take locks, so it only writes a byte into a socket; a thread reads there and does the rest.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Builder;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use super::groups;
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
        if signals.listen_for_second().is_err() {
            // Nobody reads; then at least the process ends. In this order: the first signal finds the flag down.
            for (signal, status) in [(SIGINT, ExitStatus::Interrupted), (SIGTERM, ExitStatus::Terminated)] {
                let _ = flag::register_conditional_shutdown(signal, i32::from(status.code()), signals.stop.clone());
            }
        }
        for signal in [SIGINT, SIGTERM] {
            let _ = flag::register_usize(signal, signals.last.clone(), signal as usize);
            let _ = flag::register(signal, signals.stop.clone());
        }
        signals
    }

    fn listen_for_second(&self) -> io::Result<()> {
        let (heard, handlers) = UnixStream::pair()?;
        let other = handlers.try_clone()?;
        let signals = self.clone();
        Builder::new().name("signals".to_owned()).spawn(move || signals.await_second(heard))?;
        low_level::pipe::register(SIGINT, handlers)?;
        low_level::pipe::register(SIGTERM, other)?;
        Ok(())
    }

    fn await_second(&self, mut heard: UnixStream) {
        let (mut count, mut bytes) = (0, [0; 16]);
        while count < 2 {
            match heard.read(&mut bytes) {
                Ok(0) => return,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
        // Held to the end: no server is started any more.
        let _closed = groups::kill_all();
        low_level::exit(i32::from(self.status().code()));
    }

    /// How an interrupted process ends.
    pub(super) fn status(&self) -> ExitStatus {
        if self.last.load(Ordering::Relaxed) == SIGTERM as usize {
            ExitStatus::Terminated
        } else {
            ExitStatus::Interrupted
        }
    }

    /// `status`, or that of the signal which ended the command.
    pub(super) fn or(&self, interrupted: bool, status: impl FnOnce() -> u8) -> u8 {
        if interrupted { self.status().code() } else { status() }
    }
}
