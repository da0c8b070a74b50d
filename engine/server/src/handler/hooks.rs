//! What the hooks of a handler are told.

use slipring_ring::Peer;

use super::HandlerError;
use crate::log::LoggedRequest;

/// Why an exchange failed; for [`super::Handler::handle_error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure<'a> {
    /// The handler panicked, with this message. It was made anew before the hook is called.
    Panicked(&'a str),
    /// Its function returned this error.
    Returned(HandlerError),
    /// Its function returned without an answer.
    Unanswered,
}

/// A line on its way to the log; for [`super::Handler::log_message`] and [`super::Handler::log_error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogMessage<'a> {
    /// Whose request it is about.
    pub client_address: Peer,
    /// The message, without client, date and line end. Controls are still in it: they are escaped when it is written.
    pub text: &'a [u8],
}

/// The hook of [`super::Handler::LOG_REQUEST`]. `false` keeps the request's line out of the access log.
pub type LogRequest<H> = fn(&mut H, &LoggedRequest<'_>) -> bool;
