//! Latency truth over sockets: a server that waits for a drawn time before each answer and writes down how long it took.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use slipring_load::plan::{Plan, SPIN_ALWAYS};

use super::{HonestyError, Options, load, plan};

/// The delays, in milliseconds.
const LOW_MS: u64 = 5;
const HIGH_MS: u64 = 200;

/// Measures and prints the quantiles that the server knows of beside those that were measured.
pub(super) fn run(options: &Options) -> Result<(), HonestyError> {
    println!("\ndelays: each answer waits {LOW_MS} to {HIGH_MS} ms; the server's log beside what was measured");
    for (name, spin) in [("asleep between answers", Duration::ZERO), ("--spin always", SPIN_ALWAYS)] {
        println!("\n{name}");
        measure(options, spin)?;
    }
    Ok(())
}

fn measure(options: &Options, spin: Duration) -> Result<(), HonestyError> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    // No warm-up: what the server logged is then what was measured.
    let plan = Plan { connections: 64, warmup: Duration::ZERO, spin: Some(spin), ..plan(options, address) };
    let (core, stop) = (usize::from(options.server_core), AtomicBool::new(false));
    let (found, mut log) = thread::scope(|scope| {
        let server = scope.spawn(|| {
            core_affinity::set_for_current(CoreId { id: core });
            serve(&listener, &stop)
        });
        let found = load(&plan, address);
        stop.store(true, Ordering::Release);
        (found, server.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    let found = found?;
    log.sort_unstable();
    println!("{} answers logged, {} measured", log.len(), found.record.service.len());
    println!("| quantile | logged ms | measured ms | difference |\n|---|---:|---:|---:|");
    for q in [0.01_f64, 0.1, 0.5, 0.9, 0.99] {
        let rank = ((q * log.len() as f64).ceil() as usize).clamp(1, log.len().max(1)) - 1;
        let Some(&logged) = log.get(rank) else { continue };
        let measured = found.record.service.histogram().value_at_quantile(q);
        let (logged, measured) = (logged as f64 / 1e6, measured as f64 / 1e6);
        println!("| {q} | {logged:.3} | {measured:.3} | {:+.2}% |", 100.0 * (measured / logged - 1.0));
    }
    Ok(())
}

/// One connection of the server.
struct Served {
    stream: TcpStream,
    /// A small generator of its own: no package is worth this.
    state: u64,
    /// When the request was read, and when it is to be answered.
    due: Option<(Instant, Instant)>,
}

/// Serves until it is stopped, and returns how long each answer took in nanoseconds. It never sleeps: a server that comes
/// back late from its sleep would log too little, and the log is the truth here.
fn serve(listener: &TcpListener, stop: &AtomicBool) -> Vec<u64> {
    let (mut log, mut all) = (Vec::new(), Vec::new());
    while !stop.load(Ordering::Acquire) {
        if let Ok((stream, _)) = listener.accept()
            && stream.set_nonblocking(true).is_ok()
        {
            let seed = all.len() as u64 + 1;
            all.push(Served { stream, state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), due: None });
        }
        all.retain_mut(|served| served.look(&mut log).is_ok());
    }
    log
}

impl Served {
    /// Reads a request that has come, or answers one whose time has come. An error is the end of the connection.
    #[expect(clippy::disallowed_methods, reason = "how long an answer took is what this server is for")]
    fn look(&mut self, log: &mut Vec<u64>) -> io::Result<()> {
        let now = Instant::now();
        match self.due {
            None => self.read(now),
            Some((start, due)) if due <= now => {
                self.due = None;
                self.stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")?;
                log.push(start.elapsed().as_nanos() as u64);
                Ok(())
            }
            Some(_) => Ok(()),
        }
    }

    fn read(&mut self, now: Instant) -> io::Result<()> {
        match self.stream.read(&mut [0; 4096]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                self.due = Some((now, now + self.draw()));
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn draw(&mut self) -> Duration {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        Duration::from_micros(LOW_MS * 1000 + self.state % ((HIGH_MS - LOW_MS) * 1000))
    }
}
