//! Status codes: the IANA registry with RFC 9110's phrases, and the sentences of Python's error page.

use std::fmt;

/// A three-digit status code, 100 to 999 (RFC 9110 section 15; row S31).
///
/// The classes 6 to 9 mean nothing in HTTP, but programs of the BaseHTTPServer family use such codes, so they pass.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

impl Status {
    /// Smallest code.
    pub const MIN: u16 = 100;
    /// Largest code.
    pub const MAX: u16 = 999;

    /// The status with this code; `None` outside 100..=999.
    pub const fn new(code: u16) -> Option<Self> {
        if code >= Self::MIN && code <= Self::MAX { Some(Self(code)) } else { None }
    }

    /// The status with this code, for codes that the program itself names: a wrong one in a `const` fails to compile.
    ///
    /// # Panics
    /// When the code is not in 100..=999.
    pub const fn of(code: u16) -> Self {
        match Self::new(code) {
            Some(status) => status,
            None => panic!("a status code has three digits"),
        }
    }

    /// The number.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// The three ASCII digits, as the status line carries them.
    pub const fn digits(self) -> [u8; 3] {
        [b'0' + (self.0 / 100) as u8, b'0' + (self.0 / 10 % 10) as u8, b'0' + (self.0 % 10) as u8]
    }

    /// The reason phrase of RFC 9110 and the IANA registry; empty for a code that stands in neither.
    pub const fn phrase(self) -> &'static str {
        match self.row() {
            Some(row) => row.phrase,
            None => "",
        }
    }

    /// One sentence for the error page, byte for byte Python's (rows E1, E19); empty where Python has none.
    pub const fn explain(self) -> &'static str {
        match self.row() {
            Some(row) => row.explain,
            None => "",
        }
    }

    /// Whether the code stands in the table: the error page says `???` for the others (row E7).
    pub const fn is_known(self) -> bool {
        self.row().is_some()
    }

    /// Whether a response with this code may carry content: not 1xx, 204, 205, 304 (RFC 9110 sections 15.2, 15.3.5,
    /// 15.3.6, 15.4.5; row E3). A 205 still announces `Content-Length: 0`, see [`Status::may_announce_length`].
    pub const fn has_body(self) -> bool {
        self.may_announce_length() && !matches!(self.0, 205 | 304)
    }

    /// Whether `Content-Length` and `Transfer-Encoding` may be sent: never with 1xx and 204 (RFC 9110 section 8.6, RFC
    /// 9112 section 6.1; row 48).
    pub const fn may_announce_length(self) -> bool {
        !self.is_informational() && self.0 != 204
    }

    /// 1xx: another response to the same request follows.
    pub const fn is_informational(self) -> bool {
        self.0 < 200
    }

    /// 4xx, 5xx and the unassigned classes above.
    pub const fn is_error(self) -> bool {
        self.0 >= 400
    }

    /// The whole status line of HTTP/1.1 with its CRLF; `None` for a code outside the table.
    pub(crate) const fn line(self) -> Option<&'static [u8]> {
        match self.row() {
            Some(row) => Some(row.line.as_bytes()),
            None => None,
        }
    }

    const fn row(self) -> Option<&'static Row> {
        let column = (self.0 - Self::MIN) as usize;
        if column >= ROW_OF.len() || ROW_OF[column] == NO_ROW {
            return None;
        }
        Some(&ROWS[ROW_OF[column] as usize])
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status({})", self.0)
    }
}

impl TryFrom<u16> for Status {
    type Error = InvalidStatus;

    fn try_from(code: u16) -> Result<Self, InvalidStatus> {
        Self::new(code).ok_or(InvalidStatus(code))
    }
}

impl From<Status> for u16 {
    fn from(status: Status) -> Self {
        status.0
    }
}

/// A number that is no status code; it carries the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("status code {0} is not in 100..=999")]
pub struct InvalidStatus(pub u16);

struct Row {
    code: u16,
    line: &'static str,
    phrase: &'static str,
    explain: &'static str,
}

const NO_ROW: u8 = u8::MAX;

/// Code minus 100 to row: one load instead of a search, and 500 bytes that mostly stay cold.
static ROW_OF: [u8; 500] = {
    let mut columns = [NO_ROW; 500];
    let mut row = 0;
    while row < ROWS.len() {
        columns[(ROWS[row].code - Status::MIN) as usize] = row as u8;
        row += 1;
    }
    columns
};

