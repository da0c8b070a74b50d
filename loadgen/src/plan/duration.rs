//! Durations as they are typed: `10`, `10s`, `500ms`, `1.5s`, `1m`, `1h`.

use std::time::Duration;

use thiserror::Error;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DurationError {
    /// A body where wrk and curl habits differ.
    #[error("this is a duration, such as 10s; a body goes with --body")]
    Body,
    /// No number, or an unknown unit.
    #[error("not a duration; write 10, 10s, 500ms, 1m or 1h")]
    Form,
    /// More than a week.
    #[error("longer than a week")]
    TooLong,
}

const LONGEST_S: f64 = 7.0 * 86_400.0;

/// Reads a duration; a bare number is seconds, as in wrk.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    if text.starts_with(['{', '[', '@', '"']) {
        return Err(DurationError::Body);
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().map_err(|_| DurationError::Form)?;
    let seconds = number * unit_seconds(unit).ok_or(DurationError::Form)?;
    if seconds > LONGEST_S {
        return Err(DurationError::TooLong);
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| DurationError::Form)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_typed() {
        let rows = [
            ("10", Ok(Duration::from_secs(10))),
            ("10s", Ok(Duration::from_secs(10))),
            ("500ms", Ok(Duration::from_millis(500))),
            ("1.5s", Ok(Duration::from_millis(1500))),
            ("250us", Ok(Duration::from_micros(250))),
            ("1m", Ok(Duration::from_mins(1))),
            ("2h", Ok(Duration::from_hours(2))),
            ("0", Ok(Duration::ZERO)),
            ("", Err(DurationError::Form)),
            ("s", Err(DurationError::Form)),
            ("-1s", Err(DurationError::Form)),
            ("1.2.3", Err(DurationError::Form)),
            ("10 s", Err(DurationError::Form)),
            ("10sec", Err(DurationError::Form)),
            ("inf", Err(DurationError::Form)),
            ("{\"a\":1}", Err(DurationError::Body)),
            ("999h", Err(DurationError::TooLong)),
        ];
        for (text, expected) in rows {
            assert_eq!(parse_duration(text), expected, "{text:?}");
        }
    }
}
