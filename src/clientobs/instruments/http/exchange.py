"""One request and its answer, and what a connection remembers of them.

An `Exchange` is held by the connection from the request's last header to the answer's first, and by the answer until
its body is over. Both hold it in their own `__dict__`: it goes when they go, and no table of ours keeps them alive.
"""

from __future__ import annotations

import time
import zlib
from typing import TYPE_CHECKING, Any, Final

from clientobs.record.exceptions import error_type, outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from clientobs.instruments.http.target import Target
    from clientobs.record.exceptions import Outcome

__all__ = ["EXCHANGE", "LINE", "Exchange", "Line", "line_of", "listen"]

LINE: Final = "_clientobs_line"
EXCHANGE: Final = "_clientobs_exchange"
_LOOKED_AT: Final = 65_536
"""Bytes of a body that tell one call from another; beyond, the length must do."""
_MOST_TEXT: Final = 1024
_HOOKS: Final = ("readinto", "close")


class Line:
    """What a connection remembers."""

    __slots__ = ("connected", "connecting", "exchange")

    def __init__(self) -> None:
        self.exchange: Exchange | None = None
        """The request that is out and has no answer yet."""
        self.connecting = False
        self.connected: tuple[int, int] | None = None
        """When a connection was begun that no request has used yet, and how long it took; nanoseconds."""


class Exchange:
    """One request and its answer. Times are monotonic, in nanoseconds."""

    __slots__ = (
        *("__weakref__", "began", "connect_time", "ended", "error", "error_text", "finish", "generation"),
        *(
            "is_cut",
            "last",
            "length",
            "location",
            "mark",
            "number",
            "outcome",
            "peer",
            "received",
            "sent_body",
        ),
        *(
            "sent_head",
            "span",
            "status",
            "target",
            "trace",
            "uncounted",
            "version",
            "wait_began",
            "wait_time",
        ),
    )

    def __init__(self, target: Target, span: Any, began: int, finish: Callable[[Exchange], None]) -> None:
        self.target = target
        self.span = span
        self.began = self.last = began
        self.finish = finish
        self.trace = 0
        """The trace that it was made in; 0 outside every span."""
        self.generation = 0
        self.connect_time: int | None = None
        self.wait_began: int | None = None
        self.wait_time: int | None = None
        self.sent_head = self.sent_body = self.mark = 0
        self.uncounted = False
        """Whether something was sent whose size can't be told."""
        self.number: int | None = None
        """How many attempts came before."""
        self.received = 0
        self.is_cut = False
        """Whether the server ended the connection."""
        self.status: int | None = None
        self.version = ""
        self.peer = ""
        self.location = ""
        """Where a redirection leads."""
        self.length: int | None = None
        """Bytes of the body by Content-Length."""
        self.outcome: Outcome = "ok"
        self.error = self.error_text = ""
        """Class and text of the exception that ended it: no exception is kept, it holds the host's frames."""
        self.ended = False

    def __del__(self) -> None:
        # Whoever held the connection or the answer has let go of it: nothing more will come.
        if not self.ended:
            self.finish(self)

    def fail(self, error: BaseException) -> None:
        """Take the exception that ends it; Ctrl-C and a cancelled task are no failure."""
        self.last = time.monotonic_ns()
        self.outcome = outcome_of(error)
        if self.outcome == "failed":
            cause = error.__cause__  # urllib3 and others wrap what the system said
            self.error = error_type(cause if isinstance(cause, OSError) else error)
            try:
                self.error_text = str(error)[:_MOST_TEXT]
            except Exception:  # noqa: BLE001  # foreign __str__
                self.error_text = "(message could not be read)"

    def count(self, data: Any) -> None:
        """Take what was sent; the first part of a request is its head."""
        size = _size_of(data)
        if size is None:
            self.uncounted = True
        elif not self.sent_head:
            self.sent_head = size
        else:
            if self.sent_body < _LOOKED_AT:
                self.mark = zlib.crc32(memoryview(data).cast("B")[:_LOOKED_AT], self.mark)
            self.sent_body += size


class _Ear:
    """Counts what arrives for one answer; in place of `readinto` of the raw stream below its buffer.

    It holds the stream, as a method of its own would, until that is closed: the buffer above does so when the last
    name for an answer goes (`instruments/files/handles.py` says more).
    """

    __slots__ = ("_exchange", "_raw")

    def __init__(self, raw: Any, exchange: Exchange) -> None:
        self._raw = raw
        self._exchange = exchange

    def readinto(self, buffer: Any) -> Any:
        """Read as the stream does."""
        exchange, raw = self._exchange, self._raw
        try:
            count = type(raw).readinto(raw, buffer)
        except BaseException as error:
            exchange.fail(error)
            raise
        if count:
            exchange.received += count
            exchange.last = time.monotonic_ns()
        elif count == 0:
            exchange.is_cut = True
        return count

    def close(self) -> Any:
        """Close as the stream does."""
        raw = self._raw
        for name in _HOOKS:
            vars(raw).pop(name, None)
        return type(raw).close(raw)


def listen(response: Any, exchange: Exchange) -> None:
    """Give an answer its exchange, and count what arrives for it."""
    response.__dict__[EXCHANGE] = exchange
    raw = getattr(response.fp, "raw", None)
    if raw is not None and not vars(raw).keys() & set(_HOOKS):
        ear = _Ear(raw, exchange)
        vars(raw).update(readinto=ear.readinto, close=ear.close)


def line_of(connection: Any) -> Line | None:
    """Return what a connection remembers, None for what is no connection."""
    fields = getattr(connection, "__dict__", None)
    if fields is None:
        return None
    line = fields.get(LINE)
    if line is None:
        line = fields[LINE] = Line()
    return line  # type: ignore[no-any-return]  # only this function puts something there


def _size_of(data: Any) -> int | None:
    if type(data) is bytes:
        return len(data)
    try:
        return memoryview(data).nbytes
    except TypeError:  # a file, an iterable: sent piece by piece, below us
        return None
