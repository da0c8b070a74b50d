//! What is measured: which server, which answer, and against what it is held.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use super::{CostError, Options, answer, server};
use crate::server::Server;

/// One thing to measure. Arms with the same path ask with the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arm {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) role: Role,
    server: usize,
}

/// What an arm is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The null responder: what the others of its path are divided by.
    Base,
    /// The null responder once more, for the A/A ratio.
    BaseAgain,
    /// Slipring, held to the bounds.
    Ours,
    /// Somebody else, to compare with.
    Peer,
}

impl Arm {
    /// The arm that wrk loads as well.
    pub(super) fn is_first_null(&self) -> bool {
        self.role == Role::Base && self.path == SMALL
    }
}

/// The answer of 13 bytes; both paths have one length, so that all requests have.
const SMALL: &str = "/13.txt";
const SMALL_BODY: &str = "Hello, World!";
/// The answer of 1 KiB.
const KIB: &str = "/1k.txt";
const KIB_BYTES: usize = 1024;

/// Everything that runs, and what is measured of it. Dropping it ends the servers that it started.
pub(super) struct Arms {
    pub(super) list: Vec<Arm>,
    /// What was left out, and why.
    pub(super) missing: Vec<String>,
    servers: Vec<Server>,
    files: TempDir,
}

impl Arms {
    /// Starts what is there.
    pub(super) fn start(options: &Options) -> Result<Self, CostError> {
        let mut arms = Self { list: Vec::new(), missing: Vec::new(), servers: Vec::new(), files: site()? };
        let directory = arms.files.path().to_owned();
        let slipring = arms.start_slipring(options, &directory)?;
        for (path, names) in
            [(SMALL, ["null, 13 bytes", "null again (A/A)"]), (KIB, ["null, 1 KiB", "null again (A/A)"])]
        {
            let answer = match slipring {
                Some(server) => answer::fetch(arms.servers[server].address, path)?,
                None => answer::synthetic(if path == SMALL { SMALL_BODY.len() } else { KIB_BYTES }),
            };
            let server = arms.add(server::null(options, &directory, path, &answer)?);
            arms.list.push(Arm { name: names[0], path, role: Role::Base, server });
            arms.list.push(Arm { name: names[1], path, role: Role::BaseAgain, server });
            if let Some(server) = slipring {
                let name = if path == SMALL { "slipring, 13-byte file" } else { "slipring, 1 KiB file" };
                arms.list.push(Arm { name, path, role: Role::Ours, server });
            }
        }
        arms.start_nginx(options, &directory)?;
        Ok(arms)
    }

    /// The arms that others are divided by.
    pub(super) fn bases(&self) -> impl Iterator<Item = usize> {
        (0..self.list.len()).filter(|&index| self.list[index].role == Role::Base)
    }

    /// Where the arm's server listens.
    pub(super) fn address(&self, arm: &Arm) -> SocketAddr {
        self.servers[arm.server].address
    }

    /// The arm's server.
    pub(super) fn pid(&self, arm: &Arm) -> u32 {
        self.servers[arm.server].pid()
    }

    fn start_slipring(&mut self, options: &Options, files: &Path) -> Result<Option<usize>, CostError> {
        if options.without_slipring {
            self.missing.push("slipring: left out".to_owned());
            return Ok(None);
        }
        let server = server::slipring(options, files)?;
        Ok(Some(self.add(server)))
    }

    fn start_nginx(&mut self, options: &Options, files: &Path) -> Result<(), CostError> {
        let Some(program) = server::installed("nginx") else {
            self.missing.push("nginx: not installed".to_owned());
            return Ok(());
        };
        let server = server::nginx(options, &program, files, SMALL, SMALL_BODY)?;
        let server = self.add(server);
        self.list.push(Arm { name: "nginx, return 200", path: SMALL, role: Role::Peer, server });
        self.list.push(Arm { name: "nginx, 1 KiB file", path: KIB, role: Role::Peer, server });
        Ok(())
    }

    fn add(&mut self, server: Server) -> usize {
        self.servers.push(server);
        self.servers.len() - 1
    }
}

/// A directory with the two files, readable for a server that gives its rights up.
fn site() -> Result<TempDir, CostError> {
    use std::os::unix::fs::PermissionsExt as _;
    let files = tempfile::Builder::new().prefix("slipring-bench-").tempdir()?;
    fs::set_permissions(files.path(), fs::Permissions::from_mode(0o755))?;
    fs::write(files.path().join(&SMALL[1..]), SMALL_BODY)?;
    fs::write(files.path().join(&KIB[1..]), "0123456789abcde\n".repeat(KIB_BYTES / 16))?;
    Ok(files)
}
