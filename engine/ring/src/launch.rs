//! Programs that a ring starts: how, what comes of it, and how they end.

use crate::op::{ChildId, PipeId};

/// How a program is started. It runs as the launcher of the ring was told (user, limits), in a process group of its own,
/// with descriptors 0, 1, 2 and no other, and with the default action for every signal.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Launch {
    /// Its absolute path, without NUL.
    pub program: Vec<u8>,
    /// What follows the program's own path in its argument list.
    pub arguments: Vec<Vec<u8>>,
    /// Its whole environment, each `NAME=value`.
    pub environment: Vec<Vec<u8>>,
    /// The directory in which it starts.
    pub directory: Vec<u8>,
}

/// A program that runs, and this side of its standard streams. Its pipes are closed by [`crate::Op::ClosePipe`], each
/// once; it is forgotten by [`crate::Op::Reap`], once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Child {
    /// Its number.
    pub id: ChildId,
    /// Writes to its standard input.
    pub input: PipeId,
    /// Reads from its standard output.
    pub output: PipeId,
    /// Reads from its standard error.
    pub errors: PipeId,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It ended by itself, with this status.
    Status(u8),
    /// A signal ended it.
    Signal(u8),
}
