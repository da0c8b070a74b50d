//! The lines of one shard on their way into one sink: whole lines into one buffer while the other is being written
//! (decision 21), and into memory behind them while the sink is slow or refuses.

use std::collections::VecDeque;
use std::time::Duration;

use slipring_ring::{Deadline, FileError, Instant, Op, OpKind, OpToken, Ring, SinkId, Transfer};

use crate::log::Overflow;

/// Where lines go and what becomes of those that find no room.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogPlace {
    /// `None`: lines are thrown away.
    pub(super) sink: Option<SinkId>,
    pub(super) token_slot: u32,
    /// Ring buffers that are taken for it, for as long as it lives: 1 or 2.
    pub(super) buffers: usize,
    /// Bytes of lines that wait at most, besides the ring buffers.
    pub(super) backlog_bytes_max: usize,
    /// How long a line waits for others at most.
    pub(super) delay: Duration,
    pub(super) overflow: Overflow,
}

/// The log of one shard into one sink. Its buffers are its own from start to end, so that busy streams do not cost log
/// lines. A write that fails is tried again: lines are lost only when there is no room left for more, or at the end.
pub(super) struct LogWriter {
    place: LogPlace,
    token: OpToken,
    /// The buffer that lines go to, and what is in it.
    filling: Option<Transfer>,
    filled: Bulk,
    /// The buffer that is next.
    spare: Option<Transfer>,
    /// A line that fits no buffer could never be written whole.
    line_bytes_max: usize,
    /// A buffer filled so far is written without waiting longer: each write of a file wakes a thread of the kernel's, so
    /// that fewer and larger ones cost less.
    full_bytes: usize,
    flying: Option<Flight>,
    /// A write failed; its buffer waits for another try.
    stuck: Option<(Transfer, Flight)>,
    retry: Deadline,
    /// Lines for which both buffers had no room, in order.
    backlog: VecDeque<u8>,
    backlog_lines: u64,
    /// When the first unwritten line is to be written at the latest.
    due: Deadline,
    /// The last try was made; what fails now is lost.
    last_try: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bulk {
    bytes: usize,
    lines: u64,
}

/// What is being written: first byte, behind the last, and the lines that end in between.
#[derive(Clone, Copy, Debug)]
struct Flight {
    start: u32,
    end: u32,
    lines: u64,
}

impl LogWriter {
    pub(super) fn new(ring: &mut impl Ring, mut place: LogPlace) -> Self {
        let mut take = |wanted: bool| wanted.then(|| take_buffer(ring, place.buffers)).flatten();
        let filling = take(place.sink.is_some());
        let spare = take(filling.is_some() && place.buffers > 1);
        // Without a single buffer there is no way out for a line.
        place.sink = place.sink.filter(|_| filling.is_some());
        let line_bytes_max = filling.as_ref().map_or(0, |buffer| ring.transfer_bytes(buffer).len());
        Self {
            token: OpToken::new(OpKind::Write, 0, place.token_slot),
            filling,
            filled: Bulk::default(),
            spare,
            line_bytes_max,
            full_bytes: line_bytes_max - line_bytes_max / FULL_SHARE,
            flying: None,
            stuck: None,
            retry: Deadline::NEVER,
            backlog: VecDeque::with_capacity(if place.sink.is_some() { place.backlog_bytes_max } else { 0 }),
            backlog_lines: 0,
            due: Deadline::NEVER,
            last_try: false,
            place,
        }
    }

    /// Whether lines go anywhere.
    pub(super) fn is_on(&self) -> bool {
        self.place.sink.is_some()
    }

    /// Whether this write's end is to be told to it.
    pub(super) fn owns(&self, token: OpToken) -> bool {
        self.token.slot() == token.slot()
    }

    /// Appends one whole line; `false` if there is no room and it is lost.
    #[inline]
    pub(super) fn append(&mut self, ring: &mut impl Ring, now: Instant, line: &[u8]) -> bool {
        if self.backlog.is_empty() && self.fill(ring, line) {
            if self.filled.lines == 1 {
                self.due = now.after(self.place.delay);
            }
            if self.filled.bytes >= self.full_bytes {
                self.due = Deadline::at(now);
            }
            return true;
        }
        self.put_back(ring, now, line)
    }

