//! MiscTestCase and ScriptTestCase: the public names, and which addresses the command listens on.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

use crate::harness::{Server, program, site};

/// What the model's modules make public and the root of the library does not name again, and why.
const NOT_NAMED: [(&str, &str); 5] = [
    ("Ending", "the engine's side of an exchange"),
    ("Output", "the engine's side of an exchange"),
    ("Scratch", "the engine's side of an exchange"),
    ("Request", "named where `admit` needs it"),
    ("error_page", "a function of the default page"),
];

/// The root of the library names everything that a handler is written with.
#[test]
fn test_all() {
    let read = |path: &str| fs::read_to_string(format!("{}/../engine/server/src/{path}", env!("CARGO_MANIFEST_DIR")));
    let (root, model) = (read("lib.rs").expect("the face"), read("handler/mod.rs").expect("the model"));
    let named = reexported(&root);
    let public = reexported(&model).into_iter().chain(declared(&model));
    let missing: Vec<String> =
        public.filter(|name| !named.contains(name) && !NOT_NAMED.iter().any(|(known, _)| known == name)).collect();
    assert!(missing.is_empty(), "slipring does not name {missing:?}");
    assert!(["Handler", "Exchange", "Commands", "Server"].iter().all(|name| named.contains(*name)), "{named:?}");
}

/// Names in `pub use` items.
fn reexported(source: &str) -> BTreeSet<String> {
    let items = source.split("\npub use ").skip(1).map(|rest| rest.split(';').next().unwrap_or_default());
    let words = items.flat_map(|item| {
        let names = item.split_once('{').map_or(item.rsplit("::").next().unwrap_or(item), |(_, names)| names);
        names.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect::<Vec<_>>()
    });
    words.filter(|word| !word.is_empty()).collect()
}

/// Types and traits that a module declares at its left margin.
fn declared(source: &str) -> Vec<String> {
    let kinds = ["pub trait ", "pub struct ", "pub enum ", "pub type "];
    let names = source.lines().filter_map(|line| kinds.iter().find_map(|kind| line.strip_prefix(kind)));
    names.filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next()).map(str::to_owned).collect()
}

/// A server bound so; none when the machine has no such address, and then it says so.
fn bound(binds: &[&str]) -> Result<Server, Output> {
    let home = site(&[]);
    let command = || {
        let mut command = Command::new(program("slipring"));
        command.args(["0", "--access-log", "off", "-d"]).arg(home.path());
        for bind in binds {
            command.args(["-b", bind]);
        }
        command
    };
    // A server that cannot listen ends at once; one that can is ended when its first line was read.
    let mut probe = command();
    let mut child =
        probe.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("it is piped");
    let _ = std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line);
    if line.is_empty() {
        return Err(child.wait_with_output().expect("it ended"));
    }
    let _ = child.kill();
    let _ = child.wait();
    Ok(Server::start(&mut command()))
}

/// Rows V1, X4. On purpose: loopback alone, of both families where the machine has them.
#[test]
fn test_server_test_unspec() {
    let server = bound(&[]).expect("there is loopback");
    let banner = server.said().0;
    assert!(banner.starts_with("Serving HTTP on 127.0.0.1 port "), "{banner}");
}

/// A name is either family's.
#[test]
fn test_server_test_localhost() {
    let server = bound(&["localhost"]).expect("there is loopback");
    let banner = server.said().0;
    assert!(["127.0.0.1", "::1"].iter().any(|address| banner.contains(&format!("HTTP on {address} port"))), "{banner}");
}

fn check_family(address: &str, shown: &str) {
    match bound(&[address]) {
        Ok(server) => {
            let banner = server.said().0;
            assert!(banner.starts_with(&format!("Serving HTTP on {address} port ")), "{banner}");
            assert!(banner.contains(&format!("(http://{shown}:")), "{banner}");
        }
        Err(ended) => {
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert!(ended.status.code() == Some(2) && said.contains(&format!("cannot listen on {shown}:")), "{said}");
            println!("note: this machine has no {address}: {said}");
        }
    }
}

#[test]
fn test_server_test_ipv6() {
    for address in ["::", "2001:db8:85a3::8a2e:370:7334", "::1"] {
        check_family(address, &format!("[{address}]"));
    }
}

#[test]
fn test_server_test_ipv4() {
    for address in ["0.0.0.0", "8.8.8.8", "127.0.0.1"] {
        check_family(address, address);
    }
}
