//! The simulated world itself: connections end as TCP ends them, files change under open descriptors, time is held.

use std::time::Duration;

use super::{
    LISTENER, Op, OpKind, Outcome, Outside, PeerId, SimConfig, SimRing, Socket, connect, put_away, quiet_ring,
};
use super::{send, token, wait};
use crate::op::{FileId, FileKind, RootId};
use crate::outcome::{FileError, RecvError, SendError};
use crate::sim::{Content, FaultPlan, POISON, PeerState, Special};
use crate::time::Deadline;
use crate::{Batch, Ring};

fn close(ring: &mut SimRing, socket: Socket) {
    ring.submit(token(OpKind::Close, 0), Op::Close { socket });
    wait(ring);
}

/// The outcome of one receive, without its bytes.
fn receive(ring: &mut SimRing, socket: Socket) -> Result<usize, RecvError> {
    ring.submit(token(OpKind::Recv, 0), Op::Recv { socket, multishot: false });
    let completion = wait(ring).pop().expect("it is ready");
    let Outcome::Received(result) = completion.outcome else { panic!("a receive") };
    result.map(|lease| lease.map_or(0, |lease| (lease.len(), ring.give_back(lease)).0))
}

fn send_result(ring: &mut SimRing, socket: Socket) -> Result<u32, SendError> {
    send(ring, socket, b"answer");
    let completion = wait(ring).pop().expect("it is ready");
    let Outcome::Sent(result, _) = &completion.outcome else { panic!("a send") };
    let result = *result;
    put_away(ring, completion);
    result
}

#[test]
fn closing_with_unread_input_resets_the_peer() {
    type Before = fn(&mut SimRing, &Outside, PeerId, Socket);
    let cases: [(&str, Before, PeerState); 4] = [
        ("nothing arrived", |_, _, _, _| {}, PeerState::Finished),
        (
            "all was read",
            |ring, outside, peer, socket| {
                outside.peer_send(peer, b"x");
                assert_eq!(receive(ring, socket), Ok(1));
            },
            PeerState::Finished,
        ),
        ("a byte is unread", |_, outside, peer, _| _ = outside.peer_send(peer, b"x"), PeerState::Reset),
        ("FIN is unread", |_, outside, peer, _| outside.peer_shutdown(peer), PeerState::Finished),
    ];
    for (name, before, expected) in cases {
        let (mut ring, outside) = quiet_ring();
        let (peer, socket) = connect(&mut ring, &outside);
        before(&mut ring, &outside, peer, socket);
        close(&mut ring, socket);
        assert_eq!(outside.peer_state(peer), expected, "{name}");
        assert!(!outside.peer_was_cut(peer));
    }
}

#[test]
fn data_for_a_closed_socket_resets_the_peer() {
    let (mut ring, outside) = quiet_ring();
    let (peer, socket) = connect(&mut ring, &outside);
    assert_eq!(send_result(&mut ring, socket), Ok(6));
    close(&mut ring, socket);
    assert_eq!(outside.peer_state(peer), PeerState::Open, "FIN comes behind the bytes");
    assert_eq!(outside.peer_recv(peer), b"answer");
    assert_eq!(outside.peer_state(peer), PeerState::Finished);
    outside.peer_send(peer, b"more");
    assert_eq!(outside.peer_state(peer), PeerState::Reset);
}

#[test]
fn a_reset_is_told_once() {
    let (mut ring, outside) = quiet_ring();
    let (peer, socket) = connect(&mut ring, &outside);
    outside.peer_send(peer, b"last words");
    outside.peer_reset(peer);
    assert_eq!(receive(&mut ring, socket), Ok(10), "what arrived before stays");
    assert_eq!(receive(&mut ring, socket), Err(RecvError::Broken(libc::ECONNRESET)));
    assert_eq!(receive(&mut ring, socket), Ok(0));
    assert_eq!(send_result(&mut ring, socket), Err(SendError::Broken(libc::EPIPE)));
}

