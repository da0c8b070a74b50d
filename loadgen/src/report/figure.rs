//! Figures as people read them.

use super::document::Shown;
use crate::compare::Value;

/// A time in the unit that reads best: `-` where it was withheld, `> 5.00 s` where it is a lower bound.
pub(super) fn shown(figure: Shown) -> String {
    match figure {
        Shown::Withheld => "-".to_owned(),
        Shown::Exact(us) => time(us),
        Shown::AtLeast(us) => format!("> {}", time(us)),
    }
}

/// Microseconds in the unit that reads best, three or four digits.
pub(super) fn time(us: f64) -> String {
    match us {
        us if us < 1e3 => format!("{} us", digits(us)),
        us if us < 1e6 => format!("{} ms", digits(us / 1e3)),
        us => format!("{} s", digits(us / 1e6)),
    }
}

/// A time at a tick: round, so without needless digits.
pub(super) fn tick(us: f64) -> String {
    match us {
        us if us < 1e3 => format!("{} us", number(us)),
        us if us < 1e6 => format!("{} ms", number(us / 1e3)),
        us => format!("{} s", number(us / 1e6)),
    }
}

/// A time, or `-`.
pub(super) fn time_or_dash(us: Option<f64>) -> String {
    us.map_or_else(|| "-".to_owned(), time)
}

/// A figure of a comparison, `> ` before one that is a lower bound; or `-`.
pub(super) fn value_or_dash(value: Option<Value>) -> String {
    let bound = if value.is_some_and(|value| value.is_bound) { "> " } else { "" };
    format!("{bound}{}", time_or_dash(value.map(|value| value.us)))
}

/// A length of time in seconds, to the millisecond.
pub(super) fn seconds(seconds: f64) -> String {
    let text = format!("{seconds:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} s")
}

/// At most four digits in all, at most two of them behind the point.
fn digits(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => grouped(value.round() as u64),
    }
}

/// Bytes in the unit that reads best.
pub(super) fn bytes(bytes: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    match UNITS.iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{:.2} {unit}", bytes / size),
        None => format!("{bytes:.0} B"),
    }
}

/// Events a second, or `-`.
pub(super) fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(rate) if rate < 1e3 => number(rate),
        Some(rate) => grouped(rate.round() as u64),
    }
}

/// A share of 1 in percent.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent > 0.0 && percent < 1.0 { format!("{percent:.3}%") } else { format!("{percent:.1}%") }
}

/// A number without needless digits.
pub(super) fn number(value: f64) -> String {
    let text = if value.abs() >= 1e3 { format!("{value:.0}") } else { format!("{value:.3}") };
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text,
    }
}

/// `3 threads`, `1 thread`.
pub(super) fn plural(count: u64, what: &str) -> String {
    let end = if count == 1 {
        ""
    } else if what.ends_with('s') {
        "es"
    } else {
        "s"
    };
    format!("{} {what}{end}", grouped(count))
}

/// Thousands apart by commas.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1.0, 999.6, 12_345.0, 2.5e6].map(time), ["1.00 us", "1,000 us", "12.3 ms", "2.50 s"]);
        assert_eq!([5.0, 1_500.0, 2.5e9].map(bytes), ["5 B", "1.50 kB", "2.50 GB"]);
        assert_eq!([10.0, 0.25, 1.0004].map(seconds), ["10 s", "0.25 s", "1 s"]);
        assert_eq!([0.5, 12.0, 12_345.6, 0.0].map(number), ["0.5", "12", "12346", "0"]);
        assert_eq!(shown(Shown::AtLeast(5e6)), "> 5.00 s");
        assert_eq!([shown(Shown::Withheld), rate(None)], ["-", "-"]);
    }
}
