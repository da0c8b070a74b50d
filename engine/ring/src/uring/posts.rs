//! Sends of which nothing is heard but a failure.
//!
//! The kernel could keep a success to itself (IOSQE_CQE_SKIP_SUCCESS), but it marks the ring for each such entry, in the
//! words that the peer's core reads for each completion that it queues: measured 1.5% of a short request over loopback. So
//! successes are posted and dropped here. The kernel carries the number of a post, which stands for its token.

use io_uring::opcode;
use slab::Slab;

use super::submit::fd;
use super::{UringRing, errno};
use crate::buffer::BlobId;
use crate::completion::{Completion, Outcome};
use crate::op::Socket;
use crate::token::{OpKind, OpToken};

/// The posts in flight.
#[derive(Default)]
pub(super) struct Posts {
    flying: Slab<Post>,
}

struct Post {
    token: OpToken,
    len: u32,
}

impl Posts {
    fn begin(&mut self, token: OpToken, len: u32) -> OpToken {
        Self::numbered(self.flying.insert(Post { token, len }))
    }

    /// What the kernel knows of a post with this token, if there is one.
    fn find(&self, token: OpToken) -> Option<OpToken> {
        self.flying.iter().find(|(_, post)| post.token == token).map(|(number, _)| Self::numbered(number))
    }

    fn numbered(number: usize) -> OpToken {
        OpToken::new(OpKind::Post, 0, number as u32)
    }
}

impl UringRing {
    /// MSG_WAITALL lets the kernel go on behind a short send.
    #[inline]
    pub(super) fn post(&mut self, token: OpToken, socket: Socket, blob: BlobId, len: u32) {
        let start = self.slots.pin(blob, len);
        let entry = opcode::Send::new(fd(socket), start, len).flags(libc::MSG_NOSIGNAL | libc::MSG_WAITALL).build();
        let numbered = self.posts.begin(token, len);
        self.push_out(numbered, socket, entry);
    }

    /// A post ended. One that ended short says how far it came: the connection failed behind that.
    #[inline]
    pub(super) fn posted(&mut self, numbered: OpToken, result: i32) -> Option<Completion> {
        let Post { token, len } = self.posts.flying.remove(numbered.slot() as usize);
        if result == len as i32 {
            return None;
        }
        let error = errno::send(if result < 0 { -result } else { libc::EPIPE });
        Some(Completion { token, outcome: Outcome::PostFailed(error), more: false })
    }

    pub(super) fn cancel_post(&mut self, token: OpToken, target: OpToken) {
        match self.posts.find(target) {
            Some(numbered) => self.push(token, opcode::AsyncCancel::new(numbered.to_bits()).build()),
            None => self.ready.push_back(Completion { token, outcome: Outcome::Cancelled(false), more: false }),
        }
    }
}
