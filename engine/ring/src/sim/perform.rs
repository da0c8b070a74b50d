//! Carrying operations out, once they are due: sockets, cancels, and what ends an operation.

use std::net::{IpAddr, SocketAddr};

use super::buffers::count;
use super::conn::{Arrival, RingEnd};
use super::kernel::Kernel;
use super::ops::{Busy, Flying, Work};
use super::trace::{ValueHasher, fingerprint};
use super::world::World;
use crate::buffer::{BlobId, Lease};
use crate::completion::{Completion, Outcome};
use crate::op::{Socket, Task};
use crate::outcome::{
    AcceptError, ChildError, ConnectError, FileError, PipeError, RecvError, RunError, SendError, SpawnError,
};
use crate::token::OpToken;

impl Kernel {
    /// Carries an operation out. One that finds nothing to do after all waits on.
    pub(super) fn perform(&mut self, world: &mut World, op: u32) {
        let flying = &self.ops.table[op as usize];
        if flying.cancelled {
            return self.end_cancelled(world, op);
        }
        match flying.work {
            Work::Accept { listener } => self.accept(world, op, listener.0),
            Work::Recv { socket, multishot } => self.receive(world, op, socket, multishot),
            Work::Send { socket, .. } => self.send(world, op, socket),
            Work::Discard { socket, len } => self.discard(world, op, socket, len),
            Work::Post { socket, blob, len } => self.carry_out_post(world, op, socket, blob, len),
            Work::ReadPipe { pipe, .. } => self.read_pipe(world, op, pipe),
            Work::WritePipe { pipe, .. } => self.write_pipe(world, op, pipe),
            Work::PollPipe { .. } => self.deliver(world, op, Outcome::PipeReady(Ok(())), true),
            Work::AwaitExit { child } => self.await_exit(world, op, child),
            Work::Poll { socket } => self.poll(world, op, socket),
            _ => self.carry_out(world, op),
        }
    }

    /// What happens at once, whatever the state of things.
    fn carry_out(&mut self, world: &mut World, op: u32) {
        let flying = self.take_out(world, op);
        let busy = flying.work.busy();
        let outcome = match flying.work {
            Work::Cancel { target } => Outcome::Cancelled(self.cancel(world, target)),
            Work::Shutdown { socket } => shut_down(world, socket),
            Work::Close { socket, reset } => close(world, socket, reset),
            Work::Connect { to, from } => {
                let failed = self.random.chance(world.plan.connect_error);
                let failure = failed.then(|| self.random.pick(&CONNECT_FAULTS));
                Outcome::Connected(failure.map_or_else(|| connect(world, to, from), Err))
            }
            Work::ConnectUnix { path } => {
                let failed = self.random.chance(world.plan.connect_error);
                let failure = failed.then(|| self.random.pick(&CONNECT_FAULTS));
                Outcome::Connected(failure.map_or_else(|| connect_unix(world, &path), Err))
            }
            Work::Stream { socket, transfer, start, end, mark } => {
                let result = self.stream(world, socket, self.transfers.range(&transfer, start, end).len());
                if let Ok(sent) = result {
                    let bytes = self.transfers.range(&transfer, start, start + sent);
                    world.network.conns[socket.0 as usize].outbound.extend(bytes);
                    after_send(world, socket);
                }
                self.transfers.landed_unchanged(&transfer, start, end, mark);
                Outcome::Streamed(result, transfer)
            }
            Work::Run { task } => {
                let failed = self.random.chance(world.plan.run_error);
                let failure = failed.then(|| self.random.pick(&RUN_FAULTS));
                Outcome::Ran(failure.map_or_else(|| run(task), Err))
            }
            work @ (Work::Spool
            | Work::Store { .. }
            | Work::Spawn { .. }
            | Work::Reap { .. }
            | Work::ClosePipe { .. }) => self.carry_out_program_work(world, work),
            work => self.carry_out_file_work(world, work),
        };
        self.post(Completion { token: flying.token, outcome, more: false }, busy);
    }

