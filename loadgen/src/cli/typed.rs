//! The words of the command line.

use std::ffi::{OsStr, OsString};

/// As they came, for paths may be any bytes; and as text, for reports and hints.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) raw: Vec<OsString>,
    pub(super) text: Vec<String>,
}

impl Typed {
    /// The first word is the program's name.
    pub(super) fn new(words: impl Iterator<Item = OsString>) -> Self {
        let raw: Vec<OsString> = words.collect();
        let text = raw.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        Self { raw, text }
    }

    /// The words of a command whose name is a part of the program's here.
    pub(super) fn of_command(&self) -> impl Iterator<Item = &OsStr> {
        self.raw.iter().take(1).chain(self.raw.iter().skip(2)).map(OsString::as_os_str)
    }
}
