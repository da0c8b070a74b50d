//! What a line of the access log looks like: four formats by name, and templates.
//!
//! A template is text with placeholders in braces, such as `{client} {method} {target} {status} {us}`; `{{` and `}}` are
//! the braces themselves. [`PLACEHOLDERS`] lists them, and `{field:NAME}` is any field of the request. What a peer sent
//! is escaped, what is not there is `-`.

use std::str::FromStr;

use thiserror::Error;

use super::text::Literal;

/// How lines of the access log are written, ready for use. Made from a name or a template by `parse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    pub(super) pieces: Vec<Piece>,
    pub(super) style: Style,
    /// Names of fields that the line shows, as the pieces number them.
    pub(super) fields: Vec<String>,
    /// What only the sending can tell, in the order of its places in the line.
    pub(super) holes: Vec<Late>,
    /// All of that can be guessed: nearly every answer leaves whole, in the second in which it was made.
    pub(super) guessable: bool,
    /// Whether queries are shown.
    pub(super) query: bool,
    pub(super) client: Client,
}

/// How much of a client's address is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Client {
    /// All of it.
    #[default]
    Full,
    /// The network alone: 24 bits of an IPv4 address, 48 of an IPv6 address.
    Prefix,
    /// Nothing.
    Off,
}

/// A piece of a line: text of the format, and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) literal: Literal,
    pub(super) part: Part,
}

/// What is different in each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing: the literal goes on.
    Nothing,
    Text(Source),
    Client,
    Status,
    Cache,
    /// Content-Encoding of the answer. No answer has one yet.
    Encoding,
    /// The next of the holes.
    Hole,
}

/// How texts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// As they stand, escaped; `-` if there is none.
    Plain,
    /// In quotes, escaped as JSON has it; `null` if there is none.
    Json,
}

/// What is known when the answer has left, and not before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Late {
    PythonDate,
    ClfDate,
    Rfc3339,
    BodyBytes,
    WireBytes,
    Us,
    FirstByteUs,
    Aborted,
}

/// A text of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    RequestLine,
    Method,
    Target,
    /// The target up to the question mark, and what stands behind that.
    Path,
    Query,
    Host,
    Referer,
    UserAgent,
    /// One of the format's fields.
    Field(u8),
}

/// Why a format is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormatError {
    /// Neither one of the names nor a template.
    #[error(
        "'{0}' is no log format: it is python, common, combined or json, or a template such as '{{client}} {{status}} {{us}}'"
    )]
    Name(String),
    /// A placeholder that is not there.
    #[error("there is no placeholder {{{0}}} in a log format; there are: {list}, and {{field:NAME}} for a field of the request", list = placeholder_list())]
    Placeholder(String),
    /// `{field:}` with something that is no field name.
    #[error(
        "{{field:{0}}} in a log format names no field: a name is letters, digits and hyphens, such as {{field:X-Forwarded-For}}"
    )]
    Field(String),
    /// A brace without its other.
    #[error("a brace in a log format stands alone at byte {0}; write {{{{ or }}}} for the brace itself")]
    Brace(usize),
    /// A character that would break the line.
    #[error("a log format holds a control character at byte {0}: a line stays one line")]
    Control(usize),
    /// More placeholders than a line can have.
    #[error("a log format has at most {PIECES_MAX} placeholders and pieces of text")]
    TooLong,
}

/// Every placeholder of a template, with what it is.
pub const PLACEHOLDERS: [(&str, &str); 23] = [
    ("client", "address of the peer"),
    ("request", "request line as sent"),
    ("method", "command"),
    ("target", "request target as sent, with its query"),
    ("path", "target up to the question mark"),
    ("query", "target behind the question mark"),
    ("host", "authority that was asked"),
    ("referer", "Referer"),
    ("user_agent", "User-Agent"),
    ("request_id", "X-Request-ID"),
    ("status", "status code"),
    ("body_bytes", "bytes of the body that left"),
    ("wire_bytes", "bytes of head and body that left"),
    ("us", "microseconds from the whole head to the last byte"),
    ("first_byte_us", "microseconds from the whole head to the first byte"),
    ("aborted", "true if the answer did not reach its end, else false"),
    ("encoding", "Content-Encoding of the answer"),
    ("cache", "hit, miss, revalidated or bypass"),
    ("ts", "time in RFC 3339 with milliseconds, UTC"),
    ("date", "time as in the common format"),
    ("python_date", "time as in the python format"),
    ("tab", "a tab"),
    ("user", "authenticated user"),
];

/// Pieces of a line, at most.
const PIECES_MAX: usize = 128;

fn placeholder_list() -> String {
    PLACEHOLDERS.map(|(name, _)| format!("{{{name}}}")).join(" ")
}

const PYTHON: &str = "{client} - - [{python_date}] \"{request}\" {status} -";
const COMMON: &str = "{client} - {user} [{date}] \"{request}\" {status} {body_bytes}";
const COMBINED: &str = "{client} - {user} [{date}] \"{request}\" {status} {body_bytes} \"{referer}\" \"{user_agent}\"";

/// The keys of a JSON line, in order.
const JSON: [&str; 16] = [
    "ts",
    "client",
    "method",
    "target",
    "status",
    "body_bytes",
    "wire_bytes",
    "us",
    "first_byte_us",
    "aborted",
    "referer",
    "user_agent",
    "host",
    "request_id",
    "encoding",
    "cache",
];

