//! What holds for every head, well formed or not.

use super::*;

/// A longer input never changes a refusal, and never turns a complete head into another.
fn check_prefixes(input: &[u8], tolerance: Tolerance) {
    let limits =
        Limits { request_line_bytes_max: 90, field_line_bytes_max: 80, head_bytes_max: 400, field_count_max: 6 };
    let (whole, whole_head) = parse_within(input, &limits, tolerance);
    for len in 0..input.len() {
        let (parsed, head) = parse_within(&input[..len], &limits, tolerance);
        match parsed {
            Parsed::Partial => {}
            Parsed::Complete => assert_eq!((whole, whole_head.head_len()), (parsed, head.head_len())),
            Parsed::Reject(_) => assert_eq!(whole, parsed, "{len} of {}", input.escape_ascii()),
        }
        if whole == Parsed::Complete && len < whole_head.head_len() {
            assert_eq!(parsed, Parsed::Partial, "{len} of {}", input.escape_ascii());
        }
    }
    check_progress(input, &limits, tolerance, whole);
}

/// A caller that asks `worth_parsing` comes to the same answer as one that parses always.
fn check_progress(input: &[u8], limits: &Limits, tolerance: Tolerance, whole: Parsed) {
    let mut head = RequestHead::new();
    let mut answer = Parsed::Partial;
    for len in 1..=input.len() {
        if answer == Parsed::Partial && worth_parsing(&input[..len], len - 1, limits) {
            answer = head.parse(&input[..len], limits, tolerance);
        }
    }
    match whole {
        // A fault of a field line may wait for the end of the head, which may not be there.
        Parsed::Reject(reject) if answer == Parsed::Partial => {
            assert_eq!(head_end(&input[reject.at as usize..], 0), None, "{}", input.escape_ascii());
        }
        _ => assert_eq!(answer, whole, "{}", input.escape_ascii()),
    }
}

#[test]
fn split_at_every_byte() {
    let heads: [&[u8]; 17] = [
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\nGET /2 HTTP/1.1\r\n",
        b"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET /\r\nnext",
        // The first line feed is not that of the request line, which is the whole head here.
        b"\r\nGET /\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n",
        b"\r\n\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        b"POST  / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        b"GET / HTTP/1.1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\na:1\r\n\r\n",
        &[b'a'; 100],
        &[b'\n'; 10],
        b"GET / HTTP/1.1\r\nA: 0123456789012345678901234567890123456789012345678901234567890123456789012345\r\n\r\n",
    ];
    for head in heads {
        check_prefixes(head, Tolerance::Strict);
        check_prefixes(head, Tolerance::Lenient);
    }
}

#[test]
fn where_heads_end() {
    let cases: [(&[u8], usize, Option<usize>); 9] = [
        (b"", 0, None),
        (b"a\r\n\r\nb", 0, Some(5)),
        (b"a\n\nb", 0, Some(3)),
        (b"a\r\n\r", 0, None),
        (b"a\r\n\r\n", 4, Some(5)),
        (b"a\r\n\r\n", 5, None),
        (b"a\r\nb\r\n", 0, None),
        (b"\r\na\r\n", 0, None),
        (b"\r\n\r\na", 0, Some(4)),
    ];
    for (input, from, expected) in cases {
        assert_eq!(head_end(input, from), expected, "{} from {from}", input.escape_ascii());
    }
}

/// Lines, whole and broken, of which heads are made.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(KnownField::ALL.map(KnownField::name).to_vec());
    let value = prop::sample::select(vec![
        "x",
        "",
        "close",
        "keep-alive, TE",
        "5",
        "0",
        "chunked",
        "gzip",
        "100-continue",
        "a b",
        "h:80",
        "[::1]",
    ]);
    let end = prop::sample::select(vec!["\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r\r\n", " \r\n", "\r", ""]);
    prop_oneof![
        6 => (known, value, end).prop_map(|(name, value, end)| format!("{name}: {value}{end}").into_bytes()),
        3 => "[A-Za-z_-]{1,12}:[ \t]?[ -~]{0,20}[ \t]?\r\n".prop_map(String::into_bytes),
        1 => "[ -~]{0,20}\r\n".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..6),
        2 => Just(b"\r\n".to_vec()),
    ]
}

