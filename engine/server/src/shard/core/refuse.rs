//! Answers of the engine's own: to what is no request, to what is not allowed, to what came too late.

use slipring_ring::{Peer, SlotBytes};
use slipring_wire::error::{Reject, RejectClass, RejectReason};

use super::Core;
use crate::handler::{Exchange, Handler, Output, Request};
use crate::log;

impl<H: Handler> Core<H> {
    /// Answers what is no request.
    pub(super) fn reject(
        &mut self,
        peer: Peer,
        reject: &Reject,
        rest: &[u8],
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) {
        self.metrics.rejected += 1;
        if reject.reason == RejectReason::TlsOnPlainPort {
            // A TLS client understands no answer of ours; one line says what happened (row R25).
            log::message(stage, peer, self.scratch.date.log_text(), b"TLS on a plain port");
            return;
        }
        let message = reject.message(rest).to_string();
        // The table's own phrase where it says the same.
        let message = (reject.reason.class() != RejectClass::Limit).then_some(message.as_str());
        let line = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.answer_blank(peer, line, reject.status, message, slot, stage);
    }

    /// Refuses a request that was understood.
    pub(super) fn refuse(
        &mut self,
        peer: Peer,
        bytes: &[u8],
        status: u16,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) {
        self.metrics.rejected += 1;
        let line = bytes.split(|&byte| byte == b'\r' || byte == b'\n').find(|line| !line.is_empty());
        self.answer_blank(peer, line.unwrap_or_default(), status, None, slot, stage);
    }

    /// Answers a request that did not come in time.
    pub(in crate::shard) fn time_out(&mut self, peer: Peer, slot: &mut SlotBytes<'_>, stage: &mut Vec<u8>) {
        self.answer_blank(peer, b"", 408, None, slot, stage);
    }

    fn answer_blank(
        &mut self,
        peer: Peer,
        line: &[u8],
        status: u16,
        message: Option<&str>,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) {
        let request = Request { head: &self.blank, bytes: &[], body: &[], peer };
        let out = Output::new(slot.bytes, slot.len);
        let mut x = Exchange::new(request, &self.site, &mut self.scratch, out, false);
        // The status is one of ours and nothing was sent before: this cannot be out of order.
        let _ = x.send_error_with(status, message, None);
        let ending = x.into_ending();
        debug_assert!(ending.spilled.is_none(), "an error page fits behind the room that every turn keeps");
        self.log(peer, line, status, stage);
    }
}
