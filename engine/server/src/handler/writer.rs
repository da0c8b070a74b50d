//! A job's answer while it is written: bytes from a thread that may wait to a shard that never does.
//!
//! The two share a bounded buffer. The job waits while it is full, the shard is woken when there is something in it again;
//! whoever gives up leaves a word that the other finds.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use slipring_ring::{RunError, Task};
use thiserror::Error;

use super::job::{Job, JobBody, JobResult, PlannedJob};

/// Where a job writes its answer ([`super::Exchange::ask_writer`]): what is written leaves as its peer takes it.
///
/// A write waits while 64 KiB wait to be taken. When nobody takes them any more (the peer left, or was too slow, or the
/// server ends) it is an error, [`io::ErrorKind::BrokenPipe`], and so is every further one. Flushing waits for nothing: it
/// lets the handler go on, whose head leaves before any byte of the body.
#[derive(Debug)]
pub struct JobWriter(Arc<Channel>);

/// Why a job that was to write an answer wrote none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WriterError {
    /// It did not come to its end, or was never begun.
    #[error(transparent)]
    Run(#[from] RunError),
    /// It returned an error of this kind before it wrote anything.
    #[error("{0}")]
    Failed(io::ErrorKind),
}

/// The shard's side.
#[derive(Clone, Debug)]
pub(crate) struct Written(Arc<Channel>);

struct Channel {
    state: Mutex<State>,
    /// Room for more, or nobody there any more.
    room: Condvar,
    /// The shard's thread. A job that runs there itself, as in a simulation, cannot wait for it.
    home: ThreadId,
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    /// Something was written, if only a flush.
    begun: bool,
    /// The shard found nothing, or has not looked yet: it wants to be woken.
    wanted: bool,
    /// The job ended: `false` if what it wrote is not all.
    ended: Option<bool>,
    /// Nobody takes the bytes any more.
    gone: bool,
}

/// Bytes that wait to be taken at most.
const WAITING_BYTES_MAX: usize = 64 * 1024;

/// A job that writes an answer, and that nobody has begun.
pub(crate) struct PlannedWriter(Box<Work>);

type Work = dyn FnOnce(&mut Job, &mut JobWriter) -> io::Result<()> + Send;

impl PlannedWriter {
    pub(crate) fn new(work: impl FnOnce(&mut Job, &mut JobWriter) -> io::Result<()> + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    /// The task, where its result will lie, and what it writes. `wake` is called when there is more of that. The calling
    /// thread is the shard's.
    pub(crate) fn begin(self, body: JobBody, wake: impl Fn() + Send + Sync + 'static) -> (Task, JobResult, Written) {
        let (mut writer, written) = channel(wake);
        let (task, result) = PlannedJob::new(move |job| (self.0)(job, &mut writer)).begin(body);
        (task, result, written)
    }
}

fn channel(wake: impl Fn() + Send + Sync + 'static) -> (JobWriter, Written) {
    let state = State { wanted: true, ..State::default() };
    let home = thread::current().id();
    let channel = Channel { state: Mutex::new(state), room: Condvar::new(), home, wake: Box::new(wake) };
    let channel = Arc::new(channel);
    (JobWriter(channel.clone()), Written(channel))
}

impl fmt::Debug for PlannedWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlannedWriter")
    }
}

impl Write for JobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut state = self.0.lock();
        if thread::current().id() != self.0.home {
            let is_full = |state: &mut State| state.bytes.len() >= WAITING_BYTES_MAX && !state.gone;
            state = self.0.room.wait_while(state, is_full).unwrap_or_else(PoisonError::into_inner);
        }
        let room = match state.bytes.len() {
            waiting if waiting < WAITING_BYTES_MAX => WAITING_BYTES_MAX - waiting,
            _ => bytes.len(),
        };
        let len = bytes.len().min(room);
        if !state.gone {
            state.bytes.extend(&bytes[..len]);
        }
        self.0.tell(state).map(|()| len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.tell(self.0.lock())
    }
}

impl Channel {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job wrote or flushed: the shard is woken if it wants to be.
    fn tell(&self, mut state: MutexGuard<'_, State>) -> io::Result<()> {
        if state.gone {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes the answer any more"));
        }
        state.begun = true;
        let wanted = std::mem::take(&mut state.wanted);
        drop(state);
        if wanted {
            (self.wake)();
        }
        Ok(())
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Channel")
    }
}

