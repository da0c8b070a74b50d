//! The command line of `slipring`, which follows `python3 -m http.server`.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;

use super::UsageError;
use super::headers;
use super::log_options::LogOptions;
use crate::handler::AddedFields;
use crate::log::Logging;
use crate::shard::ProgramLimits;

/// Serve a directory over HTTP.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "slipring",
    version,
    about = "Serve a directory over HTTP",
    after_help = "Examples:
  slipring                        serve this directory on http://127.0.0.1:8000/
  slipring 8080 -d public         serve ./public on port 8080
  slipring public                 serve ./public on port 8000
  slipring -b 0.0.0.0             serve to other machines (IPv4); -b :: for IPv6
  slipring -q                     no line per request
  slipring --access-log requests.log --log-format combined

By default only programs on this machine can connect. SIGINT (Ctrl-C) and SIGTERM finish
what was begun; a second one stops at once."
)]
pub struct Options {
    /// Port to listen on, or directory to serve [default: 8000, .]
    #[arg(value_name = "PORT|DIR")]
    target: Option<String>,

    /// Address to listen on; may be given several times [default: 127.0.0.1 and ::1]
    #[arg(short, long, value_name = "ADDR")]
    bind: Vec<String>,

    /// Directory to serve [default: the current one]
    #[arg(short, long, value_name = "DIR")]
    directory: Option<PathBuf>,

    /// HTTP version of the answers: HTTP/1.0 closes after each
    #[arg(short, long, value_name = "VERSION", default_value = "HTTP/1.1")]
    protocol: String,

    /// Run programs in /cgi-bin and /htbin
    #[arg(long)]
    cgi: bool,

    /// How many of them run at the same time; further ones wait
    #[arg(long, value_name = "N", default_value_t = 16)]
    cgi_running: usize,

    /// How many wait; further requests are answered 503
    #[arg(long, value_name = "N", default_value_t = 64)]
    cgi_queue: usize,

    /// How long one may say nothing before it is killed
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    cgi_timeout: u64,

    /// Refuse lines that are not exactly as RFC 9112 has them
    #[arg(long)]
    strict: bool,

    /// How many shards (threads with a ring each) [default: one per core]
    #[arg(long, value_name = "N")]
    shards: Option<usize>,

    /// Cores to pin the shards to, such as 0,2 or 0-3
    #[arg(long, value_name = "LIST")]
    cores: Option<String>,

    #[command(flatten)]
    logs: LogOptions,

    /// Add a field to every answer; may be given several times
    #[arg(short = 'H', long, value_name = "'NAME: VALUE'")]
    header: Vec<String>,

    /// Log peers by their names, as DNS has them, instead of their addresses
    #[arg(long)]
    resolve: bool,

    /// What the field Server says; off: there is none [default: Slipring and its version]
    #[arg(long, value_name = "NAME|off")]
    server_token: Option<String>,

    /// Not there yet
    #[arg(long, value_name = "FILE", hide = true)]
    tls_cert: Option<PathBuf>,

    /// Not there yet
    #[arg(long, value_name = "FILE", hide = true)]
    tls_key: Option<PathBuf>,

    /// Not there yet
    #[arg(long, value_name = "FILE", hide = true)]
    tls_password_file: Option<PathBuf>,
}

/// A checked command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where to listen.
    pub addresses: Vec<SocketAddr>,
    /// Where to listen too, if the machine has it.
    pub optional: Vec<SocketAddr>,
    /// What to serve.
    pub directory: PathBuf,
    /// Answer as HTTP/1.0.
    pub http10: bool,
    /// Run programs, within these limits.
    pub programs: Option<ProgramLimits>,
    /// No tolerance for lines.
    pub strict: bool,
    /// How many shards, if it was said.
    pub shards: Option<usize>,
    /// Which cores, if it was said.
    pub cores: Vec<usize>,
    /// What is logged where, and how.
    pub logging: Logging,
    /// Peers have their names in the logs.
    pub resolve: bool,
    /// What the field Server says, if it was said; empty for no field.
    pub server_token: Option<String>,
    /// What every answer says too.
    pub added: AddedFields,
}

