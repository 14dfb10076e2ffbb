"""A backend on loopback, as a process of its own: `python -m benchmarks.backend ok|hanging`.

It prints its port. "ok" reads everything, answers 200 and counts the spans that arrived; "hanging" accepts
and never answers. `GET /count` tells the number of spans; bodies are decoded only then, so that counting costs
no time while something is measured.
"""

from __future__ import annotations

import gzip
import json
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Receiver(ThreadingHTTPServer):
    """Keeps the bodies of all requests."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: list[tuple[str, bytes]] = []

    def count(self) -> int:
        """Return how many spans arrived, as OTLP or as sentry's envelopes."""
        return sum(count_of(path, body) for path, body in tuple(self.bodies))


class Handler(BaseHTTPRequestHandler):
    """Answers 200 to every POST."""

    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        """Keep the body."""
        body = self._body()
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.bodies.append((self.path, body))
        self._answer(b"")

    def do_GET(self) -> None:
        """Tell the count."""
        self._answer(json.dumps(self.server.count()).encode())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the output is read by a program."""


def count_of(path: str, body: bytes) -> int:
    """Return the number of spans in one request."""
    if path.endswith("/v1/traces"):
        request = ExportTraceServiceRequest.FromString(body)
        return sum(len(scope.spans) for one in request.resource_spans for scope in one.scope_spans)
    return body.count(b'"op":"render_frame"') + body.count(b'"op": "render_frame"')


def hang() -> None:
    """Accept connections, read nothing, answer nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        kept = []
        while True:
            kept.append(server.accept())


def main() -> None:
    """Serve until killed."""
    if sys.argv[1] == "hanging":
        hang()
    receiver = Receiver()
    print(receiver.server_address[1], flush=True)
    receiver.serve_forever()


if __name__ == "__main__":
    main()
