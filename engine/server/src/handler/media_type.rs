//! Media types with their parameters (RFC 9110 section 8.3.1; row H15).

use std::borrow::Cow;

use slipring_wire::field::{is_token, trim_space};

/// `text/html; charset=utf-8`, taken apart. Names compare in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    main: &'a [u8],
    sub: &'a [u8],
    parameters: &'a [u8],
}

impl<'a> MediaType<'a> {
    /// Takes a field value apart; `None` if it begins with no `type/subtype`. Parameters are read when they are asked for.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let end = value.iter().position(|&byte| byte == b';').unwrap_or(value.len());
        let (essence, parameters) = (trim_space(&value[..end]), &value[end..]);
        let slash = essence.iter().position(|&byte| byte == b'/')?;
        let (main, sub) = (&essence[..slash], &essence[slash + 1..]);
        (is_token(main) && is_token(sub)).then_some(Self { main, sub, parameters })
    }

    /// Whether it is this type, whatever its parameters: `is("text", "html")`.
    pub fn is(&self, main: &str, sub: &str) -> bool {
        self.main.eq_ignore_ascii_case(main.as_bytes()) && self.sub.eq_ignore_ascii_case(sub.as_bytes())
    }

    /// `text` of `text/html`, as sent.
    pub fn main_type(&self) -> &'a [u8] {
        self.main
    }

    /// `html` of `text/html`, as sent.
    pub fn subtype(&self) -> &'a [u8] {
        self.sub
    }

    /// The first value of a parameter, without its quotes.
    pub fn parameter(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        self.parameters().find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// All parameters in order. What is no parameter ends the list.
    pub fn parameters(&self) -> impl Iterator<Item = (&'a [u8], Cow<'a, [u8]>)> + use<'a> {
        let mut rest = self.parameters;
        std::iter::from_fn(move || {
            let (name, value, behind) = parameter(rest)?;
            rest = behind;
            Some((name, value))
        })
    }
}

/// A parameter's name and value, and what stands behind it.
type Parameter<'a> = (&'a [u8], Cow<'a, [u8]>, &'a [u8]);

/// The parameter at the start of `; name=value ...`.
fn parameter(mut rest: &[u8]) -> Option<Parameter<'_>> {
    // Empty parameters are skipped: `parameters = *( OWS ";" OWS [ parameter ] )`.
    loop {
        rest = trim_start(trim_start(rest).strip_prefix(b";")?);
        if !rest.is_empty() && rest[0] != b';' {
            break;
        }
    }
    let equals = rest.iter().position(|&byte| byte == b'=')?;
    let (name, value) = (&rest[..equals], &rest[equals + 1..]);
    if !is_token(name) {
        return None;
    }
    if let Some(quoted) = value.strip_prefix(b"\"") {
        let (text, behind) = unquote(quoted)?;
        return Some((name, text, behind));
    }
    let end = value.iter().position(|&byte| matches!(byte, b';' | b' ' | b'\t')).unwrap_or(value.len());
    is_token(&value[..end]).then_some((name, Cow::Borrowed(&value[..end]), &value[end..]))
}

/// The text of a quoted string behind its opening quote, and what stands behind the closing one (RFC 9110 section
/// 5.6.4).
fn unquote(quoted: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let plain = quoted.iter().position(|&byte| byte == b'"' || byte == b'\\')?;
    if quoted[plain] == b'"' {
        return Some((Cow::Borrowed(&quoted[..plain]), &quoted[plain + 1..]));
    }
    let mut text = quoted[..plain].to_vec();
    let mut bytes = quoted[plain..].iter().enumerate();
    while let Some((at, &byte)) = bytes.next() {
        match byte {
            b'"' => return Some((Cow::Owned(text), &quoted[plain + at + 1..])),
            b'\\' => text.push(*bytes.next()?.1),
            byte => text.push(byte),
        }
    }
    None
}

fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type, subtype and parameters as text.
    fn taken_apart(value: &str) -> Option<String> {
        let media = MediaType::parse(value.as_bytes())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let parameters = media.parameters().map(|(name, value)| format!(" {}={}", text(name), text(&value)));
        let parameters: String = parameters.collect();
        Some(format!("{} {}{parameters}", text(media.main_type()), text(media.subtype())))
    }

    #[test]
    fn values_are_taken_apart() {
        // Expected values: Python's email.message.Message.get_params and the grammar of RFC 9110 section 5.6.6.
        for (value, expected) in [
            ("text/html", Some("text html")),
            ("text/html;charset=utf-8", Some("text html charset=utf-8")),
            ("Text/HTML ; Charset=\"utf-8\"", Some("Text HTML Charset=utf-8")),
            ("multipart/form-data; boundary=\"a;b \\\" c\"; x=1", Some("multipart form-data boundary=a;b \" c x=1")),
            ("text/plain; ; format=flowed;", Some("text plain format=flowed")),
            ("text/plain; a=\"unterminated", Some("text plain")),
            ("text/plain; a=1 b=2", Some("text plain a=1")),
            ("text/plain; a b=2", Some("text plain")),
            ("text", None),
            ("/html", None),
            ("text/", None),
            ("te xt/html", None),
            ("", None),
        ] {
            assert_eq!(taken_apart(value).as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn names_compare_in_any_case() {
        let media = MediaType::parse(b"Application/X-WWW-Form-URLencoded; CHARSET=x; charset=y").expect("a media type");
        assert!(media.is("application", "x-www-form-urlencoded") && !media.is("application", "json"));
        assert_eq!(media.parameter("charset").as_deref(), Some(&b"x"[..]));
        assert_eq!(media.parameter("boundary"), None);
    }
}
