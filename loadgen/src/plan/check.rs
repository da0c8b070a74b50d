//! Whether a plan can be carried out, and why not.

use thiserror::Error;

use super::{
    Arrivals, BODY_BYTES_MAX, CONNECTIONS_MAX, OWN_DESCRIPTORS, OnBusy, PIPELINE_BYTES_MAX, PIPELINE_MAX, Plan,
    REQUEST_BYTES_MAX, REQUESTS_MAX, Request, SPIN_ALWAYS, SPIN_MAX, THREADS_MAX, TemplateError,
};

/// A plan that cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// A number that must be at least one is zero.
    #[error("{what} must be at least 1")]
    Zero {
        /// Which.
        what: &'static str,
    },
    /// A number is above its limit.
    #[error("{what} is limited to {max}")]
    TooMany {
        /// Which.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// Some threads would have nothing to do.
    #[error("{threads} threads cannot share {connections} connections; give at least one connection per thread")]
    IdleThreads {
        /// As asked.
        threads: u32,
        /// As asked.
        connections: u32,
    },
    /// A rate that asks for nothing.
    #[error("{what} must be above 0")]
    ZeroRate {
        /// Which.
        what: &'static str,
    },
    /// Both a rate and stages.
    #[error("give either a rate (-R) or stages (--stage), not both")]
    TwoPaces,
    /// Something that only an open loop has.
    #[error("{what} needs an open loop; give a rate with -R or stages with --stage")]
    ClosedLoop {
        /// Which.
        what: &'static str,
    },
    /// The requests go to different places.
    #[error("every URL must name the same host and port: {first} and {other} differ")]
    Places {
        /// Of the first URL.
        first: String,
        /// Of another.
        other: String,
    },
    /// A request carries something that is no number.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Fewer connections at most than to begin with.
    #[error("--max-connections {max} is below the {connections} connections to begin with")]
    MaxConnections {
        /// As asked.
        max: u32,
        /// As asked.
        connections: u32,
    },
    /// More connections are to be opened, and nothing says how many.
    #[error("--on-busy open opens further connections: say up to how many there may be, with --max-connections")]
    NoMaxConnections,
    /// More connections may be opened, and nothing ever opens one.
    #[error("--max-connections is for --on-busy open; without it there are as many connections as -c says")]
    IdleMaxConnections,
    /// The requests of a pipeline do not fit.
    #[error(
        "a pipeline of {pipeline} requests of {request} bytes is over the {PIPELINE_BYTES_MAX} bytes of a connection"
    )]
    TooLarge {
        /// As asked.
        pipeline: u32,
        /// Bytes of one request.
        request: usize,
    },
    /// The process may not open so many descriptors.
    #[error("{needed} file descriptors are needed and `ulimit -n` allows {allowed}; raise it, or lower -c")]
    Descriptors {
        /// For the sockets and the rings.
        needed: u64,
        /// RLIMIT_NOFILE, soft.
        allowed: u64,
    },
}

impl Plan {
    /// Whether it can be carried out by a process that may open `descriptors` files.
    pub fn check(&self, descriptors: u64) -> Result<(), PlanError> {
        within("the number of connections (-c)", self.connections, CONNECTIONS_MAX)?;
        within("--max-connections", self.max_connections.unwrap_or(1), CONNECTIONS_MAX)?;
        within("the number of threads (-t)", self.threads, THREADS_MAX)?;
        within("--pipeline", self.pipeline, PIPELINE_MAX)?;
        if self.measure().is_zero() {
            return Err(PlanError::Zero { what: "the duration (-d), in nanoseconds," });
        }
        if self.spin.is_some_and(|spin| spin > SPIN_MAX && spin != SPIN_ALWAYS) {
            return Err(PlanError::TooMany { what: "--spin, in microseconds,", max: SPIN_MAX.as_micros() as u64 });
        }
        if self.requests_max == Some(0) {
            return Err(PlanError::Zero { what: "the number of requests (-n)" });
        }
        if self.threads > self.connections {
            return Err(PlanError::IdleThreads { threads: self.threads, connections: self.connections });
        }
        self.check_pace()?;
        self.check_requests()?;
        let needed = u64::from(self.connections_most()) + u64::from(self.threads) * OWN_DESCRIPTORS;
        if needed > descriptors {
            return Err(PlanError::Descriptors { needed, allowed: descriptors });
        }
        Ok(())
    }

    fn check_pace(&self) -> Result<(), PlanError> {
        if self.rate.is_some() && !self.stages.is_empty() {
            return Err(PlanError::TwoPaces);
        }
        if self.offered().is_some_and(|rate| rate <= 0.0) {
            return Err(PlanError::ZeroRate { what: "the rate (-R)" });
        }
        if self.connect_rate.is_some_and(|rate| rate <= 0.0) {
            return Err(PlanError::ZeroRate { what: "--connect-rate" });
        }
        let only_open = [
            (self.deadline.is_some(), "--deadline"),
            (self.on_busy != OnBusy::Queue, "--on-busy"),
            (self.arrivals != Arrivals::Constant, "--arrivals"),
            (self.max_connections.is_some(), "--max-connections"),
            (self.spin.is_some_and(|spin| !spin.is_zero() && spin != SPIN_ALWAYS), "--spin with a time"),
        ];
        match only_open.into_iter().find(|(given, _)| *given && !self.is_open()) {
            Some((_, what)) => Err(PlanError::ClosedLoop { what }),
            None => self.check_max_connections(),
        }
    }

