//! What the user adds to a request: method and field lines, checked so that they cannot break the framing.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A request method (RFC 9110 section 9.1): any token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method(String);

/// Why a text is no method.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MethodError {
    /// No token.
    #[error("not a method; write a token such as GET or HEAD")]
    Token,
    /// Its answer is no HTTP any more.
    #[error("CONNECT opens a tunnel, which cannot be measured as requests")]
    Connect,
}

impl Method {
    /// Whether a request with it usually has content (RFC 9110 section 9.3): without any it says so.
    pub fn expects_content(&self) -> bool {
        matches!(self.0.as_str(), "POST" | "PUT" | "PATCH")
    }

    /// Whether the answer has no body whatever its head announces.
    pub fn is_head(&self) -> bool {
        self.0 == "HEAD"
    }
}

impl Default for Method {
    fn default() -> Self {
        Self("GET".to_owned())
    }
}

impl FromStr for Method {
    type Err = MethodError;

    fn from_str(text: &str) -> Result<Self, MethodError> {
        match text {
            "CONNECT" => Err(MethodError::Connect),
            _ if is_token(text) => Ok(Self(text.to_owned())),
            _ => Err(MethodError::Token),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One `Name: value` of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldLine {
    name: String,
    value: String,
}

/// Why a text is no field line that we would send.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FieldError {
    /// No colon.
    #[error("not a field line; write 'Name: value'")]
    Colon,
    /// The name is no token.
    #[error("the name before the colon may hold only letters, digits and !#$%&'*+-.^_`|~")]
    Name,
    /// A control character in the value.
    #[error("control characters cannot stand in a field value")]
    Value,
    /// It would announce a body; the body itself does that.
    #[error("{0} frames a body, which --body and --body-file do by themselves; leave this field out")]
    Framing(String),
    /// It would end the connection after each request.
    #[error("--no-keepalive ends the connection after each request and sends this field")]
    Connection,
}

impl FieldLine {
    /// Whether its name is `name`, in any case.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn check_framing(&self) -> Result<(), FieldError> {
        if self.is_named("Transfer-Encoding") || (self.is_named("Content-Length") && self.value != "0") {
            return Err(FieldError::Framing(self.name.clone()));
        }
        if self.is_named("Connection") && self.value.to_ascii_lowercase().contains("close") {
            return Err(FieldError::Connection);
        }
        Ok(())
    }
}

impl FromStr for FieldLine {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let (name, value) = text.split_once(':').ok_or(FieldError::Colon)?;
        if !is_token(name) {
            return Err(FieldError::Name);
        }
        let value = value.trim_matches([' ', '\t']);
        if value.bytes().any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f) {
            return Err(FieldError::Value);
        }
        let field = Self { name: name.to_owned(), value: value.to_owned() };
        field.check_framing().map(|()| field)
    }
}

impl fmt::Display for FieldLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.value)
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods() {
        assert!("HEAD".parse::<Method>().is_ok_and(|method| method.is_head()));
        assert!("SPAM".parse::<Method>().is_ok_and(|method| !method.is_head()));
        assert_eq!("GET /".parse::<Method>(), Err(MethodError::Token));
        assert_eq!("".parse::<Method>(), Err(MethodError::Token));
        assert_eq!("CONNECT".parse::<Method>(), Err(MethodError::Connect));
    }

    #[test]
    fn field_lines() {
        let rows = [
            ("Accept: */*", Ok("Accept: */*")),
            ("X:", Ok("X: ")),
            ("X-Time: 12:30 \t", Ok("X-Time: 12:30")),
            ("Content-Length: 0", Ok("Content-Length: 0")),
            ("no colon", Err(FieldError::Colon)),
            ("A B: c", Err(FieldError::Name)),
            (": c", Err(FieldError::Name)),
            ("A: b\r\nC: d", Err(FieldError::Value)),
            ("content-length: 5", Err(FieldError::Framing("content-length".to_owned()))),
            ("Transfer-Encoding: chunked", Err(FieldError::Framing("Transfer-Encoding".to_owned()))),
            ("Connection: Close", Err(FieldError::Connection)),
        ];
        for (text, expected) in rows {
            let found = text.parse::<FieldLine>().map(|field| field.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{text:?}");
        }
    }
}
