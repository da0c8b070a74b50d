//! Answers of the engine's own: to what is no request, to what is not allowed, to what came too late.

use slipring_ring::{Peer, SlotBytes};
use slipring_wire::error::{Reject, RejectReason};
use slipring_wire::limits::Limits;
use slipring_wire::request::{Parsed, RequestHead, Tolerance};

use super::Core;
use super::logging::Written;
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
            log::stage_message(stage, peer, b"TLS on a plain port");
            return;
        }
        let message = reject.message(rest).to_string();
        let explain = reject.explain(&self.rules.limits);
        let line = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.answer_blank(peer, Asker::Line(line), reject.status, (Some(&message), explain.as_deref()), slot, stage);
    }

    /// Refuses a request that was understood; its head is in `self.head`.
    pub(super) fn refuse(
        &mut self,
        peer: Peer,
        bytes: &[u8],
        status: u16,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) {
        self.metrics.rejected += 1;
        self.answer_blank(peer, Asker::Head(bytes), status, (None, None), slot, stage);
    }

    /// Answers a request that did not come in time, or cannot be taken.
    pub(in crate::shard) fn answer_unasked(
        &mut self,
        peer: Peer,
        status: u16,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) {
        self.begun = self.scratch.now;
        self.answer_blank(peer, Asker::Line(b""), status, (None, None), slot, stage);
    }

    /// Answers with message and explanation, or the status' own. What asks by HEAD gets no page (row R1).
    fn answer_blank(
        &mut self,
        peer: Peer,
        asker: Asker<'_>,
        status: u16,
        (message, explain): (Option<&str>, Option<&str>),
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) {
        let start = *slot.len;
        let head = if asker.asks_by_head() { &self.blank_head } else { &self.blank };
        let request = Request { head, bytes: &[], body: &[], peer };
        let out = Output::new(slot.bytes, slot.len);
        let mut x = Exchange::new(request, &self.site, &mut self.scratch, out, false);
        // The status is one of ours and nothing was sent before: this cannot be out of order.
        let _ = x.send_error_with(status, message, explain);
        let ending = x.into_ending();
        self.count_answer();
        debug_assert!(ending.spilled.is_none(), "an error page fits behind the room that every turn keeps");
        let written = Written::of(&ending, start, *slot.len);
        match asker {
            Asker::Line(line) => self.log_line(peer, line, written, stage),
            Asker::Head(bytes) => self.log(peer, bytes, written, stage),
        }
    }
}

/// What is known of who is answered.
#[derive(Clone, Copy)]
enum Asker<'a> {
    /// The first line that came.
    Line(&'a [u8]),
    /// The bytes of the head that was parsed.
    Head(&'a [u8]),
}

impl Asker<'_> {
    fn asks_by_head(&self) -> bool {
        let (Self::Line(bytes) | Self::Head(bytes)) = self;
        bytes.trim_ascii_start().starts_with(b"HEAD ")
    }
}

/// The head of a request for nothing but a head.
pub(super) fn asked_by_head() -> RequestHead {
    let mut head = RequestHead::new();
    let parsed = head.parse(b"HEAD / HTTP/1.0\r\n\r\n", &Limits::COMMAND, Tolerance::Strict);
    debug_assert!(parsed == Parsed::Complete, "it is a whole head");
    head
}
