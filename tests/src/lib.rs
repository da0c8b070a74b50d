//! Tests that cross packages live in `tests/`.
