//! The op token: what a completion is matched by.

/// What an operation is; the first byte of its token, and the index into the shard's routing table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OpKind {
    /// Accept connections on a listener, multishot.
    Accept,
    /// Receive into provided buffers.
    Recv,
    /// Send a slot.
    Send,
    /// Send a range of a transfer buffer, without waiting.
    Stream,
    /// Wait until a socket can be written.
    Poll,
    /// End our direction of a connection.
    Shutdown,
    /// Close a socket.
    Close,
    /// Close a file.
    CloseFile,
    /// Cancel another operation.
    Cancel,
    /// Open a file under a root.
    Open,
    /// Read a file into a transfer buffer.
    Read,
    /// List a directory.
    List,
    /// Append to a sink.
    Write,
    /// Connect to a peer.
    Connect,
    /// Run a task off the ring's thread.
    Run,
    /// Receive bytes and throw them away.
    Discard,
    /// Make a spool.
    Spool,
    /// Write into a spool.
    Store,
    /// Start a program.
    Spawn,
    /// Wait for the end of a program.
    AwaitExit,
    /// Forget a program.
    Reap,
    /// Read from a pipe.
    ReadPipe,
    /// Write into a pipe.
    WritePipe,
    /// Close an end of a pipe.
    ClosePipe,
    /// Send a blob and say nothing.
    Post,
    /// Another thread woke the ring.
    Wake,
}

impl OpKind {
    /// How many kinds there are.
    pub const COUNT: usize = 26;

    /// Every kind, in the order of its number.
    pub const ALL: [OpKind; Self::COUNT] = [
        OpKind::Accept,
        OpKind::Recv,
        OpKind::Send,
        OpKind::Stream,
        OpKind::Poll,
        OpKind::Shutdown,
        OpKind::Close,
        OpKind::CloseFile,
        OpKind::Cancel,
        OpKind::Open,
        OpKind::Read,
        OpKind::List,
        OpKind::Write,
        OpKind::Connect,
        OpKind::Run,
        OpKind::Discard,
        OpKind::Spool,
        OpKind::Store,
        OpKind::Spawn,
        OpKind::AwaitExit,
        OpKind::Reap,
        OpKind::ReadPipe,
        OpKind::WritePipe,
        OpKind::ClosePipe,
        OpKind::Post,
        OpKind::Wake,
    ];
}

/// Kind (8 bits), generation (24 bits) and slot (32 bits), packed as the kernel's `user_data`.
///
/// The slot is the submitter's table index, the generation tells a late completion for an earlier tenant of that slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OpToken(u64);

impl OpToken {
    /// The largest generation; it wraps to 0 behind it.
    pub const GENERATION_MAX: u32 = (1 << 24) - 1;

    /// A token; `generation` is taken modulo 2^24.
    pub const fn new(kind: OpKind, generation: u32, slot: u32) -> Self {
        Self((kind as u64) << 56 | ((generation & Self::GENERATION_MAX) as u64) << 32 | slot as u64)
    }

    /// What the operation is.
    pub const fn kind(self) -> OpKind {
        OpKind::ALL[(self.0 >> 56) as usize]
    }

    /// The generation of the slot's tenant.
    pub const fn generation(self) -> u32 {
        (self.0 >> 32) as u32 & Self::GENERATION_MAX
    }

    /// The submitter's table index.
    pub const fn slot(self) -> u32 {
        self.0 as u32
    }

    /// The same slot and generation with another kind.
    pub const fn with_kind(self, kind: OpKind) -> Self {
        Self::new(kind, self.generation(), self.slot())
    }

    /// The 64 bits as the kernel carries them.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// A token from `user_data`. `None` if no ring ever made such bits.
    pub const fn from_bits(bits: u64) -> Option<Self> {
        if (bits >> 56) < OpKind::COUNT as u64 { Some(Self(bits)) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_gives_back_what_it_was_made_of() {
        for kind in OpKind::ALL {
            let token = OpToken::new(kind, 0x00ab_cdef, 0xfedc_ba98);
            assert_eq!((token.kind(), token.generation(), token.slot()), (kind, 0x00ab_cdef, 0xfedc_ba98));
            assert_eq!(OpToken::from_bits(token.to_bits()), Some(token));
        }
        assert_eq!(OpToken::from_bits(u64::MAX), None);
    }
}
