//! The rows of the list of musts (RFC 9110, RFC 9112) and of Python's behaviour, as tables.

use super::*;

/// The status of a refused head, 200 for a complete one, 0 for a partial one.
fn status(parsed: Parsed) -> u16 {
    match parsed {
        Parsed::Partial => 0,
        Parsed::Complete => 200,
        Parsed::Reject(reject) => reject.status,
    }
}

/// What each tolerance makes of a head. `|` stands for CR LF, and `H` alone on a line for a Host line.
fn check(head: &str, strict: u16, lenient: u16) {
    let input = expand(head);
    for (tolerance, expected) in [(Tolerance::Strict, strict), (Tolerance::Lenient, lenient)] {
        let (parsed, head) = parse(&input, tolerance);
        assert_eq!(status(parsed), expected, "{tolerance:?} {} {parsed:?}", input.escape_ascii());
        if parsed == Parsed::Complete {
            assert_eq!(head.tolerated(), strict != 200, "{tolerance:?} {}", input.escape_ascii());
        }
    }
}

fn expand(head: &str) -> Vec<u8> {
    // One char is one byte, so that bytes from 0x80 up can be written.
    head.replace("|H|", "|Host: x|").replace('|', "\r\n").chars().map(|char| char as u8).collect()
}

fn complete(head: &str) -> (Vec<u8>, RequestHead) {
    let input = expand(head);
    let (parsed, head) = parse(&input, Tolerance::Lenient);
    assert_eq!(parsed, Parsed::Complete, "{}", input.escape_ascii());
    (input, head)
}

fn reason(head: &str, tolerance: Tolerance) -> RejectReason {
    match parse(&expand(head), tolerance).0 {
        Parsed::Reject(reject) => {
            assert_eq!(reject.status, reject.reason.status());
            reject.reason
        }
        other => panic!("{head}: {other:?}"),
    }
}

/// Rows 1 to 6.
#[test]
fn lines_and_versions() {
    check("GET / HTTP/1.1|H||", 200, 200);
    check("|GET / HTTP/1.1|H||", 200, 200);
    check("||GET / HTTP/1.1|H||", 200, 200);
    check("|||GET / HTTP/1.1|H||", 400, 400);
    check("GET / HTTP/1.1\nHost: x\n\n", 400, 200);
    check("GET / HTTP/1.1|Host: x\n|", 400, 200);
    check("\nGET / HTTP/1.1|H||", 400, 200);
    check("GET / HTTP/1.1|H|A: b\rC: d||", 400, 400);
    check("GET / HTTP/1.1|H|A: b\r|\r\n", 400, 400);
    check("GET / HTTP/1.1| A: b|H||", 400, 400);
    check("GET / HTTP/1.1|\tA: b|H||", 400, 400);
    check("\u{1}\u{2}\u{80}\u{ff}\u{0} ||", 400, 400);
    check("GET / HTTP/1.2|H||", 200, 200);
    check("GET / HTTP/1.9|H||", 200, 200);
    for bad in ["1.10", "01.1", " 1.1", "1", "1.", ".1", "1.x", "9.9.9", "1.909876543210", "-9_9_9.+9_9_9", "1,1"] {
        check(&format!("GET / HTTP/{bad}|H||"), 400, 400);
    }
    check("GET / http/1.1|H||", 400, 400);
    check("GET / FUBAR||", 400, 400);
    check("GET / HTTP/2.0|H||", 505, 505);
    check("GET / HTTP/9.9|H||", 505, 505);
    check("GET / HTTP/0.8||", 505, 505);
    check("PRI * HTTP/2.0||SM||", 505, 505);
}

