//! Parts, dates and sizes of files, against RFC 9110.

use std::fs::{self, File};
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use slipring_wire::date::{imf_fixdate, parse_http_date};
use tempfile::TempDir;

use crate::client::{Client, Response, get, request};
use crate::harness::{Server, has, pattern, run, site};

/// Long enough for a file to be trusted by the cache, whatever its granule.
pub const SETTLED: Duration = Duration::from_millis(3100);

/// Sunday, 6 November 1994, 08:49:37: the date of RFC 9110's examples.
pub const EXAMPLE_S: u64 = 784_111_777;

/// Range values for a file of 100 bytes: the status, and the bytes of a 206.
pub const RANGES: &[(&str, u16, std::ops::Range<u64>)] = &[
    ("bytes=0-0", 206, 0..1),
    ("bytes=0-9", 206, 0..10),
    ("bytes=0-99", 206, 0..100),
    ("bytes=50-", 206, 50..100),
    ("bytes=99-", 206, 99..100),
    ("bytes=90-1000", 206, 90..100),
    ("bytes=-1", 206, 99..100),
    ("bytes=-100", 206, 0..100),
    ("bytes=-1000", 206, 0..100),
    ("bytes=00-09", 206, 0..10),
    ("bytes=0-18446744073709551615", 206, 0..100),
    ("bytes=0-18446744073709551616", 206, 0..100),
    ("bytes=-18446744073709551616", 206, 0..100),
    ("bytes=0-99999999999999999999999999999999", 206, 0..100),
    ("bytes=100-", 416, 0..0),
    ("bytes=100-200", 416, 0..0),
    ("bytes=18446744073709551616-", 416, 0..0),
    ("bytes=-0", 416, 0..0),
    ("bytes=5-4", 200, 0..0),
    ("bytes=5-0-", 200, 0..0),
    ("bytes=-", 200, 0..0),
    ("bytes=", 200, 0..0),
    ("bytes", 200, 0..0),
    ("bytes=a-b", 200, 0..0),
    ("bytes=0-a", 200, 0..0),
    ("bytes=0x0-9", 200, 0..0),
    ("bytes=+0-9", 200, 0..0),
    ("bytes=0 -9", 200, 0..0),
    ("bytes=--1", 200, 0..0),
    ("bytes 0-9", 200, 0..0),
    ("items=0-9", 200, 0..0),
    ("foo=0-9", 200, 0..0),
    ("", 200, 0..0),
];

/// Small and medium (from the cache, later) and large (streamed): rows 64 to 66 of docs/rfc.md.
#[test]
fn ranges() {
    let (small, medium, large) = (pattern(100), pattern(100_000), pattern(1 << 20));
    let home = site(&[("small", &small), ("medium", &medium), ("large", &large)]);
    let server = Server::serve(home.path());
    let mut client = server.client();
    for pass in 0..3 {
        for (value, status, range) in RANGES {
            check_range(&mut client, "/small", &small, value, *status, range.clone());
        }
        for (value, status, range) in [
            ("bytes=0-0", 206, 0..1),
            ("bytes=1048575-", 206, 1_048_575..1 << 20),
            ("bytes=-70000", 206, (1 << 20) - 70_000..1 << 20),
            ("bytes=65535-131072", 206, 65_535..131_073),
            ("bytes=1-1048574", 206, 1..1_048_575),
            ("bytes=1048576-", 416, 0..0),
            ("bytes=9-8", 200, 0..0),
        ] {
            check_range(&mut client, "/large", &large, value, status, range);
        }
        for (value, status, range) in [
            ("bytes=0-0", 206, 0..1),
            ("bytes=99999-", 206, 99_999..100_000),
            ("bytes=-20000", 206, 80_000..100_000),
            ("bytes=1-99998", 206, 1..99_999),
            ("bytes=100000-", 416, 0..0),
        ] {
            check_range(&mut client, "/medium", &medium, value, status, range);
        }
        if pass == 0 {
            thread::sleep(SETTLED);
        }
    }
}

fn check_range(client: &mut Client, target: &str, whole: &[u8], value: &str, status: u16, range: std::ops::Range<u64>) {
    let answer = client.ask(&request("GET", target, &format!("Range: {value}\r\n")));
    let size = whole.len();
    let (part, content_range) = match status {
        206 => (
            &whole[range.start as usize..range.end as usize],
            Some(format!("bytes {}-{}/{size}", range.start, range.end - 1)),
        ),
        416 => (&answer.body[..], Some(format!("bytes */{size}"))),
        _ => (whole, None),
    };
    assert_eq!(
        (answer.status, answer.field("Content-Range")),
        (status, content_range.as_deref()),
        "{target} {value:?}"
    );
    assert!(answer.body == part, "{target} {value:?}: the bytes");
}