    /// A socket has room for everything that is posted; that nobody reads is the window's matter.
    fn carry_out_post(&mut self, world: &mut World, op: u32, socket: Socket, blob: BlobId, len: u32) {
        self.break_perhaps(world, socket);
        let flying = self.take_out(world, op);
        match world.network.conns[socket.0 as usize].room() {
            Ok(_) => {
                let bytes = &self.slots.blob(blob)[..len as usize];
                world.network.conns[socket.0 as usize].outbound.extend(bytes);
                after_send(world, socket);
                count(&self.ledger.operations, -1);
            }
            Err(errno) => {
                let outcome = Outcome::PostFailed(SendError::Broken(errno));
                self.post(Completion { token: flying.token, outcome, more: false }, Busy::Nothing);
            }
        }
    }

    fn accept(&mut self, world: &mut World, op: u32, listener: u16) {
        let Some(result) = self.next_connection(world, listener) else { return };
        let ends = result.is_err() || self.queue_is_full() || self.random.chance(world.plan.multishot_end);
        self.deliver(world, op, Outcome::Accepted(result), ends);
    }

    /// Takes the next connection off a listener's queue, or says why it cannot be had. `None`: the queue is empty.
    pub(super) fn next_connection(&mut self, world: &mut World, listener: u16) -> Option<Result<Socket, AcceptError>> {
        let conn = *world.network.listeners[usize::from(listener)].queue.front()?;
        let fault = self.random.chance(world.plan.accept_error).then(|| self.random.pick(&ACCEPT_FAULTS));
        let error = fault.or_else(|| (!world.has_descriptor()).then_some(AcceptError::DescriptorLimit));
        if matches!(error, None | Some(AcceptError::PeerGone)) {
            world.network.listeners[usize::from(listener)].queue.pop_front();
        }
        let accepted = &mut world.network.conns[conn as usize];
        match error {
            None => {
                accepted.ring_end = RingEnd::Open;
                world.descriptors += 1;
            }
            Some(AcceptError::PeerGone) => {
                accepted.cut(libc::ECONNABORTED);
                accepted.ring_end = RingEnd::Closed;
            }
            Some(_) => {}
        }
        Some(error.map_or(Ok(Socket(conn)), Err))
    }

    fn receive(&mut self, world: &mut World, op: u32, socket: Socket, multishot: bool) {
        self.break_perhaps(world, socket);
        let arrival = world.network.conns[socket.0 as usize].arrival();
        let starved = !self.provided.has_free();
        if arrival == Arrival::Nothing && !(multishot && starved) {
            return;
        }
        if starved || self.random.chance(world.plan.no_buffers) {
            return self.deliver(world, op, Outcome::Received(Err(RecvError::NoBuffers)), true);
        }
        match arrival {
            Arrival::Bytes(there) => self.receive_bytes(world, op, socket, there),
            Arrival::End => self.deliver(world, op, Outcome::Received(Ok(None)), true),
            Arrival::Error(errno) => {
                world.network.conns[socket.0 as usize].clear_error();
                self.deliver(world, op, Outcome::Received(Err(RecvError::Broken(errno))), true);
            }
            Arrival::Nothing => {}
        }
    }

    fn receive_bytes(&mut self, world: &mut World, op: u32, socket: Socket, there: usize) {
        let len = self.shorten(world.plan.short_recv, there.min(self.provided.size()));
        let conn = &mut world.network.conns[socket.0 as usize];
        let mut mark = 0;
        let lease = self.provided.receive(|place| {
            conn.receive(&mut place[..len]);
            mark = fingerprint(&place[..len]);
            len
        });
        world.note("received", &[u64::from(socket.0), len as u64, mark]);
        let multishot = matches!(self.ops.table[op as usize].work, Work::Recv { multishot: true, .. });
        let ends = !multishot || self.queue_is_full() || self.random.chance(world.plan.multishot_end);
        self.deliver(world, op, Outcome::Received(Ok(lease)), ends);
    }

