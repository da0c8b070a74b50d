//! The raw requests, as tables.

mod bodies;
mod conditions;
mod connections;
mod errors;
mod fields;
mod lines;
mod old;
mod targets;

/// How many different requests there are at least.
pub const CASES_MIN: usize = 300;

/// Requests to one subject.
pub struct Group {
    pub subject: Subject,
    pub cases: &'static [Case],
}

/// One connection: what is sent before the sending direction ends.
pub struct Case {
    /// In the notation of [`crate::notation::bytes`].
    pub request: &'static str,
    /// Empty: the answers are Python's but for fields that the table of differences lists. Else `ROW: STATUSES ~ PART`:
    /// the row of the table that explains what is different, the statuses of slipring's answers, and what stands in
    /// them. The part may be left out where the statuses are not Python's.
    pub mark: &'static str,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The file server, `-p HTTP/1.0`.
    Files10,
    /// The file server, `-p HTTP/1.1`.
    Files11,
    /// The handler that tells what it was asked.
    Dispatch,
}

impl Subject {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Files10, "files HTTP/1.0"), (Self::Files11, "files HTTP/1.1"), (Self::Dispatch, "dispatch")];

    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(subject, _)| *subject == self).expect("all have names").1
    }

    pub fn named(name: &str) -> Self {
        Self::ALL.iter().find(|(_, known)| *known == name).expect("a subject").0
    }
}

/// The answers are Python's.
const fn same(request: &'static str) -> Case {
    Case { request, mark: "" }
}

/// They are not, and the table of differences says why.
const fn other(request: &'static str, mark: &'static str) -> Case {
    Case { request, mark }
}

pub const GROUPS: &[Group] = &[
    Group { subject: Subject::Dispatch, cases: lines::LINES },
    Group { subject: Subject::Dispatch, cases: lines::VERSIONS },
    Group { subject: Subject::Dispatch, cases: lines::METHODS },
    Group { subject: Subject::Dispatch, cases: fields::FIELDS },
    Group { subject: Subject::Dispatch, cases: connections::CONNECTIONS },
    Group { subject: Subject::Dispatch, cases: bodies::BODIES },
    Group { subject: Subject::Dispatch, cases: errors::ERRORS },
    Group { subject: Subject::Files11, cases: targets::TARGETS },
    Group { subject: Subject::Files11, cases: targets::TYPES },
    Group { subject: Subject::Files11, cases: conditions::CONDITIONS },
    Group { subject: Subject::Files10, cases: old::OLD },
];
