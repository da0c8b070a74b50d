//! The servers as processes: started on their core, ended when they are dropped.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use super::{CostError, Options, load};

/// How often, and how many times, a server is tried until it answers.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 250;

/// A running server. Dropping it ends it.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    child: Child,
    /// How to end it gently, if ending the process alone would leave others behind.
    stop: Option<Command>,
    /// Kept open, or the server's next line would fail.
    output: Option<BufReader<ChildStdout>>,
}

impl Server {
    /// The process that was started; its children are its own.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = self.stop.as_mut().is_some_and(|stop| stop.status().is_ok_and(|status| status.success()));
        if !stopped {
            // It is gone already, or cannot be helped.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        drop(self.output.take());
    }
}

/// The null responder: this program, called by itself.
pub(super) fn null(options: &Options, files: &Path, path: &str, answer: &[u8]) -> Result<Server, CostError> {
    let file = files.join(format!("answer{}", path.replace('/', "-")));
    fs::write(&file, answer)?;
    let mut command = Command::new(env::current_exe()?);
    command.args(["null", "--until-stdin-closes", "--port", "0", "--core", &options.server_core.to_string()]);
    command.arg("--request-bytes").arg(load::request(path).len().to_string());
    command.arg("--answer-file").arg(file);
    announced("the null responder", command.stdin(Stdio::piped()))
}

/// Slipring on one shard, without its access log.
pub(super) fn slipring(options: &Options, program: &Path, files: &Path) -> Result<Server, CostError> {
    let mut command = Command::new(program);
    command.args(["0", "-b", "127.0.0.1", "--shards", "1", "--access-log", "off"]);
    command.args(["--cores", &options.server_core.to_string()]).arg("-d").arg(files);
    announced("slipring", command.stdin(Stdio::null()))
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
    let server = Server { address, child: command().spawn()?, stop: Some(stop), output: None };
    answering("nginx", server)
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

/// Starts a server that prints a line with `port N` when it is ready.
fn announced(name: &'static str, command: &mut Command) -> Result<Server, CostError> {
    let failed = |why: String| CostError::NotStarted { server: name, why };
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| failed(error.to_string()))?;
    let mut output = child.stdout.take().map(BufReader::new);
    let mut server = Server { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), child, stop: None, output: None };
    let mut line = String::new();
    if let Some(output) = &mut output {
        output.read_line(&mut line)?;
    }
    let port = port_in(&line).ok_or_else(|| failed(format!("it printed {line:?} instead of its port")))?;
    server.address.set_port(port);
    server.output = output;
    answering(name, server)
}

/// The number behind the word `port`.
fn port_in(line: &str) -> Option<u16> {
    line.split(" port ").nth(1)?.split_whitespace().next()?.parse().ok()
}

/// Waits until it takes a connection.
fn answering(name: &'static str, mut server: Server) -> Result<Server, CostError> {
    let failed = |why: String| CostError::NotStarted { server: name, why };
    for _ in 0..LOOKS {
        if let Some(status) = server.child.try_wait()? {
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
    fn the_port_is_read_from_the_first_line() {
        let rows = [
            ("Serving HTTP on 127.0.0.1 port 8000 (http://127.0.0.1:8000/) ...\n", Some(8000)),
            ("null responder on 127.0.0.1 port 41234\n", Some(41_234)),
            ("", None),
            ("slipring: port in use\n", None),
        ];
        for (line, port) in rows {
            assert_eq!(port_in(line), port, "{line:?}");
        }
    }

    #[test]
    fn nginx_is_pinned_by_a_mask() {
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        let text = nginx_configuration(3, address, Path::new("/srv"), Path::new("/srv/nginx"), "/13.txt", "Hello");
        assert!(text.contains("worker_cpu_affinity 1000;"), "{text}");
        assert!(text.contains("listen 127.0.0.1:8080 backlog=4096;"), "{text}");
    }
}
