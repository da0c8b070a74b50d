//! Interim answers: heads of the 1xx class that leave before the answer itself (row E13).

use slipring_wire::response::Status;
use slipring_wire::version::Version;

use super::{Exchange, State, invalid};
use crate::handler::HandlerError;

impl Exchange<'_> {
    /// Sends an interim head, such as 103 Early Hints, before the answer is begun. It leaves as soon as the handler's
    /// function returns: with the answer, or alone when the function [asks](crate::Ask) for something first.
    ///
    /// A peer that speaks an older version than HTTP/1.1 gets none (RFC 9110 section 15.2), and a server that answers as
    /// HTTP/1.0 sends none. One that finds no room in the send slot is left out: the answer says everything.
    ///
    /// # Errors
    /// Behind `send_response`; a code that is not of the 1xx class, or is 101, which hands the connection over; an invalid
    /// field, or one that speaks of a body or of the connection.
    pub fn send_informational(&mut self, code: u16, fields: &[(&str, &[u8])]) -> Result<&mut Self, HandlerError> {
        if self.state != State::Start {
            return Err(HandlerError::OutOfOrder);
        }
        let status = Status::new(code).filter(|status| status.is_informational() && code != SWITCHING_PROTOCOLS);
        let status = status.ok_or(HandlerError::InvalidStatus(code))?;
        let written = self.write_informational(status, fields);
        let fits = self.out.fits(0);
        if written.is_err() || !fits || self.site.http10 || self.request.version() < Version::Http11 {
            self.out.truncate(self.interim);
        }
        self.interim = self.out.written();
        written.map(|()| self)
    }

    /// Written always, so that a wrong field is told whoever asks.
    fn write_informational(&mut self, status: Status, fields: &[(&str, &[u8])]) -> Result<(), HandlerError> {
        self.out.head(|head| head.status_line(false, status, None)).map_err(invalid)?;
        for (name, value) in fields {
            if OF_THE_ANSWER.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
                return Err(HandlerError::InvalidField);
            }
            self.out.head(|head| head.field(name.as_bytes(), value)).map_err(invalid)?;
        }
        self.out.extend(b"\r\n");
        Ok(())
    }

    /// The exchange goes on waiting: interim heads leave meanwhile, and nothing else.
    pub(crate) fn keep_informational(mut self) {
        self.out.truncate(self.interim);
        let spilled = self.out.finish();
        debug_assert!(spilled.is_none(), "what does not fit the slot was left out");
    }
}

/// 101 is followed by another protocol.
const SWITCHING_PROTOCOLS: u16 = 101;

/// Fields that only the answer itself may have: how a body is framed (RFC 9110 section 8.6, RFC 9112 section 6.1), and what
/// the engine says of the connection.
const OF_THE_ANSWER: [&str; 3] = ["content-length", "transfer-encoding", "connection"];
