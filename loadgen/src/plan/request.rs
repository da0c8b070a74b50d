//! One kind of request of the mix: what the user wrote, and the bytes that follow from it.

use std::sync::Arc;

use thiserror::Error;

use super::template::{self, Digits, Part, Values};
use super::{FieldLine, Method, NUMBERS_MAX, Target, TemplateError, UrlError};

/// One kind of request, and how often it comes beside the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Where to; the path may carry `{seq}` and `{rand:A-B}`.
    pub target: Target,
    /// Share of the mix, at least 1.
    pub weight: u32,
    /// Its method.
    pub method: Method,
    /// Field lines given by the user, in their order; a `Host` among them replaces ours. Values may carry numbers.
    pub fields: Vec<FieldLine>,
    /// What follows the head.
    pub body: Body,
}

/// The content of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// None, and no field that would announce it.
    #[default]
    None,
    /// A text that may carry `{seq}` and `{rand:A-B}`.
    Text(String),
    /// Bytes as they are, of a file.
    Bytes(Arc<[u8]>),
}

/// Why a file of URLs cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UrlsError {
    /// A line's URL.
    #[error("line {line}: {error}")]
    Url {
        /// From 1.
        line: usize,
        /// What is wrong.
        error: UrlError,
    },
    /// A word before the URL that is neither a weight nor a method.
    #[error("line {line}: '{word}' is neither a weight nor a method; write [WEIGHT] [METHOD] URL")]
    Word {
        /// From 1.
        line: usize,
        /// Which.
        word: String,
    },
    /// No line with a URL.
    #[error("the file names no URL")]
    Empty,
}

impl Request {
    /// A GET of a target, without fields and body.
    pub fn new(target: Target) -> Self {
        Self { target, weight: 1, method: Method::default(), fields: Vec::new(), body: Body::None }
    }

    /// Reads a file of URLs, one a line: `[WEIGHT] [METHOD] URL`. A URL that starts with `/` is a path of this request's
    /// target; everything that a line does not say is as in this request. Empty lines and those with `#` are passed over.
    pub fn read_urls(&self, text: &str) -> Result<Vec<Self>, UrlsError> {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let requests: Vec<_> = lines.map(|(number, line)| self.read_line(number, line)).collect::<Result<_, _>>()?;
        if requests.is_empty() { Err(UrlsError::Empty) } else { Ok(requests) }
    }

    fn read_line(&self, line: usize, text: &str) -> Result<Self, UrlsError> {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let url = words.pop().unwrap_or_default();
        let mut request = self.clone();
        for word in words {
            match (word.parse::<u32>(), word.parse::<Method>()) {
                (Ok(weight @ 1..), _) => request.weight = weight,
                (Err(_), Ok(method)) => request.method = method,
                _ => return Err(UrlsError::Word { line, word: word.to_owned() }),
            }
        }
        request.target = if url.starts_with('/') {
            let authority = self.target.authority();
            format!("{authority}{url}").parse().map_err(|error| UrlsError::Url { line, error })?
        } else {
            url.parse().map_err(|error| UrlsError::Url { line, error })?
        };
        Ok(request)
    }

    /// Its bytes: nothing but the request line, `Host`, what the user gave, and what frames a body. Without keep-alive
    /// it asks for the connection's end.
    ///
    /// # Errors
    /// [`TemplateError`] when it carries something that is no number.
    pub fn prepare(&self, keep_alive: bool) -> Result<Prepared, TemplateError> {
        let mut parts = vec![Part::Literal(format!("{} ", self.method).into_bytes())];
        parts.extend(template::parts(&self.target.path)?);
        parts.push(Part::Literal(b" HTTP/1.1\r\n".to_vec()));
        if !self.fields.iter().any(|field| field.is_named("Host")) {
            parts.push(Part::Literal(format!("Host: {}\r\n", self.target.authority()).into_bytes()));
        }
        for field in &self.fields {
            parts.extend(template::parts(&field.to_string())?);
            parts.push(Part::Literal(b"\r\n".to_vec()));
        }
        if !keep_alive {
            parts.push(Part::Literal(b"Connection: close\r\n".to_vec()));
        }
        let body = self.body(&mut parts)?;
        Prepared::new(parts, body, self.method.is_head())
    }

    /// The framing and the body behind it; what is too large to be copied for each request stays apart.
    fn body(&self, parts: &mut Vec<Part>) -> Result<Option<Arc<[u8]>>, TemplateError> {
        let has_length = self.fields.iter().any(|field| field.is_named("Content-Length"));
        let (content, apart) = match &self.body {
            Body::None => (Vec::new(), None),
            Body::Text(text) => (template::parts(text)?, None),
            Body::Bytes(bytes) if bytes.len() > INLINE_BODY_BYTES_MAX => (Vec::new(), Some(bytes.clone())),
            Body::Bytes(bytes) => (vec![Part::Literal(bytes.to_vec())], None),
        };
        // RFC 9110 section 8.6: a method that usually has content says 0 when it has none.
        let announced = self.body != Body::None || (self.method.expects_content() && !has_length);
        if announced {
            parts.push(Part::Literal(b"Content-Length: ".to_vec()));
            parts.push(match &apart {
                Some(bytes) => Part::Literal(bytes.len().to_string().into_bytes()),
                None => Part::LengthOfRest,
            });
            parts.push(Part::Literal(b"\r\n".to_vec()));
        }
        parts.push(Part::Literal(b"\r\n".to_vec()));
        parts.extend(content);
        Ok(apart)
    }
}

