//! The full distributions of a run, written as an HDR log and read back: with the document, all that a report draws from.

use std::time::{Duration, UNIX_EPOCH};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

use super::document::{self, Bounds, Run};
use crate::record::{RunRecord, Times};

/// Nanoseconds in the millisecond that the log's readers expect the column of maxima in.
const MAX_DIVISOR: f64 = 1e6;
/// Why writing the log cannot fail.
const IN_MEMORY: &str = "a histogram is written into memory";

/// Everything recorded, bounds among it.
#[derive(Clone, Debug, Default)]
pub struct Distributions {
    /// See [`document::Run::response_time_us`].
    pub response: Times,
    /// See [`document::Run::service_time_us`].
    pub service: Times,
    /// See [`document::Run::error_response_time_us`].
    pub error_response: Times,
    /// See [`document::Run::connect_time_us`].
    pub connect: Times,
    /// See [`document::Run::first_use_us`].
    pub first_use: Times,
    /// See [`document::Run::first_byte_us`].
    pub first_byte: Times,
    /// See [`document::Run::schedule_lag_us`].
    pub lag: Times,
    /// Response times of each stage.
    pub stages: Vec<Times>,
    /// Times of each interval of [`document::Run::series`], two digits.
    pub intervals: Vec<Histogram<u32>>,
}

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// No HDR log, or one of another version.
    #[error("line {line} is no line of an HDR log of version 2")]
    Syntax {
        /// Counted from 1 among the lines that are no comment.
        line: usize,
    },
    /// A distribution that is beyond ours, or one that the document does not know.
    #[error("the log and the JSON do not belong together: {0}")]
    Foreign(String),
}

impl Distributions {
    /// Those of a run.
    pub fn of(run: &RunRecord, document: &Run) -> Self {
        let record = &run.record;
        let closed = document.is_closed();
        Self {
            response: if closed { Times::new() } else { record.response.clone() },
            service: record.service.clone(),
            error_response: record.error_response.clone(),
            connect: record.connect.clone(),
            first_use: record.first_use.clone(),
            first_byte: record.first_byte.clone(),
            lag: record.lag.clone(),
            stages: run.stages.iter().map(|stage| stage.response.clone()).collect(),
            intervals: record
                .series
                .intervals
                .iter()
                .take(document.series.len())
                .map(|one| one.times.clone())
                .collect(),
        }
    }

    /// The times that the run's percentiles are about.
    pub fn times(&self, run: &Run) -> &Times {
        if run.is_closed() { &self.service } else { &self.response }
    }

    /// All but the intervals, each with its field's name in the document.
    pub fn named(&self) -> Vec<(String, &Times)> {
        let whole = [
            ("response_time", &self.response),
            ("service_time", &self.service),
            ("error_response_time", &self.error_response),
            ("connect_time", &self.connect),
            ("first_use", &self.first_use),
            ("first_byte", &self.first_byte),
            ("schedule_lag", &self.lag),
        ];
        let stages = self.stages.iter().zip(1..).map(|(times, number)| (format!("stage_{number}"), times));
        whole.map(|(name, times)| (name.to_owned(), times)).into_iter().chain(stages).collect()
    }

