"""What the wrappers of `http` report to: it begins and ends the span of each request.

Every entry is guarded. A request is nobody's business here while an official instrumentation records it (its
context says so), while it is an export of telemetry, and while clientobs records nothing.
"""

from __future__ import annotations

import errno
import functools
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urljoin

from clientobs._guarded import faults
from clientobs.instruments.http import telling
from clientobs.instruments.http.attempts import Attempts, calls_for_another
from clientobs.instruments.http.exchange import EXCHANGE, LINE, Exchange, Line, line_of, listen
from clientobs.instruments.http.target import Target, has_header, target_of, target_of_words
from clientobs.record import recorder as _recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.http.attempts import Key
    from clientobs.instruments.http.hosts import Listed
    from clientobs.instruments.http.measures import Measures
    from clientobs.instruments.meter import Meter
    from clientobs.instruments.patching import Switch

__all__ = ["Desk"]

F = TypeVar("F", bound="Callable[..., Any]")

_STARTED: Final = "Request-started"
_ASKING: Final = {"_make_request": "url", "_conn_request": "request_uri"}
"""Functions of urllib3 and httplib2 that connect before they put a request: their names for what is asked."""
_HUNG_UP: Final = (errno.EPIPE, errno.ECONNRESET, errno.EPROTOTYPE)
_FRAMES: Final = 8
_MOST_CLASSES: Final = 256


def _guarded(method: F) -> F:
    """Let no exception of ours out, and add the time to the instrument's cost."""
    place = f"http.{method.__name__}"

    @functools.wraps(method)
    def call(self: Desk, *args: Any) -> Any:
        began = self.meter.now()
        try:
            return method(self, *args)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record(place, error)
            return None
        finally:
            self.meter.spend(began)

    return call  # type: ignore[return-value]  # the same signature


class Here(threading.local):
    """What a thread is about."""

    def __init__(self) -> None:
        self.awaited: Exchange | None = None
        """The request whose answer is about to be made an object."""


