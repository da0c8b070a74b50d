//! Errors, with a page that explains them.

use slipring_wire::response::Status;

use super::Exchange;
use crate::handler::{ErrorPage, Explained, HandlerError, Reply};

impl Exchange<'_> {
    /// Sends and logs an error, with a page that explains it (rows S59 to S61, E1 to E8).
    ///
    /// # Errors
    /// When an answer was begun already, or the code is none.
    pub fn send_error(&mut self, code: u16) -> Reply {
        self.send_error_with(code, None, None)
    }

    /// As [`Self::send_error`], with a message and an explanation instead of the code's own.
    ///
    /// # Errors
    /// When an answer was begun already, or the code is none.
    pub fn send_error_with(&mut self, code: u16, message: Option<&str>, explain: Option<&str>) -> Reply {
        self.begin_error(code, message)?;
        self.end_error(code, message, explain)
    }

    /// As [`Self::send_error_with`], with fields of one's own, such as `Allow`.
    ///
    /// # Errors
    /// As there, or an invalid field.
    pub fn send_error_fields(&mut self, code: u16, message: Option<&str>, fields: &[(&str, &[u8])]) -> Reply {
        self.begin_error(code, message)?;
        for (name, value) in fields {
            self.send_header(name, value)?;
        }
        self.end_error(code, message, None)
    }

    fn begin_error(&mut self, code: u16, message: Option<&str>) -> Result<(), HandlerError> {
        let status = Status::new(code).ok_or(HandlerError::InvalidStatus(code))?;
        let said = message.unwrap_or_else(|| known(status, status.phrase()));
        self.send_response_with(code, Some(said))?;
        self.log_error(format_args!("code {code}, message {said}"));
        Ok(())
    }

    fn end_error(&mut self, code: u16, message: Option<&str>, explain: Option<&str>) -> Reply {
        if !self.status.has_body() {
            return self.end_headers(b"");
        }
        let message = message.unwrap_or_else(|| known(self.status, self.status.phrase()));
        let explain = explain.unwrap_or_else(|| known(self.status, self.status.explain()));
        let explained = Explained { code, message, explain };
        let how = &self.site.error_page;
        let page = how.render(explained);
        if !self.is_request() && !self.out.fits(page.len() + how.content_type().len() + REST_OF_HEAD_BYTES) {
            // The engine's own refusals stand in the slot or nowhere; Python's page always fits.
            let python = ErrorPage::default();
            self.send_header("Content-Type", python.content_type())?;
            return self.end_headers(python.render(explained).as_bytes());
        }
        self.send_header("Content-Type", how.content_type())?;
        self.end_headers(page.as_bytes())
    }
}

/// What stands in a head behind the fields of an error: its media type, its length, the connection, the empty line.
const REST_OF_HEAD_BYTES: usize = 128;

/// Row E7: a code that nobody knows has neither phrase nor explanation. Some that are known have no explanation.
fn known(status: Status, text: &'static str) -> &'static str {
    if status.phrase().is_empty() { "???" } else { text }
}