/// Rows 7 and 9, S20 to S26, R3 to R13.
#[test]
fn tolerated_request_lines() {
    check("GET /|", 400, 200);
    check("GET /\n", 400, 200);
    check("GET / HTTP/0.9||", 505, 200);
    check("POST /|", 400, 400);
    check("POST / HTTP/0.9||", 505, 400);
    check("GET|", 400, 400);
    check("GET  / HTTP/1.1|H||", 400, 200);
    check("GET / \t HTTP/1.1|H||", 400, 200);
    check("GET\t/\tHTTP/1.1|H||", 400, 200);
    check("GET / HTTP/1.1 |H||", 400, 200);
    check("GET / HTTP/1.1\t|H||", 400, 200);
    check("GET / HTTP/1.1\r|H||", 400, 200);
    check("GET / HTTP/1.1 \r |H||", 400, 200);
    check("GET / HTTP/1.1\r\r|H||", 400, 400);
    check("GET /\r HTTP/1.1|H||", 400, 400);
    check(" GET / HTTP/1.1|H||", 400, 400);
    check("\tGET / HTTP/1.1|H||", 400, 400);
    check("GET /a b HTTP/1.1|H||", 400, 400);
    check("GET / a b||", 400, 400);
    check("GET\u{b}/ HTTP/1.1|H||", 400, 400);
    check("GET\u{a0}/ HTTP/1.1|H||", 400, 400);
    check(" |GET / HTTP/1.1|H||", 400, 400);
}

/// Row 10, R23.
#[test]
fn methods() {
    for (method, command) in [("GET", Command::Get), ("FOO", Command::Other), ("get", Command::Other)] {
        let (input, head) = complete(&format!("{method} / HTTP/1.1|H||"));
        assert_eq!((head.command(), head.method(&input)), (command, method.as_bytes()));
    }
    check("G\0T / HTTP/1.1|H||", 400, 400);
    check("G/T / HTTP/1.1|H||", 400, 400);
    check("<a'&> / HTTP/1.1|H||", 400, 400);
    check(&format!("{} / HTTP/1.1|H||", "A".repeat(64)), 200, 200);
    check(&format!("{} / HTTP/1.1|H||", "A".repeat(65)), 400, 400);
}

/// Rows 11 to 15, H14.
#[test]
fn hosts() {
    check("GET / HTTP/1.1||", 400, 400);
    check("GET / HTTP/1.1|A: b||", 400, 400);
    check("GET / HTTP/1.1|H|Host: x||", 400, 400);
    for bad in ["a, b", "u@h", "h/p", "a b", "h:99x", "[::1", "a\\", "\u{a0}", "", " ", "a,b"] {
        check(&format!("GET / HTTP/1.1|Host: {bad}||"), 400, 400);
        check(&format!("GET / HTTP/1.0|Host: {bad}||"), 400, 400);
    }
    for good in ["h", "h:80", "[::1]:8000", "127.0.0.1", "a_b.example"] {
        let (input, head) = complete(&format!("GET / HTTP/1.1|hOsT:\t{good} ||"));
        assert_eq!(head.host(&input), Some(good.as_bytes()));
        assert_eq!(head.authority(&input), Some(good.as_bytes()));
    }
    check("GET / HTTP/1.0||", 200, 200);
    assert!(!complete("GET / HTTP/1.0||").1.keep_alive());
    assert_eq!(reason("GET / HTTP/1.1||", Tolerance::Strict), RejectReason::HostMissing);
    assert_eq!(reason("GET / HTTP/1.1|H|Host: x||", Tolerance::Strict).class(), RejectClass::Host);
}

