//! Field lines: the ones that the engine itself reads, and a view of them all.
//!
//! A field section keeps its order, its duplicates and the names as they were sent. Nothing is copied: the view looks
//! at the buffer in which the head arrived.

use slipring_scan::Outline;

/// The request fields that are recognised while the head is parsed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum KnownField {
    /// RFC 9110 section 7.2.
    Host,
    /// RFC 9110 section 7.6.1.
    Connection,
    /// RFC 9110 section 8.6.
    ContentLength,
    /// RFC 9112 section 6.1.
    TransferEncoding,
    /// RFC 9110 section 10.1.1.
    Expect,
    /// RFC 9110 section 14.2.
    Range,
    /// RFC 9110 section 13.1.3.
    IfModifiedSince,
    /// RFC 9110 section 13.1.2.
    IfNoneMatch,
    /// RFC 9110 section 13.1.5.
    IfRange,
    /// RFC 9110 section 13.1.1.
    IfMatch,
    /// RFC 9110 section 13.1.4.
    IfUnmodifiedSince,
    /// RFC 9110 section 12.5.1.
    Accept,
    /// RFC 9110 section 12.5.3.
    AcceptEncoding,
    /// RFC 9110 section 10.1.5.
    UserAgent,
    /// RFC 9110 section 10.1.3.
    Referer,
    /// RFC 9110 section 8.3.
    ContentType,
    /// RFC 9110 section 11.6.2.
    Authorization,
    /// RFC 9110 section 7.8.
    Upgrade,
}

impl KnownField {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them in the order of their indexes.
    pub const ALL: [Self; 18] = [
        Self::Host,
        Self::Connection,
        Self::ContentLength,
        Self::TransferEncoding,
        Self::Expect,
        Self::Range,
        Self::IfModifiedSince,
        Self::IfNoneMatch,
        Self::IfRange,
        Self::IfMatch,
        Self::IfUnmodifiedSince,
        Self::Accept,
        Self::AcceptEncoding,
        Self::UserAgent,
        Self::Referer,
        Self::ContentType,
        Self::Authorization,
        Self::Upgrade,
    ];

    /// The name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Connection => "connection",
            Self::ContentLength => "content-length",
            Self::TransferEncoding => "transfer-encoding",
            Self::Expect => "expect",
            Self::Range => "range",
            Self::IfModifiedSince => "if-modified-since",
            Self::IfNoneMatch => "if-none-match",
            Self::IfRange => "if-range",
            Self::IfMatch => "if-match",
            Self::IfUnmodifiedSince => "if-unmodified-since",
            Self::Accept => "accept",
            Self::AcceptEncoding => "accept-encoding",
            Self::UserAgent => "user-agent",
            Self::Referer => "referer",
            Self::ContentType => "content-type",
            Self::Authorization => "authorization",
            Self::Upgrade => "upgrade",
        }
    }

    /// The place in a table of [`COUNT`](Self::COUNT) entries.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The known field whose name stands in `input` from `start` to `stop`, in any case. All bytes of it are token
    /// bytes.
    ///
    /// The first eight bytes of the name, folded to lower case, pick one candidate by a multiplicative hash, and most
    /// other names end there. The name of a candidate is compared as words that may overlap. Setting bit 5 folds
    /// letters, and changes `^` and `_` among the token bytes; no token byte becomes a letter or a hyphen that was not
    /// one.
    #[inline]
    pub(crate) fn recognise(input: &[u8], start: usize, stop: usize) -> Option<Self> {
        let len = stop - start;
        // A complete head has at least `:` CR LF CR LF behind a name, so this fails only for names that are shorter
        // than any known one.
        let first = first_word(input, start, len)? | FOLD & MASKS[len.min(8)];
        let slot = &SLOTS[hash(first, len)];
        if slot.first != first || slot.len as usize != len {
            return None;
        }
        let same = len <= 8
            || (word_at(input, stop - 8)? | FOLD == slot.last
                && (len <= 16 || word_at(input, start + 8)? | FOLD == slot.middle));
        same.then_some(slot.field)
    }
}

