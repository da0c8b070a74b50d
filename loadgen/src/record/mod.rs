//! What came of a run: counters and distributions. Its memory does not grow with requests.
//!
//! *Response time* runs from the intended send to the last byte, *service time* from the actual send. A closed loop has
//! no intended times: there the two are one, and only the service time is kept.

mod count;
mod run;
mod series;
mod times;
mod verdict;

pub use count::{Bytes, Connections, ErrorKind, Requests};
pub use run::{CpuUse, Environment, Host, Loop, RunRecord, Setup, Stage, TargetUse, ThreadCpu};
pub use series::{INTERVALS_MAX, Interval, Series};
pub use times::{Figure, LONGEST_NS, SHORTEST_NS, TAIL_SAMPLES_MIN, Times, samples_needed};
pub use verdict::{Judgement, Note, Reason, ReasonCode, ThresholdResult, Verdict};

use std::fmt;

/// Status codes have three digits.
const STATUS_END: usize = 1000;

/// The figures of one thread, or of all of them merged.
#[derive(Clone)]
pub struct Record {
    /// See [`Requests`].
    pub requests: Requests,
    /// See [`Connections`].
    pub connections: Connections,
    /// See [`Bytes`].
    pub bytes: Bytes,
    /// From the intended send to the last byte, of answers below 400 and, as lower bounds, of what was not answered.
    pub response: Times,
    /// From the actual send to the last byte, of answers below 400; in a closed loop also, as lower bounds, of what was
    /// not answered.
    pub service: Times,
    /// From the intended send (in a closed loop the actual one) to the last byte, of answers with a status from 400 on.
    pub error_response: Times,
    /// From the connect to the open connection, of each connection opened.
    pub connect: Times,
    /// Of each connection's first answer below 400: its service time and the time that connecting took.
    pub first_use: Times,
    /// From the actual send to the first byte of the answer.
    pub first_byte: Times,
    /// From the intended send to the actual one, while a connection was free.
    pub lag: Times,
    /// See [`Series`].
    pub series: Series,
    status: Box<[u64; STATUS_END]>,
    errors: [u64; ErrorKind::ALL.len()],
    run: SameAnswers,
}

/// One whole answer to a request of the measure phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// From the intended send to its last byte; `None` in a closed loop, which has no intended times.
    pub response_ns: Option<u64>,
    /// From the actual send to its last byte.
    pub service_ns: u64,
    /// From the actual send to its first byte.
    pub first_byte_ns: u64,
    /// Its status, a number of three digits.
    pub status: u16,
    /// When it ended, behind the start of the measure phase.
    pub ended_ns: u64,
    /// The measure phase was over by then.
    pub late: bool,
}

/// Answers alike in everything: in one tick many are, and the histograms are then touched once for them.
#[derive(Clone, Copy, Default)]
struct SameAnswers {
    answer: Answer,
    count: u64,
}

impl Record {
    /// All zero.
    pub fn new() -> Self {
        Self {
            requests: Requests::default(),
            connections: Connections::default(),
            bytes: Bytes::default(),
            response: Times::new(),
            service: Times::new(),
            error_response: Times::new(),
            connect: Times::new(),
            first_use: Times::new(),
            first_byte: Times::new(),
            lag: Times::new(),
            series: Series::default(),
            status: Box::new([0; STATUS_END]),
            errors: [0; ErrorKind::ALL.len()],
            run: SameAnswers::default(),
        }
    }

    /// As [`Record::new`], with room for the series of a measure phase of this length and for the times that answers have: what
    /// is recorded of them allocates nothing.
    pub fn for_duration(duration_ns: u64, open_loop: bool) -> Self {
        let mut record = Self { series: Series::for_duration(duration_ns), ..Self::new() };
        for times in [&mut record.service, &mut record.first_byte, &mut record.first_use, &mut record.connect] {
            times.make_ready();
        }
        if open_loop {
            record.response.make_ready();
            record.lag.make_ready();
        }
        record
    }

    /// One whole answer.
    #[inline]
    pub fn answered(&mut self, answer: Answer) {
        if answer != self.run.answer {
            self.settle();
            self.run.answer = answer;
        }
        self.run.count += 1;
    }

    /// One whole answer of a closed loop: its service time and its status, a number of three digits.
    #[inline]
    pub fn completed(&mut self, service_ns: u64, status: u16) {
        self.answered(Answer { service_ns, first_byte_ns: service_ns, status, ..Answer::default() });
    }

    /// A request that was given up after so long, from its intended send (in a closed loop the actual one).
    pub fn given_up(&mut self, open_loop: bool, at_least_ns: u64) {
        let times = if open_loop { &mut self.response } else { &mut self.service };
        times.record_at_least(at_least_ns);
    }

    /// One event that ended a connection or kept it from opening.
    pub fn error(&mut self, kind: ErrorKind) {
        self.errors[kind as usize] += 1;
    }

    /// How often an error of this kind happened.
    pub fn errors(&self, kind: ErrorKind) -> u64 {
        self.errors[kind as usize]
    }

