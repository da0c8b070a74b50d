//! The oracle: whether what a client saw is what a correct server may have done.
//!
//! Each request gets exactly one answer, the right one, in order; what is missing or torn needs an excuse, and each excuse
//! is a fact of the run: a fault that broke the connection, a client that left, a drain, time that has really passed.

use std::time::Duration;

use slipring_ring::sim::{Content, FaultPlan, PeerState};

use crate::answers::Answer;
use crate::client::{Client, Ending};
use crate::handler::READ_BYTES;
use crate::pattern;
use crate::requests::{End, Request, What};
use crate::tree::{FILES, INNER, Tree, Version};

/// What is known about a run when it is judged.
pub struct Facts<'a> {
    /// The faults of its first part.
    pub plan: &'a FaultPlan,
    /// The files.
    pub tree: &'a Tree,
    /// The round in which the drain was asked for.
    pub drained: Option<u32>,
    /// How long an answer may be out of date.
    pub stale: Duration,
    /// Connections were turned away because the table was full.
    pub overfull: bool,
    /// The handler fell at least once.
    pub fell: bool,
    /// Some wait for others: slots, descriptors or disks were short.
    pub crowded: bool,
}

/// What excuses a connection.
#[derive(Clone, Copy, Debug)]
pub struct Excuses {
    /// A fault broke it.
    pub cut: bool,
    /// How long it was there while the client was free to be slow.
    pub age: Duration,
}

/// The shortest timeout but for the linger's.
const TIMEOUT_MIN: Duration = Duration::from_millis(4900);
/// A little less than the server hears its peer out.
const LINGER: Duration = Duration::from_millis(1900);

/// Judges one client.
pub fn judge(client: &Client, excuses: Excuses, facts: &Facts<'_>) -> Result<(), String> {
    Case { client, excuses, facts }.judge()
}

struct Case<'a> {
    client: &'a Client,
    excuses: Excuses,
    facts: &'a Facts<'a>,
}

