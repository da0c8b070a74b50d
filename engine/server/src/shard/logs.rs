//! A shard's two logs: what was staged while it was answered becomes lines when it has left.

use std::sync::Arc;
use std::time::Duration;

use slipring_ring::{Deadline, FileError, Instant, OpToken, Peer, Ring, SinkId, Transfer};

use super::log_writer::{LogPlace, LogWriter};
use crate::log::{Format, Left, Losses, Moment, Overflow, Records, Resolver, Staged};
use crate::metrics::Metrics;

/// What is logged where, and how.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// Where a line for each request goes; `None`: nowhere.
    pub access: Option<SinkId>,
    /// Where messages and errors go; the same sink as `access` keeps both in one order.
    pub error: Option<SinkId>,
    /// What a request's line looks like.
    pub format: Arc<Format>,
    /// What becomes of access lines that find no room. Messages that find none are always dropped.
    pub overflow: Overflow,
    /// How long a line of the access log may wait for others.
    pub access_delay: Duration,
    /// How long a message may.
    pub error_delay: Duration,
    /// Bytes of lines that this shard keeps while a sink is slow, in all.
    pub buffer_bytes: usize,
    /// Access lines that all shards lost.
    pub losses: Losses,
    /// Connections that end early or run into a timeout get a message too.
    pub verbose: bool,
    /// Who is asked for the names of peers; `None`: they are their addresses.
    pub resolver: Option<Resolver>,
}

impl LogConfig {
    /// Nothing is logged.
    pub fn off() -> Self {
        Self {
            access: None,
            error: None,
            format: Arc::new(Format::python()),
            overflow: Overflow::Drop,
            access_delay: DELAY,
            error_delay: DELAY,
            buffer_bytes: BUFFER_BYTES_MAX,
            losses: Losses::default(),
            verbose: false,
            resolver: None,
        }
    }

    /// Both logs into one sink, as Python's http.server has them.
    pub fn to(sink: SinkId) -> Self {
        Self { access: Some(sink), error: Some(sink), ..Self::off() }
    }
}

/// Bytes of log lines that wait in a whole server at most.
pub const BUFFER_BYTES_MAX: usize = 8 << 20;
/// How long a line waits for others, unless a person reads along.
const DELAY: Duration = Duration::from_millis(250);
/// The part of the buffer that is for messages.
const ERROR_SHARE: usize = 8;
/// Bytes of a line that is made without growing its memory.
const LINE_BYTES: usize = 16 * 1024;

pub(super) struct Logs {
    access: LogWriter,
    error: LogWriter,
    /// Messages go where access lines go.
    shared: bool,
    format: Arc<Format>,
    losses: Losses,
    line: Vec<u8>,
    verbose: bool,
}

impl Logs {
    pub(super) fn new(ring: &mut impl Ring, config: &LogConfig, token_slot: u32) -> Self {
        let shared = config.access.is_some() && config.access == config.error;
        let error_bytes = config.buffer_bytes / ERROR_SHARE;
        let access = LogPlace {
            sink: config.access,
            token_slot,
            buffers: 2,
            backlog_bytes_max: config.buffer_bytes - error_bytes,
            delay: config.access_delay,
            overflow: config.overflow,
        };
        let error = LogPlace {
            sink: config.error.filter(|_| !shared),
            token_slot: token_slot + 1,
            buffers: 1,
            backlog_bytes_max: error_bytes,
            delay: config.error_delay,
            overflow: Overflow::Drop,
        };
        Self {
            access: LogWriter::new(ring, access),
            error: LogWriter::new(ring, error),
            shared,
            format: config.format.clone(),
            losses: config.losses.clone(),
            line: Vec::with_capacity(LINE_BYTES),
            verbose: config.verbose,
        }
    }

    /// What was staged for an answer has left, or never will: its lines are written.
    #[inline]
    pub(super) fn left(
        &mut self,
        ring: &mut impl Ring,
        stage: &[u8],
        left: Left,
        at: Moment<'_>,
        metrics: &mut Metrics,
    ) {
        for staged in Records(stage) {
            match staged {
                Staged::Access(sending, begun) => {
                    let line = self.format.finish(&mut self.line, begun, &sending, left, at);
                    if self.access.append(ring, at.now, line) {
                        metrics.log_lines += 1;
                    } else {
                        self.lost(1, metrics);
                    }
                }
                Staged::Message(peer, text) => self.message(ring, peer, text, at, metrics),
            }
        }
    }

