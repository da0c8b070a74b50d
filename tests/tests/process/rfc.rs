//! RFC 9110 and 9112 as docs/rfc.md lists them, asked of running servers in both readings of lines.

use std::collections::BTreeSet;

use slipring_wire::date::parse_http_date;
use tempfile::TempDir;

use crate::client::{Client, End, Response, get, raw, request, show};
use crate::harness::{Server, pattern, site};
use crate::rfc_rows::{BODIES, ROWS, Row};

/// What is served: nothing in it answers to `/probe`.
fn home() -> TempDir {
    site(&[("index.html", b"<p>home"), ("f.txt", b"a text\n")])
}

/// Sent behind every row, in the same segment: it is answered exactly when the connection stays open.
const PROBE: &str = "GET /probe HTTP/1.1|Host: x|Connection: close||";

#[test]
fn musts_with_tolerant_lines() {
    let home = home();
    check_rows(&Server::serve(home.path()), |row| row.2);
}

#[test]
fn musts_with_strict_lines() {
    let home = home();
    check_rows(&Server::slipring(home.path(), &["--strict"]), |row| row.3);
}

/// Every failing row is named, not only the first.
fn check_rows(server: &Server, reaction: impl Fn(&Row) -> &'static str) {
    let check =
        |row: &Row| check_row(server, row.1, reaction(row)).map_err(|why| format!("row {}: {:?}: {why}", row.0, row.1));
    let failures: Vec<String> = ROWS.iter().filter_map(|row| check(row).err()).collect();
    assert!(failures.is_empty(), "{} rows of {} fail:\n{}", failures.len(), ROWS.len(), failures.join("\n"));
    println!("{} rows hold", ROWS.len());
}

fn check_row(server: &Server, asked: &str, reaction: &str) -> Result<(), String> {
    let bytes = raw(&format!("{asked}{PROBE}"));
    let (answer, end) = server.client().send(&bytes).read_to_end();
    if end != End::Fin {
        return Err(format!("it ended with {end:?}, not FIN, after {}", show(&answer)));
    }
    let answers = Response::parse_all(&answer)?;
    answers.iter().try_for_each(check_date)?;
    check_reaction(&answers, reaction)
}

fn check_reaction(answers: &[Response], reaction: &str) -> Result<(), String> {
    let (statuses, end) = reaction.split_at(reaction.len() - 1);
    let expected: Vec<&str> = statuses.split(' ').collect();
    let said: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    let begins = said.len() >= expected.len()
        && expected.iter().zip(&said).all(|(allowed, said)| allowed.split('/').any(|one| one == said.to_string()));
    let fits = match (end, &said[expected.len().min(said.len())..]) {
        ("." | "?", []) => true,
        ("+" | "?", rest) => *rest == [404],
        _ => false,
    };
    if begins && fits { Ok(()) } else { Err(format!("expected {reaction}, got {said:?}")) }
}

/// Row 52: exactly one date, in the form that everybody has to send.
fn check_date(answer: &Response) -> Result<(), String> {
    if answer.status < 200 {
        return Ok(());
    }
    let dates: Vec<&str> = answer
        .fields
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("date"))
        .map(|(_, value)| value.as_str())
        .collect();
    match dates[..] {
        [date] if date.len() == 29 && date.ends_with(" GMT") && parse_http_date(date.as_bytes()).is_some() => Ok(()),
        _ => Err(format!("the dates are {dates:?}")),
    }
}

/// docs/rfc.md names this table for a row exactly when the table has it, or holds it of every answer: row 52.
#[test]
fn the_page_names_the_rows_of_the_table() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rfc.md")).expect("the page");
    let numbered = |line: &str| {
        let number = line.strip_prefix("| ")?.split(' ').next()?.parse().ok()?;
        line.contains("`process::rfc::musts").then_some(number)
    };
    let named: BTreeSet<u8> = page.lines().filter_map(numbered).collect();
    let held: BTreeSet<u8> = ROWS.iter().map(|row| row.0).chain([52]).collect();
    assert_eq!(named, held);
}

/// Rows 26, 36, 39 to 41: what a body decodes to.
#[test]
fn bodies_are_decoded() {
    let server = Server::echo();
    for (number, rest, body) in BODIES {
        let mut client = server.client();
        let answer = client.ask(&raw(&format!("POST /x HTTP/1.1|Host: x|{rest}")));
        assert_eq!((answer.status, answer.body.as_slice()), (200, body.as_bytes()), "row {number}: {rest}");
        assert_eq!(client.ask(&get("/")).body, b"OK", "row {number}: {rest}: the connection goes on");
    }
}

