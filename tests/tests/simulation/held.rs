//! Scenes in which something is held for long: send slots by peers that do not read, transfer buffers by a slow disk, the log
//! by a sink that takes nothing. Each was found by reading, and failed before the fault was mended.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use slipring::log::Overflow;
use slipring::shard::{LogConfig, ShardConfig};
use slipring::{Admit, Arrived, BodySource, Commands, Exchange, Handler, Reply, Request};
use slipring_ring::sim::{FaultPlan, PeerId, PeerState};
use slipring_ring::{RootId, SinkId};

use crate::rig::{Rig, Setting, count};

const MOMENT: Duration = Duration::from_millis(50);
const FIXED: &str = "GET /fixed HTTP/1.1\r\nHost: x\r\n\r\n";
const BODY_BYTES: usize = 2_000_000;

/// Answers by path, and tells how deep on the stack it was resumed.
struct Holder {
    tags: u32,
    asked: Rc<Cell<usize>>,
    depths: Rc<RefCell<Vec<usize>>>,
}

impl Handler for Holder {
    const COMMANDS: Commands<Self> =
        Commands::new().on("GET", Self::do_get).on("POST", Self::do_post).body_bytes_max(4 << 20);

    fn admit(&mut self, request: &Request<'_>) -> Admit {
        if request.path() == b"/spool" { Admit::Spool(4 << 20) } else { Self::COMMANDS.admit(request) }
    }

    fn resume(&mut self, x: &mut Exchange<'_>, tag: u32, arrived: Arrived<'_>) -> Reply {
        let here = 0_u8;
        self.depths.borrow_mut().push(std::ptr::from_ref(&here).addr());
        match (x.path(), arrived) {
            (b"/twice", _) if tag.is_multiple_of(2) => x.ask_open(tag + 1, RootId(0), b"some"),
            (b"/stream", Arrived::Opened(Ok((file, stat)))) => {
                x.send_response(200)?.end_headers_from(BodySource::File(file, 0..stat.size), stat.size)
            }
            (b"/long-head", Arrived::Opened(Ok((file, stat)))) => x
                .send_response(200)?
                .send_header("X-Long", "x".repeat(30_000))?
                .end_headers_from(BodySource::File(file, 0..stat.size), stat.size),
            _ => x.send_response(200)?.end_headers(b""),
        }
    }
}

impl Holder {
    fn do_get(&mut self, x: &mut Exchange<'_>) -> Reply {
        self.tags += 2;
        self.asked.set(self.asked.get() + 1);
        match x.path() {
            b"/twice" | b"/long-head" | b"/stream" => x.ask_open(self.tags, RootId(0), b"some"),
            b"/interim" => {
                let never = self.tags + 1;
                x.send_informational(103, &[("Link", b"</style.css>")])?.ask_after(self.tags, never)
            }
            _ => x.send_response(200)?.end_headers(b"a body"),
        }
    }

    fn do_post(&mut self, x: &mut Exchange<'_>) -> Reply {
        let len = x.body_len().to_string();
        x.send_response(200)?.end_headers(len.as_bytes())
    }
}

/// A rig with such a handler, how many requests it was asked and where it was resumed.
struct Held {
    rig: Rig<Holder>,
    asked: Rc<Cell<usize>>,
    depths: Rc<RefCell<Vec<usize>>>,
}

fn held(send_slots: u32, change: impl FnOnce(&mut ShardConfig)) -> Held {
    let (asked, depths) = (Rc::<Cell<usize>>::default(), Rc::<RefCell<Vec<usize>>>::default());
    let shared = (asked.clone(), depths.clone());
    let factory = move || Holder { tags: 0, asked: shared.0.clone(), depths: shared.1.clone() };
    let rig = Rig::with(Setting { send_slots, ..Setting::default() }, change, Box::new(factory));
    rig.outside.put_file("/srv/some", vec![b'a'; 60_000]);
    Held { rig, asked, depths }
}

/// Peers that take one byte of their answers: each holds a send slot.
fn hogs(rig: &mut Rig<Holder>, number: usize) -> Vec<PeerId> {
    let peers: Vec<_> = (0..number).map(|_| rig.connect(1)).collect();
    for &peer in &peers {
        rig.send(peer, FIXED);
    }
    rig.run(Duration::from_millis(1));
    peers
}

