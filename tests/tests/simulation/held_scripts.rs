//! Scenes of scripts in which something is held for long. Each was found by reading, and failed before the fault was mended.

use std::time::Duration;

use slipring::cgi::{CgiHandler, CgiOptions};
use slipring::files::{FileHandler, FileOptions};
use slipring::shard::{ProgramLimits, ShardConfig};
use slipring_ring::RootId;
use slipring_ring::sim::{FaultPlan, PeerState, Step};

use crate::rig::{Rig, Setting, count};

type Scripts = Rig<CgiHandler<FileHandler>>;

const MOMENT: Duration = Duration::from_millis(50);

fn scripts(send_slots: u32, change: impl FnOnce(&mut ShardConfig)) -> Scripts {
    let root = RootId(0);
    let factory =
        move || CgiHandler::new(CgiOptions::new(root, b"/srv".to_vec()), FileHandler::new(FileOptions::new(root)));
    Rig::with(Setting { send_slots, ..Setting::default() }, change, Box::new(factory))
}

fn say(text: &str) -> Step {
    Step::Say(text.as_bytes().to_vec())
}

/// Every file operation that begins in the next turn takes up to so long.
fn one_slow_turn(rig: &mut Scripts, slow: Duration) {
    let slow_ns_max = slow.as_nanos() as u64;
    rig.outside.set_plan(FaultPlan { slow_file: 1_000_000, slow_ns_max, ..FaultPlan::none() });
    rig.tick();
    rig.outside.stop_faults();
}

/// Until an operation of this kind is submitted.
fn run_to(rig: &mut Scripts, submission: &str) {
    rig.outside.record(1000);
    let is_there =
        |rig: &Scripts| rig.outside.lines().iter().any(|line| line.contains(submission) && !line.contains("pipe"));
    while !is_there(rig) {
        rig.tick();
    }
}

/// One who waited for a slot with its script's file in hand was given up; then a slot came back, and it was given the slot
/// and its script a place, which nobody ever gave back.
#[test]
fn who_was_given_up_starts_no_script() {
    let mut rig = scripts(2, |config| {
        config.programs = ProgramLimits { running_max: 1, waiting_max: 1, silence: Duration::from_secs(5) };
    });
    rig.outside.put_program("/srv/cgi-bin/hello", vec![say("X: y\n\n"), say("hello")]);
    let given_up = rig.connect(1 << 20);
    rig.send(given_up, "GET /cgi-bin/hello HTTP/1.1\r\nHost: x\r\n\r\n");
    run_to(&mut rig, "submit open");
    one_slow_turn(&mut rig, Duration::from_secs(10));
    let hogs = [rig.connect(1), rig.connect(1)];
    for hog in hogs {
        rig.send(hog, "BREW /a HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    rig.run(Duration::from_secs(15));
    for hog in hogs {
        // What it takes gives it more time than the other has.
        assert_eq!(rig.outside.peer_recv_some(hog, &mut Vec::new(), 1), 1);
    }
    while rig.timeouts() == 0 {
        rig.tick();
    }
    assert_eq!(rig.connections(), 3);
    // The end of its receive is late.
    rig.outside.set_plan(FaultPlan { delay: 1_000_000, delay_ns_max: 1_000_000_000, ..FaultPlan::none() });
    rig.tick();
    rig.outside.stop_faults();
    rig.outside.peer_window(hogs[0], 1 << 20);
    rig.run(Duration::from_secs(2));
    let next = rig.connect(1 << 20);
    rig.send(next, "GET /cgi-bin/hello HTTP/1.1\r\nHost: x\r\n\r\n");
    let text = rig.read(next, Duration::from_secs(2));
    assert!(count(&text, 200) == 1 && text.contains("hello"), "the one place is free: {text}");
}

/// What a script had said last was still in its pipe, as its peer took nothing, a second after its end: the answer ended
/// without it, as if it were whole.
#[test]
fn the_last_words_wait_for_a_slow_peer() {
    let mut rig = scripts(16, |_| {});
    rig.outside.put_program("/srv/cgi-bin/long", vec![say("X: y\n\n"), Step::Say(vec![b'x'; 70_000])]);
    let peer = rig.connect(1000);
    rig.send(peer, "GET /cgi-bin/long HTTP/1.0\r\n\r\n");
    rig.run(Duration::from_secs(5));
    rig.outside.peer_window(peer, 1 << 20);
    let text = rig.read(peer, Duration::from_secs(2));
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    assert_eq!((body.len(), rig.outside.peer_state(peer)), (70_000, PeerState::Finished));
}

/// A script that found no transfer buffer for the second half of its head was never asked for it again; and while there was
/// none, it was asked without pause.
#[test]
fn a_script_that_found_no_buffer_is_heard_again() {
    let mut rig = scripts(16, |config| config.limits.ring.transfers = 1);
    let steps = vec![say("X: y\n"), Step::Sleep(MOMENT), say("\nbody")];
    rig.outside.put_program("/srv/cgi-bin/half", steps);
    rig.outside.put_file("/srv/large", vec![b'a'; 3 << 20]);
    rig.run(Duration::from_secs(2));
    let asks = rig.connect(1 << 20);
    rig.send(asks, "GET /cgi-bin/half HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    rig.run(Duration::from_millis(10));
    let reads = rig.connect(1 << 20);
    rig.send(reads, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    run_to(&mut rig, "submit read");
    one_slow_turn(&mut rig, Duration::from_secs(3));
    rig.run(2 * MOMENT);
    assert!(rig.outside.leaks().iter().any(|line| line.contains("transfer buffers")), "the disk is slow");
    let (end, mut ticks) = (rig.outside.now().plus(MOMENT), 0);
    while rig.outside.now() < end {
        rig.tick();
        ticks += 1;
    }
    assert!(ticks < 100, "{ticks} turns in {MOMENT:?} while it waits");
    let text = rig.read(asks, Duration::from_secs(4));
    assert!(count(&text, 200) == 1 && text.contains("body"), "{text}");
}

/// A script that has ended, whom nobody listens to, was heard to the end of its output; whoever of its children had left its
/// process group and wrote without pause had no end, and kept its place.
#[test]
fn nobody_listens_behind_the_end_for_nobody() {
    let mut rig = scripts(16, |config| config.limits.ring.transfer_bytes = 1000);
    let steps = vec![say("X: y\n\n"), Step::Sleep(MOMENT), Step::Say(vec![b'x'; 60_000])];
    rig.outside.put_program("/srv/cgi-bin/talks", steps);
    let peer = rig.connect(1 << 20);
    rig.send(peer, "HEAD /cgi-bin/talks HTTP/1.0\r\n\r\n");
    assert_eq!(count(&rig.read(peer, MOMENT / 2), 200), 1);
    rig.outside.record(10_000);
    rig.run(2 * MOMENT);
    let reads = rig.outside.lines().iter().filter(|line| line.contains("submit read pipe")).count();
    assert!(reads < 5, "{reads} reads");
    assert!(!rig.outside.leaks().iter().any(|line| line.starts_with("program")), "{:?}", rig.outside.leaks());
}
