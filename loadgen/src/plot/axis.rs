//! Where an axis begins and ends, where its ticks stand, and what is written at them.

use std::ops::Range;

/// Ticks that a linear axis has at most.
const TICKS_MAX: f64 = 6.0;
/// Decades up to which a logarithmic axis has ticks at 2 and 5, too.
const DECADES_FINE: i32 = 2;

/// An axis. Logarithmic ones are linear in the logarithm: [`Axis::place`] says where a value stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// From end to end, in places.
    pub range: Range<f64>,
    /// Places of the ticks and what is written there.
    pub ticks: Vec<(f64, String)>,
    logarithmic: bool,
}

/// Where a quantile stands on an axis that gives each nine the same room: 0.9 at 1, 0.99 at 2.
fn tail_position(quantile: f64) -> f64 {
    -(1.0 - quantile).log10()
}

impl Axis {
    /// From 0 or below to at least `max`, ticks at round values.
    pub fn linear(range: Range<f64>, label: impl Fn(f64) -> String) -> Self {
        let span = (range.end - range.start).max(f64::MIN_POSITIVE);
        let step = round_step(span / TICKS_MAX);
        let (first, last) = ((range.start / step).floor() as i64, (range.end / step).ceil() as i64);
        let ticks = (first..=last).map(|i| i as f64 * step).map(|at| (at, label(at))).collect();
        Self { range: first as f64 * step..last as f64 * step, ticks, logarithmic: false }
    }

    /// From start to end as they are, ticks at round values between them.
    pub fn exact(range: Range<f64>, label: impl Fn(f64) -> String) -> Self {
        let Self { ticks, .. } = Self::linear(range.clone(), label);
        let inside = ticks.into_iter().filter(|(at, _)| (range.start..=range.end).contains(at)).collect();
        Self { range, ticks: inside, logarithmic: false }
    }

    /// Around positive values, one decade at least; ticks at powers of ten, with few of them at 2 and 5, too.
    pub fn logarithmic(values: Range<f64>, label: impl Fn(f64) -> String) -> Self {
        let high = values.end.max(values.start).max(1e-3);
        let low = values.start.clamp(1e-3, (high / 10.0).max(1e-3));
        let fine = (high.log10() - low.log10()).ceil() as i32 <= DECADES_FINE;
        let steps: &[f64] = if fine { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let decades = low.log10().floor() as i32 - 1..=high.log10().ceil() as i32 + 1;
        let all: Vec<f64> = decades.flat_map(|e| steps.iter().map(move |step| step * 10_f64.powi(e))).collect();
        let below = all.iter().copied().rfind(|at| *at <= low).unwrap_or(low);
        let above = all.iter().copied().find(|at| *at >= high && *at > below).unwrap_or(high);
        let inside = all.into_iter().filter(|at| (below..=above).contains(at));
        let ticks = inside.map(|at| (at.log10(), label(at))).collect();
        Self { range: below.log10()..above.log10(), ticks, logarithmic: true }
    }

    /// Quantiles up to `last`, each nine with the same room; values of this axis are such places.
    pub fn tail(last: f64) -> Self {
        const NAMES: [(f64, &str); 8] = [
            (0.0, "0"),
            (0.5, "50"),
            (0.9, "90"),
            (0.99, "99"),
            (0.999, "99.9"),
            (0.9999, "99.99"),
            (0.99999, "99.999"),
            (0.999_999, "99.9999"),
        ];
        let end = tail_position(last).max(1.0);
        let inside = NAMES.iter().map(|&(q, name)| (tail_position(q), name)).filter(|(at, _)| *at <= end + 1e-9);
        Self { range: 0.0..end, ticks: inside.map(|(at, name)| (at, format!("{name}%"))).collect(), logarithmic: false }
    }

    /// Without ticks: the chart's labels say what stands where.
    pub fn bare(range: Range<f64>) -> Self {
        Self { range, ticks: Vec::new(), logarithmic: false }
    }

    /// Where a value stands.
    pub fn place(&self, value: f64) -> f64 {
        let place = if self.logarithmic { value.max(f64::MIN_POSITIVE).log10() } else { value };
        place.clamp(self.range.start, self.range.end)
    }
}

/// The next of 1, 2 and 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powi(least.log10().floor() as i32);
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= least * 0.999_999).unwrap_or(power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_stand_at_round_values() {
        let label = |value: f64| format!("{value:.0}");
        assert_eq!(ticks(&Axis::linear(0.0..10_432.0, label)), ["0", "2000", "4000", "6000", "8000", "10000", "12000"]);
        assert_eq!(ticks(&Axis::exact(0.0..10.0, label)), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(ticks(&Axis::linear(0.0..0.0, label)).first(), Some(&"0"));
        assert_eq!(ticks(&Axis::logarithmic(80.0..900.0, label)), ["50", "100", "200", "500", "1000"]);
        assert_eq!(
            ticks(&Axis::logarithmic(130.0..5e6, label)),
            ["100", "1000", "10000", "100000", "1000000", "10000000"]
        );
        assert_eq!(ticks(&Axis::logarithmic(100.0..100.0, label)), ["10", "20", "50", "100"]);
        assert_eq!(ticks(&Axis::tail(0.9995)), ["0%", "50%", "90%", "99%", "99.9%"]);
    }

    #[test]
    fn values_beyond_the_end_stay_inside() {
        let axis = Axis::logarithmic(1.0..100.0, |_| String::new());
        let places = [0.0, 10.0, 1e9].map(|value| format!("{:.3}", axis.place(value)));
        assert_eq!(places, ["0.000", "1.000", "2.000"]);
    }
}