    fn discard(&mut self, world: &mut World, op: u32, socket: Socket, len: u32) {
        self.break_perhaps(world, socket);
        let outcome = match world.network.conns[socket.0 as usize].arrival() {
            Arrival::Nothing => return,
            Arrival::Bytes(there) => {
                let len = self.shorten(world.plan.short_recv, there.min(len as usize));
                world.network.conns[socket.0 as usize].inbound.drain(..len);
                Ok(len as u32)
            }
            Arrival::End => Ok(0),
            Arrival::Error(errno) => {
                world.network.conns[socket.0 as usize].clear_error();
                Err(RecvError::Broken(errno))
            }
        };
        self.deliver(world, op, Outcome::Discarded(outcome), true);
    }

    fn send(&mut self, world: &mut World, op: u32, socket: Socket) {
        self.break_perhaps(world, socket);
        let room = match world.network.conns[socket.0 as usize].room() {
            Ok(0) => return,
            Ok(room) => Ok(room),
            Err(errno) => Err(SendError::Broken(errno)),
        };
        let Flying { token, work: Work::Send { mut slot, mark, .. }, .. } = self.take_out(world, op) else {
            unreachable!("only sends are carried out here")
        };
        let result = room.map(|room| self.shorten(world.plan.short_send, room.min(slot.unsent())));
        if let Ok(len) = result {
            let conn = &mut world.network.conns[socket.0 as usize];
            self.slots.gather(&slot, len, |bytes| conn.outbound.extend(bytes));
            after_send(world, socket);
        }
        self.slots.landed(&slot, mark);
        let sent = result.map(|len| len as u32);
        slot.sent += sent.unwrap_or(0);
        let outcome = Outcome::Sent(sent, slot);
        self.post(Completion { token, outcome, more: false }, Busy::Socket(socket.0));
    }

    /// How much a send that does not wait places now.
    fn stream(&mut self, world: &mut World, socket: Socket, len: usize) -> Result<u32, SendError> {
        self.break_perhaps(world, socket);
        match world.network.conns[socket.0 as usize].room() {
            Ok(0) => Err(SendError::WouldBlock),
            Ok(room) => Ok(self.shorten(world.plan.short_send, room.min(len)) as u32),
            Err(errno) => Err(SendError::Broken(errno)),
        }
    }

    fn poll(&mut self, world: &mut World, op: u32, socket: Socket) {
        self.break_perhaps(world, socket);
        self.deliver(world, op, Outcome::Ready(Ok(())), true);
    }

    /// Posts what an operation that may stay armed has to say, and ends or re-arms it.
    pub(super) fn deliver(&mut self, world: &mut World, op: u32, outcome: Outcome, ends: bool) {
        let flying = &self.ops.table[op as usize];
        let (token, busy) = (flying.token, flying.work.busy());
        self.post(Completion { token, outcome, more: !ends }, busy);
        if ends {
            self.take_out(world, op);
        } else {
            self.schedule_if_ready(world, op);
        }
    }

    /// Whether the target was still there. It ends now, a little later, or with its true result.
    fn cancel(&mut self, world: &mut World, target: OpToken) -> bool {
        let Some(op) = self.ops.find(target) else { return false };
        let flying = &mut self.ops.table[op as usize];
        if flying.cancelled {
            return true;
        }
        if flying.scheduled && self.random.chance(world.plan.cancel_race) {
            return self.lose_race(world, op, target);
        }
        if self.random.chance(world.plan.reorder) {
            self.ops.table[op as usize].cancelled = true;
            self.schedule(world, op);
        } else {
            self.end_cancelled(world, op);
        }
        true
    }

    /// The target is just being carried out: a single shot ends with its true result, a multishot does so once more.
    fn lose_race(&mut self, world: &mut World, op: u32, target: OpToken) -> bool {
        self.ops.table[op as usize].scheduled = false;
        self.perform(world, op);
        let Some(op) = self.ops.find(target) else { return self.random.chance(500_000) };
        self.end_cancelled(world, op);
        true
    }

