//! The process around the rings: signals and limits, the system calls that the server needs and may not make itself.

use std::io;
use std::mem::MaybeUninit;

use super::sockets::check;

/// A signal that ends a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: what a service manager sends.
    Terminate,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// End.
    End(Signal),
    /// SIGUSR1: open the logs again, as whoever rotates them asks.
    Reopen,
}

/// SIGINT, SIGTERM and SIGUSR1, kept from their default action for this thread and those it starts later.
#[derive(Debug)]
pub struct Signals {
    set: libc::sigset_t,
}

impl Signals {
    /// Blocks them for the calling thread and every thread started from it afterwards.
    ///
    /// # Errors
    /// As `pthread_sigmask` says.
    pub fn block() -> io::Result<Self> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigemptyset initialises the whole set that it is given; the others change it in place.
        let set = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), libc::SIGINT);
            libc::sigaddset(set.as_mut_ptr(), libc::SIGTERM);
            libc::sigaddset(set.as_mut_ptr(), libc::SIGUSR1);
            set.assume_init()
        };
        // SAFETY: the set lives through the call; no old mask is asked for.
        match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) } {
            0 => Ok(Self { set }),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// Waits for one of them.
    pub fn wait(&self) -> Heard {
        loop {
            let mut signal = 0;
            // SAFETY: the set is initialised, and the number is written to a variable of ours.
            let failed = unsafe { libc::sigwait(&raw const self.set, &raw mut signal) };
            match (failed, signal) {
                (0, libc::SIGINT) => return Heard::End(Signal::Interrupt),
                (0, libc::SIGTERM) => return Heard::End(Signal::Terminate),
                (0, libc::SIGUSR1) => return Heard::Reopen,
                _ => {}
            }
        }
    }
}

/// Raises the soft limit of open descriptors to the hard one; what it is then.
///
/// # Errors
/// As getrlimit and setrlimit say.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel fills the one `rlimit` that it is given.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the kernel reads the one `rlimit` that it is given.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    Ok(limit.rlim_cur)
}

/// The cores that a thread may run on.
pub(super) struct Affinity(libc::cpu_set_t);

impl Affinity {
    /// Of the thread that calls; `None` if the system does not say (more cores than the set has room for).
    pub(super) fn of_this_thread() -> Option<Self> {
        // SAFETY: all zeros is the empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel fills the one set that it is given, whose size it is told.
        let failed = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
        (failed == 0).then_some(Self(set))
    }

    /// Lets the thread that calls run there. Best effort: a mask that changed meanwhile costs speed, nothing else.
    pub(super) fn apply(&self) {
        // SAFETY: the kernel reads the one set that it is given, whose size it is told.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const self.0) };
    }
}

/// Lets this thread's waits end as exactly as the machine can: the kernel otherwise puts timers of up to 50 us apart
/// together (PR_SET_TIMERSLACK). For a load generator, whose schedule is its measure; a server gains nothing.
pub fn wake_precisely() {
    // SAFETY: no memory is passed. A kernel that refuses keeps its own slack.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
}
