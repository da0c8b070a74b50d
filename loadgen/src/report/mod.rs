//! A record for people and for programs. Knows records only.

mod json;
mod text;

pub use json::json;
pub use text::text;

use hdrhistogram::Histogram;

/// Samples above a quantile that make it trustworthy; with fewer it is withheld.
const TAIL_SAMPLES_MIN: f64 = 10.0;

/// The value at a quantile in microseconds; `None` with fewer than 10/(1-q) samples.
fn quantile_us(times: &Histogram<u64>, quantile: f64) -> Option<f64> {
    let enough = times.len() as f64 * (1.0 - quantile) >= TAIL_SAMPLES_MIN;
    enough.then(|| us(times.value_at_quantile(quantile)))
}

fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}
