//! Request smuggling: bytes that two readers could frame in two ways. The one right reaction is one answer and then the
//! end of the connection; a request that stands inside is never answered.

use std::time::Duration;

use crate::client::{End, Response, get, raw, request, show};
use crate::harness::{Server, site};

/// The request that hides in the others. Its answer would hold a text that no other answer holds.
const HIDDEN: &str = "GET /hidden HTTP/1.1|Host: x||";
const SECRET: &[u8] = b"the hidden one was answered";

/// Both readings of lines, and the example that reads bodies.
struct Targets {
    servers: Vec<(&'static str, Server)>,
    home: tempfile::TempDir,
}

fn targets() -> Targets {
    let home = site(&[("index.html", b"<p>home"), ("hidden", SECRET)]);
    let servers = vec![
        ("tolerant", Server::serve(home.path())),
        ("strict", Server::slipring(home.path(), &["--strict"])),
        ("echo", Server::echo()),
    ];
    Targets { servers, home }
}

/// One refusal, then FIN; sent at once, and with a pause in front of what hides.
fn check_refused(targets: &Targets, asked: &[u8]) {
    for (name, server) in &targets.servers {
        let shown = || format!("{name}: {}", show(asked));
        let (answer, end) = server.client().send(asked).read_to_end();
        assert_eq!(end, End::Fin, "{}", shown());
        // Who asks by HEAD is refused without a page (row R1).
        let parsed = Response::parse(&answer, asked.starts_with(b"HEAD "));
        let (refusal, len) = parsed.unwrap_or_else(|| panic!("{}: no whole answer", shown()));
        assert_eq!(len, answer.len(), "{}: one answer, and not {}", shown(), show(&answer));
        assert!(matches!(refusal.status, 400 | 413 | 431 | 501), "{}: {refusal:?}", shown());
    }
}

fn check_all_refused<'a>(requests: impl IntoIterator<Item = &'a str>) {
    let mut targets = targets();
    let mut count = 0;
    for asked in requests {
        check_refused(&targets, &raw(&format!("{asked}{HIDDEN}")));
        count += 1;
    }
    targets.servers.iter_mut().for_each(|(_, server)| server.assert_serves());
    println!("{count} shapes refused by {} servers", targets.servers.len());
}

/// Attacks 1 and 3: two announcements of one length.
#[test]
fn lengths_that_disagree() {
    check_all_refused([
        "POST / HTTP/1.1|Host: x|Content-Length: 6|Transfer-Encoding: chunked||0||G",
        "POST / HTTP/1.1|Host: x|Transfer-Encoding: chunked|Content-Length: 3||8|SMUGGLED|0||",
        "POST / HTTP/1.1|Host: x|Content-Length: 0|Transfer-Encoding: chunked||0||",
        "POST / HTTP/1.1|Host: x|Content-Length: 5|Content-Length: 0||abcde",
        "POST / HTTP/1.1|Host: x|Content-Length: 0|Content-Length: 5||abcde",
        "POST / HTTP/1.1|Host: x|Content-Length: 5|content-length: 5||abcde",
        "POST / HTTP/1.1|Host: x|Content-Length: 0, 5||abcde",
        "POST / HTTP/1.1|Host: x|Content-Length: 5|A: b|Content-Length: 6||abcde",
        "GET / HTTP/1.1|Host: x|Content-Length: 5|Transfer-Encoding: chunked||0||",
        "HEAD / HTTP/1.1|Host: x|Content-Length: 5|Transfer-Encoding: chunked||0||",
        "POST / HTTP/1.0|Connection: keep-alive|Content-Length: 5|Transfer-Encoding: chunked||0||",
        "POST / HTTP/1.1|Host: x|Content-Length: 5|Transfer-Encoding: identity||abcde",
        "POST / HTTP/1.1|Host: x|Content-Length: 5|Transfer-Encoding: x||abcde",
        "OPTIONS * HTTP/1.1|Host: x|Content-Length: 5|Transfer-Encoding: chunked||0||",
    ]);
}

