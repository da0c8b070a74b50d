//! The page behind an error: the bytes of Python 3.11's http.server (row E1), escaped as there (row E6).

use std::fmt::Write;

use askama::Template;

#[derive(Template)]
#[template(
    ext = "html",
    escape = "none",
    source = r#"<!DOCTYPE HTML>
<html lang="en">
    <head>
        <meta charset="utf-8">
        <title>Error response</title>
    </head>
    <body>
        <h1>Error response</h1>
        <p>Error code: {{code}}</p>
        <p>Message: {{message}}.</p>
        <p>Error code explanation: {{code}} - {{explain}}.</p>
    </body>
</html>
"#
)]
struct ErrorPage<'a> {
    code: u16,
    message: Escaped<'a>,
    explain: Escaped<'a>,
}

/// `&`, `<` and `>` as entities; quotes stay, as in Python's `html.escape(quote=False)`.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            c => f.write_char(c),
        })
    }
}

/// The HTML that explains an error to a person.
pub fn error_page(code: u16, message: &str, explain: &str) -> String {
    let page = ErrorPage { code, message: Escaped(message), explain: Escaped(explain) };
    // Writing to a string cannot fail; an empty body would still be a right answer.
    let mut html = page.render().unwrap_or_default();
    if !html.ends_with('\n') {
        html.push('\n');
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_length_of_pythons_pages() {
        // Row E1: lengths measured from Python 3.11.
        let not_found = error_page(404, "File not found", "Nothing matches the given URI");
        assert_eq!(not_found.len(), 335, "{not_found}");
        let unsupported = "Server does not support this operation";
        assert_eq!(error_page(501, "Unsupported method ('SPAM')", unsupported).len(), 357);
        assert!(error_page(400, "<b>&\"", "x").contains("<p>Message: &lt;b&gt;&amp;\".</p>"));
    }
}
