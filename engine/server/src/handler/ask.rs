//! What a handler waits for without blocking, and what arrives.

use slipring_ring::{FileError, FileId, FileStat, Listing, RootId, RunError};

use super::{HandlerError, JobOutput, ProgramError, Spoke, WriterError};

/// A thing to be done by the ring; made by the `ask_` methods of [`super::Exchange`]. One is open per exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Open the path that the exchange was given with it.
    Open {
        /// Beneath which root.
        root: RootId,
    },
    /// Read a part of an open file.
    Read {
        /// Which.
        file: FileId,
        /// First byte.
        offset: u64,
        /// At most so many bytes, and at most one transfer buffer.
        len: u32,
    },
    /// List an open directory.
    List {
        /// Which.
        file: FileId,
    },
    /// Run the job that the exchange was given with it, in the worker pool.
    Job,
    /// Run the job that the exchange was given with it, until it writes the first bytes of the answer.
    Writer,
    /// Wait for another exchange's ask.
    After {
        /// That ask's tag, as its exchange gave it to this handler.
        tag: u32,
    },
    /// Start the program that the exchange was given with it, with the request's body as its standard input.
    Program,
    /// More of that program's output.
    Output,
}

/// The answer to an [`Ask`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Arrived<'a> {
    /// The file, and what it was when it was opened. It belongs to the exchange and is closed with it.
    Opened(Result<(FileId, FileStat), FileError>),
    /// The bytes (none at the end of the file), and what the file is now, behind the read.
    Read(Result<(&'a [u8], FileStat), FileError>),
    /// The names.
    Listed(Result<&'a Listing, FileError>),
    /// The ask that this exchange waited for is over: its exchange asked for something else, answered, or is gone.
    Over,
    /// What the program has said so far.
    Spoke(Result<Spoke<'a>, ProgramError>),
    /// What the job returned, or why it did not come to its end.
    Ran(Result<JobOutput, RunError>),
    /// The job that writes the answer has written something, or has ended; or why it wrote nothing.
    Writes(Result<(), WriterError>),
}

impl Arrived<'_> {
    /// The value that a job returned.
    ///
    /// # Errors
    /// The job failed (returned from `resume`, the peer sees a 500, or a 503 when the worker pool was full), it returned
    /// another type, or what arrived is no job's.
    pub fn output<T: 'static>(self) -> Result<T, HandlerError> {
        match self {
            Self::Ran(Ok(output)) => output.take(),
            Self::Ran(Err(error)) => Err(HandlerError::Job(error)),
            _ => Err(HandlerError::OtherOutput),
        }
    }

    /// A job writes: its answer can be begun, and [`super::Exchange::end_headers_writer`] ends its head.
    ///
    /// # Errors
    /// The job wrote nothing: it failed (returned from `resume`, the peer sees a 500) or there was no worker for it (a
    /// 503); or what arrived is no job's writing.
    pub fn writes(self) -> Result<(), HandlerError> {
        match self {
            Self::Writes(Ok(())) => Ok(()),
            Self::Writes(Err(WriterError::Run(error))) => Err(HandlerError::Job(error)),
            Self::Writes(Err(WriterError::Failed(kind))) => Err(HandlerError::Failed(kind)),
            _ => Err(HandlerError::OtherOutput),
        }
    }
}
