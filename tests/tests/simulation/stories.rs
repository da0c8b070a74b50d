//! What seeds have found, told once more as scenes: each failed before the fault was mended.

use std::time::Duration;

use slipring::files::FileHandler;
use slipring_ring::sim::{Content, FaultPlan, PeerState};

use crate::handler::Subject;
use crate::rig::{Rig, Setting, count};

const MOMENT: Duration = Duration::from_millis(50);
const FIXED: &str = "GET /fixed HTTP/1.1\r\nHost: x\r\n\r\n";

/// Seed 0x40: a half-close in the middle of a streamed file asked for the next chunk a second time, while the first was
/// on its way.
#[test]
fn a_half_close_inside_a_stream_changes_nothing() {
    for ticks in 0..12 {
        let mut rig = Rig::<Subject>::new(Setting::default());
        rig.outside.put_file("/srv/large", vec![b'a'; 60_000]);
        let peer = rig.connect(10_000);
        rig.send(peer, "GET /file/large HTTP/1.1\r\nHost: x\r\n\r\n");
        (0..ticks).for_each(|_| rig.tick());
        rig.outside.peer_shutdown(peer);
        let text = rig.read(peer, MOMENT);
        assert_eq!(
            text.matches('a').count(),
            60_000 + text.split("\r\n\r\n").next().unwrap_or("").matches('a').count()
        );
        assert_eq!(rig.outside.peer_state(peer), PeerState::Finished);
    }
}

/// Seed 0x1c: the rest of a request came while the answer before it was leaving; nobody looked at it until more came.
#[test]
fn the_rest_of_a_request_counts_while_an_answer_leaves() {
    let mut rig = Rig::<Subject>::new(Setting::default());
    let peer = rig.connect(1);
    let (begun, rest) = FIXED.split_at(10);
    rig.send(peer, &format!("{FIXED}{begun}"));
    rig.run(MOMENT);
    rig.send(peer, rest);
    rig.run(MOMENT);
    rig.outside.peer_window(peer, 1 << 20);
    assert_eq!(count(&rig.read(peer, MOMENT), 200), 2);
}

/// Seed 0x22a: a turn was over between the head of a request and its body, which was there already.
#[test]
fn a_turn_may_end_between_head_and_body() {
    let mut rig = Rig::<Subject>::new(Setting { turn_requests_max: 3, ..Setting::default() });
    let post = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    for answers in 1..12 {
        let peer = rig.connect(1);
        rig.send(peer, &format!("{}{post}{FIXED}", FIXED.repeat(answers)));
        rig.run(MOMENT);
        rig.outside.peer_window(peer, 1 << 20);
        assert_eq!(count(&rig.read(peer, MOMENT), 200), answers + 2);
    }
}

/// Seed 0x1f6a: a free send slot called one who waited, who was gone by then, and the others waited on.
#[test]
fn who_waits_for_a_slot_is_not_forgotten() {
    let mut rig = Rig::<Subject>::new(Setting { send_slots: 2, ..Setting::default() });
    let peers: Vec<_> = (0..6).map(|_| rig.connect(1)).collect();
    for &peer in &peers {
        rig.send(peer, FIXED);
        rig.run(MOMENT);
    }
    // One who holds a slot goes, and with it those who are next in line.
    for &peer in &peers[1..5] {
        rig.outside.peer_reset(peer);
    }
    rig.run(MOMENT);
    rig.outside.peer_window(peers[5], 1 << 20);
    assert_eq!(count(&rig.read(peers[5], MOMENT), 200), 1, "while {:?} still holds the other slot", peers[0]);
}

/// Seed 0x28f: a file that could not be measured when its stream began was never closed, and seed 0x3858: the answers
/// before it were lost.
#[test]
fn a_stream_that_cannot_begin_leaves_nothing_behind() {
    let plan = FaultPlan { measure_error: 500_000, ..FaultPlan::none() };
    let mut rig = Rig::<Subject>::new(Setting { plan, ..Setting::default() });
    rig.outside.put_file("/srv/large", vec![b'a'; 60_000]);
    for _ in 0..40 {
        let peer = rig.connect(1 << 20);
        rig.send(peer, &format!("{FIXED}GET /file/large HTTP/1.1\r\nHost: x\r\n\r\n"));
        rig.outside.peer_shutdown(peer);
        let text = rig.read(peer, MOMENT);
        assert_eq!(count(&text, 200) + count(&text, 500), 2, "{text}");
        assert_eq!(rig.outside.peer_state(peer), PeerState::Finished);
    }
    assert_eq!(rig.outside.leaks(), ["1 operations in flight"], "the accept");
}