    /// An HDR log, version 2, in nanoseconds. The intervals carry no tag, as its readers expect of a log; each whole
    /// distribution carries its name as a tag and stands for the whole measure phase.
    pub fn to_log(&self, run: &Run) -> String {
        let (mut out, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
        let started = UNIX_EPOCH + Duration::from_secs(run.started_s().unwrap_or(0));
        let mut builder = IntervalLogWriterBuilder::new();
        builder.add_comment(
            "slipring-load; nanoseconds; no tag: one interval, two digits; tag: the whole run, three digits",
        );
        builder.with_start_time(started).with_base_time(started).with_max_value_divisor(MAX_DIVISOR);
        let mut log = builder.begin_log_with(&mut out, &mut serializer).expect(IN_MEMORY);
        for (interval, times) in run.series.iter().zip(&self.intervals) {
            let (start, length) = (duration(interval.start_s), duration(interval.duration_s));
            log.write_histogram(times, start, length, None).expect(IN_MEMORY);
        }
        for (name, times) in self.named().iter().filter(|(_, times)| !times.is_empty()) {
            let tag = Tag::new(name).expect("a name has no comma and no space");
            log.write_histogram(times.histogram(), Duration::ZERO, duration(run.duration_s), Some(tag))
                .expect(IN_MEMORY);
        }
        String::from_utf8(out).expect("the log is ASCII")
    }

    /// Reads what [`Self::to_log`] wrote; bounds and what was clamped stand in the document.
    pub fn from_log(log: &[u8], run: &Run) -> Result<Self, LogError> {
        let mut all = Self { stages: vec![Times::new(); run.stages.len()], ..Self::default() };
        let mut deserializer = Deserializer::new();
        for (entry, line) in IntervalLogIterator::new(log).zip(1..) {
            let LogEntry::Interval(entry) = entry.map_err(|_| LogError::Syntax { line })? else { continue };
            let bytes = BASE64_STANDARD.decode(entry.encoded_histogram()).map_err(|_| LogError::Syntax { line })?;
            let syntax = LogError::Syntax { line };
            match entry.tag() {
                None => all.intervals.push(deserializer.deserialize(&mut bytes.as_slice()).map_err(|_| syntax)?),
                Some(tag) => {
                    let times = deserializer.deserialize(&mut bytes.as_slice()).map_err(|_| syntax)?;
                    all.put(tag.as_str(), &times, run)?;
                }
            }
        }
        Ok(all)
    }

    /// Adds another run's, all but its intervals.
    pub(super) fn add(&mut self, other: &Self) {
        for (mine, more) in [
            (&mut self.response, &other.response),
            (&mut self.service, &other.service),
            (&mut self.error_response, &other.error_response),
            (&mut self.connect, &other.connect),
            (&mut self.first_use, &other.first_use),
            (&mut self.first_byte, &other.first_byte),
            (&mut self.lag, &other.lag),
        ] {
            mine.merge(more);
        }
        self.stages.iter_mut().zip(&other.stages).for_each(|(mine, more)| mine.merge(more));
    }

    fn put(&mut self, name: &str, times: &Histogram<u64>, run: &Run) -> Result<(), LogError> {
        let foreign = || LogError::Foreign(name.to_owned());
        let stage = name.strip_prefix("stage_").and_then(|number| number.parse::<usize>().ok()?.checked_sub(1));
        let (place, figures) = match (name, stage) {
            ("response_time", _) => (&mut self.response, run.response_time_us),
            ("service_time", _) => (&mut self.service, run.service_time_us),
            ("error_response_time", _) => (&mut self.error_response, run.error_response_time_us),
            ("connect_time", _) => (&mut self.connect, run.connect_time_us),
            ("first_use", _) => (&mut self.first_use, run.first_use_us),
            ("first_byte", _) => (&mut self.first_byte, run.first_byte_us),
            ("schedule_lag", _) => (&mut self.lag, run.schedule_lag_us),
            (_, Some(stage)) => {
                let place = self.stages.get_mut(stage).ok_or_else(foreign)?;
                (place, run.stages[stage].response_time_us)
            }
            _ => return Err(foreign()),
        };
        let figures: document::Times = figures.ok_or_else(foreign)?;
        let (censored, from) =
            figures.lower_bounds.map_or((0, None), |Bounds { count, from_us }| (count, Some(from_us)));
        let from_ns = from.map(|us| (us * 1e3).round() as u64);
        *place = Times::restore(times, figures.clamped, censored, from_ns).ok_or_else(foreign)?;
        if place.len() == figures.samples { Ok(()) } else { Err(foreign()) }
    }
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