    fn check_max_connections(&self) -> Result<(), PlanError> {
        match self.max_connections {
            Some(max) if max < self.connections => {
                Err(PlanError::MaxConnections { max, connections: self.connections })
            }
            Some(_) if self.on_busy != OnBusy::Open => Err(PlanError::IdleMaxConnections),
            None if self.on_busy == OnBusy::Open => Err(PlanError::NoMaxConnections),
            _ => Ok(()),
        }
    }

    fn check_requests(&self) -> Result<(), PlanError> {
        if self.requests.len() > REQUESTS_MAX {
            return Err(PlanError::TooMany { what: "the number of URLs", max: REQUESTS_MAX as u64 });
        }
        let place = |request: &Request| (request.target.host.to_ascii_lowercase(), request.target.port);
        let first = self.requests.first().ok_or(PlanError::Zero { what: "the number of URLs" })?;
        if let Some(other) = self.requests.iter().find(|other| place(other) != place(first)) {
            let (first, other) = (first.target.authority(), other.target.authority());
            return Err(PlanError::Places { first, other });
        }
        if self.requests.iter().any(|request| request.weight == 0) {
            return Err(PlanError::Zero { what: "the weight of a URL" });
        }
        self.check_bytes()
    }

    fn check_bytes(&self) -> Result<(), PlanError> {
        let mix = self.mix(0)?;
        let request = mix.len_max();
        if request > REQUEST_BYTES_MAX {
            return Err(PlanError::TooMany { what: "a request, in bytes,", max: REQUEST_BYTES_MAX as u64 });
        }
        let body = mix.requests().iter().filter_map(|request| request.body_apart()).map(|body| body.len()).max();
        if body.is_some_and(|bytes| bytes > BODY_BYTES_MAX) {
            return Err(PlanError::TooMany { what: "a body, in bytes,", max: BODY_BYTES_MAX as u64 });
        }
        if request * self.pipeline as usize > PIPELINE_BYTES_MAX {
            return Err(PlanError::TooLarge { pipeline: self.pipeline, request });
        }
        Ok(())
    }
}

fn within(what: &'static str, value: u32, max: u32) -> Result<(), PlanError> {
    match value {
        0 => Err(PlanError::Zero { what }),
        value if value > max => Err(PlanError::TooMany { what, max: u64::from(max) }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn plan(url: &str) -> Plan {
        Plan::new(url.parse().expect("a good URL"))
    }

    #[test]
    fn plans_that_cannot_be_carried_out_are_refused() {
        let good = plan("http://x/");
        assert_eq!(good.check(1024), Ok(()));
        let rows = [
            Plan { connections: 0, ..good.clone() },
            Plan { connections: CONNECTIONS_MAX + 1, ..good.clone() },
            Plan { threads: 0, ..good.clone() },
            Plan { threads: 65, ..good.clone() },
            Plan { pipeline: 0, ..good.clone() },
            Plan { pipeline: PIPELINE_MAX + 1, ..good.clone() },
            Plan { duration: Duration::ZERO, ..good.clone() },
            Plan { connections: 1020, ..good.clone() },
            Plan { requests: Vec::new(), ..good.clone() },
            Plan { requests_max: Some(0), ..good.clone() },
            Plan { rate: Some(0.0), ..good.clone() },
            Plan { connect_rate: Some(0.0), ..good.clone() },
            Plan { stages: vec!["1s@0".parse().expect("a stage")], ..good.clone() },
            Plan { rate: Some(1.0), stages: vec!["1s@1".parse().expect("a stage")], ..good.clone() },
            Plan { deadline: Some(Duration::from_secs(1)), ..good.clone() },
            Plan { on_busy: OnBusy::Drop, ..good.clone() },
            Plan { arrivals: Arrivals::Poisson, ..good.clone() },
            Plan { rate: Some(1.0), max_connections: Some(63), ..good.clone() },
            Plan { rate: Some(1.0), max_connections: Some(100), ..good.clone() },
            Plan { rate: Some(1.0), on_busy: OnBusy::Open, ..good.clone() },
            Plan { rate: Some(1.0), on_busy: OnBusy::Open, max_connections: Some(1020), ..good.clone() },
            Plan { requests: [good.requests.clone(), plan("http://y/").requests].concat(), ..good.clone() },
            plan("http://x/{rand:2-1}"),
        ];
        for row in rows {
            assert!(row.check(1024).is_err(), "{row:?}");
        }
        let mut large = Plan { pipeline: 512, ..good };
        large.requests[0].fields = vec![format!("X: {}", "y".repeat(4000)).parse().expect("a field line")];
        assert!(matches!(large.check(1024), Err(PlanError::TooLarge { .. })));
    }
}
