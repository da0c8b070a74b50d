//! SimpleHTTPRequestHandlerTestCase: from targets to files, whatever the directory was called.

use std::process::Command;

use tempfile::TempDir;

use crate::client::get;
use crate::harness::{Server, program, site};

/// The served directory three ways: the current one, by a relative path, by an absolute one (row F1).
fn servers(home: &TempDir) -> [Server; 3] {
    let start = |current: &str, flags: &[&str]| {
        let mut command = Command::new(program("slipring"));
        command.args(["0", "-b", "127.0.0.1", "--access-log", "off"]).args(flags);
        Server::start(command.current_dir(home.path().join(current)))
    };
    let absolute = home.path().join("foo").display().to_string();
    [start("foo", &[]), start(".", &["-d", "foo"]), start("/", &["--directory", &absolute])]
}

/// Each target leads to the file of this content, on every server.
fn check(files: &[(&str, &[u8])], targets: &[(&str, &str)]) {
    let home = site(files);
    for server in servers(&home) {
        for (target, content) in targets {
            let answer = server.client().ask(&get(target));
            let found =
                if answer.status == 200 { String::from_utf8_lossy(&answer.body).into_owned() } else { String::new() };
            assert_eq!(found, *content, "{target}: {}", answer.status);
        }
    }
}

/// Row F2: query and fragment lead nowhere.
#[test]
fn test_query_arguments() {
    let targets = ["/filename", "/filename?foo=bar", "/filename?a=b&spam=eggs#zot"].map(|target| (target, "it"));
    check(&[("foo/filename", b"it")], &targets);
}

/// Rows F2, R19.
#[test]
fn test_start_with_double_slash() {
    let targets = ["//filename", "//filename?foo=bar", "///filename"].map(|target| (target, "it"));
    check(&[("foo/filename", b"it")], &targets);
}

/// Row F5, on purpose: this runs on Linux alone, where colon and backslash are bytes of a name. They lead to the file of
/// that name, and never to another.
#[test]
fn test_windows_colon() {
    let files: &[(&str, &[u8])] = &[("foo/filename", b"it"), ("foo/c:name", b"colon"), ("foo/back\\slash", b"back")];
    let mine = [("/c:name", "colon"), ("/back\\slash", "back"), ("/back%5Cslash", "back")];
    let nowhere = [
        "/c:c:c:foo/filename",
        "/\\c:../filename",
        "/c:\\c:..\\foo/filename",
        "/c:c:foo\\c:c:bar/filename",
        "/c:filename",
    ];
    check(files, &mine.into_iter().chain(nowhere.map(|target| (target, ""))).collect::<Vec<_>>());
}
