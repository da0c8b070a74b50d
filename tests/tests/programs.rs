//! Scripts in the simulation: the real shard and the real CGI handler, programs made of steps, faults from a seed.
//!
//! Whatever happens, each peer gets a whole and right answer, an error of the gateway's, or a cut connection; and at the
//! end nothing is left: no pipe, no program, no buffer.

use std::time::Duration;

use slipring::cgi::{CgiHandler, CgiOptions};
use slipring::files::{FileHandler, FileOptions};
use slipring::shard::{ProgramLimits, Shard, ShardConfig};
use slipring_ring::sim::{Outside, PeerId, PeerState, SimConfig, SimRing, Step};
use slipring_ring::{Exit, ListenerId, Ring, RootId};

type Server = Shard<SimRing, CgiHandler<FileHandler>>;

/// Each script, and what it answers, if nothing goes wrong.
const SCRIPTS: [(&str, &[u8]); 7] = [
    ("hello", b"hello"),
    ("slow", b"slowly"),
    ("echo", b"a body"),
    ("orphan", b"left"),
    ("dies", b""),
    ("silent", b""),
    ("big", b""),
];

fn steps(name: &str) -> Vec<Step> {
    let say = |text: &str| Step::Say(text.as_bytes().to_vec());
    let head = say("X: y\n\n");
    match name {
        "hello" => vec![head, say("hello"), Step::Complain(b"a complaint".to_vec())],
        "slow" => vec![Step::Sleep(Duration::from_millis(50)), say("X:"), say(" y\n\nslo"), Step::Take(10), say("wly")],
        "echo" => vec![head, Step::Echo],
        "orphan" => vec![head, say("left"), Step::Orphan],
        "dies" => vec![head, say("half"), Step::End(Exit::Signal(11))],
        "silent" => vec![Step::Sleep(Duration::from_hours(1))],
        _ => vec![head, Step::Say(vec![b'x'; 300_000])],
    }
}

fn make(seed: u64) -> (Server, Outside) {
    let mut config = ShardConfig::new(64);
    config.programs = ProgramLimits { running_max: 2, waiting_max: 2, silence: Duration::from_secs(5) };
    let mut world = SimConfig::with_faults(seed);
    world.limits.token_slots = config.limits.ring.token_slots;
    // An answer's room has to fit; everything else stays small.
    world.limits.send_slot_bytes = config.limits.ring.send_slot_bytes;
    config.limits.ring = world.limits.clone();
    let ring = SimRing::new(world);
    let outside = ring.outside();
    for (name, _) in SCRIPTS {
        outside.put_program(format!("/srv/cgi-bin/{name}"), steps(name));
    }
    let root = RootId(0);
    let factory =
        move || CgiHandler::new(CgiOptions::new(root, b"/srv".to_vec()), FileHandler::new(FileOptions::new(root)));
    (Shard::new(ring, config, Box::new(factory)), outside)
}

fn request(name: &str) -> Vec<u8> {
    format!("POST /cgi-bin/{name} HTTP/1.0\r\nContent-Length: 6\r\n\r\na body").into_bytes()
}

/// Lets so much virtual time pass, peers reading all the while.
fn pass(server: &mut Server, outside: &Outside, peers: &mut [(PeerId, Vec<u8>)], span: Duration) {
    let end = outside.now().plus(span);
    while outside.now() < end {
        outside.set_horizon(Some(outside.now().plus(Duration::from_millis(20))));
        server.tick().expect("the ring lives");
        for (peer, heard) in peers.iter_mut() {
            heard.extend(outside.peer_recv(*peer));
        }
    }
}

fn run(seed: u64) -> u64 {
    let (mut server, outside) = make(seed);
    let mut peers = Vec::new();
    for round in 0..3 {
        for (at, (name, _)) in SCRIPTS.iter().enumerate() {
            let peer = outside.connect(ListenerId(0));
            outside.peer_send(peer, &request(name));
            if (round, at % 3) == (1, 2) {
                pass(&mut server, &outside, &mut peers, Duration::from_millis(20));
                outside.peer_reset(peer);
            }
            peers.push((peer, Vec::new()));
        }
        pass(&mut server, &outside, &mut peers, Duration::from_secs(2));
    }
    outside.stop_faults();
    pass(&mut server, &outside, &mut peers, Duration::from_mins(2));
    for (at, (peer, heard)) in peers.iter().enumerate() {
        let (name, body) = SCRIPTS[at % SCRIPTS.len()];
        let text = String::from_utf8_lossy(heard);
        // A connection that was cut may have brought any part of its answer.
        let whole = text.contains("\r\n\r\n");
        let status = text.split(' ').nth(1).filter(|_| whole).unwrap_or("none");
        let state = outside.peer_state(*peer);
        assert!(matches!(state, PeerState::Finished | PeerState::Reset), "seed {seed:#x}: {name} is {state:?}: {text}");
        assert!(
            ["200", "403", "500", "502", "503", "504", "none", "408", "404"].contains(&status),
            "seed {seed:#x}: {name}: {text}"
        );
        if status == "200" && state == PeerState::Finished && !body.is_empty() {
            assert!(heard.ends_with(body), "seed {seed:#x}: {name} said {text}");
        }
        assert!(name != "silent" || status != "200", "seed {seed:#x}: who says nothing has no answer: {text}");
    }
    server.mailbox().post(slipring::shard::Message::Drain);
    while !server.is_done() {
        outside.set_horizon(None);
        server.tick().expect("the ring lives");
    }
    assert!(outside.leaks().is_empty(), "seed {seed:#x}: {:?}", outside.leaks());
    assert!(server.ring_mut().take_transfer().map(|transfer| server.ring_mut().return_transfer(transfer)).is_some());
    outside.trace_hash()
}

#[test]
fn scripts_leave_nothing_behind() {
    let seeds = std::env::var("SLIPRING_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(60);
    for seed in 0..seeds {
        let first = run(seed);
        if seed % 10 == 0 {
            assert_eq!(run(seed), first, "the same seed is the same run");
        }
    }
}
