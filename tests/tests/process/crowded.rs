//! A directory with more names than anybody reads.

use std::fs::File;
use std::thread;

use tempfile::TempDir;

use crate::client::{Client, get};
use crate::harness::{PATIENCE, Server, site, wait_for};

/// As many names as one listing has at most.
const NAMES: usize = 100_000;

/// A directory of so many empty files, each with a number of so many digits as its name.
fn crowded(names: usize, digits: usize) -> TempDir {
    let home = site(&[("small.txt", b"small")]);
    let directory = home.path().join("crowded");
    std::fs::create_dir(&directory).expect("a directory");
    for number in 0..names {
        File::create(directory.join(format!("{number:0digits$}"))).expect("a file");
    }
    home
}

/// Section 4.2: a hundred thousand names are listed, each once and in order, and others are answered meanwhile.
#[test]
fn a_listing_of_a_hundred_thousand_names() {
    let home = crowded(NAMES, 6);
    let server = Server::slipring(home.path(), &["--shards", "1"]);
    let page = String::from_utf8(server.client().ask(&get("/crowded/")).body).expect("UTF-8");
    let shown: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("<li><a href=\"")?.get(..6)).collect();
    let names: Vec<String> = (0..NAMES).map(|number| format!("{number:06}")).collect();
    assert!(shown == names && !page.contains("more names"), "{} names", shown.len());
    // The shard that lists answers others.
    let mut lister = server.client();
    lister.send(&get("/crowded/"));
    let mut others = 0;
    let listing = thread::spawn(move || lister.response().expect("a listing").body.len());
    let mut client = server.client();
    while !listing.is_finished() {
        assert_eq!(client.ask(&get("/small.txt")).body, b"small");
        others += 1;
    }
    assert_eq!(listing.join().expect("no panic"), page.len());
    println!("{} bytes; {others} other answers while they were made and sent", page.len());
}

/// More names than are shown: the page says so.
#[test]
fn a_listing_says_what_it_leaves_out() {
    let home = crowded(NAMES + 2, 6);
    let page = String::from_utf8(Server::serve(home.path()).client().ask(&get("/crowded/")).body).expect("UTF-8");
    assert_eq!(page.matches("<li>").count(), NAMES);
    assert!(page.contains("There are more names than are shown."));
}

/// Peers that ask for the page and do not read it cost a bounded amount. Beyond it a connection ends instead of having its
/// answer, which the error log says, and that passes.
#[test]
fn listings_that_nobody_reads_are_bounded() {
    // Each page has more than 20 MB: few of them go beyond the limit, long before a peer is given up.
    let home = crowded(NAMES, 100);
    let logs = TempDir::new().expect("a directory");
    let log = logs.path().join("errors").display().to_string();
    let mut server = Server::slipring(home.path(), &["--shards", "1", "--error-log", &log]);
    server.client().ask(&get("/crowded/"));
    let before = server.status("VmRSS");
    let mut peers: Vec<Client> = (0..PEERS).map(|_| server.client()).collect();
    for peer in &mut peers {
        peer.send(&get("/crowded/"));
    }
    // Each has the start of its answer, or the end of its connection.
    let answered = peers.iter().filter(|peer| peer.stream().peek(&mut [0]).is_ok_and(|len| len == 1)).count();
    let grown = server.status("VmRSS").saturating_sub(before);
    println!("{grown} KiB for {PEERS} listings that nobody reads, {answered} of them begun");
    assert!(answered > 0 && answered < PEERS, "{answered} of {PEERS} are begun");
    assert!(grown < GROWN_KIB_MAX, "{grown} KiB");
    wait_for("a message for each that was cut", PATIENCE, || {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        said.matches("its answer is cut").count() == PEERS - answered
    });
    drop(peers);
    wait_for("a whole listing", PATIENCE, || {
        server.client().send(&get("/crowded/")).response().is_some_and(|answer| answer.status == 200)
    });
    server.assert_serves();
}

/// How many ask for a page and do not read it.
const PEERS: usize = 14;

/// 128 MiB of bodies that are shared with the kernel, and listings on their way through a shard.
const GROWN_KIB_MAX: u64 = 256 << 10;
