//! How requests are paced, as words of the command line.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::{DurationError, parse_duration};

/// Requests a second at most; far beyond what a core can send.
pub const RATE_MAX: f64 = 100_000_000.0;

/// How the intended times of an open loop are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrivals {
    /// At equal distances.
    #[default]
    Constant,
    /// At random, as independent users come: exponential gaps from the plan's seed.
    Poisson,
}

/// What an open loop does with a request that is due while every connection is busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBusy {
    /// It waits; the first connection that is free takes it.
    #[default]
    Queue,
    /// Another connection is opened for it, up to [`super::Plan::max_connections`]; beyond that it waits.
    Open,
    /// It is not sent, and counted.
    Drop,
}

/// A word that is none of those that are known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("write {0}")]
pub struct WordError(&'static str);

/// One stage of a schedule: `30s@5000`, or from one rate to another `30s@1000..5000`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// As it was written.
    pub text: String,
    /// How long.
    pub duration: Duration,
    /// Requests a second at its start.
    pub from: f64,
    /// And at its end; between them the rate moves evenly.
    pub to: f64,
}

/// Why a text is no stage.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StageError {
    /// No `@`.
    #[error("not a stage; write 30s@5000, or 30s@1000..5000 for a ramp")]
    Form,
    /// The part before the `@`.
    #[error("before the @: {0}")]
    Duration(#[from] DurationError),
    /// It lasts no time.
    #[error("a stage must last longer than nothing")]
    Empty,
    /// The part behind it.
    #[error("behind the @: {0}")]
    Rate(#[from] RateError),
}

/// Why a text is no rate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RateError {
    /// No number from 0 on.
    #[error("not a rate; write requests a second, such as 1000 or 0.5")]
    Form,
    /// Above [`RATE_MAX`].
    #[error("a rate is limited to 100000000 requests a second")]
    TooHigh,
}

/// Reads a rate in requests a second; 0 passes here, [`super::Plan::check`] says where it makes sense.
pub fn parse_rate(text: &str) -> Result<f64, RateError> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let rate: f64 = text.parse().ok().filter(|_| plain).ok_or(RateError::Form)?;
    if rate > RATE_MAX { Err(RateError::TooHigh) } else { Ok(rate) }
}

impl FromStr for Arrivals {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        match text {
            "constant" => Ok(Self::Constant),
            "poisson" => Ok(Self::Poisson),
            _ => Err(WordError("constant or poisson")),
        }
    }
}

impl Arrivals {
    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        }
    }
}

impl FromStr for OnBusy {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        match text {
            "queue" => Ok(Self::Queue),
            "open" => Ok(Self::Open),
            "drop" => Ok(Self::Drop),
            _ => Err(WordError("queue, open or drop")),
        }
    }
}

impl OnBusy {
    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Open => "open",
            Self::Drop => "drop",
        }
    }
}

impl FromStr for Stage {
    type Err = StageError;

    fn from_str(text: &str) -> Result<Self, StageError> {
        let (duration, rates) = text.split_once('@').ok_or(StageError::Form)?;
        let duration = parse_duration(duration)?;
        if duration.is_zero() {
            return Err(StageError::Empty);
        }
        let (from, to) = rates.split_once("..").unwrap_or((rates, rates));
        Ok(Self { text: text.to_owned(), duration, from: parse_rate(from)?, to: parse_rate(to)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_as_typed() {
        let stage = |seconds, from, to| Ok((Duration::from_secs(seconds), from, to));
        let rows = [
            ("30s@5000", stage(30, 5000.0, 5000.0)),
            ("1m@0.5..2", stage(60, 0.5, 2.0)),
            ("30@100..0", stage(30, 100.0, 0.0)),
            ("30s", Err(StageError::Form)),
            ("0s@1", Err(StageError::Empty)),
            ("x@1", Err(StageError::Duration(DurationError::Form))),
            ("1s@-1", Err(StageError::Rate(RateError::Form))),
            ("1s@inf", Err(StageError::Rate(RateError::Form))),
            ("1s@1..", Err(StageError::Rate(RateError::Form))),
            ("1s@1e9", Err(StageError::Rate(RateError::Form))),
            ("1s@999999999", Err(StageError::Rate(RateError::TooHigh))),
        ];
        for (text, expected) in rows {
            let found = text.parse::<Stage>().map(|stage| (stage.duration, stage.from, stage.to));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn words_are_read_back() {
        for word in ["constant", "poisson"] {
            assert_eq!(word.parse::<Arrivals>().map(Arrivals::name), Ok(word));
        }
        for word in ["queue", "open", "drop"] {
            assert_eq!(word.parse::<OnBusy>().map(OnBusy::name), Ok(word));
        }
        assert!("wait".parse::<OnBusy>().is_err() && "".parse::<Arrivals>().is_err());
    }
}
