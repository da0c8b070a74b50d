//! What scripts are told, and what becomes of what they say.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use super::{HELLO, ask, server_with};
use crate::client::{End, request};
use crate::harness::{PATIENCE, Server, has, run, spawn};

#[test]
fn a_shell_script_answers() {
    let (_directory, server) = server_with(&[("hello", HELLO)], &[]);
    let answer = ask(&server, "GET /cgi-bin/hello HTTP/1.0||");
    assert_eq!((answer.status, answer.text().as_str(), answer.end), (200, "hello\n", End::Fin), "{}", answer.head);
    assert_eq!(answer.field("Content-Type"), Some("text/plain"));
    assert!(answer.field("Server").is_some() && answer.field("Date").is_some());
    let answer = ask(&server, "HEAD /cgi-bin/hello HTTP/1.0||");
    assert_eq!((answer.status, answer.body.len()), (200, 0), "HEAD has no body");
}

/// Kept connections get chunks, and Python's client agrees with what they hold.
#[test]
fn connections_are_kept_behind_scripts() {
    let counting = "#!/bin/sh\nprintf 'Content-Type: a/b\\n\\n'\nfor i in 1 2 3; do echo $i; sleep 0.05; done\n";
    let sized = "#!/bin/sh\nprintf 'Content-Length: 5\\r\\n\\r\\n12345'\n";
    let (_directory, server) = server_with(&[("count", counting), ("sized", sized), ("hello", HELLO)], &[]);
    if !has("python3") {
        return;
    }
    let fetch = r"
import http.client, sys
c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=30)
c.connect(); first = c.sock
for path in ['count', 'sized', 'hello', 'count']:
    c.request('GET', '/cgi-bin/' + path)
    r = c.getresponse()
    print(r.status, r.getheader('Transfer-Encoding'), r.read())
    assert c.sock is first, 'the connection was closed'
";
    let port = server.address().port().to_string();
    let said = run(Command::new("python3").args(["-c", fetch, &port])).stdout;
    let count = "200 chunked b'1\\n2\\n3\\n'\n";
    let expected = format!("{count}200 None b'12345'\n200 chunked b'hello\\n'\n{count}");
    assert_eq!(String::from_utf8_lossy(&said), expected);
}

/// The whole environment of a script, as Python's `os.environ` shows it (row C4).
#[test]
fn a_python_script_sees_its_environment() {
    if !has("python3") {
        return;
    }
    let script = "#!/usr/bin/env python3\nimport os, sys\nprint('Content-Type: text/plain')\nprint()\n\
                  for name in sorted(os.environ): print(name + '=' + os.environ[name])\n\
                  print('argv', sys.argv[1:], 'cwd', os.getcwd())\n\
                  print('uid', os.getuid())\nprint('fds', sorted(os.listdir('/proc/self/fd'))[:3])\n";
    let (directory, server) = server_with(&[("env.py", script)], &["--server-token", "Token"]);
    let answer = ask(
        &server,
        "GET /cgi-bin/env.py/extra%20path/x?a=b?c=d HTTP/1.0|Host: example|Proxy: http://evil/|\
         Authorization: Basic eDp5|Cookie: a=1|Cookie: b=2|X-Many: 1|x-many: 2|X_Under: no|User-Agent: test||",
    );
    let text = answer.text();
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let root = directory.path().to_str().expect("text");
    for (name, expected) in [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_PROTOCOL", "HTTP/1.0"),
        ("SERVER_SOFTWARE", "Token"),
        ("SERVER_NAME", "127.0.0.1"),
        ("SERVER_PORT", &server.address().port().to_string()),
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", "/cgi-bin/env.py"),
        ("PATH_INFO", "/extra path/x"),
        ("PATH_TRANSLATED", &format!("{root}/extra path/x")),
        ("QUERY_STRING", "a=b?c=d"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("HTTP_HOST", "example"),
        ("HTTP_COOKIE", "a=1; b=2"),
        ("HTTP_X_MANY", "1, 2"),
        ("HTTP_USER_AGENT", "test"),
    ] {
        assert_eq!(value(name), Some(expected), "{name} in {text}");
    }
    for name in ["HTTP_PROXY", "HTTP_AUTHORIZATION", "HTTP_X_UNDER", "CONTENT_LENGTH", "CONTENT_TYPE", "CARGO", "HOME"]
    {
        assert_eq!(value(name), None, "{name}");
    }
    assert!(text.contains(&format!("argv [] cwd '{root}/cgi-bin'")) || text.contains(&format!("cwd {root}/cgi-bin")));
    let uid = fs::metadata("/proc/self").map(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata)).expect("Linux");
    let expected = if uid == 0 { 65_534 } else { uid };
    assert!(text.contains(&format!("uid {expected}\n")), "{text}");
}

