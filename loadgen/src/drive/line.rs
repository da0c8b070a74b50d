//! The line of an open loop: requests that are due on one side, connections that are free on the other.
//!
//! The backlog is no list: the schedule stands at the oldest request that was not dealt with, and whatever of it lies
//! before now is waiting. Free connections stand in the order in which they became free.

use std::collections::VecDeque;

use crate::plan::{OnBusy, Plan, Schedule};

/// Who waits and who is free, on one thread.
#[derive(Debug)]
pub(super) struct Line {
    schedule: Schedule,
    /// When the oldest request is due; `u64::MAX` behind the last.
    next: u64,
    /// Start of the load; the schedule counts from there.
    pub(super) start: u64,
    /// Numbers of connections, and since when each is free.
    free: VecDeque<(u32, u64)>,
    pub(super) on_busy: OnBusy,
    /// How late a request may leave.
    deadline_ns: u64,
}

impl Line {
    /// The line of a thread with so many connections at most; `None` in a closed loop.
    pub(super) fn new(plan: &Plan, thread: u32) -> Option<Self> {
        Some(Self {
            schedule: plan.schedule(thread)?,
            next: u64::MAX,
            start: 0,
            free: VecDeque::with_capacity(plan.share_most(thread) as usize),
            on_busy: plan.on_busy,
            deadline_ns: plan.deadline.map_or(u64::MAX, |deadline| deadline.as_nanos() as u64),
        })
    }

    /// The load starts at `start`.
    pub(super) fn begin(&mut self, start: u64) {
        self.start = start;
        self.advance();
    }

    /// When the oldest request is due, by the ring's clock; `u64::MAX` behind the last.
    #[inline]
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Whether the schedule is over: nothing more is due, and the time of the last request has passed.
    #[inline]
    pub(super) fn is_over(&self, now: u64) -> bool {
        self.next == u64::MAX && now >= self.start + self.schedule.phase_ns().1
    }

    /// When something is to be done about the oldest request: it becomes due, or it becomes too late.
    #[inline]
    pub(super) fn wake_at(&self, now: u64) -> u64 {
        if self.next > now { self.next } else { self.next.saturating_add(self.deadline_ns).saturating_add(1) }
    }

    /// Whether the oldest request is too late to be sent.
    #[inline]
    pub(super) fn is_overdue(&self, now: u64) -> bool {
        now.saturating_sub(self.next) > self.deadline_ns
    }

    /// The oldest request is dealt with: when it was due.
    #[inline]
    pub(super) fn take(&mut self) -> u64 {
        let due = self.next;
        self.advance();
        due
    }

    #[inline]
    fn advance(&mut self) {
        self.next = self.schedule.next().map_or(u64::MAX, |due| self.start + due);
    }

    /// A connection is free since `now`.
    #[inline]
    pub(super) fn push_free(&mut self, index: u32, now: u64) {
        self.free.push_back((index, now));
    }

    /// The connection that has been free for longest, and since when.
    #[inline]
    pub(super) fn pop_free(&mut self) -> Option<(u32, u64)> {
        self.free.pop_front()
    }

    /// Nothing is due from `now` on.
    pub(super) fn cut(&mut self, now: u64) {
        self.schedule.cut(now.saturating_sub(self.start));
        if self.next >= now {
            self.next = u64::MAX;
        }
    }

    /// How many requests that are due before the measure phase were not dealt with.
    pub(super) fn warmup_backlog(&self) -> u64 {
        let (measure, _) = self.schedule.phase_ns();
        if self.next < self.start + measure { 1 + self.schedule.due_before(measure) } else { 0 }
    }
}
