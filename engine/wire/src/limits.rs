//! How large a request head may be, and what is answered when it is larger.

/// Bounds on a request head. Bytes count line ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The request line. One byte more is answered with 414.
    pub request_line_bytes_max: u32,
    /// One field line. One byte more is answered with 431.
    pub field_line_bytes_max: u32,
    /// The whole head: empty lines before it, request line, field section, empty line. One byte more is answered with
    /// 431.
    pub head_bytes_max: u32,
    /// Field lines; one more is answered with 431. At most [`FIELD_COUNT_CAPACITY`].
    pub field_count_max: u16,
}

impl Limits {
    /// What users of Python's server expect: lines of 64 KiB (rows R1 and H1), 100 fields (row H2).
    pub const COMMAND: Self = Self {
        request_line_bytes_max: 64 * KIB,
        field_line_bytes_max: 64 * KIB,
        head_bytes_max: 128 * KIB,
        field_count_max: 100,
    };

    /// What operators expect.
    pub const SITE: Self = Self {
        request_line_bytes_max: 16 * KIB,
        field_line_bytes_max: 64 * KIB,
        head_bytes_max: 64 * KIB,
        field_count_max: 100,
    };
}

const KIB: u32 = 1024;

/// Field lines for which a request head has room, whatever the limits say.
pub const FIELD_COUNT_CAPACITY: usize = 128;

/// Longest method token; a longer one is answered with 400 (row R23).
pub const METHOD_BYTES_MAX: usize = 64;

/// Empty lines that are skipped before a request line (RFC 9112 section 2.2).
pub const EMPTY_LINES_MAX: usize = 2;

const _: () = assert!(Limits::COMMAND.field_count_max as usize <= FIELD_COUNT_CAPACITY);
const _: () = assert!(Limits::SITE.field_count_max as usize <= FIELD_COUNT_CAPACITY);
const _: () = assert!(Limits::COMMAND.request_line_bytes_max <= Limits::COMMAND.head_bytes_max);
const _: () = assert!(Limits::SITE.request_line_bytes_max <= Limits::SITE.head_bytes_max);
