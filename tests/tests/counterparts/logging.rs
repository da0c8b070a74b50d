//! RequestHandlerLoggingTestCase: the lines on standard error. The handler is `unit`.

use crate::client::raw;
use crate::handler;
use crate::harness::{PATIENCE, wait_for};

/// What is on standard error once `lines` lines are.
fn logged(request: &str, lines: usize) -> String {
    let server = handler("unit");
    server.client().ask(&raw(request));
    wait_for("the log", PATIENCE, || server.said().1.lines().count() >= lines);
    server.said().1
}

/// Row L1.
#[test]
fn test_get() {
    let log = logged("OK / HTTP/1.1|Host: x||", 1);
    assert!(log.starts_with("127.0.0.1 - - [") && log.ends_with("] \"OK / HTTP/1.1\" 200 -\n"), "{log}");
}

/// Row L2: the error first, then the request.
#[test]
fn test_err() {
    let log = logged("ERROR / HTTP/1.1|Host: x||", 2);
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].ends_with("] code 404, message File not found"), "{log}");
    assert!(lines[1].ends_with("] \"ERROR / HTTP/1.1\" 404 -"), "{log}");
}
