//! CGI (RFC 3875): programs in a directory answer requests, as Python's `http.server --cgi` has it.
//!
//! [`CgiHandler`] stands before another handler and takes what leads into its directories. It makes no system call: it
//! asks for the script's file, asks for the program with its environment, reads the head of what that says, and lets the
//! rest pass. What stands in a script directory is run or refused, never shown.

mod environment;
mod place;
mod reply;

use std::any::Any;

use slipring_ring::{FileError, FileId, FileKind, FileStat, Launch, Peer, RootId, SpawnError};
use slipring_wire::command::Command;
use slipring_wire::error::Quoted;
use slipring_wire::response::Status;
use slipring_wire::target::TargetError;

use crate::handler::{
    Admit, Arrived, Commands, Exchange, Failure, Handler, HandlerError, LogMessage, LogRequest, ProgramError, Reply,
    Request, Spoke,
};
use crate::log::LoggedRequest;
use place::Found;
use reply::{Parsed, ReplyHead};

/// Where scripts are.
#[derive(Clone, Debug)]
pub struct CgiOptions {
    /// Beneath which root.
    pub root: RootId,
    /// The root's path, absolute: programs are started by it.
    pub path: Vec<u8>,
    /// The directories of scripts, as paths of targets; directories in them may hold scripts too.
    pub directories: Vec<String>,
    /// Bytes of a request's body at most.
    pub body_bytes_max: u64,
    /// A query without `=` becomes the script's arguments (RFC 3875 section 4.4). Off: such arguments have been taken for
    /// options by interpreters.
    pub isindex: bool,
}

impl CgiOptions {
    /// `/cgi-bin` and `/htbin` (row C1).
    pub fn new(root: RootId, path: Vec<u8>) -> Self {
        let directories = vec!["/cgi-bin".to_owned(), "/htbin".to_owned()];
        Self { root, path, directories, body_bytes_max: 1 << 30, isindex: false }
    }
}

/// Runs scripts, and lets another handler answer everything else.
#[derive(Debug)]
pub struct CgiHandler<H> {
    options: CgiOptions,
    inherited: Vec<Vec<u8>>,
    inner: H,
}

/// Tags of our own; from here on they hold how many names of the path were opened. Other handlers count from below.
const OPEN: u32 = u32::MAX - 0xffff;
/// The script runs; with the bit its answer is its own, head and all.
const RUN: u32 = OPEN - 2;
const RUN_NPH: u32 = OPEN - 1;

impl<H: Handler> Handler for CgiHandler<H> {
    const COMMANDS: Commands<Self> =
        Commands::new().on("GET", Self::do_command).on("HEAD", Self::do_command).on("POST", Self::do_post);

    const LOG_REQUEST: Option<LogRequest<Self>> = match H::LOG_REQUEST {
        Some(_) => Some(Self::log_request),
        None => None,
    };

    fn admit(&mut self, request: &Request<'_>) -> Admit {
        let reads = request.head.command() == Command::Post && matches!(self.script_path(request.path()), Ok(Some(_)));
        if reads { Admit::Spool(self.options.body_bytes_max) } else { self.inner.admit(request) }
    }

    fn resume(&mut self, x: &mut Exchange<'_>, tag: u32, arrived: Arrived<'_>) -> Reply {
        if tag < RUN {
            return self.inner.resume(x, tag, arrived);
        }
        match arrived {
            Arrived::Opened(result) => self.opened(x, tag, result),
            Arrived::Spoke(Ok(spoke)) if tag == RUN_NPH => pass(x, spoke),
            Arrived::Spoke(Ok(spoke)) => answer(x, spoke),
            Arrived::Spoke(Err(error)) => self.not_run(x, error),
            // Never asked for here.
            _ => x.send_error(500),
        }
    }

    fn abandoned(&mut self, tag: u32) {
        if tag < RUN {
            self.inner.abandoned(tag);
        }
    }

    // The hooks of a server are the other handler's.

    fn verify_request(&mut self, client_address: Peer) -> bool {
        self.inner.verify_request(client_address)
    }

    fn setup(&mut self, client_address: Peer) -> Option<Box<dyn Any>> {
        self.inner.setup(client_address)
    }

