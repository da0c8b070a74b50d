//! Scripts: real programs behind `--cgi`, good ones and bad ones (rows C1 to C8).

#[path = "cgi/answers.rs"]
mod answers;
#[path = "cgi/ends.rs"]
mod ends;
#[path = "cgi/flow.rs"]
mod flow;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::client::{Client, End};
use crate::harness::Server;

/// A server with scripts, each with its name in `cgi-bin`. When the tests run as root the scripts run as `nobody`, who
/// has to be let in.
fn server_with(scripts: &[(&str, &str)], flags: &[&str]) -> (TempDir, Server) {
    let directory = TempDir::new().expect("a temporary directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    fs::create_dir(directory.path().join("cgi-bin")).expect("a directory");
    for (name, text) in scripts {
        put_script(directory.path(), name, text);
    }
    let flags: Vec<&str> = ["--cgi"].iter().chain(flags).copied().collect();
    let server = Server::slipring(directory.path(), &flags);
    (directory, server)
}

/// Another process writes it: a descriptor of this one may live on for a moment in a process that another test is starting,
/// and what is open for writing is not executed (ETXTBSY).
fn put_script(directory: &Path, name: &str, text: &str) {
    let path = directory.join("cgi-bin").join(name);
    fs::create_dir_all(path.parent().expect("it is in the directory")).expect("a directory");
    let mut shell = Command::new("sh");
    shell.args(["-c", "cat > \"$0\" && chmod 755 \"$0\""]).arg(&path).stdin(Stdio::piped());
    let mut shell = shell.spawn().expect("sh runs");
    shell.stdin.take().expect("it is piped").write_all(text.as_bytes()).expect("the shell reads");
    assert!(shell.wait().expect("it ends").success());
}

/// An answer in pieces: status, head, body, and how the connection ended.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
    end: End,
}

impl Answer {
    fn of(client: &mut Client) -> Self {
        let (bytes, end) = client.read_to_end();
        let behind = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        let head = String::from_utf8_lossy(&bytes[..behind]).into_owned();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Self { status, head, body: bytes[behind..].to_vec(), end }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// HTTP/1.0: the body ends with the connection.
fn ask(server: &Server, request: &str) -> Answer {
    let mut client = server.client();
    client.send(request.replace('|', "\r\n").as_bytes());
    Answer::of(&mut client)
}

const HELLO: &str = "#!/bin/sh\necho 'Content-Type: text/plain'\necho\necho hello\n";
