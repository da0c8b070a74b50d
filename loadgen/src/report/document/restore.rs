//! What results have in common, back from their JSON.

use serde::Deserialize;

use super::{Host, Reason};
use crate::record::{self, Judgement, Note, ReasonCode, Verdict};

/// A word that stands for nothing that this program knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not known to this version")]
pub struct UnknownName(pub String);

/// The one of these that has the name.
pub(in crate::report) fn by_name<T: Copy>(
    all: &[T],
    name_of: impl Fn(T) -> &'static str,
    name: &str,
) -> Result<T, UnknownName> {
    all.iter().copied().find(|one| name_of(*one) == name).ok_or_else(|| UnknownName(name.to_owned()))
}

/// What a block or a step says of itself.
#[derive(Debug, Deserialize)]
pub(in crate::report) struct Judged {
    verdict: String,
    reasons: Vec<Reason>,
    target_notes: Vec<String>,
}

impl Judged {
    pub(in crate::report) fn restore(&self) -> Result<Judgement, UnknownName> {
        let notes = self.target_notes.iter().map(|note| by_name(&Note::ALL, Note::name, note));
        Ok(Judgement {
            verdict: by_name(&Verdict::ALL, Verdict::name, &self.verdict)?,
            reasons: self.reasons.iter().map(restored_reason).collect::<Result<_, _>>()?,
            notes: notes.collect::<Result<_, _>>()?,
        })
    }
}

fn restored_reason(reason: &Reason) -> Result<record::Reason, UnknownName> {
    Ok(record::Reason {
        code: by_name(&ReasonCode::ALL, ReasonCode::name, &reason.code)?,
        level: by_name(&Verdict::ALL, Verdict::name, &reason.level)?,
        text: reason.text.clone(),
        value: reason.value,
        limit: reason.limit,
    })
}

/// The other way than [`Host::of`].
pub(in crate::report) fn restored_host(host: Host) -> record::Host {
    let Host { kernel, cpu, cores, quota, governor, virt, congestion } = host;
    record::Host { kernel, cpu, cores, congestion, quota, governor, virt }
}

/// Seconds with a fraction, as a document has them.
pub(in crate::report) fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}
