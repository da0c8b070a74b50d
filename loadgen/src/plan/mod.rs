//! What a run is to do, as plain values: no clock, no socket, no thread.

mod duration;
mod field;
mod url;

pub use duration::{DurationError, parse_duration};
pub use field::{FieldError, FieldLine, Method, MethodError};
pub use url::{Target, UrlError};

use std::time::Duration;

use thiserror::Error;

/// Requests in flight on one connection at most; the histogram of a deeper pipeline would show its own queue.
pub const PIPELINE_MAX: u32 = 1024;
/// Bytes of one request at most.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Bytes that a whole pipeline of requests may take, per connection.
pub const PIPELINE_BYTES_MAX: usize = 1 << 20;
/// Connections of a run at most.
pub const CONNECTIONS_MAX: u32 = 60_000;
/// Threads of a run at most.
pub const THREADS_MAX: u32 = 1024;

/// Descriptors that a thread needs besides its connections: ring, wake-up, a file of `/proc` at a time.
const OWN_DESCRIPTORS: u64 = 8;

/// A closed-loop run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where to.
    pub target: Target,
    /// Of every request.
    pub method: Method,
    /// Field lines given by the user, in their order; a `Host` among them replaces ours.
    pub fields: Vec<FieldLine>,
    /// Connections of all threads together.
    pub connections: u32,
    /// Threads, each with its own ring and its share of the connections.
    pub threads: u32,
    /// Requests in flight on a connection.
    pub pipeline: u32,
    /// Load before the measurement, not recorded.
    pub warmup: Duration,
    /// Load that is measured.
    pub duration: Duration,
    /// How long opening the connections may take before the run starts with those that are open.
    pub connect_timeout: Duration,
    /// How long answers are awaited at the end.
    pub grace: Duration,
    /// Core of each thread, in turn; empty leaves the threads where the kernel puts them.
    pub cores: Vec<usize>,
    /// Congestion control of our sockets; the system's own if `None`.
    pub congestion: Option<String>,
    /// A process whose CPU time, with its threads and children, is divided by the answered requests.
    pub target_pid: Option<u32>,
}

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
    /// A plan with the defaults of the command line.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            method: Method::default(),
            fields: Vec::new(),
            connections: 64,
            threads: 1,
            pipeline: 1,
            warmup: Duration::from_secs(1),
            duration: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            grace: Duration::from_secs(1),
            cores: Vec::new(),
            congestion: None,
            target_pid: None,
        }
    }

    /// Whether it can be carried out by a process that may open `descriptors` files.
    pub fn check(&self, descriptors: u64) -> Result<(), PlanError> {
        within("the number of connections (-c)", self.connections, CONNECTIONS_MAX)?;
        within("the number of threads (-t)", self.threads, THREADS_MAX)?;
        within("--pipeline", self.pipeline, PIPELINE_MAX)?;
        if self.duration.is_zero() {
            return Err(PlanError::Zero { what: "the duration (-d), in nanoseconds," });
        }
        if self.threads > self.connections {
            return Err(PlanError::IdleThreads { threads: self.threads, connections: self.connections });
        }
        self.check_bytes()?;
        let needed = u64::from(self.connections) + u64::from(self.threads) * OWN_DESCRIPTORS;
        if needed > descriptors {
            return Err(PlanError::Descriptors { needed, allowed: descriptors });
        }
        Ok(())
    }

    fn check_bytes(&self) -> Result<(), PlanError> {
        let request = self.request().len();
        if request > REQUEST_BYTES_MAX {
            return Err(PlanError::TooMany { what: "a request, in bytes,", max: REQUEST_BYTES_MAX as u64 });
        }
        if request * self.pipeline as usize > PIPELINE_BYTES_MAX {
            return Err(PlanError::TooLarge { pipeline: self.pipeline, request });
        }
        Ok(())
    }

    /// The bytes of one request: nothing but the request line, `Host` and what the user gave.
    pub fn request(&self) -> Vec<u8> {
        let has_host = self.fields.iter().any(|field| field.is_named("Host"));
        let host = (!has_host).then(|| format!("Host: {}", self.target.authority()));
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, self.target.path)];
        lines.extend(host);
        lines.extend(self.fields.iter().map(FieldLine::to_string));
        (lines.join("\r\n") + "\r\n\r\n").into_bytes()
    }

    /// How many of the connections belong to thread `index`.
    pub fn share(&self, index: u32) -> u32 {
        self.connections / self.threads + u32::from(index < self.connections % self.threads)
    }

    /// The core of thread `index`.
    pub fn core(&self, index: u32) -> Option<usize> {
        self.cores.get(index as usize % self.cores.len().max(1)).copied()
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
    use super::*;

    fn plan(url: &str) -> Plan {
        Plan::new(url.parse().expect("a good URL"))
    }

    #[test]
    fn a_request_is_the_least_that_http_allows() {
        let request = plan("http://127.0.0.1:8000/a?b=c").request();
        assert_eq!(request, b"GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n");
    }

    #[test]
    fn a_host_of_the_user_replaces_ours_and_keeps_its_place() {
        let mut plan = plan("http://127.0.0.1:8000/");
        plan.method = "HEAD".parse().expect("a token");
        plan.fields = ["Accept: */*", "host:bench"].map(|text| text.parse().expect("a field line")).to_vec();
        assert_eq!(plan.request(), b"HEAD / HTTP/1.1\r\nAccept: */*\r\nhost: bench\r\n\r\n");
    }

    #[test]
    fn shares_add_up_and_differ_by_at_most_one() {
        for (connections, threads) in [(64, 1), (64, 3), (7, 7), (1000, 17)] {
            let plan = Plan { connections, threads, ..plan("http://x/") };
            let shares: Vec<u32> = (0..threads).map(|index| plan.share(index)).collect();
            assert_eq!(shares.iter().sum::<u32>(), connections);
            assert!(shares.iter().max().expect("some") - shares.iter().min().expect("some") <= 1);
        }
    }

    #[test]
    fn cores_go_round() {
        let plan = Plan { cores: vec![4, 6], ..plan("http://x/") };
        assert_eq!([0, 1, 2].map(|index| plan.core(index)), [Some(4), Some(6), Some(4)]);
        assert_eq!(self::plan("http://x/").core(3), None);
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
        ];
        for row in rows {
            assert!(row.check(1024).is_err(), "{row:?}");
        }
        let mut large = Plan { pipeline: 512, ..good };
        large.fields = vec![format!("X: {}", "y".repeat(4000)).parse().expect("a field line")];
        assert!(matches!(large.check(1024), Err(PlanError::TooLarge { .. })));
    }
}
