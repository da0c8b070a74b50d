//! The handler under simulation: a function for every way in which an exchange can be answered.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::rc::Rc;

use slipring::{Admit, Arrived, BodySource, Commands, Exchange, Handler, Reply};
use slipring_ring::{FileError, FileId, FileKind, Listing, RootId};

use crate::pattern;

/// Bytes of a request's body that are kept at most.
pub const BODY_BYTES_MAX: u64 = 30_000;
/// Bytes that `/read/` answers at most.
pub const READ_BYTES: u32 = 3000;
/// What `/fixed` answers.
pub const FIXED: &[u8] = b"a fixed body, as small as most\n";

/// A fault of the handler's own, to show that the simulation finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// None.
    Sound,
    /// The seventh answer has one wrong byte.
    WrongByte,
    /// The seventh answer has another status.
    WrongStatus,
    /// Listings are asked for again and again.
    AsksForEver,
    /// The length of an answer comes from outside the seed.
    Unseeded,
}

/// Answers by path; what each path does stands in `requests.rs`, told once more.
pub struct Subject {
    flaw: Flaw,
    answered: u32,
    /// Never given twice, not by a handler made anew either.
    tags: Rc<Cell<u32>>,
    /// Files of the asks that are open, by tag.
    waiting: BTreeMap<u32, FileId>,
    /// Jobs that are open, by tag.
    working: BTreeSet<u32>,
}

impl Handler for Subject {
    const COMMANDS: Commands<Self> = Commands::new()
        .on("GET", Self::do_get)
        .on("POST", Self::do_post)
        .on("SPAM", Self::do_spam)
        .body_bytes_max(BODY_BYTES_MAX);

    fn admit(&mut self, request: &slipring::Request<'_>) -> Admit {
        if request.path() == b"/spool" { Admit::Spool(BODY_BYTES_MAX) } else { Self::COMMANDS.admit(request) }
    }

    fn resume(&mut self, x: &mut Exchange<'_>, tag: u32, arrived: Arrived<'_>) -> Reply {
        let file = self.waiting.remove(&tag);
        self.working.remove(&tag);
        match arrived {
            Arrived::Writes(_) => {
                arrived.writes()?;
                x.send_response(200)?.end_headers_writer()
            }
            Arrived::Ran(_) => {
                let body: Vec<u8> = arrived.output()?;
                let kept = x.command() != b"POST" || x.is_spooled() || x.body() == body;
                let kept = kept && (x.command() != b"POST" || x.body_len() == body.len() as u64);
                x.send_response(if kept { 200 } else { 500 })?.end_headers(&body)
            }
            Arrived::Opened(Err(error)) | Arrived::Read(Err(error)) | Arrived::Listed(Err(error)) => {
                x.send_error(status_of(error))
            }
            Arrived::Opened(Ok((file, stat))) => match path(x) {
                b"/file" if stat.kind == FileKind::Regular => {
                    x.send_response(200)?.end_headers_from(BodySource::File(file, 0..stat.size), stat.size)
                }
                b"/read" if stat.kind == FileKind::Regular => {
                    let tag = self.wait(file);
                    x.ask_read(tag, file, 0, READ_BYTES)
                }
                b"/list" if stat.kind == FileKind::Directory => {
                    let tag = self.wait(file);
                    x.ask_list(tag, file)
                }
                _ => x.send_error(404),
            },
            Arrived::Over => x.send_error(500),
            // The handler that asked was lost in a panic.
            _ if file.is_none() => x.send_error(500),
            Arrived::Read(Ok((bytes, _))) => x.send_response(200)?.end_headers(bytes),
            Arrived::Listed(Ok(listing)) => match file {
                Some(file) if self.flaw == Flaw::AsksForEver => {
                    let tag = self.wait(file);
                    x.ask_list(tag, file)
                }
                _ => x.send_response(200)?.end_headers(&names(listing)),
            },
            _ => x.send_error(500),
        }
    }

    fn abandoned(&mut self, tag: u32) {
        self.waiting.remove(&tag);
        self.working.remove(&tag);
    }
}

