//! A load generator that measures latency honestly, on the same ring and wire as the server it was made for.
//!
//! [`plan`] says what to do and knows no clock, [`drive`] does it on rings, [`record`] is what came of it, [`report`]
//! prints a record, [`cli`] ties them to a command line. The loop is *closed*: a connection sends its next request when
//! its last one is answered, so percentiles are service times and a stall of the target hides the load it delays.
#![forbid(unsafe_code)]

pub mod cli;
pub mod compare;
pub mod drive;
pub mod judge;
pub mod machine;
pub mod plan;
pub mod plot;
pub mod record;
pub mod report;
pub mod sweep;
