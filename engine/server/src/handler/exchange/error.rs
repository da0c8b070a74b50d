//! Errors, with a page that explains them.

use super::Exchange;
use crate::handler::{HandlerError, Reply, error_page};

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
        self.send_response_with(code, message)?;
        let said = message.unwrap_or_else(|| known(self.status.phrase()));
        self.log_error(format_args!("code {code}, message {said}"));
        Ok(())
    }

    fn end_error(&mut self, code: u16, message: Option<&str>, explain: Option<&str>) -> Reply {
        if !self.status.has_body() {
            return self.end_headers(b"");
        }
        let message = message.unwrap_or_else(|| known(self.status.phrase()));
        let explain = explain.unwrap_or_else(|| known(self.status.explain()));
        let page = error_page(code, message, explain);
        self.send_header("Content-Type", "text/html;charset=utf-8")?;
        self.end_headers(page.as_bytes())
    }
}

/// Row E7: a code without a phrase or explanation.
fn known(text: &'static str) -> &'static str {
    if text.is_empty() { "???" } else { text }
}
