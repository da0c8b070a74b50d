//! The one table of what slipring answers otherwise than Python 3.11, and why.

/// A difference.
pub struct Difference {
    /// The row of docs/basehttp.md; a letter behind it where one row has several.
    pub row: &'static str,
    pub what: What,
    pub why: &'static str,
}

/// How answers differ.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// In more than fields: the cases name this row in their marks, with the statuses that slipring answers.
    Answers,
    /// Another spelling of a field's name.
    Spells { python: &'static str, ours: &'static str },
    /// A field that Python does not send; any value if none is given.
    Adds { name: &'static str, value: &'static str },
    /// A field that only Python sends.
    Leaves { name: &'static str, value: &'static str },
    /// A field that stands behind the others.
    PutsLast { name: &'static str },
    /// Another value.
    Says { name: &'static str, python: &'static str, ours: &'static str },
}

impl Difference {
    pub fn key(&self) -> String {
        match self.what {
            What::Answers => format!("{}: other answers", self.row),
            What::Spells { ours, .. } => format!("{}: spells {ours}", self.row),
            What::Adds { name, value } => format!("{}: adds {name}: {value}", self.row),
            What::Leaves { name, value } => format!("{}: leaves out {name}: {value}", self.row),
            What::PutsLast { name } => format!("{}: puts {name} last", self.row),
            What::Says { name, ours, .. } => format!("{}: says {name}: {ours}", self.row),
        }
    }
}

const fn field(row: &'static str, what: What, why: &'static str) -> Difference {
    Difference { row, what, why }
}

const fn answers(row: &'static str, why: &'static str) -> Difference {
    Difference { row, what: What::Answers, why }
}

/// Every difference.
pub const DIFFERENCES: &[Difference] = &[
];