/// Row 66: several ranges are ignored until they are built; an attack by ranges gains nothing (attack 27).
#[test]
fn many_ranges_are_one_file() {
    let home = site(&[("f", &pattern(100))]);
    let server = Server::serve(home.path());
    let mut client = server.client();
    for ranges in ["0-0,1-1".to_owned(), "0-,".repeat(1300) + "0-", "0-0, 50-60, -1".into()] {
        let answer = client.ask(&request("GET", "/f", &format!("Range: bytes={ranges}\r\n")));
        assert!(answer.status == 200 && answer.body == pattern(100), "{}", answer.status);
    }
}

/// Row 64: a Range goes with GET alone; row 62: If-Range by date.
#[test]
fn ranges_with_conditions() {
    let home = site(&[("f", &pattern(100))]);
    set_time(&home, "f", EXAMPLE_S);
    let server = Server::serve(home.path());
    let mut client = server.client();
    let range = "Range: bytes=0-9\r\n";
    for (lines, status) in [
        ("If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 206),
        ("If-Range: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 200),
        ("If-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n", 200),
        ("If-Range: \"etag\"\r\n", 200),
        ("If-Range: W/\"etag\"\r\n", 200),
        ("If-Range: nonsense\r\n", 200),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 304),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 206),
    ] {
        assert_eq!(client.ask(&request("GET", "/f", &format!("{range}{lines}"))).status, status, "{lines}");
    }
    assert_eq!(client.ask(&request("HEAD", "/f", range)).status, 200);
    assert_eq!(client.ask(&request("POST", "/f", range)).status, 405);
}

/// If-Modified-Since for a file of [`EXAMPLE_S`]: the lines and the status. Rows 51 and 60.
pub const SINCE: &[(&str, u16)] = &[
    ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 304),
    ("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 304),
    ("If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n", 304),
    ("If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT\r\n", 304),
    ("If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT\r\n", 304),
    ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 200),
    ("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 200),
    ("If-Modified-Since: nonsense\r\n", 200),
    ("If-Modified-Since:\r\n", 200),
    ("If-Modified-Since: Sun, 06 Nov 1994 25:49:37 GMT\r\n", 200),
    ("If-Modified-Since: Sun, 36 Nov 1994 08:49:37 GMT\r\n", 200),
    ("If-Modified-Since: 784111777\r\n", 200),
    ("If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT\r\nIf-None-Match: \"x\"\r\n", 200),
];

#[test]
fn modified_since() {
    let home = site(&[("f", &pattern(100)), ("medium", &pattern(100_000)), ("large", &pattern(1 << 20))]);
    for name in ["f", "medium", "large"] {
        set_time(&home, name, EXAMPLE_S);
    }
    let server = Server::serve(home.path());
    let mut client = server.client();
    for pass in 0..3 {
        for (lines, status) in SINCE {
            for target in ["/f", "/medium", "/large"] {
                check_since(&mut client, target, lines, *status);
            }
        }
        let twice = "If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT\r\n".repeat(2);
        check_since(&mut client, "/f", &twice, 200);
        if pass == 0 {
            thread::sleep(SETTLED);
        }
    }
}

/// Row 67: a 304 has no body, and the fields that a 200 would have to have.
fn check_since(client: &mut Client, target: &str, lines: &str, status: u16) {
    for method in ["GET", "HEAD"] {
        let answer = client.ask(&request(method, target, lines));
        assert_eq!(answer.status, status, "{method} {target} {lines}");
        assert_eq!(answer.field("Last-Modified"), Some("Sun, 06 Nov 1994 08:49:37 GMT"), "{lines}");
    }
    // A body behind a 304 would be read as the next answer.
    assert_eq!(client.ask(&get("/none")).status, 404, "{target} {lines}");
}

/// Row 54: a file from the future was modified no later than now.
#[test]
fn files_from_the_future_and_the_past() {
    let home = site(&[("future", b"f"), ("past", b"p"), ("large", &pattern(100_000))]);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    set_time(&home, "future", now + 100_000);
    set_time(&home, "large", now + 100_000);
    let path = home.path().join("past");
    File::options()
        .write(true)
        .open(path)
        .expect("a file")
        .set_modified(SystemTime::UNIX_EPOCH - Duration::from_hours(24))
        .expect("a time");
    let server = Server::serve(home.path());
    for target in ["/future", "/large", "/past"] {
        let answer = server.client().ask(&get(target));
        let date = |name: &str| answer.field(name).and_then(|value| parse_http_date(value.as_bytes()));
        assert_eq!(answer.status, 200);
        assert!(date("Last-Modified") <= date("Date"), "{target}: {answer:?}");
    }
}

