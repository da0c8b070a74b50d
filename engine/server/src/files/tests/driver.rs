//! One exchange at a time against a simulated file system: what a shard does with asks, without connections.

use slipring_ring::sim::{Outside, SimConfig, SimRing};
use slipring_ring::{Batch, FileId, FileStat, Op, OpKind, OpToken, Outcome, Peer, Ring, RootId};
use slipring_wire::limits::Limits;
use slipring_wire::request::{Parsed, RequestHead, Tolerance};

use crate::files::{FileHandler, FileOptions};
use crate::handler::{
    Answered, Arrived, Ask, BodySource, Ending, Exchange, Handler, Output, Reply, Request, Scratch, Site, Waits,
};

/// A handler, its ring and its world. The root is `/srv`.
pub struct Driver {
    pub handler: FileHandler,
    pub outside: Outside,
    /// Asks since the last answer.
    pub asks: Vec<Ask>,
    /// Lines that were logged since the last answer.
    pub messages: String,
    /// What happens outside before each read of a fill.
    pub before_read: Option<fn(&Outside)>,
    ring: SimRing,
    batch: Batch,
    site: Site,
    scratch: Scratch,
}

/// An answer as it stands on the wire.
#[derive(Debug)]
pub struct Response {
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn status(&self) -> u16 {
        self.head[9..12].parse().expect("a status line")
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The names of the fields in order.
    pub fn names(&self) -> Vec<&str> {
        self.head.lines().skip(1).filter_map(|line| Some(line.split_once(": ")?.0)).collect()
    }
}

impl Driver {
    pub fn new() -> Self {
        Self::with(SimConfig::new(1), |_| {})
    }

    pub fn with(config: SimConfig, choose: impl FnOnce(&mut FileOptions)) -> Self {
        let ring = SimRing::new(config);
        let mut options = FileOptions::new(RootId(0));
        choose(&mut options);
        Self {
            handler: FileHandler::new(options),
            outside: ring.outside(),
            asks: Vec::new(),
            messages: String::new(),
            before_read: None,
            ring,
            batch: Batch::new(),
            site: Site::new(),
            scratch: Scratch::new(),
        }
    }

    /// Lets time pass.
    pub fn sleep(&mut self, ms: u64) {
        let until = self.ring.now().after(std::time::Duration::from_millis(ms));
        while !until.passed(self.ring.now()) {
            self.ring.wait(Some(until), &mut self.batch).expect("the ring lives");
            self.batch.drain().for_each(drop);
        }
    }

