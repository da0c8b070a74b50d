//! Why a server did not start, or did not go on.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use slipring_ring::RingLost;
use slipring_ring::uring::SetupError;
use thiserror::Error;

/// Why a server did not start, or did not go on.
#[derive(Debug, Error)]
pub enum Error {
    /// A name to listen on leads nowhere.
    #[error("cannot listen on {name}: {source}")]
    Address {
        /// As given.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The port is taken.
    #[error("cannot listen on {address}: the port is in use by another program; stop it, or choose another port")]
    PortInUse {
        /// Which.
        address: SocketAddr,
    },
    /// The port is below 1024 and this user may not.
    #[error(
        "cannot listen on {address}: no permission for this port; use one above 1023, or grant CAP_NET_BIND_SERVICE"
    )]
    PortForbidden {
        /// Which.
        address: SocketAddr,
    },
    /// Listening failed otherwise.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Listening on a path failed; `AddrInUse`: a server answers there, or something else stands there.
    #[error("cannot listen on {path}: {source}")]
    ListenUnix {
        /// As given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A log cannot be opened.
    #[error("cannot open the {which} log {path}: {source}")]
    Log {
        /// `access` or `error`.
        which: &'static str,
        /// As given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel refused a ring.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// A core that was asked for is not there.
    #[error("core {core} is not one that this process may run on")]
    Core {
        /// Its number.
        core: usize,
    },
    /// Starting a thread or blocking signals failed.
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
    /// A ring was lost while serving.
    #[error(transparent)]
    Lost(#[from] RingLost),
}

impl Error {
    /// Whether the kernel refused a ring: a limit, a sysctl or a seccomp profile stands in the way.
    pub fn kernel_refused(&self) -> bool {
        matches!(self, Self::Setup(error) if !matches!(error, SetupError::Root { .. }))
    }

    /// Whether the server failed while it ran, not when it started.
    pub fn while_running(&self) -> bool {
        matches!(self, Self::Lost(_))
    }
}

/// What a failed bind means for who started the server.
pub(super) fn explain(address: SocketAddr, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::AddrInUse => Error::PortInUse { address },
        io::ErrorKind::PermissionDenied => Error::PortForbidden { address },
        _ => Error::Listen { address, source },
    }
}
