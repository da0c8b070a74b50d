//! The `slipring` command: options, a file handler, a server.
#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use slipring::cgi::{CgiHandler, CgiOptions};
use slipring::config::{Options, Plan, Shown};
use slipring::conn::Rules;
use slipring::files::{FileHandler, FileOptions};
use slipring::server::{Ended, Signal};
use slipring::{Error, Server, Site};
use slipring_wire::request::Tolerance;

/// Exit statuses, as docs/INTERFACES.md has them.
const FAILED_RUNNING: u8 = 1;
const FAILED_STARTING: u8 = 2;
const KERNEL_REFUSED: u8 = 3;
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(Shown::Answer) => return ExitCode::SUCCESS,
        Err(Shown::Complaint) => return ExitCode::from(FAILED_STARTING),
    };
    let plan = match options.check() {
        Ok(plan) => plan,
        Err(error) => return complain(&error, FAILED_STARTING),
    };
    match serve(plan) {
        Ok(Ended::Drained) => ExitCode::SUCCESS,
        Ok(Ended::Stopped(Signal::Interrupt)) => ExitCode::from(INTERRUPTED),
        Ok(Ended::Stopped(Signal::Terminate)) => ExitCode::from(TERMINATED),
        Err(error) if error.while_running() => complain(&error, FAILED_RUNNING),
        Err(error) if error.kernel_refused() => complain(&error, KERNEL_REFUSED),
        Err(error) => complain(&error, FAILED_STARTING),
    }
}

fn serve(plan: Plan) -> Result<Ended, Error> {
    let mut site = plan.server_token.as_deref().map_or_else(Site::new, Site::named);
    site.http10 = plan.http10;
    let site = site.added(&plan.added);
    let mut rules = Rules::COMMAND;
    if plan.strict {
        rules.tolerance = Tolerance::Strict;
    }
    let mut server = Server::on(plan.addresses)
        .cores(plan.cores)
        .logging(plan.logging)
        .site(site)
        .rules(rules)
        .resolve(plan.resolve)
        .banner(true);
    if let Some(shards) = plan.shards {
        server = server.shards(shards);
    }
    for address in plan.optional {
        server = server.also_if_there(address);
    }
    // Programs are started by their absolute path.
    let path = std::path::absolute(&plan.directory).map_err(Error::Start)?.into_os_string().into_vec();
    let root = server.add_root(plan.directory);
    let files = move || FileHandler::new(FileOptions::new(root));
    match plan.programs {
        Some(limits) => {
            let options = CgiOptions::new(root, path);
            server.programs(limits).run(move || CgiHandler::new(options.clone(), files()))
        }
        None => server.run(files),
    }
}

fn complain(error: &dyn std::error::Error, status: u8) -> ExitCode {
    // Nobody may be there to read it; the status tells it too.
    let _ = writeln!(io::stderr(), "slipring: {error}");
    ExitCode::from(status)
}
