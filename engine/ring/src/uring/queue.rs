//! The two queues: entries in, one `enter`, entries out.

use std::collections::VecDeque;
use std::io;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::time::Duration;

use io_uring::cqueue::CompletionQueue;
use io_uring::squeue::SubmissionQueue;
use io_uring::types::{CancelBuilder, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, Submitter, cqueue, squeue};

use crate::outcome::RingLost;
use crate::time::Deadline;

/// One io_uring with its queues taken apart once: the registered ring descriptor is remembered by the submitter.
pub(super) struct Queue {
    pub(super) submitter: ManuallyDrop<Submitter<'static>>,
    submissions: ManuallyDrop<SubmissionQueue<'static>>,
    completions: ManuallyDrop<CompletionQueue<'static>>,
    ring: NonNull<IoUring>,
    /// Entries that the submission queue had no room for, in order.
    backlog: VecDeque<squeue::Entry>,
}

/// How long to wait before another try when the kernel has no memory for a submission.
const NO_MEMORY_WAIT: Duration = Duration::from_millis(10);

/// When a wait ends although nothing has completed.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// It does not wait.
    Now,
    /// Then, on the ring's clock (Linux 6.12).
    At(Deadline),
    /// After so long.
    For(Duration),
    Never,
}

impl Queue {
    pub(super) fn new(ring: IoUring) -> Self {
        let ring = NonNull::from(Box::leak(Box::new(ring)));
        // SAFETY: `ring` was leaked above, so it stands still and stays alive until `drop` frees it, after the three
        // borrowers; nothing else ever uses it through this pointer.
        let (submitter, submissions, completions) = unsafe { (*ring.as_ptr()).split() };
        Self {
            submitter: ManuallyDrop::new(submitter),
            submissions: ManuallyDrop::new(submissions),
            completions: ManuallyDrop::new(completions),
            ring,
            backlog: VecDeque::with_capacity(64),
        }
    }

    /// Queues an entry. Its memory must stay good until its completion: the callers hold it in the pools of this module.
    #[inline]
    pub(super) fn push(&mut self, entry: squeue::Entry) {
        if !self.backlog.is_empty() || !self.try_push(&entry) {
            self.push_slowly(entry);
        }
    }

