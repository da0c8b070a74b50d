//! The field section of a request, in the words of mimetools.Message and rfc822.Message.

use std::ops::Deref;

use slipring_wire::date::parse_http_date;
use slipring_wire::field::Fields;

use super::MediaType;

/// The fields of a request: order and duplicates kept, names in any case (rows H3, H4, H15 to H17).
///
/// A value is the bytes that were sent, without the white space around it; bytes above 0x7F are Latin-1 by tradition
/// (row H13). What [`Fields`] has (`get`, `get_all`, `contains`, `len`, `iter`) is here too.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a>(Fields<'a>);

impl<'a> Headers<'a> {
    /// The fields of a parsed head.
    pub fn new(fields: Fields<'a>) -> Self {
        Self(fields)
    }

    /// What the body is, as `Content-Type` says; `None` if it does not, or not in the form of RFC 9110 section 8.3.1
    /// (row H15; there is no default of text/plain).
    pub fn content_type(&self) -> Option<MediaType<'a>> {
        self.0.get("Content-Type").and_then(MediaType::parse)
    }

    /// The first field `name` as a date, in seconds since 1970 (rows H16, F18): one of the three forms of HTTP.
    pub fn date(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(parse_http_date)
    }
}

impl<'a> Deref for Headers<'a> {
    type Target = Fields<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = slipring_wire::field::Field<'a>;
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.0.iter())
    }
}