    pub fn get(&mut self, target: &str) -> Response {
        self.request(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"))
    }

    pub fn get_with(&mut self, target: &str, fields: &str) -> Response {
        self.request(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n"))
    }

    pub fn request(&mut self, bytes: &str) -> Response {
        let mut head = RequestHead::new();
        assert_eq!(head.parse(bytes.as_bytes(), &Limits::SITE, Tolerance::Lenient), Parsed::Complete, "{bytes}");
        let mut slot = vec![0; 40 * 1024];
        let (mut filled, mut files) = (0, Vec::new());
        self.asks.clear();
        let mut arrival = None;
        loop {
            let request = Request { head: &head, bytes: bytes.as_bytes(), body: &[], peer: Peer::Unknown };
            (self.scratch.now, self.scratch.wall) = (self.ring.now(), self.ring.wall());
            self.scratch.date.update(self.scratch.wall.secs);
            let output = Output::new(&mut slot, &mut filled);
            let mut x = Exchange::new(request, &self.site, &mut self.scratch, output, true);
            let reply = step(&mut self.handler, &mut x, &head, request.command(), arrival.take());
            match reply.expect("a file handler does not misuse its exchange") {
                Answered(Waits::Nothing) => {
                    let ending = x.into_ending();
                    return self.finish(&slot[..filled as usize], ending, files);
                }
                Answered(Waits::Elsewhere) => unreachable!("files lead nowhere else"),
                Answered(Waits::Ask(ask, tag)) => arrival = Some((tag, self.perform(ask, &mut files))),
            }
        }
    }

    fn perform(&mut self, ask: Ask, files: &mut Vec<FileId>) -> Arrival {
        self.asks.push(ask);
        match ask {
            Ask::Open { root } => {
                let path = self.scratch.path.clone();
                let Outcome::Opened(opened) = self.run(OpKind::Open, Op::Open { root, path: &path }) else { panic!() };
                files.extend(opened.ok());
                Arrival::Opened(opened.and_then(|file| Ok((file, self.ring.measure(file)?))))
            }
            Ask::Read { file, offset, len } => {
                if let Some(act) = self.before_read {
                    act(&self.outside);
                }
                Arrival::Read(self.read(file, offset, len).and_then(|bytes| Ok((bytes, self.ring.measure(file)?))))
            }
            Ask::After { .. } => panic!("one exchange at a time follows nobody"),
            Ask::Job | Ask::Writer | Ask::Program | Ask::Output => unreachable!("files are no jobs"),
            Ask::List { file } => {
                let Outcome::Listed(listed) = self.run(OpKind::List, Op::List { file }) else { panic!() };
                Arrival::Listed(listed)
            }
        }
    }

    fn read(&mut self, file: FileId, offset: u64, len: u32) -> Result<Vec<u8>, slipring_ring::FileError> {
        let transfer = self.ring.take_transfer().expect("nobody else has one");
        let len = len.min(self.ring.transfer_bytes(&transfer).len() as u32);
        let Outcome::Read(result, transfer) = self.run(OpKind::Read, Op::Read { file, offset, len, transfer }) else {
            panic!()
        };
        let bytes = result.map(|len| self.ring.transfer_bytes(&transfer)[..len as usize].to_vec());
        self.ring.return_transfer(transfer);
        bytes
    }

    fn run(&mut self, kind: OpKind, op: Op<'_>) -> Outcome {
        self.ring.submit(OpToken::new(kind, 0, 0), op);
        loop {
            self.ring.wait(None, &mut self.batch).expect("the ring lives");
            if let Some(completion) = self.batch.drain().next() {
                return completion.outcome;
            }
        }
    }

    fn finish(&mut self, slot: &[u8], ending: Ending, files: Vec<FileId>) -> Response {
        let mut bytes = ending.spilled.unwrap_or_else(|| slot.to_vec());
        match ending.body {
            BodySource::None => {}
            BodySource::Owned(body) => bytes.extend(body),
            BodySource::Shared(body, range) => bytes.extend(&body[range.start as usize..range.end as usize]),
            BodySource::Blob(..) | BodySource::Reader(_) | BodySource::Program(_) | BodySource::Writer => {
                panic!("not of files")
            }
            BodySource::File(file, mut range) => {
                assert!(files.contains(&file), "the exchange opened it");
                // Of a body too large to hold, its two ends.
                if range.end - range.start > 1 << 20 {
                    range.start = range.end - 10;
                }
                while range.start < range.end {
                    let read = self.read(file, range.start, (range.end - range.start) as u32).expect("it reads");
                    assert!(!read.is_empty(), "the body ends early");
                    range.start += read.len() as u64;
                    bytes.extend(read);
                }
            }
        }
        for file in files {
            self.run(OpKind::CloseFile, Op::CloseFile { file });
        }
        self.outside.assert_quiet();
        self.messages = String::from_utf8_lossy(&std::mem::take(&mut self.scratch.messages)).into_owned();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).expect("ASCII");
        Response { head, body: bytes[end..].to_vec() }
    }
}

enum Arrival {
    Opened(Result<(FileId, FileStat), slipring_ring::FileError>),
    Read(Result<(Vec<u8>, FileStat), slipring_ring::FileError>),
    Listed(Result<Box<slipring_ring::Listing>, slipring_ring::FileError>),
}

fn step(
    handler: &mut FileHandler,
    x: &mut Exchange<'_>,
    head: &RequestHead,
    command: &[u8],
    arrival: Option<(u32, Arrival)>,
) -> Reply {
    let Some((tag, arrival)) = arrival else {
        let function = FileHandler::COMMANDS.function(head.command(), command).expect("GET or HEAD");
        return function(handler, x);
    };
    let arrived = match &arrival {
        Arrival::Opened(result) => Arrived::Opened(*result),
        Arrival::Read(Ok((bytes, stat))) => Arrived::Read(Ok((bytes, *stat))),
        Arrival::Read(Err(error)) => Arrived::Read(Err(*error)),
        Arrival::Listed(Ok(listing)) => Arrived::Listed(Ok(listing)),
        Arrival::Listed(Err(error)) => Arrived::Listed(Err(*error)),
    };
    handler.resume(x, tag, arrived)
}
