//! wrk against the null responder, for a rate that others know.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::CostError;
use super::load::{HOST, Load};
use super::server::installed;

/// wrk, pinned to the core of the load.
pub(super) struct Wrk {
    program: PathBuf,
    taskset: PathBuf,
    core: usize,
    connections: u32,
    seconds: u64,
    scripts: TempDir,
}

impl Wrk {
    /// Finds it.
    pub(super) fn new(load: &Load) -> Result<Self, CostError> {
        let find = |name| installed(name).ok_or_else(|| CostError::Wrk(format!("{name} is not installed")));
        Ok(Self {
            program: find("wrk")?,
            taskset: find("taskset")?,
            core: load.core,
            connections: load.connections,
            seconds: (load.duration.as_secs_f64().round() as u64).max(1),
            scripts: tempfile::tempdir()?,
        })
    }

    /// Requests a second. It knows no warm-up; it runs next to a measurement that warmed the server.
    pub(super) fn rate(&self, address: SocketAddr, path: &str, pipeline: u32) -> Result<f64, CostError> {
        let mut command = Command::new(&self.taskset);
        command.arg("-c").arg(self.core.to_string()).arg(&self.program);
        command.args(["-t1", &format!("-c{}", self.connections), &format!("-d{}s", self.seconds)]);
        command.args(["-H", &format!("Host: {HOST}")]);
        if pipeline > 1 {
            command.arg("-s").arg(self.script(pipeline)?);
        }
        let output = command.arg(format!("http://{address}{path}")).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        requests_per_second(&text).ok_or_else(|| CostError::Wrk(String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// A script that sends the same request so many times at once.
    fn script(&self, pipeline: u32) -> Result<PathBuf, CostError> {
        let path = self.scripts.path().join(format!("pipeline-{pipeline}.lua"));
        let text = format!(
            "init = function(args)\n  batch = string.rep(wrk.format(), {pipeline})\nend\nrequest = function()\n  return batch\nend\n"
        );
        fs::write(&path, text)?;
        Ok(path)
    }
}

fn requests_per_second(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("Requests/sec:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read() {
        let text = "Running 1s test @ http://x/\n  2 requests in 1.00s, 1KB read\nRequests/sec: 230123.45\nTransfer/sec: 1MB\n";
        assert_eq!(requests_per_second(text), Some(230_123.45));
        assert_eq!(requests_per_second("unable to connect"), None);
    }
}