/// Every file operation from now on takes up to so long.
fn slow_disk(slow: Duration) -> FaultPlan {
    FaultPlan { slow_file: 1_000_000, slow_ns_max: slow.as_nanos() as u64, ..FaultPlan::none() }
}

fn open_files(rig: &Rig<Holder>) -> usize {
    rig.outside.leaks().iter().filter(|line| line.starts_with("file ")).count()
}

/// A hundred exchanges had what they waited for, but no send slot; each, when it was called, asked for something else and
/// gave the slot back to the next, on top of its own stack frames.
#[test]
fn a_line_of_waiters_is_no_tower_of_calls() {
    const WAITERS: usize = 100;
    let Held { mut rig, asked, depths } = held(2, |config| config.limits.connections_max = WAITERS + 8);
    let peers: Vec<_> = (0..WAITERS).map(|_| rig.connect(1 << 20)).collect();
    rig.outside.set_plan(slow_disk(Duration::from_millis(200)));
    for &peer in &peers {
        rig.send(peer, "GET /twice HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    while asked.get() < WAITERS {
        rig.tick();
    }
    let slots = hogs(&mut rig, 2);
    rig.run(Duration::from_millis(500));
    rig.outside.stop_faults();
    depths.borrow_mut().clear();
    rig.outside.peer_window(slots[0], 1 << 20);
    for &peer in &peers {
        assert_eq!(count(&rig.read(peer, MOMENT), 200), 1, "nobody is forgotten");
    }
    let depths = depths.borrow();
    let spread = depths.iter().max().expect("some were resumed") - depths.iter().min().expect("as said");
    assert!(depths.len() > WAITERS, "{} were resumed", depths.len());
    assert!(spread < 48 * 1024, "{spread} bytes of stack between the first and the last");
}

/// One who sends a long body.
struct Poster {
    peer: PeerId,
    sent: usize,
}

impl Poster {
    /// Sends the head.
    fn begin(rig: &mut Rig<Holder>) -> Self {
        let peer = rig.connect(1 << 20);
        rig.send(peer, &format!("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_BYTES}\r\n\r\n"));
        Self { peer, sent: 0 }
    }

    /// Sends as much of the body as is taken.
    fn go_on(&mut self, rig: &mut Rig<Holder>, span: Duration) {
        let end = rig.outside.now().plus(span);
        while rig.outside.now() < end {
            let piece = vec![b'b'; (BODY_BYTES - self.sent).min(100_000)];
            self.sent += rig.outside.peer_send(self.peer, &piece);
            rig.tick();
        }
    }

    fn is_held_back(&mut self, rig: &mut Rig<Holder>) {
        self.go_on(rig, Duration::from_millis(500));
        assert_eq!((rig.aborted(), rig.outside.peer_state(self.peer)), (0, PeerState::Open), "{} bytes", self.sent);
        assert!(self.sent < 400_000, "{} bytes were taken of one who has to wait", self.sent);
    }

    fn is_answered(&mut self, rig: &mut Rig<Holder>) {
        self.go_on(rig, Duration::from_secs(3));
        let text = rig.read(self.peer, MOMENT);
        assert!(count(&text, 200) == 1 && text.ends_with("2000000"), "{} bytes sent: {text}", self.sent);
        rig.send(self.peer, FIXED);
        assert_eq!(count(&rig.read(self.peer, MOMENT), 200), 1, "it is heard behind that too");
    }
}

/// A body that found no send slot was taken into memory until its connection was cut for holding too much.
#[test]
fn who_waits_for_a_slot_is_held_back() {
    for head_first in [false, true] {
        let Held { mut rig, .. } = held(2, |_| {});
        let early = head_first.then(|| Poster::begin(&mut rig));
        rig.run(MOMENT);
        let slots = hogs(&mut rig, 2);
        let mut poster = early.unwrap_or_else(|| Poster::begin(&mut rig));
        poster.is_held_back(&mut rig);
        rig.outside.peer_window(slots[0], 1 << 20);
        poster.is_answered(&mut rig);
    }
}

/// The same where the log had no room: its receive was cancelled, and armed again at that end.
#[test]
fn who_waits_for_the_log_is_held_back() {
    let Held { mut rig, .. } = held(16, |config| {
        config.limits.ring.sink_buffer_bytes = 1024;
        config.logs = LogConfig { overflow: Overflow::Wait, buffer_bytes: 200, ..LogConfig::to(SinkId(0)) };
    });
    rig.outside.set_plan(FaultPlan { write_error: 1_000_000, ..FaultPlan::none() });
    let talker = rig.connect(1 << 20);
    for _ in 0..60 {
        rig.send(talker, FIXED);
        rig.read(talker, Duration::from_millis(2));
    }
    let mut poster = Poster::begin(&mut rig);
    poster.is_held_back(&mut rig);
    rig.outside.stop_faults();
    poster.is_answered(&mut rig);
}

/// An interim head was on its way to a peer that was given up, and left after all, as the last of its operations: the
/// connection stayed in the table.
#[test]
fn a_send_that_goes_well_ends_who_was_given_up() {
    let Held { mut rig, .. } = held(16, |_| {});
    let peer = rig.connect(1);
    rig.send(peer, "GET /interim HTTP/1.1\r\nHost: x\r\n\r\n");
    rig.run(MOMENT);
    rig.outside.peer_shutdown(peer);
    while rig.timeouts() == 0 {
        rig.tick();
    }
    // The cancel of its send comes too late.
    rig.outside.set_plan(FaultPlan { delay: 1_000_000, delay_ns_max: 1_000_000_000, ..FaultPlan::none() });
    rig.tick();
    rig.outside.stop_faults();
    rig.outside.peer_window(peer, 1 << 20);
    rig.run(Duration::from_secs(2));
    assert_eq!(rig.connections(), 0);
}

/// A 408 while a piece of its body was being stored, or waited for a buffer: the spool was kept until the peer was gone.
#[test]
fn a_body_that_is_late_gives_its_spool_back() {
    let Held { mut rig, .. } = held(16, |config| {
        config.limits.ring.transfers = 1;
        config.rules.spool_piece_bytes = 2000;
        config.rules.timeouts.job = Duration::from_secs(1);
        config.rules.timeouts.linger = Duration::from_mins(1);
    });
    rig.outside.record(1000);
    let begins = format!("POST /spool HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n{}", "b".repeat(5000));
    let storing = rig.connect(1 << 20);
    rig.send(storing, &begins);
    while !rig.outside.lines().iter().any(|line| line.contains("submit store")) {
        rig.tick();
    }
    rig.outside.set_plan(slow_disk(Duration::from_secs(20)));
    rig.tick();
    rig.outside.stop_faults();
    let waiting = rig.connect(1 << 20);
    rig.send(waiting, &begins);
    rig.run(MOMENT);
    assert_eq!(open_files(&rig), 2);
    for peer in [storing, waiting] {
        assert_eq!(count(&rig.read(peer, Duration::from_secs(1)), 408), 1);
    }
    let flies = rig.outside.leaks().iter().any(|line| line.contains("transfer buffers"));
    assert!(flies && open_files(&rig) == 1, "one is being stored still: {:?}", rig.outside.leaks());
    rig.run(Duration::from_secs(25));
    assert_eq!((open_files(&rig), rig.connections()), (0, 2), "both peers are still heard out");
}

/// A head that does not fit its slot, when the memory of bodies on their way is full: its file stayed open.
#[test]
fn a_head_that_finds_no_room_leaves_no_file_open() {
    let Held { mut rig, .. } = held(16, |config| config.limits.ring.blob_bytes = 1000);
    let peer = rig.connect(1 << 20);
    rig.send(peer, "GET /long-head HTTP/1.1\r\nHost: x\r\n\r\n");
    rig.run(MOMENT);
    assert_eq!((rig.aborted(), rig.connections(), open_files(&rig)), (1, 0, 0));
}

/// What came while a closing answer was streamed was forgotten: the close answered it with a reset, and the end of the
/// answer was lost with it.
#[test]
fn what_comes_during_a_closing_stream_is_heard_out() {
    for pauses in 0..3 {
        let Held { mut rig, .. } = held(16, |_| {});
        let peer = rig.connect(1000);
        rig.send(peer, "GET /stream HTTP/1.0\r\n\r\n");
        rig.run(MOMENT);
        for _ in 0..pauses {
            rig.send(peer, FIXED);
            rig.run(MOMENT);
        }
        let mut bytes = rig.read(peer, MOMENT).len();
        bytes += rig.read(peer, MOMENT).len();
        rig.outside.peer_shutdown(peer);
        bytes += rig.read(peer, MOMENT).len();
        assert!(bytes > 60_000, "{bytes} bytes");
        assert_eq!(rig.outside.peer_state(peer), PeerState::Finished, "{pauses} requests behind it");
    }
}