    #[inline]
    fn try_push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: every address in an entry points into a pool of the `UringRing` that owns this queue: send slots,
        // blobs, transfer buffers, open paths and socket addresses, each marked as the kernel's until its completion.
        unsafe { self.submissions.push(entry).is_ok() }
    }

    #[cold]
    fn push_slowly(&mut self, entry: squeue::Entry) {
        self.backlog.push_back(entry);
        self.submissions.sync();
        // What this call cannot take stays queued; `enter` sees every lasting error.
        let _ = self.submitter.submit();
        self.submissions.sync();
        self.refill();
    }

    fn refill(&mut self) {
        while let Some(entry) = self.backlog.pop_front() {
            if !self.try_push(&entry) {
                self.backlog.push_front(entry);
                return;
            }
        }
    }

    /// Whether completions are there already.
    pub(super) fn has_completions(&mut self) -> bool {
        self.completions.sync();
        !self.completions.is_empty()
    }

    /// Submits everything and waits for one completion, no longer than `limit`.
    pub(super) fn enter(&mut self, limit: Limit) -> Result<(), RingLost> {
        self.refill();
        self.submissions.sync();
        let result = match limit {
            Limit::Now => self.poll(),
            Limit::At(until) => self.wait(Duration::from_nanos(until.nanos()), EnterFlags::ABS_TIMER),
            Limit::For(time) => self.wait(time, EnterFlags::empty()),
            Limit::Never => self.submitter.submit_and_wait(1),
        };
        self.submissions.sync();
        match result {
            Ok(_) => Ok(()),
            Err(error) => self.forgive(&error),
        }
    }

    /// Submits, and runs what completions are pending in the kernel, without waiting.
    fn poll(&mut self) -> io::Result<usize> {
        const GETEVENTS: u32 = EnterFlags::GETEVENTS.bits();
        let submit = self.submissions.len() as u32;
        // SAFETY: no argument is passed (`None`), so the kernel reads nothing but the queues.
        unsafe { self.submitter.enter::<libc::sigset_t>(submit, 0, GETEVENTS, None) }
    }

    fn wait(&mut self, time: Duration, flags: EnterFlags) -> io::Result<usize> {
        let timespec = Timespec::from(time);
        self.submitter.submit_with_args_and_flags(1, &SubmitArgs::new().timespec(&timespec), flags)
    }

    /// None of these is the ring's end: time passed, a signal came, the completion queue wants reaping first.
    fn forgive(&mut self, error: &io::Error) -> Result<(), RingLost> {
        match error.raw_os_error() {
            Some(libc::ETIME | libc::EINTR | libc::EBUSY) => Ok(()),
            Some(libc::EAGAIN | libc::ENOMEM) => {
                self.wait_for_memory();
                Ok(())
            }
            other => Err(RingLost { errno: other.unwrap_or(0) }),
        }
    }

    /// The kernel could not allocate: let completions come first, submit nothing, and do not spin.
    fn wait_for_memory(&mut self) {
        const FLAGS: u32 = EnterFlags::GETEVENTS.bits() | EnterFlags::EXT_ARG.bits();
        if self.has_completions() {
            return;
        }
        let timespec = Timespec::from(NO_MEMORY_WAIT);
        let args = SubmitArgs::new().timespec(&timespec);
        // SAFETY: `args` and the time it points to live through the call, which EXT_ARG makes the kernel read.
        let _ = unsafe { self.submitter.enter(0, 1, FLAGS, Some(&args)) };
    }

    #[inline]
    pub(super) fn next(&mut self) -> Option<cqueue::Entry> {
        self.completions.next()
    }

    /// Shows the kernel how far the completions were read.
    pub(super) fn reaped(&mut self) {
        self.completions.sync();
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // Nothing may still write into the pools when they are freed behind this.
        let _ = self.submitter.register_sync_cancel(Some(Timespec::from(Duration::from_secs(1))), CancelBuilder::any());
        // What was cancelled lets go of its file only when its completion is run.
        let _ = self.poll();
        // Its sockets are closed now and not when the kernel gets to taking the ring apart.
        let _ = self.submitter.unregister_files();
        // The registered descriptor would keep the ring, and every socket it waits on, until this thread ends.
        let _ = self.submitter.unregister_ring_fd();
        // SAFETY: each is dropped once, here, before the ring that they borrow.
        unsafe {
            ManuallyDrop::drop(&mut self.completions);
            ManuallyDrop::drop(&mut self.submissions);
            ManuallyDrop::drop(&mut self.submitter);
        }
        // SAFETY: the pointer came from `Box::leak` in `new`, and its borrowers were dropped above.
        drop(unsafe { Box::from_raw(self.ring.as_ptr()) });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{clock, setup};
    use super::*;
    use crate::limits::RingLimits;

    /// Both ways of saying when a wait ends; older kernels know the second one only.
    #[test]
    fn a_wait_lasts_until_its_limit() {
        let (ring, features) = setup::build(&RingLimits::SERVER).expect("io_uring");
        let mut queue = Queue::new(ring);
        let span = Duration::from_millis(20);
        let start = clock::now();
        if features.absolute_waits {
            queue.enter(Limit::At(start.after(span))).expect("the ring is not lost");
            assert!(start.after(span).passed(clock::now()));
            queue.enter(Limit::At(start.after(span))).expect("it has passed, which is no error");
        }
        let start = clock::now();
        queue.enter(Limit::For(span)).expect("the ring is not lost");
        assert!(start.after(span).passed(clock::now()) && !queue.has_completions());
    }
}
