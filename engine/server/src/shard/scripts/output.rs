//! What a program said: written by its pipe, read by its handler and then by the stream of its answer.

use std::cell::{Ref, RefCell};
use std::io::{self, Read};
use std::rc::Rc;

/// Shared between a program and the stream that sends what it says.
#[derive(Clone, Default)]
pub(in crate::shard) struct SharedOutput(Rc<RefCell<Output>>);

#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    /// How much of it was taken.
    at: usize,
    /// No more will come; `false`: it broke off.
    ended: Option<bool>,
}

impl SharedOutput {
    /// The program said more.
    pub(super) fn push(&self, bytes: &[u8]) {
        let mut output = self.0.borrow_mut();
        if output.at > 0 {
            let at = std::mem::take(&mut output.at);
            output.bytes.drain(..at);
        }
        output.bytes.extend_from_slice(bytes);
    }

    /// Nothing more will come, whole or not. What was said first stays.
    pub(super) fn end(&self, whole: bool) {
        self.0.borrow_mut().ended.get_or_insert(whole);
    }

    /// Whether nothing more will come.
    pub(in crate::shard) fn is_ended(&self) -> bool {
        self.0.borrow().ended.is_some()
    }

    /// Whether nothing waits to be taken.
    pub(super) fn is_empty(&self) -> bool {
        let output = self.0.borrow();
        output.at == output.bytes.len()
    }

    /// What waits to be taken.
    pub(in crate::shard) fn waiting(&self) -> Ref<'_, [u8]> {
        Ref::map(self.0.borrow(), |output| &output.bytes[output.at..])
    }

    /// Takes so many bytes.
    pub(in crate::shard) fn skip(&self, bytes: usize) {
        let mut output = self.0.borrow_mut();
        output.at = (output.at + bytes).min(output.bytes.len());
    }

    /// Forgets what waits.
    pub(super) fn clear(&self) {
        let mut output = self.0.borrow_mut();
        (output.bytes, output.at) = (Vec::new(), 0);
    }
}

/// `WouldBlock` when nothing is there yet; an error when it broke off.
impl Read for SharedOutput {
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        let mut output = self.0.borrow_mut();
        let len = place.len().min(output.bytes.len() - output.at);
        let at = output.at;
        place[..len].copy_from_slice(&output.bytes[at..at + len]);
        output.at += len;
        match output.ended {
            _ if len > 0 => Ok(len),
            None => Err(io::ErrorKind::WouldBlock.into()),
            Some(true) => Ok(0),
            Some(false) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
