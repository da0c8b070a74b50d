//! Where an answer is written: the send slot, or memory of its own when it does not fit.

use slipring_wire::date::DateStamp;
use slipring_wire::response::{EncodeError, HeadWriter, PreparedHead};

/// Room for answers behind each other. What does not fit is written to memory of its own, and sent from there.
#[derive(Debug)]
pub struct Output<'a> {
    slot: &'a mut [u8],
    filled: &'a mut u32,
    /// Bytes of the answer at hand, in the slot behind `filled` or in `spill`.
    written: usize,
    spill: Option<Vec<u8>>,
}

impl<'a> Output<'a> {
    /// An answer behind the first `filled` bytes of a slot. `filled` grows when the answer is kept.
    pub fn new(slot: &'a mut [u8], filled: &'a mut u32) -> Self {
        Self { slot, filled, written: 0, spill: None }
    }

    /// Writes one part of a head; more room is found if it does not fit.
    #[inline]
    pub fn head(
        &mut self,
        part: impl for<'b, 'c> Fn(&'b mut HeadWriter<'c>) -> Result<&'b mut HeadWriter<'c>, EncodeError>,
    ) -> Result<(), EncodeError> {
        loop {
            let mut writer = HeadWriter::new(self.room());
            match part(&mut writer).map(|writer| writer.len()) {
                Ok(len) => {
                    self.written += len;
                    return Ok(());
                }
                Err(EncodeError::Full) => self.grow(1),
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes a prepared head with this date.
    #[inline]
    pub fn prepared(&mut self, head: &PreparedHead, date: &DateStamp) {
        if self.room().len() < head.len() {
            self.grow(head.len());
        }
        self.written += head.write(self.room(), date).unwrap_or(0);
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.room().len() < bytes.len() {
            self.grow(bytes.len());
        }
        self.room()[..bytes.len()].copy_from_slice(bytes);
        self.written += bytes.len();
    }

    /// Bytes of the answer so far.
    pub fn written(&self) -> usize {
        self.written
    }

    /// The answer so far.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let start = *self.filled as usize;
        match &mut self.spill {
            None => &mut self.slot[start..start + self.written],
            Some(spill) => &mut spill[..self.written],
        }
    }

    /// Whether `more` bytes still fit into the slot.
    pub fn fits(&self, more: usize) -> bool {
        self.spill.is_none() && *self.filled as usize + self.written + more <= self.slot.len()
    }

    /// Forgets the answer behind its first `len` bytes, which go back into the slot if they fit.
    pub fn truncate(&mut self, len: usize) {
        self.written = self.written.min(len);
        let start = *self.filled as usize;
        if let Some(spill) = &self.spill
            && let Some(place) = self.slot.get_mut(start..start + self.written)
        {
            place.copy_from_slice(&spill[..self.written]);
            self.spill = None;
        }
    }

    /// Removes the answer's first `len` bytes.
    pub fn remove_front(&mut self, len: usize) {
        self.bytes_mut().copy_within(len.., 0);
        self.written -= len;
    }

    /// The answer is whole: keeps it in the slot, or hands out the memory that it spilled into.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        let written = std::mem::take(&mut self.written);
        match self.spill.take() {
            None => {
                *self.filled += written as u32;
                None
            }
            Some(mut spill) => {
                spill.truncate(written);
                Some(spill)
            }
        }
    }

    #[inline]
    fn room(&mut self) -> &mut [u8] {
        let start = *self.filled as usize + self.written;
        match &mut self.spill {
            None => &mut self.slot[start..],
            Some(spill) => &mut spill[self.written..],
        }
    }

    /// Makes room for `more` bytes behind what is written, outside the slot. Memory at least doubles each time, so a
    /// part that is tried again with one byte more ([`Output::head`]) comes to its end.
    #[cold]
    fn grow(&mut self, more: usize) {
        const SPILL_BYTES_MIN: usize = 64 * 1024;
        let held = self.spill.as_ref().map_or(0, Vec::len);
        let size = (self.written + more).max(held * 2).max(SPILL_BYTES_MIN);
        let mut bigger = vec![0; size];
        bigger[..self.written].copy_from_slice(self.bytes_mut());
        self.spill = Some(bigger);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What spilled and was taken back stands in the slot again.
    #[test]
    fn what_is_cut_short_returns_to_the_slot() {
        let (mut slot, mut filled) = (vec![0; 16], 4);
        let mut output = Output::new(&mut slot, &mut filled);
        output.extend(b"early");
        output.extend(&[b'x'; 100]);
        output.truncate(5);
        assert_eq!(output.finish(), None);
        assert_eq!((filled, &slot[4..9]), (9, &b"early"[..]));
    }

    /// A body of more than twice 64 KiB never found its room: growing went by what was written, not by what was to come,
    /// and the shard looped.
    #[test]
    fn one_part_of_any_length_finds_room() {
        for len in [10, 100, 70_000, 200_000, 1 << 20] {
            let (mut slot, mut filled) = (vec![0; 64], 0);
            let mut output = Output::new(&mut slot, &mut filled);
            output.extend(b"head");
            output.extend(&vec![b'x'; len]);
            output.extend(b"tail");
            assert_eq!(output.written(), 8 + len);
            assert!(output.bytes_mut().starts_with(b"headx") && output.bytes_mut().ends_with(b"xtail"));
            let spilled = output.finish();
            assert_eq!(spilled.map_or(filled as usize, |spill| spill.len()), 8 + len);
        }
    }
}