fn set_time(home: &TempDir, name: &str, seconds: u64) {
    let file = File::options().write(true).open(home.path().join(name)).expect("a file");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).expect("a time");
}

/// Types with their charset where the bytes are text.
#[test]
fn types() {
    let names = [
        "a.html",
        "a.css",
        "a.js",
        "a.mjs",
        "a.txt",
        "a.json",
        "a.svg",
        "a.png",
        "a.jpg",
        "a.woff2",
        "a.wasm",
        "a.pdf",
        "a.gz",
        "a",
        "a.HTML",
        "a.unknown",
    ];
    let home = site(&names.map(|name| (name, &b"x"[..])));
    let server = Server::serve(home.path());
    let mut client = server.client();
    let mut kind = |name: &str| {
        client
            .ask(&get(&format!("/{name}")))
            .field("Content-Type")
            .unwrap_or_default()
            .to_ascii_lowercase()
            .replace(' ', "")
    };
    for (name, expected) in [
        ("a.html", "text/html;charset=utf-8"),
        ("a.HTML", "text/html;charset=utf-8"),
        ("a.css", "text/css;charset=utf-8"),
        ("a.js", "text/javascript;charset=utf-8"),
        ("a.mjs", "text/javascript;charset=utf-8"),
        ("a.txt", "text/plain;charset=utf-8"),
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"),
        ("a.pdf", "application/pdf"),
        ("a.gz", "application/gzip"),
        ("a", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
    ] {
        assert_eq!(kind(name), expected, "{name}");
    }
    assert!(kind("a.json").starts_with("application/json") && kind("a.svg").starts_with("image/svg+xml"));
}

/// The rows of section 4.2 for a file of 5 GiB: all of it is in 64 bits.
#[test]
fn five_gibibytes() {
    const SIZE: u64 = 5 << 30;
    let home = site(&[]);
    let path = home.path().join("sparse");
    let file = File::create(&path).expect("a file");
    if file.set_len(SIZE).is_err() {
        return println!("note: no file of 5 GiB fits here");
    }
    std::os::unix::fs::FileExt::write_all_at(&file, b"the very last bytes.", SIZE - 20).expect("the end");
    std::os::unix::fs::FileExt::write_all_at(&file, b"behind four", (4 << 30) + 5).expect("the middle");
    let server = Server::serve(home.path());
    let mut client = server.client();
    let head = client.ask(&request("HEAD", "/sparse", ""));
    assert_eq!((head.status, head.field("Content-Length")), (200, Some("5368709120")));
    for (range, said, body) in [
        ("bytes=5368709119-", "bytes 5368709119-5368709119/5368709120", &b"."[..]),
        ("bytes=-20", "bytes 5368709100-5368709119/5368709120", b"the very last bytes."),
        ("bytes=4294967301-4294967311", "bytes 4294967301-4294967311/5368709120", b"behind four"),
        ("bytes=0-0", "bytes 0-0/5368709120", b"\0"),
    ] {
        let answer = client.ask(&request("GET", "/sparse", &format!("Range: {range}\r\n")));
        assert_eq!(
            (answer.status, answer.field("Content-Range"), answer.body.as_slice()),
            (206, Some(said), body),
            "{range}"
        );
    }
    if has("curl") {
        // From a bit before 4 GiB to the end of a whole answer's first part: curl counts for us.
        let url = format!("http://{}/sparse", server.address());
        let output = run(Command::new("curl")
            .args(["-s", "-r", "4290000000-4300000000", "-o", "/dev/null", "-w", "%{http_code} %{size_download}"])
            .arg(url));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "206 10000001");
    }
}

/// Row F13: what a file's answer says about it.
#[test]
fn the_fields_of_a_file() {
    let home = site(&[("a.txt", b"text")]);
    let server = Server::serve(home.path());
    let answer = server.client().ask(&get("/a.txt"));
    let modified = fs::metadata(home.path().join("a.txt")).and_then(|data| data.modified()).expect("a file");
    let modified = modified.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let expected = imf_fixdate(modified);
    let names: Vec<&str> = answer.fields.iter().map(|(name, _)| name.as_str()).take(5).collect();
    assert_eq!(names, ["Server", "Date", "Content-Type", "Content-Length", "Last-Modified"]);
    assert_eq!(answer.field("Last-Modified").map(str::as_bytes), Some(expected.as_ref()));
    assert_eq!(
        Response { fields: vec![], ..answer },
        Response { status: 200, reason: "OK".into(), fields: vec![], body: b"text".to_vec() }
    );
}
