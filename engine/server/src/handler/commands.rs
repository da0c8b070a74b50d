//! The command table: from a request's command to the function that answers it, built at compile time.

use slipring_wire::command::Command;

use super::{Admit, Exchange, Reply, Request};

/// A function that answers a command.
pub type Function<H> = fn(&mut H, &mut Exchange<'_>) -> Reply;

/// The functions of a handler, by command.
///
/// ```
/// use slipring::{Commands, Exchange, Handler, Reply};
///
/// struct Hello;
///
/// impl Handler for Hello {
///     const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get).on("SPAM", Self::do_spam);
/// }
///
/// impl Hello {
///     fn do_get(&mut self, x: &mut Exchange) -> Reply {
///         x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(b"Hello, World!")
///     }
///     fn do_spam(&mut self, x: &mut Exchange) -> Reply {
///         x.send_error(402)
///     }
/// }
/// ```
///
/// A command that stands in the table twice does not compile:
///
/// ```compile_fail
/// # use slipring::{Commands, Exchange, Handler, Reply};
/// # struct Twice;
/// impl Handler for Twice {
///     const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get).on("GET", Self::do_get);
/// }
/// # impl Twice { fn do_get(&mut self, x: &mut Exchange) -> Reply { x.send_error(404) } }
/// # let _ = Twice::COMMANDS;
/// ```
#[derive(Debug)]
pub struct Commands<H: 'static> {
    standard: [Option<Function<H>>; STANDARD.len()],
    own: [Option<(&'static str, Function<H>)>; OWN_MAX],
    body_bytes_max: u64,
    spools: bool,
}

/// Commands beyond the standard ones that one table holds at most.
const OWN_MAX: usize = 16;

/// What a request's body may have by default (RFC 9110 sets no limit; nginx and most others take 1 MiB).
const BODY_BYTES_MAX: u64 = 1 << 20;

/// The commands of RFC 9110 section 9.3 and RFC 5789, in the order of [`Command`].
const STANDARD: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

impl<H: 'static> Commands<H> {
    /// An empty table: every command is answered 501 (row S2).
    pub const fn new() -> Self {
        Self { standard: [None; STANDARD.len()], own: [None; OWN_MAX], body_bytes_max: BODY_BYTES_MAX, spools: false }
    }

    /// Adds a command by its exact, case-sensitive name.
    ///
    /// # Panics
    /// At compile time, when the name stands in the table already, is empty, or the table is full.
    #[must_use]
    pub const fn on(mut self, name: &'static str, function: Function<H>) -> Self {
        assert!(!name.is_empty(), "a command has a name");
        let mut index = 0;
        while index < STANDARD.len() {
            if equal(STANDARD[index], name) {
                assert!(self.standard[index].is_none(), "a command stands in the table once");
                self.standard[index] = Some(function);
                return self;
            }
            index += 1;
        }
        index = 0;
        while let Some((taken, _)) = self.own[index] {
            assert!(!equal(taken, name), "a command stands in the table once");
            index += 1;
        }
        self.own[index] = Some((name, function));
        self
    }

    /// Sets what the body of a request may have, in bytes; 1 MiB otherwise. Beyond, the answer is 413.
    #[must_use]
    pub const fn body_bytes_max(mut self, bytes: u64) -> Self {
        self.body_bytes_max = bytes;
        self
    }

    /// Lets bodies of up to so many bytes come, in a file where they are longer than memory should hold
    /// ([`Admit::Spool`]).
    #[must_use]
    pub const fn spool_bytes_max(mut self, bytes: u64) -> Self {
        self.body_bytes_max = bytes;
        self.spools = true;
        self
    }

    /// The function for a command. HEAD falls back to GET: the engine leaves the body out (RFC 9110 section 9.3.2).
    #[inline]
    pub fn function(&self, command: Command, name: &[u8]) -> Option<Function<H>> {
        match self.standard.get(command as usize) {
            Some(Some(function)) => Some(*function),
            Some(None) if command == Command::Head => self.standard[Command::Get as usize],
            Some(None) => None,
            None => self.own_function(name),
        }
    }

    fn own_function(&self, name: &[u8]) -> Option<Function<H>> {
        self.own.iter().flatten().find(|(own, _)| own.as_bytes() == name).map(|(_, function)| *function)
    }

    /// Appends the names of all commands as an `Allow` value (RFC 9110 section 10.2.1).
    pub fn allow(&self, value: &mut Vec<u8>) {
        let standard = STANDARD.iter().zip(&self.standard).enumerate();
        let head = |index| index == Command::Head as usize && self.standard[Command::Get as usize].is_some();
        let standard = standard.filter(|(index, (_, f))| f.is_some() || head(*index)).map(|(_, (name, _))| *name);
        for name in standard.chain(self.own.iter().flatten().map(|(name, _)| *name)) {
            if !value.is_empty() {
                value.extend_from_slice(b", ");
            }
            value.extend_from_slice(name.as_bytes());
        }
    }

    /// Whether the table holds nothing at all.
    pub fn is_empty(&self) -> bool {
        self.standard.iter().all(Option::is_none) && self.own[0].is_none()
    }

    /// The default of [`super::Handler::admit`].
    pub fn admit(&self, request: &Request<'_>) -> Admit {
        let reads = !matches!(request.head.command(), Command::Get | Command::Head);
        if reads && self.function(request.head.command(), request.command()).is_some() {
            if self.spools { Admit::Spool(self.body_bytes_max) } else { Admit::Memory(self.body_bytes_max) }
        } else {
            Admit::Discard
        }
    }
}

impl<H: 'static> Default for Commands<H> {
    fn default() -> Self {
        Self::new()
    }
}

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    index == a.len() && index == b.len()
}
