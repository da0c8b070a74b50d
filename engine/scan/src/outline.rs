//! The answer of a kernel: two offsets per line.

/// Lines that an [`Outline`] can hold, the request line and the empty line included.
pub const LINES_MAX: usize = 130;

/// Line ends that a kernel may note beyond the last one that counts: half a block of them, and a group.
pub(crate) const SLACK: usize = 36;

/// What a kernel found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// Regular lines and then an empty one: the outline is complete.
    Whole,
    /// Regular so far, and the input ended before the empty line. The outline is not to be used.
    Open,
    /// Something that no kernel judges: bytes that are not printable ASCII other than in twos, or too many lines, or
    /// (seen at the end) a line that does not begin with a token byte. The outline is not to be used.
    Irregular,
}

/// Where the lines of a head lie. Memory is taken once and written over by each walk.
///
/// After [`Shape::Whole`] the following holds, with line 0 as the first line:
/// - each line begins with a token byte, and [`stop`](Self::stop) is the offset of its first byte that is none;
/// - [`end`](Self::end) is the offset of its last byte, and `stop(i) < end(i)`;
/// - every byte of it is printable, but for the last two. **These are for the caller to check**: they are CR LF, or the
///   head is not well formed;
/// - the lines are followed by exactly CR LF, and [`len`](Self::len) is the offset behind them.
#[derive(Clone, Debug)]
pub struct Outline {
    /// Entries from `lines` on are left over from other walks.
    pub(crate) stops: [u32; LINES_MAX],
    pub(crate) ends: [u32; LINES_MAX + SLACK],
    pub(crate) lines: u32,
    pub(crate) len: u32,
    pub(crate) target_break: u32,
}

impl Outline {
    /// An outline without lines.
    pub const fn new() -> Self {
        Self { stops: [0; LINES_MAX], ends: [0; LINES_MAX + SLACK], lines: 0, len: 0, target_break: 0 }
    }

    /// Lines before the empty one.
    #[inline]
    pub fn lines(&self) -> usize {
        self.lines as usize
    }

    /// Bytes from the start of the input to the end of the empty line.
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// True when there is no line.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// Offset of the first byte of line `line` that is no token byte.
    #[inline]
    pub fn stop(&self, line: usize) -> usize {
        self.stops[line] as usize
    }

    /// Offset of the last byte of line `line`: its line feed, if it has one.
    #[inline]
    pub fn end(&self, line: usize) -> usize {
        self.ends[line] as usize
    }

    /// Offset of the first [target break](crate::is_target_break) behind `stop(0)`, or `end(0)`.
    #[inline]
    pub fn target_break(&self) -> usize {
        self.target_break as usize
    }

    /// [`stop`](Self::stop) of each line, in order.
    #[inline]
    pub fn stops(&self) -> &[u32] {
        &self.stops[..self.lines()]
    }

    /// [`end`](Self::end) of each line, in order.
    #[inline]
    pub fn ends(&self) -> &[u32] {
        &self.ends[..self.lines()]
    }

    /// Forgets all lines, for a caller that notes them itself with [`push`](Self::push).
    pub fn clear(&mut self) {
        self.lines = 0;
        self.len = 0;
        self.target_break = 0;
    }

    /// Notes one more line. Answers false, and notes nothing, when the outline is full.
    pub fn push(&mut self, stop: u32, end: u32) -> bool {
        let line = self.lines as usize;
        if line == LINES_MAX {
            return false;
        }
        self.stops[line] = stop;
        self.ends[line] = end;
        self.lines += 1;
        true
    }
}

impl Default for Outline {
    fn default() -> Self {
        Self::new()
    }
}

/// Two outlines are equal when a caller cannot tell them apart.
impl PartialEq for Outline {
    fn eq(&self, other: &Self) -> bool {
        let lines = |outline: &Self| (outline.len, outline.target_break);
        self.stops() == other.stops() && self.ends() == other.ends() && lines(self) == lines(other)
    }
}

impl Eq for Outline {}