/// The eight bytes at `at` as a number, the first byte lowest.
#[inline]
fn word_at(input: &[u8], at: usize) -> Option<u64> {
    input.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The first eight of the `len` bytes at `at`, or all of fewer, as a number; none when the input ends too early to be
/// read as a whole word.
#[inline]
pub(crate) fn first_word(input: &[u8], at: usize, len: usize) -> Option<u64> {
    Some(word_at(input, at)? & MASKS[len.min(8)])
}

/// All bits of so many bytes.
static MASKS: [u64; 9] =
    [0, 0xff, 0xffff, 0xff_ffff, 0xffff_ffff, 0xff_ffff_ffff, 0xffff_ffff_ffff, u64::MAX >> 8, u64::MAX];

const FOLD: u64 = u64::from_le_bytes([0x20; 8]);

/// One candidate of [`KnownField::recognise`]: its name of at most 24 bytes as three words.
#[derive(Clone, Copy)]
struct Slot {
    /// The first eight bytes, or all of a shorter name.
    first: u64,
    /// The second eight bytes of a name of more than sixteen.
    middle: u64,
    /// The last eight bytes of a name of more than eight.
    last: u64,
    len: u8,
    field: KnownField,
}

const SLOT_BITS: u32 = 6;

/// Found by trial: no two known names collide, and no name that browsers and proxies commonly send meets a candidate.
const HASH_FACTOR: u64 = 0x7a69_af89_4452_f681;

#[inline]
const fn hash(first: u64, len: usize) -> usize {
    (first.wrapping_add(len as u64).wrapping_mul(HASH_FACTOR) >> (64 - SLOT_BITS)) as usize
}

static SLOTS: [Slot; 1 << SLOT_BITS] = {
    let empty = Slot { first: 0, middle: 0, last: 0, len: 0, field: KnownField::Host };
    let mut slots = [empty; 1 << SLOT_BITS];
    let mut index = 0;
    while index < KnownField::COUNT {
        let field = KnownField::ALL[index];
        let name = field.name().as_bytes();
        let len = name.len();
        assert!(len <= 24, "a name of more than three words");
        let slot = hash(word(name), len);
        assert!(slots[slot].len == 0, "two known names share a slot");
        let last = if len > 8 { word(name.split_at(len - 8).1) } else { 0 };
        let middle = if len > 16 { word(name.split_at(8).1) } else { 0 };
        slots[slot] = Slot { first: word(name), middle, last, len: len as u8, field };
        index += 1;
    }
    slots
};

/// At most eight bytes as a number, the first byte lowest.
const fn word(bytes: &[u8]) -> u64 {
    let mut word = 0;
    let mut at = 0;
    while at < bytes.len() && at < 8 {
        word |= (bytes[at] as u64) << (8 * at);
        at += 1;
    }
    word
}

/// How often a field that may stand once does stand in a section.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lines<'a> {
    /// Not at all.
    None,
    /// Once, with this value.
    One(&'a [u8]),
    /// More than once, with equal values or not.
    Many,
}

/// One field line: the name as sent, and the value without the white space around it (RFC 9110 section 5.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Field<'a> {
    /// The name as sent.
    pub name: &'a [u8],
    /// The value; bytes from 0x80 up are kept as they are (row H13).
    pub value: &'a [u8],
}

/// A field section: the lines in the order in which they came.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    input: &'a [u8],
    /// Where the lines lie; line 0 is the request line.
    outline: &'a Outline,
}

impl<'a> Fields<'a> {
    /// The fields of a head whose lines are noted in `outline`.
    #[inline]
    pub(crate) fn new(input: &'a [u8], outline: &'a Outline) -> Self {
        Self { input, outline }
    }

    /// Field lines, duplicates counted.
    pub fn len(&self) -> usize {
        self.outline.lines().saturating_sub(1)
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first value of the field `name`, in any case (row H3).
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.get_all(name).next()
    }

    /// All values of the field `name`, in order (row H4).
    pub fn get_all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let name = name.as_bytes();
        self.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// True when there is a field `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All fields in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Field<'a>> + DoubleEndedIterator + use<'a> {
        let fields = *self;
        (0..self.len()).map(move |index| fields.line(index + 1))
    }

    /// The field on line `line` of the head, from 1 on.
    #[inline]
    pub(crate) fn line(&self, line: usize) -> Field<'a> {
        let start = self.outline.end(line - 1) + 1;
        let name = &self.input[start..self.outline.stop(line)];
        Field { name, value: value(self.input, self.outline, line) }
    }
}

/// The value of the field on line `line`, without the white space around it.
#[inline]
pub(crate) fn value<'a>(input: &'a [u8], outline: &Outline, line: usize) -> &'a [u8] {
    // A carriage return stands in a line only before its line feed.
    trim_line(&input[outline.stop(line) + 1..outline.end(line)])
}

#[inline]
fn trim_line(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r'] = value {
        value = rest;
    }
    value
}

/// `value` without the spaces and tabs around it (OWS, RFC 9110 section 5.6.3).
pub fn trim_space(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// The elements of a comma-separated list; empty ones are skipped (RFC 9110 section 5.6.1.2).
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim_space).filter(|element| !element.is_empty())
}

/// True when `bytes` are a token (RFC 9110 section 5.6.2): not empty, and token bytes only.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| slipring_scan::is_token(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognise(name: &str) -> Option<KnownField> {
        let line = format!("{name}:\r\n\r\n");
        KnownField::recognise(line.as_bytes(), 0, name.len())
    }

    #[test]
    fn every_known_name_in_every_case() {
        for (index, field) in KnownField::ALL.into_iter().enumerate() {
            assert_eq!(field.index(), index);
            for name in [field.name().to_owned(), field.name().to_uppercase()] {
                assert_eq!(recognise(&name), Some(field), "{name}");
            }
        }
    }

    #[test]
    fn nothing_near_a_known_name() {
        for field in KnownField::ALL {
            let name = field.name();
            for near in [format!("{name}x"), format!("x{name}"), name.replace('-', "_"), name[1..].to_owned()] {
                assert_eq!(recognise(&near).is_some(), near == name || near == "range", "{near}");
            }
            for at in 0..name.len() {
                for byte in (0x21..0x7f_u8).filter(|&byte| slipring_scan::is_token(byte)) {
                    let mut near = name.as_bytes().to_vec();
                    near[at] = byte;
                    let near = String::from_utf8(near).expect("ASCII");
                    assert_eq!(recognise(&near).is_some(), near.eq_ignore_ascii_case(name), "{near}");
                }
            }
        }
        assert_eq!(recognise(""), None);
        assert_eq!(recognise("a"), None);
        assert_eq!(recognise(&"a".repeat(300)), None);
    }

    #[test]
    fn lists() {
        let check = |value: &str, expected: &[&str]| {
            let elements: Vec<_> = list(value.as_bytes()).map(|e| std::str::from_utf8(e).expect("ASCII")).collect();
            assert_eq!(elements, expected, "{value:?}");
        };
        check("", &[]);
        check(",close,,", &["close"]);
        check("keep-alive, Close\t,x y", &["keep-alive", "Close", "x y"]);
    }
}
