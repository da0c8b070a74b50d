//! Values of flags that only the command line knows, and those whose form is another tool's habit.

use std::str::FromStr;
use std::time::Duration;

use crate::plan::{Method, SPIN_ALWAYS, Target, parse_duration};

/// The kernel's usual CPU_SETSIZE, beyond which `core_affinity` panics.
const CORES_MAX: usize = 1024;

/// Cores by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cores(pub(super) Vec<usize>);

/// A host and a port to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
}

impl FromStr for Cores {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
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
        if cores.is_empty() { Err("an empty range of cores".to_owned()) } else { Ok(Self(cores)) }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080".to_owned();
        let (_, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
        // A host is a host and a port a port as in a URL.
        let target = text.parse::<Target>().ok().filter(|target| is_port && target.path == "/").ok_or_else(wrong)?;
        Ok(Self { host: target.host, port: target.port })
    }
}

/// A URL; a bare number is the port of a server's command line, and no host.
pub(super) fn parse_url(text: &str) -> Result<Target, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("'{text}' names no host; a port stands behind one: localhost:{text}"));
    }
    text.parse::<Target>().map_err(|error| error.to_string())
}

/// A method; a number is h2load's `-m`.
pub(super) fn parse_method(text: &str) -> Result<Method, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("this is the method, such as POST; requests in flight on a connection are --pipeline N".to_owned());
    }
    text.parse::<Method>().map_err(|error| error.to_string())
}

/// A number of threads; a time is hey's and curl's `-t`.
pub(super) fn parse_threads(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "this is a number of threads, as in wrk".to_owned())
}

/// How early waits end: a time, or `always` for threads that never sleep.
pub(super) fn parse_spin(text: &str) -> Result<Duration, String> {
    match text {
        "always" => Ok(SPIN_ALWAYS),
        time => parse_duration(time).map_err(|_| "write a time such as 50us, or always".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_lists() {
        assert_eq!("1".parse(), Ok(Cores(vec![1])));
        assert_eq!("0,2-4".parse(), Ok(Cores(vec![0, 2, 3, 4])));
        for bad in ["", "a", "1,", "-1", "3-1", "0-99999"] {
            assert!(bad.parse::<Cores>().is_err(), "{bad}");
        }
    }

    #[test]
    fn places() {
        let place = |host: &str, port| Ok(Place { host: host.to_owned(), port });
        assert_eq!("127.0.0.1:80".parse(), place("127.0.0.1", 80));
        assert_eq!("[::1]:8080".parse(), place("::1", 8080));
        for bad in ["", "host", "host:", "host:0", "host:x", "host:80/path", ":80", "::1"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }

    #[test]
    fn spins() {
        assert_eq!(parse_spin("50us"), Ok(Duration::from_micros(50)));
        assert_eq!(parse_spin("always"), Ok(SPIN_ALWAYS));
        assert!(parse_spin("ever").is_err_and(|error| error.contains("always")));
    }
}
