//! Files that change while they are sent, and a system that has run out of something.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, End, Response, get, show};
use crate::files::SETTLED;
use crate::harness::{PATIENCE, Server, least_cpu, pattern, site, wait_for};

const LARGE: usize = 64 << 20;

/// Starts to fetch `/large`, lets `change` happen in the middle, and reads on: the announced length, the body, the end.
fn fetch_across(server: &Server, change: impl FnOnce()) -> (usize, Vec<u8>, End) {
    let mut client = server.client();
    let start = client.send(&get("/large")).read_some(1 << 20);
    let head = start.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
    change();
    let text = String::from_utf8_lossy(&start[..head]).into_owned();
    let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: ")).and_then(|len| len.parse().ok());
    let mut body = start[head..].to_vec();
    client.patience(PATIENCE);
    let length: usize = length.expect("a length");
    while body.len() < length {
        let more = client.read_some((length - body.len()).min(1 << 20));
        if more.is_empty() {
            break;
        }
        body.extend_from_slice(&more);
    }
    let end = if body.len() == length { End::Silence } else { client.read_to_end().1 };
    (length, body, end)
}

/// Decision 13: what was cut off is never made up (nginx and Caddy send a megabyte of NULs here).
#[test]
fn a_file_cut_while_it_is_sent_ends_the_connection() {
    let bytes = pattern(LARGE);
    let home = site(&[("large", &bytes), ("index.html", b"<p>home")]);
    let mut server = Server::serve(home.path());
    for (round, to) in [1u64 << 20, 3 << 20, 0].into_iter().enumerate() {
        fs::write(home.path().join("large"), &bytes).expect("the file");
        let file = OpenOptions::new().write(true).open(home.path().join("large")).expect("the file");
        let (length, body, _) = fetch_across(&server, || file.set_len(to).expect("it is cut"));
        assert_eq!(length, LARGE, "round {round}");
        assert!(body.len() < LARGE, "round {round}: the answer is short");
        assert!(body == bytes[..body.len()], "round {round}: only bytes that were in the file");
        println!("cut to {to} bytes, {} of {LARGE} arrived, then the connection ended", body.len());
    }
    server.assert_serves();
}

/// Decision 13: a file written over while it is sent is whole as it was, or the answer is short. It is never mixed and
/// whole.
#[test]
fn a_file_written_over_while_it_is_sent_is_never_passed_off_as_whole() {
    let bytes = pattern(LARGE);
    let home = site(&[("large", &bytes)]);
    let server = Server::serve(home.path());
    let file = OpenOptions::new().write(true).open(home.path().join("large")).expect("the file");
    let (length, body, _) =
        fetch_across(&server, || file.write_all_at(&vec![0xff; 30 << 20], 30 << 20).expect("it is written"));
    assert_eq!(length, LARGE);
    assert!(body.len() < LARGE || body == bytes, "mixed bytes are never a whole answer");
}

#[test]
fn a_file_replaced_removed_or_grown_while_it_is_sent_stays_as_it_was() {
    let bytes = pattern(LARGE);
    let home = site(&[("large", &bytes)]);
    let server = Server::serve(home.path());
    let (large, next) = (home.path().join("large"), home.path().join("next"));
    let whole = |what: &str, change: &dyn Fn()| {
        let (length, body, _) = fetch_across(&server, change);
        assert_eq!((length, body.len()), (LARGE, LARGE), "{what}");
        assert!(body == bytes, "{what}: the old bytes");
    };
    fs::write(&next, vec![b'n'; LARGE]).expect("a file");
    whole("renamed over", &|| fs::rename(&next, &large).expect("a rename"));
    fs::write(&large, &bytes).expect("a file");
    whole("removed", &|| fs::remove_file(&large).expect("it is there"));
    fs::write(&large, &bytes).expect("a file");
    whole("grown", &|| {
        let mut file = OpenOptions::new().append(true).open(&large).expect("the file");
        file.write_all(&[b'z'; 1000]).expect("it grows");
    });
}

/// Section 4.2: 300 atomic replacements; each answer is one version, whole.
#[test]
fn atomic_replacements_are_never_mixed() {
    for (short, long) in [(100, 5_000), (20_000, 300_000)] {
        let versions = [vec![b'a'; short], vec![b'b'; long]];
        let home = site(&[("f", &versions[0])]);
        let server = Server::serve(home.path());
        let done = std::sync::atomic::AtomicBool::new(false);
        let mut seen = [0, 0];
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=300 {
                    replace(home.path(), &versions[round % 2]);
                    thread::sleep(Duration::from_millis(2));
                }
                done.store(true, std::sync::atomic::Ordering::Relaxed);
            });
            let mut client = server.client();
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let answer = client.ask(&get("/f"));
                let version = versions.iter().position(|version| *version == answer.body);
                seen[version.unwrap_or_else(|| panic!("neither version: {} bytes", answer.body.len()))] += 1;
            }
        });
        println!("{} answers of {short} bytes, {} of {long}", seen[0], seen[1]);
    }
}