/// Makes the table and a constant for each of its codes from one list.
macro_rules! statuses {
    ($($code:literal $name:ident $phrase:literal $explain:literal)*) => {
        /// The registered codes by name.
        impl Status {
            $(#[doc = concat!($code, " ", $phrase)] pub const $name: Self = Self::of($code);)*
        }

        static ROWS: [Row; [$($code),*].len()] = [$(Row {
            code: $code,
            line: concat!("HTTP/1.1 ", $code, " ", $phrase, "\r\n"),
            phrase: $phrase,
            explain: $explain,
        }),*];
    };
}

// 306 and the temporary 104 are left out; 418 keeps the phrase that Python gives it. RFC 9110 renamed 413, 414, 416
// and 422 after Python 3.11 took its table.
statuses! {
    100 CONTINUE "Continue" "Request received, please continue"
    101 SWITCHING_PROTOCOLS "Switching Protocols" "Switching to new protocol; obey Upgrade header"
    102 PROCESSING "Processing" ""
    103 EARLY_HINTS "Early Hints" ""
    200 OK "OK" "Request fulfilled, document follows"
    201 CREATED "Created" "Document created, URL follows"
    202 ACCEPTED "Accepted" "Request accepted, processing continues off-line"
    203 NON_AUTHORITATIVE_INFORMATION "Non-Authoritative Information" "Request fulfilled from cache"
    204 NO_CONTENT "No Content" "Request fulfilled, nothing follows"
    205 RESET_CONTENT "Reset Content" "Clear input form for further input"
    206 PARTIAL_CONTENT "Partial Content" "Partial content follows"
    207 MULTI_STATUS "Multi-Status" ""
    208 ALREADY_REPORTED "Already Reported" ""
    226 IM_USED "IM Used" ""
    300 MULTIPLE_CHOICES "Multiple Choices" "Object has several resources -- see URI list"
    301 MOVED_PERMANENTLY "Moved Permanently" "Object moved permanently -- see URI list"
    302 FOUND "Found" "Object moved temporarily -- see URI list"
    303 SEE_OTHER "See Other" "Object moved -- see Method and URL list"
    304 NOT_MODIFIED "Not Modified" "Document has not changed since given time"
    305 USE_PROXY "Use Proxy" "You must use proxy specified in Location to access this resource"
    307 TEMPORARY_REDIRECT "Temporary Redirect" "Object moved temporarily -- see URI list"
    308 PERMANENT_REDIRECT "Permanent Redirect" "Object moved permanently -- see URI list"
    400 BAD_REQUEST "Bad Request" "Bad request syntax or unsupported method"
    401 UNAUTHORIZED "Unauthorized" "No permission -- see authorization schemes"
    402 PAYMENT_REQUIRED "Payment Required" "No payment -- see charging schemes"
    403 FORBIDDEN "Forbidden" "Request forbidden -- authorization will not help"
    404 NOT_FOUND "Not Found" "Nothing matches the given URI"
    405 METHOD_NOT_ALLOWED "Method Not Allowed" "Specified method is invalid for this resource"
    406 NOT_ACCEPTABLE "Not Acceptable" "URI not available in preferred format"
    407 PROXY_AUTHENTICATION_REQUIRED "Proxy Authentication Required" "You must authenticate with this proxy before proceeding"
    408 REQUEST_TIMEOUT "Request Timeout" "Request timed out; try again later"
    409 CONFLICT "Conflict" "Request conflict"
    410 GONE "Gone" "URI no longer exists and has been permanently removed"
    411 LENGTH_REQUIRED "Length Required" "Client must specify Content-Length"
    412 PRECONDITION_FAILED "Precondition Failed" "Precondition in headers is false"
    413 CONTENT_TOO_LARGE "Content Too Large" "Entity is too large"
    414 URI_TOO_LONG "URI Too Long" "URI is too long"
    415 UNSUPPORTED_MEDIA_TYPE "Unsupported Media Type" "Entity body in unsupported format"
    416 RANGE_NOT_SATISFIABLE "Range Not Satisfiable" "Cannot satisfy request range"
    417 EXPECTATION_FAILED "Expectation Failed" "Expect condition could not be satisfied"
    418 IM_A_TEAPOT "I'm a Teapot" "Server refuses to brew coffee because it is a teapot."
    421 MISDIRECTED_REQUEST "Misdirected Request" "Server is not able to produce a response"
    422 UNPROCESSABLE_CONTENT "Unprocessable Content" ""
    423 LOCKED "Locked" ""
    424 FAILED_DEPENDENCY "Failed Dependency" ""
    425 TOO_EARLY "Too Early" ""
    426 UPGRADE_REQUIRED "Upgrade Required" ""
    428 PRECONDITION_REQUIRED "Precondition Required" "The origin server requires the request to be conditional"
    429 TOO_MANY_REQUESTS "Too Many Requests" "The user has sent too many requests in a given amount of time (\"rate limiting\")"
    431 REQUEST_HEADER_FIELDS_TOO_LARGE "Request Header Fields Too Large" "The server is unwilling to process the request because its header fields are too large"
    451 UNAVAILABLE_FOR_LEGAL_REASONS "Unavailable For Legal Reasons" "The server is denying access to the resource as a consequence of a legal demand"
    500 INTERNAL_SERVER_ERROR "Internal Server Error" "Server got itself in trouble"
    501 NOT_IMPLEMENTED "Not Implemented" "Server does not support this operation"
    502 BAD_GATEWAY "Bad Gateway" "Invalid responses from another server/proxy"
    503 SERVICE_UNAVAILABLE "Service Unavailable" "The server cannot process the request due to a high load"
    504 GATEWAY_TIMEOUT "Gateway Timeout" "The gateway server did not receive a timely response"
    505 HTTP_VERSION_NOT_SUPPORTED "HTTP Version Not Supported" "Cannot fulfill request"
    506 VARIANT_ALSO_NEGOTIATES "Variant Also Negotiates" ""
    507 INSUFFICIENT_STORAGE "Insufficient Storage" ""
    508 LOOP_DETECTED "Loop Detected" ""
    510 NOT_EXTENDED "Not Extended" ""
    511 NETWORK_AUTHENTICATION_REQUIRED "Network Authentication Required" "The client needs to authenticate to gain network access"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_three_digits() {
        for code in [0, 1, 99, 1000, u16::MAX] {
            assert_eq!(Status::new(code), None);
            assert_eq!(Status::try_from(code), Err(InvalidStatus(code)));
        }
        for code in Status::MIN..=Status::MAX {
            let status = Status::new(code).expect("in range");
            assert_eq!(status.digits(), code.to_string().as_bytes());
            assert_eq!(status.phrase().is_empty(), !status.is_known());
        }
    }

    #[test]
    fn phrases_follow_rfc_9110_and_sentences_follow_python() {
        let rows = [
            (200, "OK", "Request fulfilled, document follows"),
            (402, "Payment Required", "No payment -- see charging schemes"),
            (404, "Not Found", "Nothing matches the given URI"),
            (413, "Content Too Large", "Entity is too large"),
            (414, "URI Too Long", "URI is too long"),
            (416, "Range Not Satisfiable", "Cannot satisfy request range"),
            (422, "Unprocessable Content", ""),
            (501, "Not Implemented", "Server does not support this operation"),
            (306, "", ""),
            (599, "", ""),
            (999, "", ""),
        ];
        for (code, phrase, explain) in rows {
            let status = Status::of(code);
            assert_eq!((status.phrase(), status.explain()), (phrase, explain), "{code}");
        }
    }

    #[test]
    fn the_line_is_code_and_phrase() {
        for row in &ROWS {
            assert_eq!(row.line, format!("HTTP/1.1 {} {}\r\n", row.code, row.phrase));
            assert_eq!(Status::of(row.code).line(), Some(row.line.as_bytes()));
        }
        assert_eq!(Status::of(999).line(), None);
    }

    #[test]
    fn bodiless_codes() {
        for code in Status::MIN..=Status::MAX {
            let bodiless = code < 200 || [204, 205, 304].contains(&code);
            assert_eq!(Status::of(code).has_body(), !bodiless, "{code}");
            assert_eq!(Status::of(code).may_announce_length(), code >= 200 && code != 204, "{code}");
        }
        assert_eq!(Status::NOT_FOUND.code(), 404);
    }
}
