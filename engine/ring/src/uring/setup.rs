//! Making a ring: which flags this kernel takes, and why it refused.

use std::{fs, io};

use io_uring::{IoUring, Probe, opcode};
use thiserror::Error;

use crate::limits::RingLimits;

/// Why no ring could be made. The text says which limit, sysctl or profile did it and what to do.
#[derive(Debug, Error)]
pub enum SetupError {
    /// `kernel.io_uring_disabled` forbids it (Linux 6.6 and later).
    #[error(
        "io_uring is switched off: sysctl kernel.io_uring_disabled is {value}; set it to 0, or to 1 and run with CAP_SYS_ADMIN"
    )]
    Sysctl {
        /// 1 or 2.
        value: u8,
    },
    /// A seccomp filter forbids it, as the default profiles of Docker and containerd do.
    #[error(
        "a seccomp filter forbids io_uring (the default profile of Docker and containerd does); allow io_uring_setup, io_uring_enter and io_uring_register in the container's seccomp profile"
    )]
    Seccomp,
    /// A security module forbids it.
    #[error(
        "io_uring_setup was refused with EPERM; a security module (SELinux, AppArmor) or the host forbids it to this process"
    )]
    Forbidden,
    /// The kernel has no io_uring, or an emulated kernel does not offer it.
    #[error("this kernel has no io_uring; Slipring needs Linux 6.1 or later")]
    Missing,
    /// The kernel is older than what the ring needs.
    #[error("this kernel's io_uring does not know {what}; Slipring needs Linux 6.1 or later")]
    TooOld {
        /// The first feature that was not there.
        what: &'static str,
    },
    /// RLIMIT_MEMLOCK is too low for the queues.
    #[error(
        "not enough lockable memory: a ring needs about {needed_kib} KiB and `ulimit -l` allows {limit}; raise it (LimitMEMLOCK= in a systemd unit)"
    )]
    Memlock {
        /// KiB that the queues of one ring take.
        needed_kib: u64,
        /// What the limit is, as text.
        limit: String,
    },
    /// RLIMIT_NOFILE is too low.
    #[error("no file descriptor left for a ring; raise `ulimit -n` (LimitNOFILE= in a systemd unit)")]
    Descriptors,
    /// A root directory cannot be opened.
    #[error("cannot open the directory {path}: {source}")]
    Root {
        /// As configured.
        path: String,
        /// As the kernel said.
        source: io::Error,
    },
    /// Anything else.
    #[error("setting up io_uring failed in {step}: {source}")]
    Other {
        /// Which step.
        step: &'static str,
        /// As the kernel said.
        source: io::Error,
    },
}

/// What the kernel accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Completions are run only in `enter` (DEFER_TASKRUN).
    pub deferred: bool,
    /// No indirection array (NO_SQARRAY, Linux 6.6).
    pub no_sqarray: bool,
    /// Accept stays armed. Not where DEFER_TASKRUN with multishot accept may return a bad descriptor (6.6 to 6.8).
    pub multishot_accept: bool,
    /// `enter` by registered index.
    pub registered_fd: bool,
    /// File reads into registered memory.
    pub registered_buffers: bool,
    /// Sockets that are sent to often are found in the ring's own table (Linux 6.13).
    pub registered_files: bool,
    /// A wait may be told when to end instead of after how long (Linux 6.12).
    pub absolute_waits: bool,
}

/// Which optional flags to ask for; peeled from the front when the kernel says EINVAL.
const PEELS: [(bool, bool); 3] = [(true, true), (true, false), (false, false)];

/// Builds the ring with the most flags that the kernel takes.
pub(super) fn build(limits: &RingLimits) -> Result<(IoUring, Features), SetupError> {
    let mut refused = io::Error::from_raw_os_error(libc::EINVAL);
    for (deferred, no_sqarray) in PEELS {
        match attempt(limits, deferred, no_sqarray) {
            Ok(ring) => {
                // They have no feature bit of their own, but came with one that has.
                let absolute_waits = ring.params().is_feature_min_timeout();
                return Ok((ring, Features { absolute_waits, ..features(deferred, no_sqarray) }));
            }
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => refused = error,
            Err(error) => return Err(explain(error, limits)),
        }
    }
    Err(explain(refused, limits))
}

