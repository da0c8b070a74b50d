//! Blocking work: what a handler gives to the worker pool, and what comes back.

use std::any::Any;
use std::fmt;
use std::io::{self, Cursor, Read, Take};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slipring_ring::{FileError, FileReader, Task};

use super::HandlerError;

/// A job while it runs, in a thread of the worker pool: there it may block.
///
/// Made by [`super::Exchange::ask_job`]. It has the request's body; whatever else of the request the work needs is moved
/// into its closure.
#[derive(Debug)]
pub struct Job {
    body: JobBody,
}

/// Where a job reads its request's body.
#[derive(Debug)]
pub(crate) enum JobBody {
    /// In memory, which comes back with the job.
    Memory(Cursor<Vec<u8>>),
    /// In a spool of so many bytes.
    Spool(Take<FileReader>),
    /// It was spooled and cannot be had.
    Lost(FileError),
}

impl JobBody {
    pub(crate) fn memory(bytes: Vec<u8>) -> Self {
        Self::Memory(Cursor::new(bytes))
    }

    pub(crate) fn spool(reader: Result<FileReader, FileError>, len: u64) -> Self {
        reader.map_or_else(Self::Lost, |reader| Self::Spool(reader.take(len)))
    }

    /// The memory that it was lent.
    fn into_memory(self) -> Vec<u8> {
        match self {
            Self::Memory(bytes) => bytes.into_inner(),
            Self::Spool(_) | Self::Lost(_) => Vec::new(),
        }
    }
}

impl Read for JobBody {
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => bytes.read(place),
            Self::Spool(spool) => spool.read(place),
            Self::Lost(error) => Err(io::Error::other(*error)),
        }
    }
}

impl Job {
    /// The request's body, in memory or in a spool, from where the last read stopped; it ends where the body ends (row
    /// S41).
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

    /// The task for the worker pool, and where its result will lie. `body` is the request's; its memory comes back with it.
    pub(crate) fn begin(self, body: JobBody) -> (Task, JobResult) {
        let result = JobResult::default();
        let place = result.clone();
        let task = Task::new(move || {
            let mut job = Job { body };
            let output = (self.0)(&mut job);
            *place.lock() = Some((output, job.body.into_memory()));
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