impl Written {
    /// Whether the job has written anything, if only a flush.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.lock().begun
    }

    /// The job ended; `whole`: what it wrote is all.
    pub(crate) fn end(&self, whole: bool) {
        self.0.lock().ended = Some(whole);
    }

    /// Nobody takes any more: the job learns it with its next write, and at once if it waits in one.
    pub(crate) fn let_go(&self) {
        let mut state = self.0.lock();
        state.gone = true;
        state.bytes = VecDeque::new();
        drop(state);
        self.0.room.notify_all();
    }
}

/// `WouldBlock` when nothing is there yet; an error when the job broke off.
impl Read for Written {
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        let len = state.bytes.read(place)?;
        if len > 0 {
            if state.bytes.len() <= WAITING_BYTES_MAX / 2 {
                self.0.room.notify_all();
            }
            return Ok(len);
        }
        match state.ended {
            Some(true) => Ok(0),
            Some(false) => Err(io::ErrorKind::UnexpectedEof.into()),
            None => {
                state.wanted = true;
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Both sides, and how often the shard was woken.
    fn sides() -> (JobWriter, Written, Arc<AtomicU32>) {
        let woken = Arc::new(AtomicU32::new(0));
        let count = woken.clone();
        let (writer, written) = channel(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        (writer, written, woken)
    }

    /// Every byte of a job on another thread arrives, in order, and never more wait than may.
    #[test]
    fn bytes_pass_in_order_and_are_bounded() {
        let (mut writer, mut written, _) = sides();
        let sent: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
        let expected = sent.clone();
        let job = thread::spawn(move || writer.write_all(&sent));
        let (mut taken, mut place) = (Vec::new(), [0; 10_007]);
        while taken.len() < expected.len() {
            assert!(written.0.lock().bytes.len() <= WAITING_BYTES_MAX);
            match written.read(&mut place) {
                Ok(len) => taken.extend_from_slice(&place[..len]),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    thread::yield_now();
                }
            }
        }
        assert!(taken == expected);
        assert!(job.join().is_ok_and(|result| result.is_ok()));
    }

    /// Who waits for room hears at once that nobody will make any.
    #[test]
    fn a_job_for_nobody_ends() {
        let (mut writer, written, _) = sides();
        let job = thread::spawn(move || {
            let first = writer.write_all(&vec![b'x'; WAITING_BYTES_MAX + 1]);
            (first, writer.write(b"more"), writer.flush())
        });
        while written.0.lock().bytes.len() < WAITING_BYTES_MAX {
            thread::yield_now();
        }
        written.let_go();
        let (first, more, flush) = job.join().expect("no panic");
        for result in [first, more.map(drop), flush] {
            assert_eq!(result.map_err(|error| error.kind()), Err(io::ErrorKind::BrokenPipe));
        }
    }

    /// The shard is woken when it wants to be, once for each time.
    #[test]
    fn the_shard_is_woken_when_it_found_nothing() {
        let (mut writer, mut written, woken) = sides();
        let mut place = [0; 8];
        let count = || woken.load(Ordering::SeqCst);
        assert!(!written.has_begun());
        writer.flush().expect("somebody listens");
        assert!(written.has_begun());
        writer.write_all(b"one").expect("room");
        assert_eq!(count(), 1, "it has not looked since");
        assert_eq!(written.read(&mut place).ok(), Some(3));
        writer.write_all(b"two").expect("room");
        assert_eq!((count(), written.read(&mut place).ok()), (1, Some(3)), "it found something");
        assert_eq!(written.read(&mut place).map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock));
        writer.write_all(b"three").expect("room");
        assert_eq!(count(), 2);
        written.end(true);
        assert_eq!((written.read(&mut place).ok(), written.read(&mut place).ok()), (Some(5), Some(0)));
    }

    /// In a simulation a job runs on the shard's own thread: it cannot wait for it.
    #[test]
    fn on_the_shards_own_thread_nothing_waits() {
        let (mut writer, mut written, _) = sides();
        writer.write_all(&vec![b'x'; 3 * WAITING_BYTES_MAX]).expect("room");
        written.end(false);
        let mut taken = Vec::new();
        let end = written.read_to_end(&mut taken).map_err(|error| error.kind());
        assert_eq!((taken.len(), end), (3 * WAITING_BYTES_MAX, Err(io::ErrorKind::UnexpectedEof)));
    }
}
