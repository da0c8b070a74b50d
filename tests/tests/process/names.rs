//! `--resolve`: peers have their names in both logs, as the system's own resolver tells them.

use std::fs;
use std::process::Command;

use crate::client::get;
use crate::harness::{PATIENCE, Server, has, site, wait_for};

/// The name that row S48 gives to this machine, by what `getent` prints: address, host name, aliases.
fn expected() -> Option<String> {
    let told = Command::new("getent").args(["hosts", "127.0.0.1"]).output().expect("it is installed");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let names: Vec<&str> = told.lines().next()?.split_whitespace().skip(1).collect();
    names.iter().find(|name| name.contains('.')).or(names.first()).map(|&name| name.to_owned())
}

/// Rows S47, S48: a line shows the name once it is known, and the address until then.
#[test]
fn peers_have_their_names() {
    if !has("getent") {
        return;
    }
    let home = site(&[("www/index.html", b"<p>home")]);
    let (log, errors) = (home.path().join("log"), home.path().join("errors"));
    let paths = [&log, &errors].map(|path| path.display().to_string());
    let flags = ["--resolve", "--shards", "1", "--access-log", &paths[0], "--error-log", &paths[1]];
    let server = Server::slipring(&home.path().join("www"), &flags);
    let read = || [&log, &errors].map(|path| fs::read_to_string(path).unwrap_or_default());
    let shown = expected().unwrap_or_else(|| "127.0.0.1".to_owned());
    let mut client = server.client();
    wait_for(&format!("{shown} in both logs"), PATIENCE, || {
        assert_eq!(client.ask(&get("/none")).status, 404);
        read().iter().all(|text| text.contains(&format!("{shown} - - [")))
    });
    for text in read() {
        let clients = text.lines().map(|line| line.split(" - - [").next().unwrap_or_default());
        let other: Vec<&str> = clients.filter(|client| ![&shown, "127.0.0.1"].contains(client)).collect();
        assert!(other.is_empty(), "{other:?}");
        let last = text.lines().last().unwrap_or_default();
        assert!(last.starts_with(&shown), "once it is known it stays: {last}");
    }
}

/// What shows no whole address shows no name, and without the flag nobody is asked.
#[test]
fn names_are_shown_where_addresses_are() {
    for (flags, client) in [
        (&["--resolve", "--log-client", "prefix"][..], "127.0.0.0"),
        (&["--resolve", "--log-client", "off"], "-"),
        (&[], "127.0.0.1"),
    ] {
        let home = site(&[("www/index.html", b"<p>home")]);
        let log = home.path().join("log");
        let path = log.display().to_string();
        let flags = [flags, &["--access-log", &path]].concat();
        let server = Server::slipring(&home.path().join("www"), &flags);
        let mut asking = server.client();
        let mut text = String::new();
        wait_for("ten lines", PATIENCE, || {
            asking.ask(&get("/"));
            text = fs::read_to_string(&log).unwrap_or_default();
            text.lines().count() > 9
        });
        assert!(text.lines().all(|line| line.starts_with(&format!("{client} - - ["))), "{text}");
    }
}
