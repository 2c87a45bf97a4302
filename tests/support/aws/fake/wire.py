"""The HTTP/1.1 server: keep-alive, a thread a connection, one send an answer.

It knows nothing of AWS. An application is a function from `Request` to `Response`; raising `Hangup` closes
the connection without an answer.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from http.client import responses as REASONS
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Request:
    """One request as it came; `headers` has lower-case names, `path` is still percent-encoded."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Response:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Hangup(Exception):
    """The connection is closed and nothing is answered."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    application = None

    def answer(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        path, _, query = self.path.partition("?")
        request = Request(self.command, path, query, headers, self.read_body(headers))
        try:
            response = self.application(request)
        except Hangup:
            self.close_connection = True
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            return
        self.send(response)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = answer

    def read_body(self, headers):
        if "chunked" in headers.get("transfer-encoding", ""):
            return self.read_chunks()
        length = int(headers.get("content-length") or 0)
        return self.rfile.read(length) if length else b""

    def read_chunks(self):
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def send(self, response):
        lines = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Unknown')}"]
        names = set()
        for name, value in response.headers.items():
            if name.lower() in ("connection", "transfer-encoding", "status"):
                continue
            names.add(name.lower())
            lines.append(f"{name}: {value}")
        without_body = self.command == "HEAD" or response.status in (204, 304)
        if "content-length" not in names and response.status not in (204, 304):
            lines.append(f"Content-Length: {len(response.body)}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")
        try:
            self.wfile.write(head if without_body else head + response.body)
        except OSError:
            self.close_connection = True

    def log_message(self, *_):
        """Nothing is logged: standard output carries the port and no more."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        """A client that went away is no error of the server's."""


def serve(application, port=0):
    """Binds the server; the caller runs `serve_forever`."""
    handler = type("BoundHandler", (Handler,), {"application": staticmethod(application)})
    return Server(("127.0.0.1", port), handler)