impl Subject {
    /// A handler that takes its tags from `tags`.
    pub fn new(flaw: Flaw, tags: Rc<Cell<u32>>) -> Self {
        Self { flaw, answered: 0, tags, waiting: BTreeMap::new(), working: BTreeSet::new() }
    }

    /// Whether every ask was resumed or abandoned.
    pub fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.working.is_empty()
    }

    fn do_get(&mut self, x: &mut Exchange<'_>) -> Reply {
        self.answered += 1;
        match path(x) {
            b"/fixed" => self.fixed(x),
            b"/size" => {
                let len = self.number(x);
                x.send_response(200)?.end_headers(&pattern::body(len))
            }
            b"/owned" => {
                let body = pattern::body(self.number(x));
                let len = body.len() as u64;
                x.send_response(200)?.end_headers_from(BodySource::Owned(body), len)
            }
            b"/pieces" => self.pieces(x),
            b"/stream" => {
                let reader = Made::new(self.number(x), Ends::Well);
                x.send_response(200)?.end_headers_stream(reader)
            }
            b"/sized-stream" => {
                let len = self.number(x);
                let source = BodySource::Reader(Box::new(Made::new(len, Ends::Well)));
                x.send_response(200)?.end_headers_from(source, len as u64)
            }
            b"/short-stream" => {
                // It promises one byte more than it has.
                let len = self.number(x);
                let source = BodySource::Reader(Box::new(Made::new(len, Ends::Well)));
                x.send_response(200)?.end_headers_from(source, len as u64 + 1)
            }
            b"/failing-stream" => {
                let reader = Made::new(self.number(x), Ends::Failing);
                x.send_response(200)?.end_headers_stream(reader)
            }
            b"/falling-stream" => {
                let reader = Made::new(self.number(x), Ends::Falling);
                x.send_response(200)?.end_headers_stream(reader)
            }
            b"/job" => {
                let len = self.number(x);
                let tag = self.work();
                x.ask_job(tag, move |_| pattern::body(len))
            }
            b"/writer" | b"/failing-writer" | b"/falling-writer" => {
                let (len, ends) = (self.number(x), path(x).to_vec());
                let tag = self.work();
                x.ask_writer(tag, move |_, wfile| {
                    wfile.flush()?;
                    for piece in pattern::body(len).chunks(5000) {
                        wfile.write_all(piece)?;
                    }
                    match &ends[..] {
                        b"/writer" => Ok(()),
                        b"/failing-writer" => Err(io::ErrorKind::Other.into()),
                        _ => fall(),
                    }
                })
            }
            b"/falling-job" => {
                let tag = self.work();
                x.ask_job(tag, |_| -> Vec<u8> { fall() })
            }
            b"/status" => {
                let status = self.number(x) as u16;
                x.send_response(status)?.end_headers(b"")
            }
            b"/close" => x.send_response(200)?.send_header("Connection", "close")?.end_headers(FIXED),
            b"/panic" => fall(),
            b"/late-panic" => {
                x.send_response(200)?.send_header("X-Promise", "all is well")?;
                fall()
            }
            b"/lie" => x.send_response(200)?.send_header("Content-Length", "7")?.end_headers(FIXED),
            b"/twice" => {
                x.send_response(200)?;
                x.send_error(404)
            }
            b"/file" | b"/read" => {
                let name = argument(x).to_vec();
                self.open(x, &name)
            }
            b"/list" => self.open(x, b""),
            _ => x.send_error(404),
        }
    }

    fn do_post(&mut self, x: &mut Exchange<'_>) -> Reply {
        self.answered += 1;
        if x.is_spooled() && x.rfile().read(&mut [0]).is_ok() {
            return x.send_error(500);
        }
        if matches!(path(x), b"/job" | b"/spool") {
            let tag = self.work();
            return x.ask_job(tag, |job| {
                let mut body = Vec::new();
                // Reading from memory does not fail.
                let _ = job.rfile().read_to_end(&mut body);
                body
            });
        }
        let body = x.body();
        x.send_response(200)?.send_header("Content-Type", "application/octet-stream")?.end_headers(body)
    }

    fn do_spam(&mut self, x: &mut Exchange<'_>) -> Reply {
        self.answered += 1;
        x.send_error(402)
    }

    fn fixed(&mut self, x: &mut Exchange<'_>) -> Reply {
        let mut body = FIXED.to_vec();
        let strikes = self.answered >= 7;
        body[3] ^= u8::from(strikes && self.flaw == Flaw::WrongByte);
        if self.flaw == Flaw::Unseeded {
            x.send_response(200)?.send_header("X-Noise", noise())?;
        } else {
            x.send_response(if strikes && self.flaw == Flaw::WrongStatus { 201 } else { 200 })?;
        }
        x.end_headers(&body)
    }

    fn pieces(&mut self, x: &mut Exchange<'_>) -> Reply {
        let body = pattern::body(self.number(x));
        x.send_response(200)?;
        for piece in body.chunks(1000) {
            // Writing to memory does not fail.
            let _ = x.wfile()?.write_all(piece);
        }
        x.finish()
    }

    fn open(&mut self, x: &mut Exchange<'_>, name: &[u8]) -> Reply {
        x.ask_open(self.next_tag(), RootId(0), name)
    }

    fn wait(&mut self, file: FileId) -> u32 {
        let tag = self.next_tag();
        self.waiting.insert(tag, file);
        tag
    }

    fn work(&mut self) -> u32 {
        let tag = self.next_tag();
        self.working.insert(tag);
        tag
    }

    fn next_tag(&self) -> u32 {
        self.tags.set(self.tags.get() + 1);
        self.tags.get()
    }

    #[expect(clippy::unused_self, reason = "reads as the others do")]
    fn number(&self, x: &Exchange<'_>) -> usize {
        std::str::from_utf8(argument(x)).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// A body that is made piece by piece, the pieces as long as it goes on.
struct Made {
    len: usize,
    at: usize,
    ends: Ends,
}

/// How a body that is made ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Well,
    Failing,
    Falling,
}

