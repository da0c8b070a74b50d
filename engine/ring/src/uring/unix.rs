//! Unix stream sockets: listeners with a path, and the file that a server which was killed left behind.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::sockets::{Listener, Place, RawAddress, check};
use crate::limits::UNIX_PATH_BYTES_MAX;

/// A path that a listener made. It goes with the last listener that shares it.
#[derive(Debug)]
pub(super) struct BoundPath {
    path: PathBuf,
    /// Device and inode: whether it is still the one that was made.
    identity: (u64, u64),
    removed: AtomicBool,
}

impl Listener {
    /// Binds a Unix stream socket at `path`, open to whom `mode` allows (as of a file, 0o600 for the owner alone), and
    /// listens. The file of a server that is gone is replaced; the one of a server that still answers is not, nor is
    /// anything that is no socket. The file goes with the last listener of it, or with a drain.
    ///
    /// # Errors
    /// `AddrInUse` when somebody listens there or something else stands there, `InvalidInput` for a path longer than
    /// [`UNIX_PATH_BYTES_MAX`]; else as socket, bind, chmod and listen say.
    pub fn bind_unix(path: &Path, mode: u32, backlog: u32) -> io::Result<Self> {
        let too_long =
            || io::Error::new(io::ErrorKind::InvalidInput, "the path of a Unix socket is 1 to 107 bytes long");
        let address = RawAddress::unix(path.as_os_str().as_bytes()).ok_or_else(too_long)?;
        let fd = unix_socket()?;
        if let Err(error) = bind(&fd, &address) {
            if error.kind() != io::ErrorKind::AddrInUse || !is_stale(path) {
                return Err(error);
            }
            fs::remove_file(path)?;
            bind(&fd, &address)?;
        }
        // Nobody can connect before it listens, so the mode is there in time.
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        // SAFETY: `fd` is an open socket of ours; listen reads no memory.
        check(unsafe { libc::listen(fd.as_raw_fd(), backlog.clamp(1, i32::MAX as u32) as i32) })?;
        let path = fs::canonicalize(path)?;
        let identity = identity_of(&path)?;
        set_accept_patience(&fd)?;
        Ok(Self { fd, place: Place::Unix(Arc::new(BoundPath { path, identity, removed: AtomicBool::new(false) })) })
    }

    /// The same listening socket once more, for another ring: a Unix path cannot be bound twice, so rings share its queue.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub fn share(&self) -> io::Result<Self> {
        let place = match &self.place {
            Place::Ip(address) => Place::Ip(*address),
            Place::Unix(path) => Place::Unix(Arc::clone(path)),
        };
        Ok(Self { fd: self.fd.try_clone()?, place })
    }
}

impl BoundPath {
    /// Takes the path away, so that nobody finds the listener any more; unless another server has put its own there.
    pub(super) fn remove(&self) {
        let first = !self.removed.swap(true, Ordering::AcqRel);
        if first && identity_of(&self.path).is_ok_and(|identity| identity == self.identity) {
            // Somebody else was faster: it is gone all the same.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Drop for BoundPath {
    fn drop(&mut self) {
        self.remove();
    }
}

impl RawAddress {
    /// `None` if the path is empty, too long or holds a NUL.
    pub(super) fn unix(path: &[u8]) -> Option<Self> {
        if path.is_empty() || path.len() > UNIX_PATH_BYTES_MAX || path.contains(&0) {
            return None;
        }
        // SAFETY: all zeros is a value of these plain structs.
        let mut raw: libc::sockaddr_un = unsafe { std::mem::zeroed() };
        raw.sun_family = libc::AF_UNIX as libc::sa_family_t;
        for (place, &byte) in raw.sun_path.iter_mut().zip(path) {
            *place = byte.cast_signed();
        }
        // SAFETY: as above.
        let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
        // SAFETY: the storage is larger than a `sockaddr_un` and aligned for every socket address.
        unsafe { (&raw mut storage).cast::<libc::sockaddr_un>().write(raw) };
        let len = std::mem::offset_of!(libc::sockaddr_un, sun_path) + path.len() + 1;
        Some(Self { storage, len: len as libc::socklen_t })
    }
}

/// A Unix stream socket, CLOEXEC.
pub(super) fn unix_socket() -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let fd = check(unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: `fd` was made by the call above and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn bind(fd: &OwnedFd, address: &RawAddress) -> io::Result<()> {
    // SAFETY: the address lives through the call and `len` is its length.
    check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const address.storage).cast(), address.len) }).map(drop)
}

/// Several rings accept from one queue: one that another was faster for must not block its thread in `accept_now`.
fn set_accept_patience(fd: &OwnedFd) -> io::Result<()> {
    let shortest = libc::timeval { tv_sec: 0, tv_usec: 1 };
    // SAFETY: the kernel reads the one `timeval` during the call.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVTIMEO,
            (&raw const shortest).cast(),
            size_of::<libc::timeval>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// Whether a socket stands there at which nobody answers.
fn is_stale(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    is_socket && UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn identity_of(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}
