"""A real OTLP receiver on loopback, HTTP and gRPC, that misbehaves on demand.

Everything that arrives is decoded by the official protobuf classes: a test sees what a back end would see.
Faults are answers put in a queue (`receiver.answer(503, times=2)`), or a function that looks at the decoded
request (`receiver.answer_if(lambda got: Answer(status=400) if ... else None)`).

    with OtlpReceiver() as receiver:
        deliver_to(receiver.url("traces"))
        receiver.wait_for(lambda: len(receiver.spans()) == 3)

As a program: `python -m support.otlp_receiver --port 4318 --grpc-port 4317` prints a line for each request.
"""

from __future__ import annotations

import argparse
import gzip
import socket
import struct
import sys
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from support.otlp_inbox import Answer, Inbox, Received, Telemetry, plain, plain_attributes
from support.otlp_messages import Signal, decode_request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Answer", "Inbox", "OtlpReceiver", "Received", "Telemetry", "plain", "plain_attributes"]

_PATHS: Final[Mapping[str, Signal]] = {
    "/v1/traces": "traces",
    "/v1/logs": "logs",
    "/v1/metrics": "metrics",
}


class OtlpReceiver(Inbox):
    """OTLP/HTTP on 127.0.0.1; with `tls` over HTTPS (client certificates as the context says)."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, port: int = 0, keep: bool = True) -> None:
        super().__init__()
        self._scheme = "https" if tls else "http"
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.inbox = self
        self._server.keep = keep
        if tls is not None:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def base(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def url(self, signal: Signal) -> str:
        return f"{self.base}/v1/{signal}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering and close every connection."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.close_connections()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128
    inbox: Inbox
    keep: bool

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in tuple(self._open):
            self.shutdown_request(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: broken connections are what these tests are about."""


_UNPACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        signal = _PATHS.get(self.path)
        encoding = self.headers.get("content-encoding")
        unpack = _UNPACK.get(encoding or "")
        body = raw if unpack is None else unpack(raw)
        message = decode_request(signal, body) if signal else None
        certificate = getattr(self.connection, "getpeercert", lambda: None)()
        got = Received(
            signal=signal,
            path=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            raw=raw if self.server.keep else b"",
            message=message,
            status=0,
            time=time.monotonic(),
            peer=self.client_address[1],
            client_certificate=certificate,
        )
        self._answer(self.server.inbox.take(got), signal)

    def _answer(self, answer: Answer, signal: Signal | None) -> None:
        if answer.hang:
            self.server.inbox.closing.wait(60)
            self.close_connection = True
            return
        if answer.delay:
            self.server.inbox.closing.wait(answer.delay)
        if answer.reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            return
        body = answer.payload(signal)
        head = [f"HTTP/1.1 {answer.status} Status", f"content-type: {answer.content_type}"]
        head += [f"{name}: {value}" for name, value in answer.headers]
        if not any(name.lower() == "content-length" for name, _ in answer.headers):
            head.append(f"content-length: {len(body)}")
        self._write("\r\n".join([*head, "", ""]).encode("latin-1") + body, answer.drip)

    def _write(self, data: bytes, drip: float) -> None:
        if not drip:
            self.wfile.write(data)
            return
        for index in range(len(data)):
            self.wfile.write(data[index : index + 1])
            self.wfile.flush()
            if self.server.inbox.closing.wait(drip):
                return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Receive until killed, and print a line for each request."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=4318)
    parser.add_argument("--grpc-port", type=int, default=0, help="0: no gRPC")
    options = parser.parse_args(arguments)
    receivers: list[Inbox] = [OtlpReceiver(port=options.port).__enter__()]
    if options.grpc_port:
        from support.otlp_grpc_receiver import OtlpGrpcReceiver  # noqa: PLC0415

        receivers.append(OtlpGrpcReceiver(port=options.grpc_port).__enter__())
    while True:
        for receiver in receivers:
            for got in receiver.requests:
                sys.stdout.write(f"{got.path} {got.status} {len(got.raw)} bytes\n")
                sys.stdout.flush()
            receiver.clear()
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