class Desk:
    """See the module's docstring. `switch` is the instrument's, `meter` what the instrument costs."""

    def __init__(
        self,
        *,
        switch: Switch,
        meter: Meter,
        measures: Measures,
        listed: Listed,
        get_current: Callable[[], Any],
        span_key: str,
        suppressed: tuple[str, ...],
        tracer: Callable[[], Any],
        now: Callable[[], int],
        meet: Callable[[type], None],
    ) -> None:
        self.switch = switch
        self.meter = meter
        self.here = Here()
        self.known: set[type] = set()
        self.mono: Callable[[], int] = time.monotonic_ns
        self.attempts = Attempts()
        self._measures = measures
        self._listed = listed
        self._get_current = get_current
        self._span_key = span_key
        self._suppressed = suppressed
        self._tracer = tracer
        self._now = now
        self._meet = meet
        self._open: weakref.WeakSet[Exchange] = weakref.WeakSet()
        self._generation = 0

    # Connections

    @_guarded
    def meet(self, kind: type) -> None:
        """Look at a class of connections for the first time."""
        if len(self.known) < _MOST_CLASSES:
            self.known.add(kind)
            self._meet(kind)

    def line(self, connection: Any) -> Line | None:
        """Return what a connection remembers, where that is anything."""
        fields = getattr(connection, "__dict__", None)
        return fields.get(LINE) if fields is not None and self.switch.on else None

    @_guarded
    def connecting(self, connection: Any) -> Line | None:
        """Take note that a connection is being made; None where that is seen already."""
        line = line_of(connection) if self.switch.on else None
        if line is None or line.connecting:
            return None
        line.connecting = True
        return line

    @_guarded
    def connected(self, line: Line, began: int) -> None:
        """Keep how long the connection took, for the request that it was made for."""
        line.connecting = False
        spent = self.mono() - began
        if line.exchange is not None:
            line.exchange.connect_time = spent
        else:
            line.connected = (began, spent)

    @_guarded
    def not_connected(self, connection: Any, line: Line, began: int, error: BaseException) -> None:
        """Write the span of a request for which there was no connection, where it hasn't begun yet."""
        line.connecting = False
        line.connected = None
        if line.exchange is not None:
            line.exchange.connect_time = self.mono() - began
            return  # `not_sent` is told as well
        method, path = _asked_for(sys._getframe(3))  # noqa: SLF001  # above the wrapper and the guard
        exchange = self._start(connection, target_of_words(connection, method, path), (began, 0))
        if exchange is not None:
            exchange.connect_time = self.mono() - began
            self._fail(exchange, error)

    # Requests

    @_guarded
    def begin(self, connection: Any) -> Exchange | None:
        """Begin the span of the request in a connection's buffer; None where it is not ours to record."""
        if not self.switch.on:
            return None
        line = line_of(connection)
        if line is None or getattr(connection, "_HTTPConnection__state", _STARTED) != _STARTED:
            return None
        before, line.exchange = line.exchange, None
        if before is not None:
            before.finish(before)
        target = target_of(connection)
        connected, line.connected = line.connected, None
        exchange = None if target is None else self._start(connection, target, connected)
        line.exchange = exchange
        if exchange is not None and self._listed(exchange.target.host):
            self._propagate(connection, exchange.span)
        return exchange

    def _start(self, connection: Any, target: Target, connected: tuple[int, int] | None) -> Exchange | None:
        recorder = _recorder.active()
        if recorder is None or target.is_telemetry or type(connection).__module__.startswith("clientobs."):
            return None
        context = self._get_current()
        for key in self._suppressed:
            if context.get(key):
                return None
        began = self.mono() if connected is None else connected[0]
        span = self._tracer().start_span(
            target.method if target.known else "HTTP",
            context,
            kind=telling.CLIENT,
            attributes=telling.asked(target, recorder),
            start_time=self._now() - (self.mono() - began),
        )
        exchange = Exchange(target, span, began, self._finish)
        outer = context.get(self._span_key)
        exchange.trace = 0 if outer is None else outer.get_span_context().trace_id
        exchange.generation = self._generation
        if connected is not None:
            exchange.connect_time = connected[1]
        self._open.add(exchange)
        return exchange

    def _propagate(self, connection: Any, span: Any) -> None:
        own = span.get_span_context()
        if own.is_valid and not has_header(connection, b"traceparent"):
            flags = own.trace_flags & 0xFF
            header = f"traceparent: 00-{own.trace_id:032x}-{own.span_id:016x}-{flags:02x}"
            connection._buffer.append(header.encode("ascii"))  # noqa: SLF001  # where putheader puts it

    def sent(self, exchange: Exchange, data: Any) -> None:
        """Count a part of a request that was sent."""
        try:
            exchange.count(data)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("http.sent", error)

    @_guarded
    def not_sent(self, connection: Any, exchange: Exchange, error: BaseException) -> None:
        """Take what kept a request from being sent whole."""
        hung_up = isinstance(error, OSError) and error.errno in _HUNG_UP
        if hung_up and getattr(connection, "sock", None) is not None:
            exchange.fail(error)  # the server may have answered before: urllib3 goes on and looks
            return
        self._leave(connection, exchange)
        self._fail(exchange, error)

    # Answers

    @_guarded
    def awaiting(self, connection: Any) -> Exchange | None:
        """Return the request that waits for an answer, if any."""
        line = self.line(connection)
        exchange = line.exchange if line is not None else None
        if exchange is not None:
            exchange.wait_began = self.mono()
            exchange.number = self._number(exchange)
            exchange.peer = telling.peer_of(connection)
            self.here.awaited = exchange
        return exchange

    @_guarded
    def listen(self, response: Any) -> None:
        """Give the answer that begins to the request that waits for it."""
        exchange, self.here.awaited = self.here.awaited, None
        if exchange is not None:
            listen(response, exchange)

    @_guarded
    def no_answer(self, connection: Any, exchange: Exchange, error: BaseException) -> None:
        """Take what came instead of an answer."""
        self.here.awaited = None
        if type(error).__name__ == "ResponseNotReady":
            return  # asked too early: the answer before this one has not been read
        self._leave(connection, exchange)
        self._fail(exchange, error)

    @_guarded
    def answered(self, connection: Any, exchange: Exchange, response: Any) -> None:
        """Take the head of an answer; the span goes on while there is a body to be read."""
        self.here.awaited = None
        self._leave(connection, exchange)
        exchange.last = max(exchange.last, self.mono())
        exchange.wait_time = exchange.last - (exchange.wait_began or exchange.last)
        exchange.outcome, exchange.error, exchange.error_text = "ok", "", ""  # a broken pipe, now explained
        telling.take_head(exchange, response)
        self._remember(exchange)
        fields = getattr(response, "__dict__", {})
        if EXCHANGE not in fields or getattr(response, "fp", None) is None or exchange.length == 0:
            fields.pop(EXCHANGE, None)
            self._finish(exchange, 0 if exchange.length == 0 else None)

    @_guarded
    def over(self, response: Any) -> None:
        """End the span of an answer that has been read, closed or dropped."""
        exchange: Exchange = response.__dict__[EXCHANGE]
        if exchange.status is None:
            return  # its head is being read: `no_answer` is told
        del response.__dict__[EXCHANGE]
        left = getattr(response, "length", None) or 0
        has_more = left > 0 if exchange.length is not None else response.chunked is True
        if exchange.is_cut and has_more and not exchange.error:
            exchange.outcome, exchange.error = "failed", "http.client.IncompleteRead"
            exchange.error_text = "the server ended the connection within the body"
        self._finish(exchange, None if exchange.length is None else exchange.length - left)

    def _leave(self, connection: Any, exchange: Exchange) -> None:
        line = self.line(connection)
        if line is not None and line.exchange is exchange:
            line.exchange = None

    def _fail(self, exchange: Exchange, error: BaseException) -> None:
        exchange.fail(error)
        self._finish(exchange)

    def _finish(self, exchange: Exchange, body: int | None = None) -> None:
        """End the span at the last thing that happened; also called when the last reference is dropped."""
        if exchange.ended:
            return
        exchange.ended = True
        try:
            if self._is_ours(exchange):
                if exchange.error:
                    self._remember(exchange)
                telling.end(exchange, body)
                self._measures.take(exchange)
        except Exception as error:  # noqa: BLE001  # the wall between telemetry and the host
            faults.record("http.finish", error)

    def _is_ours(self, exchange: Exchange) -> bool:
        # A forked child has copies of its parent's: the parent ends their spans.
        return exchange.generation == self._generation

    def _number(self, exchange: Exchange) -> int:
        return self.attempts.number(_key_of(exchange), exchange.last)

    def _remember(self, exchange: Exchange) -> None:
        """Remember what calls for another attempt, and where an answer sends its request."""
        if exchange.number is None:
            exchange.number = self._number(exchange)
        if exchange.location:
            url = urljoin(exchange.target.url, exchange.location)
            self.attempts.redirected(exchange.trace, url, exchange.number, exchange.last)
        elif exchange.error or calls_for_another(exchange.status):
            self.attempts.failed(_key_of(exchange), exchange.number, exchange.last)

    # Life

    def end_all(self) -> None:
        """End the spans that are open: nobody will tell us of their ends."""
        for exchange in tuple(self._open):
            self._finish(exchange)

    def begin_anew(self) -> None:
        """Forget the requests of the parent, in a forked child."""
        self._generation += 1
        self._open = weakref.WeakSet()
        self.here.awaited = None
        self.attempts = Attempts()


def _key_of(exchange: Exchange) -> Key:
    return exchange.trace, exchange.target.method, exchange.target.url, exchange.mark


def _asked_for(frame: Any) -> tuple[str, str]:
    """Return method and path that a library is about to send on a connection that it makes before."""
    for _ in range(_FRAMES):
        if frame is None:
            break
        name = _ASKING.get(frame.f_code.co_name)
        if name is not None:
            names = frame.f_locals
            method, path = names.get("method"), names.get(name)
            if type(method) is str and type(path) is str:
                return method, path
        frame = frame.f_back
    return "", "/"
