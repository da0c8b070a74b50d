//! The flags, and the plan that they make.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use clap::Parser;

use crate::plan::{FieldLine, Method, Plan, Request, Target, parse_duration};

const EXAMPLES: &str = "\
Examples:
  slipring-load http://127.0.0.1:8000/    64 connections, 1 thread, 10 seconds
  slipring-load -c 256 -d 30s localhost:8000/a.html    http:// may be left out
  slipring-load --pipeline 16 --json - localhost:8000    JSON on standard output
  slipring-load -H 'Accept-Encoding: gzip' -m HEAD http://127.0.0.1:8000/

A connection sends its next request when its last one is answered (a closed
loop), so the percentiles are service times: while the target stalls, no new
requests queue up behind the stall, and it is seen once per connection.

Exit status: 0 measured, 2 usage or a limit that is too low, 4 the target
never answered, 130 interrupted.";

/// Loads an HTTP/1.1 server over io_uring and says how fast it answered.
#[derive(Debug, Parser)]
#[command(name = "slipring-load", version, after_help = EXAMPLES, max_term_width = 120)]
pub(super) struct Options {
    /// http://host:port/path?query
    pub(super) url: Target,
    /// Connections, all threads together
    #[arg(short, long, value_name = "N", default_value_t = 64)]
    connections: u32,
    /// Threads, each with its own ring [default: 1 for a loopback target, else the allowed cores]
    #[arg(short, long, value_name = "N")]
    threads: Option<u32>,
    /// How long to measure: 10, 10s, 500ms, 1m
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    duration: Duration,
    /// Load before the measurement that is not recorded
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    warmup: Duration,
    /// Requests in flight on each connection
    #[arg(long, value_name = "N", default_value_t = 1)]
    pipeline: u32,
    /// A field line of every request; repeatable. A Host replaces ours
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    fields: Vec<FieldLine>,
    /// Method of every request
    #[arg(short, long, value_name = "METHOD", default_value = "GET", visible_short_alias = 'X')]
    method: Method,
    /// How long opening the connections may take
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = parse_duration)]
    connect_timeout: Duration,
    /// Pin the threads to these cores in turn: 1 or 1,3 or 2-5
    #[arg(long, value_name = "LIST", value_parser = parse_cores)]
    cores: Option<Cores>,
    /// Congestion control of our sockets, such as reno [default: the system's]
    #[arg(long, value_name = "NAME")]
    congestion: Option<String>,
    /// Report the CPU time per request of this process, with its threads and children
    #[arg(long, value_name = "PID")]
    target_pid: Option<u32>,
    /// Write JSON (schema slipring-load/1) to a file, or with - to standard output
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<String>,
    /// Accepted for wrk's sake: percentiles are always printed
    #[arg(short = 'L', long, hide = true)]
    latency: bool,
}

/// Cores by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cores(Vec<usize>);

/// The kernel's usual CPU_SETSIZE, beyond which `core_affinity` panics.
const CORES_MAX: usize = 1024;

impl Options {
    /// The plan, against a target that was found at `addresses`.
    pub(super) fn plan(&self, addresses: &[SocketAddr]) -> Plan {
        let request =
            Request { method: self.method.clone(), fields: self.fields.clone(), ..Request::new(self.url.clone()) };
        Plan {
            requests: vec![request],
            connections: self.connections,
            threads: self.threads.unwrap_or_else(|| self.default_threads(addresses)),
            pipeline: self.pipeline,
            warmup: self.warmup,
            duration: self.duration,
            connect_timeout: self.connect_timeout,
            cores: self.cores.clone().map_or_else(Vec::new, |cores| cores.0),
            congestion: self.congestion.clone(),
            target_pid: self.target_pid,
            ..Plan::new(self.url.clone())
        }
    }

    /// A local target needs the other cores itself.
    fn default_threads(&self, addresses: &[SocketAddr]) -> u32 {
        if addresses.iter().any(|address| address.ip().is_loopback()) {
            return 1;
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (cores as u32).min(self.connections).max(1)
    }
}

fn parse_cores(text: &str) -> Result<Cores, String> {
    let number = |text: &str| match text.trim().parse::<usize>() {
        Ok(core) if core < CORES_MAX => Ok(core),
        _ => Err(format!("'{text}' is not a core; write 1 or 1,3 or 2-5")),
    };
    let mut cores = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            Some((first, last)) => cores.extend(number(first)?..=number(last)?),
            None => cores.push(number(part)?),
        }
    }
    if cores.is_empty() { Err("an empty range of cores".to_owned()) } else { Ok(Cores(cores)) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_do_not_clash() {
        Options::command().debug_assert();
    }

    #[test]
    fn core_lists() {
        assert_eq!(parse_cores("1"), Ok(Cores(vec![1])));
        assert_eq!(parse_cores("0,2-4"), Ok(Cores(vec![0, 2, 3, 4])));
        for bad in ["", "a", "1,", "-1", "3-1", "0-99999"] {
            assert!(parse_cores(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn flags_become_a_plan() {
        let words =
            "slipring-load -c 8 -t 2 -d 500ms --warmup 0 --pipeline 4 -X HEAD -H Host:x --cores 1 -L [::1]:80/a";
        let options = Options::try_parse_from(words.split(' ')).expect("good flags");
        let plan = options.plan(&[]);
        assert_eq!((plan.connections, plan.threads, plan.pipeline), (8, 2, 4));
        assert_eq!((plan.duration, plan.warmup), (Duration::from_millis(500), Duration::ZERO));
        let mix = plan.mix(0).expect("a good request");
        assert_eq!(mix.only(), Some(&b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n"[..]));
        assert_eq!(plan.cores, [1]);
    }

    #[test]
    fn a_loopback_target_is_loaded_by_one_thread() {
        let options = Options::try_parse_from(["slipring-load", "localhost"]).expect("good flags");
        assert_eq!(options.plan(&["127.0.0.1:80".parse().expect("an address")]).threads, 1);
    }
}