#[test]
fn sending_to_a_peer_that_closed_breaks_the_next_operation() {
    let (mut ring, outside) = quiet_ring();
    let (peer, socket) = connect(&mut ring, &outside);
    outside.peer_close(peer);
    assert_eq!(receive(&mut ring, socket), Ok(0));
    assert_eq!(send_result(&mut ring, socket), Ok(6), "nobody knows yet");
    assert_eq!(send_result(&mut ring, socket), Err(SendError::Broken(libc::EPIPE)));
}

#[test]
fn listeners_refuse_and_reset() {
    let (mut ring, outside) = quiet_ring();
    let waiting = outside.connect(LISTENER);
    ring.refuse_new(LISTENER);
    assert_eq!(outside.peer_state(outside.connect(LISTENER)), PeerState::Refused);
    assert_eq!(outside.peer_state(waiting), PeerState::Open);
    ring.close_listener(LISTENER);
    assert_eq!(outside.peer_state(waiting), PeerState::Reset);
}

fn open(ring: &mut SimRing, path: &[u8]) -> Result<FileId, FileError> {
    ring.submit(token(OpKind::Open, 0), Op::Open { root: RootId(0), path });
    match wait(ring).pop().expect("no faults").outcome {
        Outcome::Opened(result) => result,
        other => panic!("{other:?}"),
    }
}

/// Reads into a transfer buffer; the whole buffer behind it, and how much was read.
fn read(ring: &mut SimRing, file: FileId, offset: u64, len: u32) -> (Result<u32, FileError>, Vec<u8>) {
    let transfer = ring.take_transfer().expect("free");
    ring.submit(token(OpKind::Read, 0), Op::Read { file, offset, len, transfer });
    let Outcome::Read(result, transfer) = wait(ring).pop().expect("no faults").outcome else { panic!("a read") };
    let bytes = ring.transfer_bytes(&transfer).to_vec();
    ring.return_transfer(transfer);
    (result, bytes)
}

#[test]
fn an_open_file_is_its_inode() {
    let (mut ring, outside) = quiet_ring();
    outside.put_file("/srv/a", b"old");
    let file = open(&mut ring, b"a").expect("there");
    let before = ring.measure(file).expect("no faults");
    outside.put_file("/srv/a", b"newer");
    assert_eq!(ring.measure(file), Ok(before), "a rename over the name does not touch the inode");
    assert_eq!(&read(&mut ring, file, 0, 10).1[..4], [b'o', b'l', b'd', POISON]);
    let newer = open(&mut ring, b"a").expect("there");
    assert_ne!(ring.measure(newer).expect("no faults").inode, before.inode);
    outside.resize("/srv/a", 2);
    assert_eq!(read(&mut ring, newer, 2, 10).0, Ok(0));
    outside.remove("/srv/a");
    assert_eq!(open(&mut ring, b"a"), Err(FileError::NotFound));
    assert_eq!(read(&mut ring, newer, 0, 10).0, Ok(2));
}

#[test]
fn large_files_need_no_memory() {
    let (mut ring, outside) = quiet_ring();
    outside.put_file("/srv/large", Content::Generated { seed: 9, len: 5 << 30 });
    let file = open(&mut ring, b"large").expect("there");
    assert_eq!(ring.measure(file).expect("no faults").size, 5 << 30);
    let offset = (5 << 30) - 4;
    let (result, bytes) = read(&mut ring, file, offset, 100);
    assert_eq!(result, Ok(4));
    assert!((0..4).all(|i| bytes[i] == Content::byte_at(9, offset + i as u64)));
    assert!(bytes[4..].iter().all(|&byte| byte == POISON), "behind what was read is nothing");
}