fn replace(home: &Path, bytes: &[u8]) {
    let next = home.join("next");
    fs::write(&next, bytes).expect("a file");
    fs::rename(&next, home.join("f")).expect("a rename");
}

/// How long after a change an old answer may still be asked for: a second, and a margin for the clocks.
const SECOND_AND_MARGIN: Duration = Duration::from_millis(1500);

/// Asks until the answer is that of the changed file, and tells after how long. What counts is when a request was sent: how
/// late its answer is read says nothing about the server.
fn await_change(what: &str, mut is_new: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    loop {
        let asked = start.elapsed();
        if is_new() {
            return start.elapsed();
        }
        assert!(
            asked <= SECOND_AND_MARGIN,
            "{what}: still the old answer to what was asked {asked:?} after the change"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// A way to change a file: its path, its new bytes, and a path for another file beside it.
type Change = fn(&Path, &[u8], &Path);

/// A cached file that changes is old for a second at most, and never half old (decision 14): small ones, whose bytes are
/// copied, and larger ones, whose bytes are shared with the kernel.
#[test]
fn a_cached_file_is_stale_for_a_second_at_most() {
    let rename: Change = |path, bytes, next| {
        fs::write(next, bytes).expect("a file");
        fs::rename(next, path).expect("a rename");
    };
    let rewrite: Change = |path, bytes, _| fs::write(path, bytes).expect("the file");
    let in_place: Change = |path, bytes, _| {
        OpenOptions::new().write(true).open(path).expect("the file").write_all_at(bytes, 0).expect("the file");
    };
    let cases = [
        ("renamed over", rename, 100),
        ("cut and written", rewrite, 100),
        ("written over", in_place, 100),
        ("large, renamed over", rename, 200_000),
        ("grown", rewrite, 101),
    ];
    let home = site(&[("removed", b"r")]);
    for (what, _, len) in cases {
        fs::write(home.path().join(what), vec![b'o'; len]).expect("a file");
    }
    let server = Server::slipring(home.path(), &["--shards", "1"]);
    thread::sleep(SETTLED);
    thread::scope(|scope| {
        for (what, change, len) in cases {
            let (client, home) = (server.client(), home.path());
            scope.spawn(move || check_change(what, client, home, change, len));
        }
        scope.spawn(|| {
            let status = || server.client().ask(&get("/removed")).status;
            assert_eq!((status(), status()), (200, 200));
            fs::remove_file(home.path().join("removed")).expect("it is there");
            await_change("removed", || status() == 404);
        });
    });
}

fn check_change(what: &str, mut client: Client, home: &Path, change: Change, len: usize) {
    let target = get(&format!("/{}", what.replace(' ', "%20")));
    let (old, new) = (vec![b'o'; len], vec![b'n'; if what == "grown" { len * 2 } else { len }]);
    for _ in 0..3 {
        assert!(client.ask(&target).body == old, "{what}: the cache is warm");
    }
    change(&home.join(what), &new, &home.join(format!("{what}.next")));
    let after = await_change(what, || {
        let body = client.ask(&target).body;
        // Cut to nothing is a version too.
        assert!(body == new || body == old || body.is_empty(), "{what}: neither version: {}", show(&body));
        body == new
    });
    println!("{what}: the new bytes came after {after:?}");
}

/// A cached body that is on its way to a slow peer stays whole when its file is replaced and forgotten.
#[test]
fn a_cached_body_on_its_way_outlives_its_file() {
    let (old, new) = (vec![b'o'; 200_000], vec![b'n'; 150_000]);
    let home = site(&[("f", &old)]);
    let server = Server::slipring(home.path(), &["--shards", "1"]);
    thread::sleep(SETTLED);
    assert!((0..3).all(|_| server.client().ask(&get("/f")).body == old), "the cache is warm");
    let mut slow = server.client();
    slow.send(&get("/f").repeat(100));
    replace(home.path(), &new);
    await_change("replaced", || server.client().ask(&get("/f")).body == new);
    let mut seen_new = false;
    for number in 0..100 {
        let body = slow.response().unwrap_or_else(|| panic!("answer {number}")).body;
        assert!(body == new || (body == old && !seen_new), "answer {number} is of one version");
        seen_new |= body == new;
    }
}

/// Row 4.2 and attack 32: a thousand connections with few descriptors. Nobody spins, nobody dies, and it recovers.
#[test]
fn descriptors_run_out() {
    let home = site(&[("index.html", b"<p>home"), ("large", &pattern(1 << 20))]);
    for descriptors in [256, 48] {
        let Some(mut server) = Server::limited(home.path(), descriptors, &[]) else { return };
        let crowd: Vec<TcpStream> =
            (0..1000).map(|_| TcpStream::connect(server.address()).expect("the backlog takes it")).collect();
        thread::sleep(Duration::from_millis(500));
        let spent_max = Duration::from_millis(200);
        let spent = least_cpu(&[&server], Duration::from_secs(2), spent_max)[0];
        assert!(spent < spent_max, "with {descriptors} descriptors it spins: {spent:?} in 2 s");
        assert!(server.is_running(), "with {descriptors} descriptors: {}", server.said().1);
        println!("{descriptors} descriptors, {} open, {spent:?} of processor time in 2 s", server.descriptors());
        drop(crowd);
        wait_for("an answer after the crowd", PATIENCE, || server.client().send(&get("/")).response().is_some());
        server.assert_serves();
    }
}

/// Above the limit accepting pauses: who waits in the queue is served when places come free, one after the other, and is
/// never turned away (INTERFACES, `connections_max`).
#[test]
fn who_waits_for_a_place_is_served() {
    let home = site(&[("index.html", b"<p>home")]);
    let Some(mut server) = Server::limited(home.path(), 64, &["--shards", "1"]) else { return };
    // All places are taken by peers that say nothing; they were accepted when their number stands still.
    let mut sitting: Vec<TcpStream> = Vec::new();
    let mut open = 0;
    wait_for("the places to be taken", PATIENCE, || {
        sitting.push(TcpStream::connect(server.address()).expect("the backlog takes it"));
        thread::sleep(Duration::from_millis(20));
        std::mem::replace(&mut open, server.descriptors()) == open && sitting.len() > 20
    });
    let mut waiting: Vec<Client> = (0..100).map(|_| server.client()).collect();
    for client in &mut waiting {
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    }
    for peer in sitting {
        drop(peer);
        thread::sleep(Duration::from_millis(2));
    }
    let ends: Vec<_> = waiting.iter_mut().map(Client::read_to_end).collect();
    let served = ends.iter().filter(|(bytes, end)| bytes.starts_with(b"HTTP/1.1 200 ") && *end == End::Fin).count();
    let reset = ends.iter().filter(|(_, end)| *end == End::Reset).count();
    println!("{served} of 100 peers that waited were served, {reset} reset");
    assert_eq!(served, 100);
    server.assert_serves();
}

/// When every descriptor is a connection's, none is left for its file: that is said, and passes.
#[test]
fn no_descriptor_is_left_for_a_file() {
    let large = pattern(8 << 20);
    let home = site(&[("index.html", b"<p>home"), ("large", &large)]);
    let Some(mut server) = Server::limited(home.path(), 64, &["--shards", "1"]) else { return };
    let mut crowd: Vec<Client> = (0..45).map(|_| server.client()).collect();
    for client in &mut crowd {
        client.send(&get("/large"));
    }
    let mut statuses = Vec::new();
    for mut client in crowd {
        let Some(answer) = client.response() else { continue };
        assert!(answer.status == 503 || answer.body == large, "{}", answer.status);
        assert!(matches!(answer.status, 200 | 503), "{}", answer.status);
        statuses.push(answer.status);
    }
    let whole = statuses.iter().filter(|&&status| status == 200).count();
    println!("{whole} of 45 peers got the file, {} a 503", statuses.len() - whole);
    assert!(whole > 0);
    server.assert_serves();
}

/// A log that cannot be written does not stop the server.
#[test]
fn a_full_disk_under_the_log() {
    if File::open("/dev/full").is_err() {
        return println!("note: no /dev/full here");
    }
    let home = site(&[("index.html", b"<p>home")]);
    let mut server = Server::slipring(home.path(), &["--access-log", "/dev/full"]);
    let mut client = server.client();
    for _ in 0..5000 {
        assert_eq!(client.ask(&get("/")).status, 200);
    }
    server.assert_serves();
}

/// A root that is removed and made anew is served again; meanwhile nothing is there.
#[test]
fn a_root_that_is_made_anew() {
    let world = tempfile::TempDir::new().expect("a temporary directory");
    let root = world.path().join("root");
    let make = |text: &str| {
        fs::create_dir(&root).expect("a directory");
        fs::write(root.join("f"), text).expect("a file");
    };
    make("old");
    let server = Server::serve(&root);
    let fetch = || -> Response { server.client().ask(&get("/f")) };
    assert_eq!(fetch().body, b"old");
    fs::remove_dir_all(&root).expect("it is there");
    wait_for("the old root to be gone", PATIENCE, || fetch().status == 404);
    make("new");
    wait_for("the new root", PATIENCE, || fetch().body == b"new");
}
