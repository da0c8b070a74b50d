//! Who sends what when: a closed loop refills its connections, an open loop serves what is due.

use slipring_ring::{BlobId, Op, OpKind, Ring, SendSlot};

use super::{Core, token};
use crate::drive::flight::Ask;
use crate::plan::OnBusy;

impl<R: Ring> Core<'_, R> {
    /// A connection is ready for the first time, or again: it is put to use.
    pub(in crate::drive) fn use_connection(&mut self, index: u32) {
        if self.line.is_some() {
            self.free(index);
        } else {
            self.refill(index, self.plan.pipeline);
        }
    }

    /// Closed loop: `more` requests follow on a connection, now or when its slot is home.
    #[inline]
    pub(in crate::drive) fn refill(&mut self, index: u32, more: u32) {
        let connection = &mut self.connections[index as usize];
        connection.owed += more;
        if !connection.is_home() {
            return;
        }
        let count = connection.owed.min(connection.left);
        let count = if self.budget < u64::from(count) { self.budget as u32 } else { count };
        connection.owed = 0;
        if count > 0 {
            let sent = self.send(index, self.now, count);
            self.connections[index as usize].owed = count - sent;
            self.budget -= u64::from(sent);
        }
    }

    /// Open loop: a connection that can take a request stands in the line.
    #[inline]
    pub(in crate::drive) fn free(&mut self, index: u32) {
        let connection = &mut self.connections[index as usize];
        let Some(line) = &mut self.line else { return };
        if !connection.queued && connection.is_free(self.plan.pipeline) {
            connection.queued = true;
            line.push_free(index, self.now);
        }
    }

    /// Open loop: requests that are due go to the connections that are free, the oldest to who is free for longest.
    pub(in crate::drive) fn serve(&mut self) {
        while let Some(line) = &mut self.line
            && line.next() <= self.now
        {
            if line.is_overdue(self.now) {
                let due = line.take();
                self.tally.shed(self.now, due);
            } else if let Some((index, since)) = self.free_connection() {
                self.serve_one(index, since);
            } else if !self.is_passed_over() {
                return;
            }
        }
    }

    fn serve_one(&mut self, index: u32, free_since: u64) {
        let Some(line) = &mut self.line else { return };
        let due = line.take();
        self.tally.due(due);
        if free_since <= due {
            self.tally.lag(due, self.now - due);
        }
        self.send(index, due, 1);
    }

    /// Who was free for longest, and since when. A connection may have been lost while it stood in the line.
    fn free_connection(&mut self) -> Option<(u32, u64)> {
        loop {
            let (index, since) = self.line.as_mut()?.pop_free()?;
            let connection = &mut self.connections[index as usize];
            connection.queued = false;
            if connection.is_free(self.plan.pipeline) {
                return Some((index, since));
            }
        }
    }

    /// Nobody is free for the oldest request; whether it is dealt with all the same.
    fn is_passed_over(&mut self) -> bool {
        let Some(line) = &mut self.line else { return false };
        match line.on_busy {
            OnBusy::Queue => false,
            OnBusy::Drop => {
                let due = line.take();
                self.tally.dropped(due);
                true
            }
            OnBusy::Open => {
                self.open_another();
                false
            }
        }
    }

    /// `count` requests leave on a connection whose slot is home; how many did. One with a large body goes alone.
    #[inline]
    fn send(&mut self, index: u32, intended: u64, count: u32) -> u32 {
        if let (Some(blob), Some(bytes)) = (self.posted, self.fixed_bytes) {
            return self.post(index, intended, count, blob, count * bytes);
        }
        let connection = &mut self.connections[index as usize];
        let (Some(socket), Some(mut slot)) = (connection.socket, connection.slot.take()) else { return 0 };
        let generation = connection.generation;
        let mut left = count;
        if let Some(bytes) = self.fixed_bytes {
            slot.rewind();
            // The slot holds a whole pipeline of requests; so many of them are sent.
            *self.ring.fill(&mut slot).len = count * bytes;
            self.note_sent(index, intended, 0, count);
        } else {
            (slot, left) = self.write(slot, index, intended, count);
        }
        self.connections[index as usize].left -= left;
        if self.measuring {
            self.tally.record.bytes.sent += slot.unsent() as u64;
        }
        self.ring.submit(token(OpKind::Send, index, generation), Op::Send { socket, slot });
        left
    }

    /// As [`Core::send`], of requests that are always the same: no slot, and no completion but of a failure.
    #[inline]
    fn post(&mut self, index: u32, intended: u64, count: u32, blob: BlobId, len: u32) -> u32 {
        let connection = &mut self.connections[index as usize];
        let Some(socket) = connection.socket else { return 0 };
        let generation = connection.generation;
        connection.left -= count;
        self.note_sent(index, intended, 0, count);
        if self.measuring {
            self.tally.record.bytes.sent += u64::from(len);
        }
        self.ring.submit(token(OpKind::Post, index, generation), Op::Post { socket, blob, len });
        count
    }

    /// Writes requests of the mix into a slot; how many it carries then.
    fn write(&mut self, mut slot: SendSlot, index: u32, intended: u64, count: u32) -> (SendSlot, u32) {
        if self.has_bodies {
            // What was attached the last time is forgotten only so.
            self.ring.return_slot(slot);
            slot = self.ring.take_slot().expect("it was given back just now");
        }
        slot.rewind();
        *self.ring.fill(&mut slot).len = 0;
        for written in 1..=count {
            let kind = self.mix.pick();
            let place = self.ring.fill(&mut slot);
            let start = *place.len as usize;
            *place.len += self.mix.write(kind, &mut place.bytes[start..]) as u32;
            self.note_sent(index, intended, kind as u32, 1);
            if let Some(Some((blob, len))) = self.bodies.get(kind).copied() {
                assert!(self.ring.attach(&mut slot, blob, 0..len), "a slot takes one body");
                return (slot, written);
            }
        }
        (slot, count)
    }

    #[inline]
    fn note_sent(&mut self, index: u32, intended: u64, kind: u32, count: u32) {
        let ask = Ask { intended, sent: self.now, kind };
        self.connections[index as usize].flight.push(ask, count);
        self.flying += count;
        self.tally.left(ask, count);
    }
}