fn request_line() -> impl Strategy<Value = Vec<u8>> {
    let method = prop::sample::select(vec!["GET", "GET", "POST", "OPTIONS", "CONNECT", "SPAM", "g@t", ""]);
    let space = prop::sample::select(vec![" ", " ", " ", " ", "  ", "\t", ""]);
    let target = prop::sample::select(vec![
        "/",
        "/",
        "/a?b=c",
        "*",
        "http://h/",
        "http://h",
        "h:1",
        "f.txt",
        "/#f",
        "/<>",
        "/a\"b",
        "/\u{e4}",
        "//",
        "#",
    ]);
    let version =
        prop::sample::select(vec!["HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/0.9", "HTTP/2.0", "x", ""]);
    let end = prop::sample::select(vec!["\r\n", "\r\n", "\r\n", "\n", " \r\n", "\r\r\n", "\r\nHost: x\r\n"]);
    (method, space.clone(), target, space, version, end)
        .prop_map(|(method, one, target, two, version, end)| [method, one, target, two, version, end].concat().into())
}

fn head() -> impl Strategy<Value = Vec<u8>> {
    let empty = prop::sample::select(vec!["", "", "", "", "\r\n", "\r\n\r\n", "\r\n\r\n\r\n", "\n"]);
    (empty, request_line(), prop::collection::vec(line(), 0..6), any::<bool>()).prop_map(
        |(empty, first, lines, ended)| {
            let end: &[u8] = if ended { b"\r\n" } else { b"" };
            [empty.as_bytes(), &first, &lines.concat(), end].concat()
        },
    )
}

/// A head that should parse: no oddities.
fn good_head() -> impl Strategy<Value = Vec<u8>> {
    let field = "[A-Za-z][A-Za-z0-9-]{0,20}: ?[!-~]([ -~\t]{0,60}[!-~])?\r\n";
    ("[A-Z]{1,12} /[a-z/.?=&|^{}]{0,40} HTTP/1\\.[01]\r\n", prop::collection::vec(field, 0..12))
        .prop_map(|(line, fields)| format!("{line}Host: a.example\r\n{}\r\n", fields.concat()).into_bytes())
}

/// Where httparse accepts a head and we do, both must have read the same.
fn check_against_httparse(input: &[u8]) -> bool {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut other = httparse::Request::new(&mut fields);
    let Ok(httparse::Status::Complete(len)) = other.parse(input) else { return false };
    let (parsed, head) = parse(input, Tolerance::Strict);
    if parsed != Parsed::Complete {
        return false;
    }
    assert_eq!(head.head_len(), len, "{}", input.escape_ascii());
    assert_eq!(head.method(input), other.method.unwrap_or_default().as_bytes());
    assert_eq!(head.target(input), other.path.unwrap_or_default().as_bytes());
    assert_eq!(Some(head.minor_version()), other.version);
    let ours: Vec<_> = head.fields(input).iter().map(|field| (field.name, field.value)).collect();
    let theirs: Vec<_> = other.headers.iter().map(|field| (field.name.as_bytes(), field.value)).collect();
    assert_eq!(ours, theirs, "{}", input.escape_ascii());
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    /// The kernels and the patient way agree (in `parse`), and nothing panics.
    #[test]
    fn all_ways_agree(input in head()) {
        let _ = parse(&input, Tolerance::Strict);
        let _ = parse(&input, Tolerance::Lenient);
    }

    /// What the strict reading accepts, the lenient one accepts and reads alike, and does not call tolerated.
    #[test]
    fn strict_is_a_part_of_lenient(input in head()) {
        let (strict, strict_head) = parse(&input, Tolerance::Strict);
        if strict == Parsed::Complete {
            let (lenient, lenient_head) = parse(&input, Tolerance::Lenient);
            prop_assert_eq!(lenient, strict);
            prop_assert!(!lenient_head.tolerated());
            assert_same(&strict_head, &lenient_head, &input);
        }
    }

    #[test]
    fn prefixes(input in head()) {
        check_prefixes(&input, Tolerance::Strict);
        check_prefixes(&input, Tolerance::Lenient);
    }

    #[test]
    fn noise(input in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&input, Tolerance::Strict);
        let _ = parse(&input, Tolerance::Lenient);
    }

    /// One wrong byte in a good head.
    #[test]
    fn one_byte_off(input in good_head(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut input = input;
        let at = at.index(input.len());
        input[at] = byte;
        let _ = parse(&input, Tolerance::Lenient);
        check_against_httparse(&input);
    }

    /// Good heads are accepted, unless a random field happens to be one that is judged.
    #[test]
    fn good_heads_are_read_as_httparse_reads_them(input in good_head()) {
        let accepted = check_against_httparse(&input);
        let (parsed, _) = parse(&input, Tolerance::Strict);
        prop_assert!(accepted || matches!(parsed, Parsed::Reject(reject) if reject.reason.class() != RejectClass::Syntax));
    }

    #[test]
    fn heads_are_read_as_httparse_reads_them(input in head()) {
        check_against_httparse(&input);
    }
}
