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
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from support.otlp_messages import Signal, decode_request, partial_success

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from typing_extensions import Self

__all__ = ["Answer", "OtlpReceiver", "Received", "Telemetry", "plain", "plain_attributes"]

_PATHS: Final[Mapping[str, Signal]] = {
    "/v1/traces": "traces",
    "/v1/logs": "logs",
    "/v1/metrics": "metrics",
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How to answer one request. Delays are in seconds.

    hang    read the request and never answer (until the receiver closes)
    reset   close the connection with a TCP reset instead of an answer
    drip    send the answer byte by byte with this pause between them
    rejected, words: a partial_success of the request's signal
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/x-protobuf"
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    drip: float = 0.0
    hang: bool = False
    reset: bool = False
    rejected: int = 0
    words: str = ""

    def payload(self, signal: Signal | None) -> bytes:
        if signal is not None and (self.rejected or (self.words and not self.body and self.status < 300)):
            return partial_success(signal, self.rejected, self.words)
        return self.body


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request as it came in; `message` is None where it could not be decoded."""

    signal: Signal | None
    path: str
    headers: Mapping[str, str]
    raw: bytes
    message: Any
    status: int | str
    time: float
    peer: int
    """The client's port: the same for requests on one connection."""
    client_certificate: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Telemetry:
    """A decoded span, log record or metric with what stands around it."""

    resource: dict[str, Any]
    scope: str
    record: Any
    scope_message: Any = None

    @property
    def attributes(self) -> dict[str, Any]:
        return plain_attributes(self.record.attributes)


@dataclass
class _Faults:
    lock: threading.Lock = field(default_factory=threading.Lock)
    queue: list[tuple[Signal | None, Answer]] = field(default_factory=list)
    rule: Callable[[Received], Answer | None] | None = None

    def next_for(self, got: Received) -> Answer:
        with self.lock:
            for index, (signal, answer) in enumerate(self.queue):
                if signal in (None, got.signal):
                    del self.queue[index]
                    return answer
        return (self.rule(got) if self.rule else None) or Answer()


class Inbox:
    """What a receiver got, and the faults it has still to show; shared by the HTTP and the gRPC one."""

    def __init__(self) -> None:
        self._received: list[Received] = []
        self._changed = threading.Condition()
        self._faults = _Faults()
        self.closing = threading.Event()

    def answer(
        self, status: int = 200, *, signal: Signal | None = None, times: int = 1, **options: Any
    ) -> None:
        """Answer the next `times` requests (of `signal`) this way."""
        with self._faults.lock:
            self._faults.queue += [(signal, Answer(status=status, **options))] * times

    def answer_if(self, rule: Callable[[Received], Answer | None] | None) -> None:
        """Let `rule` answer each request for which nothing is queued; its None means 200."""
        self._faults.rule = rule

    def take(self, got: Received) -> Answer:
        answer = self._faults.next_for(got)
        status = "reset" if answer.reset else "hang" if answer.hang else answer.status
        with self._changed:
            self._received.append(Received(**{**got.__dict__, "status": status}))
            self._changed.notify_all()
        return answer

    @property
    def requests(self) -> list[Received]:
        with self._changed:
            return list(self._received)

    def accepted(self, signal: Signal) -> list[Received]:
        """Return the requests of `signal` that were answered with success, empty ones included."""
        return [got for got in self.requests if got.signal == signal and got.status in (200, 202, "OK")]

    def _telemetry(self, signal: Signal, outer: str, inner: str, record: str) -> list[Telemetry]:
        return [
            Telemetry(plain_attributes(group.resource.attributes), scoped.scope.name, one, scoped)
            for got in self.accepted(signal)
            for group in getattr(got.message, outer)
            for scoped in getattr(group, inner)
            for one in getattr(scoped, record)
        ]

    def spans(self) -> list[Telemetry]:
        return self._telemetry("traces", "resource_spans", "scope_spans", "spans")

    def logs(self) -> list[Telemetry]:
        return self._telemetry("logs", "resource_logs", "scope_logs", "log_records")

    def metrics(self) -> list[Telemetry]:
        return self._telemetry("metrics", "resource_metrics", "scope_metrics", "metrics")

    def wait_for(self, condition: Callable[[], object], timeout: float = 10.0) -> None:
        """Wait until `condition` holds, looking again after each request; fail after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"not so within {timeout} s; {len(self._received)} requests came")
                self._changed.wait(min(left, 0.2))

    def clear(self) -> None:
        with self._changed:
            self._received.clear()


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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        signal = _PATHS.get(self.path)
        body = gzip.decompress(raw) if self.headers.get("content-encoding") == "gzip" else raw
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
        answer = self.server.inbox.take(got)
        if signal is None and answer == Answer():
            answer = Answer(status=404, content_type="text/plain", body=b"404 page not found")
        elif message is None and answer == Answer():
            answer = Answer(status=400, content_type="text/plain", body=b"not an OTLP request")
        self._answer(answer, signal)

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


def plain(value: AnyValue) -> Any:
    """Return an AnyValue as a plain Python value."""
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return [plain(one) for one in value.array_value.values]
    if which == "kvlist_value":
        return plain_attributes(value.kvlist_value.values)
    return getattr(value, which)


def plain_attributes(attributes: Sequence[KeyValue]) -> dict[str, Any]:
    """Return attributes as a plain dict; a key that comes twice is an error, as the specification says."""
    found: dict[str, Any] = {}
    for one in attributes:
        if one.key in found:
            raise AssertionError(f"attribute {one.key!r} comes twice")
        found[one.key] = plain(one.value)
    return found


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
