//! HTTP/1.x: bytes to meaning and back.
//!
//! The package opens no socket, reads no clock and starts no thread; time and bytes are arguments. It also builds for
//! wasm32. Everything that a peer can send is answered by a value (`Partial`, `Complete`, `Reject`), never by a panic.
#![forbid(unsafe_code)]

pub mod body;
pub mod command;
pub mod date;
pub mod error;
pub mod field;
pub mod limits;
pub mod request;
pub mod response;
pub mod target;
pub mod version;
