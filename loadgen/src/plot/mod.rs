//! Charts as data, drawn as SVG by a library. Knows numbers and colours, no records.
//!
//! A chart is drawn at two sizes, for a wide page and for a telephone: an SVG that is only scaled down has letters too
//! small to read. Its colours are those of the light theme; each has one meaning ([`Role`]), so that a page's style sheet
//! can give it another value for the dark one, and a figure copied out of the page still has colours.

mod axis;
mod draw;

pub use axis::Axis;

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Letters.
    Ink,
    /// Lines behind the figures.
    Grid,
    /// The two axes.
    Frame,
    /// The figure that the chart is about.
    First,
    /// Beside it.
    Second,
    /// Beside it.
    Third,
    /// Beside it.
    Fourth,
    /// What went wrong.
    Bad,
    /// What was wanted: drawn dashed by the page.
    Wanted,
    /// A range in which nothing is to be told.
    Band,
}

/// A chart: two axes, and what is drawn between them, in order.
#[derive(Clone, Debug)]
pub struct Chart {
    /// For those who cannot see it; no markup.
    pub title: &'static str,
    /// From left to right.
    pub x: Axis,
    /// From bottom to top.
    pub y: Axis,
    /// Drawn one over the other.
    pub layers: Vec<Layer>,
    /// Height in pixels, at both sizes.
    pub height: u32,
}

/// One thing that is drawn, in the values of the axes.
#[derive(Clone, Debug)]
pub enum Layer {
    /// A line through these points.
    Line(Role, Vec<[f64; 2]>),
    /// A line that holds each value until the next point.
    Steps(Role, Vec<[f64; 2]>),
    /// Small discs.
    Points(Role, Vec<[f64; 2]>),
    /// Large discs, a ring where the value is not taken as good.
    Marks(Role, Vec<[f64; 2]>),
    /// From one end to the other, with a cap at each.
    Range(Role, [f64; 2], [f64; 2]),
    /// A filled rectangle between two corners.
    Area(Role, [f64; 2], [f64; 2]),
    /// Words that begin at this point.
    Label([f64; 2], String),
}

/// For what page a chart is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// From about 640 pixels.
    Wide,
    /// Below.
    Narrow,
}

impl Chart {
    /// The chart as an SVG element of the classes `plot` and `wide` or `narrow`.
    pub fn svg(&self, size: Size) -> String {
        draw::svg(self, size)
    }
}

impl Size {
    /// Its class in the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }

    const fn width(self) -> u32 {
        match self {
            Self::Wide => 960,
            Self::Narrow => 328,
        }
    }
}

impl Role {
    /// Every role, for the page's style sheet.
    pub const ALL: [Self; 10] = [
        Self::Ink,
        Self::Grid,
        Self::Frame,
        Self::First,
        Self::Second,
        Self::Third,
        Self::Fourth,
        Self::Bad,
        Self::Wanted,
        Self::Band,
    ];

    /// Its name in a style sheet.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ink => "ink",
            Self::Grid => "grid",
            Self::Frame => "frame",
            Self::First => "first",
            Self::Second => "second",
            Self::Third => "third",
            Self::Fourth => "fourth",
            Self::Bad => "bad",
            Self::Wanted => "wanted",
            Self::Band => "band",
        }
    }

    /// Red, green, blue on a light ground; no two roles share one.
    pub const fn rgb(self) -> [u8; 3] {
        match self {
            Self::Ink => [0x56, 0x5f, 0x6b],
            Self::Grid => [0xe2, 0xe6, 0xea],
            Self::Frame => [0xa9, 0xb2, 0xbc],
            Self::First => [0x0b, 0x62, 0xc4],
            Self::Second => [0xb3, 0x54, 0x00],
            Self::Third => [0x1b, 0x7c, 0x4a],
            Self::Fourth => [0x7a, 0x4c, 0xc4],
            Self::Bad => [0xc4, 0x22, 0x2e],
            Self::Wanted => [0x6b, 0x75, 0x80],
            Self::Band => [0xd6, 0xe4, 0xf5],
        }
    }

    /// As the SVG spells it.
    pub fn hex(self) -> String {
        let [red, green, blue] = self.rgb();
        format!("#{red:02X}{green:02X}{blue:02X}")
    }
}
