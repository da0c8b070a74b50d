//! Operations as plain data: files and buffers by index, never by address.

use std::net::SocketAddr;

use crate::buffer::{BlobId, SendSlot, Transfer};
use crate::launch::Launch;
pub use crate::task::Task;
use crate::token::OpToken;

/// A connection's descriptor, as the ring numbers it. Closed once, by [`Op::Close`] or [`Op::Reset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Socket(pub(crate) u32);

/// An open file or directory, as the ring numbers it. Closed once, by [`Op::CloseFile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId(pub(crate) u32);

/// One end of a pipe, as the ring numbers it. Closed once, by [`Op::ClosePipe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PipeId(pub(crate) u32);

/// A program that was started, as the ring numbers it. Forgotten once, by [`Op::Reap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChildId(pub(crate) u32);

/// A document root: an open directory that no path leaves. Numbered from 0 in the order of the ring's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RootId(pub u16);

/// A log or other append-only output. Numbered from 0 in the order of the ring's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SinkId(pub u16);

/// A bound socket of this ring. Numbered from 0 in the order of the ring's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(pub u16);

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// An IPv4 or IPv6 address and port.
    Ip(SocketAddr),
    /// A Unix stream socket.
    Unix,
    /// The kernel could not say, mostly because the peer is gone.
    Unknown,
}

/// What a directory entry or an open descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// Bytes of a known length.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link; seen in listings only.
    Link,
    /// A FIFO, socket or device: never served.
    Other,
}

/// What an open descriptor was when it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileStat {
    /// What it is.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// Somebody may execute it (any of the three permission bits).
    pub executable: bool,
    /// Modification time, whole seconds since the epoch.
    pub modified_s: i64,
    /// Modification time, nanoseconds within the second.
    pub modified_ns: u32,
    /// Status change time, whole seconds since the epoch.
    pub changed_s: i64,
    /// Status change time, nanoseconds within the second.
    pub changed_ns: u32,
    /// The device that holds it.
    pub device: u64,
    /// Its number on that device.
    pub inode: u64,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The bytes of the name, without a slash.
    pub name: Vec<u8>,
    /// What the name itself is; a link is a link, wherever it leads.
    pub kind: FileKind,
    /// For a link, whether it leads to a directory inside the root.
    pub link_to_directory: bool,
    /// Bytes, of a regular file.
    pub size: u64,
    /// Modification time, whole seconds since the epoch.
    pub modified_s: i64,
}

/// The names in a directory, in no order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Listing {
    /// At most [`crate::limits::LISTING_ENTRIES_MAX`].
    pub entries: Vec<DirEntry>,
    /// More names were there than the limit.
    pub truncated: bool,
}

