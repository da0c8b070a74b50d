//! One request answered: the handler's function runs, and what it wrote is kept.

use std::panic::{AssertUnwindSafe, catch_unwind};

use slipring_ring::{Peer, RunError, SlotBytes};
use slipring_wire::command::Command;
use slipring_wire::error::Quoted;
use slipring_wire::target::TargetForm;

use super::{Answer, Core, OutOfSlot, Resumed};
use crate::conn::Held;
use crate::handler::{
    Answered, Arrived, Commands, Ending, Exchange, Handler, HandlerError, Output, Reply, Request, Waits,
};
use crate::log::{self, AccessRecord};

impl<H: Handler> Core<H> {
    /// Dispatches the request in `self.head`.
    #[inline]
    pub(super) fn answer(
        &mut self,
        peer: Peer,
        bytes: &[u8],
        body: &[u8],
        close: bool,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Answer {
        let function = self.commands.function(self.head.command(), self.head.method(bytes));
        self.run(peer, bytes, body, close, slot, stage, |handler, commands, x| match function {
            Some(function) => function(handler, x),
            None => unanswered(commands, x),
        })
    }

    /// Goes on with a held request whose ask was answered.
    pub(in crate::shard) fn resume(
        &mut self,
        peer: Peer,
        held: &Held,
        tag: u32,
        arrived: Arrived<'_>,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Resumed {
        self.parse_held(held);
        let answer = self.run(peer, &held.head, &held.body, held.unread, slot, stage, |handler, _, x| {
            handler.resume(x, tag, arrived)
        });
        match answer {
            Answer::InSlot { close } => Resumed::Answered { close },
            Answer::Outside(out) => Resumed::Body(out),
            Answer::Waits(ask, tag) => Resumed::Waits(ask, tag),
        }
    }

    /// Makes an exchange, lets `act` answer it, and keeps what it wrote. Decision 11 is here: a panic is a 500.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "a step's own, passed through")]
    fn run(
        &mut self,
        peer: Peer,
        bytes: &[u8],
        body: &[u8],
        close: bool,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
        act: impl FnOnce(&mut H, &'static Commands<H>, &mut Exchange<'_>) -> Reply,
    ) -> Answer {
        let request = Request { head: &self.head, bytes, body, peer };
        let keep_alive = self.head.keep_alive() && !close && !self.draining;
        let out = Output::new(slot.bytes, slot.len);
        let mut x = Exchange::new(request, &self.site, &mut self.scratch, out, keep_alive);
        let (handler, commands) = (&mut self.handler, self.commands);
        match catch_unwind(AssertUnwindSafe(|| act(handler, commands, &mut x))) {
            Ok(Ok(Answered(Waits::Ask(ask, tag)))) => return Answer::Waits(ask, tag),
            Ok(Ok(Answered(Waits::Nothing))) if x.is_answered() => {}
            Ok(failed) => fail(&mut x, failed.err()),
            Err(_) => {
                self.handler = (self.factory)();
                self.metrics.panics += 1;
                fail(&mut x, None);
            }
        }
        let ending = x.into_ending();
        self.metrics.requests += 1;
        let logged_from = stage.len();
        self.log(peer, self.head.request_line(bytes), ending.status.code(), stage);
        keep(ending, stage, logged_from)
    }

    #[inline]
    pub(super) fn log(&mut self, peer: Peer, request_line: &[u8], status: u16, stage: &mut Vec<u8>) {
        let date = self.scratch.date.log_text();
        if !self.scratch.messages.is_empty() {
            for text in self.scratch.messages.split(|&byte| byte == b'\n').filter(|text| !text.is_empty()) {
                log::message(stage, peer, date, text);
            }
            self.scratch.messages.clear();
        }
        if self.log_access {
            AccessRecord { peer, date, request_line, status }.write(stage);
        }
    }
}

/// Sorts out where an answer stands.
#[inline]
fn keep(ending: Ending, stage: &mut Vec<u8>, logged_from: usize) -> Answer {
    let Ending { body_bytes, close, spilled, body, body_end, .. } = ending;
    if spilled.is_none() && body.is_none() {
        return Answer::InSlot { close };
    }
    let log = stage.split_off(logged_from);
    Answer::Outside(OutOfSlot { spilled, source: body, body_end, body_bytes, log, close: close.then_some(false) })
}

/// The handler failed: forget what it wrote, say 500 (row E16), or 503 when a job found no worker, and why in the log.
#[cold]
fn fail(x: &mut Exchange<'_>, error: Option<HandlerError>) {
    x.restart();
    let status = match error {
        Some(HandlerError::Job(RunError::Full | RunError::NoThread | RunError::NoPool)) => 503,
        _ => 500,
    };
    match error {
        Some(error) => x.log_error(format_args!("the handler failed: {error}")),
        None => x.log_error(format_args!("the handler failed")),
    }
    x.close();
    let _ = x.send_error(status);
}

/// A command that the handler has no function for (rows S35, E5, U16).
#[cold]
fn unanswered<H: Handler>(commands: &Commands<H>, x: &mut Exchange<'_>) -> Reply {
    let asterisk = x.head().target_form() == TargetForm::Asterisk;
    let mut allow = Vec::new();
    commands.allow(&mut allow);
    match x.head().command() {
        Command::Options if asterisk => x.send_response(204)?.send_header("Allow", &allow)?.end_headers(b""),
        Command::Other => unsupported(x),
        _ if commands.is_empty() => unsupported(x),
        _ => x.send_error_fields(405, None, &[("Allow", &allow)]),
    }
}

fn unsupported(x: &mut Exchange<'_>) -> Reply {
    let message = format!("Unsupported method ({})", Quoted(x.command()));
    x.send_error_with(501, Some(&message), None)
}
