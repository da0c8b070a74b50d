//! The head of a script's answer (RFC 3875 section 6).

use slipring_wire::field::{is_token, trim_space};
use slipring_wire::response::Status;

/// What a script's first lines say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReplyHead<'a> {
    /// `Status`, with its phrase if it has one.
    pub(super) status: Option<(Status, &'a [u8])>,
    /// `Location`.
    pub(super) location: Option<&'a [u8]>,
    /// All others that pass, in order.
    pub(super) fields: Vec<(&'a str, &'a [u8])>,
    /// Bytes up to the body.
    pub(super) bytes: usize,
}

impl<'a> ReplyHead<'a> {
    /// Where it leads inside this server (RFC 3875 section 6.2.2): by a path and a query in `Location`, and nothing else. What
    /// says more is for the peer, and so is `//`, which names another host.
    pub(super) fn local_target(&self) -> Option<&'a [u8]> {
        let target = self.location.filter(|target| target.starts_with(b"/") && !target.starts_with(b"//"));
        target.filter(|_| self.status.is_none() && self.fields.is_empty())
    }
}

/// What the lines so far amount to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed<'a> {
    Complete(ReplyHead<'a>),
    Partial,
    /// This is no head, and why.
    Broken(&'static str),
}

/// Bytes of a reply's head at most.
pub(super) const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Fields that the engine answers for (RFC 9110 section 7.6.1, and its own lines).
const OURS: [&str; 9] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "date", "server"];

/// Reads the head of what a script said so far.
pub(super) fn parse(said: &[u8]) -> Parsed<'_> {
    let mut head = ReplyHead { status: None, location: None, fields: Vec::new(), bytes: 0 };
    let mut lines = 0;
    while let Some(end) = said[head.bytes..].iter().position(|&byte| byte == b'\n') {
        let line = &said[head.bytes..head.bytes + end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        head.bytes += end + 1;
        if head.bytes > HEAD_BYTES_MAX {
            break;
        }
        if line.is_empty() {
            return if lines > 0 { Parsed::Complete(head) } else { Parsed::Broken("it begins with an empty line") };
        }
        if let Err(why) = read_field(&mut head, line) {
            return Parsed::Broken(why);
        }
        lines += 1;
    }
    if said.len() > HEAD_BYTES_MAX { Parsed::Broken("its head is too long") } else { Parsed::Partial }
}

fn read_field<'a>(head: &mut ReplyHead<'a>, line: &'a [u8]) -> Result<(), &'static str> {
    let colon = line.iter().position(|&byte| byte == b':').ok_or("a line of its head has no colon")?;
    let (name, value) = (&line[..colon], trim_space(&line[colon + 1..]));
    let name = Some(name).filter(|name| is_token(name)).and_then(|name| std::str::from_utf8(name).ok());
    let name = name.ok_or("a line of its head has no field name")?;
    if value.iter().any(|&byte| matches!(byte, 0 | b'\r' | b'\n')) {
        return Err("a field of its head has a forbidden byte");
    }
    if name.eq_ignore_ascii_case("status") {
        head.status = Some(read_status(value).ok_or("its Status is no status")?);
    } else if name.eq_ignore_ascii_case("location") {
        head.location = Some(value);
    } else if !OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
        head.fields.push((name, value));
    }
    Ok(())
}

/// Three digits and a phrase. What is below 200 is no final answer.
fn read_status(value: &[u8]) -> Option<(Status, &[u8])> {
    let (digits, phrase) = value.split_at_checked(3)?;
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let separated = phrase.is_empty() || phrase.starts_with(b" ");
    Status::new(code).filter(|_| separated && (200..=599).contains(&code)).map(|status| (status, trim_space(phrase)))
}

