//! Latency truth over sockets: a server that waits for a drawn time before each answer and writes down how long it took.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use slipring_load::plan::Plan;

use super::{HonestyError, Options, load, pause, plan};

/// The delays, in milliseconds.
const LOW_MS: u64 = 5;
const HIGH_MS: u64 = 200;

/// Measures and prints the quantiles that the server knows of beside those that were measured.
pub(super) fn run(options: &Options) -> Result<(), HonestyError> {
    println!("\ndelays: each answer waits {LOW_MS} to {HIGH_MS} ms; the server's log beside what was measured");
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let log = Arc::<Mutex<Vec<u64>>>::default();
    let kept = log.clone();
    thread::spawn(move || {
        for (stream, seed) in listener.incoming().flatten().zip(1_u64..) {
            let log = kept.clone();
            thread::spawn(move || answer(stream, seed, &log));
        }
    });
    // No warm-up: what the server logged is then what was measured.
    let plan = Plan { connections: 64, warmup: Duration::ZERO, ..plan(options, address) };
    let found = load(&plan, address)?;
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
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

#[expect(clippy::disallowed_methods, reason = "how long an answer took is what this server is for")]
fn answer(mut stream: TcpStream, seed: u64, log: &Mutex<Vec<u64>>) {
    let (mut piece, mut state) = ([0; 4096], seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    while let Ok(1..) = stream.read(&mut piece) {
        let start = Instant::now();
        // A small generator of its own: no package is worth this.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        pause(Duration::from_micros(LOW_MS * 1000 + state % ((HIGH_MS - LOW_MS) * 1000)));
        let answered = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        log.lock().unwrap_or_else(PoisonError::into_inner).push(start.elapsed().as_nanos() as u64);
        if answered.is_err() {
            return;
        }
    }
}
