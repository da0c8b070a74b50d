//! What a ring is made of.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use super::{Listener, Sink, Workers};
use crate::limits::RingLimits;

/// A ring before it is made; roots, sinks and listeners are numbered in their order here.
#[derive(Debug)]
pub struct UringConfig {
    /// Sizes.
    pub limits: RingLimits,
    /// Document roots, opened by [`UringRing::new`](super::UringRing::new).
    pub roots: Vec<PathBuf>,
    /// Append-only outputs.
    pub sinks: Vec<Sink>,
    /// Bound sockets.
    pub listeners: Vec<Listener>,
    /// Congestion control of outgoing connections by name; the system's own if `None`.
    pub congestion: Option<String>,
    /// Who carries tasks out; rings may share a pool. Without one every task is refused.
    pub workers: Option<Workers>,
    /// Where spools are made: a directory on a disk. Where its file system makes no files without names, they are memory.
    pub spools: PathBuf,
    /// This ring's channel to the [`Launcher`](super::Launcher); without one no program is started.
    pub launcher: Option<OwnedFd>,
    /// How much earlier than asked a wait stops sleeping at most, to look again and again until it is time: for schedules that
    /// are kept to a microsecond, at the price of that CPU time ([`Ring::spun`](crate::Ring::spun)). Zero only sleeps;
    /// [`Duration::MAX`] never does, whatever it waits for.
    pub spin: Duration,
}

/// Where spools are made unless somebody says otherwise: what outlives a reboot is no memory file system.
const SPOOLS: &str = "/var/tmp";

impl UringConfig {
    /// A ring of these sizes with nothing to listen on, read or write.
    pub fn new(limits: RingLimits) -> Self {
        Self {
            limits,
            roots: Vec::new(),
            sinks: Vec::new(),
            listeners: Vec::new(),
            congestion: None,
            workers: None,
            spools: SPOOLS.into(),
            launcher: None,
            spin: Duration::ZERO,
        }
    }
}
