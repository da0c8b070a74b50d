//! Bytes of a connection as the answers in them.

/// One answer; what is no answer (HTTP/0.9 data) is a body alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Empty if there is no head.
    pub status_line: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// All answers of a connection, dates and server names masked. A body is as long as Content-Length says, and there is
    /// none if another answer or nothing stands in its place: that was asked for with HEAD.
    pub fn read(mut bytes: &[u8]) -> Vec<Self> {
        let mut all = Vec::new();
        while !bytes.is_empty() {
            let head =
                bytes.starts_with(b"HTTP/").then(|| bytes.windows(4).position(|four| four == b"\r\n\r\n")).flatten();
            let Some(head) = head else {
                all.push(Self { status_line: String::new(), fields: Vec::new(), body: bytes.to_vec() });
                return all;
            };
            let mut answer = Self::read_head(&bytes[..head]);
            let rest = &bytes[head + 4..];
            let len = if rest.starts_with(b"HTTP/") { 0 } else { answer.length().min(rest.len()) };
            answer.body = rest[..len].to_vec();
            all.push(answer);
            bytes = &rest[len..];
        }
        all
    }

    fn read_head(head: &[u8]) -> Self {
        let text: String = head.iter().map(|&byte| char::from(byte)).collect();
        let mut lines = text.split("\r\n");
        let status_line = lines.next().unwrap_or_default().to_owned();
        let fields = lines.map(|line| line.split_once(": ").unwrap_or((line, "")));
        let fields = fields.map(|(name, value)| (name.to_owned(), masked(name, value).to_owned())).collect();
        Self { status_line, fields, body: Vec::new() }
    }

    /// The code, or `data` for an answer without a head.
    pub fn status(&self) -> &str {
        self.status_line.split(' ').nth(1).unwrap_or("data")
    }

    pub fn is_error(&self) -> bool {
        self.status().starts_with(['4', '5'])
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|(field, _)| field == name)
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.position(name).map(|at| self.fields[at].1.as_str())
    }

    fn length(&self) -> usize {
        self.value("Content-Length").and_then(|value| value.parse().ok()).unwrap_or(0)
    }
}

/// What cannot be equal: when it was said, and by whom.
fn masked<'a>(name: &str, value: &'a str) -> &'a str {
    if matches!(name, "Date" | "Server") && !value.is_empty() { "*" } else { value }
}

/// The same in the bytes of a transcript.
pub fn mask(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if number > 0 {
            out.push(b'\n');
        }
        let name = [&b"Date"[..], b"Server"]
            .into_iter()
            .find(|name| line.starts_with(&[*name, b": "].concat()) && line.ends_with(b"\r"));
        match name {
            Some(name) => out.extend([name, b": *\r"].concat()),
            None => out.extend(line),
        }
    }
    out
}
