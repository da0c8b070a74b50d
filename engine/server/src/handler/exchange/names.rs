//! Logs, and the strings that BaseHTTPServer has methods for.

use std::borrow::Cow;
use std::fmt;
use std::io;

use super::Exchange;

impl Exchange<'_> {
    /// Logs that a request cannot be fulfilled (row S53).
    pub fn log_error(&mut self, message: fmt::Arguments<'_>) {
        self.log_message(message);
    }

    /// Logs a line of the handler's own (rows S55 to S57); client and date are put before it.
    pub fn log_message(&mut self, message: fmt::Arguments<'_>) {
        use io::Write;
        // Writing to memory does not fail. A line end inside the message would forge a line: it is escaped later.
        let start = self.scratch.messages.len();
        let _ = self.scratch.messages.write_fmt(message);
        for byte in &mut self.scratch.messages[start..] {
            if *byte == b'\n' {
                *byte = b' ';
            }
        }
        self.scratch.messages.push(b'\n');
    }

    /// The value of `Server` (row S65).
    pub fn version_string(&self) -> &str {
        &self.site.version_string
    }

    /// Now, for a message header (row S49).
    pub fn date_time_string(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.scratch.date.text())
    }

    /// Now, for a log line (row S52).
    pub fn log_date_time_string(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.scratch.date.log_text())
    }
}
