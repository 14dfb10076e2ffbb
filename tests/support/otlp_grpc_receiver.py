"""The gRPC half of the receiver: same inbox, same faults; a status is the name of a gRPC code.

with OtlpGrpcReceiver() as receiver:
    receiver.refuse("UNAVAILABLE", retry_after=2.0)
"""

from __future__ import annotations

import threading
import time
from concurrent import futures
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from support.otlp_inbox import Answer, Inbox, Received
from support.otlp_messages import RESPONSES, SERVICES, Signal, decode_request, partial_success

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["OtlpGrpcReceiver"]

_MAX_MESSAGE: Final = 4 << 20


class OtlpGrpcReceiver(Inbox):
    """OTLP/gRPC on 127.0.0.1 with the usual limit of 4 MiB a message."""

    def __init__(self, *, credentials: Any = None, port: int = 0) -> None:
        super().__init__()
        self._codes: list[tuple[str, str, float | None]] = []
        self._codes_lock = threading.Lock()
        self._code_rule: Callable[[Received], str | None] | None = None
        self._scheme = "https" if credentials else "http"
        options = [("grpc.max_receive_message_length", _MAX_MESSAGE), ("grpc.so_reuseport", 0)]
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=options)
        self._server.add_generic_rpc_handlers((_Handler(self),))
        address = f"127.0.0.1:{port}"
        self.port: int = (
            self._server.add_secure_port(address, credentials)
            if credentials
            else self._server.add_insecure_port(address)
        )

    @property
    def base(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def url(self, signal: Signal) -> str:
        return self.base

    def refuse(self, code: str, words: str = "", *, retry_after: float | None = None, times: int = 1) -> None:
        """Answer the next `times` calls with this status, with a RetryInfo where `retry_after` is given."""
        with self._codes_lock:
            self._codes += [(code, words, retry_after)] * times

    def refuse_if(self, rule: Callable[[Received], str | None] | None) -> None:
        """Let `rule` name the code for each call for which none is queued; None means OK."""
        self._code_rule = rule

    def call(self, signal: Signal, raw: bytes, context: Any) -> bytes:
        """Answer one call."""
        headers = {str(name): _text(value) for name, value in context.invocation_metadata()}
        got = Received(
            signal=signal,
            path=SERVICES[signal],
            headers=headers,
            raw=raw,
            message=decode_request(signal, raw),
            status="OK",
            time=time.monotonic(),
            peer=int(context.peer().rpartition(":")[2]),
        )
        with self._codes_lock:
            queued = self._codes.pop(0) if self._codes else None
        code, words, retry_after = queued or (
            (self._code_rule(got) if self._code_rule else None) or "OK",
            "",
            None,
        )
        answer = self.take(Received(**{**got.__dict__, "status": code}))
        if code != "OK":
            self._abort(context, code, words, retry_after)
        return self._answer(answer, signal)

    def take(self, got: Received) -> Answer:
        answer = self._faults.next_for(got)
        status = "hang" if answer.hang else got.status
        with self._changed:
            self._received.append(Received(**{**got.__dict__, "status": status}))
            self._changed.notify_all()
        return answer

    def _answer(self, answer: Answer, signal: Signal) -> bytes:
        if answer.hang:
            self.closing.wait(60)
        if answer.delay:
            self.closing.wait(answer.delay)
        if answer.rejected or answer.words:
            return partial_success(signal, answer.rejected, answer.words)
        return bytes(RESPONSES[signal]().SerializeToString())

    @staticmethod
    def _abort(context: Any, code: str, words: str, retry_after: float | None) -> None:
        status = getattr(grpc.StatusCode, code)
        if retry_after is not None:
            info = RetryInfo()
            info.retry_delay.FromNanoseconds(int(retry_after * 1e9))
            detail = AnyMessage()
            detail.Pack(info)
            message = Status(code=status.value[0], message=words, details=[detail])
            context.set_trailing_metadata((("grpc-status-details-bin", message.SerializeToString()),))
        context.abort(status, words)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, without waiting for calls that hang."""
        self.closing.set()
        self._server.stop(grace=None).wait(5)


class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio publishes no types
    def __init__(self, receiver: OtlpGrpcReceiver) -> None:
        self._by_method: dict[str, Signal] = {
            f"/{service}/Export": signal for signal, service in SERVICES.items()
        }
        self._receiver = receiver

    def service(self, details: Any) -> Any:
        signal = self._by_method.get(details.method)
        if signal is None:
            return None
        return grpc.unary_unary_rpc_method_handler(
            lambda raw, context: self._receiver.call(signal, raw, context)
        )


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
