//! A sweep for people and for programs.

mod json;
mod restore;
pub(super) mod text;

pub use json::json;
pub(super) use restore::Document;
pub use text::text;

/// `--html`: one page that stands alone. `command` is the command line.
pub fn html(sweep: &crate::sweep::Sweep, command: &[String]) -> String {
    super::html::sweep_page(sweep, command)
}

#[cfg(test)]
mod tests;
