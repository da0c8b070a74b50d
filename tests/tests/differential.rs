//! The same raw bytes to CPython's `http.server` and to slipring, answers compared byte for byte.
//!
//! The requests stand in `differential/cases`, grouped by whom they are sent to; Python's answers are kept in
//! `differential/python-3.11.txt`, so that a machine without Python compares too, and with Python 3.11 at hand they are
//! asked for anew. Whatever differs stands in the one table of `differential/differences.rs` with its row of
//! docs/basehttp.md and a reason: a difference that is not listed fails, and so does an entry that nothing shows any more.
#![allow(clippy::disallowed_methods, reason = "a process is watched from outside, by the clock on the wall")]
#![allow(clippy::pedantic, dead_code, reason = "a test says it as it reads best; the harness serves others too")]

#[path = "differential/answer.rs"]
mod answer;
#[path = "differential/cases/mod.rs"]
mod cases;
#[path = "process/client.rs"]
mod client;
#[path = "differential/compare.rs"]
mod compare;
#[path = "differential/differences.rs"]
mod differences;
#[path = "process/harness.rs"]
mod harness;
#[path = "differential/notation.rs"]
mod notation;
#[path = "differential/peers.rs"]
mod peers;
#[path = "differential/transcripts.rs"]
mod transcripts;

use std::collections::BTreeSet;

use answer::Answer;
use cases::{CASES_MIN, Case, GROUPS, Subject};
use compare::{Outcome, compare};
use differences::{DIFFERENCES, What};
use notation::show;
use peers::{Peers, site};
use transcripts::Transcripts;

#[test]
fn there_are_enough_requests_and_none_twice() {
    let mut seen = BTreeSet::new();
    for (subject, case) in all() {
        assert!(seen.insert((subject, case.request)), "{subject:?} is asked twice: {}", case.request);
    }
    let requests: BTreeSet<&str> = seen.iter().map(|(_, request)| *request).collect();
    assert!(requests.len() >= CASES_MIN, "{} different requests", requests.len());
}

/// With `SLIPRING_TRANSCRIPTS=write` the kept answers are replaced by Python's of today.
#[test]
fn the_transcripts_are_what_python_answers() {
    let Some(version) = peers::python() else { return };
    let (kept, site) = (Transcripts::read(), site());
    let write = std::env::var("SLIPRING_TRANSCRIPTS").is_ok_and(|what| what == "write");
    if !write && !kept.is_from(&version) {
        println!("note: this is Python {version}, the transcripts are of {}; nothing to compare with", kept.version());
        return;
    }
    let python = Peers::python(&site);
    let told = |(subject, case): (Subject, &Case)| (subject, case.request, show(&python.ask(subject, case.request)));
    let fresh = Transcripts::new(&version, all().map(told));
    if write {
        return fresh.write();
    }
    let stale = fresh.differing_from(&kept);
    assert!(stale.is_empty(), "{} transcripts are not what Python answers:\n{}", stale.len(), stale.join("\n"));
}

#[test]
fn slipring_answers_as_python_but_for_what_the_table_lists() {
    let (kept, site) = (Transcripts::read(), site());
    let slipring = Peers::slipring(&site);
    let (mut used, mut failures, mut equal, mut marked) = (BTreeSet::new(), Vec::new(), 0, 0);
    for (subject, case) in all() {
        let Some(python) = kept.answer(subject, case.request) else {
            failures.push(format!("{subject:?} {}: no transcript", case.request));
            continue;
        };
        let ours = slipring.ask(subject, case.request);
        let outcome = compare(&Answer::read(&python), &Answer::read(&ours), &mut used);
        let alike = compare::statuses(&Answer::read(&python)) == compare::statuses(&Answer::read(&ours));
        if alike && !case.mark.is_empty() && !case.mark.contains(" ~ ") {
            failures.push(format!("{subject:?} {:?}: the statuses are Python's; the mark says no part", case.request));
        }
        match judge(case, outcome, &show(&ours), &mut used) {
            Ok(()) if case.mark.is_empty() => equal += 1,
            Ok(()) => marked += 1,
            Err(why) => failures.push(complaint(subject, case, &why, &python, &ours)),
        }
    }
    let idle = DIFFERENCES.iter().filter(|one| !used.contains(&one.key()));
    failures.extend(idle.map(|one| format!("{}: nothing differs so any more: {}", one.key(), one.why)));
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    println!(
        "{} requests: {equal} answered as Python does, {marked} differ as the table says, none otherwise",
        equal + marked
    );
}

/// Whether what came out, `answer` in all, is what the case's mark says.
fn judge(case: &Case, outcome: Outcome, answer: &str, used: &mut BTreeSet<String>) -> Result<(), String> {
    let (mark, part) = case.mark.split_once(" ~ ").unwrap_or((case.mark, ""));
    let Some((key, statuses)) = mark.split_once(": ") else {
        return match outcome {
            _ if !case.mark.is_empty() => Err("the mark is no `KEY: STATUSES`".into()),
            Outcome::Equal => Ok(()),
            Outcome::Differs { why, statuses } => Err(format!("slipring answers {statuses}: {why}")),
        };
    };
    let listed = DIFFERENCES.iter().find(|one| one.row == key && one.what == What::Answers);
    let Some(listed) = listed else { return Err(format!("{key} is not in the table")) };
    used.insert(listed.key());
    match outcome {
        Outcome::Equal => Err(format!("marked {key}, and does not differ")),
        Outcome::Differs { .. } if !answer.contains(part) => Err(format!("the answer lacks {part:?}")),
        Outcome::Differs { statuses: ours, .. } if ours == statuses => Ok(()),
        Outcome::Differs { statuses: ours, .. } => Err(format!("marked {statuses}, slipring answers {ours}")),
    }
}

fn complaint(subject: Subject, case: &Case, why: &str, python: &[u8], ours: &[u8]) -> String {
    format!("{subject:?} {:?}\n    {why}\n    python   {}\n    slipring {}", case.request, show(python), show(ours))
}

fn all() -> impl Iterator<Item = (Subject, &'static Case)> {
    GROUPS.iter().flat_map(|group| group.cases.iter().map(|case| (group.subject, case)))
}
