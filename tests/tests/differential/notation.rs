//! How requests and answers are written: one line of text for any bytes.

use crate::client::latin1;

/// The bytes of a request: `|` is CRLF, `{text*n}` is the text n times, other characters stand for their byte.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, (part, times), after)) = repetition(rest) {
        whole.push_str(before);
        whole.push_str(&part.repeat(times));
        rest = after;
    }
    whole.push_str(rest);
    latin1(&whole.replace('|', "\r\n"))
}

type Repetition<'a> = (&'a str, (&'a str, usize), &'a str);

fn repetition(text: &str) -> Option<Repetition<'_>> {
    let (before, rest) = text.split_once('{')?;
    let (inside, after) = rest.split_once('}')?;
    let (part, times) = inside.rsplit_once('*')?;
    Some((before, (part, times.parse().ok()?), after))
}

/// An answer as one line: `|` is CRLF, `\*n;c` is n times c; `\P`, `\M`, `\X` and `\Z` are the parts of Python's error page
/// (row E1).
pub fn show(bytes: &[u8]) -> String {
    let mut line = String::new();
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        if let Some((letter, part)) = PAGE.iter().find(|(_, part)| rest.starts_with(part.as_bytes())) {
            line.extend(['\\', *letter]);
            rest = &rest[part.len()..];
            continue;
        }
        let run = rest.iter().take_while(|byte| *byte == first).count();
        if run >= RUN_MIN && first.is_ascii_alphanumeric() {
            line.push_str(&format!("\\*{run};{}", char::from(*first)));
            rest = &rest[run..];
            continue;
        }
        if let Some(after) = rest.strip_prefix(b"\r\n") {
            line.push('|');
            rest = after;
            continue;
        }
        match first {
            b'\n' => line.push_str("\\n"),
            b'\\' => line.push_str("\\\\"),
            b'|' => line.push_str("\\x7c"),
            0x20..=0x7e => line.push(char::from(*first)),
            byte => line.push_str(&format!("\\x{byte:02x}")),
        }
        rest = after;
    }
    line
}

/// The bytes that [`show`] wrote; none if it did not write this.
pub fn unshow(line: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = line.chars();
    while let Some(next) = rest.next() {
        match next {
            '|' => bytes.extend(b"\r\n"),
            '\\' => match rest.next()? {
                'n' => bytes.push(b'\n'),
                '\\' => bytes.push(b'\\'),
                'x' => bytes.push(u8::from_str_radix(&String::from_iter([rest.next()?, rest.next()?]), 16).ok()?),
                '*' => {
                    let digits: String = rest.by_ref().take_while(|next| *next != ';').collect();
                    let byte = u8::try_from(u32::from(rest.next()?)).ok()?;
                    bytes.extend(std::iter::repeat_n(byte, digits.parse().ok()?));
                }
                letter => bytes.extend(PAGE.iter().find(|(known, _)| *known == letter)?.1.as_bytes()),
            },
            next => bytes.push(u8::try_from(u32::from(next)).ok()?),
        }
    }
    Some(bytes)
}

/// Equal letters or digits that are counted, not written.
const RUN_MIN: usize = 40;

const PAGE: [(char, &str); 4] = [
    (
        'P',
        "<!DOCTYPE HTML>\n<html lang=\"en\">\n    <head>\n        <meta charset=\"utf-8\">\n        \
         <title>Error response</title>\n    </head>\n    <body>\n        <h1>Error response</h1>\n        \
         <p>Error code: ",
    ),
    ('M', "</p>\n        <p>Message: "),
    ('X', ".</p>\n        <p>Error code explanation: "),
    ('Z', ".</p>\n    </body>\n</html>\n"),
];

#[test]
fn every_byte_is_written_and_read_back() {
    let pages = PAGE.iter().flat_map(|(_, part)| part.bytes());
    let all: Vec<u8> = (0..=255).chain(*b"\r\n\n\r|\\P").chain([b'a'; 100]).chain(pages).collect();
    assert_eq!(unshow(&show(&all)).expect("it was shown"), all);
    assert!(show(&all).is_ascii() && !show(&all).contains('\n'));
    assert_eq!(bytes("a{bc*2}|{x}"), b"abcbc\r\n{x}");
}
