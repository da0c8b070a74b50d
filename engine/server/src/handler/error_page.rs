//! The page behind an error: the bytes of Python 3.11's http.server (row E1), escaped as there (row E6).

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

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
struct PythonPage<'a> {
    code: u16,
    message: Escaped<'a>,
    explain: Escaped<'a>,
}

/// `&`, `<` and `>` as entities; quotes stay, as in Python's `html.escape(quote=False)`.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            c => f.write_char(c),
        })
    }
}

/// What there is to say of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained<'a> {
    /// The status code.
    pub code: u16,
    /// One line.
    pub message: &'a str,
    /// Some lines.
    pub explain: &'a str,
}

/// How errors are explained to a person: the seed's `DEFAULT_ERROR_MESSAGE`, replaceable (row S67).
#[derive(Clone)]
pub struct ErrorPage {
    content_type: Cow<'static, str>,
    render: Arc<Render>,
}

type Render = dyn Fn(Explained<'_>) -> String + Send + Sync;

impl ErrorPage {
    /// A page of one's own, with its `Content-Type`. Message and explanation are as the handler or a peer's request had
    /// them: a page of HTML escapes them ([`escape_html`]). Controls in the content type are left out; when `render` panics,
    /// the page is Python's.
    pub fn new(
        content_type: impl Into<Cow<'static, str>>,
        render: impl Fn(Explained<'_>) -> String + Send + Sync + 'static,
    ) -> Self {
        let content_type = content_type.into();
        let content_type = if content_type.contains(char::is_control) {
            content_type.chars().filter(|c| !c.is_control()).collect()
        } else {
            content_type
        };
        Self { content_type, render: Arc::new(render) }
    }

    pub(crate) fn content_type(&self) -> &str {
        &self.content_type
    }

    pub(crate) fn render(&self, explained: Explained<'_>) -> String {
        let render = AssertUnwindSafe(|| (self.render)(explained));
        catch_unwind(render).unwrap_or_else(|_| error_page(explained.code, explained.message, explained.explain))
    }
}

impl Default for ErrorPage {
    /// Python's page.
    fn default() -> Self {
        Self::new("text/html;charset=utf-8", |error| error_page(error.code, error.message, error.explain))
    }
}

impl fmt::Debug for ErrorPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorPage").field("content_type", &self.content_type).finish_non_exhaustive()
    }
}

/// `&`, `<` and `>` as entities (row E6). Quotes stay: this is for text, not for attributes.
pub fn escape_html(text: &str) -> impl fmt::Display + '_ {
    Escaped(text)
}

/// The HTML that explains an error to a person.
pub fn error_page(code: u16, message: &str, explain: &str) -> String {
    let page = PythonPage { code, message: Escaped(message), explain: Escaped(explain) };
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
