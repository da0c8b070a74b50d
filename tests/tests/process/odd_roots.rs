//! Roots that are no ordinary directories: made by the kernel, taken away, turned into something else.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::client::{End, Response, get};
use crate::harness::{PATIENCE, Server, site, wait_for};

/// How much of an answer is read.
const READ_BYTES_MAX: u64 = 4 << 20;

/// Attack 19: files of procfs and sysfs say that they are empty or 4096 bytes long, and are neither. Whatever is answered is
/// framed right, at once, and nobody waits for ever. Others say that they are far longer than anybody reads.
#[test]
fn files_that_the_kernel_makes_up() {
    for (root, targets) in [
        (
            "/proc/self",
            &["/status", "/stat", "/maps", "/environ", "/cmdline", "/fd/0", "/fd/1", "/exe", "/root/", "/task/"][..],
        ),
        (
            "/proc",
            &[
                "/version",
                "/cpuinfo",
                "/meminfo",
                "/uptime",
                "/kmsg",
                "/kcore",
                "/1/mem",
                "/self/",
                "/sys/kernel/ostype",
            ],
        ),
        ("/sys", &["/kernel/uevent_seqnum", "/kernel/mm/transparent_hugepage/enabled", "/power/state", "/kernel/"]),
        ("/dev", &["/null", "/zero", "/full", "/tty", "/ptmx", "/random", "/shm/"]),
    ] {
        if !Path::new(root).is_dir() {
            println!("note: no {root} here");
            continue;
        }
        let mut server = Server::serve(Path::new(root));
        for target in targets {
            let asked =
                format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=0-999999\r\n\r\n");
            let whole = asked.replace("Range: bytes=0-999999\r\n", "");
            for asked in [asked, whole] {
                let (bytes, end) = server.client().send(asked.as_bytes()).read_up_to(READ_BYTES_MAX);
                let parsed = Response::parse_all(&bytes).map(|all| all.first().map(|answer| answer.status));
                // Cut is right where the kernel said another length than it then had.
                let said = parsed.unwrap_or(Some(200));
                println!("{root}{target}: {said:?}, {} bytes, {end:?}", bytes.len());
                assert_ne!(end, Some(End::Silence), "{root}{target}");
                assert!(
                    said.is_some_and(|status| matches!(status, 200 | 206 | 301 | 404 | 416 | 500 | 503)),
                    "{root}{target}: {said:?}"
                );
            }
        }
        assert!(server.is_running(), "{root}: {}", server.said().1);
    }
}

/// A root whose path comes to lead to a file, to a link to nothing, to another directory: what is no directory is no root,
/// the last good one is not served as if nothing had been, and a new one is.
#[test]
fn a_root_that_becomes_something_else() {
    let world = tempfile::TempDir::new().expect("a temporary directory");
    let root = world.path().join("root");
    let make = |name: &str, text: &str| {
        fs::create_dir(world.path().join(name)).expect("a directory");
        fs::write(world.path().join(name).join("f"), text).expect("a file");
    };
    make("one", "one");
    make("two", "two");
    symlink("one", &root).expect("a link");
    let mut server = Server::slipring(&root, &["--shards", "1"]);
    let fetch = || -> Response { server.client().ask(&get("/f")) };
    assert_eq!(fetch().body, b"one");
    let lead_to = |to: &str| {
        let next = world.path().join("next");
        symlink(to, &next).expect("a link");
        fs::rename(&next, &root).expect("a rename");
    };
    lead_to("two");
    wait_for("the second root", PATIENCE, || fetch().body == b"two");
    // Nothing is there: what was there before may be served, nothing else, and nobody falls.
    for to in ["nothing", "one/f", "next"] {
        lead_to(to);
        thread::sleep(Duration::from_millis(1200));
        let answer = fetch();
        assert!(answer.status == 404 || answer.body == b"two", "{to}: {answer:?}");
    }
    lead_to("one");
    wait_for("the first root again", PATIENCE, || fetch().body == b"one");
    assert!(server.is_running(), "{}", server.said().1);
}

/// A file that turns into a directory and back, and the reverse, while it is asked for: each answer is that of one of both.
#[test]
fn a_name_that_changes_its_kind() {
    let home = site(&[("d/index.html", b"index"), ("file", b"file")]);
    let server = Server::slipring(home.path(), &["--shards", "1"]);
    let name = home.path().join("name");
    let done = std::sync::atomic::AtomicBool::new(false);
    fs::rename(home.path().join("file"), &name).expect("a rename");
    let mut seen = [0; 3];
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..150 {
                fs::rename(&name, home.path().join("file")).expect("a rename");
                fs::rename(home.path().join("d"), &name).expect("a rename");
                thread::sleep(Duration::from_millis(3));
                fs::rename(&name, home.path().join("d")).expect("a rename");
                fs::rename(home.path().join("file"), &name).expect("a rename");
                thread::sleep(Duration::from_millis(3));
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let mut client = server.client();
        while !done.load(std::sync::atomic::Ordering::Relaxed) {
            for target in ["/name", "/name/", "/name/index.html"] {
                let answer = client.ask(&get(target));
                let fits = match (target, answer.status) {
                    (_, 404) => true,
                    ("/name", 200) => answer.body == b"file",
                    ("/name", 301) => answer.field("Location") == Some("/name/"),
                    // It may have been renamed between looking for the index and listing what it then was.
                    ("/name/", 200) => answer.body == b"index" || answer.body.starts_with(b"<!DOCTYPE HTML>"),
                    (_, 200) => answer.body == b"index",
                    _ => false,
                };
                assert!(fits, "{target}: {answer:?}");
                seen[match answer.status {
                    200 => 0,
                    301 => 1,
                    _ => 2,
                }] += 1;
            }
        }
    });
    println!("{seen:?} answers of 200, 301, 404");
}
