//! Two simulated rings and the bytes between them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use slipring::shard::{RESERVED_TOKENS, Shard, ShardConfig, ShardLimits};
use slipring::{Commands, Exchange, Handler, Reply};
use slipring_ring::sim::{FaultPlan, Outside, PeerId, PeerState, Random, SIM_LIMITS, SimConfig, SimRing};
use slipring_ring::{
    AcceptError, Batch, BlobId, ChildId, Deadline, FileError, FileId, FileReader, FileStat, Instant, Lease, ListenerId,
    Op, OpToken, Peer, Ring, RingLimits, RingLost, SendSlot, SlotBytes, Socket, Transfer, Waker, Wall,
};

/// Where the shard listens, for the driver.
pub const SERVER: &str = "127.0.0.1:8000";
/// Connections that the shard takes.
const CONNECTIONS: usize = 128;
/// The far side is looked at so often, while nothing else happens.
const STEP_NS: u64 = 1_000_000;

/// How long answers are held back.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    /// Shortest.
    pub low_ns: u64,
    /// Longest.
    pub high_ns: u64,
    /// From when until when nothing is answered at all.
    pub stall: Option<(u64, u64)>,
}

/// What really happened, by the number in a request's path.
#[derive(Debug, Default)]
pub struct Truth {
    /// When each request left.
    pub sent: Vec<u64>,
    /// When the last byte of its answer came.
    pub answered: Vec<u64>,
    /// Connections that were opened.
    pub connections: usize,
    /// Bytes of content that the requests carried.
    pub body_bytes: usize,
}

/// The handler of the far side.
pub struct Hello;

impl Handler for Hello {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::say).on("HEAD", Self::say).on("POST", Self::say);
}

impl Hello {
    fn say(&mut self, x: &mut Exchange) -> Reply {
        x.send_response(200)?.send_header("Content-Type", "text/plain")?.end_headers(b"Hello, World!")
    }
}

/// The driver's ring, with a whole server behind it.
pub struct Bridge {
    near: SimRing,
    near_outside: Outside,
    shard: Shard<SimRing, Hello>,
    far_outside: Outside,
    links: Vec<Link>,
    random: Random,
    delays: Delays,
    truth: Rc<RefCell<Truth>>,
}

/// One connection.
struct Link {
    near: PeerId,
    far: PeerId,
    /// Bytes of requests that are not whole.
    asked: Vec<u8>,
    /// Bytes that the far side's window has not taken yet.
    unsent: Vec<u8>,
    /// Numbers and HEAD-ness of the requests without an answer.
    open: VecDeque<(usize, bool)>,
    /// Bytes of answers that are not whole.
    answer: Vec<u8>,
    /// Whole answers, and when each is let through.
    held: VecDeque<(u64, usize, Vec<u8>)>,
    over: bool,
}

impl Bridge {
    pub fn new(limits: RingLimits, seed: u64, delays: Delays) -> (Self, Rc<RefCell<Truth>>) {
        // No tick costs time, so that what the driver sees is what happened, to the nanosecond.
        let plan = FaultPlan { tick_ns: 0, ..FaultPlan::none() };
        let near = SimRing::new(SimConfig { limits, plan, ..SimConfig::new(seed) });
        let near_outside = near.outside();
        near_outside.listen(SERVER.parse().expect("an address"));
        let limits = RingLimits { token_slots: (CONNECTIONS + RESERVED_TOKENS) as u32, ..SIM_LIMITS };
        let far = SimRing::new(SimConfig { limits: limits.clone(), ..SimConfig::new(seed) });
        let far_outside = far.outside();
        let mut config = ShardConfig::new(CONNECTIONS);
        config.limits = ShardLimits { ring: limits, ..config.limits };
        let shard = Shard::new(far, config, Box::new(|| Hello));
        let truth = Rc::<RefCell<Truth>>::default();
        let (links, random) = (Vec::new(), Random::new(seed ^ 0x1d1e));
        (Self { near, near_outside, shard, far_outside, links, random, delays, truth: truth.clone() }, truth)
    }

    fn now(&self) -> u64 {
        self.near_outside.now().nanos()
    }

    /// When the next answer is let through.
    fn next_release(&self) -> u64 {
        self.links.iter().filter_map(|link| link.held.front()).map(|held| held.0).min().unwrap_or(u64::MAX)
    }

