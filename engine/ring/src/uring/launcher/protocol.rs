//! What a ring and its launcher say to one another: one packet each, in this machine's byte order.
//!
//! A request is a kind, an id, and for a launch its strings: program, directory, the number of arguments, arguments and
//! environment, each string with a NUL behind it. An answer is a kind, a number and the id; a started program's answer
//! carries three descriptors.

use std::mem::MaybeUninit;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use crate::launch::{Exit, Launch};
use crate::limits::LAUNCH_BYTES_MAX;

/// Bytes of a request in front of its strings.
const ID_BYTES: usize = 12;
/// Bytes of a request at most.
pub(super) const REQUEST_BYTES_MAX: usize = ID_BYTES + 4 + LAUNCH_BYTES_MAX;
/// Bytes of an answer.
pub(super) const ANSWER_BYTES: usize = 16;
/// Descriptors of an answer.
const PIPES: usize = 3;
/// Room for their control message, in words, so that it is aligned.
const CONTROL_WORDS: usize = 8;

const LAUNCH: u32 = 1;
const REAP: u32 = 2;
const STARTED: u32 = 3;
const FAILED: u32 = 4;
const ENDED: u32 = 5;

/// A request, as the launcher reads it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    Launch(Launch),
    Reap,
}

/// An answer, as the ring reads it.
#[derive(Debug)]
pub(in crate::uring) enum Answer {
    /// It runs as this process; its pipes, unless this process had no descriptor left for them.
    Started(libc::pid_t, Option<[OwnedFd; PIPES]>),
    /// It does not, for this errno.
    Failed(i32),
    /// It has ended.
    Ended(Exit),
}

/// `None` if it is too long or a string holds a NUL.
pub(in crate::uring) fn encode_launch(id: u64, launch: &Launch) -> Option<Vec<u8>> {
    let strings =
        || [&launch.program, &launch.directory].into_iter().chain(&launch.arguments).chain(&launch.environment);
    let bytes: usize = strings().map(|string| string.len() + 1).sum();
    if bytes > LAUNCH_BYTES_MAX || strings().any(|string| string.contains(&0)) {
        return None;
    }
    let mut message = Vec::with_capacity(ID_BYTES + 4 + bytes);
    message.extend(LAUNCH.to_ne_bytes());
    message.extend(id.to_ne_bytes());
    message.extend((launch.arguments.len() as u32).to_ne_bytes());
    for string in strings() {
        message.extend(string);
        message.push(0);
    }
    Some(message)
}

pub(in crate::uring) fn encode_reap(id: u64) -> Vec<u8> {
    let mut message = REAP.to_ne_bytes().to_vec();
    message.extend(id.to_ne_bytes());
    message
}

/// `None` if no ring ever sends such a packet.
pub(super) fn decode_request(message: &[u8]) -> Option<(u64, Request)> {
    let (head, rest) = message.split_at_checked(ID_BYTES)?;
    let (kind, id) = head.split_first_chunk::<4>()?;
    let id = u64::from_ne_bytes(id.try_into().ok()?);
    match u32::from_ne_bytes(*kind) {
        LAUNCH => Some((id, Request::Launch(decode_launch(rest)?))),
        REAP => Some((id, Request::Reap)),
        _ => None,
    }
}

fn decode_launch(rest: &[u8]) -> Option<Launch> {
    let (count, strings) = rest.split_first_chunk::<4>()?;
    let mut strings = strings.strip_suffix(&[0])?.split(|&byte| byte == 0).map(<[u8]>::to_vec);
    let (program, directory) = (strings.next()?, strings.next()?);
    let arguments = strings.by_ref().take(u32::from_ne_bytes(*count) as usize).collect();
    Some(Launch { program, directory, arguments, environment: strings.collect() })
}

pub(super) fn encode_started(id: u64, pid: u32) -> [u8; ANSWER_BYTES] {
    encode_answer(STARTED, pid, id)
}

pub(super) fn encode_failed(id: u64, errno: i32) -> [u8; ANSWER_BYTES] {
    encode_answer(FAILED, errno.cast_unsigned(), id)
}

pub(super) fn encode_ended(id: u64, exit: Exit) -> [u8; ANSWER_BYTES] {
    let number = match exit {
        Exit::Status(status) => u32::from(status),
        Exit::Signal(signal) => 256 + u32::from(signal),
    };
    encode_answer(ENDED, number, id)
}

fn encode_answer(kind: u32, number: u32, id: u64) -> [u8; ANSWER_BYTES] {
    let mut message = [0; ANSWER_BYTES];
    message[..4].copy_from_slice(&kind.to_ne_bytes());
    message[4..8].copy_from_slice(&number.to_ne_bytes());
    message[8..].copy_from_slice(&id.to_ne_bytes());
    message
}