/// Attack 5: chunks whose end is a matter of opinion.
#[test]
fn chunks_that_end_twice() {
    let bodies = [
        "5;\nabc|0||",
        "5\n;a|abcde|0||",
        "5;a\rb|abcde|0||",
        "5|abcde|0\n\n",
        "5|abcde|0|\n",
        "5|abcde\r0||",
        "5\r\r\nabcde|0||",
        "5 ;a|abcde |0||",
        "05x|abcde|0||",
        "5,5|abcde|0||",
        "-5|abcde|0||",
        "+5|abcde|0||",
        "5\0|abcde|0||",
        "5\t\t|abcde|0||",
        "\n5|abcde|0||",
        "|5|abcde|0||",
        "ffffffffffffffff1|abcde|0||",
        "0x5|abcde|0||",
        "5|abcdef|0||",
        "5|abcd|0||",
        "5|abcde|0|X : y||",
        "5|abcde|0| y||",
        "5|abcde|0|X\0: y||",
        "5|abcde|0|X: a\rb||",
        "5|abcde|0|X: a\nY: b||",
        "5|abcde|0|X||",
        "5;a=\"b|abcde|0||",
        "5;=b|abcde|0||",
        "5;a=|abcde|0||",
        "5;a b|abcde|0||",
        "5|abcde|0;\n||",
    ];
    let requests: Vec<String> =
        bodies.iter().map(|body| format!("POST / HTTP/1.1|Host: x|Transfer-Encoding: chunked||{body}")).collect();
    check_all_refused(requests.iter().map(String::as_str));
}

/// Fields that hide from one reader: folded, with a blank or a control where none may stand, split by a bare CR or NUL.
#[test]
fn fields_that_hide() {
    let lines = [
        "Content-Length : 5",
        "Content-Length\t: 5",
        " Content-Length: 5",
        "\tContent-Length: 5",
        "X: y| Content-Length: 5",
        "Content-Length:| 5",
        "X: y\rContent-Length: 5",
        "X: y\0Content-Length: 5",
        "Content-Length\0: 5",
        "\0Content-Length: 5",
        "Content-Length: 5\0",
        "Content-Length: \x0b5",
        "Content-Length: 5\x0c",
        "Content\u{ad}-Length: 5",
        "Content-Length: 5\r",
        "\rContent-Length: 5",
        "Content-Length\r: 5",
        "(Content-Length: 5",
        "Content-Length: 5;",
        "Content-Length: +5",
        "Content-Length: 5 5",
        "Content-Length: five",
        "Content-Length: 0b101",
        "Content-Length: ٥",
        "Content-Length: \"5\"",
        "X: a|\rContent-Length: 5",
        "Content Length: 5",
        "Content-Length",
        "Content-Length 5",
        ": 5",
        "X;: y",
        "X: y|:Content-Length: 5",
    ];
    let requests: Vec<String> = lines
        .iter()
        .filter(|line| line.is_ascii() || line.contains('\u{ad}'))
        .map(|line| format!("POST / HTTP/1.1|Host: x|{line}||abcde"))
        .collect();
    check_all_refused(requests.iter().map(String::as_str));
}

