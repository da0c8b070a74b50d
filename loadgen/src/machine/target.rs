//! Which processes stand behind an address of this machine.
//!
//! The kernel lists the listening sockets of a port with their inodes, and `/proc/PID/fd` says who holds an inode: nginx's
//! master and workers, a server's forked children, each of several processes that share a port by SO_REUSEPORT. Threads
//! and descendants of the holders belong to them.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::cgroup::CpuGroup;
use super::process::{self, Id};

/// The state of a listening TCP socket in `/proc/net/tcp` (TCP_LISTEN).
const LISTENING: &str = "0A";
/// The flag of a listening Unix socket in `/proc/net/unix` (SO_ACCEPTCON).
const ACCEPTS: u32 = 1 << 16;

/// Where a server may listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A Unix socket's path.
    Unix(PathBuf),
}

/// What is watched during a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub(super) found_by: &'static str,
    pub(super) who: Who,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Processes with their descendants.
    Processes(Vec<Id>),
    /// All that runs in a control group.
    Group(CpuGroup),
}

/// Why the CPU time of a target cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FindError {
    /// The address is not one of this machine.
    #[error("the target is on another machine")]
    Remote,
    /// Nothing listens there, as far as this network namespace shows.
    #[error("no listening socket of this machine has that address; it may be in a container: give --target-cgroup")]
    NoListener,
    /// Somebody listens, and their descriptors are not ours to read.
    #[error("the process that listens belongs to another user; run as that user, or give --target-cgroup")]
    Hidden,
    /// `--target-pid` names nobody.
    #[error("--target-pid names no process whose CPU time can be read")]
    NoProcess,
    /// `--target-cgroup` names nothing.
    #[error("--target-cgroup names no control group whose CPU time can be read")]
    NoGroup,
}

impl Target {
    /// What a run is to watch: the group or the process that the user names, else who listens at one of the addresses.
    ///
    /// # Errors
    /// When that is not to be found, or not to be read.
    pub fn choose(group: Option<&str>, pid: Option<u32>, addresses: &[Address]) -> Result<Self, FindError> {
        match (group, pid) {
            (Some(name), _) => Self::of_group(name).ok_or(FindError::NoGroup),
            (None, Some(pid)) => Self::of_pid(pid).ok_or(FindError::NoProcess),
            (None, None) => find(addresses),
        }
    }

    /// One process with its threads and descendants, `--target-pid`; `None` if it is not there.
    pub fn of_pid(pid: u32) -> Option<Self> {
        Some(Self { found_by: "--target-pid", who: Who::Processes(vec![Id::of(pid)?]) })
    }

    /// A control group, `--target-cgroup`; `None` if there is none that counts CPU time.
    pub fn of_group(name: &str) -> Option<Self> {
        Some(Self { found_by: "--target-cgroup", who: Who::Group(CpuGroup::named(name)?) })
    }
}

/// The processes that listen at any of these addresses. Reads the descriptors of every process, so it takes some
/// milliseconds: before the load.
///
/// # Errors
/// When there is none, or none that we may look at.
pub fn find(addresses: &[Address]) -> Result<Target, FindError> {
    let local: Vec<&Address> = addresses.iter().filter(|address| is_local(address)).collect();
    if local.is_empty() {
        return Err(FindError::Remote);
    }
    let inodes: Vec<u64> = local.into_iter().flat_map(inodes).collect();
    if inodes.is_empty() {
        return Err(FindError::NoListener);
    }
    let holders: Vec<Id> = process::all().into_iter().filter(|&pid| holds(pid, &inodes)).filter_map(Id::of).collect();
    if holders.is_empty() {
        return Err(FindError::Hidden);
    }
    Ok(Target { found_by: "listening socket", who: Who::Processes(holders) })
}

fn is_local(address: &Address) -> bool {
    match address {
        Address::Unix(_) => true,
        Address::Tcp(address) => address.ip().is_loopback() || UdpSocket::bind((address.ip(), 0)).is_ok(),
    }
}

fn inodes(address: &Address) -> Vec<u64> {
    match address {
        Address::Tcp(wanted) => {
            // A socket of its own family goes before one of both.
            let tables: &[&str] = if wanted.is_ipv4() { &["tcp", "tcp6"] } else { &["tcp6"] };
            let mut found = tables.iter().map(|name| tcp_inodes(listening(name), *wanted));
            found.find(|inodes| !inodes.is_empty()).unwrap_or_default()
        }
        Address::Unix(path) => unix_inodes(&fs::read_to_string("/proc/net/unix").unwrap_or_default(), path),
    }
}

/// The lines of the listening sockets of `/proc/net/tcp` or `tcp6`. They come first; behind them the kernel would walk
/// through every connection of the machine, which takes milliseconds even when there are none.
fn listening(name: &str) -> Vec<String> {
    /// Less than a line: asked for more, the kernel looks further before it answers.
    const PIECE_BYTES: usize = 128;
    let Ok(file) = File::open(Path::new("/proc/net").join(name)) else { return Vec::new() };
    let lines = BufReader::with_capacity(PIECE_BYTES, file).lines().map_while(Result::ok).skip(1);
    lines.take_while(|line| line.split_whitespace().nth(3) == Some(LISTENING)).collect()
}

