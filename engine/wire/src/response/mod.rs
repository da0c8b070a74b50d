//! Responses: codes and phrases ([`status`]), writing a head ([`encode`]), reading one ([`parse`]) and following a
//! whole byte stream of them ([`stream`]).

pub mod encode;
pub mod parse;
pub mod status;
pub mod stream;

pub use encode::{EncodeError, FieldLines, HeadWriter, PreparedHead};
pub use parse::{Parsed, ResponseError, ResponseFraming, ResponseHead, parse_response_head};
pub use status::Status;
pub use stream::{Eof, Event, HeadMemo, ResponseMachine, ResponseParser};
