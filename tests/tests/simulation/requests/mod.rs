//! Requests that clients send, each with what a naive model says about its answer. Nothing here is the server's code.

mod refused;
mod site;

pub use site::draw_of_site;

use slipring_ring::sim::Random;

use crate::handler::{BODY_BYTES_MAX, FIXED};
use crate::tree::FILES;
use refused::{broken, broken_head, failing, refused_early, too_large, torn};

/// Bytes of a body that the server reads although nobody wants it.
pub const DISCARD_BYTES_MAX: usize = 6000;
/// Longest request line.
pub const LINE_BYTES_MAX: usize = 1000;
/// Longest head.
pub const HEAD_BYTES_MAX: usize = 3000;
/// Most fields.
pub const FIELDS_MAX: usize = 20;

/// One request as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is sent at once.
    pub head: Vec<u8>,
    /// What is sent behind it.
    pub body: Vec<u8>,
    /// The client waits behind the head until it is told to go on.
    pub waits: bool,
    /// The right answer.
    pub want: Want,
}

/// What the model says about an answer.
#[derive(Clone, Debug)]
pub struct Want {
    /// Status and body.
    pub what: What,
    /// Whether the connection ends behind it.
    pub end: End,
    /// The head says what a body would be, but none follows.
    pub bodiless: bool,
    /// A body without a head (HTTP/0.9).
    pub bare: bool,
    /// A 100 may come before it.
    pub interim: bool,
    /// It may come before the request was sent to its end.
    pub early: bool,
    /// Nobody knows the body's length before its end.
    pub streamed: bool,
    /// A worker makes it.
    pub worked: bool,
    /// The request's body goes to a disk first.
    pub spooled: bool,
}

/// Whether a connection ends behind an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It goes on.
    Stays,
    /// It ends.
    Closes,
    /// Either, as bytes happened to arrive.
    Either,
}

/// Status and body of an answer.
#[derive(Clone, Debug)]
pub enum What {
    /// These bytes.
    Bytes(u16, Vec<u8>),
    /// [`pattern::body`] of this length.
    Pattern(usize),
    /// The engine's page for this status.
    Page(u16),
    /// The page of a file that is not there.
    Missing,
    /// The file with this number, whole.
    File(usize),
    /// The first bytes of the file with this number.
    Part(usize),
    /// The names of all files that are there.
    Listing,
    /// A page that shows the names of all files that are there.
    Directory,
    /// The file that nobody changes.
    Inner,
    /// The same path, with a slash behind it.
    Moved,
    /// The bytes of a file from the first number to the second.
    Range(usize, usize, usize),
    /// The peer has the file already.
    NotModified(usize),
    /// A part of [`pattern::body`] of this length, and the end of the connection.
    Torn(usize),
    /// No answer at all.
    Nothing,
}

/// A random request. `last`: nothing follows it, so it may be one that ends the connection.
pub fn draw(random: &mut Random, last: bool) -> Request {
    match random.below(if last { 24 } else { 15 }) {
        0..=2 => get(random, "/fixed", What::Bytes(200, FIXED.to_vec())),
        3 => sized(random),
        4 => page(random),
        5..=6 => file(random),
        7..=8 => echo(random),
        9 => unwanted(random),
        10 => expecting(random),
        11 => other_command(random),
        12 => old_but_alive(random),
        13 => streamed(random),
        14 => worked(random),
        15 => old(random),
        16 => closing(random),
        17 => failing(random),
        18 => refused_early(random),
        19 => too_large(random),
        20 => broken_head(random),
        21 => torn(random),
        22 => streamed_to_its_end(random),
        _ => broken(random),
    }
}

impl Request {
    fn new(head: impl Into<Vec<u8>>, what: What) -> Self {
        let want = Want {
            what,
            end: End::Stays,
            bodiless: false,
            bare: false,
            interim: false,
            early: false,
            streamed: false,
            worked: false,
            spooled: false,
        };
        Self { head: head.into(), body: Vec::new(), waits: false, want }
    }

