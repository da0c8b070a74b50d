//! From errno to the outcome enums: the one place that knows both.

use crate::outcome::{AcceptError, ConnectError, FileError, PipeError, RecvError, SendError, SpawnError};

pub(super) fn accept(errno: i32) -> AcceptError {
    match errno {
        libc::EMFILE | libc::ENFILE => AcceptError::DescriptorLimit,
        libc::ENOMEM | libc::ENOBUFS => AcceptError::NoMemory,
        libc::ECANCELED => AcceptError::Cancelled,
        // accept(2): errors of the new connection that Linux passes on; try again.
        libc::ECONNABORTED
        | libc::EPROTO
        | libc::ENETDOWN
        | libc::ENOPROTOOPT
        | libc::EHOSTDOWN
        | libc::ENONET
        | libc::EHOSTUNREACH
        | libc::ENETUNREACH
        | libc::EPERM
        | libc::EINTR
        | libc::EAGAIN => AcceptError::PeerGone,
        other => AcceptError::Listener(other),
    }
}

pub(super) fn recv(errno: i32) -> RecvError {
    match errno {
        libc::ENOBUFS => RecvError::NoBuffers,
        libc::ECANCELED => RecvError::Cancelled,
        other => RecvError::Broken(other),
    }
}

pub(super) fn send(errno: i32) -> SendError {
    match errno {
        libc::EAGAIN | libc::EINTR => SendError::WouldBlock,
        libc::ECANCELED => SendError::Cancelled,
        other => SendError::Broken(other),
    }
}

pub(super) fn connect(errno: i32) -> ConnectError {
    match errno {
        // ENOENT: no Unix socket has that path.
        libc::ECONNREFUSED | libc::ENOENT => ConnectError::Refused,
        libc::EADDRNOTAVAIL | libc::EADDRINUSE => ConnectError::AddressUnavailable,
        libc::EMFILE | libc::ENFILE => ConnectError::DescriptorLimit,
        libc::ECANCELED => ConnectError::Cancelled,
        other => ConnectError::Failed(other),
    }
}

pub(super) fn pipe(errno: i32) -> PipeError {
    match errno {
        libc::EPIPE => PipeError::Closed,
        libc::ECANCELED => PipeError::Cancelled,
        other => PipeError::Failed(other),
    }
}

/// Why a launch did not reach the launcher.
pub(super) fn launch_sent(errno: i32) -> SpawnError {
    match errno {
        libc::ECANCELED => SpawnError::Cancelled,
        libc::EMSGSIZE => SpawnError::TooLong,
        libc::ENOMEM | libc::ENOBUFS => SpawnError::Exhausted,
        _ => SpawnError::NoLauncher,
    }
}

/// Why the launcher did not start a program.
pub(super) fn spawn(errno: i32) -> SpawnError {
    match errno {
        libc::ENOENT | libc::ENOTDIR => SpawnError::NotFound,
        libc::EACCES | libc::EPERM => SpawnError::Denied,
        libc::ENOEXEC => SpawnError::NotExecutable,
        libc::E2BIG => SpawnError::TooLong,
        libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE => SpawnError::Exhausted,
        other => SpawnError::Failed(other),
    }
}

pub(super) fn file(errno: i32) -> FileError {
    match errno {
        libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG => FileError::NotFound,
        libc::EACCES | libc::EPERM => FileError::Denied,
        libc::EXDEV => FileError::OutsideRoot,
        libc::ELOOP | libc::ENXIO | libc::ENODEV | libc::EOPNOTSUPP => FileError::NotServable,
        libc::EMFILE | libc::ENFILE => FileError::DescriptorLimit,
        libc::ECANCELED => FileError::Cancelled,
        other => FileError::Io(other),
    }
}
