//! The flags of the logs.

use clap::{Args, ValueEnum};

use crate::log::{Client, Format, FormatError, LogTarget, Logging, Overflow};

/// What is logged where, and how.
#[derive(Args, Clone, Debug)]
pub(super) struct LogOptions {
    /// Where a line per request goes: a file, - for standard output, off for nowhere [default: standard error]
    #[arg(long, value_name = "FILE|-|off")]
    access_log: Option<String>,

    /// Where messages and errors go: as above [default: standard error]
    #[arg(long, value_name = "FILE|-|off")]
    error_log: Option<String>,

    /// python, common, combined, json, or a template such as '{client} {status} {us}' [default: python]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,

    /// What to do when the access log does not take lines as fast as they come: drop and count them, or let requests wait
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OverflowName::Drop)]
    log_overflow: OverflowName,

    /// Whether the access log shows queries
    #[arg(long, value_name = "on|off", value_enum, default_value_t = Switch::On)]
    log_query: Switch,

    /// How much of a client's address the logs show
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = ClientName::Full)]
    log_client: ClientName,

    /// No line per request; errors are still logged
    #[arg(short, long)]
    quiet: bool,

    /// Also log connections that end early or run into a timeout
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OverflowName {
    Drop,
    Wait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ClientName {
    Full,
    Prefix,
    Off,
}

impl LogOptions {
    /// Reads the format.
    pub(super) fn check(self) -> Result<Logging, FormatError> {
        let client = match self.log_client {
            ClientName::Full => Client::Full,
            ClientName::Prefix => Client::Prefix,
            ClientName::Off => Client::Off,
        };
        let format = self.log_format.as_deref().map_or_else(|| Ok(Format::python()), str::parse)?.client(client);
        Ok(Logging {
            access: if self.quiet { LogTarget::Off } else { target(self.access_log.as_deref()) },
            error: target(self.error_log.as_deref()),
            format: if self.log_query == Switch::On { format } else { format.without_queries() },
            overflow: match self.log_overflow {
                OverflowName::Drop => Overflow::Drop,
                OverflowName::Wait => Overflow::Wait,
            },
            verbose: self.verbose,
        })
    }
}

fn target(name: Option<&str>) -> LogTarget {
    match name {
        None => LogTarget::Stderr,
        Some("off") => LogTarget::Off,
        Some("-") => LogTarget::Stdout,
        Some(file) => LogTarget::File(file.into()),
    }
}
