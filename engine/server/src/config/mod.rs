//! From the command line to ready values.

mod headers;
mod log_options;
mod options;

pub use options::{Options, Plan, Shown, UsageError};
