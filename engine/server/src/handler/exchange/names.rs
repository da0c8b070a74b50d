//! Logs, and the strings that BaseHTTPServer has methods for.

use std::borrow::Cow;
use std::fmt;
use std::io;

use slipring_ring::Peer;
use slipring_wire::response::FieldLines;

use super::Exchange;
use crate::handler::MessageKind;
use crate::log::CacheUse;

impl<'a> Exchange<'a> {
    /// Logs that a request cannot be fulfilled (row S53).
    pub fn log_error(&mut self, message: fmt::Arguments<'_>) {
        self.note_message(MessageKind::Error, message);
    }

    /// Logs a line of the handler's own (rows S55 to S57); client and date are put before it.
    pub fn log_message(&mut self, message: fmt::Arguments<'_>) {
        self.note_message(MessageKind::Message, message);
    }

    fn note_message(&mut self, kind: MessageKind, message: fmt::Arguments<'_>) {
        use io::Write;
        // Writing to memory does not fail. A line end inside the message would forge a line: it is escaped later.
        self.scratch.messages.push(kind as u8);
        let start = self.scratch.messages.len();
        let _ = self.scratch.messages.write_fmt(message);
        for byte in &mut self.scratch.messages[start..] {
            if *byte == b'\n' {
                *byte = b' ';
            }
        }
        self.scratch.messages.push(b'\n');
    }

    /// The client for a log (row S47): its name, where [`crate::Server::resolve`] asks for names and it is known by now,
    /// else its address without the port.
    pub fn address_string(&self) -> String {
        if let Some(name) = self.scratch.names.as_ref().and_then(|names| names.of(self.request.peer)) {
            return name.to_owned();
        }
        match self.request.peer {
            Peer::Ip(address) => address.ip().to_canonical().to_string(),
            Peer::Unix => "unix".to_owned(),
            Peer::Unknown => "-".to_owned(),
        }
    }

    /// Notes for the access log what a cache had to do with this answer.
    #[inline]
    pub fn note_cache(&mut self, cache: CacheUse) {
        self.scratch.cache = cache;
    }

    /// The value of `Server` (row S65).
    pub fn version_string(&self) -> &'a str {
        &self.site.version_string
    }

    /// The lines that stand in every head before its date.
    pub(crate) fn site_lines(&self) -> &'a FieldLines {
        self.site.lines()
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
