//! Carrying out what concerns sockets and listeners.

use std::net::{IpAddr, SocketAddr};

use crate::buffer::BlobId;
use crate::completion::{Completion, Outcome};
use crate::op::Socket;
use crate::outcome::{AcceptError, ConnectError, RecvError, SendError};
use crate::sim::buffers::count;
use crate::sim::conn::{Arrival, RingEnd};
use crate::sim::kernel::Kernel;
use crate::sim::ops::{Busy, Flying, Work};
use crate::sim::trace::fingerprint;
use crate::sim::world::World;

impl Kernel {
    pub(super) fn accept(&mut self, world: &mut World, op: u32, listener: u16) {
        let Some(result) = self.next_connection(world, listener) else { return };
        let ends = result.is_err() || self.queue_is_full() || self.random.chance(world.plan.multishot_end);
        self.deliver(world, op, Outcome::Accepted(result), ends);
    }

    /// Takes the next connection off a listener's queue, or says why it cannot be had. `None`: the queue is empty.
    pub(in crate::sim) fn next_connection(
        &mut self,
        world: &mut World,
        listener: u16,
    ) -> Option<Result<Socket, AcceptError>> {
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

    pub(super) fn receive(&mut self, world: &mut World, op: u32, socket: Socket, multishot: bool) {
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

    pub(super) fn discard(&mut self, world: &mut World, op: u32, socket: Socket, len: u32) {
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

    pub(super) fn send(&mut self, world: &mut World, op: u32, socket: Socket) {
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
    pub(super) fn stream(&mut self, world: &mut World, socket: Socket, len: usize) -> Result<u32, SendError> {
        self.break_perhaps(world, socket);
        match world.network.conns[socket.0 as usize].room() {
            Ok(0) => Err(SendError::WouldBlock),
            Ok(room) => Ok(self.shorten(world.plan.short_send, room.min(len)) as u32),
            Err(errno) => Err(SendError::Broken(errno)),
        }
    }

    pub(super) fn poll(&mut self, world: &mut World, op: u32, socket: Socket) {
        self.break_perhaps(world, socket);
        self.deliver(world, op, Outcome::Ready(Ok(())), true);
    }

    /// A socket has room for everything that is posted; that nobody reads is the window's matter.
    pub(super) fn carry_out_post(&mut self, world: &mut World, op: u32, socket: Socket, blob: BlobId, len: u32) {
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
}

pub(super) fn after_send(world: &mut World, socket: Socket) {
    world.network.conns[socket.0 as usize].sent();
    world.network.changed_conns.push(socket.0);
}

pub(super) fn shut_down(world: &mut World, socket: Socket) -> Outcome {
    world.network.conns[socket.0 as usize].shut();
    world.network.changed_conns.push(socket.0);
    Outcome::Done
}

pub(super) fn close(world: &mut World, socket: Socket, reset: bool) -> Outcome {
    world.network.conns[socket.0 as usize].close(reset);
    world.descriptors -= 1;
    Outcome::Done
}

pub(super) fn connect(world: &mut World, to: SocketAddr, from: Option<SocketAddr>) -> Result<Socket, ConnectError> {
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

pub(super) fn connect_unix(world: &mut World, path: &[u8]) -> Result<Socket, ConnectError> {
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

const ACCEPT_FAULTS: [AcceptError; 3] = [AcceptError::DescriptorLimit, AcceptError::NoMemory, AcceptError::PeerGone];
const BREAKS: [i32; 3] = [libc::ECONNRESET, libc::ETIMEDOUT, libc::EHOSTUNREACH];
