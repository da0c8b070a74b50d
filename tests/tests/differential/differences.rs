//! The one table of what slipring answers otherwise than Python 3.11, and why.

/// A difference.
pub struct Difference {
    /// The row of docs/basehttp.md; a letter behind it where one row has several.
    pub row: &'static str,
    pub what: What,
    pub why: &'static str,
}

/// How answers differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// In more than fields: the cases name this row in their marks, with the statuses that slipring answers.
    Answers,
    /// A status line and fields before what Python sends bare.
    Heads,
    /// Another spelling of a field's name.
    Spells { python: &'static str, ours: &'static str },
    /// A field that Python does not send; any value if none is given.
    Adds { name: &'static str, value: &'static str },
    /// A field that only Python sends.
    Leaves { name: &'static str, value: &'static str },
    /// A field that stands behind the others.
    PutsLast { name: &'static str },
    /// Another value.
    Says { name: &'static str, python: &'static str, ours: &'static str },
}

impl Difference {
    pub fn key(&self) -> String {
        match self.what {
            What::Answers => format!("{}: other answers", self.row),
            What::Heads => format!("{}: heads", self.row),
            What::Spells { ours, .. } => format!("{}: spells {ours}", self.row),
            What::Adds { name, value } => format!("{}: adds {name}: {value}", self.row),
            What::Leaves { name, value } => format!("{}: leaves out {name}: {value}", self.row),
            What::PutsLast { name } => format!("{}: puts {name} last", self.row),
            What::Says { name, ours, .. } => format!("{}: says {name}: {ours}", self.row),
        }
    }
}

const fn field(row: &'static str, what: What, why: &'static str) -> Difference {
    Difference { row, what, why }
}

const fn answers(row: &'static str, why: &'static str) -> Difference {
    Difference { row, what: What::Answers, why }
}

/// Every difference.
pub const DIFFERENCES: &[Difference] = &[
    field(
        "R8",
        What::Heads,
        "Python answers a line that it cannot read as if HTTP/0.9 had asked; a client of today would not see the status",
    ),
    field(
        "F13",
        What::Spells { python: "Content-type", ours: "Content-Type" },
        "names of fields are case-insensitive; one spelling for all answers",
    ),
    field("F13", What::Adds { name: "Accept-Ranges", value: "bytes" }, "ranges are served, and it is said"),
    field(
        "F16",
        What::Adds { name: "Last-Modified", value: "" },
        "RFC 9110 section 15.4.5: a cache that revalidated can renew what it holds",
    ),
    charset("text/plain", "text/plain; charset=utf-8"),
    charset("text/html", "text/html; charset=utf-8"),
    charset("text/css", "text/css; charset=utf-8"),
    charset("text/xml", "text/xml; charset=utf-8"),
    charset("image/svg+xml", "image/svg+xml; charset=utf-8"),
    charset("application/json", "application/json; charset=utf-8"),
    charset("application/javascript", "text/javascript; charset=utf-8"),
    charset("text/x-python", "text/plain; charset=utf-8"),
    charset("application/octet-stream", "text/markdown; charset=utf-8"),
    field("K3", What::Adds { name: "Connection", value: "close" }, "who closes says so (RFC 9112 section 9.6)"),
    field("K5", What::Adds { name: "Connection", value: "keep-alive" }, "an HTTP/1.0 client cannot know otherwise"),
    field(
        "E2",
        What::Leaves { name: "Connection", value: "close" },
        "an error that was understood need not end the connection",
    ),
    field("E2", What::PutsLast { name: "Connection" }, "what becomes of the connection is known when the head ends"),
    answers(
        "S21",
        "a line that needed tolerance is answered, then the connection closes: no second request can be smuggled behind it",
    ),
    answers("S25", "HTTP/0.9 has no fields: the answer comes behind the line, without waiting for an empty one"),
    answers("R1", "who asks by HEAD gets no body, refused or not"),
    answers(
        "R3",
        "words stand between spaces and tabs; every other control character, and what Python takes for a space, is refused",
    ),
    answers("R4", "white space before the method is refused in both readings of lines"),
    answers("R5", "one CR too many is forgiven, two are not: RFC 9112 section 2.2"),
    answers(
        "R6",
        "empty lines before a request are skipped, two at most, as RFC 9112 section 2.2 asks; Python closes without a word",
    ),
    answers("R7", "the same between pipelined requests"),
    answers("R11", "HTTP/0.9 knows GET alone, also when it is named"),
    answers("R15", "a version is one digit, a dot, one digit: RFC 9112 section 2.3"),
    answers("R16", "no answer of ours fits a version below 0.9"),
    answers("R16 told", "a later minor version is answered as 1.1, and the handler is told so"),
    answers("R20", "an empty path is no target"),
    answers("R21", "the absolute form is understood: RFC 9112 section 3.2.2"),
    answers("R22", "`*` and an authority go with OPTIONS and CONNECT alone; `OPTIONS *` is answered"),
    answers("R23", "a method is a token of at most 64 bytes"),
    answers("R24", "what is not printable ASCII is escaped in messages, and quotes end after 256 bytes"),
    answers("R25", "a TLS client understands no HTTP: the connection closes, and the log says why"),
    answers("H1", "all fields together are bounded too"),
    answers("H2", "exactly 100 fields are allowed: Python counts the empty line"),
    answers("H5", "white space belongs to no value, in front or behind: RFC 9110 section 5.5"),
    answers("H6", "folded lines are refused: RFC 9112 section 5.2"),
    answers("H7", "a line without a colon is refused; Python drops it and all lines behind it"),
    answers("H8", "space before the colon is refused: RFC 9112 section 5.1"),
    answers("H9", "a bare CR ends no line: Python reads another field behind it"),
    answers("H10", "an empty name, or a line of a mailbox, is refused; Python drops it"),
    answers("H11", "names are tokens, and values have no control characters but tabs"),
    answers("H12", "what ends before its empty line was never sent as a whole: nothing is dispatched"),
    answers("H12 body", "what ends before its body does is not dispatched either"),
    answers("H14", "exactly one valid Host in HTTP/1.1: RFC 9112 section 3.2"),
    answers("K4", "Connection is a list, over all its lines: RFC 9110 section 7.6.1"),
    answers("K6", "where the peer ends the connection the handler's keep-alive does not count, and is not said"),
    answers("K8", "a body is read to its end or the connection closes; Python reads it as the next request"),
    answers("K9", "chunks are decoded; a coding that is unknown or contradicts a length is refused"),
    answers("K10", "a length is digits, said once"),
    answers("K12", "the interim answer is sent when the body is wanted and not there yet"),
    answers("K15", "an expectation that cannot be met is answered 417"),
    answers("E2", "an error that was understood leaves the connection open"),
    answers("E3", "205 says that its body is empty: RFC 9110 section 15.3.6"),
    answers("E16", "a handler that fails is answered for with 500; Python closes without a word"),
    answers("E19", "the phrases are those of RFC 9110"),
    answers("U15", "who answers GET answers HEAD: RFC 9110 section 9.1"),
    answers(
        "U16",
        "a command that everybody knows and this resource does not allow is 405 with Allow; what nobody knows stays 501",
    ),
    answers(
        "F2 dots",
        "dot segments are removed before the path is looked at: a path that ends in one names a directory",
    ),
    answers("F2 escape", "a broken escape is refused: somebody on the way could read it otherwise"),
    answers("F3", "a path that climbs above the root is refused, not clamped"),
    answers("F4", "an escaped slash is a byte of a name, and no name has one"),
    answers("F6", "links that lead outside the root are not followed"),
    answers("F7", "NUL is refused; Python closes without a word"),
    answers(
        "F9",
        "Location is made anew from the normal form, so it begins with one slash and no host can hide in it; the query is as sent",
    ),
    answers("F17", "conditions are judged as RFC 9110 section 13 has them"),
    answers("F18", "the three forms of RFC 9110 are dates, said once; whatever else a mail program reads is not"),
    answers("F19", "ranges are served"),
    answers("F20", "names that begin with a dot are neither shown nor served, but for .well-known"),
    answers("F20 fragment", "the title shows path and query; a fragment is none of the server's business"),
    answers("F22", "names are bytes: a link shows them as they are, and text shows U+FFFD"),
];

const fn charset(python: &'static str, ours: &'static str) -> Difference {
    let what = What::Says { name: "Content-Type", python, ours };
    field("F14", what, "without a charset a browser guesses; files of text are UTF-8 today")
}
