//! The null responder as a program of its own: pinned, bound, then the frozen loop of the ring package.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::{fs, process, thread};

use clap::Args;
use slipring_ring::uring::{ListenOptions, Listener, null};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

/// How the null responder is called.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Port on 127.0.0.1; 0 takes a free one and prints it
    #[arg(long)]
    port: u16,
    /// Bytes of every request
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    request_bytes: u32,
    /// The answer, byte for byte
    #[arg(long, value_name = "FILE")]
    answer_file: PathBuf,
    /// Congestion control of its sockets [default: the system's]
    #[arg(long, value_name = "NAME")]
    congestion: Option<String>,
    /// Pin it to this core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..1024))]
    core: Option<u16>,
    /// End when standard input does: with the process that started it, however that ended
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

/// Serves until it is killed.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let answer = fs::read(&options.answer_file)?;
    if answer.is_empty() {
        return Err(io::Error::other("the answer file is empty"));
    }
    if let Some(core) = options.core
        && !core_affinity::set_for_current(core_affinity::CoreId { id: usize::from(core) })
    {
        return Err(io::Error::other(format!("core {core} is not there, or this process may not use it")));
    }
    let listen = ListenOptions { backlog: BACKLOG, congestion: options.congestion.clone(), ..ListenOptions::default() };
    let listener = Listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)), &listen)?;
    println!("null responder on 127.0.0.1 port {}", listener.address().expect("it is bound to a port").port());
    if options.until_stdin_closes {
        thread::spawn(end_with_stdin);
    }
    null::serve(&listener, options.request_bytes as usize, &answer)
}

fn end_with_stdin() {
    let mut piece = [0; 64];
    while matches!(io::stdin().read(&mut piece), Ok(1..)) {}
    process::exit(0);
}
