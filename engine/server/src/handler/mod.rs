//! The programming model: commands dispatched to functions that answer an exchange.
//!
//! The words are those of Python's BaseHTTPServer: a request's command `SPAM` is answered by the function that stands
//! under `SPAM` in the handler's table, names are case-sensitive (rows S17, S33-S37), and the function writes its answer
//! with `send_response`, `send_header`, `end_headers`, `send_error`.

mod added_fields;
mod ask;
mod body_source;
mod commands;
mod error_page;
mod exchange;
mod headers;
mod hooks;
mod job;
mod media_type;
mod output;
mod program;
mod request;
mod writer;

pub use added_fields::{ADDED_BYTES_MAX, AddedFieldError, AddedFields};
pub use ask::{Arrived, Ask};
pub use body_source::{BodyEnd, BodySource};
pub use commands::{Commands, Function};
pub use error_page::{ErrorPage, Explained, error_page, escape_html};
pub(crate) use exchange::Waits;
pub use exchange::{Answered, Ending, Exchange};
pub use headers::Headers;
pub use hooks::{Failure, LogMessage, LogRequest};
pub use job::{Job, JobOutput};
pub(crate) use job::{JobBody, JobResult, PlannedJob};
pub use media_type::MediaType;
pub use output::Output;
pub use program::{ProgramError, Spoke};
pub(crate) use request::MessageKind;
pub use request::{Request, Scratch, Site};
pub use writer::{JobWriter, WriterError};
pub(crate) use writer::{PlannedWriter, Written};

use std::any::Any;

use slipring_ring::{Peer, RunError};
use thiserror::Error;

/// Answers exchanges. One per shard, made by the factory that [`crate::Server::serve`] was given, and made anew after a
/// panic in it; it is never shared.
pub trait Handler: Sized + 'static {
    /// Which function answers which command. Built at compile time; a command that stands in it twice does not compile.
    const COMMANDS: Commands<Self>;

    /// The hook for answers that have left, with the code and the size that really left (row S58): it is called before the
    /// request's line is written, whether there is an access log or not. Set it to `Some(Self::log_request)`, or whatever
    /// the function's name is. A constant, as the table of commands is one: without the hook nothing is kept for it.
    const LOG_REQUEST: Option<LogRequest<Self>> = None;

    /// What to do with a request's body, asked when the head is complete. By default GET, HEAD and what is not in the
    /// table discard it, everything else gets it in memory.
    fn admit(&mut self, request: &Request<'_>) -> Admit {
        Self::COMMANDS.admit(request)
    }

    /// Goes on with an exchange whose [`Ask`] was answered; `tag` is the ask's own.
    ///
    /// # Errors
    /// As of the command's function.
    fn resume(&mut self, x: &mut Exchange<'_>, tag: u32, arrived: Arrived<'_>) -> Reply {
        let _ = (tag, arrived);
        x.send_error(500)
    }

    /// The exchange that made the ask with this tag is gone; what it left in the handler can go too.
    fn abandoned(&mut self, tag: u32) {
        let _ = tag;
    }

    // Hooks of a connection, as SocketServer has them. A panic in any of them is caught as in a function.

    /// Whether to talk to this peer at all, asked when it was accepted (row V11). One that is turned away is closed at
    /// once.
    fn verify_request(&mut self, client_address: Peer) -> bool {
        let _ = client_address;
        true
    }

    /// Makes the state of a new connection, which lives as long as it and which [`Exchange::state`] shows to each of its
    /// exchanges (row V19). By default a connection has none.
    fn setup(&mut self, client_address: Peer) -> Option<Box<dyn Any>> {
        let _ = client_address;
        None
    }

    /// A connection that had state is gone.
    fn finish(&mut self, client_address: Peer, state: Box<dyn Any>) {
        let _ = (client_address, state);
    }

    /// An exchange failed (row V13, decision 11): its peer gets a 500, the log has a line, the server goes on.
    fn handle_error(&mut self, request: &Request<'_>, failure: Failure<'_>) {
        let _ = (request, failure);
    }

    /// No request came within the server's [`timeout`](crate::Server::timeout) (row V9); then it ends.
    fn handle_timeout(&mut self) {}

    /// Called about once a second while the shard is awake, between exchanges (row V12).
    fn service_actions(&mut self) {}

    // Logs.

    /// Sees what [`Exchange::log_error`] and the engine's own errors say, before it is written (row S53). `false` keeps it
    /// out of the log. By default it goes where every message goes.
    fn log_error(&mut self, message: LogMessage<'_>) -> bool {
        self.log_message(message)
    }

    /// Sees every message before it is written (rows S55 to S57). `false` keeps it out of the log.
    fn log_message(&mut self, message: LogMessage<'_>) -> bool {
        let _ = message;
        true
    }
}

/// What a command's function returns: an answer, or what it waits for, or why it failed (the peer gets a 500).
pub type Reply = Result<Answered, HandlerError>;

/// What to do with a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    /// Read and forget it, up to the server's discard limit; beyond, the connection closes after the answer.
    Discard,
    /// Keep it in memory, at most so many bytes; beyond, the answer is 413.
    Memory(u64),
    /// Keep it, at most so many bytes; beyond, the answer is 413. What is longer than memory should hold (64 KiB, in the
    /// server's rules) goes into a file without a name, which goes with the exchange: then [`Exchange::body`] is empty, and
    /// the body is read inside a job, by [`Job::rfile`].
    Spool(u64),
    /// Refuse it with this status.
    Reject(u16),
}

/// How a handler misused its exchange. The peer sees a 500; the log says what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HandlerError {
    /// `send_response` was called twice, or a field came before it.
    #[error("the response line comes first, and once")]
    OutOfOrder,
    /// A status outside 100 to 999.
    #[error("{0} is no status code")]
    InvalidStatus(u16),
    /// A field name that is no token, or CR, LF or NUL in a value (row E9).
    #[error("a field has an invalid name or value")]
    InvalidField,
    /// The Content-Length that was sent is not the body's.
    #[error("Content-Length says {announced}, the body has {actual} bytes")]
    LengthMismatch {
        /// As the handler sent it.
        announced: u64,
        /// Of the body.
        actual: u64,
    },
    /// A job did not come to its end. The peer sees a 503 when there was no worker for it.
    #[error("the job failed: {0}")]
    Job(RunError),
    /// A job that was to write an answer failed before it wrote anything, with an error of this kind.
    #[error("the job failed: {0}")]
    Failed(std::io::ErrorKind),
    /// A job's output was taken for another type than it has, or what arrived is no job's.
    #[error("the job has no output of this type")]
    OtherOutput,
}
