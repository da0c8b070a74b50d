//! How many bytes the request of a load generator has: it is called once, and whoever comes is listened to.

use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// How long a generator may take to send its first request.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks at whether it has come, or has ended.
const LOOK: Duration = Duration::from_millis(10);

/// A generator that is killed when nobody needs it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It is gone already, or cannot be helped. Its figures are of no interest.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a generator that was told to load `listener`, and counts the bytes of the first request that comes.
///
/// # Errors
/// When it cannot be started, ends without a request, or sends none within a minute.
pub(crate) fn request_bytes(listener: &TcpListener, generator: &mut Command) -> io::Result<usize> {
    within(PATIENCE, listener, generator)
}

fn within(patience: Duration, listener: &TcpListener, generator: &mut Command) -> io::Result<usize> {
    let name = generator.get_program().to_string_lossy().into_owned();
    generator.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running(generator.spawn()?);
    listener.set_nonblocking(true)?;
    let mut connections: Vec<(TcpStream, Vec<u8>)> = Vec::new();
    let looks = patience.as_nanos() / LOOK.as_nanos();
    for _ in 0..looks {
        // Before it is listened to: what it has sent by its end is still read.
        let end = running.0.try_wait()?;
        while let Some((stream, _)) = ready(listener.accept())? {
            stream.set_nonblocking(true)?;
            connections.push((stream, Vec::new()));
        }
        for (stream, held) in &mut connections {
            if let Some(bytes) = head_bytes(stream, held)? {
                return Ok(bytes);
            }
        }
        if let Some(status) = end {
            return Err(io::Error::other(format!("{name} ended ({status}) and has sent no request")));
        }
        pause(LOOK);
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("{name} has sent no request within {patience:?}")))
}

/// Length of the whole head, once it is there. Some connect only to see that somebody is there, and send nothing.
fn head_bytes(stream: &mut TcpStream, held: &mut Vec<u8>) -> io::Result<Option<usize>> {
    let mut piece = [0; 4096];
    while let Some(count @ 1..) = ready(stream.read(&mut piece))? {
        held.extend_from_slice(&piece[..count]);
    }
    Ok(held.windows(4).position(|window| window == b"\r\n\r\n").map(|end| end + 4))
}

/// What came of something that does not wait; `None` if there is nothing yet. A peer that has gone has nothing to say.
fn ready<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionReset
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[expect(clippy::disallowed_methods, reason = "there is no ring on this thread")]
fn pause(time: Duration) {
    thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::SocketAddr;

    use super::*;

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        (listener, address)
    }

    #[test]
    fn a_generator_that_ends_without_a_request_is_not_waited_for() {
        let error = request_bytes(&listener().0, &mut Command::new("true")).expect_err("nobody came");
        assert!(error.to_string().contains("true ended (exit status: 0)"), "{error}");
        let error = request_bytes(&listener().0, &mut Command::new("/nowhere/at/all")).expect_err("it is not there");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_generator_that_never_asks_is_given_up() {
        let (listener, address) = listener();
        let _silent = TcpStream::connect(address).expect("it listens");
        let found = within(Duration::from_millis(100), &listener, Command::new("sleep").arg("600"));
        assert_eq!(found.expect_err("nobody asked").kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn the_first_whole_request_counts_whoever_connected_before() {
        let (listener, address) = listener();
        drop(TcpStream::connect(address).expect("it listens"));
        let mut stream = TcpStream::connect(address).expect("it listens");
        let request = b"GET /13.txt HTTP/1.1\r\nHost: x\r\n\r\n";
        let asking = thread::spawn(move || {
            for piece in request.chunks(9) {
                stream.write_all(piece).expect("it reads");
                pause(LOOK);
            }
            stream
        });
        let found = request_bytes(&listener, Command::new("sleep").arg("600"));
        assert_eq!(found.expect("a request"), request.len());
        drop(asking.join());
    }
}