    fn end_cancelled(&mut self, world: &mut World, op: u32) {
        let flying = self.take_out(world, op);
        let busy = flying.work.busy();
        let outcome = match flying.work {
            Work::Accept { .. } => Outcome::Accepted(Err(AcceptError::Cancelled)),
            Work::Recv { .. } => Outcome::Received(Err(RecvError::Cancelled)),
            Work::Send { slot, mark, .. } => {
                self.slots.landed(&slot, mark);
                Outcome::Sent(Err(SendError::Cancelled), slot)
            }
            Work::Stream { transfer, .. } => {
                self.transfers.landed(&transfer);
                Outcome::Streamed(Err(SendError::Cancelled), transfer)
            }
            Work::Poll { .. } => Outcome::Ready(Err(SendError::Cancelled)),
            Work::Open { .. } => Outcome::Opened(Err(FileError::Cancelled)),
            Work::List { .. } => Outcome::Listed(Err(FileError::Cancelled)),
            Work::Read { transfer, .. } => {
                self.transfers.landed(&transfer);
                Outcome::Read(Err(FileError::Cancelled), transfer)
            }
            Work::Write { transfer, .. } => {
                self.transfers.landed(&transfer);
                Outcome::Written(Err(FileError::Cancelled), transfer)
            }
            Work::Run { .. } => Outcome::Ran(Err(RunError::Cancelled)),
            Work::Connect { .. } | Work::ConnectUnix { .. } => Outcome::Connected(Err(ConnectError::Cancelled)),
            Work::Discard { .. } => Outcome::Discarded(Err(RecvError::Cancelled)),
            Work::Post { .. } => Outcome::PostFailed(SendError::Cancelled),
            Work::Spool => Outcome::Spooled(Err(FileError::Cancelled)),
            Work::Store { transfer, .. } => {
                self.transfers.landed(&transfer);
                Outcome::Stored(Err(FileError::Cancelled), transfer)
            }
            Work::Spawn { .. } => Outcome::Spawned(Err(SpawnError::Cancelled)),
            Work::AwaitExit { .. } => Outcome::Exited(Err(ChildError::Cancelled)),
            Work::ReadPipe { transfer, .. } => {
                self.transfers.landed(&transfer);
                Outcome::PipeRead(Err(PipeError::Cancelled), transfer)
            }
            Work::WritePipe { transfer, .. } => {
                self.transfers.landed(&transfer);
                Outcome::PipeWritten(Err(PipeError::Cancelled), transfer)
            }
            Work::PollPipe { .. } => Outcome::PipeReady(Err(PipeError::Cancelled)),
            Work::Reap { .. }
            | Work::ClosePipe { .. }
            | Work::Shutdown { .. }
            | Work::Close { .. }
            | Work::CloseFile { .. }
            | Work::Cancel { .. } => {
                unreachable!("these are never found by a cancel")
            }
        };
        self.post(Completion { token: flying.token, outcome, more: false }, busy);
    }

    /// Perhaps the connection breaks just now.
    fn break_perhaps(&mut self, world: &mut World, socket: Socket) {
        if !self.random.chance(world.plan.reset) {
            return;
        }
        let errno = self.random.pick(&BREAKS);
        let conn = &mut world.network.conns[socket.0 as usize];
        conn.cut(errno);
        if self.random.chance(world.plan.reset_discards) {
            conn.discard_unread();
        }
        world.network.changed_conns.push(socket.0);
        world.note("break", &[u64::from(socket.0), errno as u64]);
    }

    /// `len`, or as a fault has it, less; never 0.
    pub(super) fn shorten(&mut self, per_million: u32, len: usize) -> usize {
        if len > 1 && self.random.chance(per_million) { self.random.between(1, len as u64 - 1) as usize } else { len }
    }
}

