//! The servers that are compared: started on their core, and ready when one returns.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use super::{CostError, Options, load};
use crate::server::{self, Server};

/// How often, and how many times, a server is tried until it answers.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 250;

/// The null responder, for the requests of a path.
pub(super) fn null(options: &Options, files: &Path, path: &str, answer: &[u8]) -> Result<Server, CostError> {
    let file = files.join(format!("answer{}", path.replace('/', "-")));
    ready("the null responder", server::null(options.server_core, load::request(path).len(), answer, &file))
}

/// Slipring on one shard, without its access log.
pub(super) fn slipring(options: &Options, files: &Path) -> Result<Server, CostError> {
    let program = server::beside_us("slipring")?;
    if !program.is_file() {
        return Err(CostError::NotBuilt(program));
    }
    ready("slipring", server::slipring(options.server_core, files, &["--access-log", "off"]))
}

/// nginx with one worker, its access log off, its connections kept.
pub(super) fn nginx(
    options: &Options,
    program: &Path,
    files: &Path,
    path: &str,
    body: &str,
) -> Result<Server, CostError> {
    let address = free_address()?;
    let prefix = files.join("nginx");
    fs::create_dir(&prefix)?;
    let configuration = prefix.join("nginx.conf");
    fs::write(&configuration, nginx_configuration(options.server_core, address, files, &prefix, path, body))?;
    let command = || {
        let mut command = Command::new(program);
        command.arg("-p").arg(&prefix).arg("-c").arg(&configuration).stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    let mut stop = command();
    stop.args(["-s", "stop"]).stderr(Stdio::null());
    ready("nginx", Ok(Server::unannounced(address, command().spawn()?).stopped_by(stop)))
}

fn nginx_configuration(core: u16, address: SocketAddr, files: &Path, prefix: &Path, path: &str, body: &str) -> String {
    let (mask, root, prefix) = (format!("1{}", "0".repeat(usize::from(core))), files.display(), prefix.display());
    let places: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("    {what}_temp_path {prefix}/{what};\n"))
        .concat();
    format!(
        "daemon off;
worker_processes 1;
worker_cpu_affinity {mask};
pid {prefix}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    types {{ text/plain txt; }}
{places}    server {{
        listen {address} backlog=4096;
        root {root};
        location = {path} {{ return 200 \"{body}\"; }}
    }}
}}
"
    )
}

/// A program in the search path, or where distributions hide servers.
pub(super) fn installed(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(usual).map(|directory| directory.join(name)).find(|program| program.is_file())
}

/// Waits until it takes a connection.
fn ready(name: &'static str, started: io::Result<Server>) -> Result<Server, CostError> {
    let failed = |why: String| CostError::NotStarted { server: name, why };
    let mut server = started.map_err(|error| failed(error.to_string()))?;
    for _ in 0..LOOKS {
        if let Some(status) = server.ended()? {
            return Err(failed(format!("it ended with {status}")));
        }
        if TcpStream::connect(server.address).is_ok() {
            return Ok(server);
        }
        pause();
    }
    Err(failed(format!("nobody answers at {}", server.address)))
}

#[expect(clippy::disallowed_methods, reason = "there is no ring here; a server that starts is waited for")]
fn pause() {
    thread::sleep(LOOK);
}

/// A port that was free a moment ago.
fn free_address() -> Result<SocketAddr, CostError> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_is_pinned_by_a_mask() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        let text = nginx_configuration(3, address, Path::new("/srv"), Path::new("/srv/nginx"), "/13.txt", "Hello");
        assert!(text.contains("worker_cpu_affinity 1000;"), "{text}");
        assert!(text.contains("listen 127.0.0.1:8080 backlog=4096;"), "{text}");
    }
}