    fn finish(&mut self, client_address: Peer, state: Box<dyn Any>) {
        self.inner.finish(client_address, state);
    }

    fn handle_error(&mut self, request: &Request<'_>, failure: Failure<'_>) {
        self.inner.handle_error(request, failure);
    }

    fn handle_timeout(&mut self) {
        self.inner.handle_timeout();
    }

    fn service_actions(&mut self) {
        self.inner.service_actions();
    }

    fn log_error(&mut self, message: LogMessage<'_>) -> bool {
        self.inner.log_error(message)
    }

    fn log_message(&mut self, message: LogMessage<'_>) -> bool {
        self.inner.log_message(message)
    }
}

impl<H: Handler> CgiHandler<H> {
    /// Scripts as these options say, before `inner`.
    pub fn new(options: CgiOptions, inner: H) -> Self {
        Self { options, inherited: environment::inherited(), inner }
    }

    fn log_request(&mut self, request: &LoggedRequest<'_>) -> bool {
        H::LOG_REQUEST.is_none_or(|hook| hook(&mut self.inner, request))
    }

    fn script_path(&self, target: &[u8]) -> Result<Option<Vec<u8>>, TargetError> {
        let path = target.split(|&byte| byte == b'?').next().unwrap_or_default();
        place::script_path(path, &self.options.directories)
    }

    fn do_command(&mut self, x: &mut Exchange) -> Reply {
        match self.script_path(x.path()) {
            Ok(Some(path)) => self.look(x, &path, place::depth(&path, &self.options.directories) + 1),
            // What leads nowhere is refused there as ever.
            _ => match H::COMMANDS.function(x.head().command(), x.command()) {
                Some(function) => function(&mut self.inner, x),
                None => x.send_error(501),
            },
        }
    }

    /// Row C2: only scripts take a POST.
    fn do_post(&mut self, x: &mut Exchange) -> Reply {
        match self.script_path(x.path()) {
            Ok(Some(_)) => self.do_command(x),
            _ => match H::COMMANDS.function(x.head().command(), x.command()) {
                Some(function) => function(&mut self.inner, x),
                None => x.send_error_with(501, Some("Can only POST to CGI scripts"), None),
            },
        }
    }

    /// Opens the first `names` names of the path, to see what stands there.
    fn look(&self, x: &mut Exchange<'_>, path: &[u8], names: usize) -> Reply {
        match place::split(path, names) {
            Some((name, _)) if names <= 0xffff => x.ask_open(OPEN + names as u32, self.options.root, name),
            // The directory itself.
            _ => refuse(x, 403, "CGI script is not a plain file", path),
        }
    }

    fn opened(&mut self, x: &mut Exchange<'_>, tag: u32, result: Result<(FileId, FileStat), FileError>) -> Reply {
        let names = (tag - OPEN) as usize;
        let Ok(Some(path)) = self.script_path(x.path()) else { return x.send_error(404) };
        let Some((name, rest)) = place::split(&path, names) else { return x.send_error(404) };
        match result {
            Ok((_, stat)) if stat.kind == FileKind::Directory && rest.len() > 1 => self.look(x, &path, names + 1),
            Ok((_, stat)) if stat.kind != FileKind::Regular => refuse(x, 403, "CGI script is not a plain file", name),
            Ok((_, stat)) if !stat.executable => refuse(x, 403, "CGI script is not executable", name),
            Ok(_) => self.run(x, name, rest),
            Err(FileError::Denied) => refuse(x, 403, "CGI script is not readable", name),
            Err(FileError::NotServable) => refuse(x, 403, "CGI script is not a plain file", name),
            Err(FileError::DescriptorLimit) => x.send_error(503),
            Err(FileError::Io(_) | FileError::Cancelled) => x.send_error(500),
            Err(FileError::NotFound | FileError::OutsideRoot) => refuse(x, 404, "No such CGI script", name),
        }
    }

    fn run(&self, x: &mut Exchange<'_>, name: &[u8], rest: &[u8]) -> Reply {
        let found = Found { name: [b"/", name].concat(), rest: rest.to_vec() };
        let program = [&self.options.path[..], &found.name].concat();
        let slash = program.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        let is_nph = program[slash + 1..].starts_with(b"nph-");
        let mut environment = self.inherited.clone();
        environment::describe(x, &found, &self.options.path, &mut environment);
        let launch = Launch {
            arguments: if self.options.isindex { arguments(x.query()) } else { Vec::new() },
            environment,
            directory: program[..slash.max(1)].to_vec(),
            program,
        };
        x.ask_program(if is_nph { RUN_NPH } else { RUN }, launch)
    }

