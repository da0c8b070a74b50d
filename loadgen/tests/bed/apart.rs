//! A server in a process of its own: the test's program once more, told by its environment to run its one ignored test
//! `the_server`. It binds its port itself, so that no other process ever holds the socket.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::server::{accept, answer_after};

/// Set for the process that serves: its core, or nothing.
const CORE: &str = "SLIPRING_TEST_SERVER_CORE";

/// A server that ends with this value.
pub struct Apart {
    child: Child,
    address: SocketAddr,
}

impl Apart {
    /// On one core, or on any.
    pub fn start(core: Option<usize>) -> Self {
        let mut command = Command::new(env::current_exe().expect("this test runs from a file"));
        command.args(["--exact", "the_server", "--ignored", "--nocapture", "--test-threads", "1"]);
        command.env(CORE, core.map_or_else(String::new, |core| core.to_string()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut line = String::new();
        let stderr = child.stderr.take().expect("it is piped");
        BufReader::new(stderr).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().parse().unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, address }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // It may have ended by itself; then both fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The cores that this process may use, by their numbers.
pub fn cores() -> Vec<usize> {
    core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect()
}

/// The whole of `the_server`: serves for ever if this process was started for it, each answer after a while.
pub fn serve_apart(delay: Duration) {
    let Ok(core) = env::var(CORE) else { return };
    if let Ok(id) = core.parse() {
        // Threads that are spawned from here on stay there, too.
        assert!(core_affinity::set_for_current(core_affinity::CoreId { id }), "core {id}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    eprintln!("{}", listener.local_addr().expect("it is bound"));
    accept(&listener, &Arc::default(), &Arc::new(move |stream: &mut _, _| answer_after(stream, delay)));
}
