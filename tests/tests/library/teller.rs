//! A server on a thread of its own, whose handler tells what its hooks are told.

use std::any::Any;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use slipring::{
    Admit, Arrived, Commands, Error, Exchange, Failure, Handle, Handler, LogMessage, Peer, Reply, Request, Server,
};

/// How long anything may take before a test fails: much longer than it takes on any loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What hooks saw, in order.
pub type Seen = Arc<Mutex<Vec<String>>>;

/// Tells what its hooks are told.
pub struct Teller {
    pub seen: Seen,
    pub handle: Option<Handle>,
}

impl Handler for Teller {
    const COMMANDS: Commands<Self> = Commands::new()
        .on("GET", Self::do_get)
        .on("POST", |_, x| x.send_response(200)?.end_headers(b"posted"))
        .on("PANIC", |_, _| std::panic::resume_unwind(Box::new("on purpose".to_owned())))
        .on("TWICE", |_, x| x.send_response(200)?.send_response(200)?.end_headers(b""))
        .on("JOB", |_, x| x.ask_job(0, |_| thread::sleep(Duration::from_millis(300))));

    fn admit(&mut self, request: &Request<'_>) -> Admit {
        if request.path() == b"/fall" {
            std::panic::resume_unwind(Box::new("admit falls".to_owned()));
        }
        Self::COMMANDS.admit(request)
    }

    fn resume(&mut self, x: &mut Exchange<'_>, _: u32, arrived: Arrived<'_>) -> Reply {
        arrived.output::<()>()?;
        x.send_response(200)?.end_headers(b"slept")
    }

    fn setup(&mut self, _: Peer) -> Option<Box<dyn Any>> {
        self.say("setup");
        Some(Box::new(0_u32))
    }

    fn finish(&mut self, _: Peer, state: Box<dyn Any>) {
        self.say(&format!("finish after {}", state.downcast_ref::<u32>().expect("as set up")));
    }

    fn handle_error(&mut self, request: &Request<'_>, failure: Failure<'_>) {
        self.say(&format!("{}: {failure:?}", String::from_utf8_lossy(request.command())));
    }

    fn handle_timeout(&mut self) {
        self.say("timeout");
    }

    fn service_actions(&mut self) {
        self.say("service");
    }

    fn log_error(&mut self, message: LogMessage<'_>) -> bool {
        self.say(&format!("error {}", String::from_utf8_lossy(message.text)));
        self.log_message(message)
    }

    fn log_message(&mut self, message: LogMessage<'_>) -> bool {
        !message.text.starts_with(b"secret")
    }
}

impl Teller {
    fn say(&self, what: &str) {
        self.seen.lock().expect("no panic").push(what.to_owned());
    }

    fn do_get(&mut self, x: &mut Exchange) -> Reply {
        if let Some(count) = x.state::<u32>() {
            *count += 1;
        }
        match x.path() {
            b"/name" => {
                let name = format!("{} {}", x.server_name(), x.server_port());
                x.send_response(200)?.end_headers(name.as_bytes())
            }
            b"/headers" => {
                let (headers, text) = (x.headers(), |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned());
                let media = headers.content_type().expect("a media type");
                let charset = media.parameter("charset").map(|value| text(&value));
                let names: Vec<String> = headers.iter().map(|field| text(field.name)).collect();
                let facts = format!(
                    "{:?} {:?} {charset:?} {:?} {names:?}",
                    headers.date("If-Modified-Since"),
                    headers.date("X-Odd"),
                    (headers.get("x-odd").map(text), headers.get_all("X-ODD").count(), headers.contains("none")),
                );
                x.send_response(200)?.end_headers(facts.as_bytes())
            }
            b"/log" => {
                x.log_message(format_args!("secret of {}", x.address_string()));
                x.log_message(format_args!("told to all"));
                x.send_response(200)?.end_headers(b"")
            }
            b"/shutdown" => {
                self.handle.as_ref().expect("the test gave one").shutdown();
                x.send_response(200)?.end_headers(b"going")
            }
            _ => x.send_response(200)?.end_headers(b"got"),
        }
    }
}

/// A server on a thread of its own.
pub struct Running {
    pub address: SocketAddr,
    pub handle: Handle,
    thread: JoinHandle<()>,
    ended: Receiver<Result<(), Error>>,
    pub seen: Seen,
}

pub fn server() -> Server {
    Server::bind("127.0.0.1:0").expect("an address").shards(1).signals(false)
}

pub fn run(server: Server, serve: impl FnOnce(Server, Seen, Handle) -> Result<(), Error> + Send + 'static) -> Running {
    let (tell, ended): (Sender<Result<(), Error>>, _) = mpsc::channel();
    let (seen, handle) = (Seen::default(), server.handle());
    let thread = thread::spawn({
        let (seen, handle) = (seen.clone(), handle.clone());
        move || drop(tell.send(serve(server, seen, handle)))
    });
    let address = handle.wait_for_addresses(PATIENCE).expect("it listens")[0];
    Running { address, handle, thread, ended, seen }
}

pub fn serve(server: Server) -> Running {
    run(server, |server, seen, handle| {
        server.serve(move || Teller { seen: seen.clone(), handle: Some(handle.clone()) })
    })
}

impl Running {
    pub fn ask(&self, request: &str) -> String {
        ask(TcpStream::connect(self.address).expect("it listens"), request)
    }

    pub fn end(self) -> Vec<String> {
        self.handle.shutdown();
        self.join()
    }

    pub fn join(self) -> Vec<String> {
        self.ended.recv_timeout(PATIENCE).expect("it ends").expect("it ends well");
        self.thread.join().expect("no panic");
        let seen = self.seen.lock().expect("no panic");
        seen.iter().filter(|what| *what != "service").cloned().collect()
    }

    pub fn has_seen(&self, what: &str) -> bool {
        self.seen.lock().expect("no panic").iter().any(|seen| seen == what)
    }
}

/// One request on a connection of its own; everything that comes back.
pub fn ask(mut stream: impl Read + Write, request: &str) -> String {
    let request = request.replace('|', "\r\n");
    stream.write_all(request.as_bytes()).expect("a socket");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

pub const GET: &str = "GET / HTTP/1.1|Host: x|Connection: close||";

pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
