//! Two connections side by side: what the table allows is taken out, the rest must be equal.

use std::collections::BTreeSet;

use crate::answer::Answer;
use crate::differences::{DIFFERENCES, Difference, What};

/// What a comparison came to.
pub enum Outcome {
    /// Equal, but for differences of fields that the table lists.
    Equal,
    Differs {
        why: String,
        /// Of slipring's answers, in order; `nothing` if there is none.
        statuses: String,
    },
}

/// Compares; the keys of the differences that were seen join `used` if the answers are equal otherwise.
pub fn compare(python: &[Answer], ours: &[Answer], used: &mut BTreeSet<String>) -> Outcome {
    let (mut keys, mut whys) = (BTreeSet::new(), Vec::new());
    if python.len() != ours.len() {
        whys.push(format!("Python answers {}, slipring {}", statuses(python), statuses(ours)));
    }
    for (python, ours) in python.iter().zip(ours) {
        let (mut python, mut ours) = (python.clone(), ours.clone());
        let seen = DIFFERENCES.iter().filter(|one| one.take_out(&mut python, &mut ours)).map(Difference::key);
        keys.extend(seen.collect::<Vec<_>>());
        whys.extend(describe(&python, &ours));
    }
    if whys.is_empty() {
        used.extend(keys);
        return Outcome::Equal;
    }
    Outcome::Differs { why: whys.join("; "), statuses: statuses(ours) }
}

/// The statuses of answers, in order; `nothing` if there is none.
pub fn statuses(answers: &[Answer]) -> String {
    match answers {
        [] => "nothing".into(),
        answers => answers.iter().map(Answer::status).collect::<Vec<_>>().join(" "),
    }
}

fn describe(python: &Answer, ours: &Answer) -> Option<String> {
    if python.status_line != ours.status_line {
        return Some(format!("the status line is {:?}, not {:?}", ours.status_line, python.status_line));
    }
    if python.fields != ours.fields {
        return Some(format!("the fields are {:?}, not {:?}", ours.fields, python.fields));
    }
    (python.body != ours.body).then(|| "the body differs".into())
}

impl Difference {
    /// Takes this difference out of a pair of answers, if it is there.
    fn take_out(&self, python: &mut Answer, ours: &mut Answer) -> bool {
        match self.what {
            What::Answers => false,
            What::Heads if python.status_line.is_empty() && python.body == ours.body && ours.is_error() => {
                *python = ours.clone();
                true
            }
            What::Heads => false,
            What::Spells { python: theirs, ours: name } => match (python.position(theirs), ours.value(name)) {
                (Some(at), Some(_)) => {
                    python.fields[at].0 = name.to_owned();
                    true
                }
                _ => false,
            },
            What::Adds { name, value } => match (python.position(name), ours.position(name)) {
                (None, Some(at)) if value.is_empty() || ours.fields[at].1 == value => {
                    ours.fields.remove(at);
                    true
                }
                _ => false,
            },
            What::Leaves { name, value } => match (python.position(name), ours.position(name)) {
                (Some(at), None) if python.fields[at].1 == value => {
                    python.fields.remove(at);
                    true
                }
                _ => false,
            },
            What::PutsLast { name } => match (python.position(name), ours.position(name)) {
                (Some(at), Some(last)) if at != last && last + 1 == ours.fields.len() => {
                    let field = python.fields.remove(at);
                    python.fields.push(field);
                    true
                }
                _ => false,
            },
            What::Says { name, python: theirs, ours: value } => match (python.position(name), ours.value(name)) {
                (Some(at), Some(said)) if python.fields[at].1 == theirs && said == value => {
                    python.fields[at].1 = value.to_owned();
                    true
                }
                _ => false,
            },
        }
    }
}