/// The status in the first line of an answer that a script wrote itself.
pub(super) fn status_of_line(said: &[u8]) -> Option<Status> {
    let line = said.strip_prefix(b"HTTP/")?;
    let space = line.iter().take(8).position(|&byte| byte == b' ')?;
    read_status(line[space + 1..].get(..3)?).map(|(status, _)| status)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn complete(said: &[u8]) -> ReplyHead<'_> {
        match parse(said) {
            Parsed::Complete(head) => head,
            other => panic!("{other:?} of {}", said.escape_ascii()),
        }
    }

    #[test]
    fn heads_in_either_line_end() {
        for said in [&b"Content-Type: a/b\nX: 1\n\nbody"[..], b"Content-Type: a/b\r\nX: 1\r\n\r\nbody"] {
            let head = complete(said);
            assert_eq!(head.fields, [("Content-Type", &b"a/b"[..]), ("X", b"1")]);
            assert_eq!(&said[head.bytes..], b"body");
            for cut in 0..head.bytes {
                assert_eq!(parse(&said[..cut]), Parsed::Partial, "{}", said[..cut].escape_ascii());
            }
        }
    }

    #[test]
    fn status_and_location_are_understood() {
        let head = complete(b"status: 404 Not Here\nLOCATION: /x\nTransfer-Encoding: chunked\nDate: never\n\n");
        assert_eq!(head.status.map(|(status, phrase)| (status.code(), phrase)), Some((404, &b"Not Here"[..])));
        assert_eq!((head.location, head.fields.len()), (Some(&b"/x"[..]), 0));
        for wrong in ["99", "100", "abc", "2000", "600", ""] {
            let said = format!("Status: {wrong}\n\n");
            assert!(matches!(parse(said.as_bytes()), Parsed::Broken(_)), "{wrong}");
        }
    }

    #[test]
    fn a_path_alone_leads_inside() {
        for (said, target) in [
            ("Location: /a/b?c\n\n", Some("/a/b?c")),
            ("Location: /\nDate: ours\n\n", Some("/")),
            ("Location: //host/a\n\n", None),
            ("Location: http://host/a\n\n", None),
            ("Location: a\n\n", None),
            ("Location: /a\nStatus: 303\n\n", None),
            ("Location: /a\nSet-Cookie: b\n\n", None),
        ] {
            assert_eq!(complete(said.as_bytes()).local_target(), target.map(str::as_bytes), "{said}");
        }
    }

    #[test]
    fn what_is_no_head_is_told_at_once() {
        for said in [&b"\nbody"[..], b"<html>\n", b"no colon\n", b": no name\n", b"sp ace: x\n", b"X: a\0b\n"] {
            assert!(matches!(parse(said), Parsed::Broken(_)), "{}", said.escape_ascii());
        }
        assert!(matches!(parse(&vec![b'x'; HEAD_BYTES_MAX + 1]), Parsed::Broken(_)));
        let long = b"X: y\n".repeat(HEAD_BYTES_MAX / 5 + 1);
        assert!(matches!(parse(&long), Parsed::Broken(_)));
    }

    #[test]
    fn the_status_of_a_whole_answer() {
        assert_eq!(status_of_line(b"HTTP/1.0 201 Created\r\n").map(Status::code), Some(201));
        assert_eq!(status_of_line(b"HTTP/1.1 204\r\n").map(Status::code), Some(204));
        assert_eq!(status_of_line(b"hello"), None);
    }

    /// At the limit, too, a head is the same however it arrives.
    #[test]
    fn the_limit_does_not_depend_on_how_it_arrives() {
        for line_end in ["\n", "\r\n"] {
            for len in HEAD_BYTES_MAX - 4..HEAD_BYTES_MAX + 4 {
                let fill = "v".repeat(len - "X: ".len() - 2 * line_end.len());
                let said = format!("X: {fill}{line_end}{line_end}");
                check_prefixes(said.as_bytes(), said.len() - 6..said.len());
                let whole = parse(said.as_bytes());
                assert_eq!(matches!(whole, Parsed::Complete(_)), len <= HEAD_BYTES_MAX, "{len}");
            }
        }
    }

    /// What is said of a beginning is never taken back.
    fn check_prefixes(said: &[u8], ends: std::ops::Range<usize>) {
        let whole = parse(said);
        for end in ends {
            match parse(&said[..end]) {
                Parsed::Partial => {}
                verdict => assert_eq!(verdict, whole, "{end} of {} bytes", said.len()),
            }
        }
    }

    fn near() -> impl Strategy<Value = Vec<u8>> {
        let known = prop::sample::select(vec![
            "Content-Type: text/plain",
            "Status: 200",
            "Status: 302 Found",
            "Status: 99",
            "Location: /x",
            "X:y",
            "X: \t z ",
            "Date: x",
            "transfer-encoding: chunked",
            "\n",
            "\n",
            "\r\n",
            "\r\n",
            "\r",
            ":",
            " ",
            "a",
            "\0",
            "\u{e4}",
        ]);
        let piece = prop_oneof![
            12 => known.prop_map(|piece| piece.as_bytes().to_vec()),
            1 => any::<u8>().prop_map(|byte| vec![byte]),
        ];
        prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        #[test]
        fn split_at_every_byte(said in near()) {
            check_prefixes(&said, 0..said.len());
        }

        /// What passes can stand in a head of ours: no line of it becomes two, and none speaks of the connection.
        #[test]
        fn what_passes_is_a_field(said in near()) {
            let Parsed::Complete(head) = parse(&said) else { return Ok(()) };
            let lines = &said[..head.bytes];
            prop_assert!(lines.ends_with(b"\n\n") || lines.ends_with(b"\n\r\n"));
            let colons = lines.split(|&byte| byte == b'\n').filter(|line| line.contains(&b':')).count();
            prop_assert!(head.fields.len() <= colons);
            let location = head.location.map(|value| ("Location", value));
            for (name, value) in head.fields.iter().copied().chain(location) {
                prop_assert!(is_token(name.as_bytes()) && !OURS.contains(&name.to_ascii_lowercase().as_str()));
                prop_assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)) && trim_space(value) == value);
            }
            if let Some((status, _)) = head.status {
                prop_assert!((200..=599).contains(&status.code()));
            }
        }
    }
}