/// A body up to this is written behind each head; a larger one is sent from where it stands.
pub const INLINE_BODY_BYTES_MAX: usize = 16 * 1024;

/// The bytes of one kind of request, ready to be written.
#[derive(Clone, Debug)]
pub struct Prepared {
    parts: Box<[Part]>,
    len_max: usize,
    body: Option<Arc<[u8]>>,
    is_head: bool,
}

impl Prepared {
    fn new(parts: Vec<Part>, body: Option<Arc<[u8]>>, is_head: bool) -> Result<Self, TemplateError> {
        let parts = joined(resolved(parts));
        let numbers =
            parts.iter().filter_map(|part| if let Part::Number(number) = part { Some(*number) } else { None });
        let most = numbers.clone().map(template::Number::len_max).sum::<usize>();
        if numbers.count() > NUMBERS_MAX {
            return Err(TemplateError::TooMany);
        }
        let len = |part: &Part| match part {
            Part::Literal(bytes) => bytes.len(),
            Part::Number(_) => 0,
            Part::LengthOfRest => LENGTH_DIGITS_MAX,
        };
        Ok(Self { len_max: most + parts.iter().map(len).sum::<usize>(), parts: parts.into(), body, is_head })
    }

    /// Its bytes, if they are the same each time.
    pub fn fixed(&self) -> Option<&[u8]> {
        match &*self.parts {
            [Part::Literal(bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// Bytes of the longest that can be written, without [`Prepared::body_apart`].
    pub fn len_max(&self) -> usize {
        self.len_max
    }

    /// A large body, sent behind what is written.
    pub fn body_apart(&self) -> Option<&Arc<[u8]>> {
        self.body.as_ref()
    }

    /// Whether the answer has no body whatever its head announces.
    pub fn is_head(&self) -> bool {
        self.is_head
    }

    /// Writes it with fresh numbers to the start of `out`, which has room for [`Prepared::len_max`] bytes; how many it
    /// is.
    #[inline]
    pub fn write(&self, values: &mut Values, out: &mut [u8]) -> usize {
        let len = match &*self.parts {
            [Part::Literal(bytes)] => append(out, 0, bytes),
            parts => write_parts(parts, values, out),
        };
        values.advance();
        len
    }
}

/// Digits of a length that is only known when the numbers are drawn.
const LENGTH_DIGITS_MAX: usize = 10;

fn write_parts(parts: &[Part], values: &mut Values, out: &mut [u8]) -> usize {
    let mut drawn = [0_u64; NUMBERS_MAX];
    let (mut count, mut len) = (0, 0);
    for part in parts {
        if let Part::Number(number) = part {
            drawn[count] = values.draw(*number);
            count += 1;
        }
    }
    let mut next = 0;
    for (index, part) in parts.iter().enumerate() {
        len = match part {
            Part::Literal(bytes) => append(out, len, bytes),
            Part::Number(_) => {
                next += 1;
                append(out, len, Digits::of(drawn[next - 1]).bytes())
            }
            // The rest is the body behind the end of the head.
            Part::LengthOfRest => append(out, len, Digits::of(rest_len(&parts[index + 1..], &drawn[next..])).bytes()),
        };
    }
    len
}

/// Bytes of the body behind its length: all parts but the blank line that ends the head.
fn rest_len(parts: &[Part], drawn: &[u64]) -> u64 {
    let mut drawn = drawn.iter();
    let len = |part: &Part| match part {
        Part::Literal(bytes) => bytes.len(),
        Part::Number(_) => drawn.next().map_or(0, |&number| Digits::of(number).bytes().len()),
        Part::LengthOfRest => 0,
    };
    (parts.iter().map(len).sum::<usize>() - HEAD_END.len()) as u64
}

const HEAD_END: &[u8] = b"\r\n\r\n";

#[inline]
fn append(out: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    out[at..at + bytes.len()].copy_from_slice(bytes);
    at + bytes.len()
}

/// A length is known now when no number follows it.
fn resolved(mut parts: Vec<Part>) -> Vec<Part> {
    let Some(place) = parts.iter().position(|part| *part == Part::LengthOfRest) else { return parts };
    let rest = &parts[place + 1..];
    if !rest.iter().any(|part| matches!(part, Part::Number(_))) {
        parts[place] = Part::Literal(rest_len(rest, &[]).to_string().into_bytes());
    }
    parts
}

/// Neighbouring literals as one.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::new();
    for part in parts {
        match (out.last_mut(), part) {
            (Some(Part::Literal(bytes)), Part::Literal(more)) => bytes.extend(more),
            (_, Part::Literal(bytes)) if bytes.is_empty() => (),
            (_, part) => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> Request {
        Request::new(url.parse().expect("a URL"))
    }

    fn written(request: &Request, times: usize) -> Vec<String> {
        let prepared = request.prepare(true).expect("a good template");
        let mut values = Values::new(1, 2, 5);
        let mut out = vec![0; prepared.len_max()];
        let mut write = || {
            let len = prepared.write(&mut values, &mut out);
            String::from_utf8(out[..len].to_vec()).expect("text")
        };
        (0..times).map(|_| write()).collect()
    }

    #[test]
    fn a_request_is_the_least_that_http_allows() {
        let text = written(&request("http://127.0.0.1:8000/a?b=c"), 1);
        assert_eq!(text, ["GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"]);
        let prepared = request("http://x/").prepare(false).expect("good");
        assert_eq!(prepared.fixed(), Some(&b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"[..]));
    }

    #[test]
    fn a_host_of_the_user_replaces_ours_and_keeps_its_place() {
        let mut request = request("http://127.0.0.1:8000/");
        request.method = "HEAD".parse().expect("a token");
        request.fields = ["Accept: */*", "host:bench"].map(|text| text.parse().expect("a field line")).to_vec();
        assert_eq!(written(&request, 1), ["HEAD / HTTP/1.1\r\nAccept: */*\r\nhost: bench\r\n\r\n"]);
        assert!(request.prepare(true).expect("good").is_head());
    }

    #[test]
    fn bodies_are_framed() {
        let mut post = request("http://x/");
        post.method = "POST".parse().expect("a token");
        assert_eq!(written(&post, 1), ["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"]);
        post.body = Body::Text("a=1".to_owned());
        assert_eq!(written(&post, 1), ["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=1"]);
        post.body = Body::Bytes(vec![b'x'; 5].into());
        assert!(written(&post, 1)[0].ends_with("Content-Length: 5\r\n\r\nxxxxx"));
        post.body = Body::Bytes(vec![b'x'; INLINE_BODY_BYTES_MAX + 1].into());
        let prepared = post.prepare(true).expect("good");
        assert!(prepared.fixed().is_some_and(|bytes| bytes.ends_with(b"Content-Length: 16385\r\n\r\n")));
        assert_eq!(prepared.body_apart().map(|body| body.len()), Some(16_385));
    }

    #[test]
    fn numbers_change_and_the_length_follows() {
        let mut post = request("http://x/{seq}");
        post.fields = vec!["X-Id: {rand:5-5}".parse().expect("a field line")];
        post.body = Body::Text("{\"n\":{seq}}".to_owned());
        let text = written(&post, 3);
        assert_eq!(text[0], "GET /2 HTTP/1.1\r\nHost: x\r\nX-Id: 5\r\nContent-Length: 7\r\n\r\n{\"n\":2}");
        assert_eq!(text[2], "GET /12 HTTP/1.1\r\nHost: x\r\nX-Id: 5\r\nContent-Length: 8\r\n\r\n{\"n\":12}");
        post.body = Body::Text("{seq}".repeat(NUMBERS_MAX));
        assert_eq!(post.prepare(true).map(drop), Err(TemplateError::TooMany));
    }

    #[test]
    fn random_numbers_fill_their_range() {
        let text = written(&request("http://x/{rand:8-11}"), 200);
        for number in 8..=11 {
            let start = format!("GET /{number} ");
            assert!(text.iter().filter(|line| line.starts_with(&start)).count() > 20, "{number}");
        }
    }

    #[test]
    fn a_file_of_urls() {
        let base = request("http://h:81/");
        let text = "# a mix\n\n/a\n3 /b?{rand:1-5}\n2 POST http://h:81/c\nHEAD /d\n";
        let found = base.read_urls(text).expect("good lines");
        let rows: Vec<_> = found.iter().map(|r| (r.weight, r.method.to_string(), r.target.to_string())).collect();
        let row = |weight, method: &str, url: &str| (weight, method.to_owned(), url.to_owned());
        assert_eq!(
            rows,
            [
                row(1, "GET", "http://h:81/a"),
                row(3, "GET", "http://h:81/b?{rand:1-5}"),
                row(2, "POST", "http://h:81/c"),
                row(1, "HEAD", "http://h:81/d"),
            ]
        );
        assert_eq!(base.read_urls("#\n"), Err(UrlsError::Empty));
        assert!(matches!(base.read_urls("\n0 /a"), Err(UrlsError::Word { line: 2, .. })));
        assert!(matches!(base.read_urls("https://x/"), Err(UrlsError::Url { line: 1, error: UrlError::Https })));
    }
}