/// Rows C1 and C2: what is no script is refused with Python's words, and no source is ever served.
#[test]
fn what_is_no_script_is_refused_and_never_shown() {
    let (directory, server) = server_with(&[("hello", HELLO), ("sub/deep", HELLO)], &[]);
    fs::write(directory.path().join("cgi-bin/plain"), "the source").expect("a file");
    fs::write(directory.path().join("page"), "a page").expect("a file");
    for (target, status, message) in [
        ("/cgi-bin/nope", 404, "No such CGI script ('/cgi-bin/nope')"),
        ("/cgi-bin/sub/nope/x", 404, "No such CGI script ('/cgi-bin/sub/nope')"),
        ("/cgi-bin/plain", 403, "CGI script is not executable ('/cgi-bin/plain')"),
        ("/cgi-bin/./plain", 403, "CGI script is not executable ('/cgi-bin/plain')"),
        ("/cgi-bin/%70lain", 403, "CGI script is not executable ('/cgi-bin/plain')"),
        ("/x/../cgi-bin//plain", 403, "CGI script is not executable ('/cgi-bin/plain')"),
        ("/cgi-bin/sub", 403, "CGI script is not a plain file ('/cgi-bin/sub')"),
        ("/cgi-bin", 403, "CGI script is not a plain file ('/cgi-bin')"),
        ("/cgi-bin/", 403, "CGI script is not a plain file ('/cgi-bin')"),
    ] {
        let answer = ask(&server, &format!("GET {target} HTTP/1.0||"));
        assert_eq!(answer.status, status, "{target}: {}", answer.head);
        let line = answer.head.lines().next().unwrap_or_default();
        assert!(line.ends_with(message), "{target}: {line}");
        assert!(!answer.text().contains("the source"), "{target}");
    }
    for target in ["/cgi-bin%2fplain", "/cgi-bin/..%2fcgi-bin/plain"] {
        assert!(!ask(&server, &format!("GET {target} HTTP/1.0||")).text().contains("the source"), "{target}");
    }
    assert_eq!(ask(&server, "GET /cgi-bin/sub/deep/info HTTP/1.0||").text(), "hello\n");
    assert_eq!(ask(&server, "GET /page HTTP/1.0||").text(), "a page");
    let answer = ask(&server, "POST /page HTTP/1.0|Content-Length: 0||");
    assert_eq!(answer.status, 501);
    assert!(answer.head.starts_with("HTTP/1.1 501 Can only POST to CGI scripts"), "{}", answer.head);
}

/// Without the flag a script is a file like any other, as with Python.
#[test]
fn scripts_are_off_by_default() {
    let directory = crate::harness::site(&[("cgi-bin/hello", HELLO.as_bytes())]);
    let server = Server::serve(directory.path());
    assert_eq!(ask(&server, "GET /cgi-bin/hello HTTP/1.0||").text(), HELLO);
}