/// Bodies of every size class up to the limit come back whole, on one connection.
#[test]
fn bodies_of_every_size_come_back() {
    let server = Server::echo();
    let mut client = server.client();
    for len in [0, 1, 4_096, 16_384, 70_000, 200_000, 1 << 20] {
        let body = pattern(len);
        let head = format!("POST /x HTTP/1.1|Host: x|Content-Length: {len}||");
        let answer = client.ask(&[raw(&head), body.clone()].concat());
        assert!(answer.status == 200 && answer.body == body, "{len} bytes: {}", answer.status);
    }
}

/// Row 22: white space around a value belongs to nobody; row 40: a trailer never becomes a field.
#[test]
fn values_are_trimmed_and_trailers_dropped() {
    let mut client = Server::echo().client_owned();
    let answer = client.1.ask(&request("GET", "/echo", "X: \t v \t\r\n"));
    assert_eq!(answer.body, b"Host: x\nX: v\n");
    let lines = "Transfer-Encoding: chunked|Trailer: Authorization||1|a|0|Authorization: secret|Host: y||";
    let answer = client.1.ask(&raw(&format!("POST /echo HTTP/1.1|Host: x|{lines}")));
    assert_eq!(String::from_utf8_lossy(&answer.body), "Host: x\nTransfer-Encoding: chunked\nTrailer: Authorization\n");
}

/// Row 5: noise is refused, and the server lives.
#[test]
fn noise_is_refused() {
    let home = home();
    let mut server = Server::serve(home.path());
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..200 {
        let mut noise: Vec<u8> = (0..256).map(|_| random_byte(&mut state)).collect();
        noise.extend_from_slice(b"\r\n\r\n");
        let (answer, end) = server.client().send(&noise).half_close().read_to_end();
        assert_eq!(end, End::Fin, "round {round}");
        let bad = answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 ");
        assert!(bad, "round {round}: {} got {}", show(&noise), show(&answer));
    }
    server.assert_serves();
}

/// Marsaglia's xorshift, for noise that is the same in every run.
fn random_byte(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 24) as u8
}

/// Row 7: HTTP/0.9 gets the bytes and nothing else, or a refusal with a status line under `--strict`.
#[test]
fn http_09() {
    let home = home();
    let (tolerant, strict) = (Server::serve(home.path()), Server::slipring(home.path(), &["--strict"]));
    for line_end in ["\r\n", "\n"] {
        let asked = format!("GET /f.txt{line_end}GET /probe{line_end}");
        assert_eq!(tolerant.client().send(asked.as_bytes()).read_to_end(), (b"a text\n".to_vec(), End::Fin));
        let (answer, end) = strict.client().send(asked.as_bytes()).read_to_end();
        assert_eq!((answer.starts_with(b"HTTP/1.1 400 "), end), (true, End::Fin));
        assert_eq!(Response::parse_all(&answer).map(|all| all.len()), Ok(1));
    }
}