/// Where an answer lands. Stands still in memory while a receive is in flight.
pub(in crate::uring) struct Received {
    bytes: [u8; ANSWER_BYTES],
    control: [u64; CONTROL_WORDS],
    vector: libc::iovec,
    header: libc::msghdr,
}

/// A place for an answer with its header pointing into itself.
pub(in crate::uring) fn receive_header() -> Box<Received> {
    // SAFETY: all zeros is a value of each part: plain bytes, words, an empty vector, a header without anything.
    let mut received: Box<Received> = Box::new(unsafe { MaybeUninit::zeroed().assume_init() });
    received.vector = libc::iovec { iov_base: received.bytes.as_mut_ptr().cast(), iov_len: ANSWER_BYTES };
    received.reset();
    received
}

impl Received {
    /// Makes it ready for the next answer.
    pub(in crate::uring) fn reset(&mut self) -> *mut libc::msghdr {
        self.header.msg_iov = &raw mut self.vector;
        self.header.msg_iovlen = 1;
        self.header.msg_control = self.control.as_mut_ptr().cast();
        self.header.msg_controllen = size_of_val(&self.control);
        self.header.msg_flags = 0;
        &raw mut self.header
    }

    /// The answer that landed, with the id that it speaks of. Its descriptors are taken out, once.
    pub(in crate::uring) fn take(&mut self, len: usize) -> Option<(u64, Answer)> {
        let pipes = self.take_pipes();
        if len != ANSWER_BYTES {
            return None;
        }
        let word = |at: usize| u32::from_ne_bytes([0, 1, 2, 3].map(|i| self.bytes[at + i]));
        let id = u64::from_ne_bytes(std::array::from_fn(|i| self.bytes[8 + i]));
        let answer = match (word(0), word(4)) {
            (STARTED, pid) => Answer::Started(pid.cast_signed(), pipes),
            (FAILED, errno) => Answer::Failed(errno.cast_signed()),
            (ENDED, status @ 0..256) => Answer::Ended(Exit::Status(status as u8)),
            (ENDED, signal) => Answer::Ended(Exit::Signal((signal - 256) as u8)),
            _ => return None,
        };
        Some((id, answer))
    }

    /// The three descriptors that came along; fewer are closed at once.
    #[expect(clippy::cast_ptr_alignment, reason = "descriptors stand there unaligned and are read as such")]
    fn take_pipes(&mut self) -> Option<[OwnedFd; PIPES]> {
        // SAFETY: the header is the one that the kernel filled; its control data lies in `control`.
        let message = unsafe { libc::CMSG_FIRSTHDR(&raw const self.header).as_ref() }?;
        if (message.cmsg_level, message.cmsg_type) != (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            return None;
        }
        // SAFETY: CMSG_LEN computes a length, no memory is touched.
        let bytes = message.cmsg_len.saturating_sub(unsafe { libc::CMSG_LEN(0) } as usize);
        // SAFETY: `message` is a whole control message inside `control`.
        let data = unsafe { libc::CMSG_DATA(message) };
        let owned = (0..bytes / size_of::<RawFd>()).map(|i| {
            // SAFETY: the kernel wrote so many descriptors there, unaligned, and each belongs to us from now on; the
            // control data is not read a second time, as `msg_controllen` is set to 0 below.
            unsafe { OwnedFd::from_raw_fd(data.cast::<RawFd>().add(i).read_unaligned()) }
        });
        let owned: Vec<OwnedFd> = owned.collect();
        self.header.msg_controllen = 0;
        owned.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_comes_through_as_it_was() {
        let launch = Launch {
            program: b"/bin/script".to_vec(),
            directory: b"/".to_vec(),
            arguments: vec![b"".to_vec(), b"a b".to_vec()],
            environment: vec![b"A=".to_vec(), b"B=\xff".to_vec()],
        };
        let message = encode_launch(7, &launch).expect("short, without NUL");
        assert_eq!(decode_request(&message), Some((7, Request::Launch(launch.clone()))));
        assert_eq!(decode_request(&encode_reap(u64::MAX)), Some((u64::MAX, Request::Reap)));
        assert_eq!(decode_request(&message[..ID_BYTES + 2]), None);
        let bare = Launch { arguments: Vec::new(), environment: Vec::new(), ..launch.clone() };
        let message = encode_launch(8, &bare).expect("short, without NUL");
        assert_eq!(decode_request(&message), Some((8, Request::Launch(bare))));
        let with_nul = Launch { directory: b"/\0".to_vec(), ..launch.clone() };
        assert_eq!(encode_launch(9, &with_nul), None);
        let long = Launch { arguments: vec![vec![b'x'; LAUNCH_BYTES_MAX]], ..launch };
        assert_eq!(encode_launch(9, &long), None);
    }
}