/// Row C3, and what a script may say of its answer.
#[test]
fn heads_of_scripts_are_obeyed() {
    let scripts = [
        ("status", "#!/bin/sh\nprintf 'Status: 404 Gone Fishing\\nX-Own: 1\\nServer: mine\\n\\nnot here'\n"),
        ("moved", "#!/bin/sh\nprintf 'Location: http://example/\\n\\n'\n"),
        ("nph-raw", "#!/bin/sh\nprintf 'HTTP/1.0 299 Mine\\r\\nX: y\\r\\n\\r\\nraw'\n"),
        ("empty", "#!/bin/sh\nprintf 'Status: 204 No Content\\n\\n'\n"),
    ];
    let (_directory, server) = server_with(&scripts, &[]);
    let answer = ask(&server, "GET /cgi-bin/status HTTP/1.0||");
    assert!(answer.head.starts_with("HTTP/1.1 404 Gone Fishing\r\n"), "{}", answer.head);
    assert_eq!((answer.text().as_str(), answer.field("X-Own")), ("not here", Some("1")));
    assert_eq!(answer.head.matches("\r\nServer: ").count(), 1, "one server answers");
    let answer = ask(&server, "GET /cgi-bin/moved HTTP/1.0||");
    assert_eq!((answer.status, answer.field("Location")), (302, Some("http://example/")));
    let answer = ask(&server, "GET /cgi-bin/nph-raw HTTP/1.1|Host: x||");
    assert_eq!(answer.head, "HTTP/1.0 299 Mine\r\nX: y\r\n\r\n");
    assert_eq!((answer.text().as_str(), answer.end), ("raw", End::Fin), "a script that speaks for itself ends it too");
    assert_eq!(ask(&server, "GET /cgi-bin/empty HTTP/1.0||").status, 204);
}

/// Row C3, RFC 3875 section 6.2.2: a path in Location, and nothing else, is answered here as if it had been asked for.
#[test]
fn a_path_in_location_is_answered_here() {
    let leads = |to: &str| format!("#!/bin/sh\ncat > /dev/null\nprintf 'Location: {to}\\n\\n'\n");
    let query = "#!/bin/sh\nprintf 'X: y\\n\\n%s %s %s' \"$REQUEST_METHOD\" \"$QUERY_STRING\" \"$CONTENT_LENGTH\"\n";
    let scripts = [
        ("page", &leads("/page?a=b")[..]),
        ("script", &leads("/cgi-bin/query?a=b")),
        ("twice", &leads("/cgi-bin/page")),
        ("loop", &leads("/cgi-bin/loop")),
        ("nowhere", &leads("/none")),
        ("broken", &leads("/a b")),
        ("said", "#!/bin/sh\nprintf 'Location: /page\\nX-Own: 1\\n\\n'\n"),
        ("host", &leads("//example/page")),
        ("query", query),
    ];
    let (directory, mut server) = server_with(&scripts, &[]);
    fs::write(directory.path().join("page"), "a page").expect("a file");
    for (request, status, text) in [
        ("GET /cgi-bin/page HTTP/1.0||", 200, "a page"),
        ("GET /cgi-bin/script?c=d HTTP/1.0||", 200, "GET a=b "),
        ("POST /cgi-bin/script HTTP/1.0|Content-Length: 4||body", 200, "GET a=b "),
        ("GET /cgi-bin/twice HTTP/1.0||", 200, "a page"),
        ("HEAD /cgi-bin/page HTTP/1.0||", 200, ""),
        ("GET /cgi-bin/page HTTP/1.0|Range: bytes=2-||", 206, "page"),
    ] {
        let answer = ask(&server, request);
        assert_eq!((answer.status, answer.text().as_str()), (status, text), "{request}: {}", answer.head);
        assert_eq!(answer.field("Location"), None, "{request}");
    }
    for (name, status, location) in [
        ("loop", 502, None),
        ("broken", 502, None),
        ("nowhere", 404, None),
        ("said", 302, Some("/page")),
        ("host", 302, Some("//example/page")),
    ] {
        let answer = ask(&server, &format!("GET /cgi-bin/{name} HTTP/1.0||"));
        assert_eq!((answer.status, answer.field("Location")), (status, location), "{name}: {}", answer.head);
    }
    // The connection goes on, or ends, as if nothing had been led anywhere.
    let mut client = server.client();
    for _ in 0..2 {
        let lines = "Content-Length: 4\r\nContent-Type: a/b\r\n";
        let answer = client.ask(&[&request("POST", "/cgi-bin/page", lines)[..], b"body"].concat());
        assert_eq!((answer.status, &answer.body[..]), (200, &b"a page"[..]));
    }
    let (bytes, end) = server.client().send(b"GET /cgi-bin/page HTTP/1.1\nHost: x\n\n").read_to_end();
    assert!(bytes.ends_with(b"a page") && end == End::Fin, "a tolerated line still ends it");
    assert_eq!(server.client().send(b"GET /cgi-bin/page\r\n").read_to_end().0, b"a page");
    server.assert_serves();
}

