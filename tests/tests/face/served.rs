//! A server for a handler of a test's own, on a thread of this process.

use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use slipring::{Error, Handle, Handler, Server};

use crate::client::Client;
use crate::harness::PATIENCE;

pub struct Served {
    address: SocketAddr,
    handle: Handle,
    ended: JoinHandle<Result<(), Error>>,
}

impl Served {
    pub fn start<H: Handler>(make: impl Fn() -> H + Send + Sync + 'static) -> Self {
        Self::start_as(|server| server, make)
    }

    /// The same, with the server set up further.
    pub fn start_as<H: Handler>(
        set: impl FnOnce(Server) -> Server,
        make: impl Fn() -> H + Send + Sync + 'static,
    ) -> Self {
        let server = set(Server::bind("127.0.0.1:0").expect("an address").shards(1).signals(false));
        let handle = server.handle();
        let ended = thread::spawn(move || server.serve(make));
        let address = handle.wait_for_addresses(PATIENCE).expect("it listens")[0];
        Self { address, handle, ended }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn client(&self) -> Client {
        Client::to(self.address)
    }

    pub fn end(self) {
        self.handle.shutdown();
        self.ended.join().expect("no panic").expect("it drained");
    }
}
