//! From the command line to ready values.

mod headers;
mod log_options;
mod options;
mod usage_error;

pub use options::{Options, Plan, Shown};
pub use usage_error::UsageError;
