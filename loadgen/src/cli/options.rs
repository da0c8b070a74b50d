//! The flags of a run, in wrk2's letters where wrk2 has one.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use super::start_at::StartAt;
use super::stored::{Again, Merge};
use super::values::{Cores, Place, parse_method, parse_spin, parse_threads, parse_url};
use crate::judge::Threshold;
use crate::plan::{Arrivals, Check, FieldLine, Method, OnBusy, Stage, Target, parse_duration, parse_rate};

const ABOUT: &str = "Loads an HTTP/1.1 server and says how fast it answered, and whether that can be believed.";

const EXAMPLES: &str = "\
Examples:
  How fast is it?  64 connections, as fast as it answers (a closed loop):
    slipring-load localhost:8000
  How long do users wait at 2,000 requests a second (an open loop)?
    slipring-load -R 2000 -d 30s localhost:8000/index.html
  In CI: fail when 1% wait longer than 5 ms, and write a summary:
    slipring-load -R 500 --fail-if 'p99>5ms' --summary-md summary.md localhost:8000
  A day in two minutes: a ramp, then a plateau, arrivals at random:
    slipring-load --stage 60s@100..2000 --stage 60s@2000 --arrivals poisson localhost:8000
  Posts with numbered bodies, a new connection for each:
    slipring-load -m POST --body '{\"id\":{seq}}' --no-keepalive localhost:8000/items
  Everything in one folder, drawn again later:
    slipring-load -R 2000 --out run1 localhost:8000 && slipring-load report run1

A closed loop sends a connection's next request when its last one is answered: its
percentiles are service times, and while the target stalls, the load stalls with it. An
open loop (-R, --stage) sends by the clock whatever the target does, and counts from the
intended time: that is what users see.

Times: 10, 10s, 500ms, 250us, 1m, 1h; a bare number is seconds.
Metrics of --fail-if and --slo: p50 to p99.999, mean, min, max, stdev, as they are or of
one part (service.p99, response.p99, first_byte.p99, connect.p99, lag.p99), error_rate
(in %), errors, rate, target_cpu, machine_cpu, generator_cpu (in us a request).

Exit status: 0 measured, and every threshold holds; 1 a threshold does not hold; 2 wrong
words, or limits too low; 3 the run is invalid (with --strict: or suspect); 4 the target
never answered; 130, 143 interrupted, the report is written all the same.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "slipring-load",
    version,
    about = ABOUT,
    after_help = EXAMPLES,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    subcommand_help_heading = "Other commands",
    override_usage = "slipring-load [FLAGS] URL\n       slipring-load COMMAND"
)]
pub(super) struct Words {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) run: Options,
}

/// What is not a run. A host of such a name is `http://report`.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Which of two servers needs less CPU, and which answers sooner?
    Compare,
    /// Up to which rate does a server meet an objective?
    Sweep,
    /// Draw a run, a comparison or a sweep again that --out kept
    Report(Again),
    /// Several runs that --out kept as one: runs of several machines that began together
    Merge(Merge),
    /// Print a script that completes these words, for a shell to read
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// A run.
#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// Where to: http://host:port/path?query; http:// may be left out. {seq} and {rand:A-B} are numbers
    #[arg(value_name = "URL", required_unless_present = "urls", value_parser = parse_url)]
    pub(super) url: Option<Target>,
    #[command(flatten)]
    pub(super) load: Load,
    #[command(flatten)]
    pub(super) requests: Requests,
    #[command(flatten)]
    pub(super) connecting: Connecting,
    #[command(flatten)]
    pub(super) judging: Judging,
    #[command(flatten)]
    pub(super) reports: Reports,
    #[command(flatten)]
    pub(super) machine: Machine,
}

/// How much, and for how long.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Load")]
pub(super) struct Load {
    /// Connections, all threads together
    #[arg(short, long, value_name = "N", default_value_t = 64)]
    pub(super) connections: u32,
    /// Threads, each with its own ring [default: 1 for a target on this machine, else the allowed cores]
    #[arg(short, long, value_name = "N", value_parser = parse_threads)]
    pub(super) threads: Option<u32>,
    /// How long to measure
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    pub(super) duration: Duration,
    /// Requests to measure; with -d, whichever ends first
    #[arg(short = 'n', long, value_name = "N")]
    pub(super) requests: Option<u64>,
    /// Requests a second, all threads together: an open loop
    #[arg(short = 'R', long, value_name = "RATE", value_parser = parse_rate)]
    pub(super) rate: Option<f64>,
    /// A stage of an open loop, 30s@5000, or a ramp, 30s@1000..5000; repeatable, instead of -R and -d
    #[arg(long, value_name = "STAGE")]
    pub(super) stage: Vec<Stage>,
    /// How intended times are spread: constant or poisson
    #[arg(long, value_name = "HOW", default_value = "constant", hide_default_value = true)]
    pub(super) arrivals: Arrivals,
    /// A request that is due while every connection is busy: queue, open another connection, or drop [default: queue]
    #[arg(long, value_name = "WHAT", default_value = "queue", hide_default_value = true)]
    pub(super) on_busy: OnBusy,
    /// Connections that --on-busy open may reach
    #[arg(long, value_name = "N")]
    pub(super) max_connections: Option<u32>,
    /// From the intended time: a request that is not sent by then is given up and counted
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(super) deadline: Option<Duration>,
    /// How long answers are awaited when the measurement is over [default: the timeout]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(super) grace: Option<Duration>,
    /// Load before the measurement that is not recorded
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    pub(super) warmup: Duration,
    /// Of everything random [default: drawn; printed and stored]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Begin at a clock time (UTC), together with others: 2026-01-31T12:00:00Z, 12:00:00, @1769860800
    #[arg(long, value_name = "TIME")]
    pub(super) start_at: Option<StartAt>,
}