/// Attack 2: spellings of one Transfer-Encoding that some reader misses. Each is refused, or it is another field and the
/// body has no bytes: then what hides would be a request of its own and is announced as such by nobody, so the gadget
/// stands beside a Content-Length that covers it.
#[test]
fn codings_in_disguise() {
    let mut targets = targets();
    let (mut refused, mut ignored) = (0, 0);
    for line in gadgets() {
        let inside = raw(HIDDEN);
        let head =
            [b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: ", inside.len().to_string().as_bytes(), b"\r\n"].concat();
        let asked = [&head[..], &line, b"\r\n\r\n", &inside].concat();
        for (name, server) in &targets.servers {
            let shown = || format!("{name}: {}", show(&line));
            let (answer, end) = server.client().send(&asked).half_close().read_to_end();
            let answers = Response::parse_all(&answer).unwrap_or_else(|why| panic!("{}: {why}", shown()));
            assert_eq!((answers.len(), end), (1, End::Fin), "{}: {answers:?}", shown());
            assert_ne!(answers[0].body, SECRET, "{}", shown());
            match answers[0].status {
                400 | 501 => refused += 1,
                200 | 405 => ignored += 1,
                status => panic!("{}: {status}", shown()),
            }
        }
    }
    targets.servers.iter_mut().for_each(|(_, server)| server.assert_serves());
    println!("{refused} disguises refused, {ignored} taken for another field");
}

/// A few hundred of them: every control and some others at each place of the line, and what is known from the field.
fn gadgets() -> Vec<Vec<u8>> {
    let places: [fn(u8) -> Vec<u8>; 7] = [
        |byte| [&[byte], &b"Transfer-Encoding: chunked"[..]].concat(),
        |byte| [b"Transfer", &[byte][..], b"-Encoding: chunked"].concat(),
        |byte| [b"Transfer-Encoding", &[byte][..], b": chunked"].concat(),
        |byte| [b"Transfer-Encoding:", &[byte][..], b"chunked"].concat(),
        |byte| [b"Transfer-Encoding: ", &[byte][..], b"chunked"].concat(),
        |byte| [b"Transfer-Encoding: chunked", &[byte][..]].concat(),
        |byte| [b"X: y", &[byte][..], b"Transfer-Encoding: chunked"].concat(),
    ];
    let bytes = (0..=0x20u8).chain(0x7f..=0xa1).chain(*b"\"'(),;=_-:x").chain([0xad, 0xff]);
    // A line feed begins a line in the tolerant reading, so what follows is no disguise: then the head is tolerated.
    let made = bytes.filter(|&byte| byte != b'\n').flat_map(|byte| places.map(|place| place(byte)));
    let known = [
        "Transfer-Encoding: xchunked",
        "Transfer_Encoding: chunked",
        "TrAnSfEr-EnCoDiNg: cHuNkEd",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked|Transfer-Encoding: x",
        "Transfer-Encoding: x|Transfer-Encoding: chunked",
        "Transfer-Encoding:|\tchunked",
        "Transfer-Encoding: c hunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;",
        "Transfer-Encoding:",
        "Transfer-Encoding: 'chunked'",
        "X: y|Transfer-Encoding : chunked",
        "Transfer-Encoding:  chunked",
        "Transfer-Encoding: chunked chunked",
        "Transfer-Encoding: cow, chunked",
        "Transfer-Encoding: chunked-x",
        "Transfer-Encoding: chun|ked",
        "Transfer-encoding: cow|Transfer-Encoding: chunked",
        "Connection: Transfer-Encoding|Transfer-Encoding: chunked",
        "TE: chunked",
        "Connection: keep-alive, TE|TE: chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: deflate, gzip",
        "Content-Encoding: chunked",
        "Transfer%2dEncoding: chunked",
        "X-Transfer-Encoding: chunked",
    ];
    made.chain(known.into_iter().map(raw)).collect()
}

/// Attack 4: a body for what does not read it: a file, a redirect, an error, a listing, HEAD. It is drained or the
/// connection closes; it is never a request.
#[test]
fn bodies_that_nobody_reads() {
    let targets = targets();
    std::fs::create_dir(targets.home.path().join("d")).expect("a directory");
    let inside = raw(HIDDEN);
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "SPAM", "TRACE"] {
        for target in ["/", "/hidden2", "/d", "/d/", "/%00", "//d"] {
            for (coding, body) in [
                (format!("Content-Length: {}\r\n", inside.len()), inside.clone()),
                (
                    "Transfer-Encoding: chunked\r\n".into(),
                    [format!("{:x}\r\n", inside.len()).as_bytes(), &inside, b"\r\n0\r\n\r\n"].concat(),
                ),
            ] {
                let asked = [request(method, target, &coding), body].concat();
                for (name, server) in &targets.servers {
                    check_never_a_request(&format!("{name}: {method} {target} {coding}"), server, &asked);
                }
            }
        }
    }
}

