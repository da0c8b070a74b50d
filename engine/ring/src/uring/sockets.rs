//! Sockets outside the ring's queues: listeners, connecting sockets, addresses.

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use super::unix::BoundPath;
use crate::op::Peer;

/// What a listener sets; accepted sockets inherit it.
#[derive(Clone, Debug, Default)]
pub struct ListenOptions {
    /// Several listeners of one process share the port (SO_REUSEPORT).
    pub reuse_port: bool,
    /// Connections that wait to be accepted; the kernel caps it at `net.core.somaxconn`.
    pub backlog: u32,
    /// An IPv6 listener takes IPv4 connections as well.
    pub dual_stack: bool,
    /// Congestion control by name; the system's own if `None`.
    pub congestion: Option<String>,
}

/// A bound and listening stream socket, of TCP or with a Unix path.
#[derive(Debug)]
pub struct Listener {
    pub(super) fd: OwnedFd,
    pub(super) place: Place,
}

/// Where a listener can be reached.
#[derive(Debug)]
pub(super) enum Place {
    Ip(SocketAddr),
    Unix(Arc<BoundPath>),
}

/// Bytes that the kernel holds unsent before a socket counts as writable: enough to stream, little per connection.
const NOTSENT_LOWAT_BYTES: i32 = 128 * 1024;
/// How long sent bytes may stay unacknowledged before the kernel gives a connection up.
const USER_TIMEOUT_MS: i32 = 30_000;

impl Listener {
    /// Binds and listens. Port 0 takes a free port: see [`Listener::address`].
    ///
    /// # Errors
    /// As socket, bind and listen say; `AddrInUse` when another server has the port.
    pub fn bind(address: SocketAddr, options: &ListenOptions) -> io::Result<Self> {
        let fd = tcp_socket(&address)?;
        let raw = fd.as_raw_fd();
        set(raw, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
        if options.reuse_port {
            set(raw, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
        }
        if address.is_ipv6() {
            set(raw, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, i32::from(!options.dual_stack))?;
        }
        set(raw, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
        set(raw, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, NOTSENT_LOWAT_BYTES)?;
        set(raw, libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, USER_TIMEOUT_MS)?;
        if let Some(name) = &options.congestion {
            set_bytes(raw, libc::IPPROTO_TCP, libc::TCP_CONGESTION, name.as_bytes())?;
        }
        bind(raw, &address)?;
        // SAFETY: `raw` is an open socket of ours; listen reads no memory.
        check(unsafe { libc::listen(raw, options.backlog.clamp(1, i32::MAX as u32) as i32) })?;
        let address = match local_address(raw) {
            Peer::Ip(address) => address,
            Peer::Unix | Peer::Unknown => address,
        };
        Ok(Self { fd, place: Place::Ip(address) })
    }

    /// As [`Self::bind`], but a port in use is tried again for so long: a server that was killed a moment ago holds its
    /// port until the kernel has taken its ring apart, some milliseconds behind its end.
    ///
    /// # Errors
    /// As [`Self::bind`].
    pub fn bind_within(address: SocketAddr, options: &ListenOptions, patience: Duration) -> io::Result<Self> {
        const PAUSE: Duration = Duration::from_millis(10);
        let mut waited = Duration::ZERO;
        loop {
            match Self::bind(address, options) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && waited < patience => {
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "before any ring is made, on the thread that starts"
                    )]
                    std::thread::sleep(PAUSE);
                    waited += PAUSE;
                }
                result => return result,
            }
        }
    }

    /// Where it listens, with the real port; `None` for a Unix socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.place {
            Place::Ip(address) => Some(address),
            Place::Unix(_) => None,
        }
    }
}