const PORT_DEFAULT: u16 = 8000;

/// Why there are no options to go on with; what there was to say was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Help or version, because it was asked for.
    Answer,
    /// What is wrong with the flags.
    Complaint,
}

impl Options {
    /// Reads the process's command line. Help and version go to standard output, complaints to standard error.
    ///
    /// # Errors
    /// When there is nothing to go on with.
    pub fn read() -> Result<Self, Shown> {
        Self::from_words(std::env::args_os()).map_err(|error| {
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                // Nobody can be told that nobody can be told.
                let _ = error.print();
                return Shown::Answer;
            }
            let _ = writeln!(io::stderr(), "slipring: {}", one_line(&error.to_string()));
            Shown::Complaint
        })
    }

    fn from_words(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(headers::join(words))
    }

    /// Checks everything that can be checked before the start.
    ///
    /// # Errors
    /// [`UsageError`] says what to do.
    pub fn check(self) -> Result<Plan, UsageError> {
        self.refuse_tls()?;
        let added = headers::check(&self.header)?;
        let (port, positional) = self.target()?;
        let programs = self.programs();
        let directory = match (self.directory, positional) {
            (Some(one), Some(two)) => return Err(UsageError::TwoDirectories(show(&one), show(&two))),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => PathBuf::from("."),
        };
        check_directory(&directory)?;
        let http10 = match self.protocol.as_str() {
            "HTTP/1.0" => true,
            "HTTP/1.1" => false,
            number if number.parse::<u16>().is_ok() => {
                return Err(UsageError::Protocol(format!("for port {number} say: slipring {number}")));
            }
            other => return Err(UsageError::Protocol(format!("'{other}' is not served"))),
        };
        if self.shards == Some(0) {
            return Err(UsageError::Shards);
        }
        let (addresses, optional) = addresses(&self.bind, port)?;
        let cores = self.cores.as_deref().map_or(Ok(Vec::new()), parse_cores)?;
        let logging = self.logs.check()?;
        let server_token = self.server_token.map(|name| if name == "off" { String::new() } else { name });
        let (strict, shards, resolve) = (self.strict, self.shards, self.resolve);
        Ok(Plan {
            addresses,
            optional,
            directory,
            http10,
            programs,
            strict,
            shards,
            cores,
            logging,
            resolve,
            server_token,
            added,
        })
    }

    fn programs(&self) -> Option<ProgramLimits> {
        self.cgi.then(|| ProgramLimits {
            running_max: self.cgi_running.max(1),
            waiting_max: self.cgi_queue,
            silence: Duration::from_secs(self.cgi_timeout.max(1)),
        })
    }

    /// Python's flags for TLS are taken, so that nobody serves in the clear by mistake.
    fn refuse_tls(&self) -> Result<(), UsageError> {
        let flags = [
            ("--tls-cert", &self.tls_cert),
            ("--tls-key", &self.tls_key),
            ("--tls-password-file", &self.tls_password_file),
        ];
        match flags.into_iter().find(|(_, file)| file.is_some()) {
            Some((flag, _)) => Err(UsageError::Tls(flag)),
            None => Ok(()),
        }
    }

    /// A number is the port, anything else must be a directory.
    fn target(&self) -> Result<(u16, Option<PathBuf>), UsageError> {
        let Some(target) = &self.target else { return Ok((PORT_DEFAULT, None)) };
        if let Ok(port) = target.parse() {
            return Ok((port, None));
        }
        let is_number = target.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number && Path::new(target).exists() {
            return Ok((PORT_DEFAULT, Some(PathBuf::from(target))));
        }
        Err(UsageError::Target(target.clone()))
    }
}

/// A complaint of clap's as one line: what is wrong, its tip if it has one, and where the flags are.
fn one_line(complaint: &str) -> String {
    let mut lines = complaint.lines().map(str::trim);
    let wrong = lines.next().unwrap_or_default();
    let wrong = wrong.strip_prefix("error: ").unwrap_or(wrong);
    let tip = lines.find_map(|line| line.strip_prefix("tip: ")).map(|tip| format!("; {tip}")).unwrap_or_default();
    format!("{wrong}{tip}; 'slipring --help' lists the flags")
}

