//! The page that lists a directory: Python's skeleton, escaping and order (rows F20 to F22).

use std::fmt::{self, Write};

use askama::Template;
use slipring_ring::{DirEntry, FileKind, Listing};
use slipring_wire::target::one_slash;

use super::COPIED_BYTES_MAX;
use crate::handler::{BodySource, Exchange, Reply};

#[derive(Template)]
#[template(
    ext = "html",
    escape = "none",
    source = r#"<!DOCTYPE HTML>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Directory listing for {{title}}</title>
</head>
<body>
<h1>Directory listing for {{title}}</h1>
<hr>
<ul>
{% for row in rows %}<li><a href="{{row.href}}">{{row.text}}</a></li>
{% endfor %}</ul>
{% if truncated %}<p>There are more names than are shown.</p>
{% endif %}<hr>
</body>
</html>
"#
)]
struct Page<'a> {
    title: Escaped<'a>,
    rows: Vec<Row<'a>>,
    truncated: bool,
}

struct Row<'a> {
    href: Href<'a>,
    text: Escaped<'a>,
}

/// Bytes as HTML text, and a mark behind them: what is no UTF-8 shows as U+FFFD. Quotes stay, as in Python.
struct Escaped<'a>(&'a [u8], &'static str);

/// A name as a relative reference: every byte that could mean something else is percent-encoded. `true`: a directory.
struct Href<'a>(&'a [u8], bool);

/// Answers with the names of a directory. `at_root`: it is the root itself; `dotfiles`: hidden names are served.
pub(super) fn answer(x: &mut Exchange<'_>, listing: &Listing, at_root: bool, dotfiles: bool) -> Reply {
    let title = unquote(one_slash(x.head().path_and_query(x.head_bytes())));
    let page = render(&title, listing, |name| dotfiles || is_shown(name, at_root));
    x.send_response(200)?.send_header("Content-Type", "text/html; charset=utf-8")?;
    if page.len() <= COPIED_BYTES_MAX {
        return x.end_headers(page.as_bytes());
    }
    let len = page.len() as u64;
    x.end_headers_from(BodySource::Owned(page.into_bytes()), len)
}

fn render(title: &[u8], listing: &Listing, is_shown: impl Fn(&[u8]) -> bool) -> String {
    let mut shown: Vec<&DirEntry> = listing.entries.iter().filter(|entry| is_shown(&entry.name)).collect();
    shown.sort_by_cached_key(|entry| (String::from_utf8_lossy(&entry.name).to_lowercase(), &entry.name));
    let rows = shown.into_iter().map(row).collect();
    let page = Page { title: Escaped(title, ""), rows, truncated: listing.truncated };
    // Writing to a string does not fail.
    let mut html = page.render().unwrap_or_default();
    if !html.ends_with('\n') {
        html.push('\n');
    }
    html
}

/// Names that would be answered 404 are not shown (RFC 8615: `.well-known` stands at the root).
fn is_shown(name: &[u8], at_root: bool) -> bool {
    !name.starts_with(b".") || (at_root && name == b".well-known")
}

/// The target as the title shows it: escapes decoded, query included (row F20); what is no escape stays (row F21).
fn unquote(target: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut text = Vec::with_capacity(target.len());
    let mut rest = target;
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => digit(*high).zip(digit(*low)).map(|(high, low)| (high * 16 + low) as u8),
            _ => None,
        };
        text.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &rest[3..] } else { after };
    }
    text
}

fn row(entry: &DirEntry) -> Row<'_> {
    let (mark, directory) = match entry.kind {
        FileKind::Directory => ("/", true),
        FileKind::Link => ("@", entry.link_to_directory),
        FileKind::Regular | FileKind::Other => ("", false),
    };
    Row { href: Href(&entry.name, directory), text: Escaped(&entry.name, mark) }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            chunk.valid().chars().try_for_each(|c| match c {
                '&' => f.write_str("&amp;"),
                '<' => f.write_str("&lt;"),
                '>' => f.write_str("&gt;"),
                c => f.write_char(c),
            })?;
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        f.write_str(self.1)
    }
}

impl fmt::Display for Href<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in self.0 {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        if self.1 { f.write_char('/') } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &[u8], kind: FileKind) -> DirEntry {
        DirEntry { name: name.to_vec(), kind, link_to_directory: false, size: 0, modified_s: 0 }
    }

    fn all(_: &[u8]) -> bool {
        true
    }

    /// The page is that of Python 3.11 for these names, asked for as `/a%20dir/?x=%bb&y=<`, to the byte.
    #[test]
    fn equals_pythons_page() {
        let regular =
            ["b.txt", "A.txt", "<test&>.txt", "quo\"te", "it's", "Ä.txt", "ß", "é:x?y#z%", "~t", "plus+", "@at"];
        let mut entries: Vec<DirEntry> = regular.iter().map(|name| entry(name.as_bytes(), FileKind::Regular)).collect();
        entries.push(entry(b"fifo", FileKind::Other));
        entries.push(entry(b"sub", FileKind::Directory));
        entries.push(entry(b"flink", FileKind::Link));
        entries.push(entry(b"dangling", FileKind::Link));
        entries.push(DirEntry { link_to_directory: true, ..entry(b"link", FileKind::Link) });
        let html = render(&unquote(b"/a%20dir/?x=%bb&y=<"), &Listing { entries, truncated: false }, all);
        assert_eq!(html, include_str!("tests/listing_of_python.html"));
    }

    #[test]
    fn a_name_that_is_no_utf8_keeps_its_bytes_in_the_link() {
        let html = render(b"/", &Listing { entries: vec![entry(b"a\xff", FileKind::Regular)], truncated: false }, all);
        assert!(html.contains("<a href=\"a%FF\">a\u{fffd}</a>"), "{html}");
    }

    #[test]
    fn what_is_hidden_and_what_is_left_out() {
        for (name, at_root, shown) in [
            ("a", true, true),
            (".git", true, false),
            ("..a", true, false),
            (".well-known", true, true),
            (".well-known", false, false),
            (".well-knownx", true, false),
        ] {
            assert_eq!(is_shown(name.as_bytes(), at_root), shown, "{name}");
        }
        let html = render(b"/", &Listing { entries: Vec::new(), truncated: true }, all);
        assert!(html.contains("<ul>\n</ul>\n<p>There are more names than are shown.</p>\n<hr>"), "{html}");
    }

    #[test]
    fn what_is_no_escape_stays() {
        for (target, text) in [("/a%2", "/a%2"), ("/%zz%41", "/%zzA"), ("/%%41", "/%A"), ("/%2541", "/%41")] {
            assert_eq!(unquote(target.as_bytes()), text.as_bytes());
        }
    }
}
