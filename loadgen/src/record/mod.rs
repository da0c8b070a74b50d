//! What came of a run: counters and one histogram of service times. Its memory does not grow with requests.

mod run;

pub use run::{Host, RunRecord, Setup, ThreadCpu};

use std::fmt;

use hdrhistogram::Histogram;

/// Shortest time that the histogram tells from shorter ones.
pub const SHORTEST_NS: u64 = 100;
/// Longest time that it holds; longer ones are recorded as this and counted as clamped.
pub const LONGEST_NS: u64 = 60_000_000_000;
/// Decimal digits that it keeps.
const DIGITS: u8 = 3;
/// Status codes have three digits.
const STATUS_END: usize = 1000;

/// What can go wrong with a connection or an answer. One event counts once, however many requests it takes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Connecting was refused or failed.
    Connect,
    /// Connecting took too long.
    Timeout,
    /// The connection ended before an answer was whole.
    Reset,
    /// What came was no HTTP answer, or one that nobody had asked for.
    Protocol,
    /// We ran out of local ports.
    AddressUnavailable,
    /// We ran out of file descriptors.
    DescriptorLimit,
}

impl ErrorKind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 6] =
        [Self::Connect, Self::Timeout, Self::Reset, Self::Protocol, Self::AddressUnavailable, Self::DescriptorLimit];

    /// Its name in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Protocol => "protocol",
            Self::AddressUnavailable => "address_unavailable",
            Self::DescriptorLimit => "descriptor_limit",
        }
    }
}

/// Requests of the measure phase: `sent = completed + failed + unanswered` when a run is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Handed to the kernel.
    pub sent: u64,
    /// Answered whole, whatever the status.
    pub completed: u64,
    /// Lost with their connection.
    pub failed: u64,
    /// Still open when the grace period was over.
    pub unanswered: u64,
}

/// Connections over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// As the plan wants.
    pub asked: u64,
    /// Open when the load began.
    pub opened: u64,
    /// Not open when the load began.
    pub failed: u64,
    /// Opened again later, after the target ended them.
    pub reconnects: u64,
}

/// Bytes that passed while the measurement ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Received, heads and chunk framing included.
    pub wire: u64,
    /// Received content.
    pub body: u64,
    /// Sent.
    pub sent: u64,
}

/// The figures of one thread, or of all of them merged.
#[derive(Clone)]
pub struct Record {
    /// See [`Requests`].
    pub requests: Requests,
    /// See [`Connections`].
    pub connections: Connections,
    /// See [`Bytes`].
    pub bytes: Bytes,
    /// Service times above [`LONGEST_NS`].
    pub clamped: u64,
    service: Histogram<u64>,
    status: Box<[u64; STATUS_END]>,
    errors: [u64; ErrorKind::ALL.len()],
    run: SameAnswers,
}

/// Answers alike in service time and status: in one tick most are, and the histogram is then touched once for them.
#[derive(Clone, Copy, Default)]
struct SameAnswers {
    ns: u64,
    status: u16,
    count: u64,
}

impl Record {
    /// All zero. Allocates once, about 200 KB.
    pub fn new() -> Self {
        let service = Histogram::new_with_bounds(SHORTEST_NS, LONGEST_NS, DIGITS);
        Self {
            requests: Requests::default(),
            connections: Connections::default(),
            bytes: Bytes::default(),
            clamped: 0,
            service: service.expect("the bounds are constants that the histogram takes"),
            status: Box::new([0; STATUS_END]),
            errors: [0; ErrorKind::ALL.len()],
            run: SameAnswers::default(),
        }
    }

    /// One whole answer: its service time and its status, a number of three digits.
    #[inline]
    pub fn completed(&mut self, service_ns: u64, status: u16) {
        if service_ns != self.run.ns || status != self.run.status {
            self.settle();
            (self.run.ns, self.run.status) = (service_ns, status);
        }
        self.run.count += 1;
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

    /// The service times. Complete after [`Record::settle`].
    pub fn service(&self) -> &Histogram<u64> {
        &self.service
    }

    /// Writes down what was still gathered; every reader wants this done first.
    pub fn settle(&mut self) {
        let SameAnswers { ns, status, count } = std::mem::take(&mut self.run);
        if count == 0 {
            return;
        }
        self.requests.completed += count;
        self.status[usize::from(status) % STATUS_END] += count;
        if ns > LONGEST_NS {
            self.clamped += count;
        }
        self.service.saturating_record_n(ns.min(LONGEST_NS), count);
    }

    /// Adds another thread's figures.
    pub fn merge(&mut self, mut other: Self) {
        self.settle();
        other.settle();
        self.requests.sent += other.requests.sent;
        self.requests.completed += other.requests.completed;
        self.requests.failed += other.requests.failed;
        self.requests.unanswered += other.requests.unanswered;
        self.connections.asked += other.connections.asked;
        self.connections.opened += other.connections.opened;
        self.connections.failed += other.connections.failed;
        self.connections.reconnects += other.connections.reconnects;
        self.bytes.wire += other.bytes.wire;
        self.bytes.body += other.bytes.body;
        self.bytes.sent += other.bytes.sent;
        self.clamped += other.clamped;
        self.service.add(&other.service).expect("both histograms have the same bounds");
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
        assert_eq!(record.service().len(), 4);
        assert!(record.service().value_at_quantile(0.5).abs_diff(1_000) <= 64);
        assert!(record.service().value_at_quantile(1.0).abs_diff(2_000_000) <= 2_000);
    }

    #[test]
    fn every_percentile_is_within_a_thousandth_of_the_sorted_list() {
        let mut record = Record::new();
        // A fixed sequence over five decades.
        let mut values: Vec<u64> = (0..50_000_u64).map(|i| 10_000 + (i * i * 48_271 + i) % 1_000_003_579).collect();
        for &ns in &values {
            record.completed(ns, 200);
        }
        record.settle();
        values.sort_unstable();
        for q in [0.5_f64, 0.75, 0.9, 0.99, 0.999, 1.0] {
            let rank = (q * values.len() as f64).ceil() as usize - 1;
            let (exact, found) = (values[rank] as f64, record.service().value_at_quantile(q) as f64);
            assert!((found / exact - 1.0).abs() < 0.001, "{q}: {found} for {exact}");
        }
    }

    #[test]
    fn what_is_too_long_is_clamped_and_counted() {
        let mut record = Record::new();
        record.completed(LONGEST_NS + 1, 200);
        record.completed(3, 200);
        record.settle();
        assert_eq!((record.clamped, record.service().len()), (1, 2));
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
        assert_eq!(one.service().len(), 2);
    }
}