/// Seed 0x6e0a: a request that expects to be told to go on, with a body of no bytes, was told so and never answered.
#[test]
fn no_one_is_told_to_go_on_with_nothing() {
    let mut rig = Rig::<Subject>::new(Setting { turn_requests_max: 1, ..Setting::default() });
    for method in ["POST", "PUT"] {
        let peer = rig.connect(1 << 20);
        let head = format!("{method} /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n");
        rig.send(peer, &head);
        let text = rig.read(peer, MOMENT);
        assert_eq!((count(&text, 100), count(&text, 200) + count(&text, 405)), (0, 1), "{text}");
    }
}

/// Seed 0x2dc: the file was measured, then changed, and only then its last chunk was read.
#[test]
fn a_file_that_changes_is_never_sent_as_one() {
    for ticks in 0..30 {
        let mut rig = Rig::<Subject>::new(Setting::default());
        rig.outside.put_file("/srv/changing", vec![b'1'; 40_000]);
        rig.run(MOMENT);
        let peer = rig.connect(1 << 20);
        rig.send(peer, "GET /file/changing HTTP/1.1\r\nHost: x\r\n\r\n");
        (0..ticks).for_each(|_| rig.tick());
        rig.outside.overwrite("/srv/changing", vec![b'2'; 40_000]);
        let text = rig.read(peer, MOMENT);
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let is_one = body.bytes().all(|byte| byte == b'1') || body.bytes().all(|byte| byte == b'2');
        assert!(is_one || body.len() < 40_000, "after {ticks} ticks both versions are in one body");
    }
}

/// Seed 0x221f: a part of a file was read in two pieces, and between them the file was replaced by a shorter one that
/// still held as many bytes.
#[test]
fn a_part_of_a_file_that_changes_is_never_sent_as_one() {
    for ticks in 0..30 {
        let mut rig = Rig::<FileHandler>::new(Setting::default());
        rig.outside.put_file("/srv/changing", vec![b'1'; 40_000]);
        rig.run(MOMENT);
        let peer = rig.connect(1000);
        rig.send(peer, "GET /changing HTTP/1.1\r\nHost: x\r\nRange: bytes=0-2999\r\n\r\n");
        let mut text = String::new();
        for tick in 0..60 {
            if tick == ticks {
                rig.outside.overwrite("/srv/changing", vec![b'2'; 30_000]);
            }
            rig.tick();
            text.push_str(&String::from_utf8_lossy(&rig.outside.peer_recv(peer)));
        }
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let is_one = body.bytes().all(|byte| byte == b'1') || body.bytes().all(|byte| byte == b'2');
        assert!(is_one || body.len() < 3000, "after {ticks} ticks both versions are in one part");
    }
}

