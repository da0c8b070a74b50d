//! A naive reader of answers: slow, simple, and a stranger to the server's own parsers.

use std::ops::Range;

use crate::requests::Request;

/// One answer, as far as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code; 200 for an answer without a head.
    pub status: u16,
    /// The connection ends behind it.
    pub closes: bool,
    /// What Content-Length says.
    pub announced: Option<usize>,
    frame: Frame,
    /// The body of a chunked answer, taken out of its chunks.
    unchunked: Option<Vec<u8>>,
    /// The body, in the bytes of the connection.
    pub body: Range<usize>,
    /// All of it came.
    pub whole: bool,
    /// Whether a 100 came before it.
    pub interim: bool,
    /// The round in which its last byte came.
    pub round: u32,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    Length(usize),
    Chunks,
    /// With the connection.
    Connection,
}

/// The answers of one connection.
#[derive(Debug, Default)]
pub struct Answers {
    /// In order; only the last may be less than whole.
    pub list: Vec<Answer>,
    /// A 100 has come for the answer that comes next.
    pub interim: bool,
    /// How far the bytes are read.
    at: usize,
}

impl Answers {
    /// Reads on in all bytes that came so far; an error says what is no answer.
    pub fn read(&mut self, bytes: &[u8], requests: &[Request], round: u32) -> Result<(), String> {
        while self.at < bytes.len() {
            if self.list.last().is_none_or(|answer| answer.whole) {
                if !self.head(bytes, requests, round)? {
                    return Ok(());
                }
            } else {
                self.body(bytes, round)?;
            }
        }
        Ok(())
    }

    /// How many are whole.
    pub fn whole(&self) -> usize {
        self.list.iter().filter(|answer| answer.whole).count()
    }

    /// Whether one says that the connection ends.
    pub fn closes(&self) -> bool {
        self.list.last().is_some_and(|answer| answer.closes)
    }

    /// Whether bytes came that are no whole head yet.
    pub fn is_inside_head(&self, bytes: &[u8]) -> bool {
        self.at < bytes.len()
    }

    /// The connection has ended: what lasts until then is whole.
    pub fn finish(&mut self) {
        if let Some(last) = self.list.last_mut().filter(|last| last.frame == Frame::Connection) {
            last.whole = true;
        }
    }

    fn body(&mut self, bytes: &[u8], round: u32) -> Result<(), String> {
        let Some(answer) = self.list.last_mut() else { return Ok(()) };
        let start = answer.body.start;
        let end = match answer.frame {
            Frame::Length(length) => Some(start + length),
            Frame::Connection => None,
            Frame::Chunks => {
                let (body, end) = unchunk(&bytes[start..])?;
                answer.unchunked = Some(body);
                end.map(|end| start + end)
            }
        };
        self.at = end.map_or(bytes.len(), |end| bytes.len().min(end));
        answer.body.end = self.at;
        answer.whole = end == Some(self.at);
        answer.round = round;
        Ok(())
    }

    fn head(&mut self, bytes: &[u8], requests: &[Request], round: u32) -> Result<bool, String> {
        if self.list.last().is_some_and(|answer| answer.closes) {
            return Err(format!("bytes behind an answer that closes: {}", bytes[self.at..].escape_ascii()));
        }
        let request = requests.get(self.list.len()).ok_or("an answer that nobody asked for")?;
        let rest = &bytes[self.at..];
        if request.want.bare && !rest.starts_with(b"HTTP/") {
            // A head comes only to say that the request did not come in time.
            let undecided = b"HTTP/".starts_with(rest);
            if !undecided {
                self.list.push(Answer::bare(self.at, round));
            }
            return Ok(!undecided);
        }
        let Some(len) = rest.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(false) };
        let head = std::str::from_utf8(&rest[..len]).map_err(|_| "a head that is no text".to_owned())?;
        let start = self.at + len + 4;
        self.at = start;
        if head == "HTTP/1.1 100 Continue" {
            let again = std::mem::replace(&mut self.interim, true);
            return if again || !request.want.interim {
                Err("a 100 that nobody asked for".to_owned())
            } else {
                Ok(true)
            };
        }
        let mut answer = Answer::read(head, request).map_err(|error| format!("{error} in {head:?}"))?;
        answer.interim = std::mem::take(&mut self.interim);
        answer.body = start..start;
        answer.whole = answer.frame == Frame::Length(0);
        answer.round = round;
        self.list.push(answer);
        Ok(true)
    }
}

