//! A single byte range (RFC 9110 section 14). What is malformed, in another unit, or more than one range is ignored.

use std::ops::Range;

/// What a Range field asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Everything: nothing else was asked for in a way that is understood.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that are not there: 416.
    Unsatisfiable,
}

/// What `value` asks for of `size` bytes.
pub(super) fn parse(value: &[u8], size: u64) -> Wanted {
    let Some((first, last)) = split(value) else { return Wanted::Whole };
    match (position(first), position(last)) {
        (Some(Position::Absent), Some(Position::At(0))) => Wanted::Unsatisfiable,
        (Some(Position::Absent), Some(Position::At(_))) if size == 0 => Wanted::Unsatisfiable,
        (Some(Position::Absent), Some(Position::At(suffix))) => Wanted::Part(size.saturating_sub(suffix)..size),
        (Some(Position::At(_)), Some(Position::At(_))) if is_less(last, first) => Wanted::Whole,
        (Some(Position::At(first)), Some(_)) if first >= size => Wanted::Unsatisfiable,
        (Some(Position::At(first)), Some(Position::Absent)) => Wanted::Part(first..size),
        (Some(Position::At(first)), Some(Position::At(last))) => Wanted::Part(first..last.saturating_add(1).min(size)),
        _ => Wanted::Whole,
    }
}

/// Whether one number is less than another, however many digits they have.
fn is_less(one: &[u8], other: &[u8]) -> bool {
    let [one, other] = [one, other].map(|digits| &digits[digits.iter().take_while(|&&digit| digit == b'0').count()..]);
    (one.len(), one) < (other.len(), other)
}

fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let (unit, set) = value.split_at_checked(6)?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let set = set.trim_ascii();
    let dash = set.iter().position(|&byte| byte == b'-')?;
    Some((&set[..dash], &set[dash + 1..]))
}

enum Position {
    Absent,
    At(u64),
}

/// Digits that are more than 64 bits hold are the largest number: behind every file's end.
fn position(digits: &[u8]) -> Option<Position> {
    if digits.is_empty() {
        return Some(Position::Absent);
    }
    let push = |number: u64, digit: &u8| {
        digit.is_ascii_digit().then(|| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    };
    digits.iter().try_fold(0u64, push).map(Position::At)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges() {
        const BIG: u64 = 5 << 30;
        for (value, size, wanted) in [
            ("bytes=0-9", 100, Wanted::Part(0..10)),
            ("bytes=90-", 100, Wanted::Part(90..100)),
            ("bytes=-10", 100, Wanted::Part(90..100)),
            ("bytes=-1000", 100, Wanted::Part(0..100)),
            ("BYTES=0-0", 100, Wanted::Part(0..1)),
            ("bytes=50-1000", 100, Wanted::Part(50..100)),
            ("bytes=0-18446744073709551616", 100, Wanted::Part(0..100)),
            ("bytes=-18446744073709551616", 100, Wanted::Part(0..100)),
            ("bytes=100-", 100, Wanted::Unsatisfiable),
            ("bytes=18446744073709551616-", 100, Wanted::Unsatisfiable),
            ("bytes=-0", 100, Wanted::Unsatisfiable),
            ("bytes=0-", 0, Wanted::Unsatisfiable),
            ("bytes=-5", 0, Wanted::Unsatisfiable),
            ("bytes=5-4", 100, Wanted::Whole),
            ("bytes=010-9", 100, Wanted::Whole),
            ("bytes=09-0010", 100, Wanted::Part(9..11)),
            ("bytes=99999999999999999999-88888888888888888888", 100, Wanted::Whole),
            ("bytes=5-0-", 100, Wanted::Whole),
            ("bytes=a-b", 100, Wanted::Whole),
            ("bytes=-", 100, Wanted::Whole),
            ("bytes=", 100, Wanted::Whole),
            ("bytes=0-1,5-6", 100, Wanted::Whole),
            ("items=0-1", 100, Wanted::Whole),
            ("bytes=5368709119-", BIG, Wanted::Part(BIG - 1..BIG)),
        ] {
            assert_eq!(parse(value.as_bytes(), size), wanted, "{value} of {size}");
        }
    }

    /// The same from the grammar (RFC 9110 section 14.1.2), in numbers that nothing overflows.
    fn naive(value: &str, size: u64) -> Wanted {
        let size = u128::from(size);
        let parts = value.to_ascii_lowercase();
        let Some((first, last)) = parts.strip_prefix("bytes=").and_then(|set| set.trim_ascii().split_once('-')) else {
            return Wanted::Whole;
        };
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(first) || !is_number(last) || (first.is_empty() && last.is_empty()) {
            return Wanted::Whole;
        }
        let number = |text: &str| text.parse::<u128>().ok();
        let (start, end) = match (number(first), number(last)) {
            (None, Some(suffix)) => (size - suffix.min(size), size),
            (Some(first), Some(last)) if last < first => return Wanted::Whole,
            (Some(first), Some(last)) => (first, size.min(last + 1)),
            (Some(first), None) => (first, size),
            (None, None) => return Wanted::Whole,
        };
        if start < size { Wanted::Part(start as u64..end as u64) } else { Wanted::Unsatisfiable }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8_192))]

        #[test]
        fn equals_the_naive_way(value in "(bytes=|Bytes=|items=|bytes =)?[ \t]?[0-9]{0,25}(-|,|--)?[0-9]{0,25}[ \t]?(,0-1)?", size in sizes()) {
            prop_assert_eq!(parse(value.as_bytes(), size), naive(&value, size));
        }

        #[test]
        fn small_numbers_around_a_small_size(first in "[0-9]{0,2}", last in "[0-9]{0,2}", size in 0..12u64) {
            let value = format!("bytes={first}-{last}");
            prop_assert_eq!(parse(value.as_bytes(), size), naive(&value, size));
        }

        #[test]
        fn a_part_is_inside(value in prop::collection::vec(any::<u8>(), 0..24), size in sizes()) {
            let value = [b"bytes=", &value[..]].concat();
            if let Wanted::Part(part) = parse(&value, size) {
                prop_assert!(part.start < part.end && part.end <= size);
            }
        }
    }

    fn sizes() -> impl Strategy<Value = u64> {
        prop_oneof![Just(0), Just(1), 0..200u64, Just(5 << 30), Just(u64::MAX - 1), Just(u64::MAX), any::<u64>()]
    }
}
