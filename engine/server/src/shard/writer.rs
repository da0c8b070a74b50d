//! Jobs that write an answer: what they write is a stream that is woken when there is more of it.
//!
//! The connection holds the job until it has ended, also when nobody wants its answer any more: then its next write fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slipring_ring::{Op, OpKind, Ring, RunError};

use super::asks::Arrival;
use super::table::End;
use super::{Shard, moment};
use crate::handler::{Handler, JobResult, WriterError, Written};

/// A job that writes the answer of a connection.
pub(super) struct Writer {
    written: Written,
    /// Where its result will lie; `None`: it has ended.
    result: Option<JobResult>,
    /// Why it wrote nothing or not all.
    failure: Option<WriterError>,
    /// Its exchange is over.
    abandoned: bool,
}

/// Connections, with their generations, whose jobs have written: told from the jobs' threads.
#[derive(Clone, Default)]
pub(super) struct Callers(Arc<Mutex<Vec<(u32, u32)>>>);

impl Callers {
    fn lock(&self) -> MutexGuard<'_, Vec<(u32, u32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    pub(super) fn is_running(&self) -> bool {
        self.result.is_some()
    }

    /// What the handler is to be told, when there is anything to tell.
    fn news(&self) -> Option<Result<(), WriterError>> {
        match self.failure {
            _ if self.written.has_begun() => Some(Ok(())),
            Some(failure) => Some(Err(failure)),
            None => (!self.is_running()).then_some(Ok(())),
        }
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Hands a job that writes to the worker pool, with the request's body.
    pub(super) fn start_writer(&mut self, index: u32) {
        let now = self.ring.now();
        let body = self.lend_body(index);
        let (callers, waker) = (self.callers.clone(), self.ring.waker());
        let Some(entry) = self.table.get(index) else { return };
        let (token, caller) = (entry.token(OpKind::Run, index), (index, entry.generation));
        let Some(job) = self.core.scratch.writer.take() else { return };
        let (task, result, written) = job.begin(body, move || {
            callers.lock().push(caller);
            waker.wake();
        });
        entry.writer = Some(Box::new(Writer { written, result: Some(result), failure: None, abandoned: false }));
        entry.conn.begin_job(now, &self.core.rules);
        entry.in_flight += 1;
        self.ring.submit(token, Op::Run { task });
        self.arm_timer(index);
    }

    /// Goes on with the exchanges whose jobs called.
    pub(super) fn serve_callers(&mut self) {
        let callers = std::mem::take(&mut *self.callers.lock());
        for (index, generation) in callers {
            if self.table.get(index).is_some_and(|entry| entry.generation == generation) {
                self.hear_writer(index);
            }
        }
    }

    /// A job has written, or has ended: its handler begins the answer, or the stream goes on.
    fn hear_writer(&mut self, index: u32) {
        let Some(entry) = self.table.get(index).filter(|entry| entry.end != End::Cancelling) else { return };
        let Some(writer) = entry.writer.as_ref().filter(|writer| !writer.abandoned) else { return };
        match (&entry.ask, writer.news()) {
            (Some(open), Some(news)) if open.awaits_writer => self.resume(index, Arrival::Writes(news)),
            (Some(_), _) => {}
            (None, _) => self.wake_stream(index),
        }
    }

    /// The job of a writer ended, or was never begun.
    pub(super) fn on_writer_ran(&mut self, index: u32, result: Result<(), RunError>) {
        let Some(entry) = self.table.get(index) else { return };
        let Some(writer) = &mut entry.writer else { return };
        let left = writer.result.take().and_then(|result| result.take());
        if entry.end == End::Cancelling {
            return self.finish_teardown(index);
        }
        if writer.abandoned {
            entry.writer = None;
            return self.after_answers(index);
        }
        let ended = match (result, left) {
            (Ok(()), Some((output, body))) => {
                if let Some(open) = &mut entry.ask {
                    open.held.body = body;
                }
                output.take::<std::io::Result<()>>().ok()
            }
            (Ok(()), None) => None,
            (Err(error), _) => {
                writer.failure = Some(error.into());
                Some(Ok(()))
            }
        };
        match ended {
            Some(Ok(())) => {}
            Some(Err(error)) => writer.failure = Some(WriterError::Failed(error.kind())),
            None => writer.failure = Some(RunError::Panicked.into()),
        }
        writer.written.end(writer.failure.is_none());
        if let (Some(failure), true) = (writer.failure, writer.written.has_begun()) {
            let text = format!("the job that wrote an answer failed: {failure}");
            let at = moment(&self.core.scratch);
            self.logs.message(&mut self.ring, entry.peer, text.as_bytes(), at, &mut self.core.metrics);
        }
        self.hear_writer(index);
    }

    /// What a job has written and will write, for the stream of its answer.
    pub(super) fn written(&mut self, index: u32) -> Option<Written> {
        let writer = self.table.get(index)?.writer.as_ref()?;
        (!writer.abandoned).then(|| writer.written.clone())
    }

    /// Nobody takes any more what a job writes: the exchange is over, or was answered otherwise. The connection goes on
    /// when the job has ended.
    pub(super) fn let_writer_go(&mut self, index: u32) {
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return };
        let Some(writer) = &mut entry.writer else { return };
        writer.written.let_go();
        writer.abandoned = true;
        if writer.is_running() {
            entry.conn.begin_job(now, &self.core.rules);
            self.arm_timer(index);
        } else {
            entry.writer = None;
        }
    }
}
