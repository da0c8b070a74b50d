//! Message bodies: how the end is known ([`framing`]) and the chunked coding ([`chunked`]).

pub mod chunked;
pub mod framing;