fn check_never_a_request(shown: &str, server: &Server, asked: &[u8]) {
    let mut client = server.client();
    let answer = client.send(asked).response_to(asked.split(|&byte| byte == b' ').next().unwrap_or_default());
    assert!(answer.is_some_and(|answer| answer.status != 100), "{shown}: it is answered");
    let (rest, end) = client.send(&request("GET", "/probe", "Connection: close\r\n")).read_to_end();
    let rest = Response::parse_all(&rest).unwrap_or_else(|why| panic!("{shown}: {why}"));
    let statuses: Vec<u16> = rest.iter().map(|answer| answer.status).collect();
    assert!(statuses.is_empty() || statuses == [404], "{shown}: {statuses:?}");
    // A peer that writes to a connection closed long ago may see its reset; it has the answer.
    assert!(end == End::Fin || statuses.is_empty(), "{shown}: {end:?}");
}

/// Attack 4 again, with a body that is larger than what is discarded, announced and held back (attack 8).
#[test]
fn bodies_that_come_late_are_not_requests() {
    let targets = targets();
    for (name, server) in &targets.servers {
        let mut client = server.client();
        let asked = request("GET", "/", "Content-Length: 10000000\r\n");
        let answer = client.send(&asked).response();
        assert!(answer.is_some_and(|answer| matches!(answer.status, 200 | 413)), "{name}");
        let late = raw(HIDDEN).repeat(20);
        let (rest, end) = client.send(&late).patience(Duration::from_secs(5)).read_to_end();
        assert!(rest.is_empty(), "{name}: a body is answered: {}", show(&rest));
        assert_eq!(end, End::Fin, "{name}");
    }
}

/// Attack 7: Expect in disguise, or where nothing is expected.
#[test]
fn expectations_do_not_desynchronise() {
    let targets = targets();
    let inside = raw(HIDDEN);
    for expect in [
        "y 100-continue",
        "100-continue, 100-continue",
        "100-Continue",
        "",
        "100-continue|Expect: 100-continue",
        "\u{e9}",
    ] {
        for method in ["GET", "HEAD", "POST", "OPTIONS", "SPAM"] {
            let lines = format!("Expect: {expect}|Content-Length: {}|", inside.len()).replace('|', "\r\n");
            let asked = [request(method, "/", &lines), inside.clone()].concat();
            for (name, server) in &targets.servers {
                let (bytes, _) = server.client().send(&asked).half_close().read_to_end();
                let answers = if method == "HEAD" {
                    1
                } else {
                    Response::parse_all(&bytes).map_or(0, |all| all.iter().filter(|a| a.status != 100).count())
                };
                assert_eq!(answers, 1, "{name}: {method} {expect}: {}", show(&bytes));
                assert!(!contains(&bytes, SECRET), "{name}: {method} {expect}");
            }
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Attack 9: nobody switches protocols, so the bytes behind an Upgrade are the next request and nothing else.
#[test]
fn an_upgrade_does_not_happen() {
    let targets = targets();
    for (name, server) in &targets.servers {
        let mut client = server.client();
        client.send(&request("GET", "/", "Connection: Upgrade\r\nUpgrade: websocket\r\n")).send(&get("/none"));
        let statuses = [client.response(), client.response()].map(|answer| answer.map(|answer| answer.status));
        assert_eq!(statuses, [Some(200), Some(404)], "{name}");
    }
}

/// Attack 28: a body of a million chunks of one byte costs a bounded amount and then a refusal.
#[test]
fn chunks_of_one_byte_are_bounded() {
    let server = Server::echo();
    let body = b"1\r\na\r\n".repeat(1_000_000);
    let before = server.cpu();
    let (answer, _) =
        server.client().send(&request("POST", "/x", "Transfer-Encoding: chunked\r\n")).send(&body).read_to_end();
    assert!(answer.starts_with(b"HTTP/1.1 400 ") || answer.starts_with(b"HTTP/1.1 413 "), "{}", show(&answer));
    assert!(server.cpu().saturating_sub(before) < Duration::from_secs(2));
}