/// A TCP socket for `address`'s family, CLOEXEC.
pub(super) fn tcp_socket(address: &SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: no memory is passed.
    let fd = check(unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: `fd` was made by the call above and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A client's socket: no Nagle delay, bound to `from` if it is given.
pub(super) fn client_socket(
    to: &SocketAddr,
    from: Option<&SocketAddr>,
    congestion: Option<&str>,
) -> io::Result<OwnedFd> {
    let fd = tcp_socket(to)?;
    set(fd.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    if let Some(name) = congestion {
        set_bytes(fd.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_CONGESTION, name.as_bytes())?;
    }
    if let Some(from) = from {
        set(fd.as_raw_fd(), libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)?;
        bind(fd.as_raw_fd(), from)?;
    }
    Ok(fd)
}

/// Drops new SYNs at this listener; the last step of handshakes already begun still passes.
pub(super) fn drop_new_connections(listener: RawFd) -> io::Result<()> {
    // Load the TCP flags byte; a SYN without ACK is cut to 0 bytes, which drops it, everything else passes whole.
    let mut code = [
        libc::sock_filter { code: 0x30, jt: 0, jf: 0, k: 13 },
        libc::sock_filter { code: 0x54, jt: 0, jf: 0, k: 0x12 },
        libc::sock_filter { code: 0x15, jt: 0, jf: 1, k: 0x02 },
        libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: 0 },
        libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: u32::MAX },
    ];
    let program = libc::sock_fprog { len: code.len() as u16, filter: code.as_mut_ptr() };
    // SAFETY: the kernel copies the program during the call; it points at `code`, which lives until then.
    check(unsafe {
        libc::setsockopt(
            listener,
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// Accepts one waiting connection without blocking; `None` when there is none.
pub(super) fn accept_now(listener: RawFd) -> Option<io::Result<RawFd>> {
    let mut ready = libc::pollfd { fd: listener, events: libc::POLLIN, revents: 0 };
    // SAFETY: one `pollfd` is passed, by its address and a count of one.
    if unsafe { libc::poll(&raw mut ready, 1, 0) } < 1 {
        return None;
    }
    // SAFETY: null addresses are allowed: the peer's address is not asked for.
    let accepted = unsafe { libc::accept4(listener, std::ptr::null_mut(), std::ptr::null_mut(), libc::SOCK_CLOEXEC) };
    match check(accepted) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        result => Some(result),
    }
}

/// The other end's address.
pub(super) fn peer_address(fd: RawFd) -> Peer {
    // SAFETY: `named` passes a buffer of the length that it says.
    named(|storage, len| unsafe { libc::getpeername(fd, storage, len) })
}

/// This end's address.
pub(super) fn local_address(fd: RawFd) -> Peer {
    // SAFETY: `named` passes a buffer of the length that it says.
    named(|storage, len| unsafe { libc::getsockname(fd, storage, len) })
}

fn named(ask: impl FnOnce(*mut libc::sockaddr, *mut libc::socklen_t) -> i32) -> Peer {
    let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    if ask(storage.as_mut_ptr().cast(), &raw mut len) < 0 {
        return Peer::Unknown;
    }
    // SAFETY: it was zeroed, which is a value of this plain struct, and the kernel wrote at most its size into it.
    let storage = unsafe { storage.assume_init() };
    from_storage(&storage)
}

fn from_storage(storage: &libc::sockaddr_storage) -> Peer {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the storage holds a `sockaddr_in`, which is smaller and no more aligned.
            let v4 = unsafe { &*std::ptr::from_ref(storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Peer::Ip(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that the storage holds a `sockaddr_in6`, which is smaller and no more aligned.
            let v6 = unsafe { &*std::ptr::from_ref(storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            let address = SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), v6.sin6_flowinfo, v6.sin6_scope_id);
            Peer::Ip(address.into())
        }
        libc::AF_UNIX => Peer::Unix,
        _ => Peer::Unknown,
    }
}

/// A socket address in the kernel's form, with its length.
pub(super) struct RawAddress {
    pub(super) storage: libc::sockaddr_storage,
    pub(super) len: libc::socklen_t,
}

impl RawAddress {
    pub(super) fn new(address: &SocketAddr) -> Self {
        // SAFETY: all zeros is a value of this plain struct.
        let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
        let len = match address {
            SocketAddr::V4(v4) => {
                let raw = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: v4.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
                    sin_zero: [0; 8],
                };
                // SAFETY: the storage is larger than a `sockaddr_in` and aligned for every socket address.
                unsafe { (&raw mut storage).cast::<libc::sockaddr_in>().write(raw) };
                size_of::<libc::sockaddr_in>()
            }
            SocketAddr::V6(v6) => {
                let raw = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: v6.port().to_be(),
                    sin6_flowinfo: v6.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                    sin6_scope_id: v6.scope_id(),
                };
                // SAFETY: the storage is larger than a `sockaddr_in6` and aligned for every socket address.
                unsafe { (&raw mut storage).cast::<libc::sockaddr_in6>().write(raw) };
                size_of::<libc::sockaddr_in6>()
            }
        };
        Self { storage, len: len as libc::socklen_t }
    }
}

fn bind(fd: RawFd, address: &SocketAddr) -> io::Result<()> {
    let raw = RawAddress::new(address);
    // SAFETY: the address lives through the call and `len` is its length.
    check(unsafe { libc::bind(fd, (&raw const raw.storage).cast(), raw.len) }).map(drop)
}

/// What closes this socket next resets its connection (SO_LINGER of no time). It cannot fail on a socket that is open.
pub(super) fn reset_on_close(fd: RawFd) {
    let (on, seconds) = (1_i32.to_ne_bytes(), 0_i32.to_ne_bytes());
    let set = set_bytes(fd, libc::SOL_SOCKET, libc::SO_LINGER, [on, seconds].as_flattened());
    debug_assert!(set.is_ok(), "{set:?}");
}

fn set(fd: RawFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    set_bytes(fd, level, option, &value.to_ne_bytes())
}

fn set_bytes(fd: RawFd, level: i32, option: i32, value: &[u8]) -> io::Result<()> {
    // SAFETY: the kernel reads `value` during the call, as many bytes as it has.
    check(unsafe { libc::setsockopt(fd, level, option, value.as_ptr().cast(), value.len() as libc::socklen_t) })
        .map(drop)
}

/// A system call's result: what it says, or errno.
pub(super) fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