/// Rows 16 to 19, R20, R21.
#[test]
fn targets() {
    let (input, head) = complete("GET http://a:1/b?c HTTP/1.1|Host: b||");
    assert_eq!(head.target_form(), TargetForm::Absolute);
    assert_eq!(head.target(&input), b"http://a:1/b?c");
    assert_eq!(head.authority(&input), Some(&b"a:1"[..]));
    assert_eq!(head.path_and_query(&input), b"/b?c");
    check("GET http://a/ HTTP/1.1|Host: b||", 200, 200);
    check("GET http://a/ HTTP/1.1||", 400, 400);
    check("GET http://u@a/ HTTP/1.1|H||", 400, 400);
    check("GET http:/// HTTP/1.1|H||", 400, 400);
    check("GET ftp://a/ HTTP/1.1|H||", 400, 400);
    for (method, path) in [("GET", "/"), ("OPTIONS", "*")] {
        let (input, head) = complete(&format!("{method} http://a HTTP/1.1|H||"));
        assert_eq!(head.path_and_query(&input), path.as_bytes());
    }
    check("CONNECT h:443 HTTP/1.1|H||", 200, 200);
    check("CONNECT h:0 HTTP/1.1|H||", 400, 400);
    check("CONNECT h HTTP/1.1|H||", 400, 400);
    check("CONNECT / HTTP/1.1|H||", 400, 400);
    check("OPTIONS * HTTP/1.1|H||", 200, 200);
    check("GET * HTTP/1.1|H||", 400, 400);
    check("GET /?a HTTP/1.1|H||", 200, 200);
    check("GET /p#f HTTP/1.1|H||", 400, 200);
    check("GET /\u{e4} HTTP/1.1|H||", 400, 200);
    check("GET /\u{7f} HTTP/1.1|H||", 400, 400);
    check("GET f.txt HTTP/1.1|H||", 400, 200);
    check("GET # HTTP/1.1|H||", 400, 400);
    let (input, head) = complete("GET /p?q#f HTTP/1.1|H||");
    assert_eq!(head.target(&input), b"/p?q#f");
    assert_eq!(head.path_and_query(&input), b"/p?q");
    let (input, head) = complete("GET a/f.txt HTTP/1.1|H||");
    assert_eq!((head.target_form(), head.path_and_query(&input)), (TargetForm::Origin, &b"a/f.txt"[..]));
}

