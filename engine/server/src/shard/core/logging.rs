//! What is kept of an answer for the logs, until it has left.

use slipring_ring::Peer;

use super::Core;
use crate::conn::Held;
use crate::handler::{Ending, Handler, LogMessage, MessageKind};
use crate::log::{AccessRecord, Asked, Known, Left, Sending, stage_message, tell_requests};

/// What an answer consists of.
#[derive(Clone, Copy)]
pub(super) struct Written {
    status: u16,
    /// Bytes before it in its slot.
    start: u32,
    head_bytes: u32,
    body_bytes: u64,
}

impl Written {
    /// The answer that this ending left in a slot, which it filled from `start` to `end`.
    #[inline]
    pub(super) fn of(ending: &Ending, start: u32, end: u32) -> Self {
        let here = ending.spilled.as_ref().map_or(u64::from(end - start), |spilled| spilled.len() as u64);
        let head = if ending.body.is_none() { here.saturating_sub(ending.body_bytes) } else { here };
        Self { status: ending.status.code(), start, head_bytes: head as u32, body_bytes: ending.body_bytes }
    }
}

impl<H: Handler> Core<H> {
    /// Keeps what there is to say of the request in `self.head`, whose bytes these are.
    #[inline]
    pub(super) fn log(&mut self, peer: Peer, bytes: &[u8], written: Written, stage: &mut Vec<u8>) {
        self.stage_messages(peer, stage);
        if self.format.is_none() && H::LOG_REQUEST.is_none() {
            return;
        }
        let asked = Asked { line: self.head.request_line(bytes), head: Some((&self.head, bytes)) };
        self.stage_access(peer, asked, written, stage);
    }

    /// The same for what is no request.
    pub(super) fn log_line(&mut self, peer: Peer, line: &[u8], written: Written, stage: &mut Vec<u8>) {
        self.stage_messages(peer, stage);
        self.stage_access(peer, Asked { line, head: None }, written, stage);
    }

    /// The peer is gone and its handler still waits: the request stands in the log with the status that nginx gave such
    /// requests.
    pub(in crate::shard) fn log_abandoned(&mut self, peer: Peer, held: &Held, stage: &mut Vec<u8>) {
        const CLIENT_CLOSED_REQUEST: u16 = 499;
        self.parse_held(held);
        // A head that never left makes it an answer that did not reach its end.
        let written = Written { status: CLIENT_CLOSED_REQUEST, start: 0, head_bytes: 1, body_bytes: 0 };
        self.log(peer, &held.head, written, stage);
    }

    /// Tells the handler of the answers in a stage that has left, or never will, if it has the hook for it (row S58).
    #[inline]
    pub(in crate::shard) fn tell_left(&mut self, stage: &mut [u8], left: Left) {
        if let Some(hook) = H::LOG_REQUEST {
            let now = self.scratch.now;
            tell_requests(stage, left, now, |request| self.guard(|handler| hook(handler, request)).unwrap_or(true));
        }
    }

    /// What the handler said goes before the line of its request (row L2).
    #[inline]
    pub(super) fn stage_messages(&mut self, peer: Peer, stage: &mut Vec<u8>) {
        if !self.scratch.messages.is_empty() {
            self.stage_each_message(peer, stage);
        }
    }

    /// What the handler's hooks let through.
    fn stage_each_message(&mut self, peer: Peer, stage: &mut Vec<u8>) {
        let mut messages = std::mem::take(&mut self.scratch.messages);
        for line in messages.split(|&byte| byte == b'\n') {
            let Some((&kind, text)) = line.split_first() else { continue };
            let message = LogMessage { client_address: peer, text };
            let is_error = kind == MessageKind::Error as u8;
            let keep =
                self.guard(|handler| if is_error { handler.log_error(message) } else { handler.log_message(message) });
            if keep.unwrap_or(true) {
                stage_message(stage, peer, text);
            }
        }
        messages.clear();
        self.scratch.messages = messages;
    }

    #[inline]
    fn stage_access(&self, peer: Peer, asked: Asked<'_>, written: Written, stage: &mut Vec<u8>) {
        let Written { status, start, head_bytes, body_bytes } = written;
        let sending = Sending { begun: self.begun, first_byte: None, start, head_bytes, body_bytes };
        let record = AccessRecord { peer, status, cache: self.scratch.cache, sending };
        if H::LOG_REQUEST.is_some() {
            record.stage_for_handler(asked.line, stage);
        }
        let Some(format) = &self.format else { return };
        let known = Known { date: &self.scratch.date, names: self.scratch.names.as_ref() };
        record.stage(format, asked, known, stage);
    }
}