impl Case<'_> {
    fn judge(&self) -> Result<(), String> {
        for (number, answer) in self.client.answers.list.iter().enumerate() {
            self.answer(number, answer).map_err(|error| format!("answer {number}: {error}"))?;
        }
        if self.client.answers.is_inside_head(&self.client.received)
            && !self.may_be_torn(self.client.answers.list.len())
        {
            return Err("the head of an answer is torn".to_owned());
        }
        self.unanswered()?;
        self.end()
    }

    fn answer(&self, number: usize, answer: &Answer) -> Result<(), String> {
        let request = &self.client.requests[number];
        if self.client.sent <= self.client.start(number) {
            return Err("it came before its request".to_owned());
        }
        if answer.status == 408 && self.is_slow() {
            return if answer.closes { Ok(()) } else { Err("a 408 goes on".to_owned()) };
        }
        if self.has_no_disk(request, answer) {
            return if answer.closes { Ok(()) } else { Err("a request whose body was lost goes on".to_owned()) };
        }
        if self.client.sent < self.client.bound(number) && !request.want.early {
            return Err(format!("status {} came before the request was whole", answer.status));
        }
        let draining = self.facts.drained.is_some_and(|round| round <= answer.round);
        match request.want.end {
            End::Stays if answer.closes && !draining && !self.found_no_worker(request, answer) => {
                return Err("it closes".to_owned());
            }
            End::Closes if !answer.closes => return Err("it does not close".to_owned()),
            _ => {}
        }
        if !answer.whole {
            return if self.may_be_torn(number) { self.torn(number, answer) } else { Err("it is torn".to_owned()) };
        }
        if let What::Torn(_) = request.want.what
            && !self.found_no_worker(request, answer)
        {
            return Err("it should have been torn".to_owned());
        }
        let body = answer.body(&self.client.received);
        self.content(number, request, answer, body)
    }

    /// The part of a body that came has to be right as well.
    fn torn(&self, number: usize, answer: &Answer) -> Result<(), String> {
        let body = answer.body(&self.client.received);
        let right = |at: usize, byte: u8| match &self.client.requests[number].want.what {
            What::Bytes(_, whole) => whole.get(at) == Some(&byte),
            What::Pattern(len) | What::Torn(len) => at < *len && pattern::byte(*len, at) == byte,
            What::File(file) if answer.status == 200 => self.was_there(number, *file, answer, at, byte),
            _ => true,
        };
        match body.iter().enumerate().find(|&(at, &byte)| !right(at, byte)) {
            Some((at, byte)) => Err(format!("byte {at} of its torn body is {byte:#x}")),
            None => Ok(()),
        }
    }

    fn was_there(&self, number: usize, file: usize, answer: &Answer, at: usize, byte: u8) -> bool {
        self.versions(number, file, answer).any(|version| match &version.content {
            Some(Content::Generated { seed, len }) => (at as u64) < *len && Content::byte_at(*seed, at as u64) == byte,
            _ => false,
        })
    }

    /// What a file was while this request and its answer were on their way.
    fn versions(&self, number: usize, file: usize, answer: &Answer) -> impl Iterator<Item = &Version> + Clone {
        self.facts.tree.versions(file, self.client.begun[number], answer.round, self.facts.stale)
    }

    fn content(&self, number: usize, request: &Request, answer: &Answer, body: &[u8]) -> Result<(), String> {
        let status = answer.status;
        let any = |file: usize, right: &dyn Fn(Option<Vec<u8>>) -> bool| {
            let mut versions = self.versions(number, file, answer);
            if versions.any(|version| right(version.bytes())) {
                return Ok(());
            }
            Err(format!("status {status}: none of {} versions", self.versions(number, file, answer).count()))
        };
        let missing = || page(request, status, 404, body).is_ok();
        let is = |wanted: u16, whole: &[u8]| self.equals(request, answer, body, wanted, whole);
        match &request.want.what {
            _ if self.found_no_worker(request, answer) => page(request, status, 503, body),
            What::Torn(_) => Err("it should have been torn".to_owned()),
            What::Bytes(wanted, whole) => is(*wanted, whole),
            What::Pattern(len) => is(200, &pattern::body(*len)),
            What::Page(wanted) => page(request, status, *wanted, body),
            What::Nothing => Err("there should be no answer".to_owned()),
            _ if status != 200 && self.file_may_fail(status) => page(request, status, status, body),
            What::Inner => is(200, INNER),
            What::Moved => is(301, &[]),
            What::Missing => page(request, status, 404, body),
            What::File(file) => any(*file, &|version| match version {
                Some(bytes) => is(200, &bytes).is_ok(),
                None => missing(),
            }),
            What::Part(file) => any(*file, &|version| match version {
                Some(bytes) => status == 200 && self.is_part(request, answer, body, &bytes),
                None => missing(),
            }),
            What::Range(file, first, last) => any(*file, &|version| match version {
                Some(bytes) if *first >= bytes.len() => page(request, status, 416, body).is_ok(),
                Some(bytes) => is(206, &bytes[*first..=(*last).min(bytes.len() - 1)]).is_ok(),
                None => missing(),
            }),
            What::NotModified(file) => any(*file, &|version| match version {
                Some(_) => is(304, &[]).is_ok(),
                None => missing(),
            }),
            What::Listing | What::Directory => self.listing(number, request, answer, body),
        }
    }

    fn is_part(&self, request: &Request, answer: &Answer, body: &[u8], whole: &[u8]) -> bool {
        let most = whole.len().min(READ_BYTES as usize);
        let len = answer.announced.unwrap_or(0);
        let enough = if self.facts.plan.short_read == 0 { len == most } else { (most.min(1)..=most).contains(&len) };
        enough && if request.want.bodiless { body.is_empty() } else { *body == whole[..len] }
    }

    /// Each name is shown exactly if its file was there; both are right if that changed meanwhile.
    fn listing(&self, number: usize, request: &Request, answer: &Answer, body: &[u8]) -> Result<(), String> {
        if answer.status != 200 {
            return Err(format!("status {}", answer.status));
        }
        let text = String::from_utf8_lossy(body);
        let shows = |name: &str| match request.want.what {
            What::Directory => text.contains(&format!(">{name}</a>")),
            _ => text.lines().any(|line| line == name),
        };
        let right = FILES.iter().enumerate().all(|(file, name)| {
            self.versions(number, file, answer).any(|version| version.content.is_some() == shows(name))
        });
        if request.want.bodiless || (right && shows("directory") != text.contains(">directory/</a>")) {
            Ok(())
        } else {
            Err(format!("a listing of {text}"))
        }
    }

    fn equals(&self, request: &Request, answer: &Answer, body: &[u8], status: u16, whole: &[u8]) -> Result<(), String> {
        if answer.status != status {
            return Err(format!("status {} instead of {status}", answer.status));
        }
        if answer.announced.is_some_and(|announced| announced != whole.len()) {
            return Err(format!("Content-Length {:?} instead of {}", answer.announced, whole.len()));
        }
        if *body == *if request.want.bodiless { &[][..] } else { whole } {
            Ok(())
        } else {
            let at = body.iter().zip(whole).position(|(a, b)| a != b).unwrap_or(body.len().min(whole.len()));
            Err(format!("its body of {} bytes differs at byte {at}", body.len()))
        }
    }

    /// What the connection owes: whole requests that have no answer.
    fn unanswered(&self) -> Result<(), String> {
        let number = self.client.answers.list.len();
        let Some(request) = self.client.requests.get(number) else { return Ok(()) };
        let answered = self.client.answers.closes() || matches!(request.want.what, What::Nothing);
        let whole = self.client.sent >= self.client.bound(number) && self.client.bound(number) > 0;
        if !whole || answered || self.facts.drained.is_some() || self.may_be_torn(number) || self.was_turned_away() {
            return Ok(());
        }
        Err(format!("request {number} was sent and not answered: {}", request.head.escape_ascii()))
    }

    fn end(&self) -> Result<(), String> {
        let Some(end) = self.client.end else {
            let stays = self.client.gone || self.client.temper.ending == Ending::Stubborn || self.client.id.is_none();
            return if stays { Ok(()) } else { Err("the connection never ended".to_owned()) };
        };
        let last = self.client.answers.list.len().max(1) - 1;
        let torn = self.may_be_torn(last) || self.may_be_torn(last + 1);
        let extra = self.client.sent > self.client.bound(last);
        match end {
            PeerState::Refused if self.facts.drained.is_none() => Err("nobody listens".to_owned()),
            PeerState::Reset if !(extra || torn || self.was_turned_away() || self.excuses.age >= LINGER) => {
                Err("it was reset".to_owned())
            }
            PeerState::Finished if !(torn || self.may_end()) => Err("it ended for no reason".to_owned()),
            _ => Ok(()),
        }
    }

    /// Whether the server may end the connection where it stands.
    fn may_end(&self) -> bool {
        let number = self.client.answers.list.len();
        let silent = self.client.requests.get(number).is_some_and(|request| matches!(request.want.what, What::Nothing));
        self.client.answers.closes()
            || silent
            || self.client.half_closed
            || self.facts.drained.is_some()
            || self.was_turned_away()
    }

    fn was_turned_away(&self) -> bool {
        self.facts.overfull && self.client.received.is_empty()
    }

    /// Whether the connection may end before or inside the answer of this request.
    fn may_be_torn(&self, number: usize) -> bool {
        let fails = self.client.requests.get(number).is_some_and(|request| matches!(request.want.what, What::Torn(_)));
        let of_file = self.client.requests.get(number).is_some_and(|request| match request.want.what {
            What::File(file) | What::Range(file, ..) => {
                let from = self.client.begun.get(number).map_or(0, |begun| begun.0);
                let plan = self.facts.plan;
                plan.read_error > 0 || plan.measure_error > 0 || self.facts.tree.was_disturbed(file, from)
            }
            _ => false,
        });
        self.excuses.cut || self.client.gone || self.is_slow() || of_file || fails
    }

    /// Whether time enough has passed for a timeout.
    fn is_slow(&self) -> bool {
        self.facts.crowded || self.excuses.age >= TIMEOUT_MIN || self.client.temper.ending == Ending::Stubborn
    }

    /// The disk did not take the body.
    fn has_no_disk(&self, request: &Request, answer: &Answer) -> bool {
        let plan = self.facts.plan;
        let failed = plan.open_error > 0 || plan.write_error > 0 || self.facts.crowded;
        request.want.spooled && failed && answer.status == 500
    }

    /// A job was refused, and its exchange with it.
    fn found_no_worker(&self, request: &Request, answer: &Answer) -> bool {
        request.want.worked && self.facts.plan.run_error > 0 && answer.status == 503
    }

    fn file_may_fail(&self, status: u16) -> bool {
        let plan = self.facts.plan;
        let failed = plan.open_error > 0 || plan.read_error > 0 || plan.measure_error > 0 || plan.list_error > 0;
        match status {
            500 => failed || self.facts.fell,
            503 => failed || self.facts.crowded,
            403 | 404 => failed,
            _ => false,
        }
    }
}

/// The engine's page for an error.
fn page(request: &Request, status: u16, wanted: u16, body: &[u8]) -> Result<(), String> {
    if status != wanted {
        return Err(format!("status {status} instead of {wanted}"));
    }
    let text = String::from_utf8_lossy(body);
    let explained = text.contains(&format!("Error code: {status}")) && text.ends_with("</html>\n");
    if explained != request.want.bodiless { Ok(()) } else { Err(format!("its page is {text:?}")) }
}
