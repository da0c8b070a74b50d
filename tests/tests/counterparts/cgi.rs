//! CGIHTTPServerTestCase: scripts, in a directory served with `--cgi`. They are Python's own where there is Python; the
//! simplest are for the shell, which is everywhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::client::{Response, get, raw, request};
use crate::harness::{Server, has, site};

/// Says where it is, and nothing else.
const HELLO: &[u8] = b"#!/bin/sh\nprintf 'Content-type: text/html\\n\\nHello World\\n'\n";
/// Says its query.
const QUERY: &[u8] = b"#!/bin/sh\nprintf 'Content-type: text/html\\n\\n%s\\n' \"$QUERY_STRING\"\n";
/// Says its environment, behind a field of its own.
const ENVIRONMENT: &[u8] = b"#!/bin/sh\nprintf 'X-Mine: was here\\nContent-type: text/html\\n\\n'\nenv\n";
/// Reads a form and says three of its values.
const FORM: &[u8] = b"#!/usr/bin/env python3
import os, sys, urllib.parse
length = int(os.environ['CONTENT_LENGTH'])
form = dict(urllib.parse.parse_qsl(sys.stdin.buffer.read(length).decode()))
print('Content-type: text/html')
print()
print(form['spam'], form['eggs'], form['bacon'], sep=', ')
";

fn home() -> TempDir {
    let scripts: &[(&str, &[u8])] = &[
        ("nocgi.sh", HELLO),
        ("cgi-bin/file1.sh", HELLO),
        ("cgi-bin/file2.py", FORM),
        ("cgi-bin/child-dir/file3.sh", HELLO),
        ("cgi-bin/file4.sh", QUERY),
        ("cgi-bin/file6.sh", ENVIRONMENT),
        ("sub/dir/cgi-bin/file5.sh", HELLO),
    ];
    let home = site(scripts);
    for (path, _) in scripts {
        fs::set_permissions(home.path().join(path), fs::Permissions::from_mode(0o755)).expect("its mode is set");
    }
    // Where the server is root its scripts run as nobody, who has to find them.
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("its mode is set");
    home
}

fn ask(bytes: &[u8]) -> Response {
    let home = home();
    Server::slipring(home.path(), &["--cgi"]).client().ask(bytes)
}

#[track_caller]
fn check_hello(answer: &Response) {
    let said = (answer.status, answer.field("Content-type"), answer.body.as_slice());
    assert_eq!(said, (200, Some("text/html"), &b"Hello World\n"[..]));
}

/// Row C1: what a path means, seen by whether a script runs, a file is missing, or the path is refused. Python's own
/// vectors; where it raises an error and closes (its `IndexError`), the answer here is 400.
#[test]
fn test_url_collapse_path() {
    let home = home();
    let server = Server::slipring(home.path(), &["--cgi"]);
    for (path, status) in [
        ("cgi-bin/file1.sh", 200),
        ("/cgi-bin/file1.sh", 200),
        ("//cgi-bin/file1.sh", 200),
        ("/./cgi-bin/file1.sh", 200),
        ("/cgi-bin/./file1.sh", 200),
        ("/cgi-bin//file1.sh", 200),
        ("/cgi-bin/child-dir/../file1.sh", 200),
        ("/cgi-bin/a/b/../../file1.sh", 200),
        ("/cgi-bin/a/../b/.././././..//cgi-bin/file1.sh", 200),
        ("/a/b/c/../../../cgi-bin/file1.sh", 200),
        ("/a", 404),
        ("/a/b/c/../d", 404),
        ("/a/b/c/../d/e/../f", 404),
        ("/a/b/c/../d/e/../../../../f", 404),
        ("/./C:/", 404),
        ("/", 200),
        ("/.//", 200),
        ("/..", 400),
        ("/.//..", 400),
        ("../a/b/c/../d", 400),
        ("/a/b/c/../d/e/../../../../../f", 400),
        ("/cgi-bin/../../cgi-bin/file1.sh", 400),
    ] {
        let answer = server.client().ask(&get(path));
        assert_eq!(answer.status, status, "{path}");
        if path.ends_with("file1.sh") && status == 200 {
            check_hello(&answer);
        }
    }
}

/// Row C3. On purpose: the script's own head is read, so its status is the answer's.
#[test]
fn test_headers_and_content() {
    check_hello(&ask(&get("/cgi-bin/file1.sh")));
}

/// Row C1.
#[test]
fn test_issue19435() {
    assert_eq!(ask(&get("///////////nocgi.sh/../cgi-bin/nothere.sh")).status, 404);
}

/// Row C6.
#[test]
fn test_post() {
    if !has("python3") {
        return;
    }
    let form = "spam=1&eggs=python&bacon=123456";
    let lines = format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", form.len());
    let answer = ask(&[request("POST", "/cgi-bin/file2.py", &lines), form.into()].concat());
    assert_eq!(String::from_utf8_lossy(&answer.body), "1, python, 123456\n", "{answer:?}");
}

/// Row C2.
#[test]
fn test_invaliduri() {
    let answer = ask(&get("/cgi-bin/invalid"));
    assert_eq!((answer.status, answer.reason.as_str()), (404, "No such CGI script ('/cgi-bin/invalid')"));
}

