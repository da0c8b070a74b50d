//! `-H`: fields that every answer gets.

use std::ffi::{OsStr, OsString};
use std::fmt;

use super::UsageError;
use crate::handler::AddedFields;

/// Python 3.15 takes name and value as two words (`-H NAME VALUE`), curl as one. What has no colon in it is a name alone,
/// and made one word with its value here.
pub(super) fn join(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words = words.into_iter().peekable();
    let mut joined = Vec::new();
    while let Some(word) = words.next() {
        let is_flag = word == "-H" || word == "--header";
        joined.push(word);
        if !is_flag {
            continue;
        }
        let Some(mut header) = words.next() else { break };
        if is_name(&header)
            && let Some(value) = words.next()
        {
            header.push(": ");
            header.push(value);
        }
        joined.push(header);
    }
    joined
}

/// A flag's value is never another flag.
fn is_name(word: &OsStr) -> bool {
    let bytes = word.as_encoded_bytes();
    !bytes.contains(&b':') && !bytes.starts_with(b"-")
}

/// Each as `Name: value`; white space around the value is not part of it.
pub(super) fn check(headers: &[String]) -> Result<AddedFields, UsageError> {
    let mut fields = AddedFields::new();
    for header in headers {
        let wrong = |why: &dyn fmt::Display| UsageError::Header(header.escape_debug().to_string(), why.to_string());
        let (name, value) = header.split_once(':').ok_or_else(|| wrong(&"there is no colon in it"))?;
        fields.push(name, value.trim_matches([' ', '\t'])).map_err(|why| wrong(&why))?;
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row X5.
    #[test]
    fn both_forms_of_a_header() {
        for (words, one) in [
            (&["8000", "-H", "A: b", "-q"][..], &["8000", "-H", "A: b", "-q"][..]),
            (&["-H", "A", "b", "8000"], &["-H", "A: b", "8000"]),
            (&["--header", "A", "-1", "-H", "B", "c:d"], &["--header", "A: -1", "-H", "B: c:d"]),
            (&["-H", "A: b", "8000"], &["-H", "A: b", "8000"]),
            (&["-H", "-q", "8000"], &["-H", "-q", "8000"]),
            (&["-H", "A"], &["-H", "A"]),
            (&["-H"], &["-H"]),
        ] {
            assert_eq!(join(words.iter().map(OsString::from)), one);
        }
    }
}
