//! A smooth curve through the measured points, or none.
//!
//! In front of a server that works on one request at a time, times grow like s / (1 - rate / c): s is what an idle
//! server takes, c the rate at which the queue no longer ends. Turned over, 1 / time is a straight line in the rate, and
//! least squares find it. Servers are not formulas, so the curve is kept only over the points from the lowest rate on
//! where it stays within the range that was measured, and dropped if those are fewer than four.

use super::Point;

/// Points that a curve must go through.
pub const FIT_POINTS_MIN: usize = 4;

/// time = `idle` / (1 - rate / `capacity`), within the rates of the points that it was made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The time that an idle server takes, in the unit of the points.
    pub idle: f64,
    /// The rate at which the curve leaves the page, requests a second.
    pub capacity: f64,
    /// Lowest rate that it holds for.
    pub from: f64,
    /// Highest rate that it holds for.
    pub to: f64,
}

impl Fit {
    /// The curve at this rate; `None` outside the rates that it holds for.
    pub fn at(&self, rate: f64) -> Option<f64> {
        (self.from <= rate && rate <= self.to).then(|| self.idle / (1.0 - rate / self.capacity))
    }

    fn stays_within(&self, points: &[Point]) -> bool {
        let is_inside = |point: &Point| self.at(point.rate).is_some_and(|time| point.low <= time && time <= point.high);
        points.iter().all(is_inside)
    }
}

/// The curve over the longest run of points from the lowest rate on that it stays within.
pub fn fit(points: &[Point]) -> Option<Fit> {
    let exact = points.iter().position(|point| point.is_bound || point.value <= 0.0).unwrap_or(points.len());
    let lengths = (FIT_POINTS_MIN..=exact).rev();
    lengths.map(|length| &points[..length]).find_map(|run| least_squares(run).filter(|fit| fit.stays_within(run)))
}

/// Weighted by the square of the time: what is small on the page of 1 / time is large on the page of time.
fn least_squares(points: &[Point]) -> Option<Fit> {
    let (mut weight, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for point in points {
        let (w, inverse) = (point.value * point.value, 1.0 / point.value);
        weight += w;
        x += w * point.rate;
        y += w * inverse;
        xx += w * point.rate * point.rate;
        xy += w * point.rate * inverse;
    }
    let determinant = weight * xx - x * x;
    let slope = (weight * xy - x * y) / determinant;
    let start = (y - slope * x) / weight;
    let fit = Fit { idle: 1.0 / start, capacity: -start / slope, from: points.first()?.rate, to: points.last()?.rate };
    (fit.idle.is_finite() && fit.idle > 0.0 && fit.capacity > fit.to).then_some(fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(rate: f64, value: f64, spread: f64) -> Point {
        let (low, high) = (value * (1.0 - spread), value * (1.0 + spread));
        Point { rate, steps: 1, met: 1, value, low, high, is_bound: false }
    }

    fn queue(rate: f64) -> f64 {
        200.0 / (1.0 - rate / 10_000.0)
    }

    #[test]
    fn a_queue_is_found_again() {
        let rates = [1_000.0, 2_000.0, 4_000.0, 8_000.0, 9_000.0];
        let points: Vec<Point> = rates.iter().map(|rate| point(*rate, queue(*rate), 0.01)).collect();
        let fit = fit(&points).expect("a perfect queue");
        assert!((fit.idle / 200.0 - 1.0).abs() < 1e-9 && (fit.capacity / 10_000.0 - 1.0).abs() < 1e-9, "{fit:?}");
        assert_eq!((fit.from, fit.to), (1_000.0, 9_000.0));
        assert_eq!(fit.at(9_500.0), None);
    }

    #[test]
    fn it_ends_where_the_points_leave_it() {
        let mut points: Vec<Point> =
            [1_000.0, 2_000.0, 4_000.0, 6_000.0].iter().map(|rate| point(*rate, queue(*rate), 0.02)).collect();
        points.push(point(8_000.0, 50.0 * queue(8_000.0), 0.02));
        assert!(fit(&points).is_some_and(|fit| fit.at(6_000.0).is_some() && fit.at(6_001.0).is_none()));
        points[3] = point(6_000.0, 0.1, 0.02);
        assert_eq!(fit(&points), None);
    }

    #[test]
    fn times_that_do_not_grow_or_are_bounds_have_no_curve() {
        let falling: Vec<Point> = (1..8).map(|i| point(f64::from(i), 10.0 / f64::from(i), 0.5)).collect();
        assert_eq!(fit(&falling), None);
        let bounds: Vec<Point> =
            (1..8).map(|i| Point { is_bound: true, ..point(f64::from(i), queue(f64::from(i)), 0.5) }).collect();
        assert_eq!(fit(&bounds), None);
        assert_eq!(fit(&[]), None);
    }
}
