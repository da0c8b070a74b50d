//! What `--check` compares in the answers.

use std::str::FromStr;

use thiserror::Error;

/// Answers looked at, of so many, when checking is sampled.
pub const SAMPLE_EVERY: u32 = 64;

/// Which answers are compared, and with what. What is not given here is learned from the first answer to each request
/// of the mix, so that every later one must be like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// Each so many answers of a connection; 1 is all.
    pub every: u32,
    /// The status that every answer must have.
    pub status: Option<u16>,
    /// Bytes of content that every answer must have.
    pub length: Option<u64>,
    /// XXH3 (64 bits) of the content.
    pub hash: Option<u64>,
}

/// Why a text is no check.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("write all, sampled, or parts such as status=200,length=1024,hash=HEX, separated by commas")]
pub struct CheckError;

impl Check {
    /// Every answer must be like the first.
    pub const ALL: Self = Self { every: 1, status: None, length: None, hash: None };
}

impl FromStr for Check {
    type Err = CheckError;

    fn from_str(text: &str) -> Result<Self, CheckError> {
        text.split(',').try_fold(Self::ALL, |check, part| match part.split_once('=') {
            None if part == "all" => Ok(Self { every: 1, ..check }),
            None if part == "sampled" => Ok(Self { every: SAMPLE_EVERY, ..check }),
            Some(("status", value)) => Ok(Self { status: Some(status(value).ok_or(CheckError)?), ..check }),
            Some(("length", value)) => Ok(Self { length: Some(value.parse().map_err(|_| CheckError)?), ..check }),
            Some(("hash", value)) => {
                Ok(Self { hash: Some(u64::from_str_radix(value, 16).map_err(|_| CheckError)?), ..check })
            }
            _ => Err(CheckError),
        })
    }
}

fn status(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (200..1000).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_as_typed() {
        let rows = [
            ("all", Ok(Check::ALL)),
            ("sampled", Ok(Check { every: SAMPLE_EVERY, ..Check::ALL })),
            ("sampled,status=200", Ok(Check { every: SAMPLE_EVERY, status: Some(200), ..Check::ALL })),
            ("length=5,hash=ff", Ok(Check { length: Some(5), hash: Some(255), ..Check::ALL })),
            ("", Err(CheckError)),
            ("status=99", Err(CheckError)),
            ("status=abc", Err(CheckError)),
            ("body=1", Err(CheckError)),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse::<Check>(), expected, "{text}");
        }
    }
}
