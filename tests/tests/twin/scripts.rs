//! The scripts, as data: what peers do, in order.

/// What one peer does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Sends these bytes in one write.
    Send(&'static [u8]),
    /// Sends that request with a body of so many bytes.
    Post(usize),
    /// Says that no more comes.
    HalfClose,
    /// Goes without a word. Nothing is seen of it any more.
    Close,
    /// The server is asked to drain.
    Drain,
}

use Act::{Close, Drain, HalfClose, Post, Send};

/// A name, and acts with the number of the peer; a peer connects with its first act.
pub type Script = (&'static str, &'static [(usize, Act)]);

/// What scripts send most.
const A: Act = Send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n");

/// Every script.
pub const SCRIPTS: &[Script] = &[
    ("one request", &[(0, A)]),
    ("kept alive", &[(0, A), (0, Send(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n"))]),
    (
        "pipelined",
        &[(
            0,
            Send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\nHEAD /c HTTP/1.1\r\nHost: x\r\n\r\n"),
        )],
    ),
    (
        "in pieces",
        &[(0, Send(b"GE")), (0, Send(b"T /a HTTP/1.1\r\nHo")), (0, Send(b"st: x\r\n\r")), (0, Send(b"\n"))],
    ),
    (
        "a body",
        &[(0, Send(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")), (0, Send(b"hel")), (0, Send(b"lo"))],
    ),
    ("a large body", &[(0, Post(200_000)), (0, A)]),
    // Only its beginning is sent: what a peer sees of a connection that is closed while it still sends is a race.
    (
        "a body that is too large",
        &[(0, Send(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\nonly the beginning"))],
    ),
    (
        "chunks",
        &[
            (0, Send(b"POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")),
            (0, Send(b"lo\r\n0\r\n\r\n")),
        ],
    ),
    (
        "asked to continue",
        &[
            (0, Send(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")),
            (0, Send(b"ok")),
        ],
    ),
    (
        "refused before the body came",
        &[(0, Send(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: more\r\n\r\n")), (0, Send(b"ok"))],
    ),
    ("close", &[(0, Send(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))]),
    ("HTTP/1.0", &[(0, Send(b"GET /a HTTP/1.0\r\n\r\n"))]),
    ("HTTP/0.9", &[(0, Send(b"GET /a\r\n"))]),
    ("bare line feeds", &[(0, Send(b"GET /a HTTP/1.1\nHost: x\n\n"))]),
    (
        "half-closed behind two",
        &[(0, Send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n")), (0, HalfClose)],
    ),
    ("half-closed inside a head", &[(0, Send(b"GET /a HTTP/1.1\r\nHos")), (0, HalfClose)]),
    (
        "half-closed inside a body",
        &[(0, Send(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")), (0, HalfClose)],
    ),
    ("half-closed at once", &[(0, HalfClose)]),
    ("a bad head", &[(0, Send(b"GET /a HTTP/1.1\r\nHost : x\r\n\r\n"))]),
    ("a bad chunk", &[(0, Send(b"POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"))]),
    ("TLS", &[(0, Send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"))]),
    ("an unknown command", &[(0, Send(b"BREW /a HTTP/1.1\r\nHost: x\r\n\r\n"))]),
    ("a known one that is not served", &[(0, Send(b"DELETE /a HTTP/1.1\r\nHost: x\r\n\r\n"))]),
    ("a panic", &[(0, Send(b"GET /panic HTTP/1.1\r\nHost: x\r\n\r\n")), (1, A)]),
    ("a large answer", &[(0, Send(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n"))]),
    (
        "files",
        &[
            (0, Send(b"GET /file/large HTTP/1.1\r\nHost: x\r\n\r\nGET /file/small HTTP/1.1\r\nHost: x\r\n\r\n")),
            (0, Send(b"HEAD /file/large HTTP/1.1\r\nHost: x\r\n\r\nGET /file/empty HTTP/1.1\r\nHost: x\r\n\r\n")),
            (0, Send(b"GET /file/none HTTP/1.1\r\nHost: x\r\n\r\nGET /file/../secret HTTP/1.1\r\nHost: x\r\n\r\n")),
            (0, Send(b"GET /file/directory HTTP/1.1\r\nHost: x\r\n\r\nGET /list HTTP/1.1\r\nHost: x\r\n\r\n")),
        ],
    ),
    ("half-closed behind a file", &[(0, Send(b"GET /file/large HTTP/1.1\r\nHost: x\r\n\r\n")), (0, HalfClose)]),
    (
        "three peers",
        &[
            (0, Send(b"GET /a HTTP/1.1\r\nHo")),
            (1, Send(b"GET /file/large HTTP/1.0\r\n\r\n")),
            (2, Send(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\n")),
            (0, Send(b"st: x\r\n\r\n")),
            (2, Close),
            (0, HalfClose),
        ],
    ),
    (
        "a drain",
        &[
            (0, A),
            (1, Send(b"GET /a HTTP/1.1\r\nHo")),
            (2, Send(b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")),
            (0, Drain),
            (1, Send(b"st: x\r\n\r\n")),
            (2, Send(b"lo")),
        ],
    ),
];