    /// Carries over what there is.
    fn carry(&mut self) {
        while let Some(near) = self.near_outside.accept(SERVER.parse().expect("an address")) {
            self.near_outside.peer_window(near, 1 << 20);
            let far = self.far_outside.connect(ListenerId(0));
            self.links.push(Link::new(near, far));
            self.truth.borrow_mut().connections += 1;
        }
        let now = self.now();
        for link in &mut self.links {
            link.take_requests(&self.near_outside, now, &mut self.truth.borrow_mut());
        }
        self.serve();
        for link in &mut self.links {
            link.take_answers(&self.far_outside, now, self.delays, &mut self.random);
            link.let_through(&self.near_outside, now, &mut self.truth.borrow_mut());
            link.end(&self.near_outside, &self.far_outside);
        }
    }

    /// The shard works until it has nothing to do, up to our time.
    fn serve(&mut self) {
        let until = self.near_outside.now();
        self.far_outside.set_horizon(Some(until));
        for _ in 0..10_000 {
            let moved = self.links.iter_mut().map(|link| link.hand_over(&self.far_outside)).max();
            self.shard.tick().expect("a simulated ring is never lost");
            if self.far_outside.is_idle() && self.far_outside.now() >= until && moved.is_none_or(|moved| moved == 0) {
                return;
            }
        }
        panic!("the shard never comes to rest");
    }
}

impl Link {
    fn new(near: PeerId, far: PeerId) -> Self {
        Self {
            near,
            far,
            asked: Vec::new(),
            unsent: Vec::new(),
            open: VecDeque::new(),
            answer: Vec::new(),
            held: VecDeque::new(),
            over: false,
        }
    }

    /// What the driver sent, noted request by request.
    fn take_requests(&mut self, near: &Outside, now: u64, truth: &mut Truth) {
        let bytes = near.peer_recv(self.near);
        self.unsent.extend_from_slice(&bytes);
        self.asked.extend_from_slice(&bytes);
        while let Some((len, number, is_head, body)) = whole_request(&self.asked) {
            self.asked.drain(..len);
            self.open.push_back((number, is_head));
            truth.body_bytes += body;
            let place = truth.sent.len().max(number + 1);
            truth.sent.resize(place, 0);
            truth.sent[number] = now;
        }
    }

    /// Passes bytes on, as many as the window takes.
    fn hand_over(&mut self, far: &Outside) -> usize {
        let sent = if self.unsent.is_empty() { 0 } else { far.peer_send(self.far, &self.unsent) };
        self.unsent.drain(..sent);
        sent
    }

    /// Answers of the shard, each held back for a while, in order.
    fn take_answers(&mut self, far: &Outside, now: u64, delays: Delays, random: &mut Random) {
        self.answer.extend(far.peer_recv(self.far));
        while let Some(&(number, is_head)) = self.open.front() {
            let Some(len) = whole_answer(&self.answer, is_head) else { return };
            self.open.pop_front();
            let due = now + random.between(delays.low_ns, delays.high_ns);
            let due = delays.stall.filter(|(from, to)| (*from..*to).contains(&due)).map_or(due, |(_, to)| to);
            let due = self.held.back().map_or(due, |last| last.0.max(due));
            self.held.push_back((due, number, self.answer.drain(..len).collect()));
        }
    }

    fn let_through(&mut self, near: &Outside, now: u64, truth: &mut Truth) {
        while let Some((_, number, bytes)) = self.held.pop_front_if(|held| held.0 <= now) {
            assert_eq!(near.peer_send(self.near, &bytes), bytes.len(), "the window takes an answer");
            let place = truth.answered.len().max(number + 1);
            truth.answered.resize(place, 0);
            truth.answered[number] = now;
        }
    }

    /// The driver closed: so does the far side.
    fn end(&mut self, near: &Outside, far: &Outside) {
        if !self.over && near.peer_state(self.near) != PeerState::Open {
            self.over = true;
            near.peer_close(self.near);
            far.peer_close(self.far);
        }
    }
}

/// Length, number in the path, whether it is a HEAD request, and bytes of content.
fn whole_request(bytes: &[u8]) -> Option<(usize, usize, bool, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let body = content_length(&head).unwrap_or(0);
    let path = head.split(' ').nth(1)?.trim_start_matches('/');
    (bytes.len() >= end + body).then(|| (end + body, path.parse().expect("a number"), head.starts_with("HEAD"), body))
}

