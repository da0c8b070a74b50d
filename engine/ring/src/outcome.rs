//! Errors of operations, one enum per kind of operation: errno stays below this file.

use thiserror::Error;

/// Why an accept gave no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum AcceptError {
    /// The process or the system has no descriptor left (EMFILE, ENFILE): wait until one is closed.
    #[error("no file descriptor left")]
    DescriptorLimit,
    /// No memory for another socket (ENOMEM, ENOBUFS): wait.
    #[error("no memory for another socket")]
    NoMemory,
    /// That peer was gone before it was accepted (ECONNABORTED and what Linux passes on from the network): accept on.
    #[error("the peer was gone")]
    PeerGone,
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The listener itself fails, with this errno.
    #[error("the listener fails with errno {0}")]
    Listener(i32),
}

/// Why a receive gave no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum RecvError {
    /// No provided buffer was free (ENOBUFS). The socket is healthy: re-arm when buffers came back.
    #[error("no receive buffer was free")]
    NoBuffers,
    /// The connection is dead: reset, aborted or timed out, with this errno.
    #[error("the connection failed with errno {0}")]
    Broken(i32),
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum SendError {
    /// No room now; only of operations that do not wait.
    #[error("no room in the socket")]
    WouldBlock,
    /// The connection is dead: the peer closed, reset or vanished, with this errno.
    #[error("the connection failed with errno {0}")]
    Broken(i32),
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// Why a connection was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum ConnectError {
    /// Nobody listens there (ECONNREFUSED).
    #[error("connection refused")]
    Refused,
    /// No local address or port is left (EADDRNOTAVAIL, EADDRINUSE).
    #[error("no local port left")]
    AddressUnavailable,
    /// No file descriptor is left (EMFILE, ENFILE).
    #[error("no file descriptor left")]
    DescriptorLimit,
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// As the errno says.
    #[error("connecting failed with errno {0}")]
    Failed(i32),
}

/// Why a file operation gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum FileError {
    /// No such name, or a name on the way is no directory, or the name is too long for the file system.
    #[error("no such file")]
    NotFound,
    /// The file system's permissions forbid it.
    #[error("permission denied")]
    Denied,
    /// The path leaves the root, by `..`, by a link, or by a mount's magic.
    #[error("the path leaves its root")]
    OutsideRoot,
    /// Nothing that can be served stands there: a socket, a device without a driver, links in a circle.
    #[error("not a regular file")]
    NotServable,
    /// The process or the system has no descriptor left.
    #[error("no file descriptor left")]
    DescriptorLimit,
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The file system failed, with this errno.
    #[error("the file system failed with errno {0}")]
    Io(i32),
}

/// Why a task was not carried out to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum RunError {
    /// The ring has no worker pool.
    #[error("there is no worker pool")]
    NoPool,
    /// Every worker is busy, and as many tasks wait as may wait. Nothing was begun.
    #[error("too many tasks wait already")]
    Full,
    /// The system started no thread. Nothing was begun.
    #[error("no thread could be started")]
    NoThread,
    /// It panicked.
    #[error("the task panicked")]
    Panicked,
    /// It was cancelled before anybody began it.
    #[error("cancelled")]
    Cancelled,
}

/// Why a program was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum SpawnError {
    /// The program, its interpreter or its directory is not there (ENOENT, ENOTDIR).
    #[error("no such program")]
    NotFound,
    /// It may not be executed (EACCES, EPERM).
    #[error("permission denied")]
    Denied,
    /// It is neither a binary for this machine nor a script with a `#!` line (ENOEXEC).
    #[error("not a program that this machine can execute")]
    NotExecutable,
    /// Its arguments and environment are longer than [`crate::limits::LAUNCH_BYTES_MAX`], or than the system takes (E2BIG).
    #[error("the arguments and the environment are too long")]
    TooLong,
    /// No process, memory or descriptor is left (EAGAIN, ENOMEM, EMFILE, ENFILE): later.
    #[error("no process or descriptor left")]
    Exhausted,
    /// The launcher is gone, or there never was one.
    #[error("there is no launcher")]
    NoLauncher,
    /// It was cancelled before the launcher knew of it.
    #[error("cancelled")]
    Cancelled,
    /// As the errno says.
    #[error("starting failed with errno {0}")]
    Failed(i32),
}

/// Why the end of a program is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum ChildError {
    /// The launcher ended first; it takes its programs with it.
    #[error("the launcher is gone")]
    NoLauncher,
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// Why nothing passed through a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum PipeError {
    /// Nobody reads at the other end any more (EPIPE).
    #[error("nobody reads the pipe any more")]
    Closed,
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The pipe failed, with this errno.
    #[error("the pipe failed with errno {0}")]
    Failed(i32),
}

/// The ring itself does not work any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("the ring is lost: io_uring_enter failed with errno {errno}")]
pub struct RingLost {
    /// As the kernel said.
    pub errno: i32,
}