/// What is asked.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Requests")]
pub(super) struct Requests {
    /// A field line of every request; repeatable. A Host replaces ours
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(super) fields: Vec<FieldLine>,
    /// Method of every request
    #[arg(short, long, value_name = "METHOD", default_value = "GET", visible_short_alias = 'X', value_parser = parse_method)]
    pub(super) method: Method,
    /// Body of every request; {seq} and {rand:A-B} in it are numbers
    #[arg(long, value_name = "TEXT", conflicts_with = "body_file")]
    pub(super) body: Option<String>,
    /// Body of every request, from a file, as it is
    #[arg(long, value_name = "FILE")]
    pub(super) body_file: Option<PathBuf>,
    /// Several requests, one a line: [WEIGHT] [METHOD] URL, or a path of the URL
    #[arg(long, value_name = "FILE")]
    pub(super) urls: Option<PathBuf>,
    /// Compare answers with the first: all, sampled, or status=200,length=1024,hash=HEX
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "sampled")]
    pub(super) check: Option<Check>,
}

/// How connections are made and used.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connections")]
pub(super) struct Connecting {
    /// Requests in flight on each connection
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) pipeline: u32,
    /// A new connection for each request
    #[arg(long)]
    pub(super) no_keepalive: bool,
    /// Requests after which a connection is opened anew
    #[arg(long, value_name = "N")]
    pub(super) requests_per_connection: Option<u32>,
    /// From the actual send to the last byte: beyond it the request fails and its connection is closed; 0 is never
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    pub(super) timeout: Duration,
    /// How long opening a connection may take
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = parse_duration)]
    pub(super) connect_timeout: Duration,
    /// Connections opened a second before the load [default: all at once]
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(super) connect_rate: Option<f64>,
    /// Local addresses of the connections, in turn; repeatable, or 10.0.0.1,10.0.0.2
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub(super) source: Vec<IpAddr>,
    /// Dial this Unix socket; the URL still names the host
    #[arg(long, value_name = "PATH", conflicts_with_all = ["connect_to", "source"])]
    pub(super) unix: Option<PathBuf>,
    /// Dial this host and port; the URL still names the host
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) connect_to: Option<Place>,
}

/// What is made of it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Judging")]
pub(super) struct Judging {
    /// Exit with 1 if this holds, such as 'p99>5ms' or 'error_rate>0.1%'; repeatable
    #[arg(long, value_name = "EXPR", value_parser = Threshold::fail_if)]
    pub(super) fail_if: Vec<Threshold>,
    /// Exit with 1 unless this holds, such as 'p99<5ms'; repeatable; needs an open loop
    #[arg(long, value_name = "EXPR", value_parser = Threshold::slo)]
    pub(super) slo: Vec<Threshold>,
    /// Exit with 3 on a suspect run, not only on an invalid one
    #[arg(long)]
    pub(super) strict: bool,
    /// The target's process: its CPU time is read with that of its threads and children [default: who listens]
    #[arg(long, value_name = "PID", conflicts_with = "target_cgroup")]
    pub(super) target_pid: Option<u32>,
    /// The target's control group, such as /system.slice/nginx.service: nothing that ran in it is missed
    #[arg(long, value_name = "GROUP")]
    pub(super) target_cgroup: Option<String>,
}

/// Where it is written. A file named `-` is standard output; the text then goes to standard error.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Reports (a file named - is standard output)")]
pub(super) struct Reports {
    /// All figures as JSON, schema slipring-load/1
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// All figures as CSV
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
    /// Percentiles for HdrHistogram's plotter
    #[arg(long, value_name = "FILE")]
    pub(super) hgrm: Option<PathBuf>,
    /// Every distribution as an HDR log (V2)
    #[arg(long, value_name = "FILE")]
    pub(super) hdr_log: Option<PathBuf>,
    /// One page that stands alone, with plots
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// A summary in Markdown, added to the file: $GITHUB_STEP_SUMMARY
    #[arg(long, value_name = "FILE")]
    pub(super) summary_md: Option<PathBuf>,
    /// All of these in a directory, for `report` and `merge`
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// No progress line; and no text where standard output carries something else
    #[arg(long)]
    pub(super) quiet: bool,
    /// Colours in the text: auto, always, never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_default_value = true, hide_possible_values = true)]
    pub(super) color: Color,
    /// Accepted for wrk's sake: percentiles are always printed
    #[arg(short = 'L', long, hide = true, action = ArgAction::SetTrue)]
    latency: bool,
}

/// Where it runs.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Machine")]
pub(super) struct Machine {
    /// Pin the threads to these cores in turn: 1 or 1,3 or 2-5
    #[arg(long, value_name = "LIST")]
    pub(super) cores: Option<Cores>,
    /// Congestion control of our sockets, such as reno [default: the system's]
    #[arg(long, value_name = "NAME")]
    pub(super) congestion: Option<String>,
    /// With a rate: wake so much earlier than a request is due, at most, and look for the rest, which keeps the schedule to
    /// microseconds; 0 only sleeps. With or without one, always never sleeps, and no waking of ours is part of any time
    /// [default: with a rate 50us, if the threads have cores of their own, else 0]
    #[arg(long, value_name = "TIME|always", value_parser = parse_spin)]
    pub(super) spin: Option<Duration>,
}

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}