/// What Python's own CGI server says of the same scripts, as far as it is right (rows C2 to C4).
#[test]
fn scripts_say_the_same_behind_python() {
    if !has("python3") {
        return;
    }
    let script = "#!/bin/sh\necho 'Content-Type: text/plain'\necho\nfor v in REQUEST_METHOD SCRIPT_NAME PATH_INFO \
                  QUERY_STRING GATEWAY_INTERFACE REMOTE_ADDR CONTENT_LENGTH CONTENT_TYPE HTTP_USER_AGENT; do\n\
                  eval echo \"$v=\\$$v\"\ndone\ncat\n";
    let (directory, server) = server_with(&[("vars", script)], &[]);
    let program = "import http.server, os, sys\nos.chdir(sys.argv[1])\n\
                   s = http.server.HTTPServer(('127.0.0.1', 0), http.server.CGIHTTPRequestHandler)\n\
                   print('serving port', s.server_address[1], 'x', flush=True)\ns.serve_forever()\n";
    let mut python = Command::new("python3")
        .args(["-W", "ignore", "-c", program])
        .arg(directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut out = python.stdout.take().expect("piped");
    let first = spawn(move || {
        let mut line = [0; 64];
        let len = out.read(&mut line).unwrap_or(0);
        String::from_utf8_lossy(&line[..len]).into_owned()
    });
    let banner = first.recv_timeout(PATIENCE);
    let port = banner.as_ref().ok().and_then(|line| line.split(' ').nth(2)).and_then(|port| port.parse::<u16>().ok());
    let Some(port) = port else {
        let _ = python.kill();
        let _ = python.wait();
        assert!(banner.is_ok(), "Python did not start in {PATIENCE:?}");
        return println!("note: this Python has no CGI server; nothing to compare with");
    };
    for request in [
        "GET /cgi-bin/vars/info?x=1 HTTP/1.0|User-Agent: me||",
        "POST /cgi-bin/vars HTTP/1.0|Content-Type: a/b|Content-Length: 4|User-Agent: me||body",
    ] {
        let ours = ask(&server, request).text();
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.write_all(request.replace('|', "\r\n").as_bytes()).expect("it reads");
        // Behind Python a script reads from the socket itself, and so never finds an end before the peer makes one (row C6).
        stream.shutdown(std::net::Shutdown::Write).expect("it is connected");
        let mut theirs = Vec::new();
        stream.read_to_end(&mut theirs).expect("it answers");
        let theirs = String::from_utf8_lossy(&theirs).into_owned();
        let theirs = theirs.split_once("\n\n").map_or("", |(_, body)| body);
        // Python says text/plain where a request has no type; RFC 3875 section 4.1.3 wants nothing there.
        assert_eq!(ours, theirs.replace("CONTENT_TYPE=text/plain", "CONTENT_TYPE="), "{request}");
    }
    let _ = python.kill();
    let _ = python.wait();
}