/// Seed 0x1745f: a file was read for so long that its answer was out of date when it entered the cache, and yet it was
/// trusted for another second.
#[test]
fn a_slow_fill_is_not_trusted_for_longer() {
    let mut rig = Rig::<FileHandler>::new(Setting::default());
    rig.outside.put_file("/srv/page", Content::from(b"the old page"));
    rig.run(Duration::from_secs(5));
    let first = rig.connect(1 << 20);
    rig.send(first, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
    rig.tick();
    rig.tick();
    rig.outside.set_plan(FaultPlan { slow_file: 1_000_000, slow_ns_max: 30_000_000_000, ..FaultPlan::none() });
    rig.tick();
    rig.outside.put_file("/srv/page", Content::from(b"the new page"));
    let mut text = rig.read(first, Duration::from_millis(1500));
    assert_eq!(text, "", "the disk is slow");
    rig.outside.stop_faults();
    while text.is_empty() {
        text = rig.read(first, Duration::from_millis(1));
    }
    assert!(text.ends_with("the old page"), "{text}");
    let second = rig.connect(1 << 20);
    rig.send(second, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
    let text = rig.read(second, MOMENT);
    assert!(text.ends_with("the new page"), "it was replaced more than a second ago: {text}");
}

/// Found by reading, not by a seed: a drain closed its listener as soon as one accept failed, and reset who was queued.
#[test]
fn a_drain_accepts_past_errors() {
    let mut rig = Rig::<Subject>::new(Setting::default());
    rig.outside.set_plan(FaultPlan { accept_error: 1_000_000, ..FaultPlan::none() });
    let peers: Vec<_> = (0..20).map(|_| rig.connect(1 << 20)).collect();
    for &peer in &peers {
        // Nothing, if an accept has already found it gone.
        rig.outside.peer_send(peer, FIXED.as_bytes());
    }
    rig.drain();
    rig.run(Duration::from_millis(300));
    rig.outside.set_plan(FaultPlan { accept_error: 500_000, ..FaultPlan::none() });
    rig.run(Duration::from_secs(3));
    let outside = rig.outside.clone();
    for peer in peers.into_iter().filter(|&peer| !outside.peer_was_cut(peer)) {
        assert_eq!(count(&rig.read(peer, MOMENT), 200), 1, "{peer:?}");
        assert_eq!(rig.outside.peer_state(peer), PeerState::Finished);
    }
}

/// Found by reading, not by a seed: a connection that was given up while it waited for a receive buffer was armed again,
/// and stayed until its peer left.
#[test]
fn who_is_given_up_receives_no_more() {
    let mut rig = Rig::<Subject>::new(Setting::default());
    let peer = rig.connect(1);
    rig.send(peer, FIXED);
    rig.run(Duration::from_secs(29));
    rig.outside.set_plan(FaultPlan { no_buffers: 1_000_000, ..FaultPlan::none() });
    rig.send(peer, FIXED);
    while rig.timeouts() == 0 {
        rig.tick();
    }
    rig.outside.stop_faults();
    rig.run(MOMENT);
    rig.outside.peer_recv(peer);
    assert_ne!(rig.outside.peer_state(peer), PeerState::Open, "30 s without a byte taken");
}

/// Reads and opens in the trace so far.
fn asked_of_files(rig: &Rig<FileHandler>) -> (usize, usize) {
    let lines = rig.outside.lines();
    let count = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
    (count("submit read "), count("submit open "))
}

/// Decision 14: a file is read once for all who want it while it is read; who reads may go before the end.
#[test]
fn one_reads_a_cold_file_for_all() {
    const GET: &str = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
    let plan = FaultPlan { slow_file: 1_000_000, slow_ns_max: 20_000_000, ..FaultPlan::none() };
    for reader_goes in [false, true] {
        let mut rig = Rig::<FileHandler>::new(Setting { plan: plan.clone(), ..Setting::default() });
        rig.outside.put_file("/srv/a", &b"the bytes"[..]);
        rig.run(Duration::from_secs(3));
        let peers: Vec<_> = (0..10).map(|_| rig.connect(1 << 20)).collect();
        rig.outside.record(10_000);
        rig.send(peers[0], GET);
        while asked_of_files(&rig) != (1, 1) {
            rig.tick();
        }
        peers[1..].iter().for_each(|&peer| rig.send(peer, GET));
        rig.tick();
        assert_eq!(asked_of_files(&rig), (1, 1), "the others follow");
        if reader_goes {
            rig.outside.peer_reset(peers[0]);
        }
        for &peer in &peers[usize::from(reader_goes)..] {
            assert!(rig.read(peer, MOMENT).ends_with("the bytes"));
        }
        let (reads, opens) = asked_of_files(&rig);
        // Behind one who left, each looks for itself, and nobody follows twice.
        assert!(reader_goes || (reads, opens) == (1, 1), "{reads} reads, {opens} opens");
        assert!(reads <= 10 && opens <= 10, "{reads} reads, {opens} opens");
    }
}

/// Decision 13: transfers of one version of a file share its descriptor; a new version has its own.
#[test]
fn transfers_of_one_version_share_a_descriptor() {
    let mut rig = Rig::<FileHandler>::new(Setting::default());
    rig.outside.put_file("/srv/large", vec![b'o'; 400_000]);
    let ask = |rig: &mut Rig<FileHandler>, count: usize| -> Vec<_> {
        let peers: Vec<_> = (0..count).map(|_| rig.connect(1)).collect();
        for &peer in &peers {
            rig.send(peer, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        rig.run(MOMENT);
        peers
    };
    let old = ask(&mut rig, 6);
    rig.outside.put_file("/srv/next", vec![b'n'; 400_000]);
    rig.outside.rename("/srv/next", "/srv/large");
    let new = ask(&mut rig, 3);
    let open = |rig: &Rig<FileHandler>| rig.outside.leaks().iter().filter(|line| line.starts_with("file ")).count();
    assert_eq!(open(&rig), 2);
    for (peers, byte) in [(old, "o"), (new, "n")] {
        for peer in peers {
            rig.outside.peer_window(peer, 1 << 20);
            let text = rig.read(peer, MOMENT);
            let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            assert!(body.len() == 400_000 && body.matches(byte).count() == 400_000, "one version, whole");
        }
    }
    assert_eq!(open(&rig), 0);
}