    /// Errors of every kind together.
    pub fn errors_total(&self) -> u64 {
        self.errors.iter().sum()
    }

    /// Every status that was seen and how often, in order.
    pub fn statuses(&self) -> impl Iterator<Item = (u16, u64)> {
        (0_u16..).zip(self.status.iter().copied()).filter(|&(_, count)| count > 0)
    }

    /// Completed requests with a status below 400.
    pub fn ok(&self) -> u64 {
        self.status[..400].iter().sum()
    }

    /// Completed requests with a status below 400 that `--check`, if it was asked for, let pass.
    pub fn good(&self) -> u64 {
        self.ok() - self.requests.wrong
    }

    /// Writes down what was still gathered; every reader wants this done first.
    pub fn settle(&mut self) {
        let SameAnswers { answer, count } = std::mem::take(&mut self.run);
        if count == 0 {
            return;
        }
        let Answer { response_ns, service_ns, first_byte_ns, status, ended_ns, late } = answer;
        self.requests.completed += count;
        self.requests.completed_late += if late { count } else { 0 };
        self.status[usize::from(status) % STATUS_END] += count;
        self.first_byte.record(first_byte_ns, count);
        let whole_ns = response_ns.unwrap_or(service_ns);
        if status >= 400 {
            self.error_response.record(whole_ns, count);
        } else {
            self.service.record(service_ns, count);
            if response_ns.is_some() {
                self.response.record(whole_ns, count);
            }
        }
        if let Some(interval) = self.series.at(ended_ns) {
            interval.completed += count;
            interval.times.saturating_record_n(whole_ns, u32::try_from(count).unwrap_or(u32::MAX));
        }
    }

    /// Adds another thread's figures.
    pub fn merge(&mut self, mut other: Self) {
        self.settle();
        other.settle();
        self.requests += other.requests;
        self.connections += other.connections;
        self.bytes += other.bytes;
        for (mine, more) in [
            (&mut self.response, other.response),
            (&mut self.service, other.service),
            (&mut self.error_response, other.error_response),
            (&mut self.connect, other.connect),
            (&mut self.first_use, other.first_use),
            (&mut self.first_byte, other.first_byte),
            (&mut self.lag, other.lag),
        ] {
            mine.take_in(more);
        }
        self.series.merge(&other.series);
        self.status.iter_mut().zip(other.status.iter()).for_each(|(sum, more)| *sum += more);
        self.errors.iter_mut().zip(other.errors).for_each(|(sum, more)| *sum += more);
    }
}

impl Default for Record {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("requests", &self.requests).field("errors", &self.errors).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_equal_answers_counts_each() {
        let mut record = Record::new();
        for (ns, status) in [(1_000, 200), (1_000, 200), (1_000, 404), (2_000_000, 200)] {
            record.completed(ns, status);
        }
        record.settle();
        assert_eq!(record.requests.completed, 4);
        assert_eq!(record.statuses().collect::<Vec<_>>(), [(200, 3), (404, 1)]);
        assert_eq!(record.ok(), 3);
        assert_eq!((record.service.len(), record.error_response.len()), (3, 1));
        assert!(matches!(record.service.max(), Figure::Exact(ns) if ns.abs_diff(2_000_000) <= 2_000));
    }

    #[test]
    fn an_answer_is_recorded_by_both_its_times() {
        let mut record = Record::for_duration(2_000_000_000, true);
        let answer = Answer {
            response_ns: Some(5_000),
            service_ns: 2_000,
            first_byte_ns: 1_000,
            status: 200,
            ended_ns: 1_500_000_000,
            late: false,
        };
        record.answered(answer);
        record.answered(answer);
        record.answered(Answer { status: 503, late: true, ended_ns: 3_000_000_000, ..answer });
        record.given_up(true, 9_000);
        record.settle();
        assert_eq!((record.requests.completed, record.requests.completed_late), (3, 1));
        assert_eq!((record.response.len(), record.service.len(), record.error_response.len()), (3, 2, 1));
        assert_eq!((record.response.censored(), record.first_byte.len()), (1, 3));
        assert!(record.response.max().is_bound() && record.error_response.max().ns().is_some_and(|ns| ns > 4_990));
        let completed: Vec<u64> = record.series.intervals.iter().map(|interval| interval.completed).collect();
        assert_eq!(completed, [0, 3]);
    }

    #[test]
    fn merging_adds_everything() {
        let mut one = Record::new();
        one.completed(1_000, 200);
        one.error(ErrorKind::Reset);
        one.bytes.wire = 10;
        let mut two = Record::new();
        two.completed(3_000, 500);
        two.error(ErrorKind::Reset);
        two.error(ErrorKind::Connect);
        two.requests.sent = 7;
        one.merge(two);
        assert_eq!(one.statuses().collect::<Vec<_>>(), [(200, 1), (500, 1)]);
        assert_eq!((one.requests.sent, one.requests.completed, one.bytes.wire), (7, 2, 10));
        assert_eq!((one.errors(ErrorKind::Reset), one.errors_total()), (2, 3));
        assert_eq!((one.service.len(), one.error_response.len()), (1, 1));
    }
}
