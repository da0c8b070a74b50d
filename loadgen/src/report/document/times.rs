//! One distribution's figures.

use serde::{Deserialize, Serialize};

use crate::record;

/// A percentile's field, its name for people, its quantile.
pub type FigureName = (&'static str, &'static str, f64);

/// The percentiles of the schema, in order.
pub const FIGURES: [FigureName; 7] = [
    ("p50", "p50", 0.5),
    ("p75", "p75", 0.75),
    ("p90", "p90", 0.9),
    ("p99", "p99", 0.99),
    ("p99_9", "p99.9", 0.999),
    ("p99_99", "p99.99", 0.9999),
    ("p99_999", "p99.999", 0.99999),
];

/// Figures in microseconds; null is withheld, for fewer than 10/(1-q) samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// How many, lower bounds among them.
    pub samples: u64,
    /// Of all; a lower bound where there are lower bounds.
    pub mean: Option<f64>,
    /// Withheld where there are lower bounds.
    pub stdev: Option<f64>,
    /// The shortest.
    pub min: Option<f64>,
    /// Quantile 0.5.
    pub p50: Option<f64>,
    /// Quantile 0.75.
    pub p75: Option<f64>,
    /// Quantile 0.9.
    pub p90: Option<f64>,
    /// Quantile 0.99.
    pub p99: Option<f64>,
    /// Quantile 0.999.
    pub p99_9: Option<f64>,
    /// Quantile 0.9999.
    pub p99_99: Option<f64>,
    /// Quantile 0.99999.
    pub p99_999: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
    /// Longer than the histogram holds, recorded as its end.
    pub clamped: u64,
    /// Those that were given up.
    pub lower_bounds: Option<Bounds>,
}

/// Times that did not end while they were waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// How many.
    pub count: u64,
    /// The shortest wait among them, microseconds: a figure from here on is a lower bound.
    pub from_us: f64,
}

/// What to print of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shown {
    /// Nothing that could be repeated.
    Withheld,
    /// Microseconds.
    Exact(f64),
    /// At least these microseconds.
    AtLeast(f64),
}

impl Times {
    /// The figures of a distribution; `None` if it is empty.
    pub fn of(times: &record::Times) -> Option<Self> {
        let all = times.histogram();
        // A histogram names a bucket by its end; of a bound, say no more than was waited for.
        let figure = |figure: record::Figure| match figure {
            record::Figure::AtLeast(ns) => Some(micros(all.lowest_equivalent(ns))),
            exact => exact.ns().map(micros),
        };
        let [p50, p75, p90, p99, p99_9, p99_99, p99_999] = FIGURES.map(|(_, _, q)| figure(times.quantile(q)));
        let from_us = times.censored_min_ns().map(|ns| micros(all.lowest_equivalent(ns)));
        let bounds = from_us.map(|from_us| Bounds { count: times.censored(), from_us });
        (!times.is_empty()).then(|| Self {
            samples: times.len(),
            mean: Some(all.mean() / 1e3),
            stdev: bounds.is_none().then(|| all.stdev() / 1e3),
            min: Some(micros(all.min())),
            p50,
            p75,
            p90,
            p99,
            p99_9,
            p99_99,
            p99_999,
            max: figure(times.max()),
            clamped: times.clamped(),
            lower_bounds: bounds,
        })
    }

    /// The percentiles in the order of [`FIGURES`].
    pub fn percentiles(&self) -> [Option<f64>; FIGURES.len()] {
        [self.p50, self.p75, self.p90, self.p99, self.p99_9, self.p99_99, self.p99_999]
    }

    /// Every figure by its field's name, the mean first and the maximum last.
    pub fn figures(&self) -> Vec<(&'static str, Shown)> {
        let mut all = vec![("mean", self.mean()), ("stdev", self.shown(self.stdev)), ("min", self.shown(self.min))];
        all.extend(FIGURES.iter().zip(self.percentiles()).map(|((name, ..), value)| (*name, self.shown(value))));
        all.push(("max", self.shown(self.max)));
        all
    }

    /// One figure of [`Self::figures`]; withheld if there is none of this name.
    pub fn figure(&self, name: &str) -> Shown {
        self.figures().into_iter().find(|(found, _)| *found == name).map_or(Shown::Withheld, |(_, shown)| shown)
    }

    /// Exact below the shortest bound, else a bound itself.
    fn shown(&self, value: Option<f64>) -> Shown {
        match (value, self.lower_bounds) {
            (None, _) => Shown::Withheld,
            (Some(us), Some(bounds)) if us >= bounds.from_us => Shown::AtLeast(us),
            (Some(us), _) => Shown::Exact(us),
        }
    }

    /// A sum with bounds in it is a bound.
    fn mean(&self) -> Shown {
        match (self.mean, self.lower_bounds) {
            (Some(us), Some(_)) => Shown::AtLeast(us),
            (mean, _) => mean.map_or(Shown::Withheld, Shown::Exact),
        }
    }
}

/// Nanoseconds as microseconds.
pub(super) fn micros(ns: u64) -> f64 {
    ns as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_exact_or_a_bound_or_withheld() {
        let mut times = record::Times::new();
        (1..=980_u64).for_each(|ms| times.record(ms * 1_000_000, 1));
        (0..20).for_each(|_| times.record_at_least(5_000_000_000));
        let figures = Times::of(&times).expect("it is not empty");
        assert!(matches!(figures.figure("p90"), Shown::Exact(us) if (us / 900_000.0 - 1.0).abs() < 1e-3));
        // Never more than was waited for.
        assert!(matches!(figures.figure("p99"), Shown::AtLeast(us) if us <= 5e6 && us > 4.995e6));
        assert!(matches!(figures.figure("max"), Shown::AtLeast(us) if us <= 5e6));
        assert!(matches!(figures.figure("mean"), Shown::AtLeast(_)));
        assert_eq!([figures.figure("stdev"), figures.figure("p99_9"), figures.figure("p12")], [Shown::Withheld; 3]);
    }

    #[test]
    fn nothing_has_no_figures() {
        assert_eq!(Times::of(&record::Times::new()), None);
    }
}