fn tcp_inodes(lines: impl IntoIterator<Item = impl AsRef<str>>, wanted: SocketAddr) -> Vec<u64> {
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (address, port) = fields.get(1)?.split_once(':')?;
        let is_it = *fields.get(3)? == LISTENING && u16::from_str_radix(port, 16) == Ok(wanted.port());
        let found = parse_ip(address)?;
        (is_it && takes(found, wanted.ip())).then_some(fields.get(9)?.parse().ok()?)
    };
    lines.into_iter().filter_map(|line| inode(line.as_ref())).collect()
}

/// Whether a socket bound to `bound` takes connections for `wanted`.
fn takes(bound: IpAddr, wanted: IpAddr) -> bool {
    match (bound.to_canonical(), wanted.to_canonical()) {
        (IpAddr::V4(bound), IpAddr::V4(wanted)) => bound.is_unspecified() || bound == wanted,
        // `::` takes IPv4 too, unless it was told not to.
        (IpAddr::V6(bound), wanted) => bound.is_unspecified() || IpAddr::V6(bound) == wanted,
        (IpAddr::V4(_), IpAddr::V6(_)) => false,
    }
}

/// An address as the kernel prints it: words of 32 bits as this machine reads them from network memory.
fn parse_ip(hex: &str) -> Option<IpAddr> {
    let word = |index: usize| u32::from_str_radix(hex.get(8 * index..8 * index + 8)?, 16).ok().map(u32::to_ne_bytes);
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index)?);
            }
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

fn unix_inodes(text: &str, wanted: &Path) -> Vec<u64> {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let wanted = real(wanted);
    let inode = |line: &str| {
        // `Num: RefCount Protocol Flags Type St Inode Path`, where the inode is padded and the path may hold spaces.
        let mut fields = line.splitn(7, ' ');
        let listens = u32::from_str_radix(fields.nth(3)?, 16).ok()? & ACCEPTS != 0;
        let (inode, path) = fields.nth(2)?.trim_start().split_once(' ')?;
        (listens && real(Path::new(path)) == wanted).then_some(inode.parse().ok()?)
    };
    text.lines().skip(1).filter_map(inode).collect()
}

/// Whether a process holds one of the sockets, as a descriptor or as a registered file of an io_uring.
fn holds(pid: u32, inodes: &[u64]) -> bool {
    let directory = process::directory(pid);
    let entries = fs::read_dir(directory.join("fd")).into_iter().flatten().flatten();
    let mut names = entries.filter_map(|entry| Some((fs::read_link(entry.path()).ok()?, entry.file_name())));
    names.any(|(link, fd)| {
        let link = link.to_string_lossy();
        let is_ring = || {
            let info = fs::read_to_string(directory.join("fdinfo").join(fd)).unwrap_or_default();
            info.lines().filter_map(|line| line.split_once(": ")).any(|(_, file)| names_any(file.trim(), inodes))
        };
        names_any(&link, inodes) || (link == "anon_inode:[io_uring]" && is_ring())
    })
}

/// Whether a name such as `socket:[123]` is one of the sockets.
fn names_any(name: &str, inodes: &[u64]) -> bool {
    let number = name.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
    number.and_then(|number| number.parse().ok()).is_some_and(|inode| inodes.contains(&inode))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0
   2: 0100007F:1F90 0100007F:A000 01 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0
   3: 0200007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 444 1 0 100 0 0 10 0
";
    const TCP6: &str = "  sl  local_address remote_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 555 1 0
   1: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 666 1 0
";

    fn check(text: &str, address: &str, expected: &[u64]) {
        assert_eq!(tcp_inodes(text.lines(), address.parse().expect("an address")), expected, "{address}");
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn sockets_that_take_an_address() {
        check(TCP, "127.0.0.1:8080", &[111, 222]);
        check(TCP, "127.0.0.2:8080", &[222, 444]);
        check(TCP, "127.0.0.1:8081", &[]);
        check(TCP6, "[::1]:8080", &[555]);
        check(TCP6, "127.0.0.1:8080", &[]);
        check(TCP6, "127.0.0.1:8081", &[666]);
    }

    #[test]
    fn unix_sockets_that_listen() {
        let text = "Num RefCount Protocol Flags Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01    77 /run/a b.sock
0000000000000000: 00000003 00000000 00000000 0001 03 888 /run/a b.sock
0000000000000000: 00000002 00000000 00010000 0001 01 999 @abstract
0000000000000000: 00000003 00000000 00000000 0001 03 1000\n";
        assert_eq!(unix_inodes(text, Path::new("/run/a b.sock")), [77]);
        assert_eq!(unix_inodes(text, Path::new("/run/a")), [] as [u64; 0]);
    }

    #[test]
    fn our_own_listeners_are_found() {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        let _unix = UnixListener::bind(&path).expect("a new path");
        let own = Id::of(std::process::id()).expect("a readable /proc");
        for address in [Address::Tcp(tcp.local_addr().expect("it is bound")), Address::Unix(path)] {
            let found = find(&[address]).map(|target| target.who);
            assert!(matches!(&found, Ok(Who::Processes(ids)) if ids.contains(&own)), "{found:?}");
        }
    }

    #[test]
    fn what_is_not_here_is_said_to_be_elsewhere() {
        let remote = Address::Tcp("192.0.2.1:80".parse().expect("an address"));
        assert_eq!(find(&[remote]), Err(FindError::Remote));
        assert_eq!(find(&[Address::Unix("/nowhere/at/all".into())]), Err(FindError::NoListener));
        assert_eq!(Target::of_pid(u32::MAX), None);
        assert_eq!(Target::of_group("/nowhere/at/all"), None);
    }
}
