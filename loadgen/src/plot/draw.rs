//! A chart becomes SVG.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint};
use plotters::prelude::*;

use super::{Axis, Chart, Layer, Role, Size};

const LETTER_PX: u32 = 13;
const BOTTOM_PX: u32 = 26;
const LEFT_PX: u32 = 62;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Ticked, Ticked>>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// An axis as the library wants it: linear, with our ticks.
struct Ticked {
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Ticked {
    fn of(axis: &Axis) -> Self {
        Self { range: axis.range.clone(), ticks: axis.ticks.iter().map(|(at, _)| *at).collect() }
    }
}

impl Ranged for Ticked {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start).max(f64::MIN_POSITIVE);
        start + (share * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

pub(super) fn svg(chart: &Chart, size: Size) -> String {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (size.width(), chart.height)).into_drawing_area();
    draw(chart, &area).expect("an SVG is written into memory");
    drop(area);
    let face = format!("<svg class=\"plot {}\" role=\"img\" aria-label=\"{}\" ", size.name(), chart.title);
    svg.replacen("<svg ", &face, 1)
}

fn draw(chart: &Chart, area: &Area) -> Drawn {
    let left = if chart.y.ticks.is_empty() { 8 } else { LEFT_PX };
    let mut builder = ChartBuilder::on(area);
    builder.margin_top(10).margin_right(22).x_label_area_size(BOTTOM_PX).y_label_area_size(left);
    let mut plane = builder.build_cartesian_2d(Ticked::of(&chart.x), Ticked::of(&chart.y))?;
    mesh(chart, &mut plane)?;
    chart.layers.iter().try_for_each(|layer| draw_layer(chart, &mut plane, layer))?;
    area.present()?;
    Ok(())
}

fn mesh(chart: &Chart, plane: &mut Plane) -> Drawn {
    let name = |ticks: &[(f64, String)], at: f64| {
        ticks.iter().find(|(tick, _)| (tick - at).abs() < 1e-9).map_or_else(String::new, |(_, name)| name.clone())
    };
    let below = apart(&chart.x, plane.plotting_area().dim_in_pixel().0);
    let letters = ("sans-serif", LETTER_PX).into_font().color(&colour(Role::Ink));
    let mut mesh = plane.configure_mesh();
    mesh.bold_line_style(colour(Role::Grid)).axis_style(colour(Role::Frame));
    mesh.max_light_lines(0).label_style(letters).set_all_tick_mark_size(4);
    if chart.y.ticks.is_empty() {
        mesh.disable_y_mesh().disable_y_axis();
    }
    mesh.x_label_formatter(&|at| name(&below, *at)).y_label_formatter(&|at| name(&chart.y.ticks, *at)).draw()?;
    Ok(())
}

/// The ticks of the x axis, those left out whose words would run into the words before them.
fn apart(axis: &Axis, width_px: u32) -> Vec<(f64, String)> {
    const LETTER_WIDTH_PX: f64 = 7.5;
    let px_per_place = f64::from(width_px) / (axis.range.end - axis.range.start).max(f64::MIN_POSITIVE);
    let mut free_from = f64::NEG_INFINITY;
    let fits = |(at, words): &&(f64, String)| {
        let half = (words.chars().count() as f64 + 1.0) * LETTER_WIDTH_PX / 2.0;
        let center = at * px_per_place;
        let fits = center - half >= free_from;
        if fits {
            free_from = center + half;
        }
        fits
    };
    axis.ticks.iter().filter(fits).cloned().collect()
}

fn draw_layer(chart: &Chart, plane: &mut Plane, layer: &Layer) -> Drawn {
    let at = |[x, y]: [f64; 2]| (chart.x.place(x), chart.y.place(y));
    let all = |points: &[[f64; 2]]| points.iter().copied().map(at).collect::<Vec<_>>();
    match layer {
        Layer::Line(role, points) => {
            plane.draw_series(LineSeries::new(all(points), line(*role)))?;
        }
        Layer::Steps(role, points) => {
            plane.draw_series(LineSeries::new(steps(&all(points)), line(*role)))?;
        }
        Layer::Points(role, points) => {
            let disc = |point| Circle::new(point, 2, colour(*role).mix(0.55).filled());
            plane.draw_series(all(points).into_iter().map(disc))?;
        }
        Layer::Marks(role, points) => {
            let disc = |point| Circle::new(point, 4, colour(*role).filled());
            plane.draw_series(all(points).into_iter().map(disc))?;
        }
        Layer::Range(role, from, to) => {
            plane.draw_series([PathElement::new(all(&[*from, *to]), line(*role))])?;
            let cap = |point| EmptyElement::at(point) + PathElement::new(cap(from, to), line(*role));
            plane.draw_series(all(&[*from, *to]).into_iter().map(cap))?;
        }
        Layer::Area(role, from, to) => {
            plane.draw_series([Rectangle::new([at(*from), at(*to)], colour(*role).filled())])?;
        }
        Layer::Label(point, words) => {
            let letters = ("sans-serif", LETTER_PX).into_font().color(&colour(Role::Ink));
            plane.draw_series([Text::new(words.clone(), at(*point), letters)])?;
        }
    }
    Ok(())
}

/// The two ends of a cap in pixels, across the range.
fn cap(from: &[f64; 2], to: &[f64; 2]) -> Vec<(i32, i32)> {
    const HALF: i32 = 5;
    let upright = (from[0] - to[0]).abs() < f64::EPSILON;
    if upright { vec![(-HALF, 0), (HALF, 0)] } else { vec![(0, -HALF), (0, HALF)] }
}

fn steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let corners = points.windows(2).flat_map(|pair| [pair[0], (pair[1].0, pair[0].1)]);
    corners.chain(points.last().copied()).collect()
}

fn line(role: Role) -> ShapeStyle {
    colour(role).stroke_width(2)
}

fn colour(role: Role) -> RGBColor {
    let [red, green, blue] = role.rgb();
    RGBColor(red, green, blue)
}