/// An operation to hand over.
#[derive(Debug)]
pub enum Op<'a> {
    /// Accept connections until the completion says `more: false`.
    Accept {
        /// Where.
        listener: ListenerId,
    },
    /// Receive into a provided buffer. 0 bytes is the peer's half-close.
    Recv {
        /// From whom.
        socket: Socket,
        /// Stay armed after a completion (`more`), until it ends by itself or is cancelled.
        multishot: bool,
    },
    /// Receive at most `len` bytes and throw them away, without a buffer. TCP only; never while a [`Op::Recv`] of the same
    /// socket is in flight.
    Discard {
        /// From whom.
        socket: Socket,
        /// At most so many bytes, from 1 to [`crate::limits::DISCARD_BYTES_MAX`].
        len: u32,
    },
    /// Send what the slot holds behind what was already sent; waits for room, may send less than all.
    Send {
        /// To whom.
        socket: Socket,
        /// What; comes back with the completion.
        slot: SendSlot,
    },
    /// Send the first `len` bytes of a blob, all of them, and say nothing when they have left: its only completion,
    /// [`crate::Outcome::PostFailed`], says that they have not. Who posts knows by the answer that they did. Two posts in
    /// flight on one socket may overtake each other when it has no room, so only what is alike is posted. Any number may
    /// be in flight, and the socket may be closed meanwhile; the blob lives as long as the ring.
    Post {
        /// To whom.
        socket: Socket,
        /// From where.
        blob: BlobId,
        /// How many bytes.
        len: u32,
    },
    /// Send a range of a transfer buffer as far as the socket has room now ([`crate::SendError::WouldBlock`]: none).
    Stream {
        /// To whom.
        socket: Socket,
        /// From which buffer; comes back with the completion.
        transfer: Transfer,
        /// First byte.
        start: u32,
        /// Behind the last byte.
        end: u32,
    },
    /// Wait until the socket has room to send, or is broken.
    Poll {
        /// Which.
        socket: Socket,
    },
    /// Send FIN: no more bytes from us.
    Shutdown {
        /// Which.
        socket: Socket,
    },
    /// Close a socket that has no operation in flight.
    Close {
        /// Which.
        socket: Socket,
    },
    /// Close a socket so that its peer sees a reset and not an end; its token is of the kind of a close. Bytes that have not
    /// left are thrown away. A Unix socket knows no reset: it is closed.
    Reset {
        /// Which; it has no operation in flight.
        socket: Socket,
    },
    /// Close a file that has no operation in flight.
    CloseFile {
        /// Which.
        file: FileId,
    },
    /// Ask that the operation with this token end. It ends cancelled, or with its true result.
    Cancel {
        /// Whose token.
        target: OpToken,
    },
    /// Open for reading, never outside the root, never waiting for a FIFO's writer.
    Open {
        /// Beneath which directory.
        root: RootId,
        /// Relative, without NUL; empty is the root itself. Copied before `submit` returns.
        path: &'a [u8],
    },
    /// Read into a transfer buffer.
    Read {
        /// From which file.
        file: FileId,
        /// At which byte.
        offset: u64,
        /// At most so many bytes, from the buffer's start.
        len: u32,
        /// Comes back with the completion.
        transfer: Transfer,
    },
    /// Read the names of an open directory, off the shard's thread.
    List {
        /// Which.
        file: FileId,
    },
    /// Append a range of a transfer buffer to a sink.
    Write {
        /// Where.
        sink: SinkId,
        /// From which buffer; comes back with the completion.
        transfer: Transfer,
        /// First byte.
        start: u32,
        /// Behind the last byte.
        end: u32,
    },
    /// Connect over TCP.
    Connect {
        /// To whom.
        to: SocketAddr,
        /// From which local address, if it matters; with port 0, from any free port of it.
        from: Option<SocketAddr>,
    },
    /// Carry a task out where it may block, off the ring's thread.
    Run {
        /// What; a cancel takes it back only as long as nobody has begun it.
        task: Task,
    },
    /// Connect to a Unix stream socket.
    ConnectUnix {
        /// Its path, without NUL, at most [`crate::limits::UNIX_PATH_BYTES_MAX`]. Copied before `submit` returns.
        path: &'a [u8],
    },
    /// Make a spool: an empty file without a name, for writing and reading, gone when it is closed.
    Spool,
    /// Write a range of a transfer buffer into a spool.
    Store {
        /// Which spool.
        file: FileId,
        /// At which byte.
        offset: u64,
        /// From which buffer; comes back with the completion.
        transfer: Transfer,
        /// First byte.
        start: u32,
        /// Behind the last byte.
        end: u32,
    },
    /// Start a program. The launch is copied before `submit` returns.
    Spawn {
        /// Which, and how.
        launch: &'a Launch,
    },
    /// Wait for the end of a program.
    AwaitExit {
        /// Which.
        child: ChildId,
    },
    /// Forget a program: it has ended, or its end is of no interest.
    Reap {
        /// Which; no [`Op::AwaitExit`] of it is in flight.
        child: ChildId,
    },
    /// Read from a pipe into a transfer buffer, as soon as bytes are there. 0 bytes is the end: nobody writes any more.
    ReadPipe {
        /// Which.
        pipe: PipeId,
        /// At most so many bytes, from the buffer's start.
        len: u32,
        /// Comes back with the completion.
        transfer: Transfer,
    },
    /// Write a range of a transfer buffer into a pipe, as soon as it has room; may write less than all.
    WritePipe {
        /// Which.
        pipe: PipeId,
        /// From which buffer; comes back with the completion.
        transfer: Transfer,
        /// First byte.
        start: u32,
        /// Behind the last byte.
        end: u32,
    },
    /// Wait until a pipe has bytes, or room where this side writes, or is at its end; holds no buffer meanwhile.
    PollPipe {
        /// Which.
        pipe: PipeId,
        /// This side writes it.
        writes: bool,
    },
    /// Close an end of a pipe that has no operation in flight.
    ClosePipe {
        /// Which.
        pipe: PipeId,
    },
}