fn whole_answer(bytes: &[u8], is_head: bool) -> Option<usize> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let length = content_length(&String::from_utf8_lossy(&bytes[..end])).expect("the shard says the length");
    let len = end + if is_head { 0 } else { length };
    (bytes.len() >= len).then_some(len)
}

fn content_length(head: &str) -> Option<usize> {
    head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?.trim().parse().ok()
}

impl Ring for Bridge {
    fn submit(&mut self, token: OpToken, op: Op<'_>) {
        self.near.submit(token, op);
    }

    fn wait(&mut self, until: Option<Deadline>, batch: &mut Batch) -> Result<(), RingLost> {
        let limit = until.expect("the driver always looks at the clock again").nanos();
        loop {
            let step = limit.min(self.now() + STEP_NS).min(self.next_release()).max(self.now());
            let step = Instant::ORIGIN.plus(std::time::Duration::from_nanos(step));
            self.near_outside.set_horizon(Some(step));
            self.near.wait(Some(Deadline::at(step)), batch)?;
            self.carry();
            if !batch.is_empty() || self.now() >= limit {
                return Ok(());
            }
        }
    }

    fn now(&self) -> Instant {
        self.near.now()
    }

    fn wall(&self) -> Wall {
        self.near.wall()
    }

    fn waker(&self) -> Waker {
        self.near.waker()
    }

    fn bytes(&self, lease: &Lease) -> &[u8] {
        self.near.bytes(lease)
    }

    fn give_back(&mut self, lease: Lease) {
        self.near.give_back(lease);
    }

    fn take_slot(&mut self) -> Option<SendSlot> {
        self.near.take_slot()
    }

    fn return_slot(&mut self, slot: SendSlot) {
        self.near.return_slot(slot);
    }

    fn fill<'a>(&'a mut self, slot: &'a mut SendSlot) -> SlotBytes<'a> {
        self.near.fill(slot)
    }

    fn borrow<'a>(&'a mut self, lease: &Lease, slot: &'a mut SendSlot) -> (&'a [u8], SlotBytes<'a>) {
        self.near.borrow(lease, slot)
    }

    fn attach(&mut self, slot: &mut SendSlot, blob: BlobId, range: Range<u32>) -> bool {
        self.near.attach(slot, blob, range)
    }

    fn freeze(&mut self, bytes: impl Into<Arc<[u8]>>) -> Option<BlobId> {
        self.near.freeze(bytes)
    }

    fn blob(&self, blob: BlobId) -> &[u8] {
        self.near.blob(blob)
    }

    fn release(&mut self, blob: BlobId) {
        self.near.release(blob);
    }

    fn take_transfer(&mut self) -> Option<Transfer> {
        self.near.take_transfer()
    }

    fn take_sink_buffer(&mut self) -> Option<Transfer> {
        self.near.take_sink_buffer()
    }

    fn return_transfer(&mut self, transfer: Transfer) {
        self.near.return_transfer(transfer);
    }

    fn transfer_bytes(&self, transfer: &Transfer) -> &[u8] {
        self.near.transfer_bytes(transfer)
    }

    fn transfer_bytes_mut(&mut self, transfer: &mut Transfer) -> &mut [u8] {
        self.near.transfer_bytes_mut(transfer)
    }

    fn measure(&mut self, file: FileId) -> Result<FileStat, FileError> {
        self.near.measure(file)
    }

    fn peer(&self, socket: Socket) -> Peer {
        self.near.peer(socket)
    }

    fn local(&self, socket: Socket) -> Peer {
        self.near.local(socket)
    }

    fn refuse_new(&mut self, listener: ListenerId) {
        self.near.refuse_new(listener);
    }

    fn accept_now(&mut self, listener: ListenerId) -> Option<Result<Socket, AcceptError>> {
        self.near.accept_now(listener)
    }

    fn close_listener(&mut self, listener: ListenerId) {
        self.near.close_listener(listener);
    }

    fn refresh_roots(&mut self) {
        self.near.refresh_roots();
    }

    fn kill(&mut self, child: ChildId) {
        self.near.kill(child);
    }

    fn share(&mut self, file: FileId) -> Result<FileReader, FileError> {
        self.near.share(file)
    }
}