fn check_directory(path: &Path) -> Result<(), UsageError> {
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => UsageError::NoDirectory(show(path)),
        _ => UsageError::Unreadable(show(path), error.to_string()),
    })?;
    if !metadata.is_dir() {
        return Err(UsageError::NotADirectory(show(path)));
    }
    std::fs::read_dir(path).map(drop).map_err(|error| UsageError::Unreadable(show(path), error.to_string()))
}

type Addresses = (Vec<SocketAddr>, Vec<SocketAddr>);

/// Loopback for both families by default; a name stands for its first address, as in Python.
fn addresses(binds: &[String], port: u16) -> Result<Addresses, UsageError> {
    if binds.is_empty() {
        let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        return Ok((vec![v4], vec![SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)]));
    }
    let resolve = |name: &String| {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let found =
            (bare, port).to_socket_addrs().map_err(|error| UsageError::Address(name.clone(), error.to_string()));
        found?.next().ok_or_else(|| UsageError::Address(name.clone(), "no such address".into()))
    };
    Ok((binds.iter().map(resolve).collect::<Result<_, _>>()?, Vec::new()))
}

fn parse_cores(list: &str) -> Result<Vec<usize>, UsageError> {
    let wrong = || UsageError::Cores(list.to_owned());
    let mut cores = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) =
            (first.trim().parse().map_err(|_| wrong())?, last.trim().parse().map_err(|_| wrong())?);
        if first > last || last > 4096 {
            return Err(wrong());
        }
        cores.extend(first..=last);
    }
    Ok(cores)
}

fn show(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[&str]) -> Result<Plan, UsageError> {
        let all = std::iter::once("slipring").chain(arguments.iter().copied());
        Options::from_words(all.map(OsString::from)).expect("known flags").check()
    }

    #[test]
    fn as_python_has_it() {
        let plan_ = plan(&[]).expect("defaults");
        assert_eq!(
            (plan_.addresses[0].to_string(), plan_.optional[0].to_string()),
            ("127.0.0.1:8000".into(), "[::1]:8000".into())
        );
        let plan_ = plan(&["8080", "-b", "0.0.0.0", "-d", "/", "-p", "HTTP/1.0"]).expect("python's flags");
        assert_eq!(plan_.addresses, ["0.0.0.0:8080".parse().expect("an address")]);
        assert!(plan_.http10 && plan_.directory == Path::new("/") && plan_.optional.is_empty());
        assert_eq!(plan(&["/"]).expect("a directory").directory, Path::new("/"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (arguments, word) in [
            (&["70000"][..], "port"),
            (&["no-such-thing"], "directory"),
            (&["-d", "no-such-thing"], "no directory"),
            (&["-d", "/dev/null"], "not a directory"),
            (&["-p", "8080"], "slipring 8080"),
            (&["-p", "HTTP/2"], "not served"),
            (&["--cores", "x"], "--cores"),
            (&["--shards", "0"], "--shards"),
            (&["/", "-d", "/tmp"], "two directories"),
            (&["--tls-cert", "x.pem"], "does not speak TLS yet"),
            (&["--tls-key", "x.pem"], "--tls-key"),
            (&["-H", "X-A"], "no colon"),
            (&["-H", "X A: b"], "its name"),
            (&["--header", "X-A: b\r\nX-B: c"], "'X-A: b\\r\\nX-B: c': its value"),
            (&["-H", "X-A: b", "-H", "Content-Length: 5"], "itself"),
            (&["--log-format", "{stauts}"], "no placeholder {stauts}"),
            (&["--log-format", "clf"], "'clf' is no log format"),
        ] {
            let said = plan(arguments).expect_err(word).to_string();
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn core_lists() {
        assert_eq!(parse_cores("0,2-4"), Ok(vec![0, 2, 3, 4]));
    }
}
