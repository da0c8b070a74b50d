//! A disk that is full where bodies wait for their job, and a place where none can be made.

use std::process::{Command, Stdio};
use std::thread;

use crate::client::{Client, End, Response, get, request};
use crate::harness::{Server, pattern, program};

/// Where spools are made, with nothing but this on it.
const SPOOLS: &str = "/var/tmp";

/// The example that spools bodies, where `mount` says what stands at [`SPOOLS`]; none without mount namespaces.
fn with_spools(mount: &str) -> Option<Server> {
    let script = format!("{mount} || exit 99; exec \"$@\"");
    let mut probe = Command::new("unshare");
    probe.args(["-m", "sh", "-c", &script, "sh", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        println!("note: no mount namespace here");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script, "sh"]).arg(program("examples/blocking")).arg("127.0.0.1:0");
    Some(Server::start(&mut command))
}

/// A body that does not fit on the disk is refused with 5xx or 413 and the connection ends; a small one and others are
/// answered before, meanwhile and behind it, and the place is back before that end is seen, whether the peer leaves then or
/// stays.
#[test]
fn a_body_that_does_not_fit() {
    let Some(mut server) = with_spools(&format!("mount -t tmpfs -o size=1m tmpfs {SPOOLS}")) else { return };
    let mut staying = Vec::new();
    for round in 0..6 {
        let (head, body) = (request("POST", "/", "Content-Length: 8000000\r\n"), pattern(8_000_000));
        let mut client = server.client();
        let mut writer = Client::from(client.stream().try_clone().expect("a descriptor"));
        let writing = thread::spawn(move || _ = writer.send(&head).send(&body));
        let (bytes, end) = client.read_to_end();
        let all = Response::parse_all(&bytes).expect("whole answers");
        println!("round {round}: {:?}, {end:?}", all.iter().map(|answer| answer.status).collect::<Vec<_>>());
        assert!(all.len() == 1 && (all[0].status >= 500 || all[0].status == 413), "round {round}: {all:?}");
        assert_ne!(end, End::Silence);
        if round % 2 == 0 {
            staying.push((client, writing));
        } else {
            drop(client);
            writing.join().expect("no panic");
        }
        let small = request("POST", "/", "Content-Length: 200000\r\n");
        assert_eq!(
            server.client().send(&small).send(&pattern(200_000)).response().map(|answer| answer.body),
            Some(b"200000 bytes\n".to_vec())
        );
        assert_eq!(server.client().ask(&get("/")).status, 200);
    }
    assert!(server.is_running());
    drop(server);
    for (client, writing) in staying {
        drop(client);
        writing.join().expect("no panic");
    }
}

/// A file system that makes no files without names, or a directory that is not there: spools are memory, or refused; nobody
/// waits, and a body that needs none is taken.
#[test]
fn a_place_where_no_spool_is_made() {
    for mount in ["mount -t proc proc /var/tmp", "mount -t tmpfs -o ro tmpfs /var/tmp"] {
        let Some(mut server) = with_spools(mount) else { return };
        let ask = |len: usize| {
            let head = request("POST", "/", &format!("Content-Length: {len}\r\nConnection: close\r\n"));
            let (bytes, end) = server.client().send(&head).send(&pattern(len)).read_to_end();
            (Response::parse_all(&bytes).expect("whole answers"), end)
        };
        let (all, _) = ask(300_000);
        println!(
            "{mount}: {} {}",
            all[0].status,
            String::from_utf8_lossy(&all[0].body).lines().next().unwrap_or_default()
        );
        assert!(all.len() == 1 && (all[0].status >= 500 || all[0].body == b"300000 bytes\n"), "{mount}: {all:?}");
        assert_eq!(ask(1000).0[0].body, b"1000 bytes\n", "{mount}");
        assert!(server.is_running());
    }
}
