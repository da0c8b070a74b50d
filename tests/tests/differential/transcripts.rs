//! Python's answers, kept as text.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use crate::cases::Subject;
use crate::notation::unshow;

/// What Python answered: by subject and request, in the notation of the cases.
pub struct Transcripts {
    version: String,
    /// In the order of the cases.
    order: Vec<(Subject, String)>,
    answers: BTreeMap<(Subject, String), String>,
}

impl Transcripts {
    pub fn new<'a>(version: &str, told: impl Iterator<Item = (Subject, &'a str, String)>) -> Self {
        let mut new = Self { version: version.into(), order: Vec::new(), answers: BTreeMap::new() };
        for (subject, request, answer) in told {
            let key = (subject, request.to_owned());
            new.order.push(key.clone());
            new.answers.insert(key, answer);
        }
        new
    }

    /// The kept ones; none at all if there is no file yet.
    pub fn read() -> Self {
        let text = std::fs::read_to_string(path()).unwrap_or_default();
        let mut lines = text.lines();
        let version = lines.next().and_then(|line| line.strip_prefix("# CPython ")).unwrap_or_default();
        let mut told = Vec::new();
        let (mut subject, mut request) = (Subject::Dispatch, "");
        for line in lines {
            match line.split_at_checked(2) {
                Some(("= ", name)) => subject = Subject::named(name),
                Some(("> ", asked)) => request = asked,
                Some(("< ", answer)) => told.push((subject, request, answer.to_owned())),
                _ => {}
            }
        }
        let unescaped: Vec<_> =
            told.into_iter().map(|(subject, request, answer)| (subject, unescape(request), answer)).collect();
        Self::new(
            version,
            unescaped.iter().map(|(subject, request, answer)| (*subject, request.as_str(), answer.clone())),
        )
    }

    pub fn write(&self) {
        let mut text = format!("# CPython {}\n", self.version);
        let mut current = None;
        for key in &self.order {
            if current != Some(key.0) {
                current = Some(key.0);
                let _ = writeln!(text, "\n= {}", key.0.name());
            }
            let _ = writeln!(text, "> {}\n< {}", escape(&key.1), self.answers[key]);
        }
        std::fs::write(path(), text).expect("the transcripts are written");
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether they are of the same line of Python: 3.11.
    pub fn is_from(&self, version: &str) -> bool {
        let line = |version: &str| version.rsplit_once('.').map(|(line, _)| line.to_owned());
        line(version) == line(&self.version)
    }

    pub fn answer(&self, subject: Subject, request: &str) -> Option<Vec<u8>> {
        let line = self.answers.get(&(subject, request.to_owned()))?;
        Some(unshow(line).unwrap_or_else(|| panic!("a transcript is none: {line}")))
    }

    /// What `kept` has otherwise, lacks, or has beyond these.
    pub fn differing_from(&self, kept: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (key, answer) in &self.answers {
            match kept.answers.get(key) {
                Some(known) if known == answer => {}
                known => found.push(format!("{key:?}\n    kept  {known:?}\n    today {answer:?}")),
            }
        }
        let gone = kept.answers.keys().filter(|key| !self.answers.contains_key(key));
        found.extend(gone.map(|key| format!("{key:?} is no case any more")));
        found
    }
}

/// A request on one line of ASCII.
fn escape(request: &str) -> String {
    request
        .chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c.to_string() } else { c.escape_unicode().to_string() })
        .collect()
}

fn unescape(line: &str) -> String {
    let mut parts = line.split("\\u{");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (number, rest) = part.split_once('}').expect("an escape ends");
        let c = u32::from_str_radix(number, 16).ok().and_then(char::from_u32).expect("a character");
        format!("{text}{c}{rest}")
    })
}

fn path() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential/python-3.11.txt").into()
}
