//! Programs that answer for a handler: what it sees of their output.

use slipring_ring::SpawnError;
use thiserror::Error;

/// What a program has said and nobody has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoke<'a> {
    /// From the first byte of its standard output on.
    pub bytes: &'a [u8],
    /// No more will come.
    pub ended: bool,
}

/// Why a program says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProgramError {
    /// As many programs as may run are running, and as many as may wait are waiting.
    #[error("too many programs run already")]
    Full,
    /// It could not be started.
    #[error("the program was not started: {0}")]
    Spawn(SpawnError),
    /// It ran into its time limit and was killed, with everything that it had started.
    #[error("the program ran into its time limit")]
    Late,
}