/// Row C4: a script is told the kind of authorization and the name, and never the password.
#[test]
fn test_authorization() {
    let lines = "Authorization: Basic dXNlcm5hbWU6cGFzcw==\r\n";
    check_hello(&ask(&request("GET", "/cgi-bin/file1.sh", lines)));
    let told = environment(&ask(&request("GET", "/cgi-bin/file6.sh", lines)));
    assert!(told.iter().all(|line| !line.contains("dXNlcm5hbWU6cGFzcw") && !line.contains("pass")), "{told:?}");
}

/// Rows R20, C1.
#[test]
fn test_no_leading_slash() {
    check_hello(&ask(&get("cgi-bin/file1.sh")));
}

/// Row C4: what the server was started with is not what a script sees, nor the other way round.
#[test]
fn test_os_environ_is_not_altered() {
    let home = home();
    let mut command = std::process::Command::new(crate::harness::program("slipring"));
    command.args(["0", "-b", "127.0.0.1", "--access-log", "off", "--cgi", "-d"]).arg(home.path());
    let server = Server::start(command.env("SERVER_SOFTWARE", "Test CGI Server").env("MY_SECRET", "kept"));
    check_hello(&server.client().ask(&get("/cgi-bin/file1.sh")));
    let told = environment(&server.client().ask(&get("/cgi-bin/file6.sh")));
    assert!(told.iter().any(|line| line.starts_with("SERVER_SOFTWARE=Slipring/")), "{told:?}");
    assert!(told.iter().all(|line| !line.contains("MY_SECRET")), "{told:?}");
    let started = fs::read(format!("/proc/{}/environ", server.pid())).expect("it runs");
    let kept = started.split(|&byte| byte == 0).any(|line| line == b"SERVER_SOFTWARE=Test CGI Server");
    assert!(kept, "{}", String::from_utf8_lossy(&started));
}

/// Row F4, on purpose: an escaped slash is a byte of a name, so this is no script's path; and no source is served.
#[test]
fn test_urlquote_decoding_in_cgi_check() {
    let answer = ask(&get("/cgi-bin%2ffile1.sh"));
    assert_eq!(answer.status, 404);
    assert!(!String::from_utf8_lossy(&answer.body).contains("printf"));
    check_hello(&ask(&get("/%63gi-bin/file%31.sh")));
}

/// Row C1.
#[test]
fn test_nested_cgi_path_issue21323() {
    check_hello(&ask(&get("/cgi-bin/child-dir/file3.sh")));
}

/// Row C4.
#[test]
fn test_query_with_multiple_question_mark() {
    assert_eq!(ask(&get("/cgi-bin/file4.sh?a=b?c=d")).body, b"a=b?c=d\n");
}

/// Row C4.
#[test]
fn test_query_with_continuous_slashes() {
    let query = "k=aa%2F%2Fbb&//q//p//=//a//b//";
    assert_eq!(String::from_utf8_lossy(&ask(&get(&format!("/cgi-bin/file4.sh?{query}"))).body), format!("{query}\n"));
}

/// Row C1. Python's test adds `/sub/dir/cgi-bin` to the directories of scripts; the command has the two of Python's
/// command. A script outside them is not run, and like every executable of a directory of scripts never served.
#[test]
fn test_cgi_path_in_sub_directories() {
    let answer = ask(&get("/sub/dir/cgi-bin/file5.sh"));
    assert_ne!(answer.body, b"Hello World\n");
}

/// Row C4: several lines of a field are one value.
#[test]
fn test_accept() {
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (lines, accept) in [
        (format!("Accept: {browser}\r\n"), Some(browser)),
        (String::new(), None),
        ("Accept: text/html\r\nACCEPT: text/plain\r\n".into(), Some("text/html,text/plain")),
    ] {
        let answer = ask(&request("GET", "/cgi-bin/file6.sh", &lines));
        assert_eq!((answer.status, answer.field("X-Mine")), (200, Some("was here")));
        let told = environment(&answer);
        let said = told.iter().find_map(|line| line.strip_prefix("HTTP_ACCEPT=")).filter(|value| !value.is_empty());
        // With or without a space behind the comma: RFC 9110 section 5.2 allows both.
        assert_eq!(said.map(|value| value.replace(", ", ",")), accept.map(str::to_owned), "{told:?}");
    }
}

fn environment(answer: &Response) -> Vec<String> {
    String::from_utf8_lossy(&answer.body).lines().map(str::to_owned).collect()
}

/// What every row of the table says, once more in one request.
#[test]
fn the_source_of_a_script_is_never_served() {
    let home = home();
    let server = Server::slipring(home.path(), &["--cgi"]);
    for target in [
        "/cgi-bin/file1.sh",
        "/cgi-bin//file1.sh",
        "/./cgi-bin/file1.sh",
        "/CGI-BIN/../cgi-bin/file1.sh",
        "/cgi-bin/file1.sh/",
    ] {
        for command in ["GET", "HEAD"] {
            let (bytes, _) = server.client().send(&raw(&format!("{command} {target} HTTP/1.0||"))).read_to_end();
            assert!(!String::from_utf8_lossy(&bytes).contains("printf"), "{command} {target}");
        }
    }
}
