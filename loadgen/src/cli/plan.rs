//! From flags to a plan, and to the list of what is in force.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use std::{fs, thread};

use clap::ArgMatches;

use super::Failure;
use super::options::Options;
use crate::plan::{Arrivals, Body, Plan, Request, Target};

/// How long answers are awaited, where neither a flag nor a timeout says.
const GRACE: Duration = Duration::from_secs(5);
/// How long a number of requests may take, where neither a rate nor a duration says.
const REQUESTS_DURATION: Duration = Duration::from_hours(1);

impl Options {
    /// Where the first request goes.
    ///
    /// # Errors
    /// When only `--urls` names targets and the file cannot be used.
    pub(super) fn target(&self) -> Result<Target, Failure> {
        match &self.url {
            Some(url) => Ok(url.clone()),
            None => Ok(self.requests()?.swap_remove(0).target),
        }
    }

    /// The plan, against a target that was found at `addresses`. `given` says which flags were typed.
    ///
    /// # Errors
    /// When a file that a flag names cannot be read or used.
    pub(super) fn plan(&self, addresses: &[SocketAddr], given: &ArgMatches) -> Result<Plan, Failure> {
        let (load, connecting, machine) = (&self.load, &self.connecting, &self.machine);
        let requests = self.requests()?;
        let timeout = (!connecting.timeout.is_zero()).then_some(connecting.timeout);
        Ok(Plan {
            requests,
            unix: connecting.unix.clone(),
            connect_to: connecting.connect_to.clone().map(|place| (place.host, place.port)),
            sources: connecting.source.clone(),
            connections: load.connections,
            max_connections: load.max_connections,
            threads: load.threads.unwrap_or_else(|| self.default_threads(addresses)),
            pipeline: connecting.pipeline,
            keep_alive: !connecting.no_keepalive,
            requests_per_connection: connecting.requests_per_connection.unwrap_or(0),
            rate: load.rate,
            stages: load.stage.clone(),
            arrivals: load.arrivals,
            on_busy: load.on_busy,
            timeout,
            deadline: load.deadline,
            warmup: load.warmup,
            duration: self.duration(was_given(given, "duration")),
            requests_max: load.requests,
            grace: load.grace.or(timeout).unwrap_or(GRACE),
            connect_timeout: connecting.connect_timeout,
            connect_rate: connecting.connect_rate,
            check: self.requests.check,
            seed: load.seed.unwrap_or_else(super::seed),
            cores: machine.cores.clone().map_or_else(Vec::new, |cores| cores.0),
            congestion: machine.congestion.clone(),
            spin: machine.spin,
            target_pid: self.judging.target_pid,
            target_cgroup: self.judging.target_cgroup.clone(),
        })
    }

    fn requests(&self) -> Result<Vec<Request>, Failure> {
        let base = self.url.clone().map(|url| self.request(url)).transpose()?;
        let Some(path) = &self.requests.urls else {
            return Ok(vec![base.expect("the command line wants a URL or a file of them")]);
        };
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        // Without a URL beside the file, its first one is what the others are read by.
        let base = match base {
            Some(base) => base,
            None => {
                self.request(first_url(&text).ok_or_else(|| unusable(path, "no line names a host; give a URL, too"))?)?
            }
        };
        base.read_urls(&text).map_err(|error| unusable(path, &error.to_string()))
    }

    fn request(&self, target: Target) -> Result<Request, Failure> {
        let asked = &self.requests;
        let body = match (&asked.body, &asked.body_file) {
            (Some(text), _) => Body::Text(text.clone()),
            (None, Some(path)) => Body::Bytes(read(path)?.into()),
            (None, None) => Body::None,
        };
        Ok(Request { method: asked.method.clone(), fields: asked.fields.clone(), body, ..Request::new(target) })
    }

    /// A number of requests alone ends when they are done: as long as the rate needs for them, or an hour. Random arrivals
    /// may take longer; that so many do not come in the time of 20 deviations more does not happen.
    fn duration(&self, was_given: bool) -> Duration {
        let mut requests = match self.load.requests {
            Some(requests) if !was_given => requests as f64,
            _ => return self.load.duration,
        };
        if self.load.arrivals == Arrivals::Poisson {
            requests += 20.0 * requests.sqrt() + 20.0;
        }
        match self.load.rate {
            None => REQUESTS_DURATION,
            Some(rate) if rate > 0.0 => {
                Duration::try_from_secs_f64((requests / rate).min(7.0 * 86_400.0)).unwrap_or(REQUESTS_DURATION)
            }
            Some(_) => self.load.duration,
        }
    }

    /// A target on this machine needs the other cores itself.
    fn default_threads(&self, addresses: &[SocketAddr]) -> u32 {
        if self.connecting.unix.is_some() || addresses.iter().any(|address| address.ip().is_loopback()) {
            return 1;
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (cores as u32).min(self.load.connections).max(1)
    }
}

/// Every flag in force that the record names nowhere else, as typed or by default, in the order of the help.
pub(super) fn in_force(command: &clap::Command, given: &ArgMatches) -> Vec<(String, String)> {
    let named = command.get_arguments().filter(|argument| argument.get_long().is_some());
    let values = named.filter_map(|argument| {
        let id = argument.get_id().as_str();
        let raw = given.try_get_raw(id).ok().flatten()?;
        let value: Vec<_> = raw.map(|value| value.to_string_lossy()).collect();
        // A switch that is off is not in force.
        (value != ["false"]).then(|| (argument.get_long().unwrap_or(id).to_owned(), value.join(" ")))
    });
    values.collect()
}

pub(super) fn was_given(given: &ArgMatches, id: &str) -> bool {
    given.value_source(id) == Some(clap::parser::ValueSource::CommandLine)
}

fn first_url(text: &str) -> Option<Target> {
    let words = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_whitespace().last());
    words.filter(|word| !word.starts_with('/')).find_map(|word| word.parse().ok())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| unusable(path, &error.to_string()))
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::usage(format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests;
