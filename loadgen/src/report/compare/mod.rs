//! A comparison for people and for programs.

mod json;
mod restore;
pub(super) mod text;

pub use json::json;
pub(super) use restore::Document;
pub use text::text;

/// `--html`: one page that stands alone. `command` is the command line.
pub fn html(comparison: &crate::compare::Comparison, command: &[String]) -> String {
    super::html::compare_page(comparison, command)
}

#[cfg(test)]
mod tests;
