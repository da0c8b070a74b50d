//! Text with numbers that change from request to request: `{seq}` and `{rand:A-B}`. Other braces stand for themselves.

use thiserror::Error;

/// Numbers that one request may carry.
pub const NUMBERS_MAX: usize = 16;
/// Digits of the largest number.
const DIGITS_MAX: usize = 20;

/// What stands at a place of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// These bytes.
    Literal(Vec<u8>),
    /// A number, drawn anew for each request.
    Number(Number),
    /// The length of what follows to the end, in bytes.
    LengthOfRest,
}

/// Where a number comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// How many requests were written before this one, by all threads.
    Sequence,
    /// Drawn evenly, both ends included.
    Random {
        /// Smallest.
        low: u64,
        /// Largest.
        high: u64,
    },
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// `{rand:` without a range.
    #[error("'{0}' is not a range of numbers; write {{rand:1-100}}")]
    Range(String),
    /// More than [`NUMBERS_MAX`].
    #[error("a request may carry {NUMBERS_MAX} numbers ({{seq}}, {{rand:A-B}})")]
    TooMany,
}

/// Takes a text apart.
pub(super) fn parts(mut text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    while let Some(start) = text.find('{') {
        let (before, rest) = text.split_at(start);
        literal.push_str(before);
        if let Some((number, len)) = number(rest)? {
            parts.push(Part::Literal(std::mem::take(&mut literal).into_bytes()));
            parts.push(Part::Number(number));
            text = &rest[len..];
        } else {
            literal.push('{');
            text = &rest[1..];
        }
    }
    literal.push_str(text);
    parts.push(Part::Literal(literal.into_bytes()));
    Ok(parts)
}

/// The number that a text begins with, and how many bytes name it.
fn number(text: &str) -> Result<Option<(Number, usize)>, TemplateError> {
    const SEQUENCE: &str = "{seq}";
    const RANDOM: &str = "{rand:";
    if text.starts_with(SEQUENCE) {
        return Ok(Some((Number::Sequence, SEQUENCE.len())));
    }
    let Some(rest) = text.strip_prefix(RANDOM) else { return Ok(None) };
    let end = rest.find('}').unwrap_or(rest.len());
    let range = &rest[..end];
    let (low, high) = range
        .split_once('-')
        .and_then(|(low, high)| Some((low.parse::<u64>().ok()?, high.parse::<u64>().ok()?)))
        .filter(|(low, high)| low <= high && end < rest.len())
        .ok_or_else(|| TemplateError::Range(text[..RANDOM.len() + end].to_owned()))?;
    Ok(Some((Number::Random { low, high }, RANDOM.len() + end + 1)))
}

/// The source of the numbers of one thread.
#[derive(Clone, Debug)]
pub struct Values {
    random: fastrand::Rng,
    next: u64,
    step: u64,
}

impl Values {
    /// Of thread `thread`: the same seed gives the same numbers.
    pub(super) fn new(seed: u64, thread: u32, threads: u32) -> Self {
        // Apart from the stream of the arrivals, which is made from the same seed.
        let random = fastrand::Rng::with_seed(!seed ^ (u64::from(thread) + 1).wrapping_mul(0xd1b5_4a32_d192_ed03));
        Self { random, next: u64::from(thread), step: u64::from(threads.max(1)) }
    }

    /// One more request is written.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.next += self.step;
    }

    pub(super) fn draw(&mut self, number: Number) -> u64 {
        match number {
            Number::Sequence => self.next,
            Number::Random { low, high } => self.random.u64(low..=high),
        }
    }

    /// An even draw below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.random.u64(..end)
    }
}

/// A number in decimal digits.
pub(super) struct Digits {
    bytes: [u8; DIGITS_MAX],
    start: usize,
}

impl Digits {
    pub(super) fn of(mut number: u64) -> Self {
        let mut digits = Self { bytes: [b'0'; DIGITS_MAX], start: DIGITS_MAX };
        loop {
            digits.start -= 1;
            digits.bytes[digits.start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return digits;
            }
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

impl Number {
    /// Bytes that it takes at most.
    pub(super) fn len_max(self) -> usize {
        match self {
            Self::Sequence => DIGITS_MAX,
            Self::Random { high, .. } => Digits::of(high).bytes().len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_taken_apart() {
        let literal = |text: &str| Part::Literal(text.as_bytes().to_vec());
        let rows = [
            ("/a", Ok(vec![literal("/a")])),
            ("/{seq}", Ok(vec![literal("/"), Part::Number(Number::Sequence), literal("")])),
            ("{\"a\":{rand:1-20}}", {
                let number = Part::Number(Number::Random { low: 1, high: 20 });
                Ok(vec![literal("{\"a\":"), number, literal("}")])
            }),
            ("{sequence}{", Ok(vec![literal("{sequence}{")])),
            ("{rand:5}", Err(TemplateError::Range("{rand:5".to_owned()))),
            ("{rand:5-1}", Err(TemplateError::Range("{rand:5-1".to_owned()))),
            ("{rand:1-5", Err(TemplateError::Range("{rand:1-5".to_owned()))),
        ];
        for (text, expected) in rows {
            assert_eq!(parts(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_in_digits() {
        for number in [0, 7, 10, 4_294_967_296, u64::MAX] {
            assert_eq!(Digits::of(number).bytes(), number.to_string().as_bytes());
        }
    }
}
