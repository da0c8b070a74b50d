//! `--start-at`: a clock time at which several runs begin together.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use thiserror::Error;

const DAY_S: u64 = 86_400;
/// Further ahead it is a slip of the pen.
const AHEAD_MAX: Duration = Duration::from_hours(24);
/// Between two looks at whether it was interrupted.
const LOOK: Duration = Duration::from_millis(20);

/// A clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartAt {
    /// Since 1970-01-01, UTC.
    Unix(Duration),
    /// The next time that the clock shows this, UTC.
    OfDay(Duration),
}

/// A moment to come, since 1970-01-01, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(Duration);

/// Why nothing begins then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum StartError {
    #[error("write 2026-01-31T12:00:00Z, or a time of day 12:00:00 (both UTC), or @1769860800 as `date +%s` prints it")]
    Form,
    #[error("--start-at lies in the past; this run would begin behind the others")]
    Past,
    #[error("--start-at lies more than a day ahead")]
    Far,
}

impl FromStr for StartAt {
    type Err = StartError;

    fn from_str(text: &str) -> Result<Self, StartError> {
        if let Some(seconds) = text.strip_prefix('@') {
            let seconds = seconds.parse().map_err(|_| StartError::Form)?;
            return Duration::try_from_secs_f64(seconds).map(Self::Unix).map_err(|_| StartError::Form);
        }
        let (date, time) = text.split_once(['T', ' ']).map_or((None, text), |(date, time)| (Some(date), time));
        let time = time_of_day(time.strip_suffix('Z').unwrap_or(time)).ok_or(StartError::Form)?;
        let Some(date) = date else { return Ok(Self::OfDay(time)) };
        let days = days_of(date).ok_or(StartError::Form)?;
        Ok(Self::Unix(Duration::from_secs(days * DAY_S) + time))
    }
}

impl StartAt {
    /// How long until then.
    ///
    /// # Errors
    /// When that is past, or too far ahead to be meant.
    pub(super) fn after(self, now: Duration) -> Result<Duration, StartError> {
        let wait = match self {
            Self::Unix(at) => at.checked_sub(now).ok_or(StartError::Past)?,
            Self::OfDay(time) => {
                let today = Duration::from_secs(now.as_secs() / DAY_S * DAY_S) + time;
                today.checked_sub(now).unwrap_or_else(|| (today + Duration::from_secs(DAY_S)).saturating_sub(now))
            }
        };
        if wait > AHEAD_MAX { Err(StartError::Far) } else { Ok(wait) }
    }

    /// When that is, from now on.
    pub(super) fn moment(self) -> Result<Moment, StartError> {
        let now = now();
        self.after(now).map(|wait| Moment(now + wait))
    }
}

impl Moment {
    /// Waits until then, or until it is interrupted.
    pub(super) fn wait(self, stop: &AtomicBool) {
        while let Some(left) = self.0.checked_sub(now()).filter(|left| !left.is_zero())
            && !stop.load(Ordering::Relaxed)
        {
            thread::park_timeout(left.min(LOOK));
        }
    }

    /// Seconds from then to a time since 1970-01-01, UTC.
    pub(super) fn seconds_until(self, seconds: u64) -> f64 {
        seconds as f64 - self.0.as_secs_f64()
    }
}

/// Since 1970-01-01, UTC.
#[expect(
    clippy::disallowed_methods,
    reason = "before the run there is no ring yet, and the clock is what is asked for"
)]
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// `12:00`, `12:00:30`, `12:00:30.5`.
fn time_of_day(text: &str) -> Option<Duration> {
    let parts: Vec<&str> = text.split(':').collect();
    let (hours, minutes, seconds) = match parts.as_slice() {
        [hours, minutes] => (hours, minutes, &"0"),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    let number = |text: &str, end: u64| text.parse::<u64>().ok().filter(|number| *number < end && text.len() <= 2);
    let seconds: f64 = seconds.parse().ok().filter(|seconds| (0.0..60.0).contains(seconds))?;
    let whole = number(hours, 24)? * 3600 + number(minutes, 60)? * 60;
    Some(Duration::from_secs(whole) + Duration::from_secs_f64(seconds))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar: years counted from March, so that a leap day ends its year.
fn days_of(date: &str) -> Option<u64> {
    let parts: Vec<u64> = date.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [year @ 1970..=9999, month @ 1..=12, day @ 1..=31] = *parts.as_slice() else { return None };
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    (year * 365 + year / 4 - year / 100 + year / 400 + day_of_year).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_times() {
        // What `date -u -d ... +%s` says.
        let rows = [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2000-03-01T00:00Z", 951_868_800),
            ("2026-01-31 12:00:00", 1_769_860_800),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("@1769860800", 1_769_860_800),
        ];
        for (text, seconds) in rows {
            assert_eq!(text.parse(), Ok(StartAt::Unix(Duration::from_secs(seconds))), "{text}");
        }
        assert_eq!("12:30:00.5".parse(), Ok(StartAt::OfDay(Duration::from_millis(45_000_500))));
        for bad in ["", "now", "12", "24:00", "12:60", "12:00:60", "2026-13-01T00:00", "2026-01-31", "@x", "@-1"] {
            assert_eq!(bad.parse::<StartAt>(), Err(StartError::Form), "{bad}");
        }
    }

    #[test]
    fn a_time_of_day_is_today_or_tomorrow() {
        let hours = Duration::from_hours;
        let now = Duration::from_secs(20 * DAY_S) + hours(12);
        assert_eq!(StartAt::OfDay(hours(13)).after(now), Ok(hours(1)));
        assert_eq!(StartAt::OfDay(hours(11)).after(now), Ok(hours(23)));
        assert_eq!(StartAt::Unix(now).after(now), Ok(Duration::ZERO));
        assert_eq!(StartAt::Unix(hours(1)).after(now), Err(StartError::Past));
        assert_eq!(StartAt::Unix(now + hours(25)).after(now), Err(StartError::Far));
    }
}