impl Format {
    /// The line of Python's http.server, whose size is always `-` (row L1).
    pub fn python() -> Self {
        Self::built_in(PYTHON)
    }

    /// The common log format of the first web servers, with the real byte count.
    pub fn common() -> Self {
        Self::built_in(COMMON)
    }

    /// The common format with Referer and User-Agent behind it.
    pub fn combined() -> Self {
        Self::built_in(COMBINED)
    }

    /// One JSON object a line; its keys are in `docs/INTERFACES.md`.
    pub fn json() -> Self {
        let mut format = Self { style: Style::Json, ..Self::empty() };
        for (number, key) in JSON.into_iter().enumerate() {
            let start = if number == 0 { "{" } else { "," };
            format.literal(&format!("{start}\"{key}\":"));
            let known = format.placeholder(key);
            debug_assert!(known.is_ok(), "every key is a placeholder");
        }
        format.literal("}\n");
        format
    }

    /// Leaves queries out of request lines, targets and referers.
    #[must_use]
    pub fn without_queries(mut self) -> Self {
        self.query = false;
        self
    }

    /// How much of a client's address is shown.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.client = client;
        self
    }

    fn empty() -> Self {
        Self {
            pieces: Vec::new(),
            style: Style::Plain,
            fields: Vec::new(),
            holes: Vec::new(),
            guessable: true,
            query: true,
            client: Client::Full,
        }
    }

    fn built_in(template: &str) -> Self {
        Self::template(template).expect("the formats by name are templates that hold")
    }

    fn template(text: &str) -> Result<Self, FormatError> {
        let mut format = Self::empty();
        if let Some(at) = text.bytes().position(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(FormatError::Control(at));
        }
        let (mut rest, mut literal) = (text, String::new());
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            literal.push_str(before);
            if let Some(behind) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                literal.push_str(&from[..1]);
                rest = behind;
                continue;
            }
            let named = from.strip_prefix('{').and_then(|from| from.split_once('}'));
            let Some((name, behind)) = named else { return Err(FormatError::Brace(text.len() - from.len())) };
            format.literal(&std::mem::take(&mut literal));
            format.placeholder(name)?;
            rest = behind;
        }
        format.literal(&format!("{literal}{rest}\n"));
        if format.pieces.len() > PIECES_MAX { Err(FormatError::TooLong) } else { Ok(format) }
    }

    fn literal(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        if let Some(Piece { literal, part: Part::Nothing }) = self.pieces.last_mut() {
            rest = literal.fill(rest);
        }
        while !rest.is_empty() {
            let mut literal = Literal::default();
            rest = literal.fill(rest);
            self.pieces.push(Piece { literal, part: Part::Nothing });
        }
    }

    fn part(&mut self, part: Part) {
        match self.pieces.last_mut() {
            Some(last) if last.part == Part::Nothing => last.part = part,
            _ => self.pieces.push(Piece { literal: Literal::default(), part }),
        }
    }

    fn placeholder(&mut self, name: &str) -> Result<(), FormatError> {
        match name {
            "tab" => self.literal("\t"),
            // Nobody can log in yet.
            "user" => self.literal("-"),
            _ => {
                let part = self.part_of(name)?;
                self.part(part);
            }
        }
        Ok(())
    }

    fn part_of(&mut self, name: &str) -> Result<Part, FormatError> {
        Ok(match name {
            "body_bytes" => self.hole(Late::BodyBytes),
            "wire_bytes" => self.hole(Late::WireBytes),
            "us" => self.hole(Late::Us),
            "first_byte_us" => self.hole(Late::FirstByteUs),
            "aborted" => self.hole(Late::Aborted),
            "ts" => self.hole(Late::Rfc3339),
            "date" => self.hole(Late::ClfDate),
            "python_date" => self.hole(Late::PythonDate),
            "client" => Part::Client,
            "status" => Part::Status,
            "encoding" => Part::Encoding,
            "cache" => Part::Cache,
            "path" => Part::Text(Source::Path),
            "query" => Part::Text(Source::Query),
            "request" => Part::Text(Source::RequestLine),
            "method" => Part::Text(Source::Method),
            "target" => Part::Text(Source::Target),
            "host" => Part::Text(Source::Host),
            "referer" => Part::Text(Source::Referer),
            "user_agent" => Part::Text(Source::UserAgent),
            "request_id" => self.field("x-request-id")?,
            _ => self.field(field(name)?)?,
        })
    }

    fn hole(&mut self, late: Late) -> Part {
        self.holes.push(late);
        self.guessable &= !matches!(late, Late::Rfc3339 | Late::Us | Late::FirstByteUs);
        Part::Hole
    }

    fn field(&mut self, name: &str) -> Result<Part, FormatError> {
        let number = u8::try_from(self.fields.len()).map_err(|_| FormatError::TooLong)?;
        self.fields.push(name.to_owned());
        Ok(Part::Text(Source::Field(number)))
    }
}

fn field(placeholder: &str) -> Result<&str, FormatError> {
    let Some(name) = placeholder.strip_prefix("field:") else {
        return Err(FormatError::Placeholder(placeholder.to_owned()));
    };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        return Err(FormatError::Field(name.to_owned()));
    }
    Ok(name)
}

impl Default for Format {
    fn default() -> Self {
        Self::python()
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text {
            "python" => Ok(Self::python()),
            "common" => Ok(Self::common()),
            "combined" => Ok(Self::combined()),
            "json" => Ok(Self::json()),
            template if template.contains(['{', '}']) => Self::template(template),
            other => Err(FormatError::Name(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
