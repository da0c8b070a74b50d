//! SimpleHTTPServerTestCase: the file server with `-p HTTP/1.0`, whose every answer ends its connection.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;

use crate::client::{End, Response, raw, show};
use crate::harness::{Server, has, program, run, site};

const DATA: &[u8] = b"We are looking for a shrubbery.";

fn home() -> TempDir {
    site(&[("tmp/test", DATA)])
}

fn server(home: &TempDir) -> Server {
    Server::slipring(home.path(), &["-p", "HTTP/1.0"])
}

/// One request on a connection of its own: HTTP/1.0 answers it, says nothing of keeping it open, and closes.
fn ask(server: &Server, request: &str) -> Response {
    let (bytes, end) = server.client().send(&raw(request)).read_to_end();
    assert!(bytes.starts_with(b"HTTP/1.0 ") && end == End::Fin, "{end:?} {}", show(&bytes));
    let (answer, len) = Response::parse(&bytes, request.starts_with("HEAD ")).expect("a whole answer");
    assert_eq!(len, bytes.len(), "{request}: nothing behind the answer");
    assert!(matches!(answer.field("Connection"), None | Some("close")) && !answer.reason.is_empty(), "{answer:?}");
    answer
}

fn get(server: &Server, target: &str) -> Response {
    ask(server, &format!("GET {target} HTTP/1.1|Host: x||"))
}

fn text(answer: &Response) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// The date as the system's own tools write it.
fn imf_date(seconds: i64) -> String {
    let mut date = Command::new("date");
    date.env("LC_ALL", "C").args(["-u", "-d", &format!("@{seconds}"), "+%a, %d %b %Y %H:%M:%S GMT"]);
    String::from_utf8(run(&mut date).stdout).expect("text").trim().to_owned()
}

fn modified(home: &TempDir) -> i64 {
    fs::metadata(home.path().join("tmp/test")).expect("a file").mtime()
}

/// Row F22. On purpose: the link has the name's bytes, the text shows U+FFFD for what is no UTF-8.
#[test]
fn test_undecodable_filename() {
    let home = home();
    let name = OsStr::from_bytes(b"\xe7w\xf0.txt");
    fs::write(home.path().join("tmp").join(name), "whatever").expect("a file");
    let server = server(&home);
    let page = text(&get(&server, "/tmp/"));
    assert!(page.contains("<a href=\"%E7w%F0.txt\">\u{fffd}w\u{fffd}.txt</a>"), "{page}");
    assert_eq!(get(&server, "/tmp/%E7w%F0.txt").body, b"whatever");
}

/// Row F21.
#[test]
fn test_undecodable_parameter() {
    let home = home();
    let server = server(&home);
    assert!(text(&get(&server, "/tmp/?x=123")).contains("listing for /tmp/?x=123<"));
    let page = get(&server, "/tmp/?x=%bb").body;
    assert!(page.windows(25).any(|part| part == b"listing for /tmp/?x=\xef\xbf\xbd</"), "{}", show(&page));
}

/// Rows F9, R19: no redirect leads to another host. On purpose: Location is made anew from the normal form (F9), and an
/// escaped slash is a byte of a name, so Python's own attack finds nothing (F4).
#[test]
fn test_get_dir_redirect_location_domain_injection_bug() {
    let home = site(&[("tmp/existing/x", b"")]);
    let server = server(&home);
    for slashes in ["/", "//", "///", "////"] {
        let answer = get(&server, &format!("{slashes}python.org/../%0a%0d/../tmp/existing"));
        assert_eq!((answer.status, answer.field("Location")), (301, Some("/tmp/existing/")), "{slashes}");
        let answer = get(&server, &format!("{slashes}python.org/..%2f..%2f..%2f../%0a%0d/../tmp/existing"));
        assert_eq!((answer.status, answer.field("Location")), (404, None), "{slashes}");
    }
    let answer = get(&server, "https://pypi.org//python.org/../tmp/existing");
    assert_eq!((answer.status, answer.field("Location")), (301, Some("/tmp/existing/")));
}

/// Rows F8 to F12.
#[test]
fn test_get() {
    let home = home();
    let server = server(&home);
    assert_eq!(get(&server, "/tmp/test").body, DATA);
    assert_eq!(get(&server, "/tmp/test/").status, 404);
    assert_eq!(get(&server, "/tmp/").status, 200);
    let moved = get(&server, "/tmp");
    assert_eq!((moved.status, moved.field("Content-Length")), (301, Some("0")));
    assert_eq!(get(&server, "/tmp/?hi=2").status, 200);
    let moved = get(&server, "/tmp?hi=1");
    assert_eq!((moved.status, moved.field("Location")), (301, Some("/tmp/?hi=1")));
    assert_eq!(get(&server, "/ThisDoesNotExist").status, 404);
    assert_eq!(get(&server, "/ThisDoesNotExist/").status, 404);
    // A directory of the index's name is no index.
    fs::create_dir_all(home.path().join("tmp/spam/index.html")).expect("a directory");
    let page = get(&server, "/tmp/spam/");
    assert!(page.status == 200 && text(&page).contains("listing for /tmp/spam/"), "{}", text(&page));
    fs::write(home.path().join("tmp/index.html"), "Dummy index\r\n").expect("a file");
    assert_eq!(get(&server, "/tmp/").body, b"Dummy index\r\n");
    a_closed_directory(&home);
}