/// Printable bytes that a target must not have by the letter: three are refused when strict, and no connection is closed
/// for those that browsers send.
#[test]
fn printable_bytes_in_targets() {
    for byte in 0x21..0x7f_u8 {
        let input = [b"GET /", &[byte][..], b" HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
        let strict = parse(&input, Tolerance::Strict).0;
        assert_eq!(status(strict), if b"\"<>#".contains(&byte) { 400 } else { 200 }, "{}", byte.escape_ascii());
        let (lenient, head) = parse(&input, Tolerance::Lenient);
        assert_eq!(lenient, Parsed::Complete);
        assert_eq!(head.tolerated(), byte == b'#', "{}", byte.escape_ascii());
    }
}

/// Rows 20 to 24, H5 to H11.
#[test]
fn field_lines() {
    for line in ["X", ": v", "X[]: v", "X\u{1}: v", "\u{e9}: v", "X : v", "X\t: v", "X y", "X(y)@: v", "X\u{b}"] {
        check(&format!("GET / HTTP/1.1|H|{line}||"), 400, 400);
        check(&format!("GET / HTTP/1.1|{line}|H||"), 400, 400);
    }
    for line in ["X: a| b", "Content-Length: 1|\t2", "Transfer-Encoding:| chunked"] {
        check(&format!("GET / HTTP/1.1|H|{line}||"), 400, 400);
    }
    for byte in (0..=0x1f).chain([0x7f]).filter(|byte| !b"\t\r\n".contains(byte)) {
        check(&format!("GET / HTTP/1.1|H|X: a{}b||", byte as char), 400, 400);
    }
    let (input, head) = complete("GET / HTTP/1.1|X: \t v\t w \t|H|Y:|x:2|Z: \u{e4}||");
    let fields: Vec<_> = head.fields(&input).iter().collect();
    let expected: [(&[u8], &[u8]); 5] = [(b"X", b"v\t w"), (b"Host", b"x"), (b"Y", b""), (b"x", b"2"), (b"Z", b"\xe4")];
    assert_eq!(fields, expected.map(|(name, value)| Field { name, value }));
    let fields = head.fields(&input);
    assert_eq!((fields.len(), fields.is_empty()), (5, false));
    assert_eq!(fields.get("X"), Some(&b"v\t w"[..]));
    assert_eq!(fields.get_all("x").collect::<Vec<_>>(), [&b"v\t w"[..], b"2"]);
    assert!(fields.contains("y") && !fields.contains("w"));
    assert!(!head.tolerated());
}

#[test]
fn faults_of_field_lines() {
    use RejectReason as R;
    for (line, expected) in [
        ("X", R::FieldWithoutColon),
        ("X y", R::FieldWithoutColon),
        ("X y: z", R::FieldNameSyntax),
        (": v", R::FieldNameSyntax),
        ("X : v", R::SpaceBeforeColon),
        (" X: v", R::FoldedField),
        ("X: \0", R::ControlCharacter),
        ("X\u{1}: v", R::ControlCharacter),
        ("X: a\rb", R::BareCarriageReturn),
        ("X\r: b", R::BareCarriageReturn),
    ] {
        assert_eq!(reason(&format!("GET / HTTP/1.1|H|{line}||"), Tolerance::Lenient), expected, "{line}");
    }
}

/// Rows 26 to 33; the values themselves are tested with the framing.
#[test]
fn framings() {
    let framing = |fields: &str| complete(&format!("POST / HTTP/1.1|H|{fields}||")).1.framing();
    assert_eq!(framing("A: b"), BodyFraming::None);
    assert_eq!(framing("Content-Length: 0"), BodyFraming::Length(0));
    assert_eq!(framing("content-length:\t17 "), BodyFraming::Length(17));
    assert_eq!(framing("TRANSFER-ENCODING: CHUNKED"), BodyFraming::Chunked);
    check("POST / HTTP/1.1|H|Transfer-Encoding: chunked|Content-Length: 5||", 400, 400);
    check("POST / HTTP/1.1|H|content-length: 5|transfer-encoding: x||", 400, 400);
    check("POST / HTTP/1.0|Transfer-Encoding: chunked||", 400, 400);
    check("POST / HTTP/1.1|H|Transfer-Encoding: gzip, chunked||", 501, 501);
    check("POST / HTTP/1.1|H|Transfer-Encoding: chunked|Transfer-Encoding: chunked||", 400, 400);
    check("POST / HTTP/1.1|H|Content-Length: 5|Content-Length: 5||", 400, 400);
    check("POST / HTTP/1.1|H|Content-Length: 5, 5||", 400, 400);
    // Distinct fields, whatever some gateway makes of them.
    check("POST / HTTP/1.1|H|Content_Length: x||", 200, 200);
    check("POST / HTTP/1.1|H|Transfer_Encoding: chunked||", 200, 200);
}

/// Decision 7: a tolerated head never announces a body.
#[test]
fn tolerated_bodies() {
    check("POST  / HTTP/1.1|H|Content-Length: 5||", 400, 400);
    check("POST / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n", 400, 400);
    check("POST / HTTP/1.1 |H|Content-Length: 0||", 400, 200);
    let head = "POST / HTTP/1.1 |H|Content-Length: 5||";
    assert_eq!(reason(head, Tolerance::Lenient), RejectReason::ToleratedBody);
    assert_eq!(reason(head, Tolerance::Lenient).class(), RejectClass::Framing);
}

/// Rows 41, 44, 50, K2 to K5.
#[test]
fn connections() {
    let check = |version: &str, fields: &str, expected: bool| {
        let (input, head) = complete(&format!("GET / HTTP/{version}|H|{fields}X: y||"));
        assert_eq!(head.keep_alive(), expected, "{}", input.escape_ascii());
    };
    check("1.1", "", true);
    check("1.2", "", true);
    check("1.0", "", false);
    check("1.0", "Connection: keep-alive|", true);
    check("1.0", "Connection: Keep-Alive, TE|", true);
    check("1.0", "Connection: keep-alive, close|", false);
    check("1.1", "Connection: close|", false);
    check("1.1", "Connection: CLOSE|", false);
    check("1.1", "Connection: keep-alive, Close|", false);
    check("1.1", "Connection: ,close,,|", false);
    check("1.1", "Connection: TE|Connection: x,close|", false);
    check("1.1", "Connection: closed|", true);
    check("1.1", "Connection: \"close\"|", true);
    let (_, head) = complete("GET / HTTP/1.1|H|Connection: keep-alive, Upgrade|Upgrade: x||");
    assert!(head.connection().upgrade && head.connection().keep_alive && !head.connection().close);
    let (_, head) = complete("GET  / HTTP/1.1|H|Connection: keep-alive||");
    assert!(!head.keep_alive() && head.tolerated());
}

/// Row 56 and attack 7, K12 to K15.
#[test]
fn expectations() {
    let expect = |version: &str, fields: &str| complete(&format!("POST / HTTP/{version}|H|{fields}X: y||")).1.expect();
    assert_eq!(expect("1.1", ""), Expect::None);
    assert_eq!(expect("1.1", "Expect: 100-continue|"), Expect::Continue);
    assert_eq!(expect("1.1", "expect: 100-Continue |"), Expect::Continue);
    assert_eq!(expect("1.1", "Expect: foo|"), Expect::Unknown);
    assert_eq!(expect("1.1", "Expect: y 100-continue|"), Expect::Unknown);
    assert_eq!(expect("1.1", "Expect:|"), Expect::Unknown);
    assert_eq!(expect("1.1", "Expect: 100-continue|Expect: 100-continue|"), Expect::Unknown);
    assert_eq!(expect("1.0", "Expect: 100-continue|"), Expect::None);
}

#[test]
fn accessors() {
    let (input, head) = complete(
        "|GET /a?b HTTP/1.7|Host: h|Range: bytes=0-1|If-Modified-Since: then|If-None-Match: \"x\"|\
         Accept: a|User-Agent: u|user-agent: v||next",
    );
    assert_eq!(head.head_len(), input.len() - 4);
    assert_eq!(head.request_line(&input), b"GET /a?b HTTP/1.7");
    assert_eq!((head.version(), head.minor_version()), (Version::Http11, 7));
    assert_eq!(head.range(&input), Some(&b"bytes=0-1"[..]));
    assert_eq!(head.if_modified_since(&input), Some(&b"then"[..]));
    assert_eq!(head.if_none_match(&input), Some(&b"\"x\""[..]));
    assert_eq!(head.known(KnownField::UserAgent, &input), Some(&b"u"[..]));
    assert!(head.is_repeated(KnownField::UserAgent) && !head.is_repeated(KnownField::Accept));
    assert_eq!(head.known(KnownField::Referer, &input), None);
    let (input, head) = complete("GET  /x \t\r|H||");
    assert_eq!((head.request_line(&input), head.version()), (&b"GET  /x"[..], Version::Http09));
    assert_eq!((head.head_len(), head.fields(&input).len()), (12, 0));
}

/// Rows 8 and 25, R1, H1, H2.
#[test]
fn limits() {
    let limits =
        Limits { request_line_bytes_max: 40, field_line_bytes_max: 50, head_bytes_max: 150, field_count_max: 4 };
    let check = |input: &[u8], expected: u16| {
        for tolerance in [Tolerance::Strict, Tolerance::Lenient] {
            let parsed = parse_within(input, &limits, tolerance).0;
            assert_eq!(status(parsed), expected, "{} {parsed:?}", input.escape_ascii());
        }
    };
    let target = |len: usize| [b"GET /", &vec![b'a'; len - 16][..], b" HTTP/1.1\r\n"].concat();
    check(&[&target(40)[..], b"Host: x\r\n\r\n"].concat(), 200);
    check(&[&target(41)[..], b"Host: x\r\n\r\n"].concat(), 414);
    check(&target(60)[..40], 0);
    check(&target(60)[..41], 414);
    check(&[b'\xff'; 41], 414);
    let head = b"GET / HTTP/1.1\r\nHost: x\r\n";
    let field = |len: usize| [b"A: ", &vec![b'a'; len - 5][..], b"\r\n"].concat();
    check(&[head, &field(50)[..], b"\r\n"].concat(), 200);
    check(&[head, &field(51)[..], b"\r\n"].concat(), 431);
    check(&[head, &field(99)[..50]].concat(), 0);
    check(&[head, &field(99)[..51]].concat(), 431);
    check(&[head, &field(50)[..], &field(50), &field(23), b"\r\n"].concat(), 200);
    check(&[head, &field(50)[..], &field(50), &field(24), b"\r\n"].concat(), 431);
    check(&[&head[..], b"A: b\r\nA: b\r\nA: b\r\n\r\n"].concat(), 200);
    check(&[&head[..], b"A: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n"].concat(), 431);
}

#[test]
fn the_limits_of_python() {
    let head = |fields: usize| format!("GET / HTTP/1.1|H|{}|", "A: b|".repeat(fields));
    check(&head(99), 200, 200);
    check(&head(100), 431, 431);
    let line = |len: usize| format!("GET /{} HTTP/1.1|H||", "a".repeat(len - 16));
    check(&line(65536), 200, 200);
    check(&line(65537), 414, 414);
    let field = |len: usize| format!("GET / HTTP/1.1|H|A: {}||", "a".repeat(len - 5));
    check(&field(65536), 200, 200);
    check(&field(65537), 431, 431);
    assert_eq!(reason(&field(65537), Tolerance::Strict), RejectReason::FieldLineTooLong);
    assert_eq!(reason(&head(100), Tolerance::Strict), RejectReason::TooManyFields);
}

/// Row R25, and the words of Python: R8, R10, R12 to R14, R17, R24.
#[test]
fn messages() {
    let check = |head: &str, expected: &str| {
        let input = expand(head);
        match parse(&input, Tolerance::Lenient).0 {
            Parsed::Reject(reject) => assert_eq!(reject.message(&input).to_string(), expected),
            other => panic!("{head}: {other:?}"),
        }
    };
    check("GET|", "Bad request syntax ('GET')");
    check("GET /a b HTTP/1.0||", "Bad request syntax ('GET /a b HTTP/1.0')");
    check("GET / a c||", "Bad request version ('c')");
    check("GET / FUBAR||", "Bad request version ('FUBAR')");
    check("POST /|", "Bad HTTP/0.9 request type ('POST')");
    check("GET / HTTP/2.0||", "Invalid HTTP version (2.0)");
    check("|||", "Bad request syntax ('')");
    check("it's|", "Bad request syntax (\"it's\")");
    check("\u{16}\u{3}\u{1}", "TLS on a plain port");
    check("GET / HTTP/1.1||", "Host header missing");
    assert_eq!(parse(b"\x16", Tolerance::Strict).0, Parsed::Partial);
    assert_eq!(reason("\u{16}a|", Tolerance::Strict), RejectReason::ControlCharacter);
}

/// Rows 35 and 43: what follows the head belongs to the next request.
#[test]
fn what_follows_does_not_matter() {
    let head = expand("GET /1 HTTP/1.1|H|Accept: */*||");
    for tail in [&b"GET /2 HTTP/1.1\r\n"[..], b"\0\xff\r\r\n\n", b" x", b":", &[b'a'; 200]] {
        let input = [&head, tail].concat();
        let (parsed, parsed_head) = parse(&input, Tolerance::Strict);
        assert_eq!((parsed, parsed_head.head_len()), (Parsed::Complete, head.len()));
    }
}