fn attempt(limits: &RingLimits, deferred: bool, no_sqarray: bool) -> io::Result<IoUring> {
    let mut builder = IoUring::builder();
    builder.setup_cqsize(limits.completions).setup_submit_all().dontfork();
    if deferred {
        builder.setup_single_issuer().setup_defer_taskrun();
    } else {
        builder.setup_coop_taskrun();
    }
    if no_sqarray {
        builder.setup_no_sqarray();
    }
    builder.build(limits.submissions)
}

fn features(deferred: bool, no_sqarray: bool) -> Features {
    let multishot_accept = !(deferred && accept_is_risky(kernel_version()));
    Features {
        deferred,
        no_sqarray,
        multishot_accept,
        registered_fd: false,
        registered_buffers: false,
        registered_files: false,
        absolute_waits: false,
    }
}

/// Linux 6.6 to 6.8: multishot accept under DEFER_TASKRUN may return a descriptor that is none.
fn accept_is_risky(version: (u32, u32)) -> bool {
    ((6, 6)..=(6, 8)).contains(&version)
}

/// Major and minor of the running kernel; (0, 0) if it does not say.
pub fn kernel_version() -> (u32, u32) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    parse_version(&release)
}

fn parse_version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Checks that every operation that the ring submits is known.
pub(super) fn check_operations(ring: &IoUring) -> Result<(), SetupError> {
    let mut probe = Probe::new();
    let probed = ring.submitter().register_probe(&mut probe);
    probed.map_err(|source| SetupError::Other { step: "probing", source })?;
    let needed = [
        (opcode::Accept::CODE, "accept"),
        (opcode::Recv::CODE, "receive"),
        (opcode::Send::CODE, "send"),
        (opcode::SendMsg::CODE, "gathered send"),
        (opcode::PollAdd::CODE, "poll"),
        (opcode::Shutdown::CODE, "shutdown"),
        (opcode::Close::CODE, "close"),
        (opcode::AsyncCancel::CODE, "cancel"),
        (opcode::OpenAt2::CODE, "openat2"),
        (opcode::Read::CODE, "read"),
        (opcode::Write::CODE, "write"),
        (opcode::Connect::CODE, "connect"),
        (opcode::RecvMsg::CODE, "receive with descriptors"),
        (opcode::OpenAt::CODE, "open"),
    ];
    match needed.iter().find(|(code, _)| !probe.is_supported(*code)) {
        Some((_, what)) => Err(SetupError::TooOld { what }),
        None => Ok(()),
    }
}

/// Says what a refusal of the kernel means here.
pub(super) fn explain(error: io::Error, limits: &RingLimits) -> SetupError {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => explain_eperm(),
        Some(libc::ENOSYS) => SetupError::Missing,
        Some(libc::EINVAL) => SetupError::TooOld { what: "the needed setup flags" },
        Some(libc::EMFILE | libc::ENFILE) => SetupError::Descriptors,
        Some(libc::ENOMEM) => {
            let bytes =
                limits.submissions as u64 * 64 + limits.completions as u64 * 16 + 16 * limits.recv_buffers as u64;
            SetupError::Memlock { needed_kib: bytes / 1024 + 8, limit: memlock_limit() }
        }
        _ => SetupError::Other { step: "io_uring_setup", source: error },
    }
}

fn explain_eperm() -> SetupError {
    let sysctl = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    if let Ok(value @ 1..) = sysctl.trim().parse::<u8>() {
        return SetupError::Sysctl { value };
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let filtered = status.lines().any(|line| line.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() == "2"));
    if filtered { SetupError::Seccomp } else { SetupError::Forbidden }
}

fn memlock_limit() -> String {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"));
    let soft = line.and_then(|rest| rest.split_whitespace().next()).unwrap_or("an unknown amount");
    if soft.bytes().all(|b| b.is_ascii_digit()) { format!("{soft} bytes") } else { soft.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_releases() {
        for (release, version) in [("6.18.44-fc", (6, 18)), ("6.1.0-13-amd64", (6, 1)), ("", (0, 0))] {
            assert_eq!(parse_version(release), version);
        }
        assert!(accept_is_risky((6, 7)) && !accept_is_risky((6, 5)) && !accept_is_risky((6, 9)));
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        for errno in [libc::EPERM, libc::ENOSYS, libc::EINVAL, libc::EMFILE, libc::ENOMEM, libc::EIO] {
            let text = explain(io::Error::from_raw_os_error(errno), &RingLimits::SERVER).to_string();
            assert!(text.len() > 40, "{text}");
        }
    }
}
