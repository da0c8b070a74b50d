//! The page that lists a directory: Python's skeleton, escaping and order (rows F20 to F22).

use std::fmt::{self, Write};

use askama::Template;
use slipring_ring::{DirEntry, FileKind, Listing};
use slipring_wire::target::normalize;

use crate::handler::{Exchange, Reply};

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
<hr>
</body>
</html>
"#
)]
struct Page<'a> {
    title: Escaped<'a>,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    href: Href<'a>,
    text: Escaped<'a>,
}

/// Bytes as HTML text: what is no UTF-8 shows as U+FFFD.
struct Escaped<'a>(&'a [u8], &'static str);

/// A name as a relative reference: every byte that could mean something else is percent-encoded.
struct Href<'a>(&'a [u8], bool);

/// Answers with the names of a directory.
pub(super) fn answer(x: &mut Exchange<'_>, listing: &Listing) -> Reply {
    let mut scratch = Vec::new();
    let title = match normalize(x.head().path_and_query(x.head_bytes()), &mut scratch) {
        Ok(normal) if normal.path.is_empty() => b"/".to_vec(),
        Ok(normal) => [b"/", normal.path, b"/"].concat(),
        Err(_) => b"/".to_vec(),
    };
    let page = render(&title, listing);
    x.send_response(200)?.send_header("Content-Type", "text/html; charset=utf-8")?.end_headers(page.as_bytes())
}

fn render(title: &[u8], listing: &Listing) -> String {
    let mut shown: Vec<&DirEntry> = listing.entries.iter().filter(|entry| is_shown(&entry.name)).collect();
    shown.sort_by_cached_key(|entry| (entry.name.to_ascii_lowercase(), entry.name.clone()));
    let page = Page { title: Escaped(title, ""), rows: shown.into_iter().map(row).collect() };
    // Writing to a string does not fail.
    page.render().unwrap_or_default()
}

/// Names that would be answered 404 are not shown.
fn is_shown(name: &[u8]) -> bool {
    !name.starts_with(b".") || name == b".well-known"
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
                '"' => f.write_str("&quot;"),
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

    /// The list items that Python 3.11 wrote for a directory with these names.
    #[test]
    fn items_are_pythons() {
        let mut link = entry(b"link", FileKind::Link);
        link.link_to_directory = true;
        let entries = vec![
            entry(b"b.txt", FileKind::Regular),
            entry(b"A.txt", FileKind::Regular),
            entry(b"<test&>.txt", FileKind::Regular),
            entry(b"dir", FileKind::Directory),
            link,
            entry(b".hidden", FileKind::Regular),
        ];
        let html = render(b"/x y/", &Listing { entries, truncated: false });
        let items: Vec<&str> = html.lines().filter(|line| line.starts_with("<li>")).collect();
        assert_eq!(
            items,
            [
                r#"<li><a href="%3Ctest%26%3E.txt">&lt;test&amp;&gt;.txt</a></li>"#,
                r#"<li><a href="A.txt">A.txt</a></li>"#,
                r#"<li><a href="b.txt">b.txt</a></li>"#,
                r#"<li><a href="dir/">dir/</a></li>"#,
                r#"<li><a href="link/">link@</a></li>"#,
            ]
        );
        assert!(html.contains("<title>Directory listing for /x y/</title>"));
    }

    #[test]
    fn a_name_that_is_no_utf8_keeps_its_bytes_in_the_link() {
        let html = render(b"/", &Listing { entries: vec![entry(b"a\xff", FileKind::Regular)], truncated: false });
        assert!(html.contains("<a href=\"a%FF\">a\u{fffd}</a>"), "{html}");
    }
}
