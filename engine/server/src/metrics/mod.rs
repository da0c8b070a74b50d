//! What a shard counts. Plain numbers of one thread; rendered on demand.

/// Counters of one shard, named as in `docs/INTERFACES.md`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Answers begun.
    pub requests: u64,
    /// Requests refused as not understood or not allowed.
    pub rejected: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed at once because the table was full.
    pub refused: u64,
    /// Answers that did not reach their end.
    pub aborted: u64,
    /// Deadlines that passed.
    pub timeouts: u64,
    /// Programs started for answers.
    pub programs: u64,
    /// Panics of the handler.
    pub panics: u64,
    /// Receives that found no buffer free.
    pub buffers_exhausted: u64,
    /// Turns that found no send slot free.
    pub slots_exhausted: u64,
    /// Lines of the access log that were written, or will be.
    pub log_lines: u64,
    /// Lines of the access log that found no room, or no way out at the end.
    pub log_dropped_lines: u64,
    /// The same of the error log.
    pub error_log_lines: u64,
    /// The same of the error log.
    pub error_log_dropped_lines: u64,
}

impl Metrics {
    /// Adds another shard's numbers.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.requests, other.requests),
            (&mut self.rejected, other.rejected),
            (&mut self.accepted, other.accepted),
            (&mut self.refused, other.refused),
            (&mut self.aborted, other.aborted),
            (&mut self.timeouts, other.timeouts),
            (&mut self.programs, other.programs),
            (&mut self.panics, other.panics),
            (&mut self.buffers_exhausted, other.buffers_exhausted),
            (&mut self.slots_exhausted, other.slots_exhausted),
            (&mut self.log_lines, other.log_lines),
            (&mut self.log_dropped_lines, other.log_dropped_lines),
            (&mut self.error_log_lines, other.error_log_lines),
            (&mut self.error_log_dropped_lines, other.error_log_dropped_lines),
        ];
        for (mine, theirs) in pairs {
            *mine += theirs;
        }
    }
}
