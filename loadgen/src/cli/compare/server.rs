//! A server as a process of ours: started in a process group of its own, ended with all that it started.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::cli::{EXIT_NO_ANSWER, Failure, groups};

/// How often a server is looked at while it starts or ends.
const LOOK: Duration = Duration::from_millis(10);
/// How long one try to connect may take; whom nobody hears is tried again.
const TRY: Duration = Duration::from_millis(250);
/// How long a server may take to end before it is killed.
const END: Duration = Duration::from_secs(3);

/// What the command and the URL call the port that was found free.
const PORT: &str = "{port}";

/// A running server. Dropping it ends its process group.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
}

/// A port of 127.0.0.1 that was free a moment ago.
pub(super) fn free_port() -> Result<u16, Failure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(|error| Failure::usage(format!("no free port: {error}")))
}

/// Whoever answers before our server was started is somebody else.
pub(super) fn refuse_taken(address: SocketAddr) -> Result<(), Failure> {
    match TcpStream::connect_timeout(&address, LOOK) {
        Ok(_) => Err(Failure::usage(format!("{address} is in use; let the command serve at {PORT}"))),
        Err(_) => Ok(()),
    }
}

/// A text with the port in its place.
pub(super) fn with_port(text: &str, port: u16) -> String {
    text.replace(PORT, &port.to_string())
}

impl Server {
    /// Starts a command of the shell on a core; its threads and children inherit both.
    pub(super) fn start(command: &str, core: Option<usize>) -> Result<Self, Failure> {
        let command = command.to_owned();
        // A child inherits the affinity of the thread that starts it, so that thread is pinned and then thrown away.
        let start = move || {
            if let Some(id) = core
                && !core_affinity::set_for_current(core_affinity::CoreId { id })
            {
                return Err(Failure::usage(format!("core {id} is not there, or this process may not use it")));
            }
            let mut shell = Command::new("sh");
            shell.args(["-c", &command]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            groups::start(&mut shell).map_err(|error| Failure::usage(format!("starting '{command}' failed: {error}")))
        };
        let child = thread::spawn(start).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(Self { child })
    }

    /// Waits until it takes a connection, or until it is interrupted.
    pub(super) fn wait_ready(
        &mut self,
        address: SocketAddr,
        timeout: Duration,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        let failed = |message: String| Err(Failure { message, status: EXIT_NO_ANSWER });
        let mut left = timeout.max(LOOK);
        while !left.is_zero() && !stop.load(Ordering::Relaxed) {
            if let Ok(Some(status)) = self.child.try_wait() {
                return failed(format!(
                    "the server for {address} ended with {status}; run its command by hand to see why"
                ));
            }
            match TcpStream::connect_timeout(&address, TRY) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::TimedOut => left = left.saturating_sub(TRY),
                Err(_) => {}
            }
            pause();
            left = left.saturating_sub(LOOK);
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        failed(format!("nobody answers at {address} after {timeout:?}; does the command serve there?"))
    }

    fn group(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id() as i32)
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group() {
            // Whoever is gone already needs none.
            let _ = kill_process_group(group, signal);
        }
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        for _ in 0..looks(END) {
            if self.has_ended() {
                break;
            }
            pause();
        }
        // The shell may be gone and its children not; the group keeps its number until the last of them is.
        self.signal(Signal::KILL);
        if let Some(group) = self.group() {
            groups::forget(group);
        }
        let _ = self.child.wait();
    }
}

fn looks(time: Duration) -> u128 {
    time.as_nanos().div_ceil(LOOK.as_nanos()).max(1)
}

#[expect(clippy::disallowed_methods, reason = "there is no ring here; a process that starts or ends is waited for")]
fn pause() {
    thread::sleep(LOOK);
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_port_is_put_where_the_command_wants_it() {
        assert_eq!(with_port("serve -p {port} --admin {port}1", 80), "serve -p 80 --admin 801");
    }

    #[test]
    fn a_server_ends_with_all_that_it_started() {
        let server = Server::start("sleep 1000 & sleep 1000 & wait", None).expect("a shell");
        let shell = server.child.id();
        let children = || fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap_or_default();
        while children().split_whitespace().count() < 2 {
            pause();
        }
        let children: Vec<String> = children().split_whitespace().map(str::to_owned).collect();
        drop(server);
        // They are killed, and their reaper is whoever adopted them: gone, or waiting to be.
        let is_gone = |pid: &String| {
            let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            text.is_empty() || text.contains(") Z ") || text.contains(") X ")
        };
        while !children.iter().all(is_gone) {
            pause();
        }
    }

    #[test]
    fn a_command_that_ends_is_not_waited_for() {
        let mut server = Server::start("exit 7", None).expect("a shell");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().expect("a port")));
        let failure = server.wait_ready(address, Duration::from_mins(1), &AtomicBool::new(false));
        assert!(failure.is_err_and(|failure| failure.message.contains("exit status: 7")));
    }
}
