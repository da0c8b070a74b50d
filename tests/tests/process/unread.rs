//! Standard streams that nobody reads.

use std::process::{Command, Stdio};

use crate::client::{Client, get};
use crate::harness::{program, site};

/// A server whose reader of standard output and standard error has gone serves on, logs into the void, and ends well.
#[test]
fn nobody_reads_what_it_prints() {
    let home = site(&[("index.html", b"<p>home")]);
    for end in ["INT", "TERM"] {
        let mut command = Command::new(program("slipring"));
        command.args(["0", "-b", "127.0.0.1", "-d"]).arg(home.path());
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let port = {
            // Read to its first line, then both pipes are closed.
            use std::io::BufRead;
            let mut line = String::new();
            let mut out = std::io::BufReader::new(child.stdout.take().expect("it is piped"));
            out.read_line(&mut line).expect("a banner");
            drop(child.stderr.take());
            line.split(" port ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u16>().ok()).expect("a port")
        };
        let mut client = Client::to(([127, 0, 0, 1], port).into());
        for _ in 0..3000 {
            assert_eq!(client.ask(&get("/")).status, 200);
        }
        assert!(matches!(child.try_wait(), Ok(None)), "it lives");
        let sent = Command::new("kill").arg(format!("-{end}")).arg(child.id().to_string()).status().expect("kill");
        assert!(sent.success());
        drop(client);
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "SIG{end}");
    }
}

/// What is wrong is told by the status too, and that does not depend on who reads the words.
#[test]
fn a_complaint_that_nobody_reads_keeps_its_status() {
    for (flags, status) in [
        (&["70000"][..], 2),
        (&["0", "--no-such-flag"], 2),
        (&["0", "-d", "/no/such/directory"], 2),
        (&["0", "--cores", "4000"], 2),
        (&["--help"], 0),
    ] {
        let unread = || {
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            writer
        };
        let mut command = Command::new(program("slipring"));
        let ended = command.args(flags).stdin(Stdio::null()).stdout(unread()).stderr(unread()).status();
        assert_eq!(ended.expect("it starts").code(), Some(status), "{flags:?}");
    }
}
