//! The launcher: a process of its own that starts programs, so that no shard ever waits for an exec.
//!
//! It is forked before any ring is made, keeps none of this process's descriptors but its channels, and serves one channel
//! (a pair of sequenced-packet sockets) for each ring. It starts programs as it was told once (user, limits), each in a
//! process group of its own, and keeps an ended program as a zombie until its ring says that it may be forgotten: so a
//! process group's number never stands for another one while somebody may still kill it. When a ring's end of a channel
//! is gone, the programs of that ring are killed; when all are gone, the launcher ends.

mod protocol;
mod serve;

pub(super) use protocol::{Answer, Received, encode_launch, encode_reap, receive_header};

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::sockets::check;

/// How every program is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LauncherOptions {
    /// As which user and group; the launcher's own if `None`. Other groups are given up.
    pub user: Option<(u32, u32)>,
    /// Processor seconds of one process (RLIMIT_CPU): the last stop behind everybody's own time limit.
    pub cpu_s_max: u64,
    /// Descriptors of one process (RLIMIT_NOFILE), not more than the launcher's own limit.
    pub descriptors_max: u64,
}

impl LauncherOptions {
    /// For programs that strangers can start: as `nobody` when this process is root, else as itself.
    pub fn for_strangers() -> Self {
        const NOBODY: u32 = 65_534;
        // SAFETY: geteuid cannot fail and touches no memory.
        let is_root = unsafe { libc::geteuid() } == 0;
        Self { user: is_root.then_some((NOBODY, NOBODY)), ..Self::default() }
    }
}

impl Default for LauncherOptions {
    fn default() -> Self {
        Self { user: None, cpu_s_max: 600, descriptors_max: 1024 }
    }
}

/// The launcher as its parent sees it.
#[derive(Debug)]
pub struct Launcher {
    pid: libc::pid_t,
    channels: Vec<OwnedFd>,
}

impl Launcher {
    /// Forks the launcher with `rings` channels. Call it early: before rings, listeners and threads are made.
    ///
    /// # Errors
    /// As socketpair and fork say.
    pub fn start(options: &LauncherOptions, rings: usize) -> io::Result<Self> {
        let mut ours = Vec::with_capacity(rings);
        let mut theirs = Vec::with_capacity(rings);
        for _ in 0..rings {
            let (one, other) = channel()?;
            ours.push(one);
            theirs.push(other);
        }
        // SAFETY: the child runs `serve::run` alone and leaves by `_exit`. It allocates, which glibc keeps working behind a
        // fork of a process with threads, and takes no lock of the standard library that another thread may hold for long.
        match check(unsafe { libc::fork() })? {
            0 => {
                drop(ours);
                serve::run(theirs, options)
            }
            pid => Ok(Self { pid, channels: ours }),
        }
    }

    /// The next ring's end of its channel; for [`super::UringConfig::launcher`].
    pub fn channel(&mut self) -> Option<OwnedFd> {
        self.channels.pop()
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.pid.cast_unsigned()
    }

    /// Waits for its end, which comes when every channel's end on this side is closed.
    pub fn wait(mut self) {
        self.channels.clear();
        // SAFETY: no status is asked for; the process is a child of ours that nobody else waits for.
        while unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) } < 0 {
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return;
            }
        }
    }
}

fn channel() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut pair: [RawFd; 2] = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: the kernel writes two descriptors into an array of two.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, pair.as_mut_ptr()) })?;
    // SAFETY: both were made by the call above and belong to nobody else.
    let pair = pair.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    let bytes: i32 = 512 * 1024;
    for end in &pair {
        // Room for the longest launch; the system's own maximum holds where it is lower.
        // SAFETY: the kernel reads one `i32` during the call.
        let _ = unsafe {
            libc::setsockopt(
                end.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_SNDBUF,
                (&raw const bytes).cast(),
                size_of::<i32>() as libc::socklen_t,
            )
        };
    }
    let [one, other] = pair;
    Ok((one, other))
}