    fn closes(mut self) -> Self {
        self.want.end = End::Closes;
        self
    }

    fn early(mut self) -> Self {
        self.want.early = true;
        self
    }
}

/// GET or HEAD of a path, with fields of no importance.
fn get(random: &mut Random, path: &str, what: What) -> Request {
    let bodiless = random.below(6) == 0;
    let method = if bodiless { "HEAD" } else { "GET" };
    let mut request = Request::new(format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{}\r\n", fields(random)), what);
    request.want.bodiless = bodiless;
    request
}

fn fields(random: &mut Random) -> String {
    const CHOICES: [&str; 6] = [
        "Accept: */*\r\n",
        "User-Agent: a scripted peer\r\n",
        "X-Empty:\r\n",
        "Connection: keep-alive\r\n",
        "Cookie: a=b; c=d\r\n",
        "X-Long: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
    ];
    (0..random.below(4)).map(|_| random.pick(&CHOICES)).collect()
}

/// A length that is small most of the time.
fn length(random: &mut Random, most: u64) -> usize {
    let most = random.pick(&[16, 300, 300, 3000, most]).min(most);
    random.between(0, most) as usize
}

fn sized(random: &mut Random) -> Request {
    let len = length(random, 60_000);
    let path = random.pick(&["size", "owned", "pieces"]);
    get(random, &format!("/{path}/{len}"), What::Pattern(len))
}

fn page(random: &mut Random) -> Request {
    match random.below(3) {
        0 => get(random, "/nothing/here", What::Page(404)),
        1 => get(random, "/status/204", What::Bytes(204, Vec::new())),
        _ => get(random, "/status/304", What::Bytes(304, Vec::new())),
    }
}

fn file(random: &mut Random) -> Request {
    let number = random.below(FILES.len() as u64) as usize;
    let name = FILES[number];
    match random.below(8) {
        0 => get(random, "/list", What::Listing),
        1 => get(random, "/file/no/such/file", What::Missing),
        2 => get(random, "/file/../secret", What::Missing),
        3 => get(random, &format!("/read/{name}"), What::Part(number)),
        _ => get(random, &format!("/file/{name}"), What::File(number)),
    }
}

/// The body of a request, as it is and as it goes over the wire with the field that frames it.
fn framed(random: &mut Random, len: usize) -> (Vec<u8>, &'static str, Vec<u8>) {
    let body: Vec<u8> = (0..len).map(|_| random.bits() as u8).collect();
    if random.below(2) == 0 {
        let wire = body.clone();
        return (body, "Content-Length: ", wire);
    }
    let mut wire = Vec::new();
    let mut rest = &body[..];
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(random.between(1, rest.len() as u64) as usize);
        let extension = random.pick(&["", "", ";a", ";name=value", ";q=\"a b\""]);
        wire.extend(format!("{:x}{extension}\r\n", piece.len()).bytes());
        wire.extend(piece);
        wire.extend(b"\r\n");
        rest = behind;
    }
    wire.extend(random.pick(&[&b"0\r\n\r\n"[..], b"00\r\nX-Trailer: t\r\n\r\n"]));
    (body, "Transfer-Encoding: chunked", wire)
}

/// The line of the field that `framed` named.
fn framing(field: &str, len: usize) -> String {
    if field.ends_with(' ') { format!("{field}{len}\r\n") } else { format!("{field}\r\n") }
}

fn echo(random: &mut Random) -> Request {
    let len = length(random, BODY_BYTES_MAX);
    let (body, field, wire) = framed(random, len);
    let head = format!("POST /echo HTTP/1.1\r\nHost: x\r\n{}{}\r\n", framing(field, len), fields(random));
    let mut request = Request::new(head, What::Bytes(200, body));
    request.body = wire;
    request
}