    #[inline]
    fn append_access(&mut self, ring: &mut impl Ring, now: Instant, metrics: &mut Metrics) {
        if self.access.append(ring, now, &self.line) {
            metrics.log_lines += 1;
        } else {
            self.lost(1, metrics);
        }
    }

    /// Writes a message of the shard's own or of a handler's.
    pub(super) fn message(
        &mut self,
        ring: &mut impl Ring,
        peer: Peer,
        text: &[u8],
        at: Moment<'_>,
        metrics: &mut Metrics,
    ) {
        self.line.clear();
        self.format.message(&mut self.line, peer, at, text);
        if self.shared {
            return self.append_access(ring, at.now, metrics);
        }
        if self.error.append(ring, at.now, &self.line) {
            metrics.error_log_lines += 1;
        } else if self.error.is_on() {
            metrics.error_log_dropped_lines += 1;
        }
    }

    /// Whether connections that end early get a message.
    pub(super) fn is_verbose(&self) -> bool {
        self.verbose
    }

    fn lost(&mut self, lines: u64, metrics: &mut Metrics) {
        if lines > 0 && self.access.is_on() {
            metrics.log_dropped_lines += lines;
            self.losses.add(lines);
        }
    }

    /// Tells of lost lines; of all shards one does, at most once a second.
    pub(super) fn tell_losses(&mut self, ring: &mut impl Ring, at: Moment<'_>, metrics: &mut Metrics) {
        let writer = if self.shared { &mut self.access } else { &mut self.error };
        if !writer.is_on() {
            return;
        }
        let Some(lines) = self.losses.take(at.wall.secs) else { return };
        self.line.clear();
        let text = loss_message(lines);
        self.format.message(&mut self.line, Peer::Unknown, at, text.as_bytes());
        if writer.append(ring, at.now, &self.line) {
            let counter = if self.shared { &mut metrics.log_lines } else { &mut metrics.error_log_lines };
            *counter += 1;
        } else {
            // Nobody could be told; they are told of later.
            self.losses.add(lines);
        }
    }

    /// Whether no further request may be read.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.access.is_full()
    }

    pub(super) fn due(&self) -> Deadline {
        self.access.due().min(self.error.due())
    }

    pub(super) fn flush(&mut self, ring: &mut impl Ring, now: Instant, all: bool) {
        self.access.flush(ring, now, all);
        self.error.flush(ring, now, all);
    }

    /// A write ended.
    pub(super) fn written(
        &mut self,
        ring: &mut impl Ring,
        now: Instant,
        token: OpToken,
        result: Result<u32, FileError>,
        transfer: Transfer,
        metrics: &mut Metrics,
    ) {
        if self.access.owns(token) {
            let lost = self.access.written(ring, now, result, transfer);
            self.unsay(lost, metrics);
        } else {
            let lost = self.error.written(ring, now, result, transfer);
            unsay_error(lost, metrics);
        }
    }

    /// The sinks lead to other files now.
    pub(super) fn reopened(&mut self, ring: &mut impl Ring, now: Instant, metrics: &mut Metrics) {
        let lost = self.access.reopened(ring, now);
        self.unsay(lost, metrics);
        unsay_error(self.error.reopened(ring, now), metrics);
    }

    /// There is no time left: what was not written is lost.
    pub(super) fn discard(&mut self, ring: &mut impl Ring, metrics: &mut Metrics) {
        let lost = self.access.discard(ring);
        self.unsay(lost, metrics);
        unsay_error(self.error.discard(ring), metrics);
    }

    /// Lines that were counted as written are lost after all.
    fn unsay(&mut self, lines: u64, metrics: &mut Metrics) {
        metrics.log_lines = metrics.log_lines.saturating_sub(lines);
        self.lost(lines, metrics);
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.access.is_quiet() && self.error.is_quiet()
    }

    pub(super) fn end(&mut self, ring: &mut impl Ring) {
        self.access.end(ring);
        self.error.end(ring);
    }
}

fn unsay_error(lines: u64, metrics: &mut Metrics) {
    metrics.error_log_lines = metrics.error_log_lines.saturating_sub(lines);
    metrics.error_log_dropped_lines += lines;
}

/// What the error log says of lost lines.
pub(crate) fn loss_message(lines: u64) -> String {
    format!("{lines} lines of the access log were dropped: it does not take them as fast as they come")
}