const ACCEPT_FAULTS: [AcceptError; 3] = [AcceptError::DescriptorLimit, AcceptError::NoMemory, AcceptError::PeerGone];
const CONNECT_FAULTS: [ConnectError; 5] = [
    ConnectError::Refused,
    ConnectError::AddressUnavailable,
    ConnectError::DescriptorLimit,
    ConnectError::Failed(libc::ETIMEDOUT),
    ConnectError::Failed(libc::EHOSTUNREACH),
];
const RUN_FAULTS: [RunError; 2] = [RunError::Full, RunError::NoThread];
const BREAKS: [i32; 3] = [libc::ECONNRESET, libc::ETIMEDOUT, libc::EHOSTUNREACH];

fn after_send(world: &mut World, socket: Socket) {
    world.network.conns[socket.0 as usize].sent();
    world.network.changed_conns.push(socket.0);
}

fn shut_down(world: &mut World, socket: Socket) -> Outcome {
    world.network.conns[socket.0 as usize].shut();
    world.network.changed_conns.push(socket.0);
    Outcome::Done
}

fn close(world: &mut World, socket: Socket, reset: bool) -> Outcome {
    world.network.conns[socket.0 as usize].close(reset);
    world.descriptors -= 1;
    Outcome::Done
}

fn connect(world: &mut World, to: SocketAddr, from: Option<SocketAddr>) -> Result<Socket, ConnectError> {
    if !world.has_descriptor() {
        return Err(ConnectError::DescriptorLimit);
    }
    if from.is_some_and(|from| !is_ours(from.ip())) {
        return Err(ConnectError::AddressUnavailable);
    }
    let conn = world.network.connect_out(to, from).ok_or(ConnectError::Refused)?;
    world.descriptors += 1;
    Ok(Socket(conn))
}

/// The world stands still while a task runs: what it does is done at one instant.
fn run(task: Task) -> Result<(), RunError> {
    if task.run() { Ok(()) } else { Err(RunError::Panicked) }
}

fn connect_unix(world: &mut World, path: &[u8]) -> Result<Socket, ConnectError> {
    if !world.has_descriptor() {
        return Err(ConnectError::DescriptorLimit);
    }
    let conn = world.network.connect_out_unix(path).ok_or(ConnectError::Refused)?;
    world.descriptors += 1;
    Ok(Socket(conn))
}

/// Whether this machine has an address: the loopback ones, and those that connections are made from.
fn is_ours(ip: IpAddr) -> bool {
    ip.is_loopback() || matches!(ip, IpAddr::V4(v4) if v4.octets()[0] == 10)
}

/// What a completion says, as a number for the trace.
pub(super) fn digest(completion: &Completion) -> u64 {
    let hash = match &completion.outcome {
        Outcome::Accepted(result) => ValueHasher::of(result),
        Outcome::Received(result) => ValueHasher::of(&result.as_ref().map(|lease| lease.as_ref().map(Lease::len))),
        Outcome::Sent(result, _) | Outcome::Streamed(result, _) => ValueHasher::of(result),
        Outcome::Ready(result) => ValueHasher::of(result),
        Outcome::Done => 0,
        Outcome::Cancelled(found) => ValueHasher::of(found),
        Outcome::Opened(result) | Outcome::Spooled(result) => ValueHasher::of(result),
        Outcome::Read(result, _) | Outcome::Written(result, _) | Outcome::Stored(result, _) => ValueHasher::of(result),
        Outcome::Listed(result) => ValueHasher::of(&result.as_ref().map(|listing| listing.entries.len())),
        Outcome::Connected(result) => ValueHasher::of(result),
        Outcome::Ran(result) => ValueHasher::of(result),
        Outcome::PostFailed(error) => ValueHasher::of(error),
        Outcome::Discarded(result) => ValueHasher::of(result),
        Outcome::Spawned(result) => ValueHasher::of(result),
        Outcome::Exited(result) => ValueHasher::of(result),
        Outcome::PipeReady(result) => ValueHasher::of(result),
        Outcome::PipeRead(result, _) | Outcome::PipeWritten(result, _) => ValueHasher::of(result),
        Outcome::Woken => 1,
    };
    hash ^ u64::from(completion.more)
}