    /// Why there is no answer, told in the log; the peer learns only whether it is worth another try.
    fn not_run(&self, x: &mut Exchange<'_>, error: ProgramError) -> Reply {
        x.log_error(format_args!("CGI script: {error}"));
        match error {
            ProgramError::Full | ProgramError::Spawn(SpawnError::Exhausted | SpawnError::NoLauncher) => {
                x.send_error_fields(503, None, &[("Retry-After", b"1")])
            }
            ProgramError::Spawn(_) => x.send_error(500),
            ProgramError::Late => x.send_error(504),
        }
    }
}

fn refuse(x: &mut Exchange<'_>, status: u16, why: &str, name: &[u8]) -> Reply {
    let message = format!("{why} ('/{}')", Quoted(name).to_string().trim_matches(['\'', '"']));
    x.send_error_with(status, Some(&message), None)
}

/// Row C5: the words of a query without `=`.
fn arguments(query: Option<&[u8]>) -> Vec<Vec<u8>> {
    let Some(query) = query.filter(|query| !query.is_empty() && !query.contains(&b'=')) else { return Vec::new() };
    query.split(|&byte| byte == b'+').map(decode).collect()
}

/// Percent-decoding; what is no escape stays.
fn decode(word: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut decoded = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, behind @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        decoded.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &rest[3..] } else { behind };
    }
    decoded
}

/// A script that speaks HTTP itself is passed on from its first bytes.
fn pass(x: &mut Exchange<'_>, spoke: Spoke<'_>) -> Reply {
    if spoke.bytes.len() < 16 && !spoke.ended {
        return x.ask_output(RUN_NPH);
    }
    match reply::status_of_line(spoke.bytes) {
        Some(status) => x.pass_program(status),
        None => bad(x, "it begins with no status line"),
    }
}

/// A script said something: is its head complete?
fn answer(x: &mut Exchange<'_>, spoke: Spoke<'_>) -> Reply {
    match reply::parse(spoke.bytes) {
        Parsed::Complete(head) => send(x, &head),
        Parsed::Partial if !spoke.ended => x.ask_output(RUN),
        Parsed::Partial => bad(x, "it ended before its head did"),
        Parsed::Broken(why) => bad(x, why),
    }
}

fn bad(x: &mut Exchange<'_>, why: &str) -> Reply {
    x.log_error(format_args!("CGI script: {why}"));
    x.send_error(502)
}

/// Sends a script's answer (row C3).
fn send(x: &mut Exchange<'_>, head: &ReplyHead<'_>) -> Reply {
    if let Some(target) = head.local_target() {
        return Ok(x.answer_elsewhere(target));
    }
    let (status, phrase) = head.status.unwrap_or((if head.location.is_some() { FOUND } else { Status::OK }, b""));
    let phrase = std::str::from_utf8(phrase).ok().filter(|phrase| !phrase.is_empty());
    let written = write_head(x, head, status, phrase);
    if written.is_err() {
        return Err(HandlerError::InvalidField);
    }
    x.end_headers_program(head.bytes)
}

const FOUND: Status = Status::FOUND;

fn write_head(
    x: &mut Exchange<'_>,
    head: &ReplyHead<'_>,
    status: Status,
    phrase: Option<&str>,
) -> Result<(), HandlerError> {
    x.send_response_with(status.code(), phrase)?;
    if let Some(location) = head.location {
        x.send_header("Location", location)?;
    }
    for (name, value) in &head.fields {
        x.send_header(name, value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_an_index_query() {
        let words = |query: &str| arguments(Some(query.as_bytes()));
        assert_eq!(words("hello+wor%6cd"), [b"hello".to_vec(), b"world".to_vec()]);
        assert_eq!(words("100%+%zz"), [b"100%".to_vec(), b"%zz".to_vec()]);
        assert!(words("a=b").is_empty() && words("").is_empty() && arguments(None).is_empty());
    }
}