    #[inline]
    fn fill(&mut self, ring: &mut impl Ring, line: &[u8]) -> bool {
        let Some(buffer) = &mut self.filling else { return false };
        let end = self.filled.bytes + line.len();
        let Some(place) = ring.transfer_bytes_mut(buffer).get_mut(self.filled.bytes..end) else { return false };
        place.copy_from_slice(line);
        self.filled = Bulk { bytes: end, lines: self.filled.lines + 1 };
        true
    }

    /// Both buffers are full: the line waits in memory, as far as that goes.
    #[cold]
    fn put_back(&mut self, ring: &mut impl Ring, now: Instant, line: &[u8]) -> bool {
        let room = self.place.backlog_bytes_max.saturating_sub(self.backlog.len());
        let fits = line.len() <= room || self.place.overflow == Overflow::Wait;
        if !fits || line.len() > self.line_bytes_max {
            return false;
        }
        self.backlog.extend(line);
        self.backlog_lines += 1;
        self.due = Deadline::at(now);
        if self.filled.bytes == 0 {
            self.refill(ring);
        }
        true
    }

    /// No further request may be read: its line could find no room (overflow `wait`). Lines of answers that are on their
    /// way already are taken still; there are no more of them than connections and send slots.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.backlog.len() >= self.place.backlog_bytes_max && self.place.overflow == Overflow::Wait && self.is_on()
    }

    /// When [`Self::flush`] has something to do.
    pub(super) fn due(&self) -> Deadline {
        match (&self.flying, &self.stuck) {
            (Some(_), _) => Deadline::NEVER,
            (None, Some(_)) => self.retry,
            (None, None) if self.filled.bytes == 0 => Deadline::NEVER,
            (None, None) => self.due,
        }
    }

    /// Writes what is due; everything, if `all`: then what cannot be written is tried once more, and lost.
    pub(super) fn flush(&mut self, ring: &mut impl Ring, now: Instant, all: bool) {
        if self.flying.is_some() {
            return;
        }
        let last = all && self.place.overflow == Overflow::Drop;
        if let Some((transfer, flight)) = self.stuck.take_if(|_| self.retry.passed(now) || (last && !self.last_try)) {
            self.last_try = last;
            return self.write(ring, transfer, flight);
        }
        let is_due = all || self.due.passed(now) || !self.backlog.is_empty();
        if self.stuck.is_none()
            && is_due
            && self.filled.bytes > 0
            && let Some(transfer) = self.filling.take()
        {
            let Bulk { bytes, lines } = std::mem::take(&mut self.filled);
            self.filling = self.spare.take();
            self.last_try = last;
            self.write(ring, transfer, Flight { start: 0, end: bytes as u32, lines });
            self.refill(ring);
        }
    }

    fn write(&mut self, ring: &mut impl Ring, transfer: Transfer, flight: Flight) {
        let Some(sink) = self.place.sink else { return ring.return_transfer(transfer) };
        self.flying = Some(flight);
        ring.submit(self.token, Op::Write { sink, transfer, start: flight.start, end: flight.end });
    }

    /// Moves whole lines from the backlog into the empty buffer.
    fn refill(&mut self, ring: &mut impl Ring) {
        let Some(buffer) = &mut self.filling else { return };
        if self.backlog.is_empty() || self.filled.bytes > 0 {
            return;
        }
        let place = ring.transfer_bytes_mut(buffer);
        let (first, second) = self.backlog.as_slices();
        let from_first = first.len().min(place.len());
        let fits = from_first + second.len().min(place.len() - from_first);
        place[..from_first].copy_from_slice(&first[..from_first]);
        place[from_first..fits].copy_from_slice(&second[..fits - from_first]);
        let end = memchr::memrchr(b'\n', &place[..fits]).map_or(0, |at| at + 1);
        self.filled = Bulk { bytes: end, lines: count_lines(&place[..end]) };
        self.backlog.drain(..end);
        self.backlog_lines -= self.filled.lines;
    }

