//! The shard's log: whole lines into one buffer while the other is being written (decision 21).

use std::time::Duration;

use slipring_ring::{Deadline, FileError, Instant, Op, OpKind, OpToken, Ring, SinkId, Transfer};

use crate::metrics::Metrics;

/// The log of one shard into one sink. Its two buffers are its own from start to end, so that busy streams do not cost
/// log lines.
pub(super) struct LogWriter {
    sink: Option<SinkId>,
    token: OpToken,
    /// The buffer that lines go to, and how much of it is filled.
    filling: Option<Transfer>,
    filled: usize,
    /// The buffer that is next.
    spare: Option<Transfer>,
    /// What is being written: first byte, behind the last.
    flying: Option<(u32, u32)>,
    /// When the first unwritten line is to be written at the latest.
    due: Deadline,
    delay: Duration,
}

impl LogWriter {
    /// Lines for `sink` wait at most `delay`; without a sink they are thrown away.
    pub(super) fn new(ring: &mut impl Ring, sink: Option<SinkId>, token_slot: u32, delay: Duration) -> Self {
        Self {
            sink,
            token: OpToken::new(OpKind::Write, 0, token_slot),
            filling: sink.and_then(|_| ring.take_transfer()),
            filled: 0,
            spare: sink.and_then(|_| ring.take_transfer()),
            flying: None,
            due: Deadline::NEVER,
            delay,
        }
    }

    /// Appends whole lines, or drops and counts them when both buffers are full.
    #[inline]
    pub(super) fn append(&mut self, ring: &mut impl Ring, now: Instant, lines: &[u8], metrics: &mut Metrics) {
        if lines.is_empty() || self.sink.is_none() {
            return;
        }
        let count = memchr::memchr_iter(b'\n', lines).count() as u64;
        if self.put(ring, lines) {
            metrics.log_lines += count;
        } else {
            metrics.log_dropped_lines += count;
            return;
        }
        if self.filled == lines.len() {
            self.due = now.after(self.delay);
        }
        if self.filled >= FLUSH_BYTES {
            self.due = Deadline::at(now);
        }
    }

    fn put(&mut self, ring: &mut impl Ring, lines: &[u8]) -> bool {
        let Some(buffer) = &mut self.filling else { return false };
        let end = self.filled + lines.len();
        let Some(place) = ring.transfer_bytes_mut(buffer).get_mut(self.filled..end) else { return false };
        place.copy_from_slice(lines);
        self.filled = end;
        true
    }

    /// When [`Self::flush`] has something to do.
    pub(super) fn due(&self) -> Deadline {
        if self.flying.is_some() || self.filled == 0 { Deadline::NEVER } else { self.due }
    }

    /// Writes what is due; everything, if `all`.
    pub(super) fn flush(&mut self, ring: &mut impl Ring, now: Instant, all: bool) {
        if self.flying.is_none()
            && self.filled > 0
            && (all || self.due.passed(now))
            && let (Some(transfer), Some(sink)) = (self.filling.take(), self.sink)
        {
            self.filling = self.spare.take();
            let end = std::mem::take(&mut self.filled) as u32;
            self.flying = Some((0, end));
            ring.submit(self.token, Op::Write { sink, transfer, start: 0, end });
        }
    }

    /// A write ended; a short one goes on where it stopped, before anything else.
    pub(super) fn written(&mut self, ring: &mut impl Ring, result: Result<u32, FileError>, transfer: Transfer) {
        let (start, end) = self.flying.take().unwrap_or_default();
        match (result, self.sink) {
            (Ok(written @ 1..), Some(sink)) if start + written < end => {
                let start = start + written;
                self.flying = Some((start, end));
                ring.submit(self.token, Op::Write { sink, transfer, start, end });
            }
            // A sink that fails (disk full, reader gone) loses these lines; the server serves on.
            _ if self.filling.is_none() => self.filling = Some(transfer),
            _ => self.spare = Some(transfer),
        }
    }

    /// Whether every line was written or lost.
    pub(super) fn is_quiet(&self) -> bool {
        self.flying.is_none() && self.filled == 0
    }

    /// Gives the buffers back, unwritten lines with them.
    pub(super) fn end(&mut self, ring: &mut impl Ring) {
        for transfer in [self.filling.take(), self.spare.take()].into_iter().flatten() {
            ring.return_transfer(transfer);
        }
        self.filled = 0;
    }
}

/// A buffer filled so far is written without waiting longer.
const FLUSH_BYTES: usize = 32 * 1024;
