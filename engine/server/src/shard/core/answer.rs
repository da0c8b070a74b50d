//! One request answered: the handler's function runs, and what it wrote is kept.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use slipring_ring::{Peer, RunError, SlotBytes};
use slipring_wire::command::Command;
use slipring_wire::error::Quoted;
use slipring_wire::target::TargetForm;

use super::hooks::message_of;
use super::logging::Written;
use super::{Answer, Core, LED_BY_SCRIPTS, OutOfSlot, Resumed};
use crate::conn::Held;
use crate::handler::{
    Answered, Arrived, Commands, Ending, Exchange, Failure, Handler, HandlerError, Output, Reply, Request, Waits,
};
use crate::log::CacheUse;

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
        held: &mut Held,
        tag: u32,
        arrived: Arrived<'_>,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
    ) -> Resumed {
        self.parse_held(held);
        self.scratch.spooled = held.spooled;
        let mut answer = self.run(peer, &held.head, &held.body, held.unread, slot, stage, |handler, _, x| {
            handler.resume(x, tag, arrived)
        });
        if let Answer::Elsewhere = answer {
            answer = self.answer_elsewhere(peer, held, slot, stage);
        }
        match answer {
            Answer::Elsewhere => unreachable!("{LED_BY_SCRIPTS}"),
            Answer::InSlot { close } => Resumed::Answered { close },
            Answer::Outside(out) => Resumed::Body(out),
            Answer::Waits(ask, tag) => Resumed::Waits(ask, tag),
        }
    }

    /// Makes an exchange, lets `act` answer it, and keeps what it wrote. Decision 11 is here: a panic is a 500.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "a step's own, passed through")]
    pub(super) fn run(
        &mut self,
        peer: Peer,
        bytes: &[u8],
        body: &[u8],
        close: bool,
        slot: &mut SlotBytes<'_>,
        stage: &mut Vec<u8>,
        act: impl FnOnce(&mut H, &'static Commands<H>, &mut Exchange<'_>) -> Reply,
    ) -> Answer {
        let start = *slot.len;
        self.scratch.cache = CacheUse::None;
        let request = Request { head: &self.head, bytes, body, peer };
        let keep_alive =
            self.head.keep_alive() && !close && !self.draining && self.requests_left.is_none_or(|left| left > 1);
        let out = Output::new(slot.bytes, slot.len);
        let mut x = Exchange::new(request, &self.site, &mut self.scratch, out, keep_alive);
        let (handler, commands) = (&mut self.handler, self.commands);
        let mut failed = None;
        match catch_unwind(AssertUnwindSafe(|| act(handler, commands, &mut x))) {
            Ok(Ok(Answered(Waits::Ask(ask, tag)))) => {
                x.keep_informational();
                self.scratch.spooled = 0;
                self.stage_messages(peer, stage);
                return Answer::Waits(ask, tag);
            }
            Ok(Ok(Answered(Waits::Elsewhere))) => {
                x.keep_informational();
                self.stage_messages(peer, stage);
                return Answer::Elsewhere;
            }
            Ok(Ok(Answered(Waits::Nothing))) if x.is_answered() => {}
            other => failed = Some(fail(&mut x, other)),
        }
        let ending = x.into_ending();
        self.scratch.spooled = 0;
        if let Some(failed) = failed {
            self.after_failure(peer, bytes, body, failed);
        }
        self.unframed |= ending.unframed;
        self.metrics.requests += 1;
        self.count_answer();
        let logged_from = stage.len();
        let written = Written::of(&ending, start, *slot.len);
        self.log(peer, bytes, written, stage);
        keep(ending, stage, logged_from)
    }

    /// A handler that panicked is made anew; then it hears of the failure.
    #[cold]
    fn after_failure(&mut self, peer: Peer, bytes: &[u8], body: &[u8], failed: Failed) {
        match failed {
            Failed::Panicked(payload) => {
                self.replace_handler();
                self.tell_failure(peer, bytes, body, Failure::Panicked(message_of(&*payload)));
            }
            Failed::Returned(error) => self.tell_failure(peer, bytes, body, Failure::Returned(error)),
            Failed::Unanswered => self.tell_failure(peer, bytes, body, Failure::Unanswered),
        }
    }
}

/// How a handler's function failed.
enum Failed {
    Panicked(Box<dyn Any + Send>),
    Returned(HandlerError),
    Unanswered,
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
fn fail(x: &mut Exchange<'_>, result: Result<Reply, Box<dyn Any + Send>>) -> Failed {
    x.restart();
    let failed = match result {
        Ok(Err(error)) => Failed::Returned(error),
        Ok(Ok(_)) => Failed::Unanswered,
        Err(payload) => Failed::Panicked(payload),
    };
    let status = match failed {
        Failed::Returned(HandlerError::Job(RunError::Full | RunError::NoThread | RunError::NoPool)) => 503,
        _ => 500,
    };
    match &failed {
        Failed::Returned(error) => x.log_error(format_args!("the handler failed: {error}")),
        Failed::Panicked(payload) => x.log_error(format_args!("the handler panicked: {}", message_of(&**payload))),
        Failed::Unanswered => x.log_error(format_args!("the handler returned without an answer")),
    }
    x.close();
    let _ = x.send_error(status);
    failed
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
