//! Servers as processes: each is on a core of its own, says its port in its first line, and ends when it is dropped.

use std::io::{self, BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::{env, fs};

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
    /// How to end it gently, if ending the process alone would leave others behind.
    stop: Option<Command>,
    /// Kept open, or the server's next line would fail.
    output: Option<BufReader<ChildStdout>>,
}

impl Server {
    /// Starts one that prints a line with `port N` when it listens.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut output = child.stdout.take().map(BufReader::new);
        let mut server = Self::unannounced((Ipv4Addr::LOCALHOST, 0).into(), child);
        let mut line = String::new();
        if let Some(output) = &mut output {
            output.read_line(&mut line)?;
        }
        let silent = || io::Error::other(format!("it printed {line:?} instead of its port"));
        server.address.set_port(port_in(&line).ok_or_else(silent)?);
        server.output = output;
        Ok(server)
    }

    /// One that says nothing and will listen here.
    pub(crate) fn unannounced(address: SocketAddr, child: Child) -> Self {
        Self { address, child, stop: None, output: None }
    }

    /// It ends by a command; the process is killed only if that fails.
    pub(crate) fn stopped_by(mut self, stop: Command) -> Self {
        self.stop = Some(stop);
        self
    }

    /// The process that was started; its children are its own.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
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

/// The null responder, for requests of this length: this program, called by itself. Its answer is kept in `file`.
pub(crate) fn null(core: u16, request_bytes: usize, answer: &[u8], file: &Path) -> io::Result<Server> {
    fs::write(file, answer)?;
    let mut command = Command::new(env::current_exe()?);
    command.args(["null", "--until-stdin-closes", "--port", "0", "--core", &core.to_string()]);
    command.arg("--request-bytes").arg(request_bytes.to_string()).arg("--answer-file").arg(file);
    Server::start(command.stdin(Stdio::piped()))
}

/// Slipring on one shard, with these flags of its log.
pub(crate) fn slipring(core: u16, directory: &Path, log: &[&str]) -> io::Result<Server> {
    let mut command = Command::new(beside_us("slipring")?);
    command.args(["0", "-b", "127.0.0.1", "--shards", "1", "--cores", &core.to_string()]).args(log);
    Server::start(command.arg("-d").arg(directory).stdin(Stdio::null()))
}

/// Where a program of this workspace is, if it is built: in the same directory as this one.
pub(crate) fn beside_us(name: &str) -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name(name))
}

/// The number behind the word `port`.
fn port_in(line: &str) -> Option<u16> {
    line.split(" port ").nth(1)?.split_whitespace().next()?.parse().ok()
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
}