#[test]
fn paths_stay_beneath_the_root() {
    let (mut ring, outside) = quiet_ring();
    outside.put_file("/etc/passwd", b"secret");
    outside.put_file("/srv/dir/file", b"x");
    for (name, target) in [("in", "dir/file"), ("out", "../etc/passwd"), ("abs", "/srv/dir"), ("loop", "loop")] {
        outside.put_link(format!("/srv/{name}"), target);
    }
    outside.put_link("/srv/dir/up", "../dir");
    outside.put_special("/srv/fifo", Special::Fifo);
    outside.put_special("/srv/socket", Special::Socket);
    outside.put_file("/srv/denied", b"x");
    outside.set_readable("/srv/denied", false);
    let cases: [(&[u8], Result<FileKind, FileError>); 17] = [
        (b"", Ok(FileKind::Directory)),
        (b"dir/file", Ok(FileKind::Regular)),
        (b"./dir//./file", Ok(FileKind::Regular)),
        (b"dir/../dir/file", Ok(FileKind::Regular)),
        (b"dir/up/up/file", Ok(FileKind::Regular)),
        (b"in", Ok(FileKind::Regular)),
        (b"fifo", Ok(FileKind::Other)),
        (b"dir/file/", Err(FileError::NotFound)),
        (b"dir/file/more", Err(FileError::NotFound)),
        (b"missing/../dir", Err(FileError::NotFound)),
        (b"..", Err(FileError::OutsideRoot)),
        (b"dir/../../srv/dir/file", Err(FileError::OutsideRoot)),
        (b"/srv/dir/file", Err(FileError::OutsideRoot)),
        (b"out", Err(FileError::OutsideRoot)),
        (b"abs/file", Err(FileError::OutsideRoot)),
        (b"loop", Err(FileError::NotServable)),
        (b"denied", Err(FileError::Denied)),
    ];
    for (path, expected) in cases {
        let kind = open(&mut ring, path).map(|file| ring.measure(file).expect("no faults").kind);
        assert_eq!(kind, expected, "{}", path.escape_ascii());
    }
    assert_eq!(open(&mut ring, b"socket"), Err(FileError::NotServable));
}

#[test]
fn a_root_is_where_its_path_led_when_it_was_refreshed() {
    let mut config = SimConfig::new(1);
    config.roots = vec![b"/www".to_vec()];
    let mut ring = SimRing::new(config);
    let outside = ring.outside();
    outside.put_file("/v2/version", b"2");
    outside.put_file("/www/version", b"1");
    outside.rename("/www", "/v1");
    outside.put_link("/www", "/v2");
    let first = |ring: &mut SimRing| {
        let file = open(ring, b"version").expect("there");
        read(ring, file, 0, 1).1[0]
    };
    assert_eq!(first(&mut ring), b'1');
    ring.refresh_roots();
    assert_eq!(first(&mut ring), b'2');
    outside.remove("/www");
    ring.refresh_roots();
    assert_eq!(first(&mut ring), b'2', "a path that leads nowhere keeps its directory");
}

#[test]
fn the_horizon_holds_time_for_the_harness() {
    let (mut ring, outside) = quiet_ring();
    let mut batch = Batch::new();
    let start = ring.now();
    let horizon = start.plus(Duration::from_millis(3));
    outside.set_horizon(Some(horizon));
    ring.wait(Some(start.after(Duration::from_mins(1))), &mut batch).expect("never lost");
    assert_eq!((ring.now(), outside.is_idle()), (horizon, true));
    outside.set_horizon(None);
    ring.wait(Some(start.after(Duration::from_mins(1))), &mut batch).expect("never lost");
    assert!(Deadline::at(start.plus(Duration::from_mins(1))).passed(ring.now()));
    ring.wait(None, &mut batch).expect("a wait for what never comes returns to the harness");
    assert!(batch.is_empty() && outside.is_idle());
}

#[test]
fn the_wall_clock_jumps_alone() {
    let mut config = SimConfig::new(3);
    config.plan = FaultPlan { wall_jump: 1_000_000, wall_jump_s_max: 1000, ..FaultPlan::none() };
    let mut ring = SimRing::new(config);
    let start = ring.wall().secs;
    let mut batch = Batch::new();
    for tick in 1..=10 {
        ring.wait(Some(Deadline::at(ring.now())), &mut batch).expect("never lost");
        assert_eq!(ring.now().nanos(), tick * 1000);
    }
    assert!(ring.wall().secs.abs_diff(start) > 0);
}
