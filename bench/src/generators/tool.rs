//! One generator: how it is called, how it tells its rate, and the null responder that waits for it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, iter};

use tempfile::TempDir;
use wait4::Wait4 as _;

use super::{GeneratorsError, Options};
use crate::probe::request_bytes;
use crate::server::{self, Server};

/// What is known of a generator.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// It can send more than one request at once.
    pipelines: bool,
    words: fn(&Call<'_>) -> Vec<String>,
    /// Requests a second, from what it printed.
    rate: fn(&str) -> Option<f64>,
}

/// One call.
struct Call<'a> {
    seconds: u32,
    connections: u32,
    depth: u32,
    url: &'a str,
    /// A script for wrk that sends so many requests at once.
    script: &'a str,
}

/// The generators, ours first.
pub(super) const TOOLS: [Kind; 5] = [
    Kind { name: "slipring-load", pipelines: true, words: ours, rate: json_rate },
    Kind { name: "wrk", pipelines: true, words: wrk, rate: |text| behind(text, "Requests/sec:") },
    Kind { name: "shb", pipelines: false, words: shb, rate: |text| behind(text, "Requests/sec:") },
    Kind { name: "h2load", pipelines: true, words: h2load, rate: |text| before(text, " req/s,") },
    Kind { name: "hey", pipelines: false, words: hey, rate: |text| behind(text, "Requests/sec:") },
];

/// The figures of one measurement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Requests a second.
    pub(super) rate: f64,
    /// CPU microseconds of the generator per request.
    pub(super) cpu_us: f64,
}

/// A generator that is there, with its own null responder.
pub(super) struct Tool {
    kind: &'static Kind,
    program: PathBuf,
    core: u16,
    seconds: u32,
    words: Vec<String>,
    _responder: Server,
    files: TempDir,
}

impl Tool {
    /// Finds it, learns what it sends, and starts its responder. `None`: it is not there, or cannot pipeline.
    pub(super) fn start(kind: &'static Kind, options: &Options, depth: u32) -> Result<Option<Self>, GeneratorsError> {
        let Some(program) = installed(kind.name).filter(|_| depth == 1 || kind.pipelines) else { return Ok(None) };
        let files = tempfile::tempdir()?;
        let script = files.path().join("pipeline.lua");
        let batch = format!("init = function(args)\n  batch = string.rep(wrk.format(), {depth})\nend\n");
        fs::write(&script, batch + "request = function()\n  return batch\nend\n")?;
        let script = script.to_string_lossy().into_owned();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/13.txt", listener.local_addr()?);
        let probe = Call { seconds: 1, connections: 1, depth: 1, url: &url, script: &script };
        let request_bytes = request_bytes(&listener, Command::new(&program).args((kind.words)(&probe)))?;
        let responder = server::null(options.server_core, request_bytes, ANSWER, &files.path().join("answer"))?;
        let url = format!("http://{}/13.txt", responder.address);
        let (seconds, connections) = (options.seconds, options.connections);
        let call = Call { seconds, connections, depth, url: &url, script: &script };
        Ok(Some(Self {
            kind,
            program,
            core: options.load_core,
            seconds: options.seconds,
            words: (kind.words)(&call),
            _responder: responder,
            files,
        }))
    }

    pub(super) fn name(&self) -> &'static str {
        self.kind.name
    }

    /// Lets it run once. It is waited for and not watched: whoever looks now and then takes time from a core that is
    /// measured.
    pub(super) fn measure(&self) -> Result<Sample, GeneratorsError> {
        let (said, complained) = (self.files.path().join("said"), self.files.path().join("complained"));
        let mut command = Command::new("taskset");
        command.arg("-c").arg(self.core.to_string()).arg(&self.program).args(&self.words).stdin(Stdio::null());
        let child = command.stdout(File::create(&said)?).stderr(File::create(&complained)?).spawn()?;
        let used = child.wait4()?.rusage;
        let text = String::from_utf8_lossy(&fs::read(said)?).into_owned();
        let Some(rate) = (self.kind.rate)(&text).filter(|&rate| rate > 0.0) else {
            let said = text + &String::from_utf8_lossy(&fs::read(complained)?);
            return Err(GeneratorsError::Silent { tool: self.kind.name, said });
        };
        let cpu_us = (used.utime + used.stime).as_secs_f64() * 1e6;
        Ok(Sample { rate, cpu_us: cpu_us / (rate * f64::from(self.seconds)) })
    }
}

fn ours(call: &Call<'_>) -> Vec<String> {
    let Call { seconds, connections, depth, url, .. } = call;
    let text = format!("-t 1 -c {connections} -d {seconds}s --warmup 0 --pipeline {depth} --json - {url}");
    split(&text)
}

fn wrk(call: &Call<'_>) -> Vec<String> {
    let Call { seconds, connections, depth, url, script } = call;
    let mut words = split(&format!("-t1 -c{connections} -d{seconds}s"));
    if *depth > 1 {
        words.extend(["-s".to_owned(), (*script).to_owned()]);
    }
    words.push((*url).to_owned());
    words
}

fn shb(call: &Call<'_>) -> Vec<String> {
    let Call { seconds, connections, url, .. } = call;
    split(&format!("-t 1 -c {connections} -z {seconds}s {url}"))
}

fn h2load(call: &Call<'_>) -> Vec<String> {
    let Call { seconds, connections, depth, url, .. } = call;
    split(&format!("--h1 -t 1 -c {connections} -m {depth} -D {seconds} {url}"))
}

fn hey(call: &Call<'_>) -> Vec<String> {
    let Call { seconds, connections, url, .. } = call;
    split(&format!("-cpus 1 -c {connections} -z {seconds}s {url}"))
}

fn split(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn json_rate(text: &str) -> Option<f64> {
    serde_json::from_str::<serde_json::Value>(text).ok()?.pointer("/rate/achieved")?.as_f64()
}

/// The number behind a word.
fn behind(text: &str, word: &str) -> Option<f64> {
    text.split(word).nth(1)?.split_whitespace().next()?.parse().ok()
}

/// The number before a word.
fn before(text: &str, word: &str) -> Option<f64> {
    text.split(word).next()?.split_whitespace().next_back()?.parse().ok()
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: null\r\nDate: Sat, 07 Nov 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

/// A program beside this one, in the search path, or where `cargo install` puts it.
fn installed(name: &str) -> Option<PathBuf> {
    let beside = env::current_exe().ok()?.with_file_name(name);
    let path = env::var_os("PATH").unwrap_or_default();
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo/bin"));
    let directories = env::split_paths(&path).chain(home);
    iter::once(beside).chain(directories.map(|directory| directory.join(name))).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read() {
        assert_eq!(behind("x\nRequests/sec: 123.5\nTransfer", "Requests/sec:"), Some(123.5));
        assert_eq!(before("finished in 2.00s, 4567.25 req/s, 1MB/s", " req/s,"), Some(4567.25));
        assert_eq!(json_rate("{\"rate\":{\"achieved\":7.5}}"), Some(7.5));
        assert_eq!(behind("unable to connect", "Requests/sec:"), None);
    }
}
