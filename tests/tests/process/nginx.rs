//! The same tree, the same requests: nginx's answers are the outside truth where it follows the RFC.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use crate::client::{Client, Response, get, request};
use crate::files::{EXAMPLE_S, RANGES, SINCE};
use crate::harness::{PATIENCE, Server, has, pattern, run, site, wait_for};

/// A running nginx.
struct Nginx {
    child: Child,
    address: SocketAddr,
}

impl Nginx {
    /// On a port that was free a moment ago; `scratch` is for its own files.
    fn serve(root: &Path, scratch: &Path) -> Self {
        let address =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr()).expect("a free port");
        let (root, here) = (root.display(), scratch.display());
        // Started by root, its workers would become nobody and could not enter a temporary directory.
        let is_root = run(Command::new("id").arg("-u")).stdout == b"0\n";
        let user = if is_root { "user root;" } else { "" };
        let configuration = format!(
            "{user} worker_processes 1; pid {here}/pid; error_log {here}/error.log; daemon off; events {{ worker_connections 64; }}
            http {{ access_log off; client_body_temp_path {here}/a; proxy_temp_path {here}/b; fastcgi_temp_path {here}/c; uwsgi_temp_path {here}/d; scgi_temp_path {here}/e;
              if_modified_since before; max_ranges 1; keepalive_requests 1000000; server {{ listen {address}; root {root}; }} }}"
        );
        fs::write(scratch.join("nginx.conf"), configuration).expect("a file");
        let mut nginx = Command::new("nginx");
        let paths = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        let child = nginx
            .env("PATH", paths)
            .arg("-p")
            .arg(scratch)
            .arg("-c")
            .arg(scratch.join("nginx.conf"))
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx");
        wait_for("nginx to listen", PATIENCE, || TcpStream::connect(address).is_ok());
        Self { child, address }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers only when it is asked.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Where nginx 1.22 reads RFC 9110 differently: a suffix that no 64 bits hold, and what it takes for malformed.
const NGINX_DIFFERS: [&str; 20] = [
    "bytes=0-18446744073709551615",
    "bytes=0-18446744073709551616",
    "bytes=-18446744073709551616",
    "bytes=0-99999999999999999999999999999999",
    "bytes=18446744073709551616-",
    "bytes=5-4",
    "bytes=5-0-",
    "bytes=-",
    "bytes=",
    "bytes=a-b",
    "bytes=0-a",
    "bytes=0x0-9",
    "bytes=+0-9",
    "bytes=0 -9",
    "bytes=--1",
    "bytes",
    "bytes 0-9",
    "",
    "bytes=-0",
    "x",
];

#[test]
fn ranges_dates_and_sizes_as_nginx() {
    if !has("nginx") {
        return;
    }
    let home = site(&[("small", &pattern(100)), ("large", &pattern(300_000)), ("empty", b""), ("page.html", b"<p>")]);
    for name in ["small", "large"] {
        let file = File::options().write(true).open(home.path().join(name)).expect("a file");
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(EXAMPLE_S)).expect("a time");
    }
    let scratch = tempfile::TempDir::new().expect("a temporary directory");
    let (nginx, server) = (Nginx::serve(home.path(), scratch.path()), Server::serve(home.path()));
    let mut count = 0;
    let mut check = |asked: Vec<u8>| {
        let theirs = Client::to(nginx.address).ask(&asked);
        let ours = server.client().ask(&asked);
        assert_eq!(what_counts(&ours), what_counts(&theirs), "{}", String::from_utf8_lossy(&asked));
        count += 1;
    };
    // A Range of an empty file is 416 by RFC 9110 and 200 by nginx.
    check(get("/empty"));
    check(request("HEAD", "/empty", ""));
    for target in ["/small", "/large"] {
        check(get(target));
        check(request("HEAD", target, ""));
        for (value, ..) in RANGES.iter().filter(|(value, ..)| !NGINX_DIFFERS.contains(value)) {
            check(request("GET", target, &format!("Range: {value}\r\n")));
        }
        for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:36 GMT", "nonsense"] {
            check(request("GET", target, &format!("Range: bytes=0-9\r\nIf-Range: {date}\r\n")));
        }
    }
    for target in ["/small", "/large"] {
        // An If-None-Match is later work; nginx has entity tags.
        for (lines, _) in SINCE.iter().filter(|(lines, _)| !lines.contains("None-Match")) {
            check(request("GET", target, lines));
            check(request("HEAD", target, lines));
        }
    }
    for target in [
        "/none",
        "/small/",
        "/page.html",
        "/page.html?x",
        "/./small",
        "//small",
        "/x/../small",
        "/%73mall",
        "/small%00",
    ] {
        check(get(target));
    }
    println!("{count} answers as nginx gives them");
}

type Counted = (u16, Option<String>, Option<String>, Option<String>, Vec<u8>);

/// Status, Content-Range, Last-Modified; length and body unless it is an error page, which is everybody's own.
fn what_counts(answer: &Response) -> Counted {
    let field = |name| answer.field(name).map(str::to_owned);
    match answer.status {
        200 | 206 => (
            answer.status,
            field("Content-Range"),
            field("Last-Modified"),
            field("Content-Length"),
            answer.body.clone(),
        ),
        304 => (304, None, field("Last-Modified"), None, vec![]),
        status => (status, field("Content-Range"), None, None, vec![]),
    }
}
