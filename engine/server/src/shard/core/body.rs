//! Requests with a body: what it is for, its bytes, and the answer once it is there.

use slipring_ring::{Instant, Peer, SlotBytes};
use slipring_wire::body::framing::BodyFraming;
use slipring_wire::request::Expect;

use super::{Answer, Core, HELD_BYTES_KEPT_MAX, HELD_KEPT_MAX, LED_BY_SCRIPTS, Step, Stop};
use crate::conn::{BodyStep, Conn, Held, Keep};
use crate::handler::{Admit, Handler};

impl<H: Handler> Core<H> {
    /// A head announced a body: what is it for, and may it come?
    #[expect(clippy::too_many_arguments, reason = "a step's own, passed through")]
    pub(super) fn admit(
        &mut self,
        conn: &mut Conn,
        peer: Peer,
        now: Instant,
        bytes: &[u8],
        body_here: bool,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Step {
        let expect = self.head.expect();
        let admit = if expect == Expect::Unknown { Admit::Reject(417) } else { self.ask_admit(peer, bytes) };
        let keep = match admit {
            Admit::Discard => Keep::Nothing,
            Admit::Memory(max) => Keep::Memory(max),
            Admit::Spool(max) => Keep::Spool(max),
            Admit::Reject(status) => {
                self.refuse(peer, bytes, status, slot, stage);
                return Step::Stop(bytes.len(), Stop::Close { linger: true });
            }
        };
        // A body of no bytes is here already: nothing to go on with (RFC 9110 section 10.1.1).
        let body_here = body_here || self.head.framing() == BodyFraming::Length(0);
        let asks_first = expect == Expect::Continue && !body_here;
        let held = self.take_held();
        conn.begin_body(now, &self.head, keep, held, bytes);
        if asks_first {
            if keep == Keep::Nothing {
                // Nobody wants the body: the final answer comes at once, and what follows it is not a request.
                let held = conn.take_held().unwrap_or_default();
                return self.answer_held(peer, held, true, bytes.len(), slot, stage);
            }
            // A length that is too long is refused below, before the peer is asked for it.
            if let BodyStep::Reject { status } = conn.poll_body(now, &[], &self.rules) {
                self.refuse(peer, bytes, status, slot, stage);
                return Step::Stop(bytes.len(), Stop::Close { linger: true });
            }
            slot.extend(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        Step::Next(bytes.len())
    }

    pub(super) fn body_step(
        &mut self,
        conn: &mut Conn,
        peer: Peer,
        now: Instant,
        rest: &[u8],
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Step {
        match conn.poll_body(now, rest, &self.rules) {
            BodyStep::More { consumed } => Step::Stop(consumed, Stop::Input),
            BodyStep::Spill { consumed } => Step::Stop(consumed, Stop::Spill),
            BodyStep::Complete { consumed } => {
                let held = conn.take_held().unwrap_or_default();
                let spooled = held.spooled > 0;
                match self.answer_held(peer, held, false, consumed, slot, stage) {
                    Step::Stop(bytes, Stop::Close { linger }) => {
                        Step::Stop(bytes, Stop::Close { linger: linger || rest.len() > consumed })
                    }
                    // The spool is let go between two turns.
                    Step::Next(bytes) if spooled => Step::Stop(bytes, Stop::Room),
                    step => step,
                }
            }
            BodyStep::Unread { consumed } => {
                let held = conn.take_held().unwrap_or_default();
                self.answer_held(peer, held, true, consumed, slot, stage)
            }
            BodyStep::Reject { status } => {
                let held = conn.take_held().unwrap_or_default();
                self.parse_held(&held);
                self.refuse(peer, &held.head, status, slot, stage);
                self.give_held(held);
                Step::Stop(rest.len(), Stop::Close { linger: true })
            }
        }
    }

    /// Answers a request that is held; `unread`: its body was not read to the end.
    pub(super) fn answer_held(
        &mut self,
        peer: Peer,
        mut held: Held,
        unread: bool,
        consumed: usize,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Step {
        held.unread = unread;
        self.parse_held(&held);
        self.scratch.spooled = held.spooled;
        match self.answer(peer, &held.head, &held.body, unread, slot, stage) {
            Answer::InSlot { close } => {
                self.give_held(held);
                if close { Step::Stop(consumed, Stop::Close { linger: unread }) } else { Step::Next(consumed) }
            }
            Answer::Outside(out) => {
                self.give_held(held);
                Step::Stop(consumed, Stop::Body(out.lingering(unread)))
            }
            Answer::Waits(ask, tag) => Step::Stop(consumed, Stop::Ask(ask, tag, held)),
            Answer::Elsewhere => unreachable!("{LED_BY_SCRIPTS}"),
        }
    }

    /// Parses a held head again, into the scratch: it was complete before.
    pub(super) fn parse_held(&mut self, held: &Held) {
        let parsed = self.head.parse(&held.head, &self.rules.limits, self.rules.tolerance);
        debug_assert!(matches!(parsed, slipring_wire::request::Parsed::Complete), "a held head is complete");
        self.begun = held.begun;
    }

    pub(super) fn take_held(&mut self) -> Held {
        Held { begun: self.begun, ..self.held.pop().unwrap_or_default() }
    }

    /// Keeps a request's memory for the next one.
    pub(in crate::shard) fn give_held(&mut self, mut held: Held) {
        let bytes = held.head.capacity() + held.body.capacity();
        if self.held.len() < HELD_KEPT_MAX && bytes <= HELD_BYTES_KEPT_MAX {
            held.head.clear();
            held.body.clear();
            (held.unread, held.turns) = (false, 0);
            self.held.push(held);
        }
    }
}
