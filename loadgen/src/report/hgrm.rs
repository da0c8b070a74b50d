//! HdrHistogram's percentile text format, in milliseconds, as its plotter reads it.

use std::fmt::{self, Write as _};

use hdrhistogram::Histogram;

/// Lines for each halving of the distance to 100%.
const TICKS_PER_HALF_DISTANCE: u32 = 5;
const NS_PER_MS: f64 = 1e6;

/// The distribution, lower bounds standing in it like times.
pub(super) fn hgrm(times: &Histogram<u64>) -> String {
    let mut out = String::new();
    write(times, &mut out).expect("a String takes everything");
    out
}

fn write(times: &Histogram<u64>, out: &mut String) -> fmt::Result {
    writeln!(out, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
    let mut total = 0;
    for step in times.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / NS_PER_MS, step.quantile_iterated_to());
        write!(out, "{value:12.3} {quantile:2.12} {total:10}")?;
        // The last line is 100%, of which there is no such distance.
        if quantile < 1.0 {
            write!(out, " {:14.2}", 1.0 / (1.0 - quantile))?;
        }
        writeln!(out)?;
    }
    let (mean, stdev) = (times.mean() / NS_PER_MS, times.stdev() / NS_PER_MS);
    writeln!(out, "#[Mean    = {mean:12.3}, StdDeviation   = {stdev:12.3}]")?;
    writeln!(out, "#[Max     = {:12.3}, Total count    = {:12}]", times.max() as f64 / NS_PER_MS, times.len())?;
    let subs = 2 * 10_u64.pow(u32::from(times.sigfig()));
    writeln!(out, "#[Buckets = {:12}, SubBuckets     = {:12}]", times.buckets(), subs.next_power_of_two())
}
