//! A client that says exactly what it is told, and tells exactly what came back.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::harness::PATIENCE;

/// One connection.
pub struct Client {
    stream: TcpStream,
    /// Bytes that came and were not yet looked at.
    unread: Vec<u8>,
}

/// How a connection ended, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The server closed it.
    Fin,
    /// The server's system reset it.
    Reset,
    /// Nothing came any more, and it stayed open.
    Silence,
}

/// One answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Client {
    pub fn to(address: SocketAddr) -> Self {
        Self::from(TcpStream::connect(address).expect("the server listens"))
    }

    pub fn from(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        Self { stream, unread: Vec::new() }
    }

    /// How long a read may wait.
    pub fn patience(&mut self, limit: Duration) -> &mut Self {
        self.stream.set_read_timeout(Some(limit)).expect("a socket");
        self
    }

    /// Sends bytes. The server may have closed already: that is seen by reading.
    pub fn send(&mut self, bytes: &[u8]) -> &mut Self {
        let _ = self.stream.write_all(bytes);
        self
    }

    /// Sends bytes one at a time, each in a segment of its own.
    pub fn send_slowly(&mut self, bytes: &[u8]) -> &mut Self {
        for byte in bytes {
            self.send(std::slice::from_ref(byte));
        }
        self
    }

    /// Says that no more will be sent.
    pub fn half_close(&mut self) -> &mut Self {
        let _ = self.stream.shutdown(Shutdown::Write);
        self
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Everything until the end of the connection, and how it ended.
    pub fn read_to_end(&mut self) -> (Vec<u8>, End) {
        let (bytes, end) = self.read_up_to(u64::MAX);
        (bytes, end.expect("it has an end"))
    }

    /// The same for an answer that may be without end: at most about `limit` bytes, and no end if there were as many.
    pub fn read_up_to(&mut self, limit: u64) -> (Vec<u8>, Option<End>) {
        let mut bytes = std::mem::take(&mut self.unread);
        let end = match Read::by_ref(&mut self.stream).take(limit).read_to_end(&mut bytes) {
            Ok(len) => ((len as u64) < limit).then_some(End::Fin),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Some(End::Silence),
            Err(_) => Some(End::Reset),
        };
        (bytes, end)
    }

    /// At least `len` bytes, if they come.
    pub fn read_some(&mut self, len: usize) -> Vec<u8> {
        while self.unread.len() < len && self.more() {}
        let taken = self.unread.len().min(len);
        self.unread.drain(..taken).collect()
    }

    /// The next answer; none if the connection ends before it does.
    pub fn response(&mut self) -> Option<Response> {
        self.response_to(b"GET")
    }

    /// The next answer, to a request with this method.
    pub fn response_to(&mut self, method: &[u8]) -> Option<Response> {
        loop {
            if let Some((response, len)) = Response::parse(&self.unread, method == b"HEAD") {
                self.unread.drain(..len);
                return Some(response);
            }
            if !self.more() {
                return None;
            }
        }
    }

    /// Asks and hears the answer.
    pub fn ask(&mut self, request: &[u8]) -> Response {
        let method = request.split(|&byte| byte == b' ').next().unwrap_or_default();
        self.send(request).response_to(method).unwrap_or_else(|| panic!("an answer to {}", show(request)))
    }

    fn more(&mut self) -> bool {
        let mut bytes = vec![0; 64 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(len @ 1..) => {
                self.unread.extend_from_slice(&bytes[..len]);
                true
            }
            _ => false,
        }
    }
}

impl Response {
    /// The answer at the start of `bytes`, and its length; none if it is not complete. Its end has to be known from
    /// Content-Length or from chunks.
    pub fn parse(bytes: &[u8], to_head: bool) -> Option<(Self, usize)> {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(head_len) = head.parse(bytes).expect("an answer is HTTP") else { return None };
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let fields: Vec<_> = head.headers.iter().map(|field| (field.name.to_owned(), text(field.value))).collect();
        let status = head.code.expect("it is complete");
        let mut response = Self { status, reason: head.reason.unwrap_or_default().into(), fields, body: Vec::new() };
        let has_body = !to_head && !response.is_bodiless();
        if has_body && response.field("Transfer-Encoding") == Some("chunked") {
            let (body, len) = unchunk(&bytes[head_len..])?;
            response.body = body;
            return Some((response, head_len + len));
        }
        let len = if has_body { response.content_length().unwrap_or(0) } else { 0 };
        response.body = bytes.get(head_len..head_len + len)?.to_vec();
        Some((response, head_len + len))
    }

    /// All answers in `bytes`, to GET requests or the like; what is left behind the last must be nothing.
    pub fn parse_all(mut bytes: &[u8]) -> Result<Vec<Self>, String> {
        let mut all = Vec::new();
        while !bytes.is_empty() {
            let Some((response, len)) = Self::parse(bytes, false) else {
                return Err(format!("an answer is cut: {}", show(bytes)));
            };
            all.push(response);
            bytes = &bytes[len..];
        }
        Ok(all)
    }

    /// RFC 9112 section 6.3, rule 1.
    fn is_bodiless(&self) -> bool {
        self.status < 200 || matches!(self.status, 204 | 304)
    }

    pub fn content_length(&self) -> Option<usize> {
        self.field("Content-Length").and_then(|value| value.parse().ok())
    }

    /// The value of a field that stands there once.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} stands there twice: {self:?}");
        value
    }
}

/// The body at the start of `bytes`, in chunks, and how long it is on the wire; none if it is not complete.
fn unchunk(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let parsed = httparse::parse_chunk_size(&bytes[at..]).expect("a chunk begins with its size");
        let httparse::Status::Complete((line, size)) = parsed else { return None };
        let data = at + line;
        let end = data + usize::try_from(size).expect("it fits into memory");
        body.extend_from_slice(bytes.get(data..end)?);
        assert_eq!(bytes.get(end..end + 2)?, b"\r\n", "a chunk, or the body without trailers, ends in an empty line");
        at = end + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}

/// The start of some bytes, for a person.
pub fn show(bytes: &[u8]) -> String {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    if bytes.len() > 200 { format!("{start:?} and {} bytes more", bytes.len() - 200) } else { format!("{start:?}") }
}

/// `GET` of a target, as a browser would without its other fields.
pub fn get(target: &str) -> Vec<u8> {
    request("GET", target, "")
}

/// A request with these further lines, each with its line end.
pub fn request(method: &str, target: &str, lines: &str) -> Vec<u8> {
    latin1(&format!("{method} {target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n"))
}

/// Text in which every character below U+0100 stands for a byte.
pub fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a byte")).collect()
}

/// The notation of docs/rfc.md: `|` is CRLF.
pub fn raw(text: &str) -> Vec<u8> {
    latin1(&text.replace('|', "\r\n"))
}
