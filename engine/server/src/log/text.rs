//! Appending to a line. Pieces are copied and looked at in steps of constant size, which the processor does at once; what
//! a step writes too much is taken off again.

/// Bytes of one step.
const STEP: usize = 16;
/// Bytes of a step in a text that is shorter.
const HALF: usize = STEP / 2;

/// Text of the format itself: one step, or less of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Literal {
    step: [u8; STEP],
    len: u8,
}

impl Literal {
    /// Takes up as much of a text as there is room for; the rest is returned.
    pub(super) fn fill<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let room = &mut self.step[usize::from(self.len)..];
        let (taken, rest) = text.split_at(text.len().min(room.len()));
        room[..taken.len()].copy_from_slice(taken);
        self.len += taken.len() as u8;
        rest
    }

    #[inline]
    pub(super) fn append_to(&self, line: &mut Vec<u8>) {
        let end = line.len() + usize::from(self.len);
        line.extend_from_slice(&self.step);
        line.truncate(end);
    }
}

/// Appends a text if all of it is plain; else nothing.
#[inline]
pub(super) fn append_plain(line: &mut Vec<u8>, text: &[u8]) -> bool {
    let plain = is_plain_text(text);
    if plain {
        line.extend_from_slice(text);
    }
    plain
}

/// Looks at whole steps, of which the last may lie over the one before it: no step has a length that only the text knows.
#[inline]
fn is_plain_text(text: &[u8]) -> bool {
    if let Some(last) = text.last_chunk::<STEP>() {
        let steps = text.as_chunks::<STEP>().0;
        return are_plain(steps.iter().chain([last]));
    }
    match (text.first_chunk::<HALF>(), text.last_chunk::<HALF>()) {
        (Some(first), Some(last)) => are_plain([first, last]),
        _ => text.iter().all(|&byte| is_plain(byte)),
    }
}

#[inline]
fn are_plain<'a, const N: usize>(steps: impl IntoIterator<Item = &'a [u8; N]>) -> bool {
    // Gathered byte by byte, which the processor does for a whole step at once; looked at when all are there.
    let mut odd = [0; N];
    for step in steps {
        for (odd, &byte) in odd.iter_mut().zip(step) {
            *odd |= u8::from(!is_plain(byte));
        }
    }
    odd == [0; N]
}

/// Printable ASCII but for backslash and quote. Other bytes could be a terminal's controls (0x80 to 0x9F) or parts of
/// them in some encoding.
#[inline]
pub(super) fn is_plain(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) && byte != b'\\' && byte != b'"'
}

/// Appends the four octets of an address, with dots between them.
#[inline]
pub(super) fn octets(line: &mut Vec<u8>, octets: [u8; 4]) {
    let mut end = line.len();
    for octet in octets {
        // The next one is written over what is too much of this one.
        let (text, len) = &OCTETS[usize::from(octet)];
        line.truncate(end);
        line.extend_from_slice(text);
        end += usize::from(*len);
    }
    line.truncate(end - 1);
}

/// Every octet with a dot behind it, and the length of that.
static OCTETS: [([u8; 4], u8); 256] = {
    let mut all = [([0; 4], 0); 256];
    let mut octet = 0;
    while octet < all.len() {
        let [hundreds, tens, ones] = [octet / 100, octet / 10 % 10, octet % 10];
        let digits = [b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8];
        all[octet] = match (hundreds, tens) {
            (0, 0) => ([digits[2], b'.', 0, 0], 2),
            (0, _) => ([digits[1], digits[2], b'.', 0], 3),
            _ => ([digits[0], digits[1], digits[2], b'.'], 4),
        };
        octet += 1;
    }
    all
};
