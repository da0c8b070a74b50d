//! The requests of a plan, by weight.

use super::template::Values;
use super::{Plan, Prepared, TemplateError};

/// The prepared requests of one thread and the draw between them.
#[derive(Clone, Debug)]
pub struct Mix {
    requests: Box<[Prepared]>,
    /// Behind the share of each in `0..total`.
    bounds: Box<[u64]>,
    values: Values,
}

impl Plan {
    /// The requests of a thread, ready to be written.
    ///
    /// # Errors
    /// [`TemplateError`] when one carries something that is no number; [`Plan::check`] says so before.
    pub fn mix(&self, thread: u32) -> Result<Mix, TemplateError> {
        let requests: Result<Box<[Prepared]>, _> =
            self.requests.iter().map(|request| request.prepare(self.keep_alive)).collect();
        let mut total = 0;
        let bounds = self.requests.iter().map(|request| {
            total += u64::from(request.weight);
            total
        });
        let bounds = bounds.collect();
        Ok(Mix { requests: requests?, bounds, values: Values::new(self.seed, thread, self.threads) })
    }
}

impl Mix {
    /// Which request is next.
    #[inline]
    pub fn pick(&mut self) -> usize {
        match &*self.bounds {
            [] | [_] => 0,
            bounds => {
                let drawn = self.values.below(bounds[bounds.len() - 1]);
                bounds.partition_point(|&bound| bound <= drawn)
            }
        }
    }

    /// Writes request `kind` with fresh numbers to the start of `out`; how many bytes it is.
    #[inline]
    pub fn write(&mut self, kind: usize, out: &mut [u8]) -> usize {
        self.requests[kind].write(&mut self.values, out)
    }

    /// All of them, in the plan's order.
    pub fn requests(&self) -> &[Prepared] {
        &self.requests
    }

    /// The bytes of every request, if there is one kind and it never changes.
    pub fn only(&self) -> Option<&[u8]> {
        match &*self.requests {
            [only] if only.body_apart().is_none() => only.fixed(),
            _ => None,
        }
    }

    /// Bytes of the longest request that is written, bodies apart not counted.
    pub fn len_max(&self) -> usize {
        self.requests.iter().map(Prepared::len_max).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Request;

    #[test]
    fn weights_are_shares() {
        let base = Request::new("http://x/".parse().expect("a URL"));
        let requests = base.read_urls("1 /a\n3 /b\n6 /c\n").expect("good lines");
        let plan = Plan { requests, ..Plan::new(base.target) };
        let mut mix = plan.mix(0).expect("good requests");
        let mut counts = [0_u32; 3];
        (0..10_000).for_each(|_| counts[mix.pick()] += 1);
        // Standard deviations 30, 46, 49.
        for (count, expected) in counts.into_iter().zip([1_000, 3_000, 6_000]) {
            assert!(count.abs_diff(expected) < 250, "{counts:?}");
        }
        assert!(mix.only().is_none());
        assert!(Plan::new(plan.requests[0].target.clone()).mix(0).is_ok_and(|mix| mix.only().is_some()));
    }
}
