//! Blocking work: what a handler gives to the worker pool, and what comes back.

use std::any::Any;
use std::fmt;
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slipring_ring::Task;

use super::HandlerError;

/// A job while it runs, in a thread of the worker pool: there it may block.
///
/// Made by [`super::Exchange::ask_job`]. It has the request's body; whatever else of the request the work needs is moved
/// into its closure.
#[derive(Debug, Default)]
pub struct Job {
    body: Cursor<Vec<u8>>,
}

impl Job {
    /// The request's body, from where the last read stopped; it ends where the body ends (row S41).
    pub fn rfile(&mut self) -> impl Read + '_ {
        &mut self.body
    }
}

/// What a job came to, of whatever type its closure returned.
pub struct JobOutput(Box<dyn Any + Send>);

impl JobOutput {
    /// The value itself.
    ///
    /// # Errors
    /// [`HandlerError::OtherOutput`] when the job returned another type.
    pub fn take<T: 'static>(self) -> Result<T, HandlerError> {
        self.0.downcast().map(|value| *value).map_err(|_| HandlerError::OtherOutput)
    }
}

impl fmt::Debug for JobOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobOutput")
    }
}

/// A job that nobody has begun.
pub(crate) struct PlannedJob(Box<dyn FnOnce(&mut Job) -> JobOutput + Send>);

impl PlannedJob {
    pub(crate) fn new<T: Send + 'static>(work: impl FnOnce(&mut Job) -> T + Send + 'static) -> Self {
        Self(Box::new(move |job| JobOutput(Box::new(work(job)))))
    }

    /// The task for the worker pool, and where its result will lie. `body` is the request's; it comes back with it.
    pub(crate) fn begin(self, body: Vec<u8>) -> (Task, JobResult) {
        let result = JobResult::default();
        let place = result.clone();
        let task = Task::new(move || {
            let mut job = Job { body: Cursor::new(body) };
            let output = (self.0)(&mut job);
            *place.lock() = Some((output, job.body.into_inner()));
        });
        (task, result)
    }
}

impl fmt::Debug for PlannedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlannedJob")
    }
}

/// Where a finished job leaves its output, and the body that it was lent.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobResult(Arc<Mutex<Option<Finished>>>);

type Finished = (JobOutput, Vec<u8>);

impl JobResult {
    /// What is there; nothing if the job never came to its end.
    pub(crate) fn take(&self) -> Option<Finished> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Finished>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