    /// A write ended; a short one goes on where it stopped, before anything else. Lines that are lost by that are
    /// returned.
    pub(super) fn written(
        &mut self,
        ring: &mut impl Ring,
        now: Instant,
        result: Result<u32, FileError>,
        transfer: Transfer,
    ) -> u64 {
        let Some(Flight { start, end, lines }) = self.flying.take() else {
            ring.return_transfer(transfer);
            return 0;
        };
        match result {
            Ok(written) if start + written >= end => self.keep(ring, transfer),
            Ok(written @ 1..) => {
                let from = start as usize..(start + written) as usize;
                let lines = lines - count_lines(&ring.transfer_bytes(&transfer)[from]);
                self.write(ring, transfer, Flight { start: start + written, end, lines });
            }
            // Disk full, reader gone: the server serves on, and the lines wait for another try.
            Ok(0) | Err(_) => {
                self.stuck = Some((transfer, Flight { start, end, lines }));
                self.retry = now.after(RETRY_DELAY);
                if self.last_try {
                    return self.discard(ring);
                }
            }
        }
        0
    }

    /// A buffer is free again.
    fn keep(&mut self, ring: &mut impl Ring, transfer: Transfer) {
        if self.filling.is_none() {
            self.filling = Some(transfer);
            self.refill(ring);
        } else {
            self.spare = Some(transfer);
        }
    }

    /// The sink leads to another file now. The rest of a line whose start stands in the old one is lost; what else could
    /// not be written is tried at once.
    pub(super) fn reopened(&mut self, ring: &mut impl Ring, now: Instant) -> u64 {
        let Some((transfer, flight)) = &mut self.stuck else { return 0 };
        self.retry = Deadline::at(now);
        let bytes = &ring.transfer_bytes(transfer)[..flight.end as usize];
        let start = flight.start as usize;
        if start == 0 || bytes[start - 1] == b'\n' {
            return 0;
        }
        let rest = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len() - start, |at| at + 1);
        flight.start += rest as u32;
        flight.lines = flight.lines.saturating_sub(1);
        if flight.start == flight.end
            && let Some((transfer, _)) = self.stuck.take()
        {
            self.keep(ring, transfer);
        }
        1
    }

    /// Whether every line was written or lost.
    pub(super) fn is_quiet(&self) -> bool {
        self.flying.is_none() && self.stuck.is_none() && self.filled.bytes == 0 && self.backlog.is_empty()
    }

    /// Gives up what was not written; the lines that are lost. What is being written meanwhile counts as lost.
    pub(super) fn discard(&mut self, ring: &mut impl Ring) -> u64 {
        let mut lost = std::mem::take(&mut self.filled).lines + std::mem::take(&mut self.backlog_lines);
        lost += self.flying.map_or(0, |flight| flight.lines);
        self.backlog.clear();
        if let Some((transfer, flight)) = self.stuck.take() {
            lost += flight.lines;
            self.keep(ring, transfer);
        }
        lost
    }

    /// Gives the buffers back, unwritten lines with them.
    pub(super) fn end(&mut self, ring: &mut impl Ring) {
        let stuck = self.stuck.take().map(|(transfer, _)| transfer);
        for transfer in [self.filling.take(), self.spare.take(), stuck].into_iter().flatten() {
            ring.return_transfer(transfer);
        }
        self.filled = Bulk::default();
        self.backlog.clear();
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// A writer with two buffers has those that the ring keeps for sinks, if there are any.
fn take_buffer(ring: &mut impl Ring, of: usize) -> Option<Transfer> {
    let larger = (of > 1).then(|| ring.take_sink_buffer()).flatten();
    larger.or_else(|| ring.take_transfer())
}

/// The part of a buffer that may stay empty when it is written.
const FULL_SHARE: usize = 16;
/// How long a sink that refused a write is left alone.
const RETRY_DELAY: Duration = Duration::from_millis(250);
