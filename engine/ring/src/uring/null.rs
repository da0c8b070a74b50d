//! The null responder: the least io_uring program that answers every request with fixed bytes and parses nothing.
//!
//! It is the limit that the server is measured against, so it is **frozen**: change it and every figure in
//! `docs/BENCHMARKING.md` must be measured anew. It counts received bytes, divides by the request's known length, and
//! sends that many copies of the answer from memory that never changes. Same setup flags, same buffer pool, same socket
//! options as the server; no table but two numbers per connection, no timer, no log, no limit.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::squeue::Entry;
use io_uring::types::{BufRingEntry, Fd};
use io_uring::{IoUring, cqueue, opcode};

use super::memory::Arena;
use super::sockets::Listener;

/// Answers that one send carries at most: the deepest pipeline that can be measured.
pub const DEPTH_MAX: usize = 64;

const BUFFERS: u16 = 256;
const BUFFER_BYTES: usize = 4096;
/// A cache line more than a buffer: first lines do not all fall into one cache set.
const STRIDE: usize = BUFFER_BYTES + 64;
const CONNECTIONS_MAX: usize = 20_000;

const ACCEPT: u64 = 1 << 32;
const RECV: u64 = 2 << 32;
const SEND: u64 = 3 << 32;

/// Serves until the ring fails: one thread, one listener, requests of exactly `request_bytes`.
///
/// # Errors
/// What setting up or entering the ring says.
pub fn serve(listener: &Listener, request_bytes: usize, answer: &[u8]) -> io::Result<()> {
    let mut ring = IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_submit_all()
        .setup_no_sqarray()
        .setup_cqsize(8192)
        .build(1024)?;
    let answers = answer.repeat(DEPTH_MAX);
    let buffers = Buffers::register(&ring)?;
    let (mut submitter, mut submissions, mut completions) = ring.split();
    submitter.register_ring_fd()?;
    let mut push = Pusher { tail: BUFFERS };
    let mut pending = vec![0usize; CONNECTIONS_MAX];
    let listener = Fd(listener.fd.as_raw_fd());
    // SAFETY: an accept without an address touches no memory of ours.
    unsafe { submissions.push(&opcode::AcceptMulti::new(listener).build().user_data(ACCEPT)).map_err(full)? };
    loop {
        buffers.publish(push.tail);
        submissions.sync();
        match submitter.submit_and_wait(1) {
            // Stopped and continued: nothing is lost.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            entered => drop(entered?),
        }
        submissions.sync();
        completions.sync();
        for entry in &mut completions {
            let Some(next) = push.route(&entry, &buffers, &mut pending, request_bytes, answer.len(), &answers) else {
                continue;
            };
            if submissions.is_full() {
                submissions.sync();
                submitter.submit()?;
                submissions.sync();
            }
            // SAFETY: a send points into `answers`, which outlives the loop and never changes; a receive takes its
            // memory from the registered buffers, which outlive the loop as well.
            unsafe { submissions.push(&next).map_err(full)? };
        }
    }
}

/// The loop's own state.
struct Pusher {
    tail: u16,
}

impl Pusher {
    /// What follows from a completion.
    #[inline]
    fn route(
        &mut self,
        entry: &cqueue::Entry,
        buffers: &Buffers,
        pending: &mut [usize],
        request_bytes: usize,
        answer_bytes: usize,
        answers: &[u8],
    ) -> Option<Entry> {
        let (kind, connection) = (entry.user_data() >> 32 << 32, entry.user_data() as u32);
        let result = entry.result();
        if kind == ACCEPT {
            return (result >= 0).then(|| recv(result as u32));
        }
        if kind == SEND {
            return None;
        }
        if let Some(index) = cqueue::buffer_select(entry.flags()) {
            buffers.offer(self.tail, index);
            self.tail = self.tail.wrapping_add(1);
        }
        if result > 0 {
            let received = &mut pending[connection as usize];
            *received += result as usize;
            let requests = (*received / request_bytes).min(DEPTH_MAX);
            *received -= requests * request_bytes;
            return (requests > 0).then(|| {
                let bytes = (requests * answer_bytes) as u32;
                let send = opcode::Send::new(Fd(connection as i32), answers.as_ptr(), bytes);
                send.flags(libc::MSG_NOSIGNAL).build().user_data(SEND | u64::from(connection))
            });
        }
        if result == -libc::ENOBUFS {
            return Some(recv(connection));
        }
        pending[connection as usize] = 0;
        Some(opcode::Close::new(Fd(connection as i32)).build().user_data(SEND))
    }
}

fn recv(connection: u32) -> Entry {
    opcode::RecvMulti::new(Fd(connection as i32), 0).build().user_data(RECV | u64::from(connection))
}

fn full(_: io_uring::squeue::PushError) -> io::Error {
    io::Error::other("the submission queue is full")
}

/// The provided buffers, never read.
struct Buffers {
    entries: Arena,
    memory: Arena,
}

impl Buffers {
    fn register(ring: &IoUring) -> io::Result<Self> {
        let buffers = Self {
            entries: Arena::new(usize::from(BUFFERS) * size_of::<BufRingEntry>())?,
            memory: Arena::new(usize::from(BUFFERS) * STRIDE)?,
        };
        for index in 0..BUFFERS {
            buffers.offer(index, index);
        }
        buffers.publish(BUFFERS);
        // SAFETY: the entries are page-aligned and outlive the ring's use: `serve` drops both together at its end.
        unsafe { ring.submitter().register_buf_ring_with_flags(buffers.entries.at(0) as u64, BUFFERS, 0, 0)? };
        Ok(buffers)
    }

    #[inline]
    #[expect(clippy::cast_ptr_alignment, reason = "entries stand at multiples of their size in a page-aligned mapping")]
    fn offer(&self, tail: u16, index: u16) {
        let entry = self.entries.at(usize::from(tail % BUFFERS) * size_of::<BufRingEntry>()).cast::<BufRingEntry>();
        // SAFETY: the entry is inside the mapping and behind the published tail, so the kernel does not read it yet.
        unsafe {
            (*entry).set_addr(self.memory.at(usize::from(index) * STRIDE) as u64);
            (*entry).set_len(BUFFER_BYTES as u32);
            (*entry).set_bid(index);
        }
    }

    #[inline]
    fn publish(&self, tail: u16) {
        // SAFETY: the shared tail lies inside the mapping; only this thread stores to it.
        unsafe {
            let shared = BufRingEntry::tail(self.entries.at(0).cast()).cast_mut();
            AtomicU16::from_ptr(shared).store(tail, Ordering::Release);
        }
    }
}
