//! Fields of the user's own in every answer (rows U12, X5).

use slipring_wire::response::FieldLines;
use thiserror::Error;

/// Bytes of all lines that are added to an answer: a head and a small body share a send slot.
pub const ADDED_BYTES_MAX: usize = 4096;

/// Fields that every answer gets, checked and written out once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddedFields(FieldLines);

/// Why a field is not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddedFieldError {
    /// The name is no token (RFC 9110 section 5.6.2).
    #[error("its name is not made of letters, digits and hyphens")]
    Name,
    /// The value would end its line.
    #[error("its value holds CR, LF or NUL")]
    Value,
    /// A second one would contradict the first, or say where the answer ends.
    #[error("the server says this field itself")]
    Taken,
    /// More than a head has room for.
    #[error("all of them together are more than {ADDED_BYTES_MAX} bytes")]
    TooLong,
}

/// What the server says itself, and only once.
const TAKEN: [&str; 11] = [
    "connection",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "last-modified",
    "location",
    "server",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl AddedFields {
    /// None.
    pub const fn new() -> Self {
        Self(FieldLines::new())
    }

    /// Adds one behind the others; a name may be there several times.
    ///
    /// # Errors
    /// [`AddedFieldError`] says why it is not added.
    pub fn push(&mut self, name: &str, value: &str) -> Result<(), AddedFieldError> {
        if TAKEN.iter().any(|taken| name.eq_ignore_ascii_case(taken)) {
            return Err(AddedFieldError::Taken);
        }
        if self.0.as_bytes().len() + name.len() + value.len() + b": \r\n".len() > ADDED_BYTES_MAX {
            return Err(AddedFieldError::TooLong);
        }
        let is_broken = value.bytes().any(|byte| b"\r\n\0".contains(&byte));
        let why = if is_broken { AddedFieldError::Value } else { AddedFieldError::Name };
        self.0.push(name.as_bytes(), value.as_bytes()).map_err(|_| why)
    }

    pub(super) fn lines(&self) -> &FieldLines {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row X5.
    #[test]
    fn what_is_no_field_is_not_added() {
        let mut fields = AddedFields::new();
        for (name, value, why) in [
            ("", "x", AddedFieldError::Name),
            ("X Y", "x", AddedFieldError::Name),
            ("X\r\nY", "x", AddedFieldError::Name),
            ("Gr\u{fc}n", "x", AddedFieldError::Name),
            ("X", "a\r\nSet-Cookie: b", AddedFieldError::Value),
            ("X", "a\nb", AddedFieldError::Value),
            ("X", "a\0", AddedFieldError::Value),
            ("content-LENGTH", "5", AddedFieldError::Taken),
            ("Transfer-Encoding", "chunked", AddedFieldError::Taken),
            ("Date", "today", AddedFieldError::Taken),
            ("X", &"a".repeat(ADDED_BYTES_MAX), AddedFieldError::TooLong),
        ] {
            assert_eq!(fields.push(name, value), Err(why), "{name:?}: {value:?}");
        }
        assert_eq!(fields, AddedFields::new(), "nothing of them is left");
        fields.push("X-A", "1").expect("a field");
        fields.push("x-a", "").expect("another");
        assert_eq!(fields.lines().as_bytes(), b"X-A: 1\r\nx-a: \r\n");
    }
}
