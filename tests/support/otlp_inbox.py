"""What a receiver got, and how it is told to misbehave; shared by the HTTP and the gRPC one."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.otlp_messages import Signal, partial_success

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

__all__ = ["Answer", "Inbox", "Received", "Telemetry", "plain", "plain_attributes"]


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
        return (self.rule(got) if self.rule else None) or _honest(got)


def _honest(got: Received) -> Answer:
    """Return what a sound receiver answers."""
    if got.signal is None:
        return Answer(status=404, content_type="text/plain", body=b"404 page not found")
    if got.message is None:
        return Answer(status=400, content_type="text/plain", body=b"not an OTLP request")
    return Answer()


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

    def logs_in_order(self) -> list[Telemetry]:
        """Return the log records but session.environment, which the keeper tells when it finds the time."""
        told_later = ("session.environment", "session.packages")
        return [one for one in self.logs() if one.record.event_name not in told_later]

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
