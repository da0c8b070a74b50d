//! A request answered as if it had been for another target: where a script's `Location` leads inside this server
//! (RFC 3875 section 6.2.2).

use slipring_ring::{Peer, SlotBytes};
use slipring_wire::command::Command;
use slipring_wire::request::{Parsed, RequestHead};
use slipring_wire::version::Version;

use super::{Answer, Core};
use crate::conn::Held;
use crate::handler::Handler;

/// How often one request is led elsewhere.
const TURNS_MAX: u8 = 8;

impl<H: Handler> Core<H> {
    /// Answers a held request as if its target had been the one in the scratch. Its connection ends or goes on as it would
    /// have before.
    #[cold]
    pub(super) fn answer_elsewhere(
        &mut self,
        peer: Peer,
        held: &mut Held,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Answer {
        held.turns += 1;
        let head = head_for(&self.head, &held.head, &self.scratch.path);
        held.unread |= !self.head.keep_alive();
        let parsed = self.head.parse(&head, &self.rules.limits, self.rules.tolerance);
        if held.turns > TURNS_MAX || parsed != Parsed::Complete {
            self.parse_held(held);
            return self.run(peer, &held.head, &held.body, held.unread, slot, stage, |_, _, x| {
                x.log_error(format_args!("CGI script: its Location leads nowhere"));
                x.send_error(502)
            });
        }
        (held.head, held.spooled) = (head, 0);
        held.body.clear();
        self.answer(peer, &held.head, &held.body, held.unread, slot, stage)
    }
}

/// The head of a GET (or HEAD) for `target` with the fields of a request, but for those of its body.
fn head_for(head: &RequestHead, bytes: &[u8], target: &[u8]) -> Vec<u8> {
    let method: &[u8] = if head.command() == Command::Head { b"HEAD " } else { b"GET " };
    let mut lines = [method, target].concat();
    if head.version() == Version::Http09 {
        lines.extend_from_slice(b"\r\n");
        return lines;
    }
    for part in [b" ", head.version().name().as_bytes(), b"\r\n"] {
        lines.extend_from_slice(part);
    }
    for field in head.fields(bytes).iter().filter(|field| !is_of_body(field.name)) {
        for part in [field.name, b": ", field.value, b"\r\n"] {
            lines.extend_from_slice(part);
        }
    }
    lines.extend_from_slice(b"\r\n");
    lines
}

fn is_of_body(name: &[u8]) -> bool {
    let is_content = name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
    is_content
        || [&b"transfer-encoding"[..], b"trailer", b"te", b"expect"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
}
