//! Wall time as text.

/// Four digits.
const YEAR_MAX: u64 = 9999;
/// Of the months, in a common year.
const LENGTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Seconds since 1970-01-01 as RFC 3339 in UTC.
pub(in crate::report) fn rfc3339(secs: u64) -> String {
    let (days, time) = ((secs / 86_400) as i64, secs % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time / 3600, time / 60 % 60, time % 60)
}

/// The other way; `None` if it is not what [`rfc3339`] writes.
pub(in crate::report) fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, by: char| -> Option<[u64; 3]> {
        let parts: Result<Vec<u64>, _> = text.split(by).map(str::parse).collect();
        parts.ok()?.try_into().ok()
    };
    let ([year, month, day], [hour, minute, second]) = (numbers(date, '-')?, numbers(time, ':')?);
    let first = days_before(year.min(YEAR_MAX), month)?;
    let secs =
        (first + day.checked_sub(1)?.min(31)) * 86_400 + hour.min(24) * 3600 + minute.min(60) * 60 + second.min(60);
    // Whatever was out of its range reads differently when it is written again.
    (rfc3339(secs) == text).then_some(secs)
}

/// Days from 1970-01-01 to the 1st of a month.
fn days_before(year: u64, month: u64) -> Option<u64> {
    let long = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let years = (1970..year).map(|year| if long(year) { 366 } else { 365 }).sum::<u64>();
    let before = LENGTHS.get(..usize::try_from(month.checked_sub(1)?).ok()?)?;
    Some(years + before.iter().sum::<u64>() + u64::from(month > 2 && long(year)))
}

/// Days since 1970-01-01 as a date of the Gregorian calendar: years are counted from March, so that the leap day is
/// the last of its year, in eras of 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let rows = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (secs, text) in rows {
            assert_eq!(rfc3339(secs), text);
            assert_eq!(seconds(text), Some(secs));
        }
        for bad in ["", "1970-01-01", "1970-01-01T00:00:00+01:00", "x970-01-01T00:00:00Z", "1970-13-01T00:00:00Z"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
