//! Running: signals, the drain, the end; and what a person at a terminal reads.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::Sender;
use std::thread;

use slipring_ring::uring::process::{Heard, Signals};

use super::handle::Event;
use super::logs::OpenLogs;
use super::{Ended, Error, Server, Signal};
use crate::metrics::Metrics;
use crate::shard::{Mailbox, Message};

impl Server {
    /// Waits for what ends the server, and for its end.
    pub(super) fn supervise(&self, shards: &[Mailbox], logs: &OpenLogs) -> Result<Ended, Error> {
        let mut draining = false;
        let mut left = shards.len();
        let mut total = Metrics::default();
        while left > 0 {
            match self.control.1.recv() {
                Ok(Event::Ended(metrics)) => {
                    total.add(&metrics);
                    left -= 1;
                }
                Ok(Event::Failed(error)) => {
                    post(shards, Message::Stop);
                    return Err(error);
                }
                Ok(Event::Signal(signal)) if draining => {
                    post(shards, Message::Stop);
                    return Ok(Ended::Stopped(signal));
                }
                Ok(Event::Signal(signal)) => {
                    draining = true;
                    if self.banner && signal == Signal::Interrupt {
                        // Python's line (row X3). A closed standard output must not end the drain.
                        let _ = writeln!(io::stdout(), "\nKeyboard interrupt received, exiting.");
                    }
                    post(shards, Message::Drain);
                }
                Ok(Event::Reopen) => {
                    logs.reopen();
                    post(shards, Message::Reopened);
                }
                Ok(Event::Shutdown) => {
                    draining = true;
                    post(shards, Message::Drain);
                }
                Ok(Event::Ready(_)) | Err(_) => {}
            }
        }
        logs.tell_losses(&total);
        Ok(Ended::Drained)
    }
}

pub(super) fn post(shards: &[Mailbox], message: Message) {
    for shard in shards {
        shard.post(message);
    }
}

/// Python's line for each address (row X2), and one for each path.
pub(super) fn print_banner(bound: &[SocketAddr], unix: &[(PathBuf, u32)]) {
    let mut out = io::stdout().lock();
    for address in bound {
        let (ip, port) = (address.ip(), address.port());
        let host = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
        // A closed standard output is no reason not to serve.
        let _ = writeln!(out, "Serving HTTP on {ip} port {port} (http://{host}:{port}/) ...");
    }
    for (path, _) in unix {
        let _ = writeln!(out, "Serving HTTP on {} ...", path.display());
    }
    let _ = out.flush();
}

/// Waits for signals on a thread of its own, for as long as the process lives.
pub(super) fn watch_signals(signals: Signals, events: Sender<Event>) -> Result<(), Error> {
    let signals = Mutex::new(signals);
    let watch = move || {
        let Ok(signals) = signals.into_inner() else { return };
        let event = || match signals.wait() {
            Heard::End(signal) => Event::Signal(signal),
            Heard::Reopen => Event::Reopen,
        };
        while events.send(event()).is_ok() {}
    };
    thread::Builder::new().name("slipring-signals".into()).spawn(watch).map(drop).map_err(Error::Start)
}
