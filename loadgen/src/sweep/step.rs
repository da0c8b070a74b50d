//! One step, and the points of the curve that steps make.

use crate::record::Judgement;

/// Share of the due requests that must be answered without an error for a step to meet any objective: a target that
/// answers 503 quickly has not kept up.
pub const SERVED_MIN: f64 = 0.99;

/// What a step says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Valid, and every objective held.
    Met,
    /// Valid, and an objective did not hold, or too little was served.
    Failed,
    /// The generator could not offer this rate: it says nothing about the target.
    GeneratorShort,
    /// The machine was disturbed: it says nothing at all.
    Disturbed,
}

/// One rate held for a few seconds.
#[derive(Clone, Debug)]
pub struct Step {
    /// Requests a second offered.
    pub rate: f64,
    /// Requests a second completed.
    pub achieved: f64,
    /// What it says.
    pub outcome: Outcome,
    /// The figure of the curve; `None` if it was withheld.
    pub value: Option<f64>,
    /// The figure is this or more.
    pub is_bound: bool,
    /// The lowest and highest of the figure over the intervals of the step that have enough samples, and `value`.
    pub range: Option<(f64, f64)>,
    /// Requests due.
    pub due: u64,
    /// Answers with a status below 400.
    pub ok: u64,
    /// What the run says of itself.
    pub judgement: Judgement,
}

/// What all judged steps of one rate say.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Requests a second offered.
    pub rate: f64,
    /// Judged steps.
    pub steps: u32,
    /// Those of them that met the objectives.
    pub met: u32,
    /// Median of their figures.
    pub value: f64,
    /// Lowest of their ranges.
    pub low: f64,
    /// Highest of their ranges.
    pub high: f64,
    /// Some of the figures are lower bounds: the true value may be higher.
    pub is_bound: bool,
}

/// The judged steps that have a figure, by rate.
pub fn points(steps: &[Step]) -> Vec<Point> {
    let mut judged: Vec<&Step> = steps.iter().filter(|step| step.outcome.is_judged() && step.value.is_some()).collect();
    judged.sort_by(|left, right| left.rate.total_cmp(&right.rate));
    judged.chunk_by(|left, right| left.rate.to_bits() == right.rate.to_bits()).filter_map(point).collect()
}

fn point(steps: &[&Step]) -> Option<Point> {
    let mut values: Vec<f64> = steps.iter().filter_map(|step| step.value).collect();
    values.sort_by(f64::total_cmp);
    let ranges = || steps.iter().filter_map(|step| step.range);
    let (first, last) = (*values.first()?, *values.last()?);
    Some(Point {
        rate: steps.first()?.rate,
        steps: steps.len() as u32,
        met: steps.iter().filter(|step| step.outcome == Outcome::Met).count() as u32,
        value: f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2]),
        low: ranges().fold(first, |low, range| low.min(range.0)),
        high: ranges().fold(last, |high, range| high.max(range.1)),
        is_bound: steps.iter().any(|step| step.is_bound),
    })
}

impl Outcome {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Met, Self::Failed, Self::GeneratorShort, Self::Disturbed];

    /// Whether it says something about the target.
    pub const fn is_judged(self) -> bool {
        matches!(self, Self::Met | Self::Failed)
    }

    /// Its name in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Failed => "failed",
            Self::GeneratorShort => "generator_short",
            Self::Disturbed => "disturbed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(rate: f64, outcome: Outcome, value: f64, range: (f64, f64)) -> Step {
        Step {
            rate,
            achieved: rate,
            outcome,
            value: Some(value),
            is_bound: false,
            range: Some(range),
            due: 100,
            ok: 100,
            judgement: Judgement::default(),
        }
    }

    #[test]
    fn repeats_of_a_rate_are_one_point() {
        let steps = [
            step(2000.0, Outcome::Met, 5.0, (4.0, 6.0)),
            step(1000.0, Outcome::Met, 2.0, (1.0, 3.0)),
            step(2000.0, Outcome::Failed, 9.0, (8.0, 10.0)),
            step(2000.0, Outcome::Disturbed, 90.0, (80.0, 100.0)),
            step(2000.0, Outcome::Met, 4.0, (3.5, 4.5)),
        ];
        let points = points(&steps);
        assert_eq!(points.len(), 2);
        assert_eq!((points[0].rate, points[0].steps, points[0].value), (1000.0, 1, 2.0));
        let second = &points[1];
        assert_eq!((second.steps, second.met, second.value), (3, 2, 5.0));
        assert_eq!((second.low, second.high), (3.5, 10.0));
    }
}
