//! What the handler is told of an answer that has left: a record before that of its line.

use std::time::Duration;

use slipring_ring::{Instant, Peer};

use super::line::{Left, Outcome, micros};
use super::record::{ACCESS, AccessRecord, FIXED, Sending, decode_peer, encode_peer, records_mut, take};

/// An answer that has left, or never will; for [`crate::Handler::LOG_REQUEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedRequest<'a> {
    /// Who asked.
    pub client_address: Peer,
    /// The request line as sent, without its end; of what was no request, its first line. It is cut at what a log shows.
    pub request_line: &'a [u8],
    /// The code of the answer; 499 where the peer left before there was one.
    pub code: u16,
    /// Bytes of the body that left.
    pub size: u64,
    /// From the whole head of the request to the last byte of the answer, in whole microseconds.
    pub duration: Duration,
    /// It did not reach its end.
    pub aborted: bool,
}

/// A record for the handler.
pub(super) const TOLD: u8 = 2;
/// A record of a line that the handler keeps out of the log.
pub(super) const MUTED: u8 = 3;

impl AccessRecord {
    /// Appends what the handler is to be told of this request, whose first line this is.
    pub fn stage_for_handler(&self, line: &[u8], stage: &mut Vec<u8>) {
        let at = stage.len();
        let mut fixed = [0; FIXED];
        self.sending.encode(&mut fixed, 0);
        fixed[4] = TOLD;
        stage.extend_from_slice(&fixed);
        stage.extend_from_slice(&encode_peer(self.peer));
        stage.extend_from_slice(&self.status.to_le_bytes());
        stage.extend_from_slice(&line[..line.len().min(super::REQUEST_LINE_BYTES_MAX)]);
        let len = (stage.len() - at) as u32;
        stage[at..at + 4].copy_from_slice(&len.to_le_bytes());
    }
}

/// Tells `hear` of each request in a stage that left at `now`; where it says `false`, the line behind is kept out of the log.
pub fn tell_requests(stage: &mut [u8], left: Left, now: Instant, mut hear: impl FnMut(&LoggedRequest<'_>) -> bool) {
    let mut mute = false;
    records_mut(stage, |record| match record[4] {
        TOLD => mute = decode(record, left, now).is_some_and(|request| !hear(&request)),
        ACCESS if std::mem::take(&mut mute) => record[4] = MUTED,
        _ => {}
    });
}

fn decode(record: &[u8], left: Left, now: Instant) -> Option<LoggedRequest<'_>> {
    let (fixed, mut rest) = record.split_first_chunk()?;
    let (sending, _) = Sending::decode(fixed);
    let client_address = decode_peer(take(&mut rest)?);
    let code = u16::from_le_bytes(take(&mut rest)?);
    let outcome = Outcome::of(&sending, left, now);
    Some(LoggedRequest {
        client_address,
        request_line: rest,
        code,
        size: outcome.body_bytes,
        duration: Duration::from_micros(micros(now, sending.begun)),
        aborted: outcome.aborted,
    })
}