/// A directory that may not be entered is not there. Root may enter every one, so the server then runs as another.
fn a_closed_directory(home: &TempDir) {
    let closed = home.path().join("closed");
    fs::create_dir(&closed).expect("a directory");
    let mode = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode is set");
    let is_root = fs::metadata("/proc/self").expect("there is one").uid() == 0;
    let binary = program("slipring");
    let mut command = Command::new(if is_root { "setpriv".as_ref() } else { binary.as_os_str() });
    if is_root {
        let able = has("setpriv")
            && run_as_nobody().arg(&binary).arg("--version").output().is_ok_and(|it| it.status.success());
        if !able {
            println!("note: nobody cannot run the server here; a closed directory is not looked at");
            return;
        }
        command.args(NOBODY).arg(&binary);
    }
    mode(home.path().to_path_buf(), 0o755);
    let server = Server::start(command.args(["0", "-b", "127.0.0.1", "-p", "HTTP/1.0", "-d"]).arg(home.path()));
    assert_eq!(get(&server, "/closed/").status, 200);
    mode(closed.clone(), 0);
    let answer = get(&server, "/closed/");
    assert_eq!((answer.status, answer.reason.as_str()), (404, "File not found"));
    mode(closed, 0o755);
}

const NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];

fn run_as_nobody() -> Command {
    let mut command = Command::new("setpriv");
    command.args(NOBODY);
    command
}

/// Rows F13, F15.
#[test]
fn test_head() {
    let home = home();
    let answer = ask(&server(&home), "HEAD /tmp/test HTTP/1.1|Host: x||");
    assert_eq!((answer.status, answer.content_length()), (200, Some(DATA.len())));
    assert_eq!(answer.field("Content-Type"), Some("application/octet-stream"));
}

fn since(home: &TempDir, seconds: i64, more: &str) -> Response {
    let date = imf_date(seconds);
    ask(&server(home), &format!("GET /tmp/test HTTP/1.1|Host: x|If-Modified-Since: {date}|{more}|"))
}

/// Row F16: as of the last change and an hour later nothing is sent.
#[test]
fn test_browser_cache() {
    let home = home();
    for later in [0, 3600] {
        let answer = since(&home, modified(&home) + later, "");
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{later} s later");
    }
}

/// Row F16.
#[test]
fn test_browser_cache_file_changed() {
    let home = home();
    let answer = since(&home, modified(&home) - 365 * 86_400, "");
    assert_eq!((answer.status, answer.body.as_slice()), (200, DATA));
}

/// Row F17: If-None-Match stands above If-Modified-Since. On purpose: `*` matches what is there (RFC 9110 section 13.1.2),
/// where Python sends the file.
#[test]
fn test_browser_cache_with_if_none_match_header() {
    let home = home();
    assert_eq!(since(&home, modified(&home), "If-None-Match: \"another\"|").status, 200);
    assert_eq!(since(&home, 0, "If-None-Match: *|").status, 304);
}

/// Row E5: names are case-sensitive.
#[test]
fn test_invalid_requests() {
    let home = home();
    let server = server(&home);
    for command in ["FOO", "custom", "GETs", "get"] {
        let answer = ask(&server, &format!("{command} / HTTP/1.1|Host: x||"));
        assert_eq!((answer.status, answer.reason), (501, format!("Unsupported method ('{command}')")));
    }
}

/// Row F13: the file's own time, to the second.
#[test]
fn test_last_modified() {
    let home = home();
    let file = fs::File::options().write(true).open(home.path().join("tmp/test")).expect("a file");
    file.set_modified(UNIX_EPOCH + Duration::from_millis(1_234_567_890_999)).expect("its time is set");
    let answer = get(&server(&home), "/tmp/test");
    assert_eq!(answer.field("Last-Modified"), Some(imf_date(1_234_567_890).as_str()));
    assert_eq!((answer.status, answer.body.as_slice()), (200, DATA));
}

/// Row R20. On purpose: Location begins with a slash (F9).
#[test]
fn test_path_without_leading_slash() {
    let home = home();
    let server = server(&home);
    assert_eq!(get(&server, "tmp/test").body, DATA);
    assert_eq!(get(&server, "tmp/test/").status, 404);
    assert_eq!(get(&server, "tmp/").status, 200);
    assert_eq!(get(&server, "tmp").status, 301);
    assert_eq!(get(&server, "tmp/?hi=2").status, 200);
    assert_eq!(get(&server, "tmp?hi=1").field("Location"), Some("/tmp/?hi=1"));
}

/// Row F20.
#[test]
fn test_html_escape_filename() {
    let home = home();
    fs::write(home.path().join("tmp/<test&>.txt"), "").expect("a file");
    let answer = get(&server(&home), "/tmp/");
    assert!(answer.field("Content-Type").is_some_and(|kind| kind.ends_with("charset=utf-8")), "{answer:?}");
    assert!(text(&answer).contains(">&lt;test&amp;&gt;.txt<"), "{}", text(&answer));
}
