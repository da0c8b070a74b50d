//! From operations to submission queue entries.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use io_uring::opcode;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::Fd;

use super::files::{Lister, SPOOL_FLAGS};
use super::memory::Owner;
use super::provided::GROUP;
use super::room::{Poll, Step, Wait};
use super::slots::Outgoing;
use super::sockets::{self, RawAddress};
use super::unix;
use super::{Connecting, HOLDS_CONNECT, HOLDS_OPEN, HOLDS_POLL, HOLDS_SLOT, HOLDS_TRANSFER, UringRing, errno};
use crate::buffer::{SendSlot, Transfer};
use crate::completion::{Completion, Outcome};
use crate::limits::DISCARD_BYTES_MAX;
use crate::op::{FileId, ListenerId, Op, RootId, SinkId, Socket, Task};
use crate::outcome::{AcceptError, ConnectError, FileError, RunError};
use crate::token::{OpKind, OpToken};

/// The registered buffer that covers all transfer buffers.
const TRANSFERS: u16 = 0;

impl UringRing {
    #[inline]
    pub(super) fn submit_op(&mut self, token: OpToken, op: Op<'_>) {
        match op {
            Op::Send { socket, slot } => self.send(token, socket, slot),
            Op::Recv { socket, multishot } => self.push(token, recv(socket, multishot)),
            Op::Accept { listener } => self.accept(token, listener),
            Op::Stream { socket, transfer, start, end } => self.stream(token, socket, transfer, start..end),
            Op::Poll { socket } => {
                let socket = socket.0 as RawFd;
                let index = self.polls.insert(Poll { token, socket, wait: Wait::POLLING }) as u32;
                self.hold(token, HOLDS_POLL, index);
                self.pursue(token, socket, Step::Poll);
            }
            Op::Shutdown { socket } => self.push(token, opcode::Shutdown::new(fd(socket), libc::SHUT_WR).build()),
            Op::Close { socket } => self.close(token, socket),
            Op::Reset { socket } => {
                sockets::reset_on_close(socket.0 as RawFd);
                self.close(token, socket);
            }
            Op::CloseFile { file } => self.push(token, opcode::Close::new(Fd(file.0 as RawFd)).build()),
            Op::Cancel { target } if target.kind() == OpKind::Run => self.cancel_task(token, target),
            Op::Cancel { target } if target.kind() == OpKind::AwaitExit => self.cancel_await(token, target),
            Op::Cancel { target } if target.kind() == OpKind::Post => self.cancel_post(token, target),
            Op::Cancel { target } if self.give_up_wait(target) => {
                self.cancel_unheard(target);
                self.ready.push_back(Completion { token, outcome: Outcome::Cancelled(true), more: false });
            }
            Op::Cancel { target } => self.push(token, opcode::AsyncCancel::new(target.to_bits()).build()),
            Op::Open { root, path } => self.open(token, root, path),
            Op::Read { file, offset, len, transfer } => self.read(token, file, offset, len, transfer),
            Op::List { file } => self.list(token, file),
            Op::Write { sink, transfer, start, end } => self.write(token, sink, transfer, start..end),
            Op::Connect { to, from } => self.connect(token, to, from),
            Op::Run { task } => self.run(token, task),
            Op::ConnectUnix { path } => self.connect_unix(token, path),
            Op::Post { socket, blob, len } => self.post(token, socket, blob, len),
            Op::Discard { socket, len } => self.push(token, discard(socket, len)),
            Op::Spool => self.spool(token),
            Op::Store { file, offset, transfer, start, end } => self.store(token, file, offset, transfer, start..end),
            Op::Spawn { launch } => self.spawn(token, launch),
            Op::AwaitExit { child } => self.await_exit(token, child),
            Op::Reap { child } => self.reap_child(token, child),
            Op::ReadPipe { pipe, len, transfer } => {
                let start = self.lend(token, transfer);
                // As for sinks: a pipe has no other position than its own.
                self.push(token, opcode::Read::new(Fd(pipe.0 as RawFd), start, len).offset(u64::MAX).build());
            }
            Op::WritePipe { pipe, transfer, start, end } => {
                self.write_at(token, Fd(pipe.0 as RawFd), u64::MAX, transfer, start..end);
            }
            Op::PollPipe { pipe, writes } => {
                let events = if writes { libc::POLLOUT } else { libc::POLLIN };
                self.push(token, opcode::PollAdd::new(Fd(pipe.0 as RawFd), events as u32).build());
            }
            Op::ClosePipe { pipe } => self.push(token, opcode::Close::new(Fd(pipe.0 as RawFd)).build()),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, token: OpToken, entry: Entry) {
        self.queue.push(entry.user_data(token.to_bits()));
    }

    /// Remembers what a token slot's operation holds, as index plus one.
    #[inline]
    pub(super) fn hold(&mut self, token: OpToken, what: usize, index: u32) {
        let place = &mut self.holds[token.slot() as usize][what];
        assert_eq!(*place, 0, "one operation of a kind in flight for a token slot");
        *place = index + 1;
    }

    fn accept(&mut self, token: OpToken, listener: ListenerId) {
        let Some(listener) = self.listener_fd(listener) else {
            let outcome = Outcome::Accepted(Err(AcceptError::Listener(libc::EBADF)));
            return self.ready.push_back(Completion { token, outcome, more: false });
        };
        let entry = if self.features.multishot_accept {
            opcode::AcceptMulti::new(Fd(listener)).flags(libc::SOCK_CLOEXEC).build()
        } else {
            let nobody = std::ptr::null_mut();
            opcode::Accept::new(Fd(listener), nobody, nobody.cast()).flags(libc::SOCK_CLOEXEC).build()
        };
        self.push(token, entry);
    }

    #[inline]
    fn send(&mut self, token: OpToken, socket: Socket, slot: SendSlot) {
        self.hold(token, HOLDS_SLOT, slot.index());
        let outgoing = self.slots.depart(slot, token, socket.0 as RawFd);
        self.push_out(token, socket, send(fd(socket), &outgoing));
    }

    /// Queues what sends to a socket.
    #[inline]
    pub(super) fn push_out(&mut self, token: OpToken, socket: Socket, entry: Entry) {
        let is_fixed = self.fixed.count(&self.queue, socket.0 as RawFd);
        self.push(token, if is_fixed { entry.flags(Flags::FIXED_FILE) } else { entry });
    }

    fn close(&mut self, token: OpToken, socket: Socket) {
        self.fixed.forget(&self.queue, socket.0 as RawFd);
        self.push(token, opcode::Close::new(fd(socket)).build());
    }

    /// Tries a send again that found no room.
    pub(super) fn send_again(&mut self, token: OpToken, index: u32) {
        let socket = self.slots.departed(index).socket;
        let outgoing = self.slots.again(index);
        self.push(token, send(Fd(socket), &outgoing));
    }

    /// Tells what may wait for room that it is to end; whether it was there. It may be between two operations just now.
    fn give_up_wait(&mut self, target: OpToken) -> bool {
        let holds = &self.holds[target.slot() as usize];
        let (waiting, wait) = match target.kind() {
            OpKind::Send if holds[HOLDS_SLOT] > 0 => {
                let departed = self.slots.departed(holds[HOLDS_SLOT] - 1);
                (departed.token, &mut departed.wait)
            }
            OpKind::Poll if holds[HOLDS_POLL] > 0 => {
                let poll = &mut self.polls[holds[HOLDS_POLL] as usize - 1];
                (poll.token, &mut poll.wait)
            }
            _ => return false,
        };
        if waiting == target {
            wait.cancel();
        }
        waiting == target
    }

    fn stream(&mut self, token: OpToken, socket: Socket, transfer: Transfer, range: std::ops::Range<u32>) {
        let start = self.lend(token, transfer).wrapping_add(range.start as usize);
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        let entry = opcode::Send::new(fd(socket), start, range.end - range.start).flags(flags).build();
        self.push_out(token, socket, entry);
    }

    fn read(&mut self, token: OpToken, file: FileId, offset: u64, len: u32, transfer: Transfer) {
        let file = Fd(file.0 as RawFd);
        let is_registered = self.features.registered_buffers && self.transfers.is_common(transfer.index());
        let start = self.lend(token, transfer);
        let entry = if is_registered {
            opcode::ReadFixed::new(file, start, len, TRANSFERS).offset(offset).build()
        } else {
            opcode::Read::new(file, start, len).offset(offset).build()
        };
        self.push(token, entry);
    }

    fn write(&mut self, token: OpToken, sink: SinkId, transfer: Transfer, range: std::ops::Range<u32>) {
        let sink = Fd(self.sinks[usize::from(sink.0)].as_raw_fd());
        // An offset of -1 is the file's own position: the end, for a sink opened with O_APPEND; pipes have no other.
        self.write_at(token, sink, u64::MAX, transfer, range);
    }

    fn store(&mut self, token: OpToken, file: FileId, offset: u64, transfer: Transfer, range: std::ops::Range<u32>) {
        self.write_at(token, Fd(file.0 as RawFd), offset, transfer, range);
    }

    fn write_at(&mut self, token: OpToken, to: Fd, offset: u64, transfer: Transfer, range: std::ops::Range<u32>) {
        let start = self.lend(token, transfer).wrapping_add(range.start as usize).cast_const();
        self.push(token, opcode::Write::new(to, start, range.end - range.start).offset(offset).build());
    }

    fn spool(&mut self, token: OpToken) {
        let directory = Fd(libc::AT_FDCWD);
        self.push(token, opcode::OpenAt::new(directory, self.spools.as_ptr()).flags(SPOOL_FLAGS).mode(0o600).build());
    }

    /// Gives a transfer buffer to the kernel; where it starts.
    fn lend(&mut self, token: OpToken, transfer: Transfer) -> *mut u8 {
        let index = transfer.into_index();
        self.hold(token, HOLDS_TRANSFER, index);
        self.transfers.change(index, Owner::Ours, Owner::Kernel);
        self.transfers.address(index)
    }

    fn open(&mut self, token: OpToken, root: RootId, path: &[u8]) {
        let Some(place) = self.opens_free.pop() else {
            return self.opens_waiting.push_back((token, root.0, path.to_vec()));
        };
        if self.opens[place as usize].set(root.0, path) {
            self.hold(token, HOLDS_OPEN, place);
            self.submit_open(token, place);
        } else {
            self.opens_free.push(place);
            let outcome = Outcome::Opened(Err(FileError::NotFound));
            self.ready.push_back(Completion { token, outcome, more: false });
        }
    }

    /// Submits the open whose path stands at `place`.
    pub(super) fn submit_open(&mut self, token: OpToken, place: u32) {
        let path = &self.opens[place as usize];
        let root = Fd(self.roots[usize::from(path.root)].fd());
        self.push(token, opcode::OpenAt2::new(root, path.as_ptr(), &raw const *self.how).build());
    }

    /// Starts the longest waiting open, now that a place is free.
    pub(super) fn submit_waiting_open(&mut self) {
        if let Some((token, root, path)) = self.opens_waiting.pop_front() {
            self.open(token, RootId(root), &path);
        }
    }

    fn list(&mut self, token: OpToken, file: FileId) {
        if self.lister.is_none() {
            self.lister = Lister::start(self.listed.clone(), self.wake.clone()).ok();
        }
        let taken = self.lister.as_ref().is_some_and(|lister| lister.submit(token, file.0 as RawFd));
        if !taken {
            let outcome = Outcome::Listed(Err(FileError::Io(libc::EAGAIN)));
            self.ready.push_back(Completion { token, outcome, more: false });
        }
    }

    fn run(&mut self, token: OpToken, task: Task) {
        let begun = match &self.workers {
            Some(workers) => workers.submit(token, task, &self.home),
            None => Err(RunError::NoPool),
        };
        if let Err(error) = begun {
            self.ready.push_back(Completion { token, outcome: Outcome::Ran(Err(error)), more: false });
        }
    }

    /// Takes a task back that nobody has begun.
    fn cancel_task(&mut self, token: OpToken, target: OpToken) {
        let found = self.workers.as_ref().is_some_and(|workers| workers.cancel(target, &self.home));
        if found {
            let outcome = Outcome::Ran(Err(RunError::Cancelled));
            self.ready.push_back(Completion { token: target, outcome, more: false });
        }
        self.ready.push_back(Completion { token, outcome: Outcome::Cancelled(found), more: false });
    }

    fn connect(&mut self, token: OpToken, to: std::net::SocketAddr, from: Option<std::net::SocketAddr>) {
        let socket = sockets::client_socket(&to, from.as_ref(), self.congestion.as_deref());
        self.connect_socket(token, RawAddress::new(&to), socket);
    }

    fn connect_unix(&mut self, token: OpToken, path: &[u8]) {
        match RawAddress::unix(path) {
            Some(address) => self.connect_socket(token, address, unix::unix_socket()),
            // No socket has such a path.
            None => self.not_connected(token, ConnectError::Refused),
        }
    }

    fn connect_socket(&mut self, token: OpToken, address: RawAddress, socket: std::io::Result<OwnedFd>) {
        let socket = match socket {
            Ok(socket) => socket,
            Err(error) => return self.not_connected(token, errno::connect(error.raw_os_error().unwrap_or(libc::EIO))),
        };
        let connecting = Box::new(Connecting { address, socket });
        let (storage, len) = (&raw const connecting.address.storage, connecting.address.len);
        let fd = Fd(connecting.socket.as_raw_fd());
        let index = self.connects.insert(connecting) as u32;
        self.hold(token, HOLDS_CONNECT, index);
        self.push(token, opcode::Connect::new(fd, storage.cast(), len).build());
    }

    fn not_connected(&mut self, token: OpToken, error: ConnectError) {
        self.ready.push_back(Completion { token, outcome: Outcome::Connected(Err(error)), more: false });
    }
}

#[inline]
pub(super) fn fd(socket: Socket) -> Fd {
    Fd(socket.0 as RawFd)
}

/// No send waits in the kernel (see `room`).
#[inline]
fn send(socket: Fd, outgoing: &Outgoing) -> Entry {
    const FLAGS: i32 = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    match *outgoing {
        Outgoing::Bytes(start, len) => opcode::Send::new(socket, start, len).flags(FLAGS).build(),
        Outgoing::Message(message) => opcode::SendMsg::new(socket, message).flags(FLAGS as u32).build(),
    }
}

#[inline]
fn recv(socket: Socket, multishot: bool) -> Entry {
    if multishot {
        opcode::RecvMulti::new(fd(socket), GROUP).build()
    } else {
        let anywhere = std::ptr::null_mut();
        opcode::Recv::new(fd(socket), anywhere, 0).buf_group(GROUP).build().flags(Flags::BUFFER_SELECT)
    }
}

/// A receive that copies nothing: the kernel counts the bytes as read and forgets them (MSG_TRUNC of TCP, tcp(7)). Measured
/// 4 to 5 times cheaper than a copy.
fn discard(socket: Socket, len: u32) -> Entry {
    assert!((1..=DISCARD_BYTES_MAX).contains(&len), "a discard of {len} bytes");
    opcode::Recv::new(fd(socket), std::ptr::null_mut(), len).flags(libc::MSG_TRUNC).build()
}
