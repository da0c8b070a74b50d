//! Dates on the wire and in the log. There is no clock here: seconds since 1970 are an argument.

use std::time::UNIX_EPOCH;

/// Last second that four year digits can say; later ones (a file's mtime can hold any number) are written as this one.
pub const LAST_SECOND: u64 = 253_402_300_799;

/// `Mon, 23 Nov 2026 13:10:52 GMT` (RFC 9110 section 5.6.7).
pub const fn imf_fixdate(secs_since_epoch: u64) -> [u8; 29] {
    let at = Civil::at(secs_since_epoch);
    let mut text = *b"ddd, 00 mmm 0000 00:00:00 GMT";
    put(&mut text, 0, WEEKDAYS[at.weekday]);
    put(&mut text, 5, pair(at.day));
    put(&mut text, 8, MONTHS[at.month]);
    put(&mut text, 12, pair(at.year / 100));
    put(&mut text, 14, pair(at.year % 100));
    put_clock(&mut text, 17, at.second_of_day);
    text
}

/// `23/Nov/2026 13:10:52`, the form in Python's access log (row L1), in UTC.
pub const fn log_date(secs_since_epoch: u64) -> [u8; 20] {
    let at = Civil::at(secs_since_epoch);
    let mut text = *b"00/mmm/0000 00:00:00";
    put(&mut text, 0, pair(at.day));
    put(&mut text, 3, MONTHS[at.month]);
    put(&mut text, 7, pair(at.year / 100));
    put(&mut text, 9, pair(at.year % 100));
    put_clock(&mut text, 12, at.second_of_day);
    text
}

/// `23/Nov/2026:13:10:52 +0000`, the form of the common and combined log formats.
pub const fn clf_date(secs_since_epoch: u64) -> [u8; 26] {
    let mut text = *b"                     +0000";
    put(&mut text, 0, log_date(secs_since_epoch));
    text[11] = b':';
    text
}

/// `2026-11-23T13:10:52`, the start of a date of RFC 3339; UTC.
pub const fn rfc3339_date(secs_since_epoch: u64) -> [u8; 19] {
    let at = Civil::at(secs_since_epoch);
    let mut text = *b"0000-00-00T00:00:00";
    put(&mut text, 0, pair(at.year / 100));
    put(&mut text, 2, pair(at.year % 100));
    put(&mut text, 5, pair(at.month as u32 + 1));
    put(&mut text, 8, pair(at.day));
    put_clock(&mut text, 11, at.second_of_day);
    text
}

