//! Every bound of a ring, unit last, tied together where one depends on another.

/// Completions that one [`crate::Ring::wait`] hands out at most.
pub const BATCH_MAX: usize = 256;

/// Parts that one send gathers at most (slot ranges and blob ranges).
pub const SEND_PARTS_MAX: usize = 8;

/// Bytes of a path under a root, the terminating NUL included (Linux `PATH_MAX`).
pub const PATH_BYTES_MAX: usize = 4096;

/// Names that one [`crate::Op::List`] returns at most.
pub const LISTING_ENTRIES_MAX: usize = 100_000;

/// Bytes that one [`crate::Op::Discard`] takes at most.
pub const DISCARD_BYTES_MAX: u32 = 1 << 30;

/// Bytes of a Unix socket's path at most (`sun_path` with its NUL is 108).
pub const UNIX_PATH_BYTES_MAX: usize = 107;

/// Bytes of all the strings of a [`crate::Launch`], each with one byte more, at most.
pub const LAUNCH_BYTES_MAX: usize = 128 * 1024;

/// Sizes of one ring, fixed when it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingLimits {
    /// Submission queue entries, a power of two.
    pub submissions: u32,
    /// Completion queue entries, a power of two.
    pub completions: u32,
    /// Provided buffers, a power of two up to 32,768.
    pub recv_buffers: u16,
    /// Bytes of one provided buffer.
    pub recv_buffer_bytes: u32,
    /// Send slots.
    pub send_slots: u32,
    /// Bytes of one send slot.
    pub send_slot_bytes: u32,
    /// Transfer buffers.
    pub transfers: u32,
    /// Bytes of one transfer buffer.
    pub transfer_bytes: u32,
    /// Transfer buffers for what goes to sinks.
    pub sink_buffers: u32,
    /// Bytes of one of those.
    pub sink_buffer_bytes: u32,
    /// Blobs.
    pub blobs: u32,
    /// Bytes of all blobs.
    pub blob_bytes: u64,
    /// Opens in flight; more wait their turn in the ring.
    pub opens: u32,
    /// Token slots: every [`crate::OpToken::slot`] is below.
    pub token_slots: u32,
}

impl RingLimits {
    /// For a server's shard: a receive pool that stays in the second-level cache (16,384 buffers of 4 KiB cost 15%,
    /// 128 to 256 nothing), send slots for an answer of 16 KiB with its head.
    pub const SERVER: Self = Self {
        submissions: 1024,
        completions: 8192,
        recv_buffers: 256,
        recv_buffer_bytes: 4096,
        send_slots: 512,
        send_slot_bytes: 40 * 1024,
        transfers: 32,
        transfer_bytes: 64 * 1024,
        sink_buffers: 2,
        sink_buffer_bytes: 512 * 1024,
        blobs: 16 * 1024,
        blob_bytes: 128 << 20,
        opens: 64,
        token_slots: 65_536 + 64,
    };
}

const _: () = {
    let limits = RingLimits::SERVER;
    assert!(limits.submissions.is_power_of_two() && limits.completions.is_power_of_two());
    assert!(limits.completions >= 2 * limits.submissions, "multishot receives fill the completion queue unasked");
    assert!(limits.recv_buffers.is_power_of_two() && limits.recv_buffers <= 32_768);
    assert!(limits.send_slot_bytes >= 16 * 1024 + 1024, "a small body is copied whole behind its head");
    assert!(BATCH_MAX <= limits.completions as usize);
};
