"""Python's side of the differential run: one server on a port that the kernel chose.

    peer.py dispatch             a small BaseHTTPRequestHandler, the twin of tests/src/bin/handlers.rs
    peer.py HTTP/1.0 DIRECTORY   SimpleHTTPRequestHandler, as `python3 -m http.server`
    peer.py HTTP/1.1 DIRECTORY

The answers must not depend on the machine, so the system's tables of media types are not read.
"""
import functools
import mimetypes
import sys
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer

mimetypes.knownfiles.clear()
mimetypes.init()


class Dispatch(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def tell(self):
        length = int(self.headers.get("Content-Length", 0) or 0) if self.command != "GET" else 0
        lines = ["%s %s %s" % (self.command, self.path, self.request_version)]
        lines += ["%s=%s" % field for field in self.headers.items()]
        body = "\n".join(lines).encode("latin-1") + b"\n" + self.rfile.read(length)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        name, _, argument = self.path.partition("?")
        if name == "/error":
            code, *texts = argument.split("&")
            self.send_error(int(code), *texts)
        elif name == "/status":
            self.send_response(int(argument))
            if int(argument) >= 200 and int(argument) not in (204, 205, 304):
                self.send_header("Content-Length", "0")
            self.end_headers()
        elif name == "/reason":
            self.send_response(200, argument)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif name == "/connection":
            self.send_response(200)
            self.send_header("Connection", argument)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif name == "/boom":
            raise RuntimeError("boom")
        else:
            self.tell()

    do_GETX = do_SPAM = do_POST = do_PUT = tell


def main():
    kind, handler = sys.argv[1], Dispatch
    if kind != "dispatch":
        simple = type("Simple", (SimpleHTTPRequestHandler,), {"protocol_version": kind})
        handler = functools.partial(simple, directory=sys.argv[2])
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        print("Serving HTTP on 127.0.0.1 port %d (http://127.0.0.1/) ..." % server.server_port, flush=True)
        server.serve_forever()


main()
