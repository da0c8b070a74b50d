//! Find and classify the bytes of a message head, many at a time.
//!
//! The package knows byte classes and line ends and no grammar. [`Kernel::outline`] walks the lines of a head once and
//! notes two offsets per line: where the first byte stands that is no *token byte* (in a field line that is the colon),
//! and where the line ends. A caller that has these offsets needs to look at a handful of bytes per line.
//!
//! Only the common shape is outlined: printable ASCII between line ends of two bytes. Everything else is answered with
//! [`Shape::Irregular`], and the caller reads such a head with slower and more patient code. This keeps the kernels
//! small, and it keeps every judgement (what to tolerate, what to refuse, with which words) out of them.
//!
//! There is one file per kernel; [`naive`] is the definition, and property tests hold the others to it.

mod class;
pub mod naive;
mod outline;
pub mod swar;

#[cfg(target_arch = "x86_64")]
pub mod avx2;

pub use class::{is_printable, is_target_break, is_token};
pub use outline::{LINES_MAX, Outline, Shape};

/// Which implementation walks the heads. All kernels give equal answers; they differ in speed.
///
/// Resolve it once at start with [`Kernel::detect`] and keep the value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kernel {
    /// One byte at a time: the definition of the answer.
    Naive,
    /// Eight bytes at a time in ordinary registers; works everywhere.
    Swar,
    /// Sixty-four bytes at a time with AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
}

impl Kernel {
    /// The fastest kernel that this processor can run.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = avx2::Avx2::detect() {
            return Self::Avx2(kernel);
        }
        Self::Swar
    }

    /// Every kernel that this processor can run, the naive one first.
    pub fn all() -> impl Iterator<Item = Self> {
        [Some(Self::Naive), Some(Self::Swar), Some(Self::detect())].into_iter().flatten()
    }

    /// The name for the start line and the build metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Swar => "swar",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
        }
    }

    /// Walks the lines of `input` up to and including the first empty line, and notes them in `outline`.
    ///
    /// `input` may be followed by anything: what stands behind the empty line does not change the answer. Inputs of
    /// 4 GiB and more are irregular.
    #[inline]
    pub fn outline(self, input: &[u8], outline: &mut Outline) -> Shape {
        match self {
            Self::Naive => naive::outline(input, outline),
            Self::Swar => swar::outline(input, outline),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(kernel) => kernel.outline(input, outline),
        }
    }
}
