//! The file server with `-p HTTP/1.0`, as `python3 -m http.server` is by default: row K1.

use super::{Case, other, same};

/// One request a connection.
pub const OLD: &[Case] = &[
    // Every answer closes: row K1.
    same("GET /f.txt HTTP/1.1|Host: x||"),
    same("GET /f.txt HTTP/1.1|Host: x||GET /f.txt HTTP/1.1|Host: x||"),
    same("GET /f.txt HTTP/1.1|Host: x|Connection: keep-alive||GET /f.txt HTTP/1.1|Host: x||"),
    same("GET /f.txt HTTP/1.0||"),
    same("GET /f.txt HTTP/1.0|Connection: keep-alive||GET /f.txt HTTP/1.0||"),
    same("HEAD /f.txt HTTP/1.1|Host: x||"),
    same("GET /none.txt HTTP/1.1|Host: x||"),
    same("GET /nothing HTTP/1.1|Host: x||"),
    same("HEAD /nothing HTTP/1.1|Host: x||"),
    same("GET /sub HTTP/1.1|Host: x||"),
    same("GET /sub?hi=1 HTTP/1.1|Host: x||"),
    same("GET /sub/ HTTP/1.1|Host: x||"),
    same("HEAD /sub/ HTTP/1.1|Host: x||"),
    same("GET /idx/ HTTP/1.1|Host: x||"),
    same("GET /f.txt/ HTTP/1.1|Host: x||"),
    same("GET /f.txt HTTP/1.1|Host: x|If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT||"),
    same("HEAD /f.txt HTTP/1.1|Host: x|If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT||"),
    same("FOO /f.txt HTTP/1.1|Host: x||"),
    other("POST /f.txt HTTP/1.1|Host: x||", "U16: 405"),
    other("OPTIONS /f.txt HTTP/1.1|Host: x||", "U16: 405"),
    same("custom / HTTP/1.1|Host: x||"),
    // Refusals.
    same("GET /f.txt FUBAR|Host: x||"),
    same("GET /f.txt HTTP/2.0|Host: x||"),
    same("GET /f .txt HTTP/1.1|Host: x||"),
    same("GET|"),
    same("POST /f.txt|"),
    same("GET /f.txt|"),
    same("GET /f.txt||"),
    same("GET /f.txt HTTP/0.9||"),
    other("GET /f.txt HTTP/1.0", "H12: nothing"),
    same("GET /f.txt HTTP/1.1|Host: x|{A: b|*101}|"),
    same("GET /{a*70000} HTTP/1.1|Host: x||"),
    same("GET /f.txt HTTP/1.1|Host: x|A: {b*70000}||"),
    // Expect is not for HTTP/1.0: row K13.
    same("GET /f.txt HTTP/1.1|Host: x|Expect: 100-continue||"),
    // Bodies.
    other("POST /f.txt HTTP/1.1|Host: x|Content-Length: 3||abc", "U16: 405"),
    same("GET /f.txt HTTP/1.1|Host: x|Content-Length: 3||abc"),
    // White space and line ends.
    same("GET  /f.txt  HTTP/1.1|Host: x||"),
    same("GET /f.txt HTTP/1.0\n\n"),
    same("GET /f.txt HTTP/1.1\nHost: x\n\n"),
    same("GET /f.txt HTTP/1.1|Host: x||\r\n"),
    other("|GET /f.txt HTTP/1.1|Host: x||", "R6: 200"),
];