/// Seconds since 1970 of an IMF-fixdate, RFC 850 or asctime date, all read as UTC (RFC 9110 section 5.6.7; rows 51,
/// F18). Anything else is `None`, also an impossible day, a wrong weekday, a leap second and a year before 1970.
///
/// The two digits of an RFC 850 year mean 1970 to 2069. The RFC asks that a date more than 50 years ahead be taken for
/// one in the past: with this fixed window none lies further ahead than that from 2019 on.
pub fn parse_http_date(text: &[u8]) -> Option<u64> {
    // The longest form is `Wednesday, 06-Nov-94 08:49:37 GMT`; nothing longer is worth a scan.
    if text.len() > 40 {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let time = httpdate::parse_http_date(text).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// A `Date` field line, ready to be copied into a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateStamp([u8; DateStamp::LINE_LEN]);

impl DateStamp {
    /// Bytes of the line with its CRLF.
    pub const LINE_LEN: usize = 37;

    /// The line for this second.
    pub const fn new(secs_since_epoch: u64) -> Self {
        let mut line = *b"Date: ddd, 00 mmm 0000 00:00:00 GMT\r\n";
        put(&mut line, Self::TEXT_AT, imf_fixdate(secs_since_epoch));
        Self(line)
    }

    /// `Date: Mon, 23 Nov 2026 13:10:52 GMT` and CRLF.
    pub const fn line(&self) -> &[u8; Self::LINE_LEN] {
        &self.0
    }

    /// The IMF-fixdate alone.
    pub fn text(&self) -> &[u8; 29] {
        self.0[Self::TEXT_AT..].first_chunk().expect("the line is longer than the text")
    }

    const TEXT_AT: usize = 6;
}

/// The current second in all the forms that a server writes, remade only when the second changes.
///
/// A shard owns one and calls [`DateCache::update`] once a tick with the wall time that its ring read.
#[derive(Clone, Debug)]
pub struct DateCache {
    secs: u64,
    stamp: DateStamp,
    clf: [u8; 26],
    log: [u8; 20],
    rfc3339: [u8; 19],
}

impl DateCache {
    /// A cache that shows this second.
    pub const fn new(secs_since_epoch: u64) -> Self {
        Self {
            secs: secs_since_epoch,
            stamp: DateStamp::new(secs_since_epoch),
            clf: clf_date(secs_since_epoch),
            log: log_date(secs_since_epoch),
            rfc3339: rfc3339_date(secs_since_epoch),
        }
    }

    /// Shows this second from now on; true when that changed the texts. Time may also go back: the wall clock is set.
    #[inline]
    pub fn update(&mut self, secs_since_epoch: u64) -> bool {
        let changed = secs_since_epoch != self.secs;
        if changed {
            *self = Self::new(secs_since_epoch);
        }
        changed
    }

    /// The second that is shown, since 1970.
    pub const fn secs(&self) -> u64 {
        self.secs
    }

    /// The `Date` line.
    pub const fn stamp(&self) -> &DateStamp {
        &self.stamp
    }

    /// The IMF-fixdate.
    pub fn text(&self) -> &[u8; 29] {
        self.stamp.text()
    }

    /// The form of [`log_date`].
    pub const fn log_text(&self) -> &[u8; 20] {
        &self.log
    }

    /// The form of [`rfc3339_date`].
    pub const fn rfc3339_text(&self) -> &[u8; 19] {
        &self.rfc3339
    }

    /// The form of [`clf_date`].
    pub const fn clf_text(&self) -> &[u8; 26] {
        &self.clf
    }
}

/// A second taken apart by the proleptic Gregorian calendar.
struct Civil {
    year: u32,
    /// 0 is January.
    month: usize,
    /// 1 to 31.
    day: u32,
    /// 0 is Monday.
    weekday: usize,
    second_of_day: u32,
}

impl Civil {
    /// The year is counted from March, so that the leap day is its last: then the day of the year gives the month by
    /// one division (153 days in each run of five months), and 400 years are one whole cycle of 146,097 days.
    const fn at(secs_since_epoch: u64) -> Self {
        let secs = if secs_since_epoch > LAST_SECOND { LAST_SECOND } else { secs_since_epoch };
        let days = (secs / 86_400) as u32;
        let from_0000_03 = days + 719_468;
        let cycle = from_0000_03 / 146_097;
        let day_of_cycle = from_0000_03 % 146_097;
        let year_of_cycle =
            (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
        let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let next_year = (month_from_march >= 10) as u32;
        Self {
            year: cycle * 400 + year_of_cycle + next_year,
            month: ((month_from_march + 2) % 12) as usize,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            // 1 January 1970 was a Thursday.
            weekday: ((days + 3) % 7) as usize,
            second_of_day: (secs % 86_400) as u32,
        }
    }
}

const fn put<const N: usize>(text: &mut [u8], at: usize, part: [u8; N]) {
    let mut i = 0;
    while i < N {
        text[at + i] = part[i];
        i += 1;
    }
}

/// `00:00:00`; the colons stand there already.
const fn put_clock(text: &mut [u8], at: usize, second_of_day: u32) {
    put(text, at, pair(second_of_day / 3_600));
    put(text, at + 3, pair(second_of_day / 60 % 60));
    put(text, at + 6, pair(second_of_day % 60));
}

/// Two decimal digits of a number below 100.
const fn pair(number: u32) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

const WEEKDAYS: [[u8; 3]; 7] = [*b"Mon", *b"Tue", *b"Wed", *b"Thu", *b"Fri", *b"Sat", *b"Sun"];
const MONTHS: [[u8; 3]; 12] =
    [*b"Jan", *b"Feb", *b"Mar", *b"Apr", *b"May", *b"Jun", *b"Jul", *b"Aug", *b"Sep", *b"Oct", *b"Nov", *b"Dec"];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const SEED: u64 = 1_795_439_452;

    #[test]
    fn the_three_written_forms() {
        assert_eq!(&imf_fixdate(SEED), b"Mon, 23 Nov 2026 13:10:52 GMT");
        assert_eq!(&log_date(SEED), b"23/Nov/2026 13:10:52");
        assert_eq!(&clf_date(SEED), b"23/Nov/2026:13:10:52 +0000");
        assert_eq!(&rfc3339_date(SEED), b"2026-11-23T13:10:52");
        assert_eq!(DateStamp::new(SEED).line(), b"Date: Mon, 23 Nov 2026 13:10:52 GMT\r\n");
    }

    #[test]
    fn edges_of_the_calendar() {
        let rows: [(u64, &[u8; 29]); 8] = [
            (0, b"Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, b"Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, b"Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, b"Wed, 01 Mar 2000 00:00:00 GMT"),
            (4_107_542_399, b"Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, b"Mon, 01 Mar 2100 00:00:00 GMT"),
            (LAST_SECOND, b"Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, b"Fri, 31 Dec 9999 23:59:59 GMT"),
        ];
        for (secs, text) in rows {
            assert_eq!(&imf_fixdate(secs), text, "{secs}");
        }
    }

    #[test]
    fn the_three_forms_that_are_read() {
        let rows: [(&[u8], Option<u64>); 18] = [
            (b"Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            (b"Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            (b"Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            (b"Thursday, 01-Jan-70 00:00:00 GMT", Some(0)),
            (b"Tuesday, 31-Dec-69 23:59:59 GMT", Some(3_155_759_999)),
            (b"", None),
            (b"garbage", None),
            (b"Sun, 06 Nov 1994 08:49:37 +0100", None),
            (b"Sun, 06 Nov 1994 08:49:37", None),
            (b"Mon, 06 Nov 1994 08:49:37 GMT", None),
            (b"Sun, 31 Feb 1994 08:49:37 GMT", None),
            (b"Sun, 06 Nov 1994 24:00:00 GMT", None),
            (b"Sun, 06 Nov 1994 08:49:60 GMT", None),
            (b"Wed, 31 Dec 1969 23:59:59 GMT", None),
            (b"sun, 06 nov 1994 08:49:37 gmt", None),
            (b"\xff\xfe, 06 Nov 1994 08:49:37 GMT", None),
            (b"784111777", None),
            (b"Sun, 06 Nov 1994 08:49:37 GMT; length=1234567890", None),
        ];
        for (text, secs) in rows {
            assert_eq!(parse_http_date(text), secs, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn the_cache_changes_with_the_second() {
        let mut cache = DateCache::new(SEED);
        assert!(!cache.update(SEED));
        assert!(cache.update(SEED + 8));
        assert_eq!(cache.text(), b"Mon, 23 Nov 2026 13:11:00 GMT");
        assert_eq!(cache.log_text(), b"23/Nov/2026 13:11:00");
        assert_eq!(cache.clf_text(), b"23/Nov/2026:13:11:00 +0000");
        assert!(cache.update(SEED), "the wall clock may be set back");
        assert_eq!((cache.secs(), cache.stamp()), (SEED, &DateStamp::new(SEED)));
    }

    #[test]
    fn every_day_of_the_calendar() {
        for day in 0..=LAST_SECOND / 86_400 {
            let theirs = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(day * 86_400));
            assert_eq!(&imf_fixdate(day * 86_400), theirs.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn writes_what_httpdate_writes(secs in 0..=LAST_SECOND) {
            let theirs = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(secs));
            prop_assert_eq!(&imf_fixdate(secs), theirs.as_bytes());
            prop_assert_eq!(parse_http_date(theirs.as_bytes()), Some(secs));
        }

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse_http_date(&bytes);
        }

        #[test]
        fn a_damaged_date_is_answered(at in 0..33_usize, byte in any::<u8>(), cut in 0..34_usize, form in 0..3_usize) {
            let forms: [&[u8]; 3] =
                [b"Sun, 06 Nov 1994 08:49:37 GMT", b"Wednesday, 09-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"];
            let mut text = forms[form].to_vec();
            let len = text.len();
            text[at % len] = byte;
            text.truncate(cut);
            let _ = parse_http_date(&text);
        }
    }
}
