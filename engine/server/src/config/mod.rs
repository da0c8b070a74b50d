//! From the command line to ready values.

mod options;

pub use options::{Options, Plan, Shown, UsageError};
