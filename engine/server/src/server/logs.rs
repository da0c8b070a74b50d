//! The logs of a server: opened once for all shards, opened again when whoever rotates them asks.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use slipring_ring::uring::Sink;
use slipring_ring::{RingLimits, SinkId};

use super::Error;
use crate::log::{Format, LogTarget, Logging, Losses, Overflow};
use crate::metrics::Metrics;
use crate::shard::{BUFFER_BYTES_MAX, LOG_BUFFERS, LogConfig, loss_message};

/// Both logs, open.
pub(super) struct OpenLogs {
    access: Option<OpenLog>,
    /// `None` also when messages go where access lines go.
    error: Option<OpenLog>,
    shared: bool,
    format: Arc<Format>,
    overflow: Overflow,
    verbose: bool,
    losses: Losses,
}

struct OpenLog {
    sink: Sink,
    /// What to open again.
    path: Option<PathBuf>,
    /// A person reads along.
    terminal: bool,
}

/// How long a log line waits for others, unless a person reads along.
const DELAY: Duration = Duration::from_millis(250);
/// Bytes of a buffer for a sink at most: where twice as large ones bring less than a twentieth of what a line costs.
const SINK_BUFFER_BYTES_MAX: usize = 512 * 1024;
/// The part of a shard's log memory that one of them may have.
const SINK_BUFFER_SHARE: usize = 8;

impl OpenLogs {
    pub(super) fn open(logging: &Logging) -> Result<Self, Error> {
        let Logging { access, error, format, overflow, verbose } = logging.clone();
        let shared = access == error && access != LogTarget::Off;
        Ok(Self {
            access: OpenLog::open("access", &access)?,
            error: if shared { None } else { OpenLog::open("error", &error)? },
            shared,
            format: Arc::new(format),
            overflow,
            verbose,
            losses: Losses::default(),
        })
    }

    /// The ring's buffers for sinks of one of so many shards: how many, and bytes of each.
    pub(super) fn sink_buffers(&self, shards: usize) -> (u32, u32) {
        let size = BUFFER_BYTES_MAX / shards / SINK_BUFFER_SHARE;
        let is_worth_it = self.access.is_some() && size > RingLimits::SERVER.transfer_bytes as usize;
        if is_worth_it { (LOG_BUFFERS as u32, size.min(SINK_BUFFER_BYTES_MAX) as u32) } else { (0, 0) }
    }

    /// For one of so many shards.
    pub(super) fn config(&self, shards: usize) -> LogConfig {
        let (sink_buffers, sink_buffer_bytes) = self.sink_buffers(shards);
        let access = self.access.as_ref().map(|_| SinkId(0));
        let behind = SinkId(u16::from(access.is_some()));
        let delay = |log: Option<&OpenLog>| if log.is_some_and(|log| log.terminal) { Duration::ZERO } else { DELAY };
        LogConfig {
            access,
            error: if self.shared { access } else { self.error.as_ref().map(|_| behind) },
            format: self.format.clone(),
            overflow: self.overflow,
            access_delay: delay(self.access.as_ref()),
            error_delay: delay(self.error.as_ref()),
            buffer_bytes: BUFFER_BYTES_MAX / shards - sink_buffers as usize * sink_buffer_bytes as usize,
            losses: self.losses.clone(),
            verbose: self.verbose,
            resolver: None,
        }
    }

    /// In the order of their numbers.
    pub(super) fn sinks(&self) -> Vec<Sink> {
        self.access.iter().chain(&self.error).map(|log| log.sink.clone()).collect()
    }

    /// Opens both logs again. One that cannot be opened keeps its old file, and the error log says so.
    pub(super) fn reopen(&self) {
        // The error log first: what is wrong with the other one belongs into the new file.
        for (which, log) in [("error", &self.error), ("access", &self.access)] {
            let Some(OpenLog { sink, path: Some(path), .. }) = log else { continue };
            if let Err(error) = open_file(path).and_then(|file| sink.replace(&file)) {
                let path = path.display();
                self.say(&format!("cannot open the {which} log {path} again: {error}; the old file goes on"));
            }
        }
    }

    /// At the end: lines that nobody was told of yet.
    pub(super) fn tell_losses(&self, total: &Metrics) {
        let lines = self.losses.take_all();
        if lines > 0 {
            self.say(&loss_message(lines));
        }
        if total.error_log_dropped_lines > 0 {
            let lines = total.error_log_dropped_lines;
            let _ = writeln!(io::stderr(), "slipring: {lines} lines of the error log were dropped");
        }
    }

    /// Says something in the error log; where that does not take it, on standard error.
    fn say(&self, text: &str) {
        let line = format!("slipring: {text}\n");
        let log = if self.shared { &self.access } else { &self.error };
        if log.as_ref().is_none_or(|log| log.sink.append(line.as_bytes()).is_err()) {
            // Nobody can be told that nobody can be told.
            let _ = io::stderr().write_all(line.as_bytes());
        }
    }
}

impl OpenLog {
    fn open(which: &'static str, target: &LogTarget) -> Result<Option<Self>, Error> {
        let (fd, terminal, path) = match target {
            LogTarget::Off => return Ok(None),
            LogTarget::Stderr => (io::stderr().as_fd().try_clone_to_owned(), io::stderr().is_terminal(), None),
            LogTarget::Stdout => (io::stdout().as_fd().try_clone_to_owned(), io::stdout().is_terminal(), None),
            LogTarget::File(path) => (open_file(path), false, Some(path.clone())),
        };
        let shown = || path.clone().unwrap_or_else(|| PathBuf::from("-"));
        let sink = fd.map_err(|source| Error::Log { which, path: shown(), source })?.into();
        Ok(Some(Self { sink, path, terminal }))
    }
}

/// For appending, so that whoever copies and truncates it finds no hole.
fn open_file(path: &Path) -> io::Result<OwnedFd> {
    OpenOptions::new().append(true).create(true).open(path).map(OwnedFd::from)
}