/// Rows 8 and 25: what is too long, in both readings; the refusal arrives although the peer is still sending.
#[test]
fn limits() {
    let home = home();
    let field = |bytes: usize| format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(bytes));
    let fields = |count: usize| format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(count));
    let target = |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(bytes));
    for flags in [&[][..], &["--strict"]] {
        let server = Server::slipring(home.path(), flags);
        for (asked, status) in [
            (target(100_000), 414),
            (target(10 << 20), 414),
            (field(100_000), 431),
            (field(10 << 20), 431),
            (fields(99), 200),
            (fields(100), 431),
            (fields(100_000), 431),
            (field(60_000), 200),
            (format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", format!("X: {}\r\n", "a".repeat(50_000)).repeat(3)), 431),
            (format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", "A".repeat(100_000)), 414),
            (format!("{} / HTTP/1.1\r\nHost: x\r\n\r\n", "A".repeat(1000)), 400),
        ] {
            let (answer, end) = server.client().send(asked.as_bytes()).half_close().read_to_end();
            let said = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
            assert!(answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{}: {said}", &asked[..40]);
            assert!(end == End::Fin || asked.len() > 1 << 20, "{}: {end:?}", &asked[..40]);
        }
    }
}

/// Row 34: a body that never comes whole has no effect, and no answer but a refusal.
#[test]
fn a_body_that_ends_early_closes() {
    let server = Server::echo();
    for rest in ["Content-Length: 5||abc", "Transfer-Encoding: chunked||5|abc", "Transfer-Encoding: chunked||3|abc|0|"]
    {
        let asked = raw(&format!("POST /x HTTP/1.1|Host: x|{rest}"));
        let (answer, end) = server.client().send(&asked).half_close().read_to_end();
        assert_eq!(end, End::Fin, "{rest}");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "), "{rest}: {}", show(&answer));
    }
}

/// Rows 18, 48 and 57: what is allowed is said, and 204 has neither length nor coding.
#[test]
fn what_is_allowed_is_said() {
    let home = home();
    let server = Server::serve(home.path());
    let mut client = server.client();
    let all = client.ask(&request("OPTIONS", "*", ""));
    assert!(matches!(all.status, 200 | 204), "{all:?}");
    assert_eq!(all.field("Allow"), Some("GET, HEAD"));
    if all.status == 204 {
        assert_eq!((all.field("Content-Length"), all.field("Transfer-Encoding")), (None, None));
    }
    for method in ["DELETE", "PUT", "POST", "PATCH", "TRACE"] {
        let answer = client.ask(&request(method, "/f.txt", ""));
        assert_eq!((answer.status, answer.field("Allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

/// Row 41: an HTTP/1.0 peer that asks to keep the connection is told whether it is kept.
#[test]
fn http_10_keep_alive_is_told() {
    let home = home();
    let server = Server::serve(home.path());
    let mut client = server.client();
    for _ in 0..3 {
        let answer = client.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let kept = answer.field("Connection").is_some_and(|value| value.eq_ignore_ascii_case("keep-alive"));
        assert_eq!((answer.status, kept), (200, true));
    }
}

/// Row 55: HEAD has the fields of GET and no body, whatever the status.
#[test]
fn head_is_get_without_a_body() {
    let home = home();
    std::fs::create_dir(home.path().join("d")).expect("a directory");
    std::fs::write(home.path().join("large"), vec![b'x'; 200_000]).expect("a file");
    let server = Server::serve(home.path());
    let mut client = server.client();
    for target in ["/", "/f.txt", "/large", "/none", "/d", "/d/", "/%00", "/f.txt/"] {
        let (whole, head) = (client.ask(&get(target)), client.ask(&request("HEAD", target, "")));
        let fields =
            |answer: &Response| answer.fields.iter().filter(|(name, _)| name != "Date").cloned().collect::<Vec<_>>();
        assert_eq!((whole.status, fields(&whole)), (head.status, fields(&head)), "{target}");
        assert!(head.body.is_empty() && !whole.body.is_empty() || whole.status == 301, "{target}");
    }
    let answer = client.ask(&request("HEAD", "/f.txt", "Range: bytes=0-1\r\n"));
    assert_eq!((answer.status, answer.content_length()), (200, Some(7)), "row 64: a Range on HEAD is ignored");
}

/// Row 56: the peer that waits for 100 gets it at once, or its final answer; never both ways to read what follows.
#[test]
fn expectations() {
    let echo = Server::echo();
    let mut client = echo.client();
    let asked = request("POST", "/x", "Expect: 100-Continue\r\nContent-Length: 3\r\n");
    let interim = client.ask(&asked);
    assert_eq!((interim.status, interim.fields.len()), (100, 0));
    assert_eq!(client.ask(b"abc").body, b"abc");
    let early = client.ask(&[asked, b"abc".to_vec()].concat());
    assert!(early.status == 200 || (early.status == 100 && client.response().is_some_and(|last| last.body == b"abc")));
    // More than will be taken is refused before it is sent.
    let large = client.ask(&request("POST", "/x", "Expect: 100-continue\r\nContent-Length: 99999999999\r\n"));
    assert_eq!(
        (large.status, client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").read_to_end()),
        (413, (vec![], End::Fin))
    );

    let home = home();
    let files = Server::serve(home.path());
    let mut client = files.client();
    let refused = client.ask(&request("POST", "/", "Expect: 100-continue\r\nContent-Length: 26\r\n"));
    assert_eq!(refused.status, 405);
    // What follows is body or nothing, never a request.
    let (rest, end) = client.send(b"GET / HTTP/1.1\r\nHost:x\r\n\r\n").read_to_end();
    assert_eq!((rest, end), (vec![], End::Fin));
}

impl Server {
    /// A connection, with the server that has to live as long.
    fn client_owned(self) -> (Self, Client) {
        let client = self.client();
        (self, client)
    }
}
