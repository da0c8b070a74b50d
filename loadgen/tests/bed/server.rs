//! Small servers: threads of the test's own process over `std::net`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::pause;

/// A server that lives as long as the test.
pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Seen>,
}

/// What came so far.
#[derive(Default)]
pub(super) struct Seen {
    connections: AtomicU64,
    asked: AtomicU64,
}

impl Server {
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Requests that it has read.
    pub fn asked(&self) -> u64 {
        self.seen.asked.load(Ordering::Relaxed)
    }

    /// Connections that it has taken.
    pub fn connections(&self) -> u64 {
        self.seen.connections.load(Ordering::Relaxed)
    }

    /// Until the first request has come, however long its sender takes to start.
    pub fn await_first(&self) {
        while self.asked() == 0 {
            pause(Duration::from_millis(1));
        }
    }
}

/// Does `act` with each request: the connection, and the request's number on it, from 1. `false` closes the connection.
pub fn serve(act: impl Fn(&mut TcpStream, u64) -> bool + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let seen = Arc::<Seen>::default();
    let counters = seen.clone();
    thread::spawn(move || accept(&listener, &counters, &Arc::new(act)));
    Server { address, seen }
}

/// Answers the n-th request of a connection as `answer` says; `None` closes the connection instead.
pub fn serve_answers(answer: fn(u64) -> Option<Vec<u8>>) -> Server {
    serve(move |stream, number| answer(number).is_some_and(|bytes| stream.write_all(&bytes).is_ok()))
}

/// Answers the n-th request of a connection after `delay(n)`; `None` never answers it.
pub fn serve_after(delay: impl Fn(u64) -> Option<Duration> + Send + Sync + 'static) -> Server {
    serve(move |stream, number| delay(number).is_none_or(|delay| answer_after(stream, delay)))
}

pub(super) fn answer_after(stream: &mut TcpStream, delay: Duration) -> bool {
    if !delay.is_zero() {
        pause(delay);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").is_ok()
}

pub(super) fn accept<A>(listener: &TcpListener, seen: &Arc<Seen>, act: &Arc<A>)
where
    A: Fn(&mut TcpStream, u64) -> bool + Send + Sync + 'static,
{
    for stream in listener.incoming().flatten() {
        seen.connections.fetch_add(1, Ordering::Relaxed);
        let (seen, act) = (seen.clone(), act.clone());
        thread::spawn(move || talk(stream, &seen.asked, &*act));
    }
}

fn talk(mut stream: TcpStream, asked: &AtomicU64, act: &impl Fn(&mut TcpStream, u64) -> bool) {
    let (mut held, mut piece, mut number) = (Vec::new(), [0; 4096], 0);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        held.extend_from_slice(&piece[..count]);
        while let Some(end) = held.windows(4).position(|window| window == b"\r\n\r\n") {
            held.drain(..end + 4);
            number += 1;
            // Before the answer, so that nobody can have more answers than this says.
            asked.fetch_add(1, Ordering::Relaxed);
            if !act(&mut stream, number) {
                return;
            }
        }
    }
}