/// A reader makes the body, while the peer takes it.
fn streamed(random: &mut Random) -> Request {
    let len = length(random, 120_000);
    let sized = random.below(3) == 0;
    let path = if sized { "sized-stream" } else { "stream" };
    let mut request = get(random, &format!("/{path}/{len}"), What::Pattern(len));
    request.want.streamed = !sized;
    request
}

/// The same for a peer that knows no chunks.
fn streamed_to_its_end(random: &mut Random) -> Request {
    let len = length(random, 60_000);
    let keep = random.pick(&["", "Connection: keep-alive\r\n"]);
    let mut request = Request::new(format!("GET /stream/{len} HTTP/1.0\r\n{keep}\r\n"), What::Pattern(len)).closes();
    request.want.streamed = true;
    request
}

/// A worker makes the answer.
fn worked(random: &mut Random) -> Request {
    let way = random.below(4);
    let mut request = if way < 2 {
        let len = length(random, 60_000);
        let path = random.pick(&["job", "writer"]);
        let mut request = get(random, &format!("/{path}/{len}"), What::Pattern(len));
        request.want.streamed = path == "writer";
        request
    } else {
        let mut request = if random.below(4) == 0 { expecting(random) } else { echo(random) };
        request.want.spooled = random.below(3) > 0;
        let path = if request.want.spooled { "/spool" } else { "/job" };
        request.head = String::from_utf8_lossy(&request.head).replacen("/echo", path, 1).into_bytes();
        request
    };
    request.want.worked = true;
    request
}

/// A body that nobody asked for: read and forgotten up to a limit.
fn unwanted(random: &mut Random) -> Request {
    let len = length(random, 2 * DISCARD_BYTES_MAX as u64);
    let (_, field, wire) = framed(random, len);
    let known = field.ends_with(' ');
    let (method, what) = match random.below(2) {
        0 => ("GET", What::Bytes(200, FIXED.to_vec())),
        _ => ("DELETE", What::Page(405)),
    };
    let head = format!("{method} /fixed HTTP/1.1\r\nHost: x\r\n{}\r\n", framing(field, len));
    let mut request = Request::new(head, what);
    request.want.end = match () {
        () if known && len > DISCARD_BYTES_MAX => End::Closes,
        () if wire.len() > DISCARD_BYTES_MAX => End::Either,
        () => End::Stays,
    };
    request.want.early = request.want.end != End::Stays;
    request.body = wire;
    request
}

fn expecting(random: &mut Random) -> Request {
    let mut request = echo(random);
    let head = String::from_utf8_lossy(&request.head).replacen("Host: x\r\n", "Host: x\r\nExpect: 100-continue\r\n", 1);
    request.head = head.into_bytes();
    request.waits = true;
    request.want.interim = true;
    request
}

fn other_command(random: &mut Random) -> Request {
    let (line, status) =
        random.pick(&[("SPAM /eggs", 402), ("BREW /pot", 501), ("DELETE /fixed", 405), ("spam /eggs", 501)]);
    Request::new(format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n"), What::Page(status))
}

fn old_but_alive(random: &mut Random) -> Request {
    let len = length(random, 20_000);
    Request::new(format!("GET /size/{len} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), What::Pattern(len))
}

fn old(random: &mut Random) -> Request {
    if random.below(3) == 0 {
        let mut request = Request::new("GET /fixed\r\n", What::Bytes(200, FIXED.to_vec())).closes();
        request.want.bare = true;
        return request;
    }
    let len = length(random, 60_000);
    Request::new(format!("GET /size/{len} HTTP/1.0\r\n\r\n"), What::Pattern(len)).closes()
}

/// Answered as usual, but the last.
fn closing(random: &mut Random) -> Request {
    let head = match random.below(4) {
        0 => "GET /fixed HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Close\r\n\r\n",
        1 => "GET /close HTTP/1.1\r\nHost: x\r\n\r\n",
        2 => "GET /fixed HTTP/1.1\nHost: x\n\n",
        _ => "GET   /fixed   HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    Request::new(head, What::Bytes(200, FIXED.to_vec())).closes()
}
