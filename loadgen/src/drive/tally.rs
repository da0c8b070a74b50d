//! What a thread counts, and which requests are counted: those of the measure phase, by their intended time.

use super::checker::Checker;
use super::flight::Ask;
use super::reader::Whole;
use crate::plan::Plan;
use crate::record::{Answer, ErrorKind, Record, Stage};

/// The record of one thread, and what decides what enters it.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) record: Record,
    /// Of the schedule, if it has stages.
    pub(super) stages: Vec<Stage>,
    checker: Option<Checker>,
    open_loop: bool,
    /// Requests intended at or after this are recorded.
    measure_from: u64,
    /// What happens after this happens late.
    measure_end: u64,
    /// Answers in any phase.
    pub(super) answered: u64,
    /// Requests in any phase.
    pub(super) sent: u64,
}

impl Tally {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            record: Record::for_duration(plan.measure().as_nanos() as u64, plan.is_open()),
            stages: stages(plan),
            checker: plan.check.map(|check| Checker::new(check, plan.requests.len())),
            open_loop: plan.is_open(),
            measure_from: u64::MAX,
            measure_end: u64::MAX,
            answered: 0,
            sent: 0,
        }
    }

    /// Whether contents are looked at.
    pub(super) fn checks(&self) -> bool {
        self.checker.is_some()
    }

    /// The measure phase is from here to there.
    pub(super) fn set_phase(&mut self, from: u64, end: u64) {
        (self.measure_from, self.measure_end) = (from, end);
    }

    /// The measure phase is over, perhaps before its time.
    pub(super) fn end_phase(&mut self, now: u64) {
        self.measure_end = self.measure_end.min(now);
    }

    /// Requests intended then are recorded.
    #[inline]
    pub(super) fn counts(&self, intended: u64) -> bool {
        intended >= self.measure_from
    }

    /// Requests left.
    #[inline]
    pub(super) fn left(&mut self, ask: Ask, count: u32) {
        let count = u64::from(count);
        self.sent += count;
        if self.counts(ask.intended) {
            self.record.requests.sent += count;
            self.record.requests.sent_late += if ask.sent > self.measure_end { count } else { 0 };
            if let Some(interval) = self.record.series.at(ask.sent - self.measure_from) {
                interval.sent += count;
                interval.due += if self.open_loop { 0 } else { count };
            }
        }
    }

    /// A request was due while a connection stood ready, and left so late.
    #[inline]
    pub(super) fn lag(&mut self, due: u64, lag_ns: u64) {
        if self.counts(due) {
            self.record.lag.record(lag_ns, 1);
            if let Some(interval) = self.record.series.at(due - self.measure_from) {
                interval.lag_max_ns = interval.lag_max_ns.max(lag_ns);
            }
        }
    }

    /// A request of the schedule was dealt with.
    #[inline]
    pub(super) fn due(&mut self, due: u64) {
        if self.counts(due) {
            if let Some(interval) = self.record.series.at(due - self.measure_from) {
                interval.due += 1;
            }
            if let Some(stage) = self.stage(due) {
                stage.due += 1;
            }
        }
    }

    /// An answer is whole.
    #[inline]
    pub(super) fn answered(&mut self, now: u64, whole: &Whole) {
        self.answered += 1;
        let ask = whole.ask;
        let counts = self.counts(ask.intended);
        if let Some(checker) = &mut self.checker
            && !checker.passes(whole)
        {
            self.error(now, ErrorKind::Check);
            self.record.requests.wrong += u64::from(counts && whole.status < 400);
        }
        if !counts {
            return;
        }
        let response_ns = self.open_loop.then(|| now - ask.intended);
        self.record.answered(Answer {
            response_ns,
            service_ns: now - ask.sent,
            first_byte_ns: whole.first_at.saturating_sub(ask.sent),
            status: whole.status,
            ended_ns: now - self.measure_from,
            late: now > self.measure_end,
        });
        if let Some(stage) = self.stage(ask.intended) {
            stage.completed += 1;
            if whole.status < 400 {
                stage.response.record(now - ask.intended, 1);
            }
        }
    }

    /// The first answer on a connection that took so long to open.
    pub(super) fn first_use(&mut self, now: u64, whole: &Whole, connect_ns: u64) {
        if self.counts(whole.ask.intended) && whole.status < 400 {
            self.record.first_use.record(connect_ns + (now - whole.ask.sent), 1);
        }
    }

    /// A request was lost with its connection.
    pub(super) fn failed(&mut self, ask: Ask) {
        self.record.requests.failed += u64::from(self.counts(ask.intended));
    }

    /// A request was lost because its connection answered nothing for too long.
    pub(super) fn timed_out(&mut self, now: u64, ask: Ask) {
        if self.counts(ask.intended) {
            self.record.requests.failed += 1;
            self.given_up(now, ask.intended);
        }
    }

    /// A request had no answer when the run was over.
    pub(super) fn unanswered(&mut self, now: u64, ask: Ask) {
        if self.counts(ask.intended) {
            self.record.requests.unanswered += 1;
            self.given_up(now, ask.intended);
        }
    }

    /// A request was given up unsent.
    pub(super) fn shed(&mut self, now: u64, due: u64) {
        self.due(due);
        if self.counts(due) {
            self.record.requests.shed += 1;
            self.given_up(now, due);
        }
    }

    /// A request was not sent because nobody was free.
    pub(super) fn dropped(&mut self, due: u64) {
        self.due(due);
        self.record.requests.dropped += u64::from(self.counts(due));
    }

    /// Something went wrong.
    pub(super) fn error(&mut self, now: u64, kind: ErrorKind) {
        self.record.error(kind);
        if now >= self.measure_from
            && let Some(interval) = self.record.series.at(now - self.measure_from)
        {
            interval.errors += 1;
        }
    }

    /// Writes down what was still gathered, when the run is over.
    pub(super) fn settle(&mut self) {
        let requests = &mut self.record.requests;
        requests.due = requests.sent + requests.shed + requests.dropped;
        self.record.settle();
    }

    fn given_up(&mut self, now: u64, intended: u64) {
        let waited = now.saturating_sub(intended);
        self.record.given_up(self.open_loop, waited);
        if let Some(stage) = self.stage(intended) {
            stage.response.record_at_least(waited);
        }
    }

    #[inline]
    fn stage(&mut self, intended: u64) -> Option<&mut Stage> {
        if self.stages.is_empty() {
            return None;
        }
        let since = intended - self.measure_from;
        self.stages.iter_mut().find(|stage| since < stage.start_ns + stage.duration_ns)
    }
}

/// The stages of a plan, with nothing in them yet.
fn stages(plan: &Plan) -> Vec<Stage> {
    let mut start_ns = 0;
    let stages = plan.stages.iter().map(|stage| {
        let duration_ns = stage.duration.as_nanos() as u64;
        let new = Stage { text: stage.text.clone(), start_ns, duration_ns, ..Stage::default() };
        start_ns += duration_ns;
        new
    });
    stages.collect()
}
