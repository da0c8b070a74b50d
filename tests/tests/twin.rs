//! The twin: one script against the same shard on two rings, the simulated one and the kernel's. What each peer sees must
//! be the same: every byte but the date, and how its connection ended.

#[path = "twin/handler.rs"]
mod handler;
#[path = "twin/scripts.rs"]
mod scripts;
#[path = "twin/worlds.rs"]
mod worlds;

use std::collections::BTreeMap;
use std::time::Duration;

use scripts::{Act, SCRIPTS};
use worlds::{End, Real, Simulated, World};

/// Silence after which a peer of the kernel's world has seen everything; on a loaded machine it may take longer.
const QUIET: [Duration; 2] = [Duration::from_millis(60), Duration::from_secs(1)];

/// What one peer saw.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    bytes: String,
    end: End,
}

#[test]
fn both_rings_show_each_peer_the_same() {
    for (name, script) in SCRIPTS {
        let simulated = play(Simulated::new(), script);
        let [soon, late] = QUIET;
        if play(Real::new(soon), script) != simulated {
            assert_eq!(simulated, play(Real::new(late), script), "{name}");
        }
    }
}

/// The scripts show what they are there for.
#[test]
fn scripts_end_as_they_should() {
    for (name, script) in SCRIPTS {
        let seen = play(Simulated::new(), script);
        let silent =
            matches!(*name, "half-closed inside a head" | "half-closed inside a body" | "half-closed at once" | "TLS");
        assert_eq!(seen[&0].bytes.is_empty(), silent, "{name}: {}", seen[&0].bytes);
        let says_close = seen[&0].bytes.contains("\r\nConnection: close\r\n");
        assert!(!says_close || seen[&0].end == End::Finished, "{name}: {seen:?}");
        assert!(seen.values().all(|seen| seen.end != End::Reset), "{name}: {seen:?}");
    }
}

/// Plays a script; what each peer that stayed saw.
fn play<W: World>(mut world: W, script: &[(usize, Act)]) -> BTreeMap<usize, Seen> {
    let mut peers = BTreeMap::new();
    for &(number, act) in script {
        let (mut peer, mut bytes) = peers.remove(&number).unwrap_or_else(|| (world.connect(), Vec::new()));
        match act {
            Act::Send(sent) => world.send(&mut peer, sent),
            Act::Post(len) => {
                let head = format!("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n\r\n");
                world.send(&mut peer, &[head.into_bytes(), vec![b'p'; len]].concat());
            }
            Act::HalfClose => world.half_close(&mut peer),
            Act::Close => {
                world.close(peer);
                continue;
            }
            Act::Drain => world.drain(),
        }
        world.read(&mut peer, &mut bytes);
        peers.insert(number, (peer, bytes));
    }
    let last = |(number, (mut peer, mut bytes)): (usize, (W::Peer, Vec<u8>))| {
        let end = world.read(&mut peer, &mut bytes);
        (number, Seen { bytes: masked(&bytes), end })
    };
    peers.into_iter().map(last).collect()
}

/// The bytes as text, without what a date says.
fn masked(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split_inclusive("\r\n");
    lines.map(|line| if line.starts_with("Date: ") { "Date: masked\r\n" } else { line }).collect()
}