impl Answer {
    fn bare(start: usize, round: u32) -> Self {
        Self {
            status: 200,
            closes: true,
            announced: None,
            frame: Frame::Connection,
            unchunked: None,
            body: start..start,
            whole: false,
            interim: false,
            round,
        }
    }

    fn read(head: &str, request: &Request) -> Result<Self, String> {
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|s| s.parse().ok());
        let status: u16 = status.ok_or("no status line")?;
        let (mut dates, mut servers, mut lengths, mut options) = (0, 0, Vec::new(), Vec::new());
        let mut chunked = false;
        for line in lines {
            let (name, value) = line.split_once(": ").ok_or_else(|| format!("no field line: {line:?}"))?;
            match name {
                "Date" if value.len() == 29 && value.ends_with(" GMT") => dates += 1,
                "Date" => return Err("a date that is none".to_owned()),
                "Server" => servers += 1,
                "Content-Length" => lengths.push(value.parse::<usize>().map_err(|_| "no length".to_owned())?),
                "Connection" => options.push(value),
                "Transfer-Encoding" if value == "chunked" && !chunked => chunked = true,
                "Transfer-Encoding" => return Err("an encoding that nobody expects".to_owned()),
                _ => {}
            }
        }
        let bodiless = matches!(status, 204 | 304);
        let old = request.head.windows(9).any(|window| window == b" HTTP/1.0");
        let streamed = request.want.streamed && status == 200;
        if (dates, servers) != (1, 1)
            || lengths.len() != usize::from(!bodiless && !streamed)
            || chunked != (streamed && !old)
        {
            return Err(format!("{dates} dates, {servers} servers, {} lengths, chunked {chunked}", lengths.len()));
        }
        let closes = if old { options != ["keep-alive"] } else { options == ["close"] };
        // Of a request that did not come in time nobody knows whether it was HEAD.
        let announced = lengths.first().copied();
        let frame = match announced {
            _ if bodiless || (request.want.bodiless && status != 408) => Frame::Length(0),
            Some(length) => Frame::Length(length),
            None if chunked => Frame::Chunks,
            None => Frame::Connection,
        };
        Ok(Self {
            status,
            closes,
            announced,
            frame,
            unchunked: None,
            body: 0..0,
            whole: false,
            interim: false,
            round: 0,
        })
    }

    /// The body as far as it came, of all bytes that came.
    pub fn body<'a>(&'a self, received: &'a [u8]) -> &'a [u8] {
        self.unchunked.as_deref().unwrap_or(&received[self.body.clone()])
    }
}

/// The body in these chunks as far as they came, and where they end, if they do.
fn unchunk(bytes: &[u8]) -> Result<(Vec<u8>, Option<usize>), String> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(len) = bytes[at..].windows(2).position(|window| window == b"\r\n") else { return Ok((body, None)) };
        let line = std::str::from_utf8(&bytes[at..at + len]).map_err(|_| "a chunk's line is no text")?;
        let size = usize::from_str_radix(line, 16).map_err(|_| format!("{line:?} opens no chunk"))?;
        at += len + 2;
        let rest = &bytes[at..];
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        match rest.get(size..size + 2) {
            None => return Ok((body, None)),
            Some(b"\r\n") => at += size + 2,
            Some(_) => return Err("a chunk that does not end".to_owned()),
        }
        if size == 0 {
            return Ok((body, Some(at)));
        }
    }
}