impl Made {
    fn new(len: usize, ends: Ends) -> Self {
        Self { len, at: 0, ends }
    }
}

impl Read for Made {
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        let piece = place.len().min(self.len - self.at).min(1 + self.at * 2);
        match self.ends {
            _ if piece > 0 => {}
            Ends::Well => {}
            Ends::Failing => return Err(io::ErrorKind::ConnectionAborted.into()),
            Ends::Falling => fall(),
        }
        for place in &mut place[..piece] {
            *place = pattern::byte(self.len, self.at);
            self.at += 1;
        }
        Ok(piece)
    }
}

/// A panic without the message that the tests would be flooded with.
fn fall() -> ! {
    std::panic::resume_unwind(Box::new("the handler falls"))
}

/// `/name` of `/name/argument`.
fn path<'a>(x: &Exchange<'a>) -> &'a [u8] {
    let path = x.path();
    let end = path.iter().skip(1).position(|&byte| byte == b'/').map_or(path.len(), |at| at + 1);
    &path[..end]
}

/// `argument` of `/name/argument`.
fn argument<'a>(x: &Exchange<'a>) -> &'a [u8] {
    x.path().get(path(x).len() + 1..).unwrap_or_default()
}

/// The status for a file that cannot be had.
fn status_of(error: FileError) -> u16 {
    match error {
        FileError::NotFound | FileError::OutsideRoot | FileError::NotServable => 404,
        FileError::Denied => 403,
        FileError::DescriptorLimit => 503,
        FileError::Cancelled | FileError::Io(_) => 500,
    }
}

/// The names of a listing, in order, a line each.
fn names(listing: &Listing) -> Vec<u8> {
    let mut names: Vec<&[u8]> = listing.entries.iter().map(|entry| &entry.name[..]).collect();
    names.sort_unstable();
    names.join(&b'\n')
}

/// What no seed fixes.
fn noise() -> String {
    use std::hash::BuildHasher;
    "x".repeat(1 + std::hash::RandomState::new().hash_one(0) as usize % 1000)
}
