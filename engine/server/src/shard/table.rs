//! The connection table: a slot for each connection, with a generation that tells late completions apart.

use std::any::Any;

use slab::Slab;
use slipring_ring::{Deadline, FileId, OpKind, OpToken, Peer, SendSlot, Socket};

use super::asks::Arrival;
use super::spool::Spool;
use super::stream::Stream;
use super::wheel::{Link, Links};
use super::writer::Writer;
use crate::conn::{Conn, Held};
use crate::handler::{Ask, JobResult};

/// One connection. While idle it holds this and nothing else: no buffer, no slot, no operation but its receive.
pub(super) struct Entry {
    pub(super) conn: Conn,
    pub(super) socket: Socket,
    pub(super) peer: Peer,
    pub(super) generation: u32,
    pub(super) link: Link,
    pub(super) recv: Recv,
    pub(super) end: End,
    /// Operations in flight, the armed receive among them.
    pub(super) in_flight: u8,
    pub(super) sending: bool,
    /// Its last answer ends with it, and the peer has no other way to know.
    pub(super) unframed: bool,
    /// It ends before that answer has left.
    pub(super) cut: bool,
    /// On the list of slots to be sent at the end of the tick.
    pub(super) dirty: bool,
    /// On the list of connections that have work left.
    pub(super) ready: bool,
    /// On the list of connections that wait for a send slot.
    pub(super) awaits_slot: bool,
    /// On the list of connections that wait for room in the log.
    pub(super) awaits_log: bool,
    /// Bytes that our end discarded while lingering.
    pub(super) lingered: u32,
    /// Where answers are being written.
    pub(super) slot: Option<SendSlot>,
    /// Bytes that arrived and could not be consumed yet.
    pub(super) inbound: Vec<u8>,
    /// How much of `inbound` is consumed.
    pub(super) inbound_at: usize,
    /// Another turn may make something of `inbound`: bytes came that none has looked at, or the last one ended early.
    pub(super) unturned: bool,
    /// The request whose handler waits.
    pub(super) ask: Option<OpenAsk>,
    /// The body that is being stored, or was.
    pub(super) spool: Option<Box<Spool>>,
    /// The body that is being sent.
    pub(super) stream: Option<Box<Stream>>,
    /// The program that answers here.
    pub(super) script: Option<u32>,
    /// The job that writes an answer here, or wrote one that nobody wants.
    pub(super) writer: Option<Box<Writer>>,
    /// What the handler keeps for this connection.
    pub(super) state: Option<Box<dyn Any>>,
}

/// An exchange that waits for something.
pub(super) struct OpenAsk {
    pub(super) held: Held,
    pub(super) tag: u32,
    /// The files that the exchange opened.
    pub(super) files: [Option<FileId>; ASK_FILES_MAX],
    /// What arrived while no send slot was free.
    pub(super) arrived: Option<Box<Arrival>>,
    /// A read that waits for a transfer buffer.
    pub(super) wants: Option<Ask>,
    /// Where the job in the worker pool will leave its result.
    pub(super) job: Option<JobResult>,
    /// It waits for what its program says.
    pub(super) listens: bool,
    /// It waits for what its job writes.
    pub(super) awaits_writer: bool,
}

/// Files that one exchange has open at most; the first is closed for the next.
pub(super) const ASK_FILES_MAX: usize = 4;

/// The state of the receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recv {
    /// Nothing is armed.
    Off,
    /// Armed.
    Armed,
    /// Armed, and asked to end.
    Cancelling,
    /// Waiting for provided buffers to come back.
    Starved,
}

/// How far the connection's end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Not in sight.
    Open,
    /// After the answers so far were sent; `true` if the peer may still be sending, so that it has to be heard out.
    AfterSend {
        /// Linger: FIN first, then discard what comes.
        linger: bool,
    },
    /// We sent FIN and discard what comes.
    Lingering,
    /// Every operation was asked to end; then the socket is closed.
    Cancelling,
}

impl Entry {
    /// Whether another request can be taken now.
    #[inline]
    pub(super) fn can_consume(&self) -> bool {
        let waits = self.sending || self.ask.is_some() || self.stream.is_some() || self.writer.is_some();
        !waits && self.end == End::Open && !self.is_storing()
    }

    /// Whether a piece of a body is on its way into its spool.
    #[inline]
    pub(super) fn is_storing(&self) -> bool {
        self.spool.as_ref().is_some_and(|spool| spool.is_busy())
    }

    /// Bytes that wait to be consumed.
    #[inline]
    pub(super) fn backlog(&self) -> usize {
        self.inbound.len() - self.inbound_at
    }

    /// A token for one of this connection's operations.
    #[inline]
    pub(super) fn token(&self, kind: OpKind, index: u32) -> OpToken {
        OpToken::new(kind, self.generation, index)
    }
}

/// All connections of a shard.
pub(super) struct Table {
    entries: Slab<Entry>,
    /// By slot: how many tenants it had.
    generations: Vec<u32>,
    max: usize,
}

impl Table {
    pub(super) fn new(max: usize) -> Self {
        Self { entries: Slab::with_capacity(max), generations: vec![0; max], max }
    }

    /// Adds a connection; `None` if the table is full.
    pub(super) fn insert(&mut self, conn: Conn, socket: Socket, peer: Peer) -> Option<u32> {
        if self.entries.len() == self.max {
            return None;
        }
        let vacant = self.entries.vacant_entry();
        let index = vacant.key();
        let generation = &mut self.generations[index];
        *generation = (*generation + 1) & OpToken::GENERATION_MAX;
        vacant.insert(Entry::new(conn, socket, peer, *generation));
        Some(index as u32)
    }

    pub(super) fn remove(&mut self, index: u32) -> Entry {
        self.entries.remove(index as usize)
    }

    /// The connection that a completion belongs to; `None` if it is gone.
    #[inline]
    pub(super) fn find(&mut self, token: OpToken) -> Option<&mut Entry> {
        self.entries.get_mut(token.slot() as usize).filter(|entry| entry.generation == token.generation())
    }

    #[inline]
    pub(super) fn get(&mut self, index: u32) -> Option<&mut Entry> {
        self.entries.get_mut(index as usize)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= self.max
    }

    pub(super) fn indices(&self) -> Vec<u32> {
        self.entries.iter().map(|(index, _)| index as u32).collect()
    }
}

impl Links for Table {
    fn link(&mut self, index: u32) -> &mut Link {
        &mut self.entries[index as usize].link
    }
}

impl Entry {
    fn new(conn: Conn, socket: Socket, peer: Peer, generation: u32) -> Self {
        Self {
            conn,
            socket,
            peer,
            generation,
            link: Link::NONE,
            recv: Recv::Off,
            end: End::Open,
            in_flight: 0,
            sending: false,
            unframed: false,
            cut: false,
            dirty: false,
            ready: false,
            awaits_slot: false,
            awaits_log: false,
            lingered: 0,
            slot: None,
            inbound: Vec::new(),
            inbound_at: 0,
            unturned: false,
            ask: None,
            spool: None,
            stream: None,
            script: None,
            writer: None,
            state: None,
        }
    }

    /// Whether the wheel must be told: the deadline is earlier than the entry's bucket.
    #[inline]
    pub(super) fn overdue_link(&self) -> Option<Deadline> {
        let deadline = self.conn.deadline();
        (!self.link.is_in_time(deadline)).then_some(deadline)
    }
}
