//! The two clocks that a ring reads once a tick.

use crate::time::{Instant, Wall};

/// The clock that only goes forward.
#[inline]
pub(super) fn now() -> Instant {
    let monotonic = read(libc::CLOCK_MONOTONIC);
    Instant::from_nanos(monotonic.0 * 1_000_000_000 + u64::from(monotonic.1))
}

/// The time of day. The coarse clock is the tick of the last 4 ms: exact enough for a Date that has whole seconds.
#[inline]
pub(super) fn wall() -> Wall {
    let (secs, nanos) = read(libc::CLOCK_REALTIME_COARSE);
    Wall { secs, nanos }
}

/// Seconds and nanoseconds of a clock that always exists.
#[inline]
fn read(clock: libc::clockid_t) -> (u64, u32) {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills the one `timespec` that it is given.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    (time.tv_sec as u64, time.tv_nsec as u32)
}
