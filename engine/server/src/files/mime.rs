//! Content types by name: a fixed table, never the system's (row F14).

use std::borrow::Cow;

/// The type of a file by its name's end, with `charset=utf-8` where a browser would otherwise guess.
pub(super) fn content_type(path: &[u8]) -> Cow<'static, str> {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let Some(dot) = name.iter().rposition(|&byte| byte == b'.').filter(|&dot| dot > 0) else { return OTHER.into() };
    let Ok(extension) = std::str::from_utf8(&name[dot + 1..]) else { return OTHER.into() };
    let lower = extension.to_ascii_lowercase();
    let own = OWN.iter().find(|(known, _)| *known == lower).map(|(_, kind)| *kind);
    let kind = own.or_else(|| mime_guess::from_ext(&lower).first_raw()).unwrap_or(OTHER);
    if is_text(kind) { format!("{kind}; charset=utf-8").into() } else { kind.into() }
}

const OTHER: &str = "application/octet-stream";

/// Types that the table has otherwise, or not: Python's for compressed files, today's for scripts and fonts.
const OWN: [(&str, &str); 12] = [
    ("gz", "application/gzip"),
    ("z", "application/octet-stream"),
    ("bz2", "application/x-bzip2"),
    ("xz", "application/x-xz"),
    ("js", "text/javascript"),
    ("mjs", "text/javascript"),
    ("wasm", "application/wasm"),
    ("woff2", "font/woff2"),
    ("webmanifest", "application/manifest+json"),
    ("md", "text/markdown"),
    ("ts", "video/mp2t"),
    ("tgz", "application/gzip"),
];

fn is_text(kind: &str) -> bool {
    kind.starts_with("text/")
        || kind.ends_with("+xml")
        || kind.ends_with("json")
        || matches!(kind, "application/xml" | "application/javascript")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        for (path, kind) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a/B.HTM", "text/html; charset=utf-8"),
            ("x.js", "text/javascript; charset=utf-8"),
            ("x.css", "text/css; charset=utf-8"),
            ("x.json", "application/json; charset=utf-8"),
            ("x.svg", "image/svg+xml; charset=utf-8"),
            ("x.png", "image/png"),
            ("x.tar.gz", "application/gzip"),
            ("x.woff2", "font/woff2"),
            ("README", "application/octet-stream"),
            ("x.unheardof", "application/octet-stream"),
            (".html", "application/octet-stream"),
            ("x.Z", "application/octet-stream"),
            ("x.bz2", "application/x-bzip2"),
            ("x.xz", "application/x-xz"),
            ("x.mjs", "text/javascript; charset=utf-8"),
            ("x.py", "text/plain; charset=utf-8"),
            ("x.c", "text/plain; charset=utf-8"),
            ("x.xml", "text/xml; charset=utf-8"),
            ("x.md", "text/markdown; charset=utf-8"),
            ("x.wasm", "application/wasm"),
            ("x.pdf", "application/pdf"),
            ("a.png/x", "application/octet-stream"),
            ("x.", "application/octet-stream"),
        ] {
            assert_eq!(content_type(path.as_bytes()), kind, "{path}");
        }
    }
}
