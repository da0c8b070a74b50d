//! What is worth knowing of the target and is no doubt.

use super::Purpose;
use super::rules::{SHARED_CORE_SUSPECT, own_short_share, short_share};
use crate::record::{Loop, Note, RunRecord};

/// Share of the offered requests that a target may miss before it counts as overloaded.
const OVERLOAD: f64 = 0.01;
/// Share of the requests that may fail before it is worth a note.
const ERRORS: f64 = 0.001;

pub(super) fn notes(run: &RunRecord, purpose: Purpose) -> Vec<Note> {
    let connections = &run.record.connections;
    let shares_core = run.target.as_ref().and_then(|target| target.shared_core).unwrap_or(0.0) > SHARED_CORE_SUSPECT;
    let rows = [
        (Note::ClosedLoop, run.setup.pace == Loop::Closed),
        (Note::TargetOverloaded, is_overloaded(run)),
        (Note::TargetErrors, error_share(run) > ERRORS),
        (Note::ConnectionsShort, connections.failed > 0),
        (Note::Reconnects, connections.reconnects > 0),
        (Note::SharedCore, purpose == Purpose::Compared && shares_core),
    ];
    rows.into_iter().filter_map(|(note, applies)| applies.then_some(note)).collect()
}

/// What had not left at the end is more than the generator's own lag explains: connections were busy.
fn is_overloaded(run: &RunRecord) -> bool {
    short_share(run) - own_short_share(run) > OVERLOAD
}

/// Share of the sent requests that failed, got no answer, or one with a status from 400 on or that was found wrong.
fn error_share(run: &RunRecord) -> f64 {
    let requests = &run.record.requests;
    // In a closed loop nothing is shed but what a target that is gone was still to be asked.
    let lost = if run.setup.pace == Loop::Closed { requests.shed } else { 0 };
    let bad = lost + requests.failed + requests.unanswered + (requests.completed - run.record.good());
    let all = requests.sent + lost;
    if all == 0 { 0.0 } else { bad as f64 / all as f64 }
}
